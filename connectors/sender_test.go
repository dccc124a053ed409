package connectors

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"signalbox/itsm"
)

// box is an outbox whose intents leave when their receipt is journaled, as the
// desk's do.
type box struct {
	mu       sync.Mutex
	pending  []itsm.Intent
	receipts []itsm.Act
	refuse   int // receipts to refuse with Unavailable first
}

func (b *box) Intents(_ string, limit int) ([]itsm.Intent, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.pending[:min(limit, len(b.pending))]), nil
}

func (b *box) Do(_ context.Context, a itsm.Act) (itsm.Outcome, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.refuse > 0 {
		b.refuse--
		return itsm.Outcome{}, itsm.Errorf(itsm.Unavailable, "disk full")
	}
	b.receipts = append(b.receipts, a)
	b.pending = slices.DeleteFunc(b.pending, func(in itsm.Intent) bool { return in.Key == a.IntentKey })
	return itsm.Outcome{}, nil
}

func (b *box) settled() (ok, dead []string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, a := range b.receipts {
		if a.Failure == "" {
			ok = append(ok, a.IntentKey)
		} else {
			dead = append(dead, a.IntentKey)
		}
	}
	slices.Sort(ok)
	slices.Sort(dead)
	return ok, dead
}

// partner answers from a script by key; without one it succeeds.
type partner struct {
	mu     sync.Mutex
	script map[string][]error
	got    []string
	at     []time.Time
}

func (p *partner) Name() string { return "p" }

func (p *partner) Push(_ context.Context, in itsm.Intent) (Receipt, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.got = append(p.got, in.Key)
	p.at = append(p.at, time.Now())
	s := p.script[in.Key]
	if len(s) == 0 {
		return Receipt{}, nil
	}
	if len(s) > 1 {
		p.script[in.Key] = s[1:]
	}
	if errors.Is(s[0], errCrash) {
		panic(s[0])
	}
	return Receipt{}, s[0]
}

func (p *partner) calls() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.got)
}

var errCrash = errors.New("nil map")

func in(incident int, tr itsm.Transition, serial int) itsm.Intent {
	return itsm.Intent{Key: fmt.Sprintf("%d-%s-%d", incident, tr, serial), Connector: "p", Incident: itsm.IncidentNumber(incident), Epoch: 1, Transition: tr, Serial: uint32(serial), At: itsm.TimeOf(time.Now())}
}

// deliver runs a sender for d of virtual time.
func deliver(t *testing.T, b *box, p *partner, d time.Duration, perMinute int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	defer cancel()
	s := NewSender(Options{Connector: p, Outbox: b, Actor: b, PerMinute: perMinute})
	if err := s.Run(ctx); err != nil {
		t.Fatal(err)
	}
}

func TestDeliversInOrderPerIncident(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &box{pending: []itsm.Intent{in(1, itsm.Trigger, 1), in(2, itsm.Trigger, 1), in(1, itsm.Acknowledge, 2), in(1, itsm.Note, 3)}}
		p := &partner{}
		deliver(t, b, p, time.Minute, 0)
		got := slices.DeleteFunc(p.calls(), func(k string) bool { return k[0] != '1' })
		if d := cmp.Diff([]string{"1-trigger-1", "1-acknowledge-2", "1-note-3"}, got); d != "" {
			t.Errorf("order of incident 1 (-want +got):\n%s", d)
		}
		if ok, dead := b.settled(); len(ok) != 4 || len(dead) != 0 {
			t.Errorf("settled %v, dead %v", ok, dead)
		}
	})
}

func about(object string, serial int) itsm.Intent {
	n := in(0, itsm.Update, serial)
	n.Key, n.Epoch, n.Object = fmt.Sprintf("%s-%d", object, serial), 0, object
	return n
}

// TestObjectsAreTold: of what waits of a change or a problem the last is sent, one
// holds back no other, and receipts name it.
func TestObjectsAreTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &box{pending: []itsm.Intent{about("CHG0000001", 1), about("PRB0000001", 1), in(1, itsm.Trigger, 1), about("CHG0000001", 2), about("CHG0000002", 1)}}
		p := &partner{script: map[string][]error{"PRB0000001-1": {Retry(0, "busy")}, "CHG0000002-1": {errors.New("no such CI")}}}
		deliver(t, b, p, time.Minute, 0)
		ok, dead := b.settled()
		if d := cmp.Diff([][]string{{"1-trigger-1", "CHG0000001-1", "CHG0000001-2"}, {"CHG0000002-1"}}, [][]string{ok, dead}); d != "" {
			t.Errorf("settled and dead (-want +got):\n%s", d)
		}
		if slices.Contains(p.calls(), "CHG0000001-1") {
			t.Error("what was overtaken was sent")
		}
		for _, a := range b.receipts {
			if (a.Object == "") != (a.Incident == 1) || a.Object != "" && !strings.HasPrefix(a.IntentKey, a.Object) {
				t.Errorf("receipt of %s is about %q, %s", a.IntentKey, a.Object, a.Incident)
			}
		}
	})
}

