package api

import (
	"bytes"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"unicode/utf8"

	"signalbox/itsm"
	"signalbox/itsm/access"
	"signalbox/itsm/desk"
)

// objectProblem is the kind under which the desk keeps problems; the lines of their
// histories are of kind "problem.log".
const objectProblem = "problem"

// problemAction is one thing people can do to a problem: POST …/name.
type problemAction struct {
	name string
	kind itsm.ActKind
	role access.Role
	body func(*request) (itsm.ProblemBody, error) // reads and checks the body
}

var problemActions = []problemAction{
	{"accept", itsm.ActProblemAccept, access.ProblemManager, takes("owner", "team", "title", "text")},
	{"dismiss", itsm.ActProblemDismiss, access.ProblemManager, takes("reason!")},
	{"merge", itsm.ActProblemMerge, access.ProblemManager, takes("into!")},
	{"assign", itsm.ActProblemAssign, access.ProblemManager, takes("owner", "team")},
	{"state", itsm.ActProblemState, access.ProblemManager, takes("state!", "reason")},
	{"root-cause", itsm.ActProblemRootCause, access.ProblemManager, takes("text")},
	{"workaround", itsm.ActProblemWorkaround, access.Responder, takes("text")},
	{"known-error", itsm.ActProblemKnownError, access.ProblemManager, takes("known_error!")},
	{"communicate", itsm.ActProblemCommunicate, access.Responder, takes("text")},
	{"link", itsm.ActProblemLink, access.Responder, takes("incidents", "changes")},
	{"unlink", itsm.ActProblemUnlink, access.Responder, takes("incidents", "changes")},
	{"notes", itsm.ActProblemNote, access.Responder, takes("text!")},
}

func (a *API) problemRoutes() []route {
	one := Prefix + "/problems/:number"
	rows := []route{
		{http.MethodGet, Prefix + "/problems", access.Viewer, append([]string{"state", "service", "team", "owner", "ci", "incident", "q"}, paging...), a.problems},
		{http.MethodPost, Prefix + "/problems", access.Responder, nil, a.createProblem},
		{http.MethodGet, one, access.Viewer, nil, a.problem},
		{http.MethodGet, one + "/timeline", access.Viewer, paging, a.problemTimeline},
		{http.MethodGet, one + "/sync", access.Viewer, nil, a.problemSync},
	}
	for _, act := range problemActions {
		rows = append(rows, route{http.MethodPost, one + "/" + act.name, act.role, nil, a.actOnProblem(act)})
	}
	return rows
}

// problemInput is what an act on a problem may carry; which of it one takes is in its
// row of the table.
type problemInput struct {
	Owner      *string  `json:"owner"`
	Team       *string  `json:"team"`
	Title      *string  `json:"title"`
	Text       *string  `json:"text"`
	Reason     *string  `json:"reason"`
	Into       *string  `json:"into"`
	State      *string  `json:"state"`
	KnownError *bool    `json:"known_error"`
	Incidents  []string `json:"incidents"`
	Changes    []string `json:"changes"`
}

