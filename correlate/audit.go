package correlate

import (
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"

	"signalbox/itsm"
)

// unaudited are acts of our own connectors and of clients at work: what they say is
// in the outbox and in the token's record.
var unaudited = map[itsm.ActKind]bool{itsm.ActReceipt: true, itsm.ActLink: true, itsm.ActTokenUse: true}

// secretFields are never shown; that they changed is.
var secretFields = map[string]bool{"password": true, "sum": true}

// auditView is what an act may change, as texts by name. Acts on kinds of object
// that are not here show what they carry instead.
func (s *State) auditView(a *itsm.Act) map[string]string {
	if unaudited[a.Kind] {
		return nil
	}
	if i := s.incidents[a.Incident]; i != nil && a.Incident != 0 {
		return i.auditView()
	}
	kind, id, _ := strings.Cut(a.Object, "/")
	switch kind {
	case itsm.ObjectUser:
		return fieldsOf(s.people.users[id])
	case itsm.ObjectToken:
		return fieldsOf(s.people.tokens[id])
	case itsm.ObjectTeam:
		return fieldsOf(s.people.teams[id])
	case itsm.ObjectView:
		return fieldsOf(s.views.all[id])
	case itsm.ObjectConnector:
		return fieldsOf(s.pausedState(id))
	}
	return nil
}

func (i *incident) auditView() map[string]string {
	h := i.handled()
	v := map[string]string{"state": i.state.String(), "priority": i.priority().String(), "assignee": h.assignee, "group": i.team,
		"acknowledged_by": h.ackBy, "close_code": h.closeCode, "hold_reason": h.holdReason, "priority_by": h.overrideBy, "alert_count": strconv.Itoa(len(i.members))}
	if k := i.around().kin; k != nil && k.parent != 0 {
		v["parent"] = k.parent.String()
	}
	if m := i.around().major; m != nil {
		v["major"] = string(m.State)
	}
	if f := i.around().follow; f != nil {
		v["watchers"], v["attachments"] = strings.Join(f.watchers, ", "), strconv.Itoa(len(f.attached))
	}
	if i.mergedInto != 0 {
		v["merged_into"] = i.mergedInto.String()
	}
	return v
}

// fieldsOf reads the top level of a noun's JSON. What is not a text is its JSON.
func fieldsOf[T any](noun *T) map[string]string {
	if noun == nil {
		return nil
	}
	b, err := json.Marshal(noun)
	var raw map[string]json.RawMessage
	if err == nil {
		err = json.Unmarshal(b, &raw)
	}
	if err != nil { // plain data: a mistake in the program
		panic("correlate: a noun is no JSON object: " + err.Error())
	}
	out := make(map[string]string, len(raw))
	for k, v := range raw {
		out[k] = textOf(v)
	}
	for _, k := range []string{"version", "created_at", "created_by", "password_at", "signed_in_at", "id"} {
		delete(out, k) // the line itself says when and by whom
	}
	return out
}

// textOf reads a value of a noun: a text, a list of texts, or whatever it is as JSON.
// What says nothing is "".
func textOf(v json.RawMessage) string {
	var text string
	var list []string
	switch s := string(v); {
	case s == "null" || s == "false" || s == "[]" || s == "{}":
		return ""
	case json.Unmarshal(v, &text) == nil:
		return text
	case json.Unmarshal(v, &list) == nil:
		return strings.Join(list, ", ")
	default:
		return s
	}
}

// audit notes what an act came to.
func (s *State) audit(a *itsm.Act, o *itsm.Outcome, before map[string]string) {
	if unaudited[a.Kind] {
		return
	}
	l := itsm.AuditLine{Actor: doerOf(a).actor, RemoteIP: a.RemoteIP, Act: string(a.Kind), Object: auditedObject(a, o), Result: itsm.AuditDone, Reason: firstOf(a.Reason, a.Text), Detail: o.Detail}
	switch {
	case o.Code != "":
		l.Result = itsm.AuditRefused
	case o.NoOp:
		l.Result = itsm.AuditNothing
	default:
		l.Changes = changesOf(before, s.auditView(a))
		if before == nil && l.Changes == nil {
			l.Changes = carriedChanges(a)
		}
	}
	if a.Into != 0 {
		l.Detail = strings.TrimSpace(l.Detail + " into " + a.Into.String())
	}
	s.putAudit(&l)
}

// auditedObject names what an act was about. A change, a maintenance window or a
// problem that the act made is known by what it came to only.
func auditedObject(a *itsm.Act, o *itsm.Outcome) string {
	switch noun, _, _ := strings.Cut(string(a.Kind), "."); noun {
	case "change", "maintenance", "problem", itsm.ObjectView:
		return noun + "/" + firstOf(o.Object, a.Object)
	}
	return firstOf(a.Object, "incident/"+a.Incident.String())
}

func firstOf(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// carriedChanges are the fields that an act brought, for an object whose state
// before is not known here.
func carriedChanges(a *itsm.Act) []itsm.AuditChange {
	var raw map[string]json.RawMessage
	if len(a.Body) == 0 || json.Unmarshal(a.Body, &raw) != nil {
		return nil
	}
	return changesOf(nil, fieldsOf(&raw))
}

// changesOf lists what differs, by name.
func changesOf(before, after map[string]string) []itsm.AuditChange {
	names := map[string]bool{}
	for k := range before {
		names[k] = true
	}
	for k := range after {
		names[k] = true
	}
	var out []itsm.AuditChange
	for _, k := range slices.Sorted(maps.Keys(names)) {
		b, a := before[k], after[k]
		if b == a || len(out) == itsm.AuditChangesMax {
			continue
		}
		if secretFields[k] {
			b, a = notShown(b), notShown(a)
		}
		out = append(out, itsm.AuditChange{Field: k, Before: clip(b, itsm.AuditTextMax), After: clip(a, itsm.AuditTextMax)})
	}
	return out
}

func notShown(s string) string {
	if s == "" {
		return ""
	}
	return "(not shown)"
}

// putAudit stores the line of the entry being applied.
func (s *State) putAudit(l *itsm.AuditLine) {
	n := *l
	n.Offset, n.At = s.off, s.now
	for _, t := range []*string{&n.Actor, &n.RemoteIP, &n.Object, &n.Reason, &n.Detail} {
		*t = clip(*t, itsm.AuditTextMax)
	}
	if n.Changes == nil {
		n.Changes = []itsm.AuditChange{}
	}
	s.putObject(itsm.ObjectAudit, itsm.AuditID(s.off), 1, []string{itsm.AuditActorRef(n.Actor), itsm.AuditObjectRef(n.Object)}, n)
}
