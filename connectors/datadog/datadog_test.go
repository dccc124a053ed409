package datadog_test

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"signalbox/connectors"
	"signalbox/connectors/connectortest"
	"signalbox/connectors/datadog"
	"signalbox/connectors/datadog/datadogtest"
	"signalbox/connectors/goldentest"
	"signalbox/itsm"
)

// records are the incidents here.
type records struct {
	alerts   []itsm.Alert
	incident itsm.Incident
}

func (r *records) Alerts(n itsm.IncidentNumber, _ int) ([]itsm.Alert, error) {
	return slices.DeleteFunc(slices.Clone(r.alerts), func(a itsm.Alert) bool { return a.Incident != n }), nil
}

func (r *records) Members(n itsm.IncidentNumber, limit int) ([]itsm.Alert, error) {
	list, err := r.Alerts(n, limit)
	return slices.DeleteFunc(list, func(a itsm.Alert) bool { return a.Status != itsm.Firing }), err
}

func (r *records) Incident(n itsm.IncidentNumber) (itsm.Incident, error) {
	if n != r.incident.Number {
		return itsm.Incident{}, itsm.Errorf(itsm.NotFound, "no incident %s", n)
	}
	return r.incident, nil
}

// alert fires about a monitor's group in INC0000007.
func alert(monitor int, identity string, labels map[string]string) itsm.Alert {
	labels["monitor_id"] = fmt.Sprint(monitor)
	return itsm.Alert{Number: itsm.AlertNumber(len(identity)), Source: "datadog", Key: itsm.KeyOf("datadog", identity), Status: itsm.Firing, Episode: 1, Incident: 7, Labels: itsm.LabelsOf(labels)}
}

func setup(t *testing.T) (*datadogtest.Server, *records) {
	s := datadogtest.New(t)
	s.Monitors["11"] = `{"id":11,"overall_state":"Alert","state":{"groups":{"host:db1,env:prod":{"status":"Alert","last_triggered_ts":1700000000},"host:db2,env:prod":{"status":"OK"},"host:db 3,env:prod":{"status":"No Data"}}}}`
	s.Monitors["12"] = `{"id":12,"overall_state":"OK","state":{"groups":{}}}`
	r := &records{incident: itsm.Incident{Number: 7, Epoch: 2, State: itsm.InProgress, AcknowledgedAt: 1}}
	r.alerts = []itsm.Alert{alert(11, "agg-1", map[string]string{"host": "db1", "env": "prod", "team": "db"}), alert(11, "agg-3", map[string]string{"host": "db 3", "env": "prod"}), alert(12, "agg-2", map[string]string{})}
	return s, r
}

func connector(s *datadogtest.Server, r *records, o datadog.Options) *datadog.Connector {
	o.Name, o.URL, o.APIKey, o.AppKey, o.Sources = "dd", s.URL, datadogtest.APIKey, datadogtest.AppKey, []string{"datadog"}
	o.Project, o.CaseType = "e555e290-ed65-49bd-ae18-8acbfcf18db7", "3b010bde-09ce-4449-b745-71dd5f861963"
	o.ExternalURL = "https://signalbox.example.com"
	o.HTTP = connectors.NewClient(slog.New(slog.DiscardHandler))
	c := datadog.New(o)
	c.Read(r)
	return c
}

func intent(tr itsm.Transition) itsm.Intent {
	return itsm.Intent{Key: "k0123456789abcdef-" + string(tr), Connector: "dd", Incident: 7, Epoch: 2, Transition: tr, At: itsm.TimeOf(time.Now().Add(2 * time.Millisecond)), Actor: "console:ada", Text: "because @all of it",
		Snapshot: itsm.IncidentSnapshot{Title: "Disk of db1 is full @here\n", Priority: itsm.P2, Severity: itsm.Critical}}
}

func push(t *testing.T, c *datadog.Connector, trs ...itsm.Transition) {
	t.Helper()
	for _, tr := range trs {
		if _, err := c.Push(t.Context(), intent(tr)); err != nil {
			t.Fatalf("%s: %v", tr, err)
		}
	}
}

var everything = []itsm.Transition{itsm.Trigger, itsm.Update, itsm.Acknowledge, itsm.Note, itsm.Resolve}

