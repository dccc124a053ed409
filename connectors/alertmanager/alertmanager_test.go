package alertmanager_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi2"
	"github.com/getkin/kin-openapi/openapi2conv"
	"github.com/getkin/kin-openapi/openapi3"
	"go.yaml.in/yaml/v3"

	"signalbox/connectors"
	"signalbox/connectors/alertmanager"
	"signalbox/connectors/alertmanager/alertmanagertest"
	"signalbox/ingest/source"
	"signalbox/itsm"
)

// records are the incidents here.
type records struct {
	alerts    []itsm.Alert
	incidents map[itsm.IncidentNumber]itsm.Incident
}

func (r *records) Members(n itsm.IncidentNumber, limit int) (out []itsm.Alert, err error) {
	for _, a := range r.alerts {
		if a.Incident == n && a.Status == itsm.Firing && len(out) < limit {
			out = append(out, a)
		}
	}
	return out, nil
}

func (r *records) Alerts(n itsm.IncidentNumber, limit int) ([]itsm.Alert, error) {
	return r.Members(n, limit)
}

func (r *records) Incident(n itsm.IncidentNumber) (itsm.Incident, error) {
	in, ok := r.incidents[n]
	if !ok {
		return in, itsm.Errorf(itsm.NotFound, "no incident %s", n)
	}
	return in, nil
}

// fire is an alert that fires in an incident.
func fire(n itsm.IncidentNumber, src string, labels map[string]string) itsm.Alert {
	ls := itsm.LabelsOf(labels)
	return itsm.Alert{Number: itsm.AlertNumber(len(ls)), Source: src, Key: itsm.KeyOf(src, source.Fingerprint(ls)), Status: itsm.Firing, Labels: ls, Incident: n, Episode: 1}
}

func connector(r *records, o alertmanager.Options, urls ...string) *alertmanager.Connector {
	o.Name, o.URLs, o.SilenceOnAcknowledge = "am", urls, true
	if o.Sources == nil {
		o.Sources = []string{"alertmanager"}
	}
	o.ExternalURL = "https://signalbox.example.com/"
	o.HTTP = connectors.NewClient(slog.New(slog.DiscardHandler))
	c := alertmanager.New(o)
	c.Read(r)
	return c
}

func intent(tr itsm.Transition) itsm.Intent {
	return itsm.Intent{Key: "k-" + string(tr), Connector: "am", Incident: 7, Epoch: 2, Transition: tr, At: itsm.TimeOf(time.Now().Add(2 * time.Millisecond)), Actor: "console:ada",
		Snapshot: itsm.IncidentSnapshot{Title: "Disk of db1 is full\n[signalbox:am:INC0000099:1]", Priority: itsm.P1}}
}

func open(acked bool) itsm.Incident {
	in := itsm.Incident{Number: 7, State: itsm.New, Epoch: 2}
	if acked {
		in.State, in.AcknowledgedAt = itsm.InProgress, 1
	}
	return in
}

func disk(instance string) map[string]string {
	return map[string]string{"alertname": "DiskFull", "instance": instance, "job": "node"}
}

func setup(t *testing.T) (*alertmanagertest.Server, *records) {
	s := alertmanagertest.New(t)
	r := &records{incidents: map[itsm.IncidentNumber]itsm.Incident{7: open(true)}}
	for _, i := range []string{"db1:9100", "db2:9100"} {
		s.Fire(disk(i))
		r.alerts = append(r.alerts, fire(7, "alertmanager", disk(i)))
	}
	s.Fire(disk("db3:9100")) // of nobody's incident
	return s, r
}

func push(t *testing.T, c *alertmanager.Connector, tr itsm.Transition) connectors.Receipt {
	t.Helper()
	r, err := c.Push(t.Context(), intent(tr))
	if err != nil {
		t.Fatalf("%s: %v", tr, err)
	}
	return r
}

func none(itsm.IncidentNumber, itsm.ExternalRef) {}

