package pagerduty_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"signalbox/connectors"
	"signalbox/connectors/pagerduty"
	"signalbox/connectors/pagerduty/pagerdutytest"
	"signalbox/itsm"
)

// account is what an account lists, in pages of one service.
func account(w http.ResponseWriter, r *http.Request) {
	reply := func(v any) { json.NewEncoder(w).Encode(v) }
	type m = map[string]any
	services := []m{
		{"id": "PSVC1", "name": "Shop", "html_url": "https://acme.pagerduty.com/service-directory/PSVC1", "description": "sells", "teams": []m{{"id": "PT1", "summary": "Web"}}, "escalation_policy": m{"id": "PE1", "summary": "Web on call"}},
		{"id": "PSVC2", "name": "Orders DB", "teams": []m{}},
	}
	ends := func(kindFrom, from, kindTo, to string) m {
		return m{"type": "service_dependency", "dependent_service": m{"id": from, "type": kindFrom}, "supporting_service": m{"id": to, "type": kindTo}}
	}
	shopOnDB := ends("technical_service_reference", "PSVC1", "technical_service_reference", "PSVC2")
	sellingOnShop := ends("business_service_reference", "PBUS1", "technical_service_reference", "PSVC1")
	switch path := r.URL.Path; {
	case path == "/services":
		var offset int
		fmt.Sscan(r.URL.Query().Get("offset"), &offset)
		n := min(offset/100, 1) // a page is one service here, whatever its limit
		reply(m{"services": services[n : n+1], "limit": 100, "offset": offset, "more": n == 0, "total": 2})
	case path == "/business_services":
		reply(m{"business_services": []m{{"id": "PBUS1", "name": "Selling", "point_of_contact": "Eve", "team": m{"id": "PT1"}}}, "limit": 100, "offset": 0, "more": false})
	case path == "/service_dependencies/technical_services/PSVC1":
		reply(m{"relationships": []m{shopOnDB, sellingOnShop}})
	case path == "/service_dependencies/technical_services/PSVC2":
		reply(m{"relationships": []m{shopOnDB, ends("technical_service_reference", "PSVC2", "technical_service_reference", "PGONE")}})
	case path == "/service_dependencies/business_services/PBUS1":
		reply(m{"relationships": []m{sellingOnShop}})
	case path == "/users":
		reply(m{"users": []m{{"id": "PU1", "email": "Signalbox@example.com"}}})
	case path == "/priorities":
		reply(m{"priorities": []m{{"id": "A", "name": "SEV-1"}, {"id": "B", "name": "sev 2"}, {"id": "C", "name": "Page the boss"}}})
	case strings.HasPrefix(path, "/escalation_policies/PE1"):
		reply(m{"escalation_policy": m{"id": "PE1"}})
	default:
		w.WriteHeader(http.StatusNotFound)
		reply(m{"error": m{"code": 2100, "message": "Not Found"}})
	}
}

func TestInventory(t *testing.T) {
	t.Parallel()
	h := httptest.NewServer(http.HandlerFunc(account))
	defer h.Close()
	got, err := connector(pagerdutytest.New(t), h.URL, pagerduty.Options{APIToken: "t"}).Inventory(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want := connectors.Estate{
		CIs: []itsm.CI{
			{ID: "pagerduty:service/PSVC1", Name: "Shop", Class: "Service", SupportGroup: "Web", Attributes: map[string]any{"url": "https://acme.pagerduty.com/service-directory/PSVC1", "description": "sells", "escalation_policy": "Web on call"}},
			{ID: "pagerduty:service/PSVC2", Name: "Orders DB", Class: "Service", Attributes: map[string]any{}},
			{ID: "pagerduty:business_service/PBUS1", Name: "Selling", Class: "BusinessService", Owner: "Eve", Attributes: map[string]any{}},
		},
		Relations: []itsm.Relation{
			{From: "pagerduty:service/PSVC1", Type: "depends_on", To: "pagerduty:service/PSVC2"},
			{From: "pagerduty:business_service/PBUS1", Type: "depends_on", To: "pagerduty:service/PSVC1"},
		},
		LeftOut: []string{`the dependency of "pagerduty:service/PSVC2" on "pagerduty:service/PGONE", of which one is not listed`},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

// TestInventoryIsWholeOrAnError: an import that prunes takes what is missing for gone.
func TestInventoryIsWholeOrAnError(t *testing.T) {
	t.Parallel()
	h := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.Contains(r.URL.Path, "dependencies/technical_services/PSVC2") {
			w.WriteHeader(http.StatusForbidden)
			return
		}
		account(w, r)
	}))
	defer h.Close()
	got, err := connector(pagerdutytest.New(t), h.URL, pagerduty.Options{APIToken: "t"}).Inventory(t.Context())
	if err == nil || len(got.CIs) > 0 || !strings.Contains(err.Error(), "Orders DB") {
		t.Errorf("got %d CIs and %v, want none and an error that names Orders DB", len(got.CIs), err)
	}
}

