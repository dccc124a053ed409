package connectors

import (
	"errors"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"signalbox/itsm"
)

var errOther = errors.New("refused")

func TestCreations(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		old := &itsm.Intent{At: itsm.TimeOf(time.Now().Add(-time.Hour))}
		c := NewCreations(0)
		time.Sleep(time.Second)
		young := &itsm.Intent{At: itsm.TimeOf(time.Now())}
		check := func(what string, in *itsm.Intent, key string, want time.Duration) {
			t.Helper()
			got, passing := retryAfter(c.Missed(in, key))
			if got != want || passing != (want > 0) {
				t.Errorf("%s: wait %v (passing %v), want %v", what, got, passing, want)
			}
		}
		check("made since the start", young, "a", 0)
		check("from before the start: an earlier process may have sent it", old, "a", 59*time.Second)
		c.Trying("a")
		check("tried just now", young, "a", time.Minute)
		c.Settled("a", Retry(0, "cut connection"))
		time.Sleep(30 * time.Second)
		check("a cut connection says nothing", young, "a", 30*time.Second)
		time.Sleep(30 * time.Second)
		check("a minute later a miss is proof", young, "a", 0)
		check("for what is old, too", old, "a", 0)
		if c.Doubtful(young, "b") || !c.Doubtful(old, "b") {
			t.Error("only what an earlier process may have made is doubtful before it is tried")
		}
		c.Trying("b")
		if !c.Doubtful(young, "b") {
			t.Error("what was tried is not doubtful")
		}
		c.Settled("b", errors.New("refused"))
		check("the partner refused it", young, "b", 0)
		c.Trying("c")
		c.Settled("c", nil)
		check("it was made and is known", young, "c", 0)
		c.Made("d", "7")
		check("it was made just now and is not shown", young, "d", time.Minute)
		gone := &TerminalError{Status: http.StatusNotFound}
		if wait, passing := retryAfter(c.Unseen("d", gone)); !passing || wait != time.Minute {
			t.Errorf("what was made just now is gone: wait %v (passing %v)", wait, passing)
		}
		if err := c.Unseen("d", errOther); err != errOther {
			t.Errorf("a refusal became %v", err)
		}
		if err := c.Unseen("e", gone); err != error(gone) {
			t.Errorf("what another process made: %v", err)
		}
		time.Sleep(time.Minute)
		if err := c.Unseen("d", gone); err != error(gone) {
			t.Errorf("what was made a minute ago and is gone: %v", err)
		}
		check("it was made, and was deleted since", young, "d", 0)
		c.Found("d", "8")
		check("it was found and is gone", young, "d", 0)
		if c.ID("d") != "8" || c.ID("e") != "" {
			t.Errorf("ids %q and %q", c.ID("d"), c.ID("e"))
		}
	})
}

func TestCreationsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := NewCreations(0)
		time.Sleep(time.Second)
		early := &itsm.Intent{At: itsm.TimeOf(time.Now())}
		c.Ended("early", Unknown(Retry(0, "cut connection")))
		if time.Sleep(time.Second); !c.Doubtful(early, "early") || c.Doubtful(early, "another") {
			t.Error("only what ended without an answer is doubtful")
		}
		for i := range 3 * creationsMax {
			c.Trying(itsm.IncidentNumber(i + 1).String())
			if i%creationsMax == 0 {
				time.Sleep(2 * IndexLag)
			}
		}
		if len(c.tried) > creationsMax {
			t.Errorf("%d are remembered, want at most %d", len(c.tried), creationsMax)
		}
		if _, known := c.tried["early"]; known || !c.Doubtful(early, "early") {
			t.Errorf("what was dropped (%v) is not doubtful any more", !known)
		}
		late := &itsm.Intent{At: itsm.TimeOf(time.Now())}
		if c.Doubtful(late, "late") {
			t.Error("what is younger than what was dropped is doubtful")
		}
		c.Ended("late", Unknown(Retry(0, "cut connection")))
		if c.Ended("late", nil); c.Doubtful(late, "late") {
			t.Error("what ended well is doubtful")
		}
	})
}
