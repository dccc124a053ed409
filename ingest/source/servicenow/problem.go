package servicenow

import (
	"encoding/json"
	"html"
	"slices"
	"strings"

	"signalbox/ingest/source"
	"signalbox/itsm"
)

// objectPrefix begins the correlation_id of the record of a change or a problem of
// ours.
const objectPrefix = "signalbox/"

// ObjectKey is the correlation_id of the record of a change or a problem.
func ObjectKey(id string) string { return objectPrefix + id }

// ParseObjectKey reads a correlation_id made by ObjectKey; false for any other.
func ParseObjectKey(key string) (id string, ours bool) {
	id, ours = strings.CutPrefix(key, objectPrefix)
	if !ours {
		return "", false
	}
	if n, err := itsm.ParseChangeNumber(id); err == nil && n.String() == id {
		return id, true
	}
	n, err := itsm.ParseProblemNumber(id)
	return id, err == nil && n.String() == id
}

// DefaultProblemStates are the choices of problem.state of a new instance. What is
// lived with is closed there, and its resolution_code says so.
var DefaultProblemStates = map[itsm.ProblemState][]string{
	itsm.ProblemNew: {"101"}, itsm.ProblemAssess: {"102"}, itsm.ProblemAnalysis: {"103"}, itsm.ProblemFix: {"104"}, itsm.ProblemResolved: {"106"}, itsm.ProblemClosed: {"107"},
}

// RiskAccepted is the resolution_code of a problem that is lived with.
const RiskAccepted = "risk_accepted"

// ProblemChoices are the choices of problem.state of the instance.
func (c *Config) ProblemChoices() map[itsm.ProblemState][]string {
	if c.ProblemStates == nil {
		return DefaultProblemStates
	}
	return c.ProblemStates
}

// ProblemStateOf reads a choice of problem.state and a resolution_code; "" when it is
// not configured.
func (c *Config) ProblemStateOf(choice, resolution string) itsm.ProblemState {
	states := c.ProblemChoices()
	for _, st := range itsm.ProblemStates {
		if !slices.Contains(states[st], choice) {
			continue
		}
		if (st == itsm.ProblemResolved || st == itsm.ProblemClosed) && resolution == RiskAccepted {
			return itsm.ProblemRiskAccepted
		}
		return st
	}
	return ""
}

// LinkedIncidents is where a polled record of a problem that was made there has the
// numbers of our incidents that name it, with a comma between them.
const LinkedIncidents = "signalbox_incidents"

// problem decodes a record of table problem.
func (w wire) problem() (source.Result, error) {
	id, ours := ParseObjectKey(w.Flat["record.correlation_id"])
	if !ours && w.c.TheirProblems && w.Flat["operation"] == Polled {
		return w.theirProblem()
	}
	if _, err := itsm.ParseProblemNumber(id); err != nil || !ours {
		return source.Result{}, nil
	}
	if err := w.read(); err != nil {
		return source.Result{}, err
	}
	op := w.Flat["operation"]
	if op == "insert" || w.isOurs() {
		return source.Result{}, nil
	}
	if op == "delete" {
		return w.about(id, said{itsm.ActProblemNote, itsm.ProblemBody{Text: "its record " + w.name() + " was deleted in ServiceNow"}})
	}
	state, err := w.problemState()
	if err != nil {
		return source.Result{}, err
	}
	var all []said
	add := func(field string, kind itsm.ActKind, b itsm.ProblemBody) {
		if op == Polled || w.changed(field) || field == "state" && w.changed("resolution_code") {
			all = append(all, said{kind, b})
		}
	}
	add("cause_notes", itsm.ActProblemRootCause, itsm.ProblemBody{Text: PlainText(w.Flat["record.cause_notes"])})
	add("workaround", itsm.ActProblemWorkaround, itsm.ProblemBody{Text: PlainText(w.Flat["record.workaround"])})
	add("known_error", itsm.ActProblemKnownError, itsm.ProblemBody{Known: w.isKnownError()})
	add("state", itsm.ActProblemState, itsm.ProblemBody{State: state, Reason: "in ServiceNow"})
	return w.about(id, all...)
}

