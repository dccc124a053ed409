// Package pagerduty tells PagerDuty about incidents: Events API v2 for trigger,
// acknowledge and resolve, the REST API for notes when a token is configured.
//
// An incident's epoch is one dedup key (see ingest/source/pagerduty), so repeating
// a call is harmless: PagerDuty folds equal keys into one incident.
//
// Documentation: https://developer.pagerduty.com/docs/events-api-v2-overview and
// https://developer.pagerduty.com/docs/rest-api-overview (limits: summary 1,024
// characters, event 512 KB, about 120 events a minute and integration key).
//
// # Decisions
//
// 2026-11 go-pagerduty's Client is used with our own transport under it, because
// the package-level functions have a fixed host and no time-out, and because the
// library loses the Events API's error text and the rate-limit headers; the
// transport keeps both.
package pagerduty

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	pd "github.com/PagerDuty/go-pagerduty"

	"signalbox/connectors"
	source "signalbox/ingest/source/pagerduty"
	"signalbox/itsm"
)

// EventsPerMinute is the rate kept, below the published limit per integration key.
const EventsPerMinute = 100

const (
	summaryMax   = 1024
	noteMax      = 25_000
	answerMax    = 64 << 10
	answerShown  = 500
	requestLimit = 10  // incidents looked at when finding one by its key
	alertsLimit  = 100 // alerts of an incident among which ours is looked for
)

// Options configures the connector. Empty URLs are PagerDuty's own.
type Options struct {
	Name        string
	RoutingKey  string // integration key of an Events API v2 integration
	APIToken    string // REST API token; "" leaves out notes and hears nothing of incidents made from alerts
	From        string // e-mail of a PagerDuty user, which REST writes need
	EventsURL   string
	APIURL      string
	ExternalURL string // where people reach this console
	HTTP        *http.Client
}

// Connector is one PagerDuty service.
type Connector struct {
	o Options
}

// New makes a connector.
func New(o Options) *Connector { return &Connector{o: o} }

// Name implements connectors.Connector.
func (c *Connector) Name() string { return c.o.Name }

// Push implements connectors.Connector.
func (c *Connector) Push(ctx context.Context, in itsm.Intent) (connectors.Receipt, error) {
	if in.Transition == itsm.Note {
		return connectors.Receipt{}, c.note(ctx, in)
	}
	e := c.event(in)
	call, client := c.client()
	_, err := client.ManageEventWithContext(ctx, &e)
	if err := call.outcome(err); err != nil || in.Transition != itsm.Trigger {
		return connectors.Receipt{}, err
	}
	return connectors.Receipt{Link: c.record(ctx, e.DedupKey)}, nil
}

// record finds the PagerDuty incident that a trigger became. Its webhooks name it
// by PagerDuty's own id, for incident_key is null on incidents made from alerts.
// The incident appears a moment after the event is accepted; when it does not
// within linkWaits, or without a REST token, the link stays unknown until a
// webhook brings it.
func (c *Connector) record(ctx context.Context, key string) *itsm.ExternalRef {
	if c.o.APIToken == "" {
		return nil
	}
	for _, wait := range linkWaits {
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return nil
		}
		found, err := c.find(ctx, key)
		if err == nil && len(found) > 0 {
			return &itsm.ExternalRef{Connector: c.o.Name, ID: found[0].ID, URL: found[0].HTMLURL}
		}
	}
	return nil
}

const (
	appearsWithin  = 10 * time.Minute // from an accepted event to its incident, at worst
	clockTolerance = 5 * time.Minute  // between PagerDuty's clock and ours
)

// linkWaits is how long to wait before each look for a new incident.
var linkWaits = []time.Duration{200 * time.Millisecond, 500 * time.Millisecond, time.Second, 2 * time.Second}

// IncidentOf finds our incident behind a PagerDuty incident, whose webhooks do not
// name it when it was made from alerts: its alerts carry our key. NotFound means
// that PagerDuty was asked and it is not ours; without an answer, for want of a
// token or with a wrong one, the error is Unavailable, so that nothing is lost.
func (c *Connector) IncidentOf(ctx context.Context, id string) (itsm.IncidentNumber, uint32, error) {
	if c.o.APIToken == "" {
		return 0, 0, itsm.Errorf(itsm.Unavailable, "PagerDuty does not say in its webhook whose incident %s is, and there is no connectors.%s.api_token to ask with; set it, restart, and retry this", id, c.o.Name)
	}
	call, client := c.client()
	found, err := client.ListIncidentAlertsWithContext(ctx, url.PathEscape(id), pd.ListIncidentAlertsOptions{Limit: alertsLimit})
	if err := call.outcome(err); err != nil {
		if call.status == http.StatusNotFound {
			return 0, 0, itsm.Wrap(itsm.NotFound, err, "PagerDuty has no incident %s", id)
		}
		why := "it cannot be reached, or has no room for the request"
		if !connectors.IsPassing(err) {
			why = fmt.Sprintf("it answered %d; see whether connectors.%s.api_token is right", call.status, c.o.Name)
		}
		return 0, 0, itsm.Wrap(itsm.Unavailable, err, "PagerDuty cannot be asked now about incident %s: %s", id, why)
	}
	for _, a := range found.Alerts {
		if n, epoch, ok := source.ParseDedupKey(a.AlertKey); ok {
			return n, epoch, nil
		}
	}
	return 0, 0, itsm.Errorf(itsm.NotFound, "PagerDuty incident %s has no alert of ours", id)
}

