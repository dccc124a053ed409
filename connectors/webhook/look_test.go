package webhook_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"signalbox/connectors"
	"signalbox/connectors/webhook"
	"signalbox/itsm"
)

const asked = `
out:
  find: {method: GET, path: '"/find"', record: '""'}
  look:
    method: GET
    most: 2
    path: '"/tickets?keys=" + escape(keys.join(","))'
    records: answer.tickets
    incident: item.key
    record: item.id
    url: '"https://desk.example.com/" + item.id'
    state: item.state
    version: item.changed
    assignee: item.who
    by: item.by
  trigger: {path: '"/tickets"', body: '{"key": incident.key}'}
  resolve: {method: PUT, path: '"/tickets/" + escape(record)', body: '{"state": "resolved"}'}
`

// board is a partner that shows all it has, whatever it is asked.
type board struct {
	answer string
	status int
	calls  []string
}

func (b *board) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	b.calls = append(b.calls, r.Method+" "+r.URL.RequestURI())
	if b.status != 0 {
		w.WriteHeader(b.status)
	}
	fmt.Fprint(w, b.answer)
}

func TestLook(t *testing.T) {
	b := &board{answer: `{"tickets":[
		{"id":"T9","key":"CRM-1","state":"open","changed":5,"who":"eve","by":""},
		{"id":"T1","key":"signalbox/INC0000001/1","state":"acknowledged","changed":"2026-11-27T10:00:00Z","who":"ada","by":"jane"},
		{"id":"T2","key":"signalbox/INC0000002/3","state":"unresolved","changed":7,"who":"","by":""},
		{"id":"T3","key":"signalbox/INC0000003/1","state":"","changed":7,"who":"","by":""}]}`}
	h := httptest.NewServer(b)
	defer h.Close()
	c := connector(t, asked, h.URL, nil)
	m, ok := c.Able().(connectors.ManyLooker)
	if !ok {
		t.Fatal("it cannot be asked about many")
	}
	refs := []connectors.Ref{{Incident: 1, Epoch: 1}, {Incident: 2, Epoch: 3}, {Incident: 3, Epoch: 1}, {Incident: 1, Epoch: 2}}
	got, err := m.LookMany(t.Context(), refs)
	if err != nil {
		t.Fatal(err)
	}
	link := func(id string) itsm.ExternalRef {
		return itsm.ExternalRef{Connector: "desk", ID: id, URL: "https://desk.example.com/" + id}
	}
	want := []connectors.Record{
		{Status: connectors.RecordAcknowledged, Link: link("T1"), Version: 1795773600000, Knows: itsm.SyncAssignee, Assignee: "ada", By: "jane"},
		{Status: connectors.RecordOpen, AckUnknown: true, Link: link("T2"), Version: 7000, Knows: itsm.SyncAssignee}, {}, {}}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	if d := cmp.Diff([]string{"GET /tickets?keys=signalbox%2FINC0000001%2F1%2Csignalbox%2FINC0000002%2F3", "GET /tickets?keys=signalbox%2FINC0000003%2F1%2Csignalbox%2FINC0000001%2F2"}, b.calls); d != "" {
		t.Errorf("asked (-want +got):\n%s", d)
	}
	// The record that was found is the one that is written to.
	if _, err := c.Push(t.Context(), itsm.Intent{Key: "k", Incident: 2, Epoch: 3, Transition: itsm.Resolve}); err != nil || b.calls[len(b.calls)-1] != "PUT /tickets/T2" {
		t.Errorf("resolved with %s (%v)", b.calls[len(b.calls)-1], err)
	}
	for _, c := range []struct {
		answer  string
		status  int
		passing bool
		says    string
	}{
		{`{"error":"bad filter"}`, 0, true, "no such key: tickets"},
		{`{"tickets":{"id":1}}`, 0, true, "expected a list"},
		{`{"tickets":[{"id":"T1","key":"signalbox/INC0000001/1","state":"lost","changed":1,"who":"","by":""}]}`, 0, true, "out.look.state"},
		{`{"tickets":[{"id":"","key":"signalbox/INC0000001/1","state":"open","changed":1,"who":"","by":""}]}`, 0, true, "out.look.record"},
		{`{"tickets":[{"id":"T1","key":"signalbox/INC0000001/1","state":"open","changed":"soon","who":"","by":""}]}`, 0, true, "out.look.version"},
		{`no`, http.StatusForbidden, false, "403"},
		{`no`, http.StatusBadGateway, true, "502"},
	} {
		b.answer, b.status = c.answer, c.status
		if _, err := m.Look(t.Context(), 1, 1); err == nil || connectors.IsPassing(err) != c.passing || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v, want one with %q that may pass: %v", c.answer, err, c.says, c.passing)
		}
	}
}

func TestAMappingWithoutLookCannotBeAsked(t *testing.T) {
	if _, ok := connector(t, tickets, "https://desk.example.com", nil).Able().(connectors.Looker); ok {
		t.Error("it says that it can be asked")
	}
	one := strings.Replace(asked, "most: 2", "most: 1", 1)
	c := connector(t, one, "https://desk.example.com", func(*webhook.Options) {}).Able()
	if _, ok := c.(connectors.Looker); !ok {
		t.Error("it cannot be asked")
	}
	if _, ok := c.(connectors.ManyLooker); ok {
		t.Error("it is asked about many in one request")
	}
	if _, ok := c.(connectors.Finder); !ok {
		t.Error("it cannot find whose a record is any more")
	}
}
