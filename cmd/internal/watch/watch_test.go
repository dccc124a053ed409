package watch

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"signalbox/itsm"
	"signalbox/itsm/desk"
	"signalbox/itsm/entry"
)

// world is a journal and the records it would come to.
type world struct {
	mu      sync.Mutex
	alerts  []itsm.Alert
	counts  desk.Counts
	free    int64
	ready   bool
	failed  []RuleFailures
	refuse  error
	said    []string // status and identity of what was journaled
	entries int
}

func (w *world) Append(_ context.Context, bodies ...[]byte) (itsm.Offset, itsm.Time, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.refuse != nil {
		return 0, 0, w.refuse
	}
	for _, b := range bodies {
		v, err := entry.Decode(b)
		if err != nil {
			return 0, 0, err
		}
		w.entries++
		for _, e := range v.(*entry.Delivery).Events {
			w.said = append(w.said, e.Status.String()+" "+e.Identity)
			w.record(e)
		}
	}
	return 1, 1, nil
}

// record is the fold, as far as these tests need one.
func (w *world) record(e itsm.Event) {
	i := slices.IndexFunc(w.alerts, func(a itsm.Alert) bool { return a.Key == e.Key() })
	if i < 0 {
		i = len(w.alerts)
		w.alerts = append(w.alerts, itsm.Alert{Number: itsm.AlertNumber(i + 1), Source: e.Source, Key: e.Key()})
	}
	a := &w.alerts[i]
	a.Status, a.Title, a.Labels, a.Severity, a.LastSeenAt = e.Status, e.Title, e.Labels, e.Severity, itsm.TimeOf(time.Now())
}

func (w *world) Alert(n itsm.AlertNumber) (itsm.Alert, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if n == 0 || int(n) > len(w.alerts) {
		return itsm.Alert{}, itsm.Errorf(itsm.NotFound, "no alert %d", n)
	}
	return w.alerts[n-1], nil
}

func (w *world) Alerts(q desk.AlertQuery) (p desk.Page[itsm.Alert], err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, a := range w.alerts {
		if slices.Contains(q.Source, a.Source) && slices.Contains(q.Statuses, a.Status) {
			p.Items = append(p.Items, a)
		}
	}
	return p, nil
}

func (w *world) Counts() desk.Counts {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.counts
}

func (w *world) set(f func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	f()
}

// hear is the watched alert arriving.
func (w *world) hear(labels map[string]string) {
	w.set(func() {
		w.record(itsm.Event{Source: "main", Identity: labels["cluster"], Status: itsm.Firing, Title: "Watchdog", Labels: itsm.LabelsOf(labels)})
	})
}

// watch runs a watcher with a five-minute watchdog for d of virtual time.
func (w *world) watch(t *testing.T, d time.Duration) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	defer cancel()
	dogs := []Watchdog{{Source: "main", Labels: map[string]string{"alertname": "Watchdog", "cluster": "eu"}, MissingAfter: 5 * time.Minute}}
	self := &Self{Room: func() (int64, int64, error) {
		w.mu.Lock()
		defer w.mu.Unlock()
		return w.free, 100 << 20, nil
	}, Rules: func() ([]RuleFailures, uint64) {
		w.mu.Lock()
		defer w.mu.Unlock()
		return w.failed, 7
	}}
	ready := func() bool { w.mu.Lock(); defer w.mu.Unlock(); return w.ready }
	if err := NewWatcher(Options{Journal: w, Records: w, Ready: ready, Watchdogs: dogs, Self: self}).Run(ctx); err != nil {
		t.Fatal(err)
	}
}

func newWorld() *world { return &world{ready: true, free: 1 << 40} }

// at runs f after d.
func (w *world) at(d time.Duration, f func()) { time.AfterFunc(d, f) }

var eu = map[string]string{"alertname": "Watchdog", "cluster": "eu"}

const euDog = "watchdog/main/alertname=Watchdog/cluster=eu"

func (w *world) want(t *testing.T, said ...string) {
	t.Helper()
	if d := cmp.Diff(said, w.said); d != "" {
		t.Errorf("journaled (-want +got):\n%s", d)
	}
}

func TestWatchdog(t *testing.T) {
	for name, c := range map[string]struct {
		plan func(w *world)
		run  time.Duration
		want []string
	}{
		"heard every minute": {func(w *world) {
			for i := range 20 {
				w.at(time.Duration(i)*time.Minute, func() { w.hear(eu) })
			}
		}, 20 * time.Minute, nil},
		"never heard":     {func(*world) {}, 6 * time.Minute, []string{"firing " + euDog}},
		"not yet missing": {func(*world) {}, 4*time.Minute + 50*time.Second, nil},
		"another one barks": {func(w *world) {
			w.at(4*time.Minute, func() { w.hear(map[string]string{"alertname": "Watchdog", "cluster": "us"}) })
		}, 6 * time.Minute, []string{"firing " + euDog}},
		"stops and is heard": {func(w *world) { w.hear(eu); w.at(10*time.Minute, func() { w.hear(eu) }) }, 12 * time.Minute, []string{"firing " + euDog, "resolved " + euDog}},
		"stops twice":        {func(w *world) { w.hear(eu); w.at(10*time.Minute, func() { w.hear(eu) }) }, 20 * time.Minute, []string{"firing " + euDog, "resolved " + euDog, "firing " + euDog}},
		"not ready meanwhile": {func(w *world) {
			w.ready = false
			w.at(30*time.Minute, func() { w.set(func() { w.ready = true }) })
		}, 34 * time.Minute, nil},
		"journal refuses at first": {func(w *world) {
			w.refuse = errors.New("full")
			w.at(7*time.Minute, func() { w.set(func() { w.refuse = nil }) })
		}, 8 * time.Minute, []string{"firing " + euDog}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld()
				c.plan(w)
				w.watch(t, c.run+time.Second)
				w.want(t, c.want...)
			})
		})
	}
}