// TestLifeOfASilence: made when acknowledged, once, for what is in the incident
// alone, by the person, with the way back; prolonged; ended with the incident.
func TestLifeOfASilence(t *testing.T) {
	t.Parallel()
	s, r := setup(t)
	c := connector(r, alertmanager.Options{}, s.URL)
	push(t, c, itsm.Trigger)
	push(t, c, itsm.Note)
	if got := s.Calls(""); len(got) != 0 {
		t.Errorf("before it was acknowledged: %+v", got)
	}
	before := time.Now().Truncate(time.Millisecond)
	rc := push(t, c, itsm.Acknowledge)
	after := time.Now()
	push(t, c, itsm.Acknowledge)
	list := s.Silences("")
	if len(list) != 1 || rc.Link == nil || rc.Link.ID != list[0].ID || rc.Link.URL != s.URL+"/#/silences/"+list[0].ID {
		t.Fatalf("silences %+v, link %+v", list, rc.Link)
	}
	v := list[0]
	if made := v.EndsAt.Add(-alertmanager.DefaultSilenceFor); v.CreatedBy != "ada (Signalbox)" || made.Before(before) || made.After(after) ||
		!strings.HasPrefix(v.Comment, "https://signalbox.example.com/incidents/INC0000007 ") || !strings.HasSuffix(v.Comment, "[signalbox:am-006b54:INC0000007:2]") || strings.Contains(v.Comment, "\n") {
		t.Errorf("silence %+v", v)
	}
	for instance, want := range map[string]string{"db1:9100": "suppressed", "db2:9100": "suppressed", "db3:9100": "active"} {
		if got := stateOf(t, s, instance); got != want {
			t.Errorf("%s is %s, want %s", instance, got, want)
		}
	}
	s.Age(90 * time.Minute)
	tend(t, c)
	if got := s.Silences("active"); len(got) != 1 || got[0].ID != v.ID || time.Until(got[0].EndsAt) < time.Hour {
		t.Errorf("after it was prolonged: %+v", got)
	}
	push(t, c, itsm.Resolve)
	push(t, c, itsm.Resolve)
	if got := s.Silences("active"); len(got) != 0 {
		t.Errorf("after the resolve: %+v", got)
	}
}

func stateOf(t *testing.T, s *alertmanagertest.Server, instance string) string {
	t.Helper()
	resp, err := http.Get(s.URL + "/api/v2/alerts")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var list []struct {
		Labels map[string]string
		Status struct{ State string }
	}
	if err := json.NewDecoder(resp.Body).Decode(&list); err != nil {
		t.Fatal(err)
	}
	for _, a := range list {
		if a.Labels["instance"] == instance {
			return a.Status.State
		}
	}
	return "gone"
}

func tend(t *testing.T, c *alertmanager.Connector) {
	t.Helper()
	if err := c.Tend(t.Context(), none); err != nil {
		t.Fatal(err)
	}
}

