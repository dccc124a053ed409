package pagerduty

import (
	"fmt"
	"net/url"
	"path"
	"strings"

	pd "github.com/PagerDuty/go-pagerduty"

	"signalbox/connectors"
	source "signalbox/ingest/source/pagerduty"
	"signalbox/itsm"
)

const (
	summaryMax = 1024
	hrefMax    = 2048
)

// event maps an intent to an Events API v2 event.
func (c *Connector) event(in itsm.Intent) pd.V2Event {
	e := pd.V2Event{
		RoutingKey: c.routingKey(in.Route),
		Action:     actions[in.Transition],
		DedupKey:   source.DedupKey(in.Incident, in.Epoch),
		Client:     source.ClientName,
		ClientURL:  in.Incident.PageAt(c.o.ExternalURL),
	}
	if e.Action == "trigger" {
		e.Payload = payload(in)
		e.Links, e.Images = c.links(&in)
	}
	return e
}

// routingKey is the integration that an epoch is told through.
func (c *Connector) routingKey(route string) string {
	if key := c.o.RoutingKeys[route]; key != "" {
		return key
	}
	return c.o.RoutingKey
}

// actions maps transitions to event actions. An update is a trigger under the
// same key: PagerDuty then refreshes the alert it already has.
var actions = map[itsm.Transition]string{
	itsm.Trigger: "trigger", itsm.Update: "trigger", itsm.Acknowledge: "acknowledge", itsm.Resolve: "resolve",
}

var severities = map[itsm.Severity]string{
	itsm.Critical: "critical", itsm.Major: "error", itsm.Minor: "warning", itsm.Warning: "warning", itsm.Info: "info",
}

// summary is the title of an incident there.
func summary(in *itsm.Intent) string {
	return connectors.Cut(fmt.Sprintf("[%s] %s", in.Snapshot.Priority, in.Snapshot.Title), summaryMax)
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
	return &pd.V2Payload{
		Summary: summary(&in), Source: connectors.Cut(src, summaryMax), Severity: sev, Timestamp: in.At.String(),
		Component: connectors.Cut(s.Cause, summaryMax), Group: connectors.Cut(s.Group, summaryMax), Details: details(&in),
	}
}

func details(in *itsm.Intent) map[string]any {
	s := &in.Snapshot
	out := map[string]any{
		"incident": in.Incident.String(), "priority": s.Priority.String(), "alerts": s.Alerts, "firing": s.Firing,
		"opened_at": s.OpenedAt.String(), "dedup_key": source.DedupKey(in.Incident, in.Epoch),
	}
	for name, v := range map[string]string{
		"probable_cause": s.Cause, "why_together": s.Because, "detail": in.Text, "impact": s.Impact.String(),
		"urgency": s.Urgency.String(), "assignee": s.Assignee, "runbook": s.Runbook, "service": in.Route,
	} {
		if v != "" {
			out[name] = v
		}
	}
	for name, v := range map[string][]string{"cis": s.CIs, "services": s.Services} {
		if len(v) > 0 {
			out[name] = v
		}
	}
	return out
}

// links are what a responder opens: the incident here, its runbook, its records at
// other partners. A link to a picture is shown as one; PagerDuty takes those from
// HTTPS only.
func (c *Connector) links(in *itsm.Intent) (links, images []any) {
	add := func(href, text string) {
		if len(href) > hrefMax {
			return
		}
		u, err := url.Parse(href)
		switch {
		case err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https":
		case u.Scheme == "https" && pictures[strings.ToLower(path.Ext(u.Path))]:
			images = append(images, map[string]string{"src": href, "href": href, "alt": text})
		default:
			links = append(links, map[string]string{"href": href, "text": text})
		}
	}
	add(in.Incident.PageAt(c.o.ExternalURL), in.Incident.String()+" in Signalbox")
	add(in.Snapshot.Runbook, "Runbook")
	for _, l := range in.Snapshot.Links {
		if l.Connector != c.o.Name {
			add(l.URL, l.ID+" at "+l.Connector)
		}
	}
	return links, images
}

var pictures = map[string]bool{".png": true, ".jpg": true, ".jpeg": true, ".gif": true, ".svg": true, ".webp": true}
