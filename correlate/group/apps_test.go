package group

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// chain is a long application a0 … a9, and others beside that only a hub or
// another environment connects to it.
func chain() string {
	var b strings.Builder
	for i := range 9 {
		fmt.Fprintf(&b, "x/a%d calls x/a%d\n", i, i+1)
	}
	for i := range 9 { // more than BridgeFanIn
		fmt.Fprintf(&b, "x/u%d calls x/v%d\nx/u%d connects_to x/bus\n", i, i, i)
	}
	b.WriteString("x/a0 connects_to x/bus\nx/a9 runs_on y/host\ny/c0 runs_on y/host\ny/c0 calls y/c1\ny/c1 calls y/c2\ny/c2 calls y/c3\ny/c3 calls y/c4\n")
	return b.String()
}

// TestOutageStaysInItsApplication: what a silence shows ends at hubs and at
// environments.
func TestOutageStaysInItsApplication(t *testing.T) {
	w := newWorld(t, chain())
	for _, ci := range []string{"x/a5", "x/u1", "y/c4"} { // all three are known
		w.fire(0, ci+":Before")
	}
	w.fire(time.Hour, "x/a5:Down")
	for _, tc := range []struct {
		alert string
		joins bool
	}{{"x/a0:Down", true}, {"x/a9:Down", true}, {"x/v1:Down", false}, {"y/c4:Down", false}} {
		w.fire(time.Hour+time.Minute, tc.alert)
		if got := w.in[tc.alert] == w.in["x/a5:Down"]; got != tc.joins {
			t.Errorf("%s joins the outage of x/a5: got %v, want %v; %s", tc.alert, got, tc.joins, w.last.Evidence.Because)
		}
	}
}

// TestOutageEnds: after a quiet gap without an onset, and after Lifetime.
func TestOutageEnds(t *testing.T) {
	for _, tc := range []struct {
		every time.Duration
		joins bool
	}{{2 * time.Minute, true}, {4 * time.Minute, false}, {6 * time.Minute, false}} {
		w := newWorld(t, chain())
		w.fire(0, "x/a0:Before")
		w.fire(time.Hour, "x/a0:Down")
		last := ""
		for i := range 9 {
			last = fmt.Sprintf("x/a%d:Down", i+1)
			w.fire(time.Hour+time.Duration(i+1)*tc.every, last)
		}
		if got := w.in[last] == w.in["x/a0:Down"]; got != tc.joins {
			t.Errorf("an onset every %s: the last joins the outage: got %v, want %v", tc.every, got, tc.joins)
		}
	}
}

// TestOutageGoesOnWhileItFires: of slow senders an outage of several CIs takes in what
// begins in its application while something usual of it fires, and what comes so late
// says nothing of the cause.
func TestOutageGoesOnWhileItFires(t *testing.T) {
	const down, late, fast = time.Hour, time.Hour + 12*time.Minute, "reports every minute"
	for _, tc := range []struct {
		name  string
		story func(w *world)
		joins bool
	}{
		{"still fires", nil, true},
		{fast, nil, false},
		{"one of them", func(w *world) { w.end(down+6*time.Minute, "x/a0:Down") }, true},
		{"all cleared", func(w *world) {
			w.end(down+6*time.Minute, "x/a0:Down")
			w.end(down+6*time.Minute, "x/a1:Down")
		}, false},
		{"fires half of the time", func(w *world) {
			w.end(down+6*time.Minute, "x/a1:Down")
			s := w.g.series.Get(w.alerts["x/a0:Down"])
			s.slots |= 1<<(chronicWindow/2+2) - 1
		}, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w := newWorld(t, chain())
			w.fire(0, "x/a5:Before")
			if tc.name == fast {
				for i := range 18 { // in two other applications
					w.fire(30*time.Minute+time.Duration(i)*time.Minute, fmt.Sprintf("x/%c%d:Down", "uv"[i/9], i%9))
				}
			}
			w.fire(down, "x/a0:Down")
			w.fire(down, "x/a1:Down")
			if tc.story != nil {
				tc.story(w)
			}
			w.fire(late, "x/a9:Down")
			if got := w.in["x/a9:Down"] == w.in["x/a0:Down"]; got != tc.joins {
				t.Fatalf("joins: %v, want %v; %s", got, tc.joins, w.last.Evidence.Because)
			}
			if !tc.joins {
				return
			}
			if e := w.last.Evidence; e.By != byOutage.String() || e.Shared == "" || !strings.Contains(e.Because, e.Shared+" still fires") {
				t.Errorf("evidence by %s, shared %q, because %q", e.By, e.Shared, e.Because)
			}
			for _, c := range w.g.Causes(w.in["x/a9:Down"]) {
				if c.CI == "x/a9" && c.ScoreMilli > 0 {
					t.Errorf("what came late is a cause: %+v", c)
				}
			}
		})
	}
}

