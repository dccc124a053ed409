package webhook_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"testing"

	"signalbox/connectors"
	"signalbox/connectors/webhook"
	source "signalbox/ingest/source/webhook"
	"signalbox/itsm"
)

// helpdesk is as much of Zendesk as looks use: tickets in the order of their ids, from 1.
type helpdesk struct {
	tickets []map[string]any
	many    int // requests for many
	alone   int // requests for one external id
	claims  string
}

func (d *helpdesk) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	found := []map[string]any{}
	switch ids := strings.Split(r.URL.Query().Get("ids"), ","); r.URL.Path {
	case "/api/v2/tickets/show_many.json":
		d.many++
		if len(ids) > 100 {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		for _, t := range d.tickets {
			if t["status"] != "deleted" && slices.Contains(ids, strconv.Itoa(t["id"].(int))) {
				found = append(found, t)
			}
		}
		if d.claims != "" {
			found[0]["external_id"] = d.claims
		}
	case "/api/v2/tickets.json":
		d.alone++
		for _, t := range d.tickets {
			if t["external_id"] == r.URL.Query().Get("external_id") && t["status"] != "deleted" {
				found = append(found, t)
			}
		}
	default:
		w.WriteHeader(http.StatusNotFound)
		return
	}
	json.NewEncoder(w).Encode(map[string]any{"tickets": found})
}

// calls are the requests since it was asked last.
func (d *helpdesk) calls() [2]int {
	defer func() { d.many, d.alone = 0, 0 }()
	return [2]int{d.many, d.alone}
}

// zendesk is a helpdesk with the tickets of as many incidents as are asked about at once.
func zendesk(t *testing.T) (*helpdesk, connectors.ManyLooker, []connectors.Ref) {
	t.Helper()
	d := &helpdesk{}
	h := httptest.NewServer(d)
	t.Cleanup(h.Close)
	var refs []connectors.Ref
	for n := range connectors.LookManyMax {
		of := connectors.Ref{Incident: itsm.IncidentNumber(n + 1), Epoch: 1}
		refs = append(refs, of)
		d.tickets = append(d.tickets, map[string]any{"id": n + 1, "external_id": source.Key(of.Incident, 1), "url": "https://acme.zendesk.com/api/v2/tickets/" + strconv.Itoa(n+1) + ".json", "status": "new", "updated_at": "2026-11-27T10:00:00Z"})
	}
	text, err := source.Example("zendesk")
	if err != nil {
		t.Fatal(err)
	}
	c := connector(t, text, h.URL, func(o *webhook.Options) { o.Name = "desk" })
	m, ok := c.Able().(connectors.ManyLooker)
	if !ok {
		t.Fatal("it cannot be asked about many")
	}
	return d, m, refs
}

// TestLookKnown: after a start each ticket is looked at, and from then on one request
// tells of all; what it lacks is asked for alone, and it tells of no other's.
func TestLookKnown(t *testing.T) {
	t.Parallel()
	d, m, refs := zendesk(t)
	if _, err := m.LookMany(t.Context(), refs); err == nil || connectors.IsPassing(err) || d.calls() != [2]int{} {
		t.Errorf("with no id known: %v, calls %v; want a refusal that costs none", err, d.calls())
	}
	for _, r := range refs {
		if _, err := m.Look(t.Context(), r.Incident, r.Epoch); err != nil {
			t.Fatal(err)
		}
	}
	if n := d.calls(); n != [2]int{0, len(refs)} {
		t.Errorf("calls %v for each alone", n)
	}
	d.tickets[0]["status"], d.tickets[1]["status"], d.tickets[2]["status"] = "solved", "pending", "deleted"
	got, err := m.LookMany(t.Context(), refs)
	if n := d.calls(); err != nil || len(got) != len(refs) || n != [2]int{1, 1} {
		t.Fatalf("%d records of %d after calls %v, %v; want one request for all and one for what was deleted", len(got), len(refs), n, err)
	}
	for n, r := range refs {
		if want, err := m.Look(t.Context(), r.Incident, r.Epoch); err != nil || got[n] != want {
			t.Errorf("%s is %+v; alone it is %+v, %v", r.Incident, got[n], want, err)
		}
	}
	if got[0].Status != connectors.RecordResolved || got[1].Status != connectors.RecordAcknowledged || got[2].Status != connectors.RecordNone || got[3].Status != connectors.RecordOpen {
		t.Errorf("%+v", got[:4])
	}
	for n := range connectors.LookAloneMax {
		d.tickets[n+10]["status"] = "deleted"
	}
	d.calls()
	if _, err := m.LookMany(t.Context(), refs); err == nil || connectors.IsPassing(err) || d.calls() != [2]int{1, 0} {
		t.Errorf("an answer that lacks more than a few: %v", err)
	}
	// A ticket that somebody gave another key is not the one asked for.
	d, m, refs = zendesk(t)
	for _, r := range refs {
		if _, err := m.Look(t.Context(), r.Incident, r.Epoch); err != nil {
			t.Fatal(err)
		}
	}
	d.claims = "CRM-1"
	if got, err := m.LookMany(t.Context(), refs); err != nil || got[0].Status != connectors.RecordNone || got[1].Status != connectors.RecordOpen {
		t.Errorf("a ticket with another's key: %+v, %v", got[:2], err)
	}
}
