package servicenow

import (
	"slices"
	"strings"

	"signalbox/ingest/source"
	"signalbox/itsm"
)

// DefaultChangeStates are the choices of change_request.state of a new instance: New,
// Assess, Authorize, Scheduled; Implement; Review, Closed; Canceled. Whether what is
// over failed, close_code says.
var DefaultChangeStates = map[itsm.ChangeState][]string{
	itsm.ChangePlanned: {"-5", "-4", "-3", "-2"}, itsm.ChangeInProgress: {"-1"}, itsm.ChangeSuccessful: {"0", "3"}, itsm.ChangeCancelled: {"4"},
}

// ChangeChoices are the choices of change_request.state of the instance.
func (c *Config) ChangeChoices() map[itsm.ChangeState][]string {
	if c.ChangeStates == nil {
		return DefaultChangeStates
	}
	return c.ChangeStates
}

// ChangeStateOf reads a choice of change_request.state and a close_code; "" when it is
// not configured.
func (c *Config) ChangeStateOf(choice, closeCode string) itsm.ChangeState {
	states := c.ChangeChoices()
	for _, st := range itsm.ChangeStates {
		if !slices.Contains(states[st], choice) {
			continue
		}
		if st == itsm.ChangeSuccessful && strings.EqualFold(closeCode, "unsuccessful") {
			return itsm.ChangeFailed
		}
		return st
	}
	return ""
}

// change decodes a record of table change_request, whoever made it.
func (w wire) change() (source.Result, error) {
	if err := w.read(); err != nil {
		return source.Result{}, err
	}
	state := w.c.ChangeStateOf(w.Flat["record.state"], w.Flat["record.close_code"])
	if state == "" {
		return source.Result{}, itsm.Errorf(itsm.Invalid, "record.state: %s is not a state of a change that is configured; add it to the connector's change_states", source.Quote(w.Flat["record.state"]))
	}
	if w.Flat["operation"] == "delete" {
		state = itsm.ChangeCancelled
	}
	from, to := w.span("start_date", "end_date")
	began, ended := w.span("work_start", "work_end")
	if id, ours := ParseObjectKey(w.Flat["record.correlation_id"]); ours {
		if w.Flat["operation"] == "insert" || w.isOurs() {
			return source.Result{}, nil
		}
		act, err := source.ChangeAct(w.actor(), itsm.Time(w.version), itsm.ChangeUpdate{State: &state, PlannedFrom: from, PlannedTo: to, StartedAt: began, EndedAt: ended})
		act.Object = id
		return source.Result{Acts: []itsm.Act{act}}, err
	}
	kind := itsm.ChangeType(strings.ToLower(w.Flat["record.type"]))
	if !slices.Contains(itsm.ChangeTypes, kind) {
		kind = itsm.NormalChange // a model of the instance's own has to be authorized, too
	}
	title := w.First("record.short_description", "record.number")
	u := itsm.ChangeUpdate{ExternalID: source.Said(w.First("record.number", "record.sys_id")), Type: &kind, State: &state, Title: source.Said(source.Title(title)), Description: source.Said(w.Flat["record.description"]),
		PlannedFrom: from, PlannedTo: to, StartedAt: began, EndedAt: ended, CIs: source.SaidCI(w.Flat["record.cmdb_ci"]),
		Who: source.Said(w.First("record.assigned_to", "record.requested_by")), URL: source.Said(source.Link(w.Flat["url"])), Risk: source.Said(source.Clip(strings.ToLower(w.Flat["record.risk"]), source.PersonBytesMax))}
	act, err := source.ChangeAct(w.actor(), itsm.Time(w.version), u)
	return source.Result{Acts: []itsm.Act{act}}, err
}

// span reads two times of which the second is not before the first; what does not
// fit is not said.
func (w wire) span(from, to string) (*itsm.Time, *itsm.Time) {
	a, errA := ParseTime(w.Flat["record."+from])
	b, errB := ParseTime(w.Flat["record."+to])
	if errA != nil || a < 0 {
		a = 0
	}
	if errB != nil || b < a {
		b = 0
	}
	return source.SaidAt(a), source.SaidAt(b)
}
