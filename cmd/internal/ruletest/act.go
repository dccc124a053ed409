package ruletest

import (
	"cmp"
	"encoding/json"
	"strings"

	"go.yaml.in/yaml/v3"

	"signalbox/itsm"
)

// act is what a person does in a test.
type act struct {
	line     int
	act      itsm.Act
	incident string // number or title
	into     string // of a merge, or the parent
	body     itsm.ProblemBody
	window   *window // of a maintenance window that is made
}

var actKinds = []itsm.ActKind{itsm.ActAcknowledge, itsm.ActUnacknowledge, itsm.ActResolve, itsm.ActReopen, itsm.ActHold,
	itsm.ActResume, itsm.ActCancel, itsm.ActAssign, itsm.ActPriority, itsm.ActNote, itsm.ActMerge, itsm.ActUnrelated, itsm.ActParent,
	itsm.ActMajorPropose, itsm.ActMajorAccept, itsm.ActMajorReject, itsm.ActMajorDemote}

// objectKinds are acts on what has a number of its own, of which the act gives it.
var objectKinds = []itsm.ActKind{itsm.ActProblemAccept, itsm.ActProblemDismiss, itsm.ActProblemAssign, itsm.ActProblemState, itsm.ActProblemRootCause,
	itsm.ActProblemWorkaround, itsm.ActProblemKnownError, itsm.ActProblemCommunicate, itsm.ActMaintenanceEnd, itsm.ActMaintenanceCancel, itsm.ActChangeCancel}

// nobody takes a parent away.
const nobody = "none"

func (r *reader) act(v *yaml.Node, field string) act {
	a := act{line: v.Line}
	by, to, state := "test", "", ""
	keys := []key{
		{"by", r.text(&by)},
		{"into", r.text(&a.into)},
		{"to", r.word(&to, isPriority)},
		{"text", r.text(&a.act.Text)},
		{"reason", r.text(&a.act.Reason)},
		{"close_code", r.text(&a.act.CloseCode)},
		{"assignee", r.text(&a.act.Assignee)},
		{"group", r.text(&a.act.Group)},
		{"owner", r.text(&a.body.Owner)},
		{"team", r.text(&a.body.Team)},
		{"state", r.word(&state, isProblemState)},
	}
	once := func(k itsm.ActKind, to *string) func(*yaml.Node, string) {
		return func(v *yaml.Node, field string) {
			if a.act.Kind != "" {
				r.fail(v, field, "the act is %s already; make a list of two acts", a.act.Kind)
			}
			a.act.Kind = k
			r.text(to)(v, field)
		}
	}
	for _, k := range actKinds {
		keys = append(keys, key{string(k), once(k, &a.incident)})
	}
	for _, k := range objectKinds {
		keys = append(keys, key{string(k), once(k, &a.act.Object)})
	}
	r.object(v, field, keys...)
	a.act.Actor = by
	if !strings.Contains(by, ":") {
		a.act.Actor = "console:" + by
	}
	a.act.Priority, _ = itsm.ParsePriority(to)
	if strings.HasPrefix(string(a.act.Kind), "major.") {
		a.act.Text, a.act.Reason = cmp.Or(a.act.Text, a.act.Reason), ""
	}
	if strings.HasPrefix(string(a.act.Kind), "problem.") {
		a.body.State, a.body.Text, a.body.Reason, a.body.Known = itsm.ProblemState(state), a.act.Text, a.act.Reason, a.act.Kind == itsm.ActProblemKnownError
		a.act.Body, a.act.Text, a.act.Reason = encoded(a.body), "", ""
	}
	takesInto := a.act.Kind == itsm.ActMerge || a.act.Kind == itsm.ActUnrelated || a.act.Kind == itsm.ActParent
	switch {
	case v.Kind != yaml.MappingNode:
	case a.act.Kind == "":
		r.fail(v, field, "says not what is done: expected such as {acknowledge: INC0000001}")
	case takesInto != (a.into != ""):
		r.fail(v, field, "expected merge, unrelated or parent: INCIDENT together with into: INCIDENT; a parent also into: none")
	}
	return a
}

// encoded is the JSON of a body of ours, which cannot fail.
func encoded(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return b
}

func isProblemState(s string) error { _, err := itsm.ParseProblemState(s); return err }

func isPriority(s string) error { _, err := itsm.ParsePriority(s); return err }
