package ingest_test

import (
	"encoding/json"
	"net/url"
	"os/exec"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/alertmanager/api/v2/models"

	"signalbox/ingest"
	"signalbox/itsm"
	"signalbox/itsm/peertest"
)

// view is an AlertsView over a list.
type view []itsm.Alert

func (v view) SourceAlerts(source string, limit int) ([]itsm.Alert, error) {
	if source != "main" {
		return nil, itsm.Errorf(itsm.NotFound, "source %s", source)
	}
	return v[:min(limit, len(v))], nil
}

func shown(name, ci, suppressed string, status itsm.Status) itsm.Alert {
	ls := itsm.LabelsOf(map[string]string{"alertname": name, "instance": ci})
	return itsm.Alert{Key: itsm.KeyOf("main", "f-"+name+ci), Status: status, Labels: ls, Annotations: itsm.LabelsOf(map[string]string{"summary": name + " on " + ci}),
		StartsAt: now, LastSeenAt: now, SuppressedBy: suppressed, GeneratorURL: "http://prom:9090/graph"}
}

func facadeRig(t *testing.T) *rig {
	return start(t, func(o *ingest.Options) {
		o.Alerts = view{shown("DiskFull", "db1", "", itsm.Firing), shown("DiskFull", "db2", "", itsm.Firing), shown("Down", "web1", "info", itsm.Firing), shown("Gone", "x", "", itsm.Resolved)}
	})
}

func TestListedAlerts(t *testing.T) {
	r := facadeRig(t)
	for _, c := range []struct {
		query []string
		want  string // fingerprints, or ~ and a part of an error
	}{
		{nil, "f-DiskFulldb1 f-DiskFulldb2 f-Downweb1"},
		{[]string{"filter", `alertname="DiskFull"`}, "f-DiskFulldb1 f-DiskFulldb2"},
		{[]string{"filter", `alertname=DiskFull`, "filter", `instance!="db1"`}, "f-DiskFulldb2"},
		{[]string{"filter", `alertname=~"Disk.*|Down"`, "filter", `instance!~"db[12]"`}, "f-Downweb1"},
		{[]string{"filter", `alertname=~"Disk"`}, ""},
		{[]string{"filter", `team=""`}, "f-DiskFulldb1 f-DiskFulldb2 f-Downweb1"},
		{[]string{"silenced", "false"}, "f-DiskFulldb1 f-DiskFulldb2"},
		{[]string{"active", "false"}, "f-Downweb1"},
		{[]string{"receiver", "signal.*"}, "f-DiskFulldb1 f-DiskFulldb2 f-Downweb1"},
		{[]string{"receiver", "pager"}, ""},
		{[]string{"filter", `nonsense`}, "~bad matcher format"},
		{[]string{"filter", `a=~"("`}, "~not a regular expression"},
		{[]string{"filter", `a="` + strings.Repeat("x", 2000) + `"`}, "~too long"},
	} {
		q := url.Values{}
		for i := 0; i < len(c.query); i += 2 {
			q.Add(c.query[i], c.query[i+1])
		}
		got := r.do(t, "GET", "/prometheus/main/api/v2/alerts?"+q.Encode(), "")
		if part, isError := strings.CutPrefix(c.want, "~"); isError {
			if got.status != 400 || !strings.Contains(got.body, part) {
				t.Errorf("%v: got %d %s, want 400 with %q", c.query, got.status, got.body, part)
			}
			continue
		}
		var alerts models.GettableAlerts // Alertmanager's own idea of the answer
		if err := json.Unmarshal([]byte(got.body), &alerts); err != nil {
			t.Fatalf("%v: %v\n%s", c.query, err, got.body)
		}
		if err := alerts.Validate(nil); err != nil {
			t.Errorf("%v: %v\n%s", c.query, err, got.body)
		}
		var fps []string
		for _, a := range alerts {
			fps = append(fps, *a.Fingerprint)
		}
		if diff := cmp.Diff(c.want, strings.Join(fps, " ")); diff != "" {
			t.Errorf("%v (-want +got):\n%s", c.query, diff)
		}
	}
}

