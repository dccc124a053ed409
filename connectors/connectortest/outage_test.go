package connectortest

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"signalbox/connectors"
	"signalbox/itsm"
)

// slowly is a partner that is away for the first hour and keeps when it was called.
type slowly struct {
	name string
	back time.Time

	mu   sync.Mutex
	got  []itsm.Intent
	when []time.Time
}

func (s *slowly) Name() string { return s.name }

func (s *slowly) Push(_ context.Context, in itsm.Intent) (connectors.Receipt, error) {
	if time.Now().Before(s.back) {
		return connectors.Receipt{}, connectors.Retry(0, "connection refused")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.got, s.when = append(s.got, in), append(s.when, time.Now())
	return connectors.Receipt{}, nil
}

// TestAnHourDownInAStorm: the others notice nothing, and who was away catches up
// within its rate, in order, and is paged for what is still open.
func TestAnHourDownInAStorm(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const perMinute, storm = 60, 300
		ctx, cancel := context.WithCancel(t.Context())
		core := newCore(t, true, "away", "there")
		go core.ticks(ctx)
		away, there := &slowly{name: "away", back: time.Now().Add(time.Hour)}, &slowly{name: "there"}
		var running sync.WaitGroup
		for _, p := range []*slowly{away, there} {
			s := connectors.NewSender(connectors.Options{Connector: p, Outbox: core, Actor: core, Wake: core.Wake(p.name), PerMinute: perMinute * 100})
			if p == away {
				s = connectors.NewSender(connectors.Options{Connector: p, Outbox: core, Actor: core, Wake: core.Wake(p.name), PerMinute: perMinute, Pages: true})
			}
			running.Go(func() { s.Run(ctx) })
		}
		over := map[itsm.IncidentNumber]bool{}
		for n := range storm {
			name := fmt.Sprintf("ci%016x", uint64(n+1)*0x9e3779b97f4a7c15)
			in := core.Fire(name, "trouble")
			time.Sleep(5 * time.Second)
			if n%3 == 0 {
				core.Clear(name, "trouble")
				core.Act(itsm.Act{Kind: itsm.ActResolve, Incident: in})
				over[in] = true
			} else {
				core.Act(itsm.Act{Kind: itsm.ActAcknowledge, Incident: in})
			}
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		there.mu.Lock()
		heard, when := slices.Clone(there.got), slices.Clone(there.when)
		there.mu.Unlock()
		if n := len(heard); n < 2*storm {
			t.Errorf("who was there heard %d intents while the other was away, expected %d", n, 2*storm)
		}
		for n, in := range heard {
			if late := when[n].Sub(in.At.Std()); late > 2*time.Second {
				t.Fatalf("%s of %s came %v late to who was there", in.Transition, in.Incident, late)
			}
		}
		time.Sleep(2 * time.Hour)
		cancel()
		running.Wait()
		judgeCatchUp(t, away, over, perMinute)
		if left, err := core.Intents("away", 10); err != nil || len(left) > 0 {
			t.Errorf("%d intents still wait (%v)", len(left), err)
		}
	})
}

func judgeCatchUp(t *testing.T, p *slowly, over map[itsm.IncidentNumber]bool, perMinute int) {
	t.Helper()
	serials := map[itsm.IncidentNumber]uint32{}
	pages, needless, worst := 0, 0, 0
	for n, in := range p.got {
		if in.Serial <= serials[in.Incident] {
			t.Errorf("%s of %s out of order: serial %d after %d", in.Transition, in.Incident, in.Serial, serials[in.Incident])
		}
		serials[in.Incident] = in.Serial
		if in.Transition == itsm.Trigger {
			pages++
			if over[in.Incident] {
				needless++
			}
		}
		first := n
		for first > 0 && p.when[n].Sub(p.when[first-1]) < time.Minute {
			first--
		}
		worst = max(worst, n-first+1)
	}
	if needless > 0 {
		t.Errorf("somebody was paged for %d incidents that were over", needless)
	}
	if burst := 20; worst > perMinute+burst {
		t.Errorf("%d calls in a minute, at most %d and a burst of %d are allowed", worst, perMinute, burst)
	}
	t.Logf("caught up with %d calls, %d of them pages, at most %d in a minute, within %v", len(p.got), pages, worst, p.when[len(p.when)-1].Sub(p.back).Round(time.Second))
}
