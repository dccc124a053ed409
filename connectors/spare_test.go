package connectors

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"signalbox/itsm"
)

// pager takes what it is told once it is back, and says what it has.
type pager struct {
	back time.Time
	has  itsm.RecordStatus
	got  []itsm.Transition
	look int
}

func (p *pager) Name() string { return "pd" }

func (p *pager) Push(_ context.Context, in itsm.Intent) (Receipt, error) {
	if time.Now().Before(p.back) {
		return Receipt{}, Retry(0, "connection refused")
	}
	p.got = append(p.got, in.Transition)
	return Receipt{}, nil
}

func (p *pager) Look(context.Context, itsm.IncidentNumber, uint32) (Record, error) {
	p.look++
	if time.Now().Before(p.back) {
		return Record{}, Retry(0, "connection refused")
	}
	return Record{Status: p.has}, nil
}

// mute is a pager that cannot be asked.
type mute struct{ p *pager }

func (m mute) Name() string                                              { return m.p.Name() }
func (m mute) Push(ctx context.Context, in itsm.Intent) (Receipt, error) { return m.p.Push(ctx, in) }

func TestNobodyIsPagedForWhatIsOver(t *testing.T) {
	for name, c := range map[string]struct {
		pages, mute bool
		has         itsm.RecordStatus
		want        []itsm.Transition
	}{
		"the try came through":     {true, false, itsm.RecordOpen, []itsm.Transition{itsm.Note, itsm.Resolve}},
		"it did not":               {true, false, itsm.RecordNone, []itsm.Transition{itsm.Resolve}},
		"it cannot be asked":       {true, true, itsm.RecordNone, []itsm.Transition{itsm.Note, itsm.Resolve}},
		"a record wakes no people": {false, false, itsm.RecordNone, []itsm.Transition{itsm.Trigger, itsm.Note, itsm.Resolve}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancel(t.Context())
				p := &pager{back: time.Now().Add(10 * time.Minute), has: c.has}
				var to Connector = p
				if c.mute {
					to = mute{p}
				}
				w, wake := &box{}, make(chan struct{}, 1)
				done := make(chan struct{})
				s := NewSender(Options{Connector: to, Outbox: w, Actor: w, Wake: wake, Pages: c.pages})
				go func() { s.Run(ctx); close(done) }()
				synctest.Wait()
				for n, tr := range []itsm.Transition{itsm.Trigger, itsm.Note, itsm.Resolve} {
					synctest.Wait()
					w.mu.Lock()
					w.pending = append(w.pending, itsm.Intent{Key: string(tr), Connector: "pd", Incident: 1, Epoch: 1, Transition: tr, Serial: uint32(n + 1), At: itsm.TimeOf(time.Now())})
					w.mu.Unlock()
					wake <- struct{}{}
					time.Sleep(time.Second)
				}
				time.Sleep(time.Hour)
				cancel()
				<-done
				if !slices.Equal(p.got, c.want) || len(w.pending) != 0 {
					t.Errorf("the partner was told %v, want %v; %d wait", p.got, c.want, len(w.pending))
				}
			})
		})
	}
}
