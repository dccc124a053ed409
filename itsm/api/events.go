package api

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/gofiber/fiber/v2"

	"signalbox/itsm"
)

// Bounds of the event stream.
const (
	streamsMax      = 64               // readers at the same time
	heartbeatEvery  = 15 * time.Second // proxies cut a silent connection
	streamWriteMax  = 10 * time.Second // a reader that takes longer is gone
	streamRetryMS   = 2000             // when a browser tries again
	listedChangeMax = 100              // incidents named by one event
)

// Change is what one applied batch of journal entries touched.
type Change struct {
	Offset    itsm.Offset // everything up to it is folded
	Incidents []itsm.IncidentNumber
	Opened    int  // incidents among them that are new
	More      bool // more changed than Incidents lists, or a change was missed: read again
}

// Feed yields changes, one batch at a time.
type Feed interface {
	// Next blocks until something changed; an error ends the stream.
	Next(ctx context.Context) (Change, error)
	Close()
}

type changeView struct {
	Offset    itsm.Offset `json:"offset"`
	Incidents []string    `json:"incidents"`
	Opened    int         `json:"opened"`
	More      bool        `json:"more"`
}

func viewChange(c Change) changeView {
	v := changeView{Offset: c.Offset, Incidents: []string{}, Opened: c.Opened, More: c.More || len(c.Incidents) > listedChangeMax}
	for _, n := range c.Incidents[:min(len(c.Incidents), listedChangeMax)] {
		v.Incidents = append(v.Incidents, n.String())
	}
	return v
}

// events streams what changes until the reader leaves or the server stops. An
// event is a hint to read again, so a reader that missed some loses nothing.
func (a *API) events(r *request) error {
	if a.o.Subscribe == nil {
		return unavailable("this server does not stream changes")
	}
	select {
	case a.streams <- struct{}{}:
	default:
		return unavailable("%d readers already follow changes, which is the limit", streamsMax)
	}
	feed, err := a.o.Subscribe()
	if err != nil {
		<-a.streams
		return err
	}
	at, _ := a.o.Records.Cursor()
	conn := r.Context().Conn()
	r.Set(fiber.HeaderContentType, "text/event-stream")
	r.Set("X-Accel-Buffering", "no") // a proxy must pass each event on
	a.streaming.Add(1)
	r.Context().SetBodyStreamWriter(func(w *bufio.Writer) {
		defer a.streaming.Done()
		defer func() { <-a.streams }()
		defer feed.Close()
		s := stream{w: w, conn: conn}
		err := s.begin(at)
		for err == nil {
			err = s.next(a.ctx, feed, a.heartbeat)
		}
	})
	return nil
}

// stream writes one reader's events.
type stream struct {
	w    *bufio.Writer
	conn net.Conn
}

func (s stream) begin(at itsm.Offset) error {
	fmt.Fprintf(s.w, "retry: %d\n", streamRetryMS)
	return s.event("ready", changeView{Offset: at, Incidents: []string{}})
}

// next writes the next change, or a heartbeat when there is none for a while.
func (s stream) next(ctx context.Context, feed Feed, heartbeat time.Duration) error {
	wait, cancel := context.WithTimeout(ctx, heartbeat)
	defer cancel()
	c, err := feed.Next(wait)
	switch {
	case err == nil:
		return s.event("changed", viewChange(c))
	case ctx.Err() == nil && errors.Is(wait.Err(), context.DeadlineExceeded):
		s.w.WriteString(": still here\n\n")
		return s.flush()
	}
	return err
}

func (s stream) event(name string, v changeView) error {
	data, err := json.Marshal(v)
	if err != nil {
		return err
	}
	fmt.Fprintf(s.w, "id: %d\nevent: %s\ndata: %s\n\n", v.Offset, name, data)
	return s.flush()
}

// flush sends what was written. The server set one write time-out for the whole
// answer, so each event gets its own.
func (s stream) flush() error {
	if err := s.conn.SetWriteDeadline(time.Now().Add(streamWriteMax)); err != nil {
		return err
	}
	return s.w.Flush()
}