// TestSilencesOutliveNothing: whatever was lost, a silence ends when its incident
// is over, unknown, or nobody's any more.
func TestSilencesOutliveNothing(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*records){
		"resolved":       func(r *records) { r.incidents[7] = itsm.Incident{State: itsm.IncidentResolved, AcknowledgedAt: 1} },
		"unknown":        func(r *records) { delete(r.incidents, 7) },
		"reopened":       func(r *records) { r.incidents[7] = itsm.Incident{State: itsm.New, AcknowledgedAt: 1, Epoch: 3} },
		"unacknowledged": func(r *records) { r.incidents[7] = open(false) },
	} {
		s, r := setup(t)
		c := connector(r, alertmanager.Options{}, s.URL)
		push(t, c, itsm.Acknowledge)
		tend(t, c)
		if got := s.Silences("active"); len(got) != 1 {
			t.Fatalf("%s: before: %+v", name, got)
		}
		change(r)
		tend(t, c)
		if got := s.Silences("active"); len(got) != 0 {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

// TestPeopleEditSilences: an edit has another id, which is followed; what a person
// ended stays ended, and what a person made is not touched.
func TestPeopleEditSilences(t *testing.T) {
	t.Parallel()
	s, r := setup(t)
	c := connector(r, alertmanager.Options{}, s.URL)
	push(t, c, itsm.Acknowledge)
	edited := s.Silences("active")[0]
	edited.Matchers = append(edited.Matchers, alertmanagertest.Matcher{Name: "job", Value: "node"})
	id := s.Put(edited)
	theirs := s.Put(alertmanagertest.Silence{Matchers: edited.Matchers, StartsAt: time.Now(), EndsAt: time.Now().Add(time.Hour), CreatedBy: "bob", Comment: edited.Comment})
	s.Age(70 * time.Minute)
	tend(t, c)
	active := s.Silences("active")
	if len(active) != 1 || active[0].ID != id {
		t.Fatalf("active %+v, want the edited one, %s, prolonged", active, id)
	}
	s.Expire(id)
	push(t, c, itsm.Resolve)
	for _, v := range s.Silences("") {
		if v.ID == theirs && v.UpdatedAt.After(v.StartsAt.Add(71*time.Minute)) {
			t.Errorf("a person's silence was changed: %+v", v)
		}
	}
	// Acknowledged; ended by a person; the same intent once more makes no new one.
	in := intent(itsm.Acknowledge)
	time.Sleep(5 * time.Millisecond) // what a person does comes later
	if _, err := c.Push(t.Context(), in); err != nil {
		t.Fatal(err)
	}
	fresh := s.Silences("active")
	if len(fresh) != 1 {
		t.Fatalf("acknowledged anew: %+v", fresh)
	}
	s.Expire(fresh[0].ID)
	if _, err := c.Push(t.Context(), in); err != nil {
		t.Fatal(err)
	}
	if got := s.Silences("active"); len(got) != 0 {
		t.Errorf("made again what a person ended: %+v", got)
	}
}

// TestProlongingIsFollowed: where Alertmanager makes another silence of an edit,
// the incident is told its new id.
func TestProlongingIsFollowed(t *testing.T) {
	t.Parallel()
	s, r := setup(t)
	c := connector(r, alertmanager.Options{}, s.URL)
	push(t, c, itsm.Acknowledge)
	first := s.Silences("")[0].ID
	s.Age(110 * time.Minute)
	s.Answer(func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method != "POST" {
			return false
		}
		fmt.Fprint(w, `{"silenceID":"another"}`)
		return true
	})
	var moved []string
	if err := c.Tend(t.Context(), func(n itsm.IncidentNumber, ref itsm.ExternalRef) {
		moved = append(moved, n.String(), ref.Connector, ref.ID)
	}); err != nil {
		t.Fatal(err)
	}
	if want := []string{"INC0000007", "am", "another"}; !slices.Equal(moved, want) {
		t.Errorf("moved %v from %s, want %v", moved, first, want)
	}
}

// TestMisbehaviour: whatever Alertmanager does to a call, the silence is there once
// in the end or the error says that it may pass.
func TestMisbehaviour(t *testing.T) {
	t.Parallel()
	post := func(r *http.Request) bool { return r.Method == "POST" }
	for name, c := range map[string]struct {
		arm     func(*alertmanagertest.Server)
		passing bool // the first try
		after   int  // silences after the first try
	}{
		"500":                {func(s *alertmanagertest.Server) { s.Answer(status(500)) }, true, 0},
		"429":                {func(s *alertmanagertest.Server) { s.Answer(status(429)) }, true, 0},
		"401":                {func(s *alertmanagertest.Server) { s.Answer(status(401)) }, false, 0},
		"dropped after it":   {func(s *alertmanagertest.Server) { s.DropAfter(post) }, true, 1},
		"a login page":       {func(s *alertmanagertest.Server) { s.Answer(text("<html>please log in</html>")) }, true, 0},
		"half a list":        {func(s *alertmanagertest.Server) { s.Answer(text(`[{"labels":{"alertname":"DiskFull"}},`)) }, true, 0},
		"null":               {func(s *alertmanagertest.Server) { s.Answer(text("null")) }, true, 0},
		"two values":         {func(s *alertmanagertest.Server) { s.Answer(text("[] []")) }, true, 0},
		"redirected":         {func(s *alertmanagertest.Server) { s.Answer(redirect) }, false, 0},
		"no id in an answer": {func(s *alertmanagertest.Server) { s.Answer(onPost(text("{}"))) }, true, 0},
		"cut while posting":  {func(s *alertmanagertest.Server) { s.Answer(onPost(cutOff)) }, true, 0},
	} {
		s, r := setup(t)
		k := connector(r, alertmanager.Options{}, s.URL)
		c.arm(s)
		in := intent(itsm.Acknowledge)
		_, err := k.Push(t.Context(), in)
		if err == nil || connectors.IsPassing(err) != c.passing || len(s.Silences("")) != c.after {
			t.Errorf("%s: %v, %d silences; want passing=%v and %d", name, err, len(s.Silences("")), c.passing, c.after)
		}
		s.Answer(nil)
		s.DropAfter(nil)
		_, err = k.Push(t.Context(), in)
		if strings.Contains(name, "post") || strings.HasPrefix(name, "no id") { // it may have been made where nobody has heard of it yet
			if !connectors.IsPassing(err) || len(s.Silences("")) != 0 {
				t.Errorf("%s: then %v and %d silences, want to look again", name, err, len(s.Silences("")))
			}
			continue
		}
		if err != nil || len(s.Silences("active")) != 1 {
			t.Errorf("%s: then %v and %d silences, want one", name, err, len(s.Silences("active")))
		}
	}
}

func status(code int) func(http.ResponseWriter, *http.Request) bool {
	return func(w http.ResponseWriter, _ *http.Request) bool {
		http.Error(w, "not now", code)
		return true
	}
}

func text(s string) func(http.ResponseWriter, *http.Request) bool {
	return func(w http.ResponseWriter, _ *http.Request) bool {
		fmt.Fprint(w, s)
		return true
	}
}

func cutOff(w http.ResponseWriter, _ *http.Request) bool {
	if c, _, err := http.NewResponseController(w).Hijack(); err == nil {
		c.Close()
	}
	return true
}

func redirect(w http.ResponseWriter, r *http.Request) bool {
	http.Redirect(w, r, "http://169.254.169.254/", http.StatusFound)
	return true
}

func onPost(f func(http.ResponseWriter, *http.Request) bool) func(http.ResponseWriter, *http.Request) bool {
	return func(w http.ResponseWriter, r *http.Request) bool { return r.Method == "POST" && f(w, r) }
}

// TestReplicas: the first that answers is written to; that one is away is no reason
// to wait, and reason enough to conclude nothing.
func TestReplicas(t *testing.T) {
	t.Parallel()
	s, r := setup(t)
	c := connector(r, alertmanager.Options{}, "http://127.0.0.1:1", s.URL)
	push(t, c, itsm.Acknowledge)
	if got := s.Silences("active"); len(got) != 1 {
		t.Errorf("silences %+v", got)
	}
	if _, err := c.Standings(t.Context(), r.alerts); !connectors.IsPassing(err) {
		t.Errorf("standings with a replica away: %v", err)
	}
	other := alertmanagertest.New(t)
	other.Fire(disk("db4:9100"))
	c = connector(r, alertmanager.Options{}, other.URL, s.URL)
	asked := append(slices.Clone(r.alerts), fire(7, "alertmanager", disk("db4:9100")), fire(7, "alertmanager", disk("db9:9100")))
	asked[0].Labels = append(asked[0].Labels, itsm.Label{Name: "zone", Value: "added by a rule"})
	gone := fire(7, "alertmanager", disk("db8:9100"))
	gone.Labels = append(gone.Labels, itsm.Label{Name: "zone", Value: "added by a rule"})
	got, err := c.Standings(t.Context(), append(asked, gone))
	if err != nil {
		t.Fatal(err)
	}
	var states []connectors.StandingState
	for _, g := range got {
		states = append(states, g.State)
	}
	if want := []connectors.StandingState{connectors.StandsFiring, connectors.StandsFiring, connectors.StandsFiring, connectors.StandsGone, connectors.StandsUnknown}; !slices.Equal(states, want) {
		t.Errorf("standings %v, want %v", states, want)
	}
	other.Restart()
	if _, err := c.Standings(t.Context(), asked); !connectors.IsPassing(err) || !strings.Contains(err.Error(), "has just started") {
		t.Errorf("after a restart, when Alertmanager has forgotten its alerts: %v", err)
	}
}

// TestCredentials are sent, and shown in no error.
func TestCredentials(t *testing.T) {
	t.Parallel()
	s, r := setup(t)
	for want, o := range map[string]alertmanager.Options{"Bearer s3cret": {Bearer: "s3cret"}, "Basic dTpzM2NyZXQ=": {User: "u", Password: "s3cret"}} {
		c := connector(r, o, s.URL)
		push(t, c, itsm.Acknowledge)
		if calls := s.Calls(""); calls[len(calls)-1].Authorization != want {
			t.Errorf("authorization %q, want %q", calls[len(calls)-1].Authorization, want)
		}
		s.Answer(status(403))
		if _, err := c.Push(t.Context(), intent(itsm.Resolve)); err == nil || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("error %v", err)
		}
		s.Answer(nil)
	}
}

