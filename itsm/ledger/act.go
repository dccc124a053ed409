package ledger

import (
	"fmt"
	"strings"

	"signalbox/itsm"
	"signalbox/itsm/entry"
)

// Act is what a partner's people did, and what it came to.
type Act struct {
	itsm.ActFate
	Text  string              // their note, or whom they assigned; "" when there is none, or the journal no longer holds it
	Now   itsm.IncidentNumber // where Incident is now: it, or what it was merged into
	Story string              // all of it in one or two sentences

	kept bool
}

// act tells of an act; what its people wrote is read from the journal.
func (t *teller) act(off itsm.Offset, f *itsm.ActFate) (*Act, error) {
	a := &Act{ActFate: *f}
	var err error
	if a.Now, err = t.now(f.Incident); err != nil {
		return nil, err
	}
	b, err := t.l.journal.Entry(off)
	if err != nil && itsm.CodeOf(err) != itsm.NotFound {
		return nil, err
	}
	if err == nil {
		v, err := entry.Decode(b)
		if err != nil {
			return nil, itsm.Wrap(itsm.Internal, err, "entry %d cannot be read", off)
		}
		if act, ok := v.(*itsm.Act); ok {
			a.kept, a.Text = true, said(act)
		}
	}
	a.Story = a.story()
	return a, nil
}

// said is what the people behind an act wrote or named.
func said(a *itsm.Act) string {
	switch {
	case a.Kind == itsm.ActAssign:
		return strings.TrimSpace("to " + a.Assignee + " " + a.Group)
	case a.Text != "":
		return a.Text
	case a.Link != nil:
		return strings.TrimSpace(a.Link.Connector + " " + a.Link.ID)
	}
	return a.Reason
}

// results say at length what an act came to.
var results = map[itsm.ActResult]string{
	itsm.ActApplied:  "applied",
	itsm.ActNoOp:     "it changed nothing, for the incident was so already",
	itsm.ActRepeated: "it changed nothing, for the same delivery had come before",
	itsm.ActIgnored:  "ignored",
	itsm.ActRefused:  "refused",
}

// story tells an act and its result.
func (a *Act) story() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s %s", a.Actor, a.Kind, a.Incident)
	fmt.Fprintf(&b, "; %s", results[a.Result])
	if a.Reason != "" {
		b.WriteString(": " + a.Reason)
	}
	if a.Now != a.Incident {
		fmt.Fprintf(&b, "; since merged into %s", a.Now)
	}
	return sentence(b.String())
}
