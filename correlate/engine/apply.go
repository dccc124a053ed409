package engine

import (
	"context"
	"errors"
	"fmt"
	"time"

	"signalbox/itsm/desk"
)

// applyRetry is how long the fold waits before it offers a batch to the desk again.
const applyRetry = 500 * time.Millisecond

// errStopping says that the server stops while the desk still refuses a batch.
var errStopping = errors.New("stopping while the desk takes nothing")

// applyNow stores a batch if there is room for it.
func (e *Engine) applyNow(b *desk.Batch) error {
	if err := e.o.Room(); err != nil {
		return err
	}
	if err := e.o.Desk.Apply(*b); err != nil {
		return fmt.Errorf("apply entries up to %d: %w", b.Cursor, err)
	}
	return nil
}

// applyPatiently stores a batch however long that takes: a desk that cannot write
// (a full disk, most likely) pauses the fold and does not end it. What the batch
// came from is in the journal, so there is nothing to lose but time, and Status
// says why the fold waits. Applying the same batch again is what the desk expects
// after an error.
func (e *Engine) applyPatiently(ctx context.Context, b *desk.Batch) error {
	for {
		err := e.applyNow(b)
		e.pause(err)
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return errStopping
		case <-time.After(applyRetry):
		}
	}
}

// pause notes why the fold waits, or with nil that it does not, and logs the change.
func (e *Engine) pause(err error) {
	e.wait.Lock()
	was := e.wait.paused
	e.wait.paused = err
	e.wait.Unlock()
	switch {
	case err != nil && was == nil:
		e.log.Warn("the fold waits: the records cannot be written", "err", err)
	case err == nil && was != nil:
		e.log.Info("the fold goes on")
	}
}
