package demo

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"signalbox/ingest/source/kind"
	"signalbox/itsm"
	"signalbox/itsm/cmdb"
)

// TestEveryAlertIsReadAndBinds decodes each body with its sender's decoder and
// looks its CI up in the example CMDB.
func TestEveryAlertIsReadAndBinds(t *testing.T) {
	doc, problems := cmdb.Parse(cmdb.YAML, strings.NewReader(string(CMDB)))
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	changes, _, problems := cmdb.Empty(cmdb.DefaultRelationTypes()).Plan(doc, "demo", false)
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	g := cmdb.Empty(cmdb.DefaultRelationTypes()).Apply(changes)
	as, err := recording()
	if err != nil {
		t.Fatal(err)
	}
	senders := map[string]int{}
	now := time.Date(2026, 11, 3, 9, 0, 0, 0, time.UTC)
	for _, a := range as {
		senders[a.sender]++
		body, err := json.Marshal(a.body(now))
		if err != nil {
			t.Fatal(err)
		}
		decode, err := kind.Decoder(a.sender, kind.Options{})
		if err != nil {
			t.Fatal(err)
		}
		r, err := decode(body, itsm.TimeOf(now))
		if err != nil {
			t.Fatalf("%s %q: %v", a.sender, a.title, err)
		}
		events, bad := r.Events, len(r.Bad)
		if len(events) != 1 || bad != 0 {
			t.Fatalf("%s %q: %d events, %d bad", a.sender, a.title, len(events), bad)
		}
		e := events[0]
		if (e.Status == itsm.Firing) != a.firing || e.Title != a.title {
			t.Errorf("%s %q is read as %s %q", a.sender, a.title, e.Status, e.Title)
		}
		if b := g.Identify(cmdb.Sighting{Source: a.sender, CIName: e.CIName, Labels: e.Labels}); b.Ref == cmdb.NoRef {
			t.Errorf("%s %q %v binds to nothing: %v", a.sender, a.title, a.labels, b.Trail)
		}
	}
	if len(senders) != 3 || len(as) < 40 {
		t.Errorf("%d alerts of %v", len(as), senders)
	}
}