// Look implements connectors.Looker. It needs the REST token.
func (c *Connector) Look(ctx context.Context, n itsm.IncidentNumber, epoch uint32) (connectors.Record, error) {
	if c.o.APIToken == "" {
		return connectors.Record{}, itsm.Errorf(itsm.Invalid, "connector %s has no api_token, so PagerDuty cannot be asked", c.o.Name)
	}
	found, err := c.find(ctx, source.DedupKey(n, epoch))
	if err != nil || len(found) == 0 {
		return connectors.Record{}, err
	}
	in := found[0]
	r := connectors.Record{Status: standing[in.Status], Link: itsm.ExternalRef{Connector: c.o.Name, ID: in.ID, URL: in.HTMLURL}}
	if at, err := itsm.ParseTime(in.LastStatusChangeAt); err == nil {
		r.Version = int64(at)
	}
	return r, nil
}

var standing = map[string]connectors.RecordStatus{
	"triggered": connectors.RecordOpen, "acknowledged": connectors.RecordAcknowledged, "resolved": connectors.RecordResolved,
}

// find lists the PagerDuty incidents with a key, newest first. PagerDuty's answer is
// checked, for a search that ignored the key would show other people's incidents:
// the key has to be that of the incident or, when that is null as on incidents made
// from alerts, of one of its alerts.
func (c *Connector) find(ctx context.Context, key string) ([]pd.Incident, error) {
	call, client := c.client()
	found, err := client.ListIncidentsWithContext(ctx, pd.ListIncidentsOptions{Limit: requestLimit, DateRange: "all", IncidentKey: key, SortBy: "created_at:desc"})
	if err := call.outcome(err); err != nil {
		return nil, err
	}
	var ours []pd.Incident
	for i := range found.Incidents {
		in := &found.Incidents[i]
		if in.IncidentKey != "" {
			if in.IncidentKey == key {
				ours = append(ours, *in)
			}
			continue
		}
		keys, err := c.alertKeys(ctx, in.ID)
		if err != nil {
			return nil, err
		}
		if slices.Contains(keys, key) {
			ours = append(ours, *in)
		}
	}
	return ours, nil
}

// alertKeys lists the keys of the alerts of a PagerDuty incident.
func (c *Connector) alertKeys(ctx context.Context, id string) ([]string, error) {
	call, client := c.client()
	found, err := client.ListIncidentAlertsWithContext(ctx, url.PathEscape(id), pd.ListIncidentAlertsOptions{Limit: alertsLimit})
	if err := call.outcome(err); err != nil {
		return nil, err
	}
	keys := make([]string, len(found.Alerts))
	for i := range found.Alerts {
		keys[i] = found.Alerts[i].AlertKey
	}
	return keys, nil
}

// event maps an intent to an Events API v2 event.
func (c *Connector) event(in itsm.Intent) pd.V2Event {
	e := pd.V2Event{
		RoutingKey: c.o.RoutingKey,
		Action:     actions[in.Transition],
		DedupKey:   source.DedupKey(in.Incident, in.Epoch),
		Client:     "Signalbox",
		ClientURL:  c.link(in.Incident),
	}
	if e.Action == "trigger" {
		e.Payload = payload(in)
		if e.ClientURL != "" {
			e.Links = []any{map[string]string{"href": e.ClientURL, "text": in.Incident.String() + " in Signalbox"}}
		}
	}
	return e
}

// actions maps transitions to event actions. An update is a trigger under the
// same key: PagerDuty then refreshes the alert it already has.
var actions = map[itsm.Transition]string{
	itsm.Trigger: "trigger", itsm.Update: "trigger", itsm.Acknowledge: "acknowledge", itsm.Resolve: "resolve",
}

var severities = map[itsm.Severity]string{
	itsm.Critical: "critical", itsm.Major: "error", itsm.Minor: "warning", itsm.Warning: "warning", itsm.Info: "info",
}

