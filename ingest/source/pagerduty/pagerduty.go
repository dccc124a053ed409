// Package pagerduty decodes PagerDuty's webhooks v3 into acts: what people did
// there to incidents that Signalbox opened. It is pure.
//
// Signalbox triggers with a dedup key that names its incident and epoch (DedupKey),
// and PagerDuty gives it back as incident_key. It is null on incidents that were
// made from alerts, and notes carry a reference only; such an act has Incident 0
// and the PagerDuty incident in Link, for the connector to resolve. Events of
// incidents with somebody else's key are left out.
package pagerduty

import (
	"strconv"
	"strings"

	"signalbox/ingest/source"
	"signalbox/itsm"
)

// NoteMark begins the notes that the connector writes.
const NoteMark = source.NoteMark

// assigneesMax bounds the assignees that are named.
const assigneesMax = 10

// DedupKey is the key under which an epoch of an incident is known at PagerDuty.
func DedupKey(n itsm.IncidentNumber, epoch uint32) string { return source.RecordKey('/', n, epoch) }

// ParseDedupKey reads a key made by DedupKey; false for any other.
func ParseDedupKey(key string) (itsm.IncidentNumber, uint32, bool) {
	return source.ParseRecordKey('/', key)
}

// ClientName is how the connector calls itself in events, and PagerDuty in webhooks
// of what they did.
const ClientName = "Signalbox"

// PriorityNamed reads the name of a priority of a PagerDuty account: P1 to P5, or
// SEV-1 to SEV-5 in any spelling. 0 is any other: names are the account's own.
func PriorityNamed(name string) itsm.Priority {
	word := strings.NewReplacer("-", "", "_", "", " ", "").Replace(strings.ToUpper(name))
	for _, prefix := range []string{"PRIORITY", "SEV", "P"} {
		digit, ok := strings.CutPrefix(word, prefix)
		if ok && len(digit) == 1 && digit >= "1" && digit <= "5" {
			return itsm.Priority(digit[0] - '0')
		}
	}
	return 0
}

// kinds are the event types that are acts.
var kinds = map[string]itsm.ActKind{
	"incident.triggered":        itsm.ActLink,
	"incident.acknowledged":     itsm.ActAcknowledge,
	"incident.unacknowledged":   itsm.ActUnacknowledge,
	"incident.resolved":         itsm.ActResolve,
	"incident.reopened":         itsm.ActReopen,
	"incident.reassigned":       itsm.ActAssign,
	"incident.delegated":        itsm.ActAssign,
	"incident.escalated":        itsm.ActAssign,
	"incident.priority_updated": itsm.ActPriority,
	"incident.annotated":        itsm.ActNote,
}

// Decode turns the body of one webhook into at most one act. Events that change
// nothing of ours are an empty result.
//
// The fields read are those of https://developer.pagerduty.com/docs/webhooks-overview
// (v3 payloads, 2026-11): event{id, event_type, occurred_at, agent{summary, type},
// client{name}, data{id, html_url, incident_key, assignees[], priority, resolve_reason,
// content, incident{id, html_url}}}.
func Decode(body []byte, b source.Bounds) (source.Result, error) {
	f, err := source.Flatten(body, b)
	if err != nil {
		return source.Result{}, err
	}
	eventType := f["event.event_type"]
	if eventType == "" {
		return source.Result{}, itsm.Errorf(itsm.Invalid, `not a PagerDuty webhook v3: "event" or its "event_type" is missing`)
	}
	kind, ok := kinds[eventType]
	if !ok {
		return source.Result{}, nil
	}
	w := wire{f}
	a, ok, err := w.act(kind)
	if err != nil || !ok {
		return source.Result{}, err
	}
	return source.Result{Acts: []itsm.Act{a}}, nil
}

type wire struct{ source.Flat }

