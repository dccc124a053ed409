package desk

import "signalbox/itsm"

// process writes what people arranged around an incident. Most have nothing of it,
// so one byte says so.
func (b *rawBuffer) process(in *itsm.Incident) {
	undoable := in.Undo != (itsm.Undoable{})
	if !undoable && in.Parent|in.ResolvedWith == 0 && len(in.Children)+len(in.Watchers)+len(in.Attachments) == 0 && in.Major == (itsm.MajorIncident{}) {
		b.uint(0)
		return
	}
	if undoable {
		b.uint(2) // as 1, and what can be undone
		b.str(string(in.Undo.Of))
		b.uint(uint64(in.Undo.With))
		b.str(in.Undo.By)
		b.time(in.Undo.At)
	} else {
		b.uint(1)
	}
	b.uint(uint64(in.Parent))
	b.uint(uint64(in.ResolvedWith))
	b.uint(uint64(len(in.Children)))
	for _, n := range in.Children {
		b.uint(uint64(n))
	}
	m := &in.Major
	for _, v := range []string{string(m.State), m.By, m.Because, m.ProposedBy, m.ProposedBecause} {
		b.str(v)
	}
	b.time(m.At)
	b.time(m.ProposedAt)
	b.strs(in.Watchers)
	b.uint(uint64(len(in.Attachments)))
	for i := range in.Attachments {
		l := &in.Attachments[i]
		b.str(l.Title)
		b.str(l.URL)
		b.str(l.By)
		b.time(l.At)
	}
}

func (r *reader) process(in *itsm.Incident) {
	switch r.uint() {
	case 0:
		return
	case 1:
	case 2:
		in.Undo = itsm.Undoable{Of: itsm.ActKind(r.str()), With: itsm.IncidentNumber(r.uint()), By: r.str(), At: r.time()}
	default:
		r.fail()
		return
	}
	in.Parent, in.ResolvedWith = itsm.IncidentNumber(r.uint()), itsm.IncidentNumber(r.uint())
	if n := r.count(1); n > 0 {
		in.Children = make([]itsm.IncidentNumber, n)
	}
	for i := range in.Children {
		in.Children[i] = itsm.IncidentNumber(r.uint())
	}
	m := &in.Major
	m.State, m.By, m.Because, m.ProposedBy, m.ProposedBecause = itsm.MajorState(r.str()), r.str(), r.str(), r.str(), r.str()
	m.At, m.ProposedAt = r.time(), r.time()
	in.Watchers = r.strs()
	if n := r.count(4); n > 0 {
		in.Attachments = make([]itsm.Attachment, n)
	}
	for i := range in.Attachments {
		in.Attachments[i] = itsm.Attachment{Title: r.str(), URL: r.str(), By: r.str(), At: r.time()}
	}
}
