package pagerduty_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"signalbox/connectors/connectortest"
	"signalbox/connectors/pagerduty"
	"signalbox/connectors/pagerduty/pagerdutytest"
	"signalbox/itsm"
)

var update = flag.Bool("update", false, "write the golden files anew")

// recorder keeps what is sent to a front, as text.
type recorder struct {
	next http.Handler
	log  bytes.Buffer
}

func (r *recorder) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	b, _ := io.ReadAll(q.Body)
	fmt.Fprintf(&r.log, "%s %s\n", q.Method, q.URL)
	for _, name := range []string{"Accept", "Authorization", "Content-Type", "From"} {
		if v := q.Header.Get(name); v != "" {
			fmt.Fprintf(&r.log, "%s: %s\n", name, v)
		}
	}
	if len(b) > 0 {
		json.Indent(&r.log, b, "", "  ")
		r.log.WriteString("\n")
	}
	r.log.WriteString("\n")
	q.Body = io.NopCloser(bytes.NewReader(b))
	r.next.ServeHTTP(w, q)
}

// everything is an intent with all that a PagerDuty incident can show.
func everything(tr itsm.Transition) itsm.Intent {
	in := intent(tr)
	in.Route = "checkout"
	in.Snapshot.Impact, in.Snapshot.Urgency, in.Snapshot.Assignee = itsm.High, itsm.High, "ada"
	in.Snapshot.OpenedAt = 1_699_999_900_000
	in.Snapshot.Runbook = "https://wiki.example.com/orders"
	in.Snapshot.Links = []itsm.ExternalRef{{Connector: "pd", ID: "OBJ00001", URL: "https://acme.pagerduty.com/incidents/OBJ00001"},
		{Connector: "jira", ID: "OPS-7", URL: "https://acme.atlassian.net/browse/OPS-7"}}
	return in
}

// TestBodies holds the requests to what PagerDuty documents, field by field.
func TestBodies(t *testing.T) {
	picture := everything(itsm.Trigger)
	picture.Snapshot.Runbook, picture.Route = "https://grafana.example.com/render/orders.png?width=800", ""
	moved := everything(itsm.Update)
	moved.Snapshot.Title, moved.Snapshot.Assignee = "orders and search are failing", ""
	for _, c := range []struct {
		name string
		push []itsm.Intent
	}{
		{"trigger", []itsm.Intent{everything(itsm.Trigger)}},
		{"picture", []itsm.Intent{picture}},
		{"update", []itsm.Intent{everything(itsm.Trigger), moved}},
		{"acknowledge", []itsm.Intent{everything(itsm.Trigger), everything(itsm.Acknowledge)}},
		{"resolve", []itsm.Intent{everything(itsm.Trigger), everything(itsm.Resolve)}},
		{"note", []itsm.Intent{everything(itsm.Trigger), everything(itsm.Note)}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := &recorder{next: pagerdutytest.Front(connectortest.NewPartner())}
			h := httptest.NewServer(r)
			defer h.Close()
			pd := connector(pagerdutytest.New(t), h.URL, pagerduty.Options{APIToken: pagerdutytest.FrontToken, From: pagerdutytest.FrontFrom, RoutingKey: pagerdutytest.FrontKey,
				RoutingKeys: map[string]string{"checkout": pagerdutytest.FrontKey}, EscalationPolicies: map[string]string{"dba": "PESC1"}, Users: map[string]string{"ada": "PUSER7"}, StatusUpdates: true})
			for n, in := range c.push {
				if n == len(c.push)-1 {
					r.log.Reset()
				}
				if _, err := pd.Push(t.Context(), in); err != nil {
					t.Fatalf("%s: %v", in.Transition, err)
				}
			}
			golden(t, c.name, r.log.Bytes())
		})
	}
}

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	file := filepath.Join("testdata", name+".golden")
	if *update {
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), string(got)); d != "" {
		t.Errorf("%s (-want +got):\n%s", file, d)
	}
}

func TestChangeEvent(t *testing.T) {
	r := &recorder{next: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusAccepted)
		io.WriteString(w, `{"status":"success","message":"Change event processed"}`)
	})}
	h := httptest.NewServer(r)
	defer h.Close()
	pd := connector(pagerdutytest.New(t), h.URL, pagerduty.Options{RoutingKey: "general", RoutingKeys: map[string]string{"checkout": "checkout-key", "search": "search-key"}})
	for _, ch := range []itsm.Change{
		{ID: "CHG0000007", ExternalID: "acme/shop#4711", Source: "github", Type: itsm.StandardChange, State: itsm.ChangeSuccessful, Title: "Deploy shop 1.4.2", Who: "deploy-bot", EndedAt: 1_700_000_000_000,
			CIs: []string{"checkout", "shop-api"}, Services: []string{"checkout"}, URL: "https://github.example.com/acme/shop/pull/4711", Risk: "low", Description: "smaller baskets"},
		{ID: "CHG0000008", State: itsm.ChangePlanned, Title: "Move the SAN", CreatedAt: 1_700_000_000_000, CIs: []string{"san"}},
	} {
		if err := pd.TellChange(t.Context(), &ch); err != nil {
			t.Fatal(err)
		}
	}
	golden(t, "change", r.log.Bytes())
}