// act returns false when the event is about somebody else's incident or changes
// nothing of ours.
func (w wire) act(kind itsm.ActKind) (itsm.Act, bool, error) {
	at, err := itsm.ParseTime(w.Flat["event.occurred_at"])
	if err != nil {
		return itsm.Act{}, false, itsm.Errorf(itsm.Invalid, "event.occurred_at: %s is not an RFC 3339 time", source.Quote(w.Flat["event.occurred_at"]))
	}
	id := w.Flat["event.id"]
	if id == "" || len(id) > source.NameBytesMax {
		return itsm.Act{}, false, itsm.Errorf(itsm.Invalid, "event.id: %d bytes, expected 1 to %d", len(id), source.NameBytesMax)
	}
	link := w.link()
	if link.ID == "" || len(link.ID) > source.NameBytesMax {
		return itsm.Act{}, false, itsm.Errorf(itsm.Invalid, "event.data: the id of its incident has %d bytes, expected 1 to %d", len(link.ID), source.NameBytesMax)
	}
	a := itsm.Act{Automatic: w.isAutomatic(kind), Ours: w.Flat["event.client.name"] == ClientName, Kind: kind, Actor: "pagerduty:" + w.agent(), DeliveryID: id, PartnerVersion: int64(at), Link: &link}
	key := w.Flat["event.data.incident_key"]
	if key == "" && kind == itsm.ActLink {
		return a, false, nil // nothing says whose it is
	}
	if key != "" {
		ours := false
		if a.Incident, a.Epoch, ours = ParseDedupKey(key); !ours {
			return a, false, nil
		}
	}
	return a, w.fill(&a), nil
}

// link is the PagerDuty incident that the event is about.
func (w wire) link() itsm.ExternalRef {
	at := "event.data."
	if w.Flat["event.data.incident.id"] != "" { // a note carries a reference
		at = "event.data.incident."
	}
	return itsm.ExternalRef{ID: w.Flat[at+"id"], URL: source.Link(w.Flat[at+"html_url"])}
}

// agent names who did it: a person, a service, or a program speaking for somebody.
func (w wire) agent() string {
	if name := w.First("event.agent.summary", "event.client.name"); name != "" {
		return source.Clip(name, source.PersonBytesMax)
	}
	return "PagerDuty"
}

// isAutomatic reports whether nobody decided it: an escalation whose time was up, or
// an acknowledgement that ran out.
func (w wire) isAutomatic(kind itsm.ActKind) bool {
	if w.Flat["event.event_type"] != "incident.escalated" && kind != itsm.ActUnacknowledge && kind != itsm.ActAssign {
		return false
	}
	return !strings.HasPrefix(w.Flat["event.agent.type"], "user")
}

// fill adds what the kind of act needs; false when nothing is left of it.
func (w wire) fill(a *itsm.Act) bool {
	switch a.Kind {
	case itsm.ActAssign:
		var names []string
		for i := range assigneesMax {
			name := w.Flat["event.data.assignees."+strconv.Itoa(i)+".summary"]
			if name == "" {
				break
			}
			names = append(names, source.Clip(name, source.PersonBytesMax))
		}
		a.Assignee = strings.Join(names, ", ")
		return a.Assignee != ""
	case itsm.ActPriority:
		a.Priority = PriorityNamed(w.First("event.data.priority.summary", "event.data.priority.name"))
		return a.Priority != 0
	case itsm.ActNote:
		text := w.Flat["event.data.content"]
		a.Text = source.Clip(text, itsm.NoteBytesMax)
		return strings.TrimSpace(text) != "" && !strings.HasPrefix(text, NoteMark)
	case itsm.ActResolve:
		if w.Flat["event.data.resolve_reason.type"] == "merge_resolve_reason" {
			a.CloseCode = "duplicate"
			a.Text = "merged at PagerDuty into " + source.Clip(w.First("event.data.resolve_reason.incident.summary", "event.data.resolve_reason.incident.id"), source.PersonBytesMax)
		}
	}
	return true
}