// takes reads a body that may have these fields; those with ! have to be there.
func takes(fields ...string) func(*request) (itsm.ProblemBody, error) {
	return func(r *request) (b itsm.ProblemBody, err error) {
		var in problemInput
		if err := r.decode(&in); err != nil {
			return b, err
		}
		given := map[string]bool{"owner": in.Owner != nil, "team": in.Team != nil, "title": in.Title != nil, "text": in.Text != nil, "reason": in.Reason != nil,
			"into": in.Into != nil, "state": in.State != nil, "known_error": in.KnownError != nil, "incidents": in.Incidents != nil, "changes": in.Changes != nil}
		for _, f := range []string{"owner", "team", "title", "text", "reason", "into", "state", "known_error", "incidents", "changes"} {
			needed := slices.Contains(fields, f+"!")
			switch {
			case given[f] && !needed && !slices.Contains(fields, f):
				return b, itsm.Errorf(itsm.Invalid, "%s: unknown here; expected %s", f, strings.ReplaceAll(strings.Join(fields, ", "), "!", ""))
			case !given[f] && needed:
				return b, itsm.Errorf(itsm.Invalid, "%s: missing", f)
			}
		}
		for _, f := range []struct {
			from *string
			to   *string
		}{{in.Owner, &b.Owner}, {in.Team, &b.Team}, {in.Title, &b.Title}, {in.Text, &b.Text}, {in.Reason, &b.Reason}, {in.Into, &b.Into}} {
			if f.from != nil {
				*f.to = strings.TrimSpace(*f.from)
			}
		}
		if in.State != nil {
			if b.State, err = itsm.ParseProblemState(*in.State); err != nil {
				return b, err
			}
		}
		if in.KnownError != nil {
			b.Known = *in.KnownError
		}
		b.Incidents, b.Changes = in.Incidents, in.Changes
		return b, nil
	}
}

// actOnProblem journals the action, waits for its outcome and answers with the
// problem as it is then; after a merge, with the one it went into.
func (a *API) actOnProblem(do problemAction) func(*request) error {
	return func(r *request) error {
		n, err := r.problemNumber()
		if err != nil {
			return err
		}
		body, err := do.body(r)
		if err != nil {
			return err
		}
		if _, err := a.seenProblem(r, n.String()); err != nil {
			return err // known before it is journaled
		}
		for _, v := range body.Incidents {
			if err := a.seesNumbered(r, v); err != nil {
				return err
			}
		}
		out, err := a.doObject(r, do.kind, n.String(), body)
		if err != nil {
			return err
		}
		return a.showProblem(r, out.Object)
	}
}

// createProblem makes a problem of incidents before any test proposes it.
func (a *API) createProblem(r *request) error {
	body, err := takes("incidents!", "title", "owner", "team", "text")(r)
	if err != nil {
		return err
	}
	for _, v := range body.Incidents {
		if err := a.seesNumbered(r, v); err != nil {
			return err
		}
	}
	out, err := a.doObject(r, itsm.ActProblemCreate, "new", body)
	if err != nil {
		return err
	}
	return a.showProblem(r, out.Object)
}

func (r *request) problemNumber() (itsm.ProblemNumber, error) {
	s, err := r.param("number")
	if err != nil {
		return 0, err
	}
	return itsm.ParseProblemNumber(s)
}

func (a *API) problem(r *request) error {
	n, err := r.problemNumber()
	if err != nil {
		return err
	}
	return a.showProblem(r, n.String())
}

func (a *API) showProblem(r *request, number string) error {
	p, err := a.seenProblem(r, number)
	if err != nil {
		return err
	}
	r.tag(p.Version)
	return r.json(viewProblemRecord(&p))
}

// seenProblem reads a problem that the asker's scope includes.
func (a *API) seenProblem(r *request, number string) (itsm.Problem, error) {
	p, err := objectOf[itsm.Problem](a, objectProblem, number)
	if err == nil && !r.who.Scope.Sees(p.Services, p.Team) {
		err = itsm.Errorf(itsm.NotFound, "no problem has the number %s", number)
	}
	return p, err
}

// seesNumbered refuses an incident that is none or out of the asker's scope.
func (a *API) seesNumbered(r *request, number string) error {
	n, err := itsm.ParseIncidentNumber(number)
	if err != nil {
		return itsm.Errorf(itsm.Invalid, "incidents %q: expected numbers such as INC0000001", httpWord(number))
	}
	return a.seesIncident(r, n)
}