// TestForeignSilences: those of others are taken over, ours and ended ones are not,
// and one that cannot be kept hides nothing here.
func TestForeignSilences(t *testing.T) {
	t.Parallel()
	s, r := setup(t)
	c := connector(r, alertmanager.Options{Beside: []string{"main"}}, s.URL)
	push(t, c, itsm.Acknowledge)
	no := false
	now := time.Now()
	theirs := s.Put(alertmanagertest.Silence{Matchers: []alertmanagertest.Matcher{{Name: "instance", Value: "db.*", IsRegex: true}, {Name: "env", Value: "dev", IsEqual: &no}},
		StartsAt: now, EndsAt: now.Add(time.Hour), CreatedBy: "bob", Comment: "disk\nswap"})
	pending := s.Put(alertmanagertest.Silence{Matchers: []alertmanagertest.Matcher{{Name: "a", Value: "b"}}, StartsAt: now.Add(time.Hour), EndsAt: now.Add(2 * time.Hour), CreatedBy: "eve"})
	s.Expire(s.Put(alertmanagertest.Silence{Matchers: []alertmanagertest.Matcher{{Name: "a", Value: "c"}}, StartsAt: now, EndsAt: now.Add(time.Hour)}))
	s.Put(alertmanagertest.Silence{Matchers: []alertmanagertest.Matcher{{Name: "a", Value: strings.Repeat("x", itsm.ObjectBodyMax)}}, StartsAt: now, EndsAt: now.Add(time.Hour)})
	got, err := c.Silences(t.Context())
	if err != nil || len(got.Silences) != 2 || got.Silences[0].ID != theirs || got.Silences[1].ID != pending || !slices.Equal(got.Sources, []string{"alertmanager", "main"}) {
		t.Fatalf("silences %+v, %v", got, err)
	}
	v := got.Silences[0]
	if v.By != "bob" || v.Comment != "disk swap" || v.EndsAt != itsm.TimeOf(now.Add(time.Hour)) {
		t.Errorf("silence %+v", v)
	}
	hides, ok := v.Hides()
	if !ok || !hides(itsm.LabelsOf(disk("db1"))) || hides(itsm.LabelsOf(map[string]string{"instance": "db1", "env": "dev"})) {
		t.Errorf("it does not hide what it hides there: %+v", v)
	}
}

