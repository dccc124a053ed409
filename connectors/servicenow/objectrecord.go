package servicenow

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"

	"signalbox/connectors"
	sn "signalbox/ingest/source/servicenow"
	"signalbox/itsm"
)

// Tables of what is no incident.
const (
	changeTable  = "change_request"
	problemTable = "problem"
)

// objectFields are read of a record of a change or a problem before it is changed.
const objectFields = "number,correlation_id,state,short_description,description,close_code,resolution_code,sys_updated_on,sys_updated_by,sys_mod_count"

// record is what a record of a change or a problem should say.
type record struct {
	table  string
	key    string            // in its correlation_id, of one that was made here
	theirs string            // number of one that was made there, else ""
	is     map[string]string // as people here last decided
	first  map[string]string // besides, of a new one
	end    map[string]string // told with a state that ends it, such as close_code
	texts  []string          // fields of rich text

	state   string                                // in our words, as it is read back
	over    bool                                  // nothing more is to come of it
	stateOf func(r row) (state string, over bool) // how a row stands, in our words

	cis       []string // of which a new one names the first that is known there
	group     string
	incidents []itsm.ProblemIncident // that belong to it
}

// field is the one by which a record is found.
func (rec *record) field() string {
	switch {
	case rec.theirs == "":
		return "correlation_id"
	case isSysID(rec.theirs):
		return "sys_id"
	}
	return "number"
}

// name is the value of that field.
func (rec *record) name() string { return cmp.Or(rec.theirs, rec.key) }

// isOf reports whether a row is the record: of theirs one that was not made for another
// change or problem of ours.
func (rec *record) isOf(r row) bool {
	if r.id() == "" || r.value(rec.field()) != rec.name() {
		return false
	}
	_, ours := sn.ParseObjectKey(r.value("correlation_id"))
	return rec.theirs == "" || !ours
}

// reading asks for what is compared.
func (rec *record) reading() url.Values {
	fields := objectFields
	for _, part := range []map[string]string{rec.is, rec.end} {
		for _, f := range slices.Sorted(maps.Keys(part)) {
			fields += "," + f
		}
	}
	return reading(fields)
}

// differing is what of a row is not as it should be. Several choices may be one state
// here, so that a state is compared as it is read.
func (rec *record) differing(r row) map[string]string {
	body := map[string]string{}
	for field, v := range rec.is {
		have := r.value(field)
		switch {
		case field == "state":
			if st, _ := rec.stateOf(r); st == rec.state {
				continue
			}
		case have == v, slices.Contains(rec.texts, field) && sn.PlainText(have) == sn.PlainText(v), v == "false" && have == "":
			continue
		}
		body[field] = v
	}
	return body
}

// readBack is how the state that is written will be read. An instance may have one
// choice for several states of ours, or none for one.
func (rec *record) readBack() string {
	written := row{}
	for _, part := range []map[string]string{rec.is, rec.end} {
		for field, v := range part {
			written[field] = cell{value: v}
		}
	}
	st, _ := rec.stateOf(written)
	return st
}

// recordOf is what the record of an intent's object should say.
func (c *Connector) recordOf(in *itsm.Intent) (*record, error) {
	if _, err := itsm.ParseChangeNumber(in.Object); err == nil {
		var ch itsm.Change
		if err := json.Unmarshal(in.Body, &ch); err != nil || ch.ID != in.Object {
			return nil, itsm.Errorf(itsm.Internal, "an intent about %s says nothing of a change of that number", in.Object)
		}
		return c.changeRecord(&ch), nil
	}
	var p itsm.Problem
	if err := json.Unmarshal(in.Body, &p); err != nil || p.Number.String() != in.Object {
		return nil, itsm.Errorf(itsm.Internal, "an intent about %s says nothing of a problem of that number", in.Object)
	}
	return c.problemRecord(&p), nil
}

