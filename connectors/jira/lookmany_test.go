package jira_test

import (
	"strings"
	"testing"
	"time"

	"signalbox/connectors"
	"signalbox/connectors/connectortest"
	"signalbox/connectors/jira"
	"signalbox/connectors/jira/jiratest"
	source "signalbox/ingest/source/jira"
	"signalbox/itsm"
)

// searches counts the searches that a site got.
func searches(s *jiratest.Site) (n int) {
	for _, c := range s.Calls() {
		if c.JQL != "" {
			n++
		}
	}
	return n
}

// TestLookMany: pages tell of many issues, in the order they were asked for, and of
// issues that are there twice the oldest.
func TestLookMany(t *testing.T) {
	t.Parallel()
	for name, version := range map[string]int{"Cloud": 3, "Data Center": 2} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, url := site(t)
			c := connector(url, func(o *jira.Options) { o.Version = version })
			has := func(n itsm.IncidentNumber, st connectortest.Status) {
				s.P.Create(connectortest.Object{Title: n.String(), Status: st, Fields: map[string]string{"labels": "ops " + source.RecordKey(n, 1)}})
			}
			var refs []connectors.Ref
			for n := range itsm.IncidentNumber(connectors.LookManyMax) {
				refs = append(refs, connectors.Ref{Incident: n + 1, Epoch: 1})
				if n >= 3 {
					has(n+1, connectortest.Open)
				}
			}
			has(1, connectortest.Acknowledged)
			has(3, connectortest.Resolved)
			for n := range itsm.IncidentNumber(10) { // again, and newer
				has(n+41, connectortest.Resolved)
			}
			got, err := c.LookMany(t.Context(), refs)
			if err != nil || len(got) != len(refs) {
				t.Fatalf("%d records of %d, %v", len(got), len(refs), err)
			}
			if n := searches(s); n != 2 {
				t.Errorf("%d searches, expected 2 pages", n)
			}
			for n, r := range got {
				want := connectors.RecordOpen
				switch refs[n].Incident {
				case 1:
					want = connectors.RecordAcknowledged
				case 2:
					want = connectors.RecordNone
				case 3:
					want = connectors.RecordResolved
				}
				if r.Status != want || want != connectors.RecordNone && (r.Version == 0 || r.Link.ID == "") {
					t.Errorf("%s is %+v, expected %s", refs[n].Incident, r, want)
				}
			}
			s.P.Unfiltered = true
			if _, err := c.LookMany(t.Context(), refs); err == nil || connectors.IsPassing(err) {
				t.Errorf("a search that is ignored: %v", err)
			}
		})
	}
}

// TestLookManyKnowsMore: what was made a moment ago is found although no search
// shows it, and so is a request without its label.
func TestLookManyKnowsMore(t *testing.T) {
	t.Parallel()
	s, url := site(t)
	c := connector(url, func(o *jira.Options) { o.IndexLag = time.Minute })
	push(t, c, intent(itsm.Trigger))
	refs := []connectors.Ref{{Incident: 8, Epoch: 1}, {Incident: 7, Epoch: 2}}
	o := ours(t, s)
	s.P.Change(o.ID, func(o *connectortest.Object) { o.Fields["labels"] = strings.Replace(o.Fields["labels"], key, "", 1) })
	if got, err := c.LookMany(t.Context(), refs); err != nil || got[1].Status != connectors.RecordNone {
		t.Errorf("an issue that lost its label: %+v, %v", got, err)
	}
	s.P.Change(o.ID, func(o *connectortest.Object) { o.Fields["labels"] += " " + key })
	s.Blind = true
	got, err := c.LookMany(t.Context(), refs)
	if err != nil || got[0].Status != connectors.RecordNone || got[1].Status != connectors.RecordOpen {
		t.Errorf("records %+v, %v; expected none and open", got, err)
	}
	s.Blind = false
	desk := connector(url, func(o *jira.Options) { o.ServiceDesk, o.RequestType = "1", "10" })
	s.P.Create(connectortest.Object{Title: "a request", Fields: map[string]string{"description": `"Record ` + source.RecordKey(9, 1) + `."`}})
	if got, err := desk.LookMany(t.Context(), []connectors.Ref{{Incident: 9, Epoch: 1}}); err != nil || got[0].Status != connectors.RecordOpen {
		t.Errorf("a request without its label is %+v, %v", got, err)
	}
}
