package main

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"signalbox/connectors/pagerduty/pagerdutytest"
	source "signalbox/ingest/source/pagerduty"
)

func post(c *http.Client, url string, body []byte) (int, error) {
	resp, err := c.Post(url, "application/json", bytes.NewReader(body))
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	_, err = io.Copy(io.Discard, resp.Body)
	return resp.StatusCode, err
}

// withPagerDuty starts a server connected to a fake PagerDuty.
func withPagerDuty(t *testing.T, more string) (*server, *pagerdutytest.Server) {
	t.Helper()
	pd := pagerdutytest.New(t)
	t.Setenv("PD_KEY", pd.Key)
	t.Setenv("PD_SECRET", pd.Secret)
	t.Setenv("PD_TOKEN", "token")
	s := start(t, t.TempDir(), quick+pagerDutyConfig(pd)+more)
	pd.WebhooksTo(s.url + "/webhooks/pagerduty")
	return s, pd
}

func pagerDutyConfig(pd *pagerdutytest.Server) string {
	return fmt.Sprintf(`
connectors:
  pagerduty: {kind: pagerduty, routing_key: env:PD_KEY, api_token: env:PD_TOKEN, from: a@example.com, events_url: '%s', api_url: '%s', webhook_secrets: [env:PD_SECRET]}
`, pd.URL, pd.URL)
}

func actions(pd *pagerdutytest.Server) []string {
	var out []string
	for _, c := range pd.Calls() {
		out = append(out, c.Action)
	}
	return out
}

// TestPagerDutyHearsOfChanges: each of them once, however often it is told here, and
// from the outbox.
func TestPagerDutyHearsOfChanges(t *testing.T) {
	pd := pagerdutytest.New(t)
	t.Setenv("PD_KEY", pd.Key)
	config := quick + fmt.Sprintf("\nconnectors:\n  pagerduty: {kind: pagerduty, routing_key: env:PD_KEY, change_events: all, events_url: '%s', api_url: '%s'}\n", pd.URL, pd.URL)
	s := start(t, t.TempDir(), config)
	for _, state := range []string{"planned", "in_progress", "in_progress", "successful"} {
		if status := s.do(http.MethodPost, "/api/v1/changes", map[string]string{"external_id": "r1", "title": "db 7.2", "state": state}, nil); status != http.StatusOK && status != http.StatusCreated {
			t.Fatalf("%s: %d", state, status)
		}
		if state == "in_progress" {
			eventually(t, "PagerDuty hears that it began", func() bool { return len(pd.Calls()) == 1 })
		}
	}
	eventually(t, "PagerDuty hears that it is over", func() bool { return len(pd.Calls()) == 2 })
	var got []string
	for _, c := range pd.Calls() {
		got = append(got, c.Action+" "+c.Summary)
	}
	if want := "change in_progress: db 7.2, change successful: db 7.2"; strings.Join(got, ", ") != want {
		t.Errorf("told %q, want %q", got, want)
	}
	eventually(t, "no intent waits", func() bool {
		var page struct{ Items []struct{ Object string } }
		return s.do(http.MethodGet, "/api/v1/connectors/pagerduty/outbox", nil, &page) == http.StatusOK && len(page.Items) == 0
	})
}

func TestPagerDutyBothWays(t *testing.T) {
	for _, hidden := range []bool{false, true} {
		t.Run(fmt.Sprintf("incident_key hidden %v", hidden), func(t *testing.T) {
			s, pd := withPagerDuty(t, "")
			pd.KeyHidden = hidden
			key := source.DedupKey(1, 1)
			s.do(http.MethodPost, "/webhooks/generic", event("firing", "checkout"), nil)
			eventually(t, "PagerDuty is triggered and its link known here", func() bool {
				is := s.incidents()
				return pd.Incident(key) != nil && len(is) == 1 && len(is[0].Links) == 1
			})
			if status := pd.Person(t, "Jane Doe", "incident.acknowledged", key); status != http.StatusAccepted {
				t.Fatalf("webhook answered %d", status)
			}
			var in incident
			eventually(t, "the acknowledgement is here", func() bool {
				s.do(http.MethodGet, "/api/v1/incidents/INC0000001", nil, &in)
				return in.AcknowledgedBy != nil
			})
			if *in.AcknowledgedBy != "pagerduty:Jane Doe" || in.State != "in_progress" {
				t.Errorf("acknowledged by %q, state %s", *in.AcknowledgedBy, in.State)
			}
			if status := s.do(http.MethodPost, "/api/v1/incidents/INC0000001/notes", map[string]string{"text": "looking"}, nil); status != http.StatusOK {
				t.Fatalf("note: %d", status)
			}
			eventually(t, "the note is at PagerDuty", func() bool { return len(pd.Incident(key).Notes) == 1 })
			s.do(http.MethodPost, "/webhooks/generic", event("resolved", "checkout"), nil)
			eventually(t, "PagerDuty is resolved", func() bool { return pd.Incident(key).Status == "resolved" })
			time.Sleep(500 * time.Millisecond) // an echo would come now
			for _, a := range actions(pd) {
				if a == "acknowledge" {
					t.Errorf("the acknowledgement was echoed: %v", actions(pd))
				}
			}
		})
	}
}