func (c *Connector) changeRecord(ch *itsm.Change) *record {
	rec := &record{table: changeTable, key: sn.ObjectKey(ch.ID), is: map[string]string{"short_description": oneLine(ch.Title), "state": c.changeChoice(ch.State)}, first: map[string]string{"type": string(ch.Type)}, end: map[string]string{},
		over: ch.State.IsOver(), cis: ch.CIs, stateOf: func(r row) (string, bool) {
			st := c.o.Fields.ChangeStateOf(r.value("state"), r.value("close_code"))
			return string(st), st.IsOver()
		}}
	if ch.Source == c.o.Name {
		rec.theirs = ch.ExternalID
		delete(rec.is, "short_description")
	}
	for field, at := range map[string]itsm.Time{"start_date": ch.PlannedFrom, "end_date": ch.PlannedTo, "work_start": ch.StartedAt, "work_end": ch.EndedAt} {
		if at != 0 {
			rec.is[field] = sn.FormatTime(at)
		}
	}
	rec.first["description"] = c.about(ch.Description, "Change", ch.ID, "changes", [][2]string{{"From", strings.TrimSpace(ch.Source + " " + ch.ExternalID)}, {"Who", ch.Who}, {"Where", ch.URL}, {"Risk", ch.Risk},
		{"Environment", ch.Environment}, {"CIs", strings.Join(ch.CIs, ", ")}})
	switch ch.State {
	case itsm.ChangeSuccessful, itsm.ChangeFailed:
		rec.end["close_code"], rec.end["close_notes"] = "successful", note("the change was successful", "")
		if ch.State == itsm.ChangeFailed {
			rec.end["close_code"], rec.end["close_notes"] = "unsuccessful", note("the change failed", "")
		}
	case itsm.ChangeCancelled:
		rec.end["work_notes"] = note("the change was cancelled", "")
	}
	rec.state = rec.readBack()
	return rec
}

// changeChoice is how the instance writes the state of a change.
func (c *Connector) changeChoice(st itsm.ChangeState) string {
	states := c.o.Fields.ChangeChoices()
	if st == itsm.ChangeFailed && len(states[st]) == 0 {
		st = itsm.ChangeSuccessful // close_code tells them apart
	}
	return firstChoice(states[st])
}

// resolutions are the resolution codes of a new instance for a problem that is over.
var resolutions = map[itsm.ProblemState]string{
	itsm.ProblemResolved: "fix_applied", itsm.ProblemClosed: "fix_applied", itsm.ProblemRiskAccepted: sn.RiskAccepted, itsm.ProblemMerged: "duplicate", itsm.ProblemDismissed: "canceled",
}

func (c *Connector) problemRecord(p *itsm.Problem) *record {
	rec := &record{table: problemTable, key: sn.ObjectKey(p.Number.String()), over: !p.State.Open(), cis: append([]string{p.Cause}, p.Services...), group: p.Team, incidents: p.Incidents,
		stateOf: func(r row) (string, bool) {
			st := c.o.Fields.ProblemStateOf(r.value("state"), r.value("resolution_code"))
			return string(st), !st.Open()
		}, first: map[string]string{}, end: map[string]string{}, texts: []string{"cause_notes", "workaround"}, is: map[string]string{
			"short_description": oneLine(p.Title), "state": c.problemChoice(p.State), "cause_notes": long(p.RootCause), "workaround": long(p.Workaround), "known_error": fmt.Sprint(p.KnownError)}}
	if p.Source == c.o.Name {
		rec.theirs = p.ExternalID
		delete(rec.is, "short_description")
	}
	rec.first["description"] = c.about("", "Problem", p.Number.String(), "problems", [][2]string{{"Probable cause", p.Cause}, {"Services", strings.Join(p.Services, ", ")}, {"Incidents", fmt.Sprint(p.Count)},
		{"Owner", strings.TrimSpace(p.Owner + " " + p.Team)}, {"Accepted by", p.AcceptedBy}, {"Changes", strings.Join(p.Changes, ", ")}})
	if code := resolutions[p.State]; code != "" {
		why := cmp.Or(p.Reason, p.Workaround, "decided in Signalbox")
		if p.State == itsm.ProblemMerged {
			why = "merged into " + p.MergedInto
		}
		rec.end["resolution_code"], rec.end["close_notes"] = code, note(why, "")
		if code == "fix_applied" {
			rec.end["fix_notes"] = note(why, "")
		}
	}
	rec.state = rec.readBack()
	return rec
}

// problemChoice is how the instance writes the state of a problem. What goes on
// elsewhere, or nowhere, is closed there.
func (c *Connector) problemChoice(st itsm.ProblemState) string {
	states := c.o.Fields.ProblemChoices()
	if !st.Accepted() || len(states[st]) == 0 {
		st = itsm.ProblemClosed
	}
	return firstChoice(states[st])
}

func firstChoice(choices []string) string {
	if len(choices) == 0 {
		return ""
	}
	return choices[0]
}

// about is the description of a new record.
func (c *Connector) about(text, what, id, page string, lines [][2]string) string {
	var b strings.Builder
	for _, l := range append([][2]string{{what, strings.TrimSpace(id + " " + itsm.PageAt(c.o.ExternalURL, page, id))}}, lines...) {
		if l[1] != "" {
			fmt.Fprintf(&b, "%s: %s\n", l[0], l[1])
		}
	}
	if text != "" {
		b.WriteString("\n" + text)
	}
	return connectors.CutRunes(neutral(b.String()), descriptionMax)
}

func oneLine(title string) string { return connectors.CutRunes(connectors.OneLine(title), shortMax) }

func long(text string) string { return connectors.CutRunes(neutral(text), descriptionMax) }