// TestARestartNeitherRepeatsNorForgets: what fires is read from the records.
func TestARestartNeitherRepeatsNorForgets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.watch(t, 6*time.Minute)
		w.at(7*time.Minute, func() { w.hear(eu) })
		w.watch(t, 6*time.Minute)
		w.watch(t, 2*time.Minute)
		w.want(t, "firing "+euDog, "resolved "+euDog)
		if a := w.alerts[0]; !strings.Contains(a.Title, "Nothing heard") || a.Labels.Get("cluster") != "eu" {
			t.Errorf("the resolve lost what the alert said: %+v", a)
		}
	})
}

func TestSelfAlerts(t *testing.T) {
	outbox := func(pending, dead int, oldest time.Time) desk.Counts {
		return desk.Counts{Outbox: []desk.OutboxCounts{{Connector: "pd", Pending: pending, Dead: dead, OldestAt: itsm.TimeOf(oldest)}}}
	}
	for name, c := range map[string]struct {
		plan func(w *world)
		run  time.Duration
		want []string
	}{
		"all well": {func(*world) {}, time.Hour, nil},
		"outbox late, then drained": {func(w *world) {
			w.counts = outbox(1, 0, time.Now())
			w.at(5*time.Minute, func() { w.set(func() { w.counts = outbox(0, 0, time.Time{}) }) })
		}, 6 * time.Minute, []string{"firing outbox/pd", "resolved outbox/pd"}},
		"outbox not late yet": {func(w *world) { w.counts = outbox(1, 0, time.Now()) }, 2 * time.Minute, nil},
		"old dead letters":    {func(w *world) { w.counts = outbox(0, 7, time.Time{}) }, time.Hour, nil},
		"a new dead letter": {func(w *world) {
			w.at(time.Minute, func() { w.set(func() { w.counts = outbox(0, 1, time.Time{}) }) })
			w.counts = outbox(0, 0, time.Time{})
		}, 30 * time.Minute, []string{"firing dead/pd", "resolved dead/pd"}},
		"quarantine grows": {func(w *world) { w.at(time.Minute, func() { w.set(func() { w.counts.QuarantineWaiting = 1 }) }) }, 10 * time.Minute, []string{"firing quarantine"}},
		"disk fills and empties": {func(w *world) {
			w.at(time.Minute, func() { w.set(func() { w.free = 150 << 20 }) })
			w.at(3*time.Minute, func() { w.set(func() { w.free = 250 << 20 }) })
		}, 4 * time.Minute, []string{"firing disk", "resolved disk"}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld()
				for i := range 120 {
					w.at(time.Duration(i)*time.Minute, func() { w.hear(eu) })
				}
				c.plan(w)
				w.watch(t, c.run+time.Second)
				w.want(t, c.want...)
			})
		})
	}
}

func TestHeartbeat(t *testing.T) {
	var beats, fail atomic.Int64
	srv := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPost || r.URL.Path != "/secret" {
			t.Errorf("%s %s", r.Method, r.URL.Path)
		}
		beats.Add(1)
		if fail.Load() != 0 {
			rw.WriteHeader(http.StatusInternalServerError)
		}
	}))
	defer srv.Close()
	var ready atomic.Bool
	var log strings.Builder
	h := &Heartbeat{URL: srv.URL + "/secret", Method: http.MethodPost, Every: 10 * time.Millisecond, Ready: ready.Load, HTTP: srv.Client(), Log: slog.New(slog.NewTextHandler(&log, nil))}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- h.Run(ctx) }()
	time.Sleep(60 * time.Millisecond)
	if n := beats.Load(); n != 0 {
		t.Errorf("%d beats while not ready", n)
	}
	ready.Store(true)
	waitFor(t, func() bool { return beats.Load() >= 3 })
	fail.Store(1)
	at := beats.Load()
	waitFor(t, func() bool { return beats.Load() >= at+3 })
	fail.Store(0)
	at = beats.Load()
	waitFor(t, func() bool { return beats.Load() >= at+3 })
	srv.CloseClientConnections()
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if n := strings.Count(log.String(), "not taken"); n < 1 || n > 3 {
		t.Errorf("%d warnings for one outage:\n%s", n, log.String())
	}
	if strings.Contains(log.String(), "secret") {
		t.Errorf("the log shows the URL, which is a credential:\n%s", log.String())
	}
}

func waitFor(t *testing.T, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("not within a minute")
		}
	}
}

// A rule that begins to fail is said once, by its name; what had failed before the
// start is not news, and a rule that is not active any more is forgotten.
func TestRulesThatFail(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.failed = []RuleFailures{{"old", 5, 0}, {"new", 0, 0}, {"dear", 0, 0}}
		w.at(0, func() { w.hear(eu) })
		w.at(time.Minute, func() { w.set(func() { w.failed = []RuleFailures{{"old", 5, 0}, {"new", 1, 0}, {"dear", 2, 2}} }) })
		w.at(2*time.Minute, func() {
			w.set(func() {
				for n, want := range []string{"Rule dear of revision 7 costs too much", "Rule new of revision 7 fails"} {
					if title := w.alerts[len(w.alerts)-2+n].Title; !strings.Contains(title, want) {
						t.Errorf("title %q, want %s", title, want)
					}
				}
				w.failed = []RuleFailures{{"old", 5, 0}}
			})
		})
		w.watch(t, 4*time.Minute)
		w.want(t, "firing rule/dear", "firing rule/new", "resolved rule/dear", "resolved rule/new")
	})
}