func payload(in itsm.Intent) *pd.V2Payload {
	s := in.Snapshot
	sev := severities[s.Severity]
	if sev == "" {
		sev = "warning"
	}
	src := s.Cause
	if src == "" && len(s.CIs) > 0 {
		src = s.CIs[0]
	}
	if src == "" {
		src = "signalbox"
	}
	details := map[string]any{
		"incident": in.Incident.String(), "priority": s.Priority.String(), "alerts": s.Alerts, "firing": s.Firing,
		"opened_at": s.OpenedAt.String(),
	}
	for name, v := range map[string]string{"probable_cause": s.Cause, "why_together": s.Because, "detail": in.Text} {
		if v != "" {
			details[name] = v
		}
	}
	for name, v := range map[string][]string{"cis": s.CIs, "services": s.Services} {
		if len(v) > 0 {
			details[name] = v
		}
	}
	return &pd.V2Payload{
		Summary: cut(fmt.Sprintf("[%s] %s", s.Priority, s.Title), summaryMax), Source: cut(src, summaryMax),
		Severity: sev, Timestamp: in.At.String(), Component: cut(s.Cause, summaryMax), Group: cut(s.Group, summaryMax), Details: details,
	}
}

// note adds a note to the PagerDuty incident that holds our key. Without a REST
// token there is nothing to tell it with, and the note stays here.
func (c *Connector) note(ctx context.Context, in itsm.Intent) error {
	if c.o.APIToken == "" || c.o.From == "" {
		return nil
	}
	key := source.DedupKey(in.Incident, in.Epoch)
	found, err := c.find(ctx, key)
	if err != nil {
		return err
	}
	firstTry, lastTry := connectors.TriedAt(ctx)
	if len(found) == 0 {
		if firstTry.IsZero() || time.Since(firstTry) < appearsWithin {
			// The event API answers before the incident exists: look again.
			return connectors.Retry(0, "no PagerDuty incident with key %s yet", key)
		}
		return fmt.Errorf("PagerDuty has no incident with key %s to add the note to", key)
	}
	content := cut(source.NoteMark+in.Actor+": "+in.Text, noteMax)
	if !lastTry.IsZero() {
		if there, err := c.hasNote(ctx, found[0].ID, content, in.At); err != nil || there {
			return err
		}
	}
	call, client := c.client()
	_, err = client.CreateIncidentNoteWithContext(ctx, found[0].ID, pd.IncidentNote{User: pd.APIObject{Summary: c.o.From}, Content: content})
	return call.outcome(err)
}

// hasNote reports whether an earlier try, whose answer was lost, added a note.
func (c *Connector) hasNote(ctx context.Context, id, content string, since itsm.Time) (bool, error) {
	call, client := c.client()
	notes, err := client.ListIncidentNotesWithContext(ctx, id)
	if err := call.outcome(err); err != nil {
		return false, err
	}
	for _, n := range notes {
		at, err := itsm.ParseTime(n.CreatedAt)
		if n.Content == content && (err != nil || at >= since.Add(-clockTolerance)) {
			return true, nil
		}
	}
	return false, nil
}

func (c *Connector) link(n itsm.IncidentNumber) string {
	if c.o.ExternalURL == "" {
		return ""
	}
	return strings.TrimSuffix(c.o.ExternalURL, "/") + "/incidents/" + n.String()
}

// client returns a PagerDuty client for one call, and the record of how it went.
func (c *Connector) client() (*call, *pd.Client) {
	k := &call{http: c.o.HTTP}
	var opts []pd.ClientOptions
	if c.o.EventsURL != "" {
		opts = append(opts, pd.WithV2EventsAPIEndpoint(strings.TrimSuffix(c.o.EventsURL, "/")))
	}
	if c.o.APIURL != "" {
		opts = append(opts, pd.WithAPIEndpoint(strings.TrimSuffix(c.o.APIURL, "/")))
	}
	client := pd.NewClient(c.o.APIToken, opts...)
	client.HTTPClient = k
	return k, client
}

// call is the transport of one request; it keeps what the library drops.
type call struct {
	http   *http.Client
	status int
	header http.Header
	answer string
}

// Do implements pagerduty.HTTPClient. The whole answer is read here, so that no
// path of the library can leave a connection open.
func (k *call) Do(r *http.Request) (*http.Response, error) {
	resp, err := k.http.Do(r)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(io.LimitReader(resp.Body, answerMax))
	if err != nil {
		return nil, err
	}
	k.status, k.header, k.answer = resp.StatusCode, resp.Header, cut(strings.ToValidUTF8(string(b), "?"), answerShown)
	resp.Body = io.NopCloser(bytes.NewReader(b))
	return resp, nil
}

// outcome says what a call came to. The status decides: the library's own error
// is only trusted when there was no answer, or when a success could not be read.
func (k *call) outcome(err error) error {
	if k.status == 0 {
		if err == nil {
			return nil
		}
		return connectors.Retry(0, "PagerDuty was not reached: %w", err)
	}
	if answered := connectors.Answered(k.status, k.header, k.answer); answered != nil {
		return answered
	}
	if err != nil {
		// 2xx with something that is not PagerDuty's JSON, such as a proxy's login page.
		return connectors.Retry(0, "PagerDuty answered %d with something unexpected: %s", k.status, k.answer)
	}
	return nil
}

// cut shortens s to at most n bytes without splitting a character.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	s = s[:n-len("…")]
	for !utf8.ValidString(s) {
		s = s[:len(s)-1]
	}
	return s + "…"
}