func (w wire) problemState() (itsm.ProblemState, error) {
	state := w.c.ProblemStateOf(w.Flat["record.state"], w.Flat["record.resolution_code"])
	if state == "" {
		return "", itsm.Errorf(itsm.Invalid, "record.state: %s is not a state of a problem that is configured; add it to the connector's problem_states", source.Quote(w.Flat["record.state"]))
	}
	return state, nil
}

func (w wire) isKnownError() bool {
	known := w.Flat["record.known_error"]
	return known == "true" || known == "1"
}

// theirProblem is how a problem is that was made there.
func (w wire) theirProblem() (source.Result, error) {
	if err := w.read(); err != nil {
		return source.Result{}, err
	}
	state, err := w.problemState()
	if err != nil {
		return source.Result{}, err
	}
	clip := func(field string) string { return source.Clip(w.Flat["record."+field], source.PersonBytesMax) }
	u := itsm.ProblemUpdate{ExternalID: w.name(), URL: source.Link(w.Flat["url"]), Title: source.CutText(source.Title(w.First("record.short_description", "record.number")), 2*itsm.ObjectNameMax), State: state,
		Owner: clip("assigned_to"), OwnerEmail: clip("assigned_to.email"), Team: clip("assignment_group"), CI: clip("cmdb_ci"), RootCause: PlainText(w.Flat["record.cause_notes"]),
		Workaround: PlainText(w.Flat["record.workaround"]), KnownError: w.isKnownError()}
	if name := source.NameOf(w.c.Users, w.Flat["record.assigned_to.user_name"]); name != "" {
		u.Owner, u.OwnerEmail = name, ""
	}
	if list := w.Flat["record."+LinkedIncidents]; list != "" {
		u.Incidents = strings.Split(list, ",")
	}
	body, err := json.Marshal(&u)
	if err != nil {
		return source.Result{}, itsm.Wrap(itsm.Internal, err, "write what is said of %s", u.ExternalID)
	}
	return source.Result{Acts: []itsm.Act{{Kind: itsm.ActProblemPut, Actor: w.actor(), PartnerVersion: w.version, Body: body}}}, nil
}

// said is an act on a problem and what it carries.
type said struct {
	kind itsm.ActKind
	body itsm.ProblemBody
}

func (w wire) about(id string, all ...said) (source.Result, error) {
	var acts []itsm.Act
	for n, s := range all {
		body, err := json.Marshal(&s.body)
		if err != nil {
			return source.Result{}, itsm.Wrap(itsm.Internal, err, "write what is said of %s", id)
		}
		acts = append(acts, itsm.Act{Kind: s.kind, Object: id, Actor: w.actor(), PartnerVersion: w.version + int64(n), Body: body})
	}
	return source.Result{Acts: acts}, nil
}

// textBytesMax bounds a text that is taken over, which is HTML before it is cut.
const textBytesMax = itsm.ProblemTextMax - 64

// PlainText is what a field of rich text says: without tags, a line a paragraph.
func PlainText(s string) string {
	var b strings.Builder
	for s != "" {
		text, rest, tagged := strings.Cut(s, "<")
		b.WriteString(text)
		if s = ""; !tagged {
			break
		}
		tag, after, closed := strings.Cut(rest, ">")
		if !closed || !isTag(tag) {
			b.WriteByte('<')
			s = rest
			continue
		}
		if name := strings.ToLower(strings.Trim(tag, "/ ")); strings.HasPrefix(name, "br") || strings.HasPrefix(tag, "/p") || strings.HasPrefix(tag, "/div") || strings.HasPrefix(tag, "/li") {
			b.WriteByte('\n')
		}
		s = after
	}
	return source.CutText(strings.TrimSpace(html.UnescapeString(b.String())), textBytesMax)
}

// isTag reports whether what stands between < and > can be a tag, and is no comparison.
func isTag(s string) bool {
	s = strings.TrimPrefix(s, "/")
	return s != "" && (s[0] >= 'a' && s[0] <= 'z' || s[0] >= 'A' && s[0] <= 'Z' || s[0] == '!')
}
