package backtest_test

import (
	"testing"
	"testing/synctest"
	"time"

	"signalbox/correlate/backtest"
	"signalbox/itsm"
)

// gated is a history that begins only when it may.
type gated struct {
	*tape
	open chan struct{}
}

func (g gated) Each(fn func(backtest.Entry) error) error {
	<-g.open
	return g.tape.Each(fn)
}

func TestJobs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := gated{newTape(t).fire("s1 Down critical"), make(chan struct{})}
		jobs := backtest.NewJobs(h, time.Now)
		first, err := jobs.Start(backtest.Trial{Before: set("today", ""), After: set("new", quiet), From: 0, Actor: "api:ann"})
		if err != nil || first.State != backtest.Running || first.ID != "1" {
			t.Fatal(first, err)
		}
		if _, err := jobs.Start(backtest.Trial{Before: set("today", ""), After: set("new", quiet), From: 0, Actor: "api:ann"}); itsm.CodeOf(err) != itsm.Conflict {
			t.Errorf("a second at the same time: %v", err)
		}
		close(h.open)
		synctest.Wait()
		got, err := jobs.Get("1")
		if err != nil || got.State != backtest.Done || got.Report.P1.Lost != 1 || got.Progress != 1000 {
			t.Errorf("%+v, %v", got, err)
		}
		if _, err := jobs.Start(backtest.Trial{Before: set("today", ""), After: set("bad", "id: x\n"), From: 0, Actor: "api:ann"}); itsm.CodeOf(err) != itsm.Invalid {
			t.Errorf("rules that cannot be used: %v", err)
		}
		if _, err := jobs.Start(backtest.Trial{Before: set("today", ""), After: set("new", quiet), From: monday.Add(time.Hour), Actor: "api:ann"}); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if got, _ := jobs.Get("2"); got.State != backtest.JobError || got.Error == "" {
			t.Errorf("nothing in the range: %+v", got)
		}
		if list := jobs.List(); len(list) != 2 || list[0].ID != "2" || list[1].Report != nil {
			t.Errorf("%+v", list)
		}
		if _, err := jobs.Get("7"); itsm.CodeOf(err) != itsm.NotFound {
			t.Errorf("one that never was: %v", err)
		}
		jobs.Close()
		if _, err := jobs.Start(backtest.Trial{Before: set("today", ""), After: set("new", quiet), From: 0, Actor: "api:ann"}); itsm.CodeOf(err) != itsm.Unavailable {
			t.Errorf("after the end: %v", err)
		}
	})
}

// Whatever runs ends with the process, and a result does not outlive too many others.
func TestJobsEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newTape(t)
		for range 200 {
			h.fire("s1 Down critical")
		}
		jobs := backtest.NewJobs(endless{h}, time.Now)
		if _, err := jobs.Start(backtest.Trial{Before: set("today", ""), After: set("new", quiet), From: 0, Actor: "api:ann"}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		jobs.Close()
		if got, _ := jobs.Get("1"); got.State != backtest.JobError {
			t.Errorf("%+v", got)
		}
	})
}

// endless is a history without an end.
type endless struct{ *tape }

func (e endless) Each(fn func(backtest.Entry) error) error {
	for {
		time.Sleep(time.Millisecond)
		if err := e.tape.Each(fn); err != nil {
			return err
		}
	}
}