// TestBodies compares every body that is sent with the golden file; the fake holds
// each against Datadog's documents as well.
func TestBodies(t *testing.T) {
	t.Parallel()
	clock := func() time.Time { return time.Date(2099, 1, 2, 3, 4, 5, 0, time.UTC) }
	for _, keep := range []datadog.Keep{datadog.KeepCases, datadog.KeepIncidents} {
		s, r := setup(t)
		c := connector(s, r, datadog.Options{Events: true, Keep: keep, DowntimeOnAcknowledge: true, Clock: clock})
		push(t, c, itsm.Trigger)
		up := intent(itsm.Update)
		up.Snapshot.Title, up.Snapshot.Priority = "It grew", itsm.P1
		if _, err := c.Push(t.Context(), up); err != nil {
			t.Fatal(err)
		}
		push(t, c, itsm.Acknowledge, itsm.Note)
		r.incident.State = itsm.InProgress
		push(t, c, itsm.Resolve)
		var out strings.Builder
		for _, call := range s.Calls("") {
			if call.Method == http.MethodGet {
				continue
			}
			var v any
			if call.Body != "" {
				if err := json.Unmarshal([]byte(call.Body), &v); err != nil {
					t.Fatal(err)
				}
			}
			fmt.Fprintf(&out, "%s %s\n%s\n", call.Method, call.Path, goldentest.JSON(t, v))
		}
		goldentest.Same(t, string(keep)+".golden", out.String())
	}
}

// TestEvents: the stream of each monitor's alert hears once that somebody works on
// it and that it is over, and nobody is mentioned by what an alert says.
func TestEvents(t *testing.T) {
	t.Parallel()
	s, r := setup(t)
	c := connector(s, r, datadog.Options{Events: true})
	push(t, c, everything...)
	var got []string
	for _, e := range s.Events() {
		got = append(got, e.AggregationKey+" "+e.AlertType+" "+e.Title)
		for _, text := range []string{e.Title, e.Text} {
			if strings.Contains(text, "@here") || strings.Contains(text, "@all") {
				t.Errorf("somebody is mentioned: %q", text)
			}
		}
		if !strings.Contains(e.Text, "https://signalbox.example.com/incidents/INC0000007") {
			t.Errorf("no way back: %q", e.Text)
		}
	}
	var want []string
	for _, w := range []string{"info INC0000007 acknowledged by console:ada", "success INC0000007 resolved by console:ada"} {
		for _, k := range []string{"agg-1", "agg-2", "agg-3"} {
			want = append(want, k+" "+w)
		}
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("events (-want +got):\n%s", d)
	}
	r.alerts[0].Source, r.alerts[1].Source, r.alerts[2].Source = "prom", "prom", "prom"
	push(t, c, everything...)
	if n := len(s.Events()); n != len(want) {
		t.Errorf("%d events about an incident that Datadog knows nothing of", n-len(want))
	}
}

