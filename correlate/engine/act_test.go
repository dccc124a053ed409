package engine

import (
	"context"
	"errors"
	"strings"
	"testing"

	"signalbox/itsm"
	"signalbox/itsm/desk"
)

// lastMoment is a context that is over, and in which something happens just before.
type lastMoment struct {
	context.Context
	what func()
}

func (c lastMoment) Done() <-chan struct{} {
	c.what()
	return c.Context.Done()
}

// TestWhatComesWithTheDeadlineIsTold: an outcome, the end of the fold and an entry that
// is folded count when they come together with the end of the wait for them.
func TestWhatComesWithTheDeadlineIsTold(t *testing.T) {
	over, cancel := context.WithCancel(t.Context())
	cancel()
	for range 50 { // which of the two a select takes is chance
		e := New(Options{})
		w, _, _ := e.outcome(7)
		e.publish(&desk.Batch{Cursor: 7, Decisions: []itsm.Decision{{Kind: itsm.SettleOutcome, Outcome: &itsm.Outcome{Offset: 7}}}})
		if o, err := e.await(over, 7, w); err != nil || o.Offset != 7 {
			t.Fatalf("an outcome: %+v, %v", o, err)
		}
		ctx := lastMoment{over, func() {
			e.cursor.Store(8)
			e.publish(&desk.Batch{Cursor: 8})
		}}
		if err := e.WaitFolded(ctx, 8); err != nil {
			t.Fatalf("an entry that is folded: %v", err)
		}
		w, _, _ = e.outcome(9)
		e.stopWaiters(errors.New("stopped"))
		if _, err := e.await(over, 9, w); itsm.CodeOf(err) != itsm.Unavailable || !strings.Contains(itsm.MessageOf(err), "when folding resumes") {
			t.Fatalf("the end of the fold: %v", err)
		}
	}
	e := New(Options{})
	w, _, _ := e.outcome(7)
	if _, err := e.await(over, 7, w); itsm.CodeOf(err) != itsm.Unavailable || len(e.wait.waiting) != 0 {
		t.Errorf("nothing comes: %v, and %d wait", err, len(e.wait.waiting))
	}
}
