package console

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/gofiber/fiber/v2"

	"signalbox/itsm"
)

// Bounds of live streams. A stream ends before any time-out of the server or of a
// proxy would break it; the browser connects again.
const (
	liveStreamsMax = 200
	liveFor        = 20 * time.Second
	livePause      = time.Second    // at most one message a second
	livePatience   = liveStreamsMax // a stream rests this many times as long as it looked: all of them keep one core busy at most
	liveRetryMS    = 2000
)

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
	ctx, cancel := context.WithTimeout(context.Background(), c.liveFor)
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
		began := time.Now()
		n, err := w.news(c)
		pause := max(livePause, livePatience*time.Since(began))
		if err != nil {
			c.o.Log.Warn("live stream", "err", err)
			return
		}
		if n != said {
			data, err := json.Marshal(n)
			if err != nil {
				return
			}
			fmt.Fprintf(out, "data: %s\n\n", data)
			said = n
		}
		if out.Flush() != nil {
			return // the reader left
		}
		if _, byItself := w.(backtestWatch); byItself {
			cursor = 0 // it moves on without the fold
		}
		if err := c.o.Engine.WaitFolded(ctx, cursor+1); err != nil && !errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, context.Canceled) {
			return
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
		}
	}
}
