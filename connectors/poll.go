package connectors

import (
	"context"
	"log/slog"
	"time"

	"signalbox/itsm"
)

// Puller is a Connector whose partner does not call when something changes, and is
// asked instead.
type Puller interface {
	Connector
	// Pull returns what people did there after a cursor, and where to go on. The
	// cursor "" is a while ago, which the connector knows. What is returned twice is
	// known by its delivery id or its version.
	Pull(ctx context.Context, cursor string) (acts []itsm.Act, next string, err error)
	// PullEvery is how often to ask; 0: not at all, its webhooks are configured.
	PullEvery() time.Duration
}

// Poll asks p until ctx ends and journals what it hears.
func Poll(ctx context.Context, p Puller, actor Actor, log *slog.Logger) error {
	every, cursor, failures := p.PullEvery(), "", 0
	if every <= 0 {
		<-ctx.Done()
		return nil
	}
	log = log.With("connector", p.Name())
	for ctx.Err() == nil {
		next, err := pullOnce(ctx, p, actor, cursor)
		wait := every
		switch {
		case err == nil:
			cursor, failures = next, 0
		case ctx.Err() != nil:
			return nil
		default:
			failures++
			asked, _ := retryAfter(err)
			wait = max(every, backoff(failures), min(asked, retryAfterMax))
			log.Warn("partner was not asked what changed there; will try again", "try", failures, "wait", wait, "err", err)
		}
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
		case <-timer.C:
		}
		timer.Stop()
	}
	return nil
}

// pullOnce journals what is new. An act that the fold refuses is settled by that;
// when nothing can be journaled the cursor stays where it is.
func pullOnce(ctx context.Context, p Puller, actor Actor, cursor string) (next string, err error) {
	asking, cancel := context.WithTimeout(ctx, pushTimeout)
	defer cancel()
	acts, next, err := p.Pull(asking, cursor)
	for i := range acts {
		acts[i].Origin = p.Name()
		if acts[i].Link != nil {
			acts[i].Link.Connector = p.Name()
		}
		if _, doErr := actor.Do(ctx, acts[i]); itsm.CodeOf(doErr) == itsm.Unavailable && doErr != nil {
			return cursor, doErr
		}
	}
	return next, err
}
