package api

import (
	"context"
	"slices"
	"strings"

	"signalbox/itsm"
	"signalbox/itsm/access"
)

// Bounds of what an act may carry.
const (
	nameBytesMax        = 255 // assignee, group
	idempotencyBytesMax = 255
	splitAlertsMax      = 1000
)

// action is one thing people can do to an incident: POST …/name.
type action struct {
	name string
	kind itsm.ActKind
	role access.Role                     // who may; Responder where it says nothing
	many bool                            // many incidents can take it at once
	fill func(*request, *itsm.Act) error // reads and checks the body
}

var actions = []action{
	{name: "acknowledge", kind: itsm.ActAcknowledge, many: true, fill: fillNothing},
	{name: "unacknowledge", kind: itsm.ActUnacknowledge, many: true, fill: fillNothing},
	{name: "resolve", kind: itsm.ActResolve, many: true, fill: fillResolve},
	{name: "reopen", kind: itsm.ActReopen, many: true, fill: fillNothing},
	{name: "hold", kind: itsm.ActHold, many: true, fill: fillHold},
	{name: "resume", kind: itsm.ActResume, many: true, fill: fillNothing},
	{name: "assign", kind: itsm.ActAssign, many: true, fill: fillAssign},
	{name: "priority", kind: itsm.ActPriority, many: true, fill: fillPriority},
	{name: "notes", kind: itsm.ActNote, many: true, fill: fillNote},
	{name: "merge", kind: itsm.ActMerge, many: true, fill: fillMerge},
	{name: "split", kind: itsm.ActSplit, fill: fillSplit},
	{name: "undo", kind: itsm.ActUndo, fill: fillNothing},
	{name: "unrelated", kind: itsm.ActUnrelated, fill: fillUnrelated},
	{name: "cancel", kind: itsm.ActCancel, many: true, fill: fillCancel},
}

// allActions are everything that can be done to an incident.
func allActions() []action { return slices.Concat(actions, processActions) }

// act journals the action, waits for its outcome and answers with the incident
// as it is then; after a split, with the new one.
func (a *API) act(do action) func(*request) error {
	return func(r *request) error {
		act, err := r.newAct(do.kind)
		if err != nil {
			return err
		}
		if err := do.fill(r, &act); err != nil {
			return err
		}
		if err := a.reaches(r, &act); err != nil {
			return err // known before it is journaled
		}
		ctx, cancel := context.WithTimeout(a.ctx, actWaitMax)
		defer cancel()
		out, err := a.o.Engine.Do(ctx, act)
		if err != nil {
			return err
		}
		if out.Incident == 0 {
			out.Incident = act.Incident
		}
		return a.showIncident(r, out.Incident)
	}
}

// reaches refuses an act on incidents of which one is not there, or not for whoever
// asks: the one that is named, and the other that it changes.
func (a *API) reaches(r *request, act *itsm.Act) error {
	in, err := a.o.Records.Incident(act.Incident)
	if err != nil {
		return err
	}
	other := act.Into
	if act.Kind == itsm.ActUndo {
		other = in.Undo.With // it is given back to, or takes back
	}
	for _, n := range []itsm.IncidentNumber{act.Incident, other} {
		if n == 0 {
			continue
		}
		if err := a.seesIncident(r, n); err != nil {
			return err
		}
	}
	return nil
}

// newAct makes an act on the incident of the path, as it was seen.
func (r *request) newAct(kind itsm.ActKind) (act itsm.Act, err error) {
	if act, err = r.actOnAny(kind); err == nil {
		act.IfVersion, err = r.ifMatch()
	}
	return act, err
}

// actOnAny makes an act on the incident of the path, whichever its version is.
func (r *request) actOnAny(kind itsm.ActKind) (itsm.Act, error) {
	n, err := r.incidentNumber()
	if err != nil {
		return itsm.Act{}, err
	}
	act := itsm.Act{Kind: kind, Incident: n, Actor: r.who.Actor(), RemoteIP: strings.Clone(r.IP())}
	act.IdempotencyKey, err = r.header("Idempotency-Key", idempotencyBytesMax)
	return act, err
}

func fillNothing(r *request, _ *itsm.Act) error { return r.decode(&struct{}{}) }

func fillResolve(r *request, act *itsm.Act) error {
	var b struct {
		CloseCode string `json:"close_code"`
		Note      string `json:"note"`
	}
	if err := r.decode(&b); err != nil {
		return err
	}
	if b.CloseCode == "" {
		b.CloseCode = itsm.CloseCodes[0]
	}
	if !slices.Contains(itsm.CloseCodes, b.CloseCode) {
		return itsm.Errorf(itsm.Invalid, "close_code %q: expected one of %s", httpWord(b.CloseCode), strings.Join(itsm.CloseCodes, ", "))
	}
	act.CloseCode, act.Text = b.CloseCode, b.Note
	return short("note", b.Note, itsm.NoteBytesMax)
}