// TestPagerDutyResolvesHere: what a person resolves there is resolved here in
// their name, and PagerDuty is not told again.
func TestPagerDutyResolvesHere(t *testing.T) {
	for _, hidden := range []bool{false, true} {
		t.Run(fmt.Sprintf("incident_key hidden %v", hidden), func(t *testing.T) {
			s, pd := withPagerDuty(t, "")
			pd.KeyHidden = hidden
			key := source.DedupKey(1, 1)
			s.do(http.MethodPost, "/webhooks/generic", event("firing", "checkout"), nil)
			eventually(t, "PagerDuty is triggered", func() bool { return pd.Incident(key) != nil })
			if status := pd.Person(t, "Jane Doe", "incident.resolved", key); status != http.StatusAccepted {
				t.Fatalf("webhook answered %d", status)
			}
			var in incident
			eventually(t, "the incident is resolved here", func() bool {
				s.do(http.MethodGet, "/api/v1/incidents/INC0000001", nil, &in)
				return in.State == "resolved"
			})
			var list struct {
				Items []struct {
					Offset int
					Act    *struct{ Kind, Actor, Incident, Result string }
				}
			}
			s.do(http.MethodGet, "/api/v1/deliveries?incident=INC0000001&source=pagerduty", nil, &list)
			if len(list.Items) == 0 || list.Items[0].Act == nil || list.Items[0].Act.Kind != "resolve" || list.Items[0].Act.Result != "applied" {
				t.Fatalf("deliveries of PagerDuty: %+v", list)
			}
			s.wantTrace(fmt.Sprint(list.Items[0].Offset), "from pagerduty", "act       applied", "pagerduty:Jane Doe: resolve INC0000001; applied.")
			if in.ResolvedBy == nil || *in.ResolvedBy != "pagerduty:Jane Doe" {
				t.Errorf("resolved by %v, want pagerduty:Jane Doe", in.ResolvedBy)
			}
			time.Sleep(500 * time.Millisecond) // an echo would come now
			if got := fmt.Sprint(actions(pd)); got != "[trigger]" {
				t.Errorf("calls to PagerDuty %s, want the trigger only", got)
			}
		})
	}
}

// TestPagerDutyWithoutTokenLosesNothing: an act that cannot be attributed waits
// in quarantine, and is done when a token is there to ask with.
func TestPagerDutyWithoutTokenLosesNothing(t *testing.T) {
	pd := pagerdutytest.New(t)
	pd.KeyHidden = true
	t.Setenv("PD_KEY", pd.Key)
	t.Setenv("PD_SECRET", pd.Secret)
	t.Setenv("PD_TOKEN", "token")
	full := quick + pagerDutyConfig(pd)
	s := start(t, t.TempDir(), strings.Replace(full, "api_token: env:PD_TOKEN, ", "", 1))
	if !strings.Contains(s.log.String(), "connectors.pagerduty.api_token is not set, but needed to hear what people do there") {
		t.Errorf("no warning at the start:\n%s", s.log.String())
	}
	pd.WebhooksTo(s.url + "/webhooks/pagerduty")
	key := source.DedupKey(1, 1)
	s.do(http.MethodPost, "/webhooks/generic", event("firing", "checkout"), nil)
	eventually(t, "PagerDuty is triggered", func() bool { return pd.Incident(key) != nil })
	if status := pd.Person(t, "Jane Doe", "incident.acknowledged", key); status != http.StatusAccepted {
		t.Fatalf("webhook answered %d", status)
	}
	type quarantined struct{ ID, Error string }
	var kept []quarantined
	eventually(t, "the delivery is in quarantine", func() bool {
		kept = list[quarantined](s, "/api/v1/quarantine")
		return len(kept) == 1
	})
	if !strings.Contains(kept[0].Error, "connectors.pagerduty.api_token") {
		t.Errorf("quarantined because %q, want it to name what to set", kept[0].Error)
	}
	s.stop()
	if err := os.WriteFile(s.args[2], []byte(full), 0o600); err != nil {
		t.Fatal(err)
	}
	s.run()
	if status := s.do(http.MethodPost, "/api/v1/quarantine/"+kept[0].ID+"/retry", nil, nil); status != http.StatusOK {
		t.Fatalf("retry answered %d", status)
	}
	var in incident
	s.do(http.MethodGet, "/api/v1/incidents/INC0000001", nil, &in)
	if in.AcknowledgedBy == nil || *in.AcknowledgedBy != "pagerduty:Jane Doe" {
		t.Errorf("acknowledged by %v after the retry, want pagerduty:Jane Doe", in.AcknowledgedBy)
	}
}