// problems lists candidates and problems, the newest first.
func (a *API) problems(r *request) error {
	q := desk.ObjectQuery{Kind: objectProblem}
	states, err := parsed(r.q, "state", itsm.ParseProblemState)
	if err != nil {
		return err
	}
	filters := map[string][]string{}
	for _, f := range []string{"service", "team", "owner", "ci", "incident"} {
		if filters[f], err = r.q.list(f); err != nil {
			return err
		}
	}
	switch {
	case len(states) == 1:
		q.Ref = "state/" + string(states[0])
	case len(filters["incident"]) == 1:
		q.Ref = "incident/" + filters["incident"][0]
	case len(filters["ci"]) == 1:
		q.Ref = "ci/" + filters["ci"][0]
	}
	text := strings.ToLower(r.q["q"])
	members := slices.Clone(problemFilters)
	if len(filters["incident"]) > 0 {
		members = append(members, "incidents")
	}
	var picked []byte
	q.Keep = func(o *itsm.Object) bool {
		if !mayMention(o.Body, text) {
			return false
		}
		var p itsm.Problem
		picked = itsm.Members(picked[:0], o.Body, members...)
		return json.Unmarshal(picked, &p) == nil && r.who.Scope.Sees(p.Services, p.Team) && (len(states) == 0 || slices.Contains(states, p.State)) && wanted(filters["service"], p.Services...) &&
			wanted(filters["team"], p.Team) && wanted(filters["owner"], p.Owner) && wanted(filters["ci"], p.Cause) && wanted(filters["incident"], incidentsOf(&p)...) &&
			(text == "" || strings.Contains(strings.ToLower(p.Title+" "+p.Signature+" "+p.RootCause+" "+p.Workaround), text))
	}
	return objectPage(a, r, q, viewProblemRecord)
}

// problemFilters are what the filters of the list look at. Most of a problem is its
// incidents.
var problemFilters = []string{"title", "state", "signature", "cause", "services", "owner", "team", "root_cause", "workaround"}

