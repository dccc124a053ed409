package opsgenie_test

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"signalbox/connectors"
	"signalbox/connectors/connectortest"
	"signalbox/connectors/opsgenie"
	"signalbox/connectors/opsgenie/opsgenietest"
	decoder "signalbox/ingest/source/opsgenie"
	"signalbox/itsm"
)

// has makes the alert of an incident.
func has(s *opsgenietest.Site, n itsm.IncidentNumber, st connectortest.Status) {
	s.P.Create(connectortest.Object{Title: n.String(), Status: st, Key: decoder.RecordKey(n, 1)})
}

// full is as many records as are asked about at once, and all of them open but the
// first, which is acknowledged, the second, which is not there, and the third, closed.
func full(s *opsgenietest.Site) (refs []connectors.Ref) {
	for n := itsm.IncidentNumber(1); n <= connectors.LookManyMax; n++ {
		refs = append(refs, connectors.Ref{Incident: n, Epoch: 1})
		switch n {
		case 1:
			has(s, n, connectortest.Acknowledged)
		case 2:
		case 3:
			has(s, n, connectortest.Resolved)
		default:
			has(s, n, connectortest.Open)
		}
	}
	return refs
}

// agrees compares an answer about many with one about each.
func agrees(t *testing.T, c *opsgenie.Connector, refs []connectors.Ref, got []connectors.Record) {
	t.Helper()
	if len(got) != len(refs) {
		t.Fatalf("%d records of %d", len(got), len(refs))
	}
	for n, r := range refs {
		if want, err := c.Look(t.Context(), r.Incident, r.Epoch); err != nil || got[n] != want {
			t.Errorf("%s is %+v; alone it is %+v, %v", r.Incident, got[n], want, err)
		}
	}
}

// TestLookMany: a few lists tell of many alerts what each would be told alone.
func TestLookMany(t *testing.T) {
	t.Parallel()
	s, c := site(t)
	has(s, 5, connectortest.Resolved) // before, and older than the open one
	refs := full(s)
	for range 120 { // more than one page of one alias
		has(s, 9, connectortest.Resolved)
	}
	got, err := c.LookMany(t.Context(), refs)
	if err != nil {
		t.Fatal(err)
	}
	lists, looks := s.Asked()
	if len(lists) != 3 || looks != 1 {
		t.Errorf("%d lists and %d alerts alone, expected two queries, one of two pages, and the missing one alone", len(lists), looks)
	}
	agrees(t, c, refs, got)
	if got[4].Status != connectors.RecordOpen || got[0].Status != connectors.RecordAcknowledged || got[1].Status != connectors.RecordNone || got[2].Status != connectors.RecordResolved || got[8].Status != connectors.RecordResolved {
		t.Errorf("%+v", got[:9])
	}
}

// TestLookManyIsTriedAgain: a key that may not list may be mended without a restart.
func TestLookManyIsTriedAgain(t *testing.T) {
	s := opsgenietest.New(connectortest.NewPartner())
	h := httptest.NewServer(s)
	t.Cleanup(h.Close)
	refs, now := full(s), time.Now()
	conn := opsgenie.New(opsgenie.Options{Name: "og", URL: h.URL, APIKey: opsgenietest.Key, HTTP: connectors.NewClient(slog.New(slog.DiscardHandler)), Clock: func() time.Time { return now }})
	s.Mute = true
	if _, err := conn.LookMany(t.Context(), refs); connectors.StatusOf(err) != http.StatusForbidden {
		t.Fatalf("got %v", err)
	}
	s.Mute, now = false, now.Add(time.Hour)
	if _, err := conn.LookMany(t.Context(), refs); err != nil {
		t.Errorf("an hour later: %v", err)
	}
}

// TestLookManyIsNotBelieved: a list that lacks much, shows others' alerts or is not
// there at all is a reason to look at each, and none to say that there is nothing.
func TestLookManyIsNotBelieved(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		site  func(*opsgenietest.Site)
		say   string
		lists int // after asking twice
	}{
		"a search that lags": {func(s *opsgenietest.Site) { s.Blind = true }, "about 50 records lacks 50", 4},
		"an ignored query":   {func(s *opsgenietest.Site) { s.P.Unfiltered = true }, "ignored", 2},
		"an API without it":  {func(s *opsgenietest.Site) { s.Listless = true }, "does not list", 0},
		"a key that may not": {func(s *opsgenietest.Site) { s.Mute = true }, "does not list", 0},
	} {
		s, conn := site(t)
		refs := full(s)
		s.P.Create(connectortest.Object{Title: "other", Key: "payroll", Foreign: true})
		c.site(s)
		var err error
		for range 2 {
			if _, err = conn.LookMany(t.Context(), refs); err == nil || connectors.IsPassing(err) {
				t.Fatalf("%s: %v, expected one that will not pass", name, err)
			}
		}
		if lists, looks := s.Asked(); !strings.Contains(err.Error(), c.say) || len(lists) != c.lists || looks != 0 {
			t.Errorf("%s: %v after %d lists and %d looks; want %q, %d and 0", name, err, len(lists), looks, c.say, c.lists)
		}
	}
}