func TestFailureHoldsBackItsIncidentOnlyAndBacksOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		down := Retry(0, "503")
		b := &box{pending: []itsm.Intent{in(1, itsm.Trigger, 1), in(1, itsm.Acknowledge, 2), in(2, itsm.Trigger, 1)}}
		p := &partner{script: map[string][]error{"1-trigger-1": {down, down, down, nil}}}
		deliver(t, b, p, 5*time.Minute, 0)
		var waits []time.Duration
		var last time.Time
		for i, k := range p.got {
			if k == "1-trigger-1" {
				if !last.IsZero() {
					waits = append(waits, p.at[i].Sub(last).Round(time.Second))
				}
				last = p.at[i]
			}
		}
		if d := cmp.Diff([]time.Duration{time.Second, 2 * time.Second, 4 * time.Second}, waits); d != "" {
			t.Errorf("waits (-want +got):\n%s", d)
		}
		if i := slices.Index(p.got, "2-trigger-1"); i < 0 || !slices.Contains(p.got[i:], "1-trigger-1") {
			t.Errorf("incident 2 was held back by incident 1: %v", p.got)
		}
		if p.got[len(p.got)-1] != "1-acknowledge-2" {
			t.Errorf("the acknowledgement did not follow its trigger: %v", p.got)
		}
	})
}

func TestTerminalAnswerGoesToTheDeadLetters(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &box{pending: []itsm.Intent{in(1, itsm.Trigger, 1), in(2, itsm.Trigger, 1)}}
		p := &partner{script: map[string][]error{"1-trigger-1": {&TerminalError{Status: 400, Detail: "bad routing key"}}}}
		deliver(t, b, p, time.Minute, 0)
		ok, dead := b.settled()
		if d := cmp.Diff([]string{"1-trigger-1"}, dead); d != "" {
			t.Errorf("dead (-want +got):\n%s", d)
		}
		if d := cmp.Diff([]string{"2-trigger-1"}, ok); d != "" {
			t.Errorf("ok (-want +got):\n%s", d)
		}
		if got := b.receipts[slices.IndexFunc(b.receipts, func(a itsm.Act) bool { return a.Failure != "" })].Failure; got != "partner refused with 400: bad routing key" {
			t.Errorf("the partner's answer was not kept: %q", got)
		}
		if n := len(p.calls()); n != 2 {
			t.Errorf("%d calls, want 2: a terminal answer is not repeated", n)
		}
	})
}

func TestPanicIsTriedAFewTimesThenAbandoned(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &box{pending: []itsm.Intent{in(1, itsm.Trigger, 1), in(2, itsm.Trigger, 1)}}
		p := &partner{script: map[string][]error{"1-trigger-1": {errCrash}}}
		deliver(t, b, p, 10*time.Minute, 0)
		ok, dead := b.settled()
		if len(dead) != 1 || len(ok) != 1 {
			t.Errorf("ok %v dead %v", ok, dead)
		}
		if n := len(p.calls()); n != poisonTriesMax+1 {
			t.Errorf("%d calls, want %d", n, poisonTriesMax+1)
		}
	})
}

func TestRetryAfterIsHonouredAndCapped(t *testing.T) {
	for asked, want := range map[time.Duration]time.Duration{90 * time.Second: 90 * time.Second, 24 * time.Hour: retryAfterMax} {
		synctest.Test(t, func(t *testing.T) {
			b := &box{pending: []itsm.Intent{in(1, itsm.Trigger, 1)}}
			p := &partner{script: map[string][]error{"1-trigger-1": {Retry(asked, "429"), nil}}}
			deliver(t, b, p, time.Hour, 0)
			if len(p.at) != 2 || p.at[1].Sub(p.at[0]).Round(time.Second) != want {
				t.Errorf("asked %v: calls at %v, want a wait of %v", asked, p.at, want)
			}
		})
	}
}

func TestBreakerProbesWithOneCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, p := &box{}, &partner{script: map[string][]error{}}
		down := Retry(0, "connection refused")
		for i := 1; i <= 40; i++ {
			b.pending = append(b.pending, in(i, itsm.Trigger, 1))
			p.script[fmt.Sprintf("%d-trigger-1", i)] = []error{down}
		}
		deliver(t, b, p, 10*time.Minute, 600)
		// Without a breaker 40 incidents backing off by themselves make over 250 calls.
		if n := len(p.calls()); n > 60 {
			t.Errorf("%d calls to a partner that is down", n)
		}
		if _, dead := b.settled(); len(dead) != 0 {
			t.Errorf("abandoned because the partner was down: %v", dead)
		}
	})
}