// TestDowntimes: one for each monitor, for the groups that fire; prolonged while
// somebody works on it, ended when that is over, and nobody else's is touched.
func TestDowntimes(t *testing.T) {
	t.Parallel()
	s, r := setup(t)
	now := time.Now()
	c := connector(s, r, datadog.Options{DowntimeOnAcknowledge: true, Clock: func() time.Time { return now }})
	for range 120 { // more than a page
		s.AddDowntime("of bob [INC0000007.2-000000]")
	}
	push(t, c, itsm.Trigger)
	push(t, c, itsm.Acknowledge, itsm.Acknowledge)
	ours := func(state string) (out []datadogtest.Downtime) {
		for _, d := range s.Downtimes(state) {
			if d.Monitor != 0 {
				out = append(out, d)
			}
		}
		return out
	}
	got := ours("active")
	if len(got) != 2 || got[0].Monitor != 11 || got[0].Scope != `(host:"db 3" AND env:prod) OR (host:db1 AND env:prod)` || got[1].Monitor != 12 || got[1].Scope != "*" {
		t.Fatalf("downtimes %+v", got)
	}
	if strings.Contains(got[0].Message, "@here") || !strings.Contains(got[0].Message, "https://signalbox.example.com/incidents/INC0000007 [INC0000007.2-") {
		t.Errorf("message %q", got[0].Message)
	}
	now = now.Add(90 * time.Minute)
	if err := c.Tend(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	if d := ours("active")[0].End.Sub(now); d < datadog.DefaultDowntimeFor-2*time.Second || d > datadog.DefaultDowntimeFor {
		t.Errorf("prolonged to %v from now", d)
	}
	r.incident.AcknowledgedAt = 0
	if err := c.Tend(t.Context(), nil); err != nil || len(ours("active")) != 0 {
		t.Errorf("nobody works on it any more: %v, %+v", err, ours("active"))
	}
	r.incident.AcknowledgedAt = 1
	push(t, c, itsm.Acknowledge)
	push(t, c, itsm.Resolve, itsm.Resolve)
	if len(ours("active")) != 0 || len(s.Downtimes("active")) != 120 {
		t.Errorf("after the resolve: %+v, and %d of others", ours("active"), len(s.Downtimes("active")))
	}
}

// TestStandings: a monitor's group says how an alert stands, and what cannot be told
// is not.
func TestStandings(t *testing.T) {
	t.Parallel()
	s, r := setup(t)
	s.Monitors["13"] = `{"overall_state":"Alert","state":{"groups":{"*":{"status":"OK"}}}}`
	s.Monitors["14"] = `{"overall_state":"Ignored"}`
	c := connector(s, r, datadog.Options{})
	ruled := alert(11, "r", map[string]string{"host": "db2", "env": "prod"})
	ruled.Rules = []string{"normalise:lower"}
	asked := []itsm.Alert{
		r.alerts[0], r.alerts[1], r.alerts[2],
		alert(11, "x", map[string]string{"host": "db2", "env": "prod"}),
		alert(11, "y", map[string]string{"host": "db9", "env": "prod"}), // a group that is not listed
		alert(99, "z", map[string]string{}),                             // of another organisation, or deleted
		ruled,
		alert(13, "s", map[string]string{}),
		alert(14, "i", map[string]string{}),
	}
	got, err := c.Standings(t.Context(), asked)
	if err != nil {
		t.Fatal(err)
	}
	const u, f, g = connectors.StandsUnknown, connectors.StandsFiring, connectors.StandsGone
	want := []connectors.StandingState{f, f, g, g, u, u, u, f, u}
	for i, w := range want {
		if got[i].State != w {
			t.Errorf("alert %d %v: %v, want %v", i, asked[i].Labels, got[i].State, w)
		}
	}
	if got[0].Since != 1_700_000_000_000 {
		t.Errorf("since %v", got[0].Since)
	}
	s.Refuse(func(w http.ResponseWriter, r *http.Request) bool {
		http.Error(w, `{"errors":["slow down"]}`, http.StatusTooManyRequests)
		return true
	})
	if _, err := c.Standings(t.Context(), asked); !connectors.IsPassing(err) || !strings.Contains(err.Error(), "slow down") {
		t.Errorf("when it is asked too often: %v", err)
	}
}

// TestLook: a record is found by its links or by a search, and never taken for
// somebody else's.
func TestLook(t *testing.T) {
	t.Parallel()
	for _, keep := range []datadog.Keep{datadog.KeepCases, datadog.KeepIncidents} {
		s, r := setup(t)
		c := connector(s, r, datadog.Options{Keep: keep})
		s.Partner.Create(connectortest.Object{Title: "of another Signalbox [INC0000007.2-000000]"})
		if rec, err := c.Look(t.Context(), 7, 2); err != nil || rec.Status != connectors.RecordNone {
			t.Errorf("%s before: %+v, %v", keep, rec, err)
		}
		push(t, c, itsm.Trigger, itsm.Acknowledge)
		const want = connectors.RecordAcknowledged
		rec, err := c.Look(t.Context(), 7, 2)
		if err != nil || rec.Status != want || rec.Link.ID == "" || rec.Version == 0 || !strings.HasPrefix(rec.Link.URL, "https://app.datadoghq.com/") {
			t.Errorf("%s: %+v, %v", keep, rec, err)
		}
		r.incident.Links = []itsm.ExternalRef{{Connector: "dd", ID: "OBJ00001"}, rec.Link} // the first is not ours
		c = connector(s, r, datadog.Options{Keep: keep})                                   // another process, which has made nothing
		in := intent(itsm.Resolve)
		in.Snapshot.Links = r.incident.Links
		before := len(s.Calls("GET"))
		if _, err := c.Push(t.Context(), in); err != nil || len(s.Calls("GET")) != before+2 {
			t.Errorf("%s: by its links: %v, %d calls", keep, err, len(s.Calls("GET"))-before)
		}
		if rec, err = c.Look(t.Context(), 7, 2); err != nil || rec.Status != connectors.RecordResolved {
			t.Errorf("%s resolved: %+v, %v", keep, rec, err)
		}
		if rec, err = c.Look(t.Context(), 7, 3); err != nil || rec.Status != connectors.RecordNone {
			t.Errorf("%s of another epoch: %+v, %v", keep, rec, err)
		}
	}
	s, r := setup(t)
	if _, err := connector(s, r, datadog.Options{}).Look(t.Context(), 7, 2); err == nil || connectors.IsPassing(err) {
		t.Errorf("where nothing is kept: %v", err)
	}
}

// TestInventory reads a catalog of several pages into CIs and relations that an
// import takes.
func TestInventory(t *testing.T) {
	t.Parallel()
	s, r := setup(t)
	add := func(list *[]json.RawMessage, format string, args ...any) {
		*list = append(*list, json.RawMessage(fmt.Sprintf(format, args...)))
	}
	for i := range 205 {
		add(&s.Entities, `{"id":"e%d","type":"entity","attributes":{"apiVersion":"v3","kind":"service","name":"svc-%03d","namespace":"default","owner":"team-%d","tags":["env:prod","a:b"]},"relationships":{"schema":{"data":{"id":"s%d","type":"schema"}}}}`, i, i, i%3, i)
	}
	add(&s.Entities, `{"id":"d1","attributes":{"kind":"datastore","name":"orders","namespace":"shop","displayName":"Orders DB"}}`)
	add(&s.Entities, `{"id":"d2","attributes":{"kind":"datastore","name":"orders","namespace":"shop"}}`)
	add(&s.Entities, `{"id":"d3","attributes":{"kind":"custom.robot","name":"r2"}}`)
	add(&s.Entities, `{"id":"d4","attributes":{"kind":"service"}}`)
	add(&s.Included, `{"id":"s0","type":"schema","attributes":{"schema":{"spec":{"tier":"Tier 0","lifecycle":"production","type":"web"}}}}`)
	rel := func(from, typ, to string) {
		add(&s.Relations, `{"id":"x","attributes":{"from":{"kind":"service","name":%q},"type":"RelationType%s","to":{"kind":"service","name":%q}}}`, from, typ, to)
	}
	rel("svc-000", "DependsOn", "svc-001")
	rel("svc-001", "DependencyOf", "svc-000") // the same
	rel("svc-002", "PartsOf", "svc-003")
	rel("svc-002", "OwnedBy", "svc-003") // no relation of CIs
	rel("svc-002", "DependsOn", "svc-999")
	got, err := connector(s, r, datadog.Options{}).Inventory(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(got.CIs) != 207 || len(got.LeftOut) != 3 {
		t.Fatalf("%d CIs, left out %q", len(got.CIs), got.LeftOut)
	}
	first := itsm.CI{ID: "datadog:service/svc-000", Name: "svc-000", Class: "Service", Env: "prod", Tier: 1, SupportGroup: "team-0",
		Attributes: map[string]any{"datadog_id": "e0", "tags": "env:prod,a:b", "tier": "Tier 0", "lifecycle": "production", "type": "web"}}
	at := slices.IndexFunc(got.CIs, func(c itsm.CI) bool { return c.ID == first.ID })
	if at < 0 || cmp.Diff(first, got.CIs[at]) != "" {
		t.Errorf("CI (-want +got):\n%s", cmp.Diff(first, got.CIs[max(at, 0)]))
	}
	if c := got.CIs[1]; c.ID != "datadog:datastore/shop/orders" || c.Class != "Database" || !slices.Equal(c.Aliases, []string{"Orders DB"}) {
		t.Errorf("CI %+v", c)
	}
	want := []itsm.Relation{{From: "datadog:service/svc-000", Type: "depends_on", To: "datadog:service/svc-001"}, {From: "datadog:service/svc-002", Type: "part_of", To: "datadog:service/svc-003"}}
	if d := cmp.Diff(want, got.Relations); d != "" {
		t.Errorf("relations (-want +got):\n%s", d)
	}
	// A page that does not come is no short catalog.
	n := 0
	s.Refuse(func(w http.ResponseWriter, r *http.Request) bool {
		if n++; n < 3 {
			return false
		}
		w.WriteHeader(http.StatusBadGateway)
		return true
	})
	if got, err := connector(s, r, datadog.Options{}).Inventory(t.Context()); err == nil || len(got.CIs) != 0 {
		t.Errorf("half a catalog: %d CIs, %v", len(got.CIs), err)
	}
}

// TestCheck says whether the keys are good without changing anything.
func TestCheck(t *testing.T) {
	t.Parallel()
	s, r := setup(t)
	c := connector(s, r, datadog.Options{})
	if text, err := c.Check(t.Context()); err != nil || text != "the keys are valid at datadoghq.com" {
		t.Errorf("%q, %v", text, err)
	}
	bad := datadog.New(datadog.Options{Name: "dd", URL: s.URL, APIKey: "no-such-key", HTTP: http.DefaultClient})
	if _, err := bad.Check(t.Context()); connectors.StatusOf(err) != http.StatusForbidden || strings.Contains(err.Error(), "no-such-key") {
		t.Errorf("a wrong key: %v", err)
	}
}
