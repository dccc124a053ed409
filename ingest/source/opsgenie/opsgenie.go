// Package opsgenie decodes the outgoing webhooks of Opsgenie and of Jira Service
// Management's operations into acts: what people did there to alerts that Signalbox
// made. It is pure.
//
// An alert of ours carries the incident and its epoch as its alias (RecordKey).
// Alerts of others are left out.
//
// Nothing that Signalbox wrote comes back as news. Two tests are made here, each
// enough alone: the user is the one that the connector writes as, and the source of
// the change is it. Its notes carry a mark besides. The third test is the fold's: a
// state that is so already changes nothing.
package opsgenie

import (
	"strconv"
	"strings"

	"signalbox/ingest/source"
	"signalbox/itsm"
)

// RecordKey is the alias of the alert of an epoch.
func RecordKey(n itsm.IncidentNumber, epoch uint32) string { return source.RecordKey('-', n, epoch) }

// ParseRecordKey reads an alias made by RecordKey; false for any other.
func ParseRecordKey(alias string) (itsm.IncidentNumber, uint32, bool) {
	return source.ParseRecordKey('-', alias)
}

// User is whom the connector names as user and as source of what it does.
const User = "Signalbox"

// kinds are the actions that are acts.
var kinds = map[string]itsm.ActKind{
	"Create": itsm.ActLink, "Acknowledge": itsm.ActAcknowledge, "UnAcknowledge": itsm.ActUnacknowledge, "Close": itsm.ActResolve,
	"AddNote": itsm.ActNote, "AssignOwnership": itsm.ActAssign, "TakeOwnership": itsm.ActAssign, "UpdatePriority": itsm.ActPriority, "Delete": itsm.ActNote,
}

// Decode turns the body of one webhook into at most one act. The fields read are
// those of https://support.atlassian.com/opsgenie/docs/opsgenie-edge-connector-alert-action-data/
// (2026-11): action, source{name}, alert{alertId, alias, tinyId, username, updatedAt,
// note, owner, priority}.
func Decode(body []byte, b source.Bounds) (source.Result, error) {
	f, err := source.FlattenOnly(body, b, "action", "source.name", "alert.alertId", "alert.alias", "alert.tinyId", "alert.username", "alert.updatedAt", "alert.note", "alert.owner", "alert.priority")
	if err != nil {
		return source.Result{}, err
	}
	if f["action"] == "" {
		return source.Result{}, itsm.Errorf(itsm.Invalid, "action: missing; expected the body of an Opsgenie webhook")
	}
	kind, ok := kinds[f["action"]]
	n, epoch, ours := ParseRecordKey(f["alert.alias"])
	if !ok || !ours {
		return source.Result{}, nil
	}
	id := f["alert.alertId"]
	if id == "" || len(id) > source.NameBytesMax {
		return source.Result{}, itsm.Errorf(itsm.Invalid, "alert.alertId: %d bytes, expected 1 to %d", len(id), source.NameBytesMax)
	}
	at, ok := version(f["alert.updatedAt"])
	if !ok {
		return source.Result{}, itsm.Errorf(itsm.Invalid, "alert.updatedAt: %s is not a time in ms or ns since 1970", source.Quote(f["alert.updatedAt"]))
	}
	a := itsm.Act{Kind: kind, Incident: n, Epoch: epoch, Actor: "opsgenie:" + actor(f), PartnerVersion: at, Link: &itsm.ExternalRef{ID: id}}
	a.DeliveryID = source.Clip(strings.Join([]string{f["action"], id, f["alert.updatedAt"]}, ":"), source.NameBytesMax)
	if !fill(&a, f) {
		return source.Result{}, nil
	}
	return source.Result{Acts: []itsm.Act{a}}, nil
}

// version reads a time in ms, or in ns as some senders write it.
func version(s string) (int64, bool) {
	const nsFrom = 1 << 52 // in ms that is far in the future
	n, err := strconv.ParseInt(s, 10, 64)
	if n >= nsFrom {
		n /= 1_000_000
	}
	return n, err == nil && n > 0
}

func actor(f source.Flat) string {
	if who := f["alert.username"]; who != "" {
		return source.Clip(who, source.PersonBytesMax)
	}
	return "Opsgenie"
}

// fill adds what the kind of act needs; false when nothing is left of it.
func fill(a *itsm.Act, f source.Flat) bool {
	if a.Kind == itsm.ActLink {
		return true
	}
	if strings.EqualFold(f["alert.username"], User) || strings.EqualFold(f["source.name"], User) {
		return false
	}
	switch a.Kind {
	case itsm.ActNote:
		text := f["alert.note"]
		if f["action"] == "Delete" {
			text = "its alert " + source.Clip(f.First("alert.tinyId", "alert.alertId"), source.PersonBytesMax) + " was deleted there"
		}
		a.Text = source.Clip(text, itsm.NoteBytesMax)
		return strings.TrimSpace(text) != "" && !strings.HasPrefix(text, source.NoteMark)
	case itsm.ActAssign:
		a.Assignee = source.Clip(f["alert.owner"], source.PersonBytesMax)
		return a.Assignee != ""
	case itsm.ActPriority:
		p, err := itsm.ParsePriority(f["alert.priority"])
		a.Priority = p
		return err == nil && p != 0
	case itsm.ActResolve:
		a.Text = source.Clip(f["alert.note"], itsm.NoteBytesMax)
	}
	return true
}
