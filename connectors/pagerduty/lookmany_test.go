package pagerduty_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"signalbox/connectors"
	"signalbox/connectors/connectortest"
	"signalbox/connectors/pagerduty"
	"signalbox/connectors/pagerduty/pagerdutytest"
	source "signalbox/ingest/source/pagerduty"
	"signalbox/itsm"
)

// looked is a PagerDuty of which many records are asked for, and the calls it takes.
type looked struct {
	p     *connectortest.Partner
	c     *pagerduty.Connector
	calls atomic.Int32
	last  atomic.Value // the last request's URL
}

func newLooked(t *testing.T) *looked {
	l := &looked{p: connectortest.NewPartner()}
	front := pagerdutytest.Front(l.p)
	h := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/priorities" {
			l.calls.Add(1)
		}
		l.last.Store(r.URL.String())
		front.ServeHTTP(w, r)
	}))
	t.Cleanup(h.Close)
	l.c = connector(pagerdutytest.New(t), h.URL, pagerduty.Options{APIToken: pagerdutytest.FrontToken, From: pagerdutytest.FrontFrom, RoutingKey: pagerdutytest.FrontKey})
	return l
}

func (l *looked) has(n itsm.IncidentNumber, st connectortest.Status, mute string) connectortest.Object {
	return l.p.Create(connectortest.Object{Key: source.DedupKey(n, 1), Title: n.String(), Status: st, Fields: map[string]string{"mute": mute}})
}

// sweep looks at all from 1 to n, in batches, and counts the calls.
func (l *looked) sweep(t *testing.T, n int) (all []connectors.Record, calls int32) {
	t.Helper()
	before := l.calls.Load()
	for from := 1; from <= n; from += connectors.LookManyMax {
		var refs []connectors.Ref
		for k := from; k < min(from+connectors.LookManyMax, n+1); k++ {
			refs = append(refs, connectors.Ref{Incident: itsm.IncidentNumber(k), Epoch: 1})
		}
		got, err := l.c.LookMany(t.Context(), refs)
		if err != nil || len(got) != len(refs) {
			t.Fatalf("%d records of %d, %v", len(got), len(refs), err)
		}
		all = append(all, got...)
	}
	return all, l.calls.Load() - before
}

var statusOf = map[connectortest.Status]connectors.RecordStatus{connectortest.Open: connectors.RecordOpen, connectortest.Acknowledged: connectors.RecordAcknowledged, connectortest.Resolved: connectors.RecordResolved}

// TestLookMany: a sweep costs pages, whether PagerDuty shows the key in its lists or
// only behind each incident, which is then asked for once.
func TestLookMany(t *testing.T) {
	t.Parallel()
	const records = 240
	for name, c := range map[string]struct {
		mute  string
		first int32 // calls of the first sweep, at most
	}{
		"with keys":    {"", 2 + 2}, // pages of what is open and of what is over
		"without keys": {"x", 2 + 2 + 2*records},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLooked(t)
			var want []connectors.RecordStatus
			for n := range records {
				st := []connectortest.Status{connectortest.Open, connectortest.Resolved, connectortest.Acknowledged}[n%3]
				l.has(itsm.IncidentNumber(n+1), st, c.mute)
				want = append(want, statusOf[st])
			}
			for range 40 { // of others
				l.p.Create(connectortest.Object{Key: "printer", Foreign: true})
			}
			check := func(calls, most int32, got []connectors.Record) {
				t.Helper()
				if calls > most {
					t.Errorf("%d calls, expected at most %d", calls, most)
				}
				for n := range got {
					if got[n].Status != want[n] {
						t.Fatalf("record %d is %s, expected %s", n+1, got[n].Status, want[n])
					}
				}
			}
			got, calls := l.sweep(t, records)
			check(calls, c.first, got)
			if got[2].Link.ID == "" || got[2].Version == 0 || !got[2].Knows.Has(itsm.SyncPriority) {
				t.Errorf("record %+v does not say what it is", got[2])
			}
			l.c.Fresh()                      // however long the first sweep took
			got, calls = l.sweep(t, records) // within the time that a listing is kept
			check(calls, 0, got)
			l.c.Forget()
			got, calls = l.sweep(t, records)
			check(calls, 2, got) // pages of what is open; the rest is known to be over
		})
	}
}

// TestLookManyIsNotOld: what was told a moment ago is not taken from a listing of
// before, nor is what is over for ever over.
func TestLookManyIsNotOld(t *testing.T) {
	t.Parallel()
	l := newLooked(t)
	refs := []connectors.Ref{{Incident: 7, Epoch: 2}, {Incident: 8, Epoch: 1}, {Incident: 9, Epoch: 1}}
	is := func(want ...connectors.RecordStatus) {
		t.Helper()
		got, err := l.c.LookMany(t.Context(), refs)
		if err != nil {
			t.Fatal(err)
		}
		for n := range want {
			if got[n].Status != want[n] {
				t.Errorf("%s is %s, expected %s", refs[n].Incident, got[n].Status, want[n])
			}
		}
	}
	o := l.has(8, connectortest.Resolved, "")
	push(t, l.c, itsm.Trigger)
	is(connectors.RecordOpen, connectors.RecordResolved, connectors.RecordNone)
	push(t, l.c, itsm.Acknowledge)
	is(connectors.RecordAcknowledged, connectors.RecordResolved, connectors.RecordNone)
	if last := l.last.Load().(string); strings.Contains(last, "statuses") {
		t.Errorf("the last call was %s, expected one for what is missing alone", last)
	}
	push(t, l.c, itsm.Resolve)
	l.p.Edit("jane", o.ID, func(o *connectortest.Object) { o.Status = connectortest.Open })
	l.c.Forget()
	is(connectors.RecordResolved, connectors.RecordOpen, connectors.RecordNone)
}

func TestLookManyNeedsAToken(t *testing.T) {
	t.Parallel()
	s := pagerdutytest.New(t)
	if _, err := connector(s, s.URL, pagerduty.Options{}).LookMany(t.Context(), []connectors.Ref{{Incident: 1, Epoch: 1}}); itsm.CodeOf(err) != itsm.Invalid {
		t.Errorf("got %v, expected Invalid", err)
	}
}
