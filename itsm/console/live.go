package console

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"time"

	"github.com/gofiber/fiber/v2"

	"signalbox/itsm"
)

// Bounds of live streams. A stream ends before any time-out of the server or of a
// proxy would break it; the browser connects again.
const (
	liveStreamsMax = 200
	liveFor        = 20 * time.Second
	livePause      = time.Second // at most one message a second
	liveRetryMS    = 2000
)

// news is what a stream says: how many incidents are newer than the page, or
// that the page's incident changed.
type news struct {
	New     uint64
	Changed bool
}

// watch is what a page asked to be told about.
type watch struct {
	after    itsm.IncidentNumber
	incident itsm.IncidentNumber
	version  uint64
}

func parseWatch(v url.Values) (watch, error) {
	if s := v.Get("incident"); s != "" {
		n, err := itsm.ParseIncidentNumber(s)
		if err != nil {
			return watch{}, err
		}
		version, err := strconv.ParseUint(v.Get("version"), 10, 64)
		if err != nil {
			return watch{}, itsm.Errorf(itsm.Invalid, "version %q: expected a number", line(v.Get("version"), 40))
		}
		return watch{incident: n, version: version}, nil
	}
	after, err := strconv.ParseUint(v.Get("after"), 10, 64)
	if err != nil {
		return watch{}, itsm.Errorf(itsm.Invalid, "after %q: expected the number of the newest incident on the page", line(v.Get("after"), 40))
	}
	return watch{after: itsm.IncidentNumber(after)}, nil
}

func (c *Console) news(w watch) (news, error) {
	if w.incident != 0 {
		i, err := c.o.Records.Incident(w.incident)
		return news{Changed: i.Version != w.version}, err
	}
	newest := c.o.Records.Counts().Incidents
	return news{New: uint64(newest - min(newest, w.after))}, nil
}

// live streams server-sent events until the reader leaves, the server stops or
// the stream is old enough to be renewed.
func (c *Console) live(ctx *fiber.Ctx) error {
	w, err := parseWatch(query(ctx))
	if err != nil {
		return err
	}
	select {
	case c.streams <- struct{}{}:
	default:
		return itsm.Errorf(itsm.Unavailable, "%d pages already follow changes, which is the limit", liveStreamsMax)
	}
	ctx.Set(fiber.HeaderContentType, "text/event-stream")
	ctx.Set("X-Accel-Buffering", "no") // nginx would hold the events back
	ctx.Context().SetBodyStreamWriter(func(out *bufio.Writer) {
		defer func() { <-c.streams }()
		c.stream(out, w)
	})
	return nil
}

func (c *Console) stream(out *bufio.Writer, w watch) {
	ctx, cancel := context.WithTimeout(context.Background(), liveFor)
	defer cancel()
	go func() {
		select {
		case <-c.closed:
			cancel()
		case <-ctx.Done():
		}
	}()
	fmt.Fprintf(out, "retry: %d\n\n", liveRetryMS)
	said := news{}
	for ctx.Err() == nil {
		cursor, _ := c.o.Records.Cursor()
		n, err := c.news(w)
		if err != nil {
			c.o.Log.Warn("live stream", "err", err)
			return
		}
		if n != said {
			fmt.Fprintf(out, "data: {\"new\":%d,\"changed\":%t}\n\n", n.New, n.Changed)
			said = n
		}
		if out.Flush() != nil {
			return // the reader left
		}
		if err := c.o.Engine.WaitFolded(ctx, cursor+1); err != nil && !errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, context.Canceled) {
			return
		}
		select {
		case <-time.After(livePause):
		case <-ctx.Done():
		}
	}
}