// mayMention is a quick test on the JSON of a record: false means that no words of it,
// one after the other with spaces between them, contain the text, which is in lower
// case. JSON writes some letters another way, and letters outside ASCII may have one
// inside as their small one: then it cannot say.
func mayMention(body []byte, text string) bool {
	if text == "" {
		return true
	}
	for _, c := range []byte(text) {
		if c < ' ' || c >= utf8.RuneSelf || strings.IndexByte(`<>&"\`, c) >= 0 {
			return true
		}
	}
	for _, c := range body {
		if c >= utf8.RuneSelf {
			return true
		}
	}
	low := bytes.ToLower(body)
	for word := range strings.SplitSeq(text, " ") {
		if !bytes.Contains(low, []byte(word)) {
			return false
		}
	}
	return true
}

// wanted reports whether any of the values is wanted; with no wishes every one is.
func wanted(wishes []string, values ...string) bool {
	return len(wishes) == 0 || slices.ContainsFunc(values, func(v string) bool { return slices.Contains(wishes, v) })
}

func incidentsOf(p *itsm.Problem) (out []string) {
	for _, i := range p.Incidents {
		out = append(out, i.Number.String())
	}
	return out
}

// problemTimeline lists what happened to a problem, the newest first.
func (a *API) problemTimeline(r *request) error {
	n, err := r.problemNumber()
	if err != nil {
		return err
	}
	if _, err := a.seenProblem(r, n.String()); err != nil {
		return err
	}
	return objectPage(a, r, desk.ObjectQuery{Kind: objectProblem + ".log", Prefix: n.String() + "/"}, func(l *itsm.ProblemNote) itsm.ProblemNote { return *l })
}

// problemRecordView is a candidate or a problem, as the interface promises it.
type problemRecordView struct {
	Number      string                `json:"number"`
	Title       string                `json:"title"`
	State       itsm.ProblemState     `json:"state"`
	Signature   string                `json:"signature"`
	Signatures  []string              `json:"signatures"`
	Cause       *string               `json:"cause"`
	Class       *string               `json:"class"`
	Env         *string               `json:"env"`
	Services    []string              `json:"services"`
	Tests       []itsm.ProblemTest    `json:"tests"`
	Count       uint64                `json:"count"`
	Incidents   []problemIncidentView `json:"incidents"`
	MonthlyCost int64                 `json:"monthly_cost"`
	Rate        milli                 `json:"monthly_rate"`
	Minutes     int64                 `json:"median_minutes"`
	People      int64                 `json:"people"`
	Owner       *string               `json:"owner"`
	Team        *string               `json:"team"`
	RootCause   *string               `json:"root_cause"`
	Workaround  *string               `json:"workaround"`
	KnownError  bool                  `json:"known_error"`
	Changes     []string              `json:"changes"`
	Reason      *string               `json:"reason"`
	MergedInto  *string               `json:"merged_into"`
	ProposedAt  itsm.Time             `json:"proposed_at"`
	AcceptedAt  itsm.Time             `json:"accepted_at"`
	AcceptedBy  *string               `json:"accepted_by"`
	ResolvedAt  itsm.Time             `json:"resolved_at"`
	ClosedAt    itsm.Time             `json:"closed_at"`
	LastAt      itsm.Time             `json:"last_at"`
	Effect      *string               `json:"effect"`
	EffectAt    itsm.Time             `json:"effect_at"`
	EffectText  *string               `json:"effect_text"`
	CreatedBy   string                `json:"created_by"`
	ChangedAt   itsm.Time             `json:"changed_at"`
	Version     uint64                `json:"version"`
	Links       []linkView            `json:"links"`
	Source      *string               `json:"source"`
	ExternalID  *string               `json:"external_id"`
	URL         *string               `json:"url"`
}

type problemIncidentView struct {
	Number       string    `json:"number"`
	OpenedAt     itsm.Time `json:"opened_at"`
	ResolvedAt   itsm.Time `json:"resolved_at"`
	Reopens      uint32    `json:"reopens"`
	Change       *string   `json:"change"`
	ChangeBefore *int64    `json:"change_before"`
	LinkedBy     *string   `json:"linked_by"`
}

func viewProblemRecord(p *itsm.Problem) problemRecordView {
	v := problemRecordView{Number: p.Number.String(), Title: p.Title, State: p.State, Signature: p.Signature, Signatures: list(p.Signatures), Cause: text(p.Cause),
		Class: text(p.Class), Env: text(p.Env), Services: list(p.Services), Tests: append([]itsm.ProblemTest{}, p.Tests...), Count: p.Count,
		MonthlyCost: p.MonthlyCost, Rate: milli(p.RateMilli), Minutes: p.MedianMinutes, People: p.People, Owner: text(p.Owner), Team: text(p.Team),
		RootCause: text(p.RootCause), Workaround: text(p.Workaround), KnownError: p.KnownError, Changes: list(p.Changes), Reason: text(p.Reason),
		MergedInto: text(p.MergedInto), ProposedAt: p.ProposedAt, AcceptedAt: p.AcceptedAt, AcceptedBy: text(p.AcceptedBy), ResolvedAt: p.ResolvedAt,
		ClosedAt: p.ClosedAt, LastAt: p.LastAt, Effect: text(p.Effect), EffectAt: p.EffectAt, EffectText: text(p.EffectText), CreatedBy: p.CreatedBy,
		ChangedAt: p.ChangedAt, Version: p.Version, Links: each(p.Links, viewLink), Source: text(p.Source), ExternalID: text(p.ExternalID), URL: webAddress(p.URL)}
	v.Incidents = each(p.Incidents, func(i *itsm.ProblemIncident) problemIncidentView {
		w := problemIncidentView{Number: i.Number.String(), OpenedAt: i.OpenedAt, ResolvedAt: i.ResolvedAt, Reopens: i.Reopens, Change: text(i.Change), LinkedBy: text(i.LinkedBy)}
		if i.Change != "" {
			w.ChangeBefore = &i.ChangeBefore
		}
		return w
	})
	return v
}