// TestOutageEndsThoughItFires: what is joined now and then because something still fires
// does not keep an outage going for longer than Lifetime.
func TestOutageEndsThoughItFires(t *testing.T) {
	w := newWorld(t, chain())
	w.fire(0, "x/a5:Before")
	w.fire(time.Hour, "x/a0:Down")
	w.fire(time.Hour, "x/a1:Down")
	for i, ci := range []string{"x/a9", "x/a3", "x/a5", "x/a7"} {
		after := time.Duration(i+1) * 9 * time.Minute
		w.fire(time.Hour+after, ci+":Down")
		if got, want := w.in[ci+":Down"] == w.in["x/a0:Down"], after < w.g.c.Lifetime; got != want {
			t.Errorf("%s after the outage began: joins it %v, want %v; %s", after, got, want, w.last.Evidence.Because)
		}
	}
}

// TestOutageIsNotAnothersThatFires: what a rule put into an outage of another
// application does not keep it going.
func TestOutageIsNotAnothersThatFires(t *testing.T) {
	w := newWorld(t, chain())
	w.fire(0, "x/a5:Before")
	w.fire(0, "y/c4:Before")
	rule := func(p *Probe) { p.Rule, p.RuleID = "key", "together" }
	w.fire(time.Hour, "x/a0:Down", rule)
	w.fire(time.Hour, "y/c4:Down", rule)
	w.end(time.Hour+5*time.Minute, "x/a0:Down")
	if w.fire(time.Hour+12*time.Minute, "x/a9:Down") == w.in["x/a0:Down"] {
		t.Errorf("joined, though nothing of x fires: %s", w.last.Evidence.Because)
	}
}

// TestFastSenderIsNoSurerOfASlowOutage: the rhythm of the one that comes does not raise
// the score of an outage that slow senders report.
func TestFastSenderIsNoSurerOfASlowOutage(t *testing.T) {
	score := func(fast bool) int {
		w := newWorld(t, chain())
		w.fire(0, "x/a5:Before")
		another := func(p *Probe) { p.Source = "fast" }
		if fast {
			for i := range 18 { // in two other applications
				w.fire(30*time.Minute+time.Duration(i)*time.Minute, fmt.Sprintf("x/%c%d:Down", "uv"[i/9], i%9), another)
			}
		}
		w.fire(time.Hour, "x/a0:Down")
		w.fire(time.Hour, "x/a1:Down")
		if w.fire(time.Hour+12*time.Minute, "x/a9:Down", another) != w.in["x/a0:Down"] {
			t.Fatalf("does not join: %s", w.last.Evidence.Because)
		}
		return w.last.Evidence.ScoreMilli
	}
	if slow, fast := score(false), score(true); fast > slow {
		t.Errorf("the score is %d for a fast sender, %d for a slow one", fast, slow)
	}
}

// TestLostIsNoResolve: a sender whose alerts only go stale is still taken for one
// that never resolves.
func TestLostIsNoResolve(t *testing.T) {
	w := newWorld(t, "a calls b\n")
	c := DefaultConfig()
	for i := range c.MuteOnsets {
		at := time.Duration(i) * time.Hour
		w.fire(at, "a:Down")
		w.g.Lost(w.alerts["a:Down"], epoch.Add(at))
	}
	if s := w.g.series.Get(w.alerts["a:Down"]); !w.g.isMute(s.rule) || s.firing {
		t.Errorf("after %d alerts that went stale: mute %v and firing %v, want mute and not firing", c.MuteOnsets, w.g.isMute(s.rule), s.firing)
	}
}
