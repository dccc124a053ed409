package pagerduty_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/google/go-cmp/cmp"

	"signalbox/connectors"
	"signalbox/connectors/connectortest"
	"signalbox/connectors/goldentest"
	"signalbox/connectors/pagerduty"
	"signalbox/connectors/pagerduty/pagerdutytest"
	"signalbox/itsm"
)

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
			goldentest.Same(t, c.name+".golden", r.log.String())
		})
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
		if _, err := pd.Push(t.Context(), changeIntent(t, &ch)); err != nil {
			t.Fatal(err)
		}
	}
	goldentest.Same(t, "change.golden", r.log.String())
	if _, err := pd.Push(t.Context(), itsm.Intent{Key: "k", Object: "CHG0000009", Body: []byte(`{"id":"CHG0000001"}`)}); err == nil || connectors.IsPassing(err) {
		t.Errorf("an intent about one change with another in it: %v", err)
	}
}

func changeIntent(t *testing.T, ch *itsm.Change) itsm.Intent {
	t.Helper()
	b, err := json.Marshal(ch)
	if err != nil {
		t.Fatal(err)
	}
	return itsm.Intent{Key: "key-" + ch.ID, Connector: "pd", Object: ch.ID, Transition: itsm.Update, Body: b}
}

// TestChangeEventIsNotRepeated: what one integration confirmed is not told it again
// when another has to wait.
func TestChangeEventIsNotRepeated(t *testing.T) {
	t.Parallel()
	told := map[string]int{}
	h := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		var e struct {
			Key string `json:"routing_key"`
		}
		json.NewDecoder(q.Body).Decode(&e)
		if told[e.Key]++; e.Key == "search-key" && told[e.Key] == 1 {
			w.WriteHeader(http.StatusTooManyRequests)
			return
		}
		w.WriteHeader(http.StatusAccepted)
		io.WriteString(w, `{"status":"success"}`)
	}))
	defer h.Close()
	pd := connector(pagerdutytest.New(t), h.URL, pagerduty.Options{RoutingKeys: map[string]string{"checkout": "checkout-key", "search": "search-key"}})
	in := changeIntent(t, &itsm.Change{ID: "CHG0000007", State: itsm.ChangeSuccessful, Title: "Deploy", Services: []string{"checkout", "search"}})
	if _, err := pd.Push(t.Context(), in); !connectors.IsPassing(err) {
		t.Fatalf("got %v, expected a failure that passes", err)
	}
	if _, err := pd.Push(t.Context(), in); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(map[string]int{"checkout-key": 1, "search-key": 2}, told); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}