func TestCheck(t *testing.T) {
	t.Parallel()
	h := httptest.NewServer(http.HandlerFunc(account))
	defer h.Close()
	for _, c := range []struct {
		o     pagerduty.Options
		want  string
		fails bool
	}{
		{pagerduty.Options{}, "integration key only", false},
		{pagerduty.Options{APIToken: "t", From: "signalbox@example.com", EscalationPolicies: map[string]string{"web": "PE1"}}, "2 services, as signalbox@example.com, 2 priorities of P1 to P5", false},
		{pagerduty.Options{APIToken: "t", From: "nobody@example.com"}, "from: ", true},
		{pagerduty.Options{APIToken: "t", EscalationPolicies: map[string]string{"web": "PE9"}}, `escalation_policies.web: PagerDuty has no policy "PE9"`, true},
		{pagerduty.Options{APIToken: "t", Users: map[string]string{"ada": "PU9"}}, `users.ada: PagerDuty has no user "PU9"`, true},
	} {
		said, err := connector(pagerdutytest.New(t), h.URL, c.o).Check(t.Context())
		if err != nil {
			said = err.Error()
		}
		if (err != nil) != c.fails || !strings.Contains(said, c.want) {
			t.Errorf("%+v: %q (%v), want %q in it", c.o, said, err, c.want)
		}
	}
}

// TestLookSaysWhatIsKnown: what a Push cannot set is left out, or it would differ for ever.
func TestLookSaysWhatIsKnown(t *testing.T) {
	t.Parallel()
	in := map[string]any{"id": "PD1", "status": "acknowledged", "incident_key": key, "html_url": "https://acme.pagerduty.com/incidents/PD1", "last_status_change_at": "2026-11-21T12:00:00Z",
		"last_status_change_by": map[string]any{"type": "user_reference", "summary": "Jane Doe"}, "priority": map[string]any{"id": "B", "name": "sev 2"},
		"assignments": []any{map[string]any{"assignee": map[string]any{"id": "PU7", "summary": "Ada Lovelace"}}}}
	h := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/incidents" {
			json.NewEncoder(w).Encode(map[string]any{"incidents": []any{in}})
			return
		}
		account(w, r)
	}))
	defer h.Close()
	link := itsm.ExternalRef{Connector: "pd", ID: "PD1", URL: "https://acme.pagerduty.com/incidents/PD1"}
	const at = 1795262400999 // the end of that second
	for _, c := range []struct {
		o    pagerduty.Options
		want connectors.Record
	}{
		{pagerduty.Options{APIToken: "t"}, connectors.Record{Status: connectors.RecordAcknowledged, Link: link, Version: at, By: "Jane Doe"}},
		{pagerduty.Options{APIToken: "t", From: "a@example.com", Users: map[string]string{"ada": "PU7"}},
			connectors.Record{Status: connectors.RecordAcknowledged, Link: link, Version: at, By: "Jane Doe", Knows: itsm.SyncPriority | itsm.SyncAssignee, Priority: itsm.P2, Assignee: "ada"}},
	} {
		got, err := connector(pagerdutytest.New(t), h.URL, c.o).Look(t.Context(), 7, 2)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(c.want, got); d != "" {
			t.Errorf("(-want +got):\n%s", d)
		}
	}
}