func TestPagerDutyIsToldWhatPeopleDoHere(t *testing.T) {
	s, pd := withPagerDuty(t, "")
	key := source.DedupKey(1, 1)
	s.do(http.MethodPost, "/webhooks/generic", event("firing", "checkout"), nil)
	eventually(t, "triggered", func() bool { return pd.Incident(key) != nil })
	s.do(http.MethodPost, "/api/v1/incidents/INC0000001/acknowledge", nil, nil)
	eventually(t, "acknowledged there", func() bool { return pd.Incident(key).Status == "acknowledged" })
	// PagerDuty reports what we asked for: an echo that must change nothing.
	pd.Person(t, "Signalbox", "incident.acknowledged", key)
	s.do(http.MethodPost, "/api/v1/incidents/INC0000001/resolve", map[string]string{"close_code": "fixed", "note": "restarted"}, nil)
	eventually(t, "resolved there", func() bool { return pd.Incident(key).Status == "resolved" })
	var in incident
	s.do(http.MethodGet, "/api/v1/incidents/INC0000001", nil, &in)
	if in.AcknowledgedBy == nil || *in.AcknowledgedBy != "api:admin" {
		t.Errorf("acknowledged by %v, want the first to do it", in.AcknowledgedBy)
	}
	time.Sleep(300 * time.Millisecond)
	got := map[string]int{}
	for _, a := range actions(pd) {
		got[a]++
	}
	if got["acknowledge"] != 1 || got["resolve"] != 1 || got["trigger"] != 1 {
		t.Errorf("calls %v, want one each", actions(pd))
	}
}

func TestPagerDutyDownThenBack(t *testing.T) {
	s, pd := withPagerDuty(t, "")
	down := make(chan struct{})
	pd.Before = func(w http.ResponseWriter, _ pagerdutytest.Call) (answered, reached bool) {
		select {
		case <-down:
			return false, true
		default:
			w.WriteHeader(http.StatusBadGateway)
			return true, false
		}
	}
	s.do(http.MethodPost, "/webhooks/generic", event("firing", "checkout"), nil)
	s.do(http.MethodPost, "/webhooks/generic", event("firing", "billing"), nil)
	eventually(t, "both are open", func() bool { return len(s.incidents()) == 2 })
	s.kill() // what waits in the outbox survives
	close(down)
	s.run()
	pd.WebhooksTo(s.url + "/webhooks/pagerduty")
	eventually(t, "both are told once PagerDuty is back", func() bool {
		return pd.Incident(source.DedupKey(1, 1)) != nil && pd.Incident(source.DedupKey(2, 1)) != nil
	})
	if n := len(pd.Calls()); n != 2 {
		t.Errorf("%d calls took effect, want 2: %v", n, actions(pd))
	}
}

func TestRebuildSendsNothingAgain(t *testing.T) {
	s, pd := withPagerDuty(t, "")
	s.do(http.MethodPost, "/webhooks/generic", event("firing", "checkout"), nil)
	eventually(t, "triggered and linked", func() bool {
		is := s.incidents()
		return len(is) == 1 && len(is[0].Links) == 1
	})
	before, calls := s.incidents(), len(pd.Calls())
	s.stop()
	if err := os.RemoveAll(filepath.Join(s.dir, snapshotsDir)); err != nil {
		t.Fatal(err)
	}
	var out lockedBuffer
	if err := run(t.Context(), []string{"rebuild", "--data-dir", s.dir}, nil, &out, &out); err != nil {
		t.Fatalf("rebuild: %v\n%s", err, out.String())
	}
	s.run()
	after := s.incidents()
	if fmt.Sprint(before[0].Number, before[0].State, before[0].EventCount, before[0].Version) != fmt.Sprint(after[0].Number, after[0].State, after[0].EventCount, after[0].Version) {
		t.Errorf("rebuilt %+v, was %+v", after[0], before[0])
	}
	time.Sleep(time.Second)
	if n := len(pd.Calls()); n != calls {
		t.Errorf("PagerDuty was called %d more times after a rebuild", n-calls)
	}
}
