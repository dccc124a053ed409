package alertmanager_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"signalbox/connectors"
	"signalbox/connectors/alertmanager"
	"signalbox/itsm"
	"signalbox/itsm/peertest"
)

// realAlertmanager starts Alertmanagers that know each other, and returns their
// addresses. Somebody else may take a port between its choice and its use: then all
// start again with others.
func realAlertmanager(t *testing.T, n int) (urls []string) {
	t.Helper()
	bin := peertest.Find(t, "silences at a real Alertmanager", "alertmanager")
	file := filepath.Join(t.TempDir(), "am.yml")
	if err := os.WriteFile(file, []byte("route: {receiver: none}\nreceivers: [{name: none}]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for range 5 {
		if urls := startAll(t, bin, file, n); urls != nil {
			return urls
		}
	}
	t.Fatal("Alertmanager ended at every start")
	return nil
}

// startAll returns nil when one of them ended.
func startAll(t *testing.T, bin, file string, n int) (urls []string) {
	t.Helper()
	dir := t.TempDir()
	gossip := make([]string, n)
	for i := range n {
		gossip[i] = free(t)
	}
	ended := make([]chan struct{}, n)
	for i := range n {
		addr := free(t)
		args := []string{"--config.file=" + file, "--storage.path=" + filepath.Join(dir, fmt.Sprint(i)), "--web.listen-address=" + addr, "--cluster.listen-address="}
		if n > 1 {
			args[3] += gossip[i]
			args = append(args, "--cluster.peer="+gossip[(i+1)%n], "--cluster.gossip-interval=50ms", "--cluster.pushpull-interval=500ms")
		}
		cmd := exec.CommandContext(t.Context(), bin, args...)
		out := &bytes.Buffer{}
		cmd.Stdout, cmd.Stderr = out, out
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		ended[i] = make(chan struct{})
		go func() { cmd.Wait(); close(ended[i]) }()
		t.Cleanup(func() {
			cmd.Process.Kill()
			<-ended[i]
			if t.Failed() {
				t.Logf("alertmanager %d: %s", i, out)
			}
		})
		urls = append(urls, "http://"+addr)
	}
	for i, u := range urls {
		gone := false
		within(t, "ready "+u, func() bool {
			select {
			case <-ended[i]:
				gone = true
				return true
			default:
			}
			resp, err := http.Get(u + "/-/ready")
			if err != nil {
				return false
			}
			resp.Body.Close()
			return resp.StatusCode == 200
		})
		if gone {
			return nil
		}
	}
	return urls
}

func free(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func within(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(2 * time.Minute); !ok(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%s: not within two minutes", what)
		}
	}
}

// tell posts alerts to every replica, as Prometheus does.
func tell(t *testing.T, urls []string, ends time.Duration, labels ...map[string]string) {
	t.Helper()
	var list []any
	for _, ls := range labels {
		list = append(list, map[string]any{"labels": ls, "startsAt": time.Now().Add(-time.Minute), "endsAt": time.Now().Add(ends)})
	}
	b, err := json.Marshal(list)
	if err != nil {
		t.Fatal(err)
	}
	for _, u := range urls {
		resp, err := http.Post(u+"/api/v2/alerts", "application/json", bytes.NewReader(b))
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != 200 {
			t.Fatalf("post alerts: %d", resp.StatusCode)
		}
	}
}

// got asks a replica for something.
func got[T any](t *testing.T, url, path string) (v T) {
	t.Helper()
	resp, err := http.Get(url + path)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if err := json.NewDecoder(resp.Body).Decode(&v); err != nil {
		t.Fatal(err)
	}
	return v
}

type realSilence struct {
	ID, CreatedBy, Comment string
	StartsAt, EndsAt       time.Time
	Matchers               []map[string]any
	Status                 struct{ State string }
}

func active(t *testing.T, url string) (out []realSilence) {
	t.Helper()
	for _, v := range got[[]realSilence](t, url, "/api/v2/silences") {
		if v.Status.State == "active" {
			out = append(out, v)
		}
	}
	return out
}

func suppressed(t *testing.T, url, instance string) bool {
	t.Helper()
	for _, a := range got[[]struct {
		Labels map[string]string
		Status struct{ State string }
	}](t, url, "/api/v2/alerts") {
		if a.Labels["instance"] == instance {
			return a.Status.State == "suppressed"
		}
	}
	return false
}

// TestRealAlertmanager goes through the life of a silence at a real pair of
// Alertmanagers, with labels that need quoting, and a person who edits it.
func TestRealAlertmanager(t *testing.T) {
	t.Parallel()
	urls := realAlertmanager(t, 2)
	odd := `a|b (c) "d" \e {f="g"}` + "\nü"
	r := &records{incidents: map[itsm.IncidentNumber]itsm.Incident{7: open(true)}}
	for _, i := range []string{"db1:9100", odd} {
		r.alerts = append(r.alerts, fire(7, "alertmanager", disk(i)))
	}
	tell(t, urls, time.Hour, disk("db1:9100"), disk(odd), disk("db3:9100"))
	c := connector(r, alertmanager.Options{SilenceFor: 10 * time.Minute}, urls...)
	push(t, c, itsm.Acknowledge)
	push(t, c, itsm.Acknowledge)
	if list := active(t, urls[0]); len(list) != 1 || list[0].CreatedBy != "ada (Signalbox)" || !strings.HasSuffix(list[0].Comment, "[signalbox:am-006b54:INC0000007:2]") {
		t.Fatalf("silences %+v", list)
	}
	for instance, want := range map[string]bool{"db1:9100": true, odd: true, "db3:9100": false} {
		if suppressed(t, urls[0], instance) != want {
			t.Errorf("%q is suppressed: %v, want %v", instance, !want, want)
		}
	}
	within(t, "gossip", func() bool { return suppressed(t, urls[1], "db1:9100") })

	// A person edits it: another id, and it is still found, prolonged and ended.
	old := active(t, urls[0])[0]
	b, err := json.Marshal(map[string]any{"id": old.ID, "matchers": append(old.Matchers, map[string]any{"name": "job", "value": "node", "isRegex": false}),
		"startsAt": old.StartsAt, "endsAt": time.Now().Add(4 * time.Minute), "createdBy": old.CreatedBy, "comment": old.Comment})
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.Post(urls[0]+"/api/v2/silences", "application/json", bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	edited := active(t, urls[0])
	if len(edited) != 1 || edited[0].ID == old.ID {
		t.Fatalf("after an edit: %+v; this Alertmanager keeps the id, then nothing has to be followed", edited)
	}
	tend(t, c)
	if long := active(t, urls[0]); len(long) != 1 || time.Until(long[0].EndsAt) < 9*time.Minute {
		t.Errorf("prolonged: %+v", long)
	}
	push(t, c, itsm.Resolve)
	push(t, c, itsm.Resolve)
	if left := active(t, urls[0]); len(left) != 0 {
		t.Errorf("after the resolve: %+v", left)
	}
}

// TestRealStandings: what resolved while it was silenced, of which Alertmanager
// tells nobody, is found by asking.
func TestRealStandings(t *testing.T) {
	t.Parallel()
	urls := realAlertmanager(t, 1)
	r := &records{incidents: map[itsm.IncidentNumber]itsm.Incident{7: open(true)}}
	for i, instance := range []string{"db1:9100", "db2:9100"} {
		a := fire(7, "alertmanager", disk(instance))
		a.Number = itsm.AlertNumber(i + 1)
		r.alerts = append(r.alerts, a)
	}
	tell(t, urls, time.Hour, disk("db1:9100"), disk("db2:9100"))
	push(t, connector(r, alertmanager.Options{}, urls...), itsm.Acknowledge)
	c := connector(r, alertmanager.Options{}, urls...)
	if _, err := c.Standings(t.Context(), r.alerts); !connectors.IsPassing(err) {
		t.Errorf("of one that has just started: %v", err)
	}
	c = connector(r, alertmanager.Options{Clock: func() time.Time { return time.Now().Add(10 * time.Minute) }}, urls...)
	var resolved []string
	sweep := connectors.NewMonitorSweep(connectors.MonitorOptions{Monitor: readOnly{c}, Alerts: func(string, int) ([]itsm.Alert, error) { return r.alerts, nil },
		Report: func(_ context.Context, source, _ string, events []itsm.Event) error {
			for _, e := range events {
				resolved = append(resolved, source+" "+e.Labels.Get("instance")+" "+e.Status.String())
			}
			return nil
		}})
	tell(t, urls, -time.Second, disk("db2:9100"))
	for range 2 {
		if err := sweep.Sweep(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if len(resolved) != 1 || resolved[0] != "alertmanager db2:9100 resolved" {
		t.Errorf("reported %v, want the one that resolved", resolved)
	}
}

// readOnly is a monitor without its silences.
type readOnly struct{ connectors.Monitor }