func TestImpersonatedAlertmanager(t *testing.T) {
	r := facadeRig(t)
	for _, c := range []struct {
		method, path string
		status       int
		want         string
		valid        interface{ UnmarshalBinary([]byte) error }
	}{
		{"GET", "/api/v2/status", 200, `"status":"disabled"`, new(models.AlertmanagerStatus)},
		{"GET", "/api/v2/receivers", 200, `[{"name":"signalbox"}]`, nil},
		{"GET", "/api/v2/alerts/groups", 200, `"labels":{"alertname":"DiskFull"}`, nil},
		{"GET", "/api/v2/silences", 200, `[]`, nil},
		{"POST", "/api/v2/silences", 400, `"Signalbox keeps no silences`, nil},
		{"GET", "/api/v2/silence/1", 404, `"Signalbox keeps no silences"`, nil},
		{"DELETE", "/api/v2/silence/1", 404, `"Signalbox keeps no silences"`, nil},
		{"GET", "/-/healthy", 200, "OK", nil},
		{"GET", "/-/ready", 200, "OK", nil},
		{"GET", "/api/v1/alerts", 404, "not_found", nil},
	} {
		got := r.do(t, c.method, "/prometheus/main"+c.path, "")
		if got.status != c.status || !strings.Contains(got.body, c.want) {
			t.Errorf("%s %s: got %d %s, want %d %s", c.method, c.path, got.status, got.body, c.status, c.want)
		}
		if c.valid != nil {
			if err := c.valid.UnmarshalBinary([]byte(got.body)); err != nil {
				t.Errorf("%s: %v", c.path, err)
			}
		}
	}
}

func TestFacadeNeedsCredentials(t *testing.T) {
	r := start(t, func(o *ingest.Options) {
		o.Sources = []ingest.Source{{Name: "main", Kind: "prometheus", Auth: ingest.Auth{Bearer: []string{live}}}}
		o.Alerts = view{shown("a", "b", "", itsm.Firing)}
	})
	for _, path := range []string{"/api/v2/alerts", "/api/v2/alerts/groups", "/api/v2/status", "/api/v2/receivers", "/api/v2/silences"} {
		if got := r.do(t, "GET", "/prometheus/main"+path, ""); got.status != 401 || strings.Contains(got.body, "alertname") {
			t.Errorf("%s: %d %s", path, got.status, got.body)
		}
		if got := r.do(t, "GET", "/prometheus/main"+path, "", "Authorization", "Bearer "+live); got.status != 200 {
			t.Errorf("%s with credentials: %d %s", path, got.status, got.body)
		}
	}
	if got := r.post(t, "/prometheus/main/api/v2/alerts", `[]`); got.status != 401 {
		t.Errorf("POST: %d", got.status)
	}
}

// TestAmtool runs Alertmanager's own client.
func TestAmtool(t *testing.T) {
	amtool := peertest.Find(t, "amtool", "amtool")
	r := facadeRig(t)
	for _, c := range []struct {
		args []string
		want string
		fail bool
	}{
		{[]string{"alert", "query", "--active"}, "DiskFull", false},
		{[]string{"alert", "query", "alertname=~Disk.*", "instance=db2", "-o", "json"}, "f-DiskFulldb2", false},
		{[]string{"alert", "add", "alertname=FromAmtool", "severity=critical", "--annotation=summary=hello"}, "", false},
		{[]string{"silence", "query"}, "", false},
		{[]string{"silence", "add", "alertname=x", "-c", "c", "-a", "me"}, "keeps no silences", true},
		{[]string{"config", "show"}, "receiver: signalbox", false},
	} {
		out, err := exec.Command(amtool, append([]string{"--alertmanager.url=http://" + r.addr + "/prometheus/main"}, c.args...)...).CombinedOutput()
		if (err != nil) != c.fail || !strings.Contains(string(out), c.want) {
			t.Errorf("amtool %v: %v\n%s\nwant %q", c.args, err, out, c.want)
		}
	}
	if r.len() != 1 {
		t.Errorf("%d entries, want the one of alert add", r.len())
	}
}