func fillHold(r *request, act *itsm.Act) error {
	var b struct {
		Reason string `json:"reason"`
	}
	if err := r.decode(&b); err != nil {
		return err
	}
	if act.Reason = strings.TrimSpace(b.Reason); !slices.Contains(itsm.HoldReasons, act.Reason) {
		return itsm.Errorf(itsm.Invalid, "reason %q: expected one of %s", httpWord(act.Reason), strings.Join(itsm.HoldReasons, ", "))
	}
	return nil
}

func fillAssign(r *request, act *itsm.Act) error {
	var b struct {
		Assignee string `json:"assignee"`
		Group    string `json:"group"`
	}
	if err := r.decode(&b); err != nil {
		return err
	}
	act.Assignee, act.Group = strings.TrimSpace(b.Assignee), strings.TrimSpace(b.Group)
	if act.Assignee == "" && act.Group == "" {
		return itsm.Errorf(itsm.Invalid, "assignee, group: expected at least one of them")
	}
	if err := short("assignee", act.Assignee, nameBytesMax); err != nil {
		return err
	}
	return short("group", act.Group, nameBytesMax)
}

// fillPriority takes null for giving the override back to the matrix, but not
// the absence of the field, which is a mistake.
func fillPriority(r *request, act *itsm.Act) error {
	b := struct {
		Priority *string `json:"priority"`
	}{Priority: new(string)}
	*b.Priority = "absent"
	if err := r.decode(&b); err != nil {
		return err
	}
	if b.Priority == nil {
		return nil
	}
	p, err := itsm.ParsePriority(*b.Priority)
	if err != nil || p == 0 {
		return itsm.Errorf(itsm.Invalid, "priority: expected P1, P2, P3, P4 or P5, or null for the computed one")
	}
	act.Priority = p
	return nil
}

func fillNote(r *request, act *itsm.Act) error {
	var b struct {
		Text string `json:"text"`
	}
	if err := r.decode(&b); err != nil {
		return err
	}
	if strings.TrimSpace(b.Text) == "" {
		return itsm.Errorf(itsm.Invalid, "text: expected the words of the note")
	}
	act.Text = b.Text
	return short("text", b.Text, itsm.NoteBytesMax)
}

func fillMerge(r *request, act *itsm.Act) error {
	var b struct {
		Into string `json:"into"`
	}
	if err := r.decode(&b); err != nil {
		return err
	}
	into, err := itsm.ParseIncidentNumber(b.Into)
	if err != nil {
		return itsm.Errorf(itsm.Invalid, "into %q: expected the number of an incident such as INC0000001", httpWord(b.Into))
	}
	if into == act.Incident {
		return itsm.Errorf(itsm.Invalid, "into %s: an incident cannot be merged into itself", into)
	}
	act.Into = into
	return nil
}

func fillUnrelated(r *request, act *itsm.Act) error {
	var b struct {
		To string `json:"to"`
	}
	if err := r.decode(&b); err != nil {
		return err
	}
	to, err := itsm.ParseIncidentNumber(b.To)
	if err != nil {
		return itsm.Errorf(itsm.Invalid, "to %q: expected the number of an incident such as INC0000001", httpWord(b.To))
	}
	act.Into = to
	return nil
}

func fillSplit(r *request, act *itsm.Act) error {
	var b struct {
		Alerts []string `json:"alerts"`
	}
	if err := r.decode(&b); err != nil {
		return err
	}
	if len(b.Alerts) == 0 {
		return itsm.Errorf(itsm.Invalid, "alerts: expected the ids of the alerts that form the new incident")
	}
	if len(b.Alerts) > splitAlertsMax {
		return itsm.Errorf(itsm.TooLarge, "alerts: %d ids; at most %d", len(b.Alerts), splitAlertsMax)
	}
	for i, id := range b.Alerts {
		n, err := itsm.ParseAlertNumber(id)
		if err != nil {
			return itsm.Errorf(itsm.Invalid, "alerts[%d] %q: expected the id of an alert such as ALR0000001", i, httpWord(id))
		}
		if !slices.Contains(act.Alerts, n) {
			act.Alerts = append(act.Alerts, n)
		}
	}
	return nil
}

func fillCancel(r *request, act *itsm.Act) error {
	var b struct {
		Note string `json:"note"`
	}
	if err := r.decode(&b); err != nil {
		return err
	}
	act.Text = b.Note
	return short("note", b.Note, itsm.NoteBytesMax)
}
