package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"signalbox/connectors/pagerduty/pagerdutytest"
	source "signalbox/ingest/source/pagerduty"
	"signalbox/itsm/peertest"
)

// TestSilencesBothWays: with a real Alertmanager, what a person silenced there pages
// nobody until that ends, and what a person acknowledges here is silenced there until
// the incident is over.
func TestSilencesBothWays(t *testing.T) {
	const suite = "silences of a real Alertmanager"
	am := peertest.Find(t, suite, "alertmanager")
	dir, addr := t.TempDir(), freePort(t)
	file, url := filepath.Join(dir, "am.yml"), "http://"+addr
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("route: {receiver: s}\nreceivers: [{name: s}]\n")
	spawn(t, am, "--config.file", file, "--storage.path", filepath.Join(dir, "data"), "--web.listen-address", addr, "--cluster.listen-address", "")
	send := func(path string, body any) bool {
		b, err := json.Marshal(body)
		if err != nil {
			t.Fatal(err)
		}
		status, err := post(http.DefaultClient, url+path, b)
		return err == nil && status == http.StatusOK
	}
	// hush silences for so long from now; with an id it changes when that silence ends.
	hush := func(id string, d time.Duration) (ends time.Time, ok bool) {
		ends = time.Now().Add(d)
		silence := map[string]any{"matchers": []any{map[string]any{"name": "alertname", "value": "Muted", "isRegex": false}},
			"startsAt": time.Now(), "endsAt": ends, "createdBy": "bob", "comment": "disk swap"}
		if id != "" {
			silence["id"] = id
		}
		return ends, send("/api/v2/silences", silence)
	}
	eventually(t, "a person silences at Alertmanager", func() bool {
		_, ok := hush("", time.Hour)
		return ok
	})

	pd := pagerdutytest.New(t)
	t.Setenv("PD_KEY", pd.Key)
	t.Setenv("PD_SECRET", pd.Secret)
	t.Setenv("PD_TOKEN", "token")
	s := start(t, t.TempDir(), quick+pagerDutyConfig(pd)+fmt.Sprintf("  am: {kind: alertmanager, urls: ['%s'], sources: [alertmanager, main], silence_on_acknowledge: true}\n", url))

	type silence struct {
		ID, CreatedBy, Comment string
		Status                 struct{ State string }
	}
	silences := func() (all []silence) {
		t.Helper()
		resp, err := http.Get(url + "/api/v2/silences")
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		if err := json.NewDecoder(resp.Body).Decode(&all); err != nil {
			t.Fatal(err)
		}
		return all
	}

	// Prometheus tells us of alerts that it tells Alertmanager, too. The first shows
	// that the silence is known by now.
	type suppressible struct {
		SuppressedBy *string `json:"suppressed_by"`
	}
	silenced := func() (n int) {
		for _, a := range list[suppressible](s, "/api/v1/alerts") {
			if a.SuppressedBy != nil && strings.Contains(*a.SuppressedBy, "of bob until") && strings.Contains(*a.SuppressedBy, "disk swap") {
				n++
			}
		}
		return n
	}
	for n, instance := range []string{"probe", "db-1"} {
		fired := fmt.Sprintf(`[{"labels":{"alertname":"Muted","instance":%q,"severity":"critical"},"startsAt":%q,"endsAt":%q}]`, instance, time.Now().Format(time.RFC3339), time.Now().Add(time.Hour).Format(time.RFC3339))
		s.do(http.MethodPost, "/prometheus/main/api/v2/alerts", json.RawMessage(fired), nil)
		eventually(t, instance+" shows the silence", func() bool { return silenced() == n+1 })
	}
	if len(s.incidents()) != 2 || pd.Incident(source.DedupKey(2, 1)) != nil {
		t.Error("a silenced alert paged, or opened no incident")
	}
	var ends time.Time
	eventually(t, "the person lets it end soon", func() (ok bool) {
		ends, ok = hush(silences()[0].ID, 3*time.Second)
		return ok
	})
	eventually(t, "when the silence ends, somebody is paged", func() bool { return pd.Incident(source.DedupKey(2, 1)) != nil })
	if early := time.Until(ends); early > 0 {
		t.Errorf("paged %v before the silence ended", early)
	}

	// Alertmanager tells us of another one; it is acknowledged here.
	write(fmt.Sprintf("route: {receiver: s, group_wait: 0s, group_interval: 1s}\nreceivers: [{name: s, webhook_configs: [{url: '%s/webhooks/alertmanager'}]}]\n", s.url))
	if !send("/-/reload", nil) || !send("/api/v2/alerts", []any{map[string]any{"labels": map[string]string{"alertname": "DiskFull", "instance": "db-2:9100", "severity": "critical"}}}) {
		t.Fatal("Alertmanager does not take its new configuration or an alert")
	}
	eventually(t, "the third incident", func() bool { return len(s.incidents()) == 3 })
	s.do(http.MethodPost, "/api/v1/incidents/INC0000003/acknowledge", nil, nil)
	active := func() (out []string) {
		for _, v := range silences() {
			if v.Status.State == "active" {
				out = append(out, v.CreatedBy+": "+v.Comment)
			}
		}
		return out
	}
	eventually(t, "it is silenced there", func() bool { return len(active()) == 1 })
	if got := active(); !strings.HasPrefix(got[0], "admin (Signalbox): "+s.url+"/incidents/INC0000003 ") {
		t.Errorf("silence %q", got)
	}
	s.do(http.MethodPost, "/api/v1/incidents/INC0000003/resolve", map[string]string{}, nil)
	eventually(t, "the silence ends with the incident", func() bool { return len(active()) == 0 })
}