func TestOutageIsCaughtUpAndCoalesced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, p := &box{}, &partner{script: map[string][]error{}}
		for i := 1; i <= 10; i++ {
			b.pending = append(b.pending, in(i, itsm.Trigger, 1), in(i, itsm.Acknowledge, 2), in(i, itsm.Resolve, 3))
		}
		b.pending = append(b.pending, in(11, itsm.Trigger, 1))
		deliver(t, b, p, time.Minute, 0)
		// They waited when the sender began, so an earlier one may have sent them:
		// resolves go out, pages do not.
		pages := slices.DeleteFunc(p.calls(), func(key string) bool { return !strings.Contains(key, "-trigger-") })
		if d := cmp.Diff([]string{"11-trigger-1"}, pages); d != "" {
			t.Errorf("somebody was paged for what is already resolved (-want +got):\n%s", d)
		}
		if n := len(p.calls()); n != 11 {
			t.Errorf("%d calls, want 10 resolves and a trigger", n)
		}
		if ok, _ := b.settled(); len(ok) != 31 {
			t.Errorf("%d settled, want 31", len(ok))
		}
	})
}

func TestRateIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, p := &box{}, &partner{}
		for i := 1; i <= 300; i++ {
			b.pending = append(b.pending, in(i, itsm.Trigger, 1))
		}
		deliver(t, b, p, time.Minute, 60)
		if n := len(p.calls()); n > 60+20 || n < 60 {
			t.Errorf("%d calls in a minute at 60 a minute with a burst of 20", n)
		}
	})
}

func TestReceiptIsJournaledUntilItIsStored(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &box{pending: []itsm.Intent{in(1, itsm.Trigger, 1)}, refuse: 3}
		p := &partner{}
		deliver(t, b, p, time.Minute, 0)
		if n := len(p.calls()); n != 1 {
			t.Errorf("%d calls: the effect was repeated because its receipt was late", n)
		}
		if ok, _ := b.settled(); len(ok) != 1 {
			t.Errorf("settled %v", ok)
		}
	})
}

func TestCoalesce(t *testing.T) {
	T, A, R, U, N := itsm.Trigger, itsm.Acknowledge, itsm.Resolve, itsm.Update, itsm.Note
	for _, c := range []struct {
		name  string
		in    []itsm.Transition
		tried bool // the trigger may have reached the partner
		doubt bool // or an earlier process may have sent it
		want  []itsm.Transition
	}{
		{"nothing to do", nil, false, false, nil},
		{"trigger alone", []itsm.Transition{T}, false, false, []itsm.Transition{T}},
		{"resolved before it was told", []itsm.Transition{T, A, N, U, R}, false, false, nil},
		{"resolved after an unknown call", []itsm.Transition{T, A, R}, true, false, []itsm.Transition{T, R}},
		{"resolved, and the process began with the trigger waiting", []itsm.Transition{T, N, R}, false, true, []itsm.Transition{R}},
		{"the process began with the trigger waiting", []itsm.Transition{T, A}, false, true, []itsm.Transition{T, A}},
		{"last update only", []itsm.Transition{U, U, A, U}, false, false, []itsm.Transition{A, U}},
		{"acknowledge gives way to resolve", []itsm.Transition{A, R}, false, false, []itsm.Transition{R}},
		{"notes stay", []itsm.Transition{N, A, N}, false, false, []itsm.Transition{N, A, N}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var ins []itsm.Intent
			for i, tr := range c.in {
				ins = append(ins, in(1, tr, i))
			}
			p := coalesce(ins, func(string) bool { return c.tried }, func(string) bool { return c.doubt })
			var got []itsm.Transition
			for _, in := range p.send {
				got = append(got, in.Transition)
			}
			if d := cmp.Diff(c.want, got); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
			if len(p.send)+len(p.superseded) != len(ins) {
				t.Errorf("%d sent + %d superseded of %d", len(p.send), len(p.superseded), len(ins))
			}
		})
	}
}

func never(string) bool { return false }

func TestReopenedEpochsAreSeparate(t *testing.T) {
	first := []itsm.Intent{in(1, itsm.Resolve, 1)}
	again := in(1, itsm.Trigger, 2)
	again.Epoch = 2
	p := coalesce(append(first, again), never, never)
	if len(p.send) != 2 {
		t.Errorf("sent %d of 2: a resolve of one epoch must not swallow the trigger of the next", len(p.send))
	}
}

// A notice of the program itself that is half a day old is settled unsent; what a
// person wrote is told whenever the partner is back.
func TestStaleNoticesAreNotTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		notice, fresh, written := in(1, itsm.Note, 1), in(1, itsm.Note, 2), in(1, itsm.Note, 3)
		notice.Actor, fresh.Actor, written.Actor = "signalbox", "signalbox", "console:mira"
		notice.At, written.At = notice.At.Add(-noticeStale-time.Minute), written.At.Add(-noticeStale-time.Minute)
		b, p := &box{pending: []itsm.Intent{notice, fresh, written}}, &partner{}
		deliver(t, b, p, time.Minute, 100)
		if d := cmp.Diff([]string{fresh.Key, written.Key}, p.calls()); d != "" {
			t.Errorf("told (-want +got):\n%s", d)
		}
		if ok, dead := b.settled(); len(ok) != 3 || len(dead) != 0 {
			t.Errorf("settled %v, dead %v", ok, dead)
		}
	})
}
