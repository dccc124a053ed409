package engine_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"signalbox/correlate/engine"
	"signalbox/ingest/journal"
	"signalbox/itsm"
	"signalbox/itsm/desk"
	"signalbox/itsm/entry"
	"signalbox/itsm/kv"
)

// crazyClock is a clock that is set, beside one that nobody sets.
type crazyClock struct {
	mu   sync.Mutex
	wall time.Time
	real time.Duration
}

func (c *crazyClock) now() time.Time { c.mu.Lock(); defer c.mu.Unlock(); return c.wall }

func (c *crazyClock) elapsed() time.Duration { c.mu.Lock(); defer c.mu.Unlock(); return c.real }

// pass lets time pass; jump sets the wall clock.
func (c *crazyClock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.wall, c.real = c.wall.Add(d), c.real+d
}

func (c *crazyClock) jump(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.wall = c.wall.Add(d)
}

// TestTortureClock sets the clock about while senders repeat what fires every minute
// (with starts as they see them, so far off both ways) and checks after each jump:
// no alert and no incident twice, none resolved while its sender repeats it, no
// repeat lost; and at the end the timers still run.
func TestTortureClock(t *testing.T) {
	minutes := 60
	if os.Getenv("SIGNALBOX_LONG") == "1" {
		minutes = 1500
	}
	alternate := func(d time.Duration) func(int) time.Duration {
		return func(minute int) time.Duration {
			if minute%2 == 0 {
				return d
			}
			return -d
		}
	}
	once := func(d time.Duration) func(int) time.Duration {
		return func(minute int) time.Duration {
			if minute == 7 {
				return d
			}
			return 0
		}
	}
	for name, jump := range map[string]func(minute int) time.Duration{
		"steady": once(0), "back 1 h": once(-time.Hour), "ahead 24 h": once(24 * time.Hour), "ahead 10 y": once(87_600 * time.Hour),
		"back 10 y": once(-87_600 * time.Hour), "5 min to and fro": alternate(5 * time.Minute), "1 h to and fro": alternate(time.Hour),
		"10 y ahead and back": func(minute int) time.Duration {
			return map[int]time.Duration{7: 87_600 * time.Hour, 9: -87_600 * time.Hour}[minute]
		},
		"leap second": alternate(time.Second),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			clockTorture(t, jump, minutes, strings.HasPrefix(name, "ahead") || strings.HasPrefix(name, "10 y"))
		})
	}
}

// starts are what senders may say of when something began.
func starts(now itsm.Time) map[string]itsm.Time {
	return map[string]itsm.Time{"now": now, "zero": 0, "year 1": itsm.TimeOf(time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC)),
		"1970": 1, "2100": itsm.TimeOf(time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC)), "9999": itsm.TimeOf(time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC))}
}

func clockTorture(t *testing.T, jump func(minute int) time.Duration, minutes int, ahead bool) {
	c := &crazyClock{wall: time.UnixMilli(1_700_000_000_000)}
	j, err := journal.Open(journal.Options{Dir: filepath.Join(t.TempDir(), "journal"), SegmentBytes: 8 << 20, Clock: c.now, Elapsed: c.elapsed, NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	d, err := desk.Open(kv.Mem())
	if err != nil {
		t.Fatal(err)
	}
	e := engine.New(engine.Options{Journal: j, Desk: d, Config: config(), Clock: c.now})
	if err := e.Recover(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- e.Run(ctx) }()
	defer func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}()
	send := func(es ...itsm.Event) {
		t.Helper()
		off, _, err := j.Append(t.Context(), entry.EncodeDelivery(nil, &entry.Delivery{Source: "alertmanager", Events: es}))
		if err != nil {
			t.Fatal(err)
		}
		wctx, stop := context.WithTimeout(t.Context(), time.Minute)
		defer stop()
		if err := e.WaitFolded(wctx, off); err != nil {
			t.Fatal(err)
		}
	}
	first := c.now() // the senders' clock is right
	began := starts(itsm.TimeOf(first))
	var firing []itsm.Event
	for name, at := range began {
		if ahead && name != "now" && name != "1970" {
			continue // no start that we believe: a jump ahead is a long silence, after which firing is a new episode
		}
		f := fire("service-"+name, 1, at)
		f.Source = "alertmanager" // which resolves what it sends; others' alerts end by silence, also by that of a jump
		firing = append(firing, f)
	}
	for minute := range minutes {
		c.jump(jump(minute))
		send(firing...)
		checkCalm(t, d, len(firing), minute+1)
		if t.Failed() {
			t.Fatalf("after %d minutes, clock %v", minute, c.now())
		}
		c.pass(time.Minute)
	}
	// Whatever the clock did: what clears resolves once its hold has passed.
	var over []itsm.Event
	for _, f := range firing {
		over = append(over, clearOf(f, 0)) // "now", whenever that is
	}
	send(over...)
	for range 40 {
		c.pass(time.Minute)
		send(fire("clock", 1, itsm.TimeOf(c.now()))) // any entry tells the time
	}
	p, err := d.Incidents(desk.IncidentQuery{Limit: 100})
	if err != nil {
		t.Fatal(err)
	}
	for _, in := range p.Items {
		if open := in.State.IsOpen(); open != strings.HasPrefix(in.Title, "clock fails") {
			t.Errorf("40 minutes after everything cleared: %v %q is %v", in.Number, in.Title, in.State)
		}
	}
}

// checkCalm: n alerts that fire since the first minute, in n incidents at most, all open.
func checkCalm(t *testing.T, d *desk.Desk, n, repeats int) {
	t.Helper()
	as, err := d.Alerts(desk.AlertQuery{Limit: 100})
	if err != nil {
		t.Fatal(err)
	}
	if len(as.Items) != n {
		t.Errorf("%d alerts, want %d", len(as.Items), n)
	}
	for _, a := range as.Items {
		if a.Status != itsm.Firing || a.EventCount != uint64(repeats) || a.Incident == 0 {
			t.Errorf("alert %s: %v, %d events, incident %v; want firing and %d", a.Key, a.Status, a.EventCount, a.Incident, repeats)
		}
	}
	p, err := d.Incidents(desk.IncidentQuery{Limit: 100})
	if err != nil {
		t.Fatal(err)
	}
	if len(p.Items) > n {
		t.Errorf("%d incidents for %d alerts", len(p.Items), n)
	}
	for _, in := range p.Items {
		if !in.State.IsOpen() {
			t.Errorf("%v is %v while its sender repeats it", in.Number, fmt.Sprint(in.State))
		}
	}
}
