package ruletest

import (
	"strings"

	"go.yaml.in/yaml/v3"

	"signalbox/itsm"
)

// act is what a person does in a test.
type act struct {
	line     int
	act      itsm.Act
	incident string // number or title
	into     string // of a merge
}

var actKinds = []itsm.ActKind{itsm.ActAcknowledge, itsm.ActUnacknowledge, itsm.ActResolve, itsm.ActReopen, itsm.ActHold,
	itsm.ActResume, itsm.ActCancel, itsm.ActAssign, itsm.ActPriority, itsm.ActNote, itsm.ActMerge, itsm.ActUnrelated}

func (r *reader) act(v *yaml.Node, field string) act {
	a := act{line: v.Line}
	by, to := "test", ""
	keys := []key{
		{"by", r.text(&by)},
		{"into", r.text(&a.into)},
		{"to", r.word(&to, isPriority)},
		{"text", r.text(&a.act.Text)},
		{"reason", r.text(&a.act.Reason)},
		{"close_code", r.text(&a.act.CloseCode)},
		{"assignee", r.text(&a.act.Assignee)},
		{"group", r.text(&a.act.Group)},
	}
	for _, k := range actKinds {
		keys = append(keys, key{string(k), func(v *yaml.Node, field string) {
			if a.act.Kind != "" {
				r.fail(v, field, "the act is %s already; make a list of two acts", a.act.Kind)
			}
			a.act.Kind = k
			r.text(&a.incident)(v, field)
		}})
	}
	r.object(v, field, keys...)
	a.act.Actor = by
	if !strings.Contains(by, ":") {
		a.act.Actor = "console:" + by
	}
	a.act.Priority, _ = itsm.ParsePriority(to)
	switch {
	case v.Kind != yaml.MappingNode:
	case a.act.Kind == "":
		r.fail(v, field, "says not what is done: expected such as {acknowledge: INC0000001}")
	case (a.act.Kind == itsm.ActMerge || a.act.Kind == itsm.ActUnrelated) != (a.into != ""):
		r.fail(v, field, "expected merge: INCIDENT, or unrelated: INCIDENT, together with into: INCIDENT")
	}
	return a
}

func isPriority(s string) error { _, err := itsm.ParsePriority(s); return err }
