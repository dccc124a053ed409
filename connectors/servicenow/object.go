package servicenow

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"signalbox/connectors"
	sn "signalbox/ingest/source/servicenow"
	"signalbox/itsm"
)

// Tables of what is no incident.
const (
	changeTable  = "change_request"
	problemTable = "problem"
)

// clockTolerance is how far the instance's clock may be from ours.
const clockTolerance = 10 * time.Second

// objectFields are read of a record of a change or a problem before it is changed.
const objectFields = "number,correlation_id,state,short_description,description,sys_updated_on,sys_updated_by,sys_mod_count"

// record is what a record of a change or a problem should say.
type record struct {
	table string
	is    map[string]string // as people here last decided
	first map[string]string // besides, of a new one
	end   map[string]string // told with a state that ends it, such as close_code
	texts []string          // fields of rich text
}

// pushObject brings the record of a change or a problem to how that is here.
func (c *Connector) pushObject(ctx context.Context, in *itsm.Intent) (connectors.Receipt, error) {
	rec, incidents, err := c.recordOf(ctx, in)
	if err != nil {
		return connectors.Receipt{}, err
	}
	key, q := sn.ObjectKey(in.Object), rec.reading()
	rows, err := c.findIn(ctx, rec.table, key, q)
	if err != nil {
		return connectors.Receipt{}, err
	}
	var r row
	wrote := true
	if len(rows) > 0 {
		r, wrote, err = c.amend(ctx, in, rec, rows[0], q)
	} else if err = c.made.Missed(in, key); err == nil {
		body := map[string]string{"correlation_id": key, "correlation_display": in.Key}
		for _, part := range []map[string]string{rec.first, rec.is, rec.end} {
			maps.Copy(body, part)
		}
		maps.DeleteFunc(body, func(_, v string) bool { return v == "" })
		r, err = c.insert(ctx, rec.table, key, q, body)
	}
	if err != nil {
		return connectors.Receipt{}, err
	}
	if err := c.linkIncidents(ctx, in, r.id(), incidents); err != nil {
		return connectors.Receipt{}, err
	}
	got := connectors.Receipt{Link: &itsm.ExternalRef{Connector: c.o.Name, ID: cmp.Or(r.value("number"), r.id()), URL: c.page(rec.table, r.id())}}
	if wrote { // else the version is somebody else's, whose report is still to be heard
		got.Version = r.version()
	}
	return got, nil
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

// amend changes of a record, whose key is verified, what is not as it is here. A person
// who changed it there after the intent was made has decided later: their webhook, or
// the poll, tells. It returns the record, and whether anything of it was written.
func (c *Connector) amend(ctx context.Context, in *itsm.Intent, rec *record, r row, q url.Values) (row, bool, error) {
	at, err := sn.ParseTime(r.value("sys_updated_on"))
	if err == nil && at > in.At.Add(clockTolerance) && len(c.o.Fields.Own) > 0 && !c.isOwn(r.value("sys_updated_by")) {
		return r, false, nil
	}
	body := map[string]string{}
	for field, v := range rec.is {
		if have := r.value(field); have != v && (!slices.Contains(rec.texts, field) || sn.PlainText(have) != sn.PlainText(v)) {
			body[field] = v
		}
	}
	if body["state"] != "" {
		maps.Copy(body, rec.end)
	}
	if len(body) == 0 {
		return r, false, nil
	}
	body["correlation_display"] = in.Key
	var got struct{ Result row }
	err = c.rest.Do(ctx, http.MethodPatch, c.table(rec.table+"/"+url.PathEscape(r.id()), q), body, &got)
	return got.Result, true, err
}

// recordOf is what the record of an intent's object should say, and which incidents
// belong to it.
func (c *Connector) recordOf(ctx context.Context, in *itsm.Intent) (*record, []itsm.ProblemIncident, error) {
	if _, err := itsm.ParseChangeNumber(in.Object); err == nil {
		var ch itsm.Change
		if err := json.Unmarshal(in.Body, &ch); err != nil || ch.ID != in.Object {
			return nil, nil, itsm.Errorf(itsm.Internal, "an intent about %s says nothing of a change of that number", in.Object)
		}
		rec, err := c.changeRecord(ctx, &ch)
		return rec, nil, err
	}
	var p itsm.Problem
	if err := json.Unmarshal(in.Body, &p); err != nil || p.Number.String() != in.Object {
		return nil, nil, itsm.Errorf(itsm.Internal, "an intent about %s says nothing of a problem of that number", in.Object)
	}
	rec, err := c.problemRecord(ctx, &p)
	return rec, p.Incidents, err
}

func (c *Connector) changeRecord(ctx context.Context, ch *itsm.Change) (*record, error) {
	rec := &record{table: changeTable, is: map[string]string{"short_description": oneLine(ch.Title), "state": c.changeChoice(ch.State)}, first: map[string]string{"type": string(ch.Type)}, end: map[string]string{}}
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
	return rec, c.place(ctx, rec, ch.CIs, "")
}

// changeChoice is how the instance writes the state of a change.
func (c *Connector) changeChoice(st itsm.ChangeState) string {
	states := c.o.Fields.ChangeStates
	if states == nil {
		states = sn.DefaultChangeStates
	}
	if st == itsm.ChangeFailed && len(states[st]) == 0 {
		st = itsm.ChangeSuccessful // close_code tells them apart
	}
	return firstChoice(states[st])
}

// resolutions are the resolution codes of a new instance for a problem that is over.
var resolutions = map[itsm.ProblemState]string{
	itsm.ProblemResolved: "fix_applied", itsm.ProblemClosed: "fix_applied", itsm.ProblemRiskAccepted: sn.RiskAccepted, itsm.ProblemMerged: "duplicate", itsm.ProblemDismissed: "canceled",
}

func (c *Connector) problemRecord(ctx context.Context, p *itsm.Problem) (*record, error) {
	rec := &record{table: problemTable, first: map[string]string{}, end: map[string]string{}, texts: []string{"cause_notes", "workaround"}, is: map[string]string{
		"short_description": oneLine(p.Title), "state": c.problemChoice(p.State), "cause_notes": long(p.RootCause), "workaround": long(p.Workaround), "known_error": fmt.Sprint(p.KnownError)}}
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
	return rec, c.place(ctx, rec, append([]string{p.Cause}, p.Services...), p.Team)
}

// problemChoice is how the instance writes the state of a problem. What goes on
// elsewhere, or nowhere, is closed there.
func (c *Connector) problemChoice(st itsm.ProblemState) string {
	states := c.o.Fields.ProblemStates
	if states == nil {
		states = sn.DefaultProblemStates
	}
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

// place adds, to a new record, the first CI that ServiceNow knows and the group, or the
// configured one.
func (c *Connector) place(ctx context.Context, rec *record, cis []string, group string) error {
	ci, err := c.ciOf(ctx, "", cis)
	if err != nil {
		return err
	}
	owner, err := c.groupOf(ctx, group)
	if err != nil {
		return err
	}
	for field, id := range map[string]string{"cmdb_ci": ci, "assignment_group": owner} {
		if id != "" {
			rec.first[field] = id
		}
	}
	return nil
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

// linkIncidents has the records of a problem's incidents name it, those that name no
// other.
func (c *Connector) linkIncidents(ctx context.Context, in *itsm.Intent, id string, incidents []itsm.ProblemIncident) error {
	keys := make([]string, 0, len(incidents)*epochsLinked)
	for _, i := range incidents {
		for epoch := max(1, int64(i.Reopens)+2-epochsLinked); epoch <= int64(i.Reopens)+1; epoch++ {
			keys = append(keys, sn.RecordKey(i.Number, uint32(epoch)))
		}
	}
	if len(keys) == 0 {
		return nil
	}
	rows, err := c.findMany(ctx, keys, reading(incidentFields+",problem_id"))
	if err != nil {
		return err
	}
	for _, r := range rows {
		st := c.o.Fields.StateOf(r.value("state"))
		if !slices.Contains(keys, r.value("correlation_id")) || r.id() == "" || r.value("problem_id") != "" || st == itsm.Closed || st == itsm.Cancelled {
			continue
		}
		if err := c.rest.Do(ctx, http.MethodPatch, c.table(TargetIncident+"/"+url.PathEscape(r.id()), returned()), map[string]string{"problem_id": id, "correlation_display": in.Key}, nil); err != nil {
			return err
		}
	}
	return nil
}

// epochsLinked bounds the records of one incident that are looked for.
const epochsLinked = 2
