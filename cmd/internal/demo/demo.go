// Package demo is a show: an example CMDB of a web shop and a recorded storm,
// played to a server through the doors that real senders use.
//
// storm.txt is the recording, one alert a line. Play sends each in the body its
// sender would write: Alertmanager's webhook, what Prometheus posts to an
// Alertmanager, and Datadog's webhook with the payload of 'signalbox snippets
// datadog'. The times in the bodies are those of the playing.
package demo

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// CMDB is the web shop.
//
//go:embed cmdb.yaml
var CMDB []byte

//go:embed storm.txt
var storm string

// The words of the recording.
const (
	alertmanager = "alertmanager"
	prometheus   = "prometheus"
	datadog      = "datadog"
	firing       = "firing"
	lineFields   = 6 // when, sender, state, severity, rule, where; the rest is the text
	// leaseFor is how far ahead Prometheus says that an alert will hold.
	leaseFor = time.Hour
)

// alert is one line of the recording.
type alert struct {
	after                 time.Duration
	sender                string
	firing                bool
	severity, rule, title string
	labels                map[string]string
}

// Length is how long the recording is.
func Length() time.Duration {
	as, err := recording()
	if err != nil {
		return 0
	}
	return as[len(as)-1].after
}

// recording reads storm.txt in the order of its times.
func recording() ([]alert, error) {
	var out []alert
	in := bufio.NewScanner(strings.NewReader(storm))
	for n := 1; in.Scan(); n++ {
		line := strings.TrimSpace(in.Text())
		if line == "" || line[0] == '#' {
			continue
		}
		a, err := parse(line)
		if err != nil {
			return nil, fmt.Errorf("storm.txt:%d: %w", n, err)
		}
		out = append(out, a)
	}
	slices.SortStableFunc(out, func(a, b alert) int { return cmp.Compare(a.after, b.after) })
	return out, in.Err()
}

func parse(line string) (alert, error) {
	var words []string
	for len(words) < lineFields {
		w, rest, ok := word(line)
		if !ok {
			return alert{}, fmt.Errorf("%d fields, expected %d and a text", len(words), lineFields)
		}
		words, line = append(words, w), rest
	}
	after, err := time.ParseDuration(words[0])
	if err != nil {
		return alert{}, err
	}
	a := alert{after: after, sender: words[1], firing: words[2] == firing, severity: words[3], rule: words[4], title: line, labels: map[string]string{}}
	for _, l := range strings.Split(words[5], ",") {
		name, value, ok := strings.Cut(l, "=")
		if !ok {
			return alert{}, fmt.Errorf("%q is not a label", l)
		}
		a.labels[name] = value
	}
	return a, nil
}

// word cuts one word, or one quoted text, off a line.
func word(line string) (w, rest string, ok bool) {
	if strings.HasPrefix(line, `"`) {
		w, rest, ok = strings.Cut(line[1:], `"`)
	} else {
		w, rest, ok = strings.Cut(line, " ")
	}
	return w, strings.TrimSpace(rest), ok
}

// Play sends the recording to the server at base, speed times as fast as it was.
func Play(ctx context.Context, base string, speed float64) error {
	as, err := recording()
	if err != nil {
		return err
	}
	began := time.Now()
	for i := range as {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(time.Until(began.Add(time.Duration(float64(as[i].after) / speed)))):
		}
		if err := as[i].send(ctx, base, time.Now()); err != nil {
			return err
		}
	}
	return nil
}

var paths = map[string]string{alertmanager: "/webhooks/alertmanager", prometheus: "/prometheus/main/api/v2/alerts", datadog: "/webhooks/datadog"}

func (a *alert) send(ctx context.Context, base string, now time.Time) error {
	body, err := json.Marshal(a.body(now))
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, base+paths[a.sender], bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, 1<<10))
	if err != nil {
		return err
	}
	if resp.StatusCode >= http.StatusMultipleChoices {
		return fmt.Errorf("the %s door answered %d: %s", a.sender, resp.StatusCode, answer)
	}
	return nil
}

// body is what the alert's sender would write.
func (a *alert) body(now time.Time) any {
	switch a.sender {
	case prometheus:
		ends := now.Add(leaseFor)
		if !a.firing {
			ends = now
		}
		return []any{a.promAlert(now, ends)}
	case datadog:
		return a.datadogBody(now)
	}
	ends := time.Time{}
	if !a.firing {
		ends = now
	}
	one := a.promAlert(now, ends)
	one["status"], one["fingerprint"] = a.state(), a.fingerprint()
	return map[string]any{"version": "4", "receiver": "signalbox", "status": a.state(), "alerts": []any{one}, "groupKey": "{}:{alertname=" + strconv.Quote(a.rule) + "}",
		"groupLabels": map[string]string{"alertname": a.rule}, "commonLabels": map[string]string{}, "commonAnnotations": map[string]string{},
		"externalURL": "http://alertmanager.shop.example:9093", "truncatedAlerts": 0}
}

func (a *alert) state() string {
	if a.firing {
		return firing
	}
	return "resolved"
}

func (a *alert) promAlert(starts, ends time.Time) map[string]any {
	labels := map[string]string{"alertname": a.rule, "severity": a.severity}
	for n, v := range a.labels {
		labels[n] = v
	}
	return map[string]any{"labels": labels, "annotations": map[string]string{"summary": a.title}, "startsAt": starts.UTC().Format(time.RFC3339Nano),
		"endsAt": ends.UTC().Format(time.RFC3339Nano), "generatorURL": "http://prometheus.shop.example:9090/alerts"}
}

// fingerprint names the alert as Alertmanager does: by its labels.
func (a *alert) fingerprint() string {
	h := fnv.New64a()
	fmt.Fprint(h, a.rule, a.labels) // fmt prints maps in the order of their keys
	return fmt.Sprintf("%016x", h.Sum64())
}

func (a *alert) datadogBody(now time.Time) map[string]string {
	var scope []string
	for n, v := range a.labels {
		scope = append(scope, n+":"+v)
	}
	slices.Sort(scope)
	transition := "Triggered"
	if !a.firing {
		transition = "Recovered"
	}
	id := a.fingerprint()
	return map[string]string{"signalbox": "datadog/1", "id": strconv.FormatInt(now.UnixNano(), 10), "alert_id": id[:8], "alert_cycle_key": id, "aggreg_key": id,
		"alert_transition": transition, "alert_priority": a.severity, "alert_scope": strings.Join(scope, ","), "event_type": "query_alert_monitor",
		"alert_title": fmt.Sprintf("[%s on {%s}] %s", transition, strings.Join(scope, ","), a.title), "text": a.title, "date": strconv.FormatInt(now.UnixMilli(), 10),
		"last_updated": strconv.FormatInt(now.UnixMilli(), 10), "hostname": a.labels["host"], "tags": "env:production," + strings.Join(scope, ","),
		"link": "https://app.datadoghq.example/monitors/" + id[:8], "org_name": "Shop"}
}