// TestBodiesFitTheAPI holds what is posted against the OpenAPI document of
// Alertmanager's own module.
func TestBodiesFitTheAPI(t *testing.T) {
	t.Parallel()
	doc := openAPI(t)
	s, r := setup(t)
	for i := range 30 { // several silences, with and without expressions
		labels := map[string]string{"alertname": fmt.Sprintf("Odd %d \"quoted\\\n", i), "x": fmt.Sprint(i)}
		s.Fire(labels)
		r.alerts = append(r.alerts, fire(7, "alertmanager", labels))
	}
	c := connector(r, alertmanager.Options{}, s.URL)
	push(t, c, itsm.Acknowledge)
	s.Age(time.Hour + time.Minute)
	tend(t, c)
	schema := doc.Components.Schemas["postableSilence"].Value
	posts := s.Calls("POST")
	if len(posts) < 10 {
		t.Fatalf("%d posts", len(posts))
	}
	for _, p := range posts {
		var v any
		if err := json.Unmarshal([]byte(p.Body), &v); err != nil {
			t.Fatal(err)
		}
		if err := schema.VisitJSON(v, openapi3.EnableFormatValidation()); err != nil {
			t.Errorf("%s: %v", p.Body, err)
		}
		for key := range v.(map[string]any) {
			if !slices.Contains([]string{"id", "matchers", "startsAt", "endsAt", "createdBy", "comment", "annotations"}, key) {
				t.Errorf("%q is no field of a postable silence", key)
			}
		}
	}
}

func openAPI(t *testing.T) *openapi3.T {
	t.Helper()
	dir, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/prometheus/alertmanager").Output()
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(filepath.Join(strings.TrimSpace(string(dir)), "api", "v2", "openapi.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var tree any
	if err := yaml.Unmarshal(b, &tree); err != nil {
		t.Fatal(err)
	}
	j, err := json.Marshal(tree)
	if err != nil {
		t.Fatal(err)
	}
	var v2 openapi2.T
	if err := json.Unmarshal(j, &v2); err != nil {
		t.Fatal(err)
	}
	v3, err := openapi2conv.ToV3(&v2)
	if err != nil {
		t.Fatal(err)
	}
	if err := openapi3.NewLoader().ResolveRefsIn(v3, nil); err != nil {
		t.Fatal(err)
	}
	return v3
}

// TestNothingOfOthers: alerts of sources that are not its own make no silence.
func TestNothingOfOthers(t *testing.T) {
	t.Parallel()
	s, r := setup(t)
	for i := range r.alerts {
		r.alerts[i].Source = "datadog"
	}
	c := connector(r, alertmanager.Options{}, s.URL)
	if rc := push(t, c, itsm.Acknowledge); rc.Link != nil || len(s.Calls("")) != 0 {
		t.Errorf("link %+v, calls %+v", rc.Link, s.Calls(""))
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := c.Standings(ctx, r.alerts); err == nil {
		t.Error("standings of a context that ended")
	}
}
