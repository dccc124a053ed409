package correlate

import (
	"fmt"
	"slices"

	"signalbox/itsm"
)

// kin is what an incident is a part of, or what is a part of it. There is one
// generation, so that nobody has to follow a chain to know what ends with what: a
// child has no children, and no incident is below itself.
type kin struct {
	parent   itsm.IncidentNumber
	with     itsm.IncidentNumber   // the parent that it was resolved with, in this epoch
	children []itsm.IncidentNumber // in the order they came
	gave     []itsm.IncidentNumber // children that went on when it was merged, for taking the merge back
}

func (i *incident) family() kin {
	if k := i.around().kin; k != nil {
		return *k
	}
	return kin{}
}

func (i *incident) kin() *kin {
	v := i.surround()
	if v.kin == nil {
		v.kin = &kin{}
	}
	return v.kin
}

// alone forgets a kin that says nothing, as a state that was read has it.
func (i *incident) alone() {
	k := i.around().kin
	if k == nil {
		return
	}
	if len(k.children) == 0 {
		k.children = nil
	}
	if len(k.gave) == 0 {
		k.gave = nil
	}
	if k.parent == 0 && k.with == 0 && len(k.children)+len(k.gave) == 0 {
		i.beside.kin = nil
	}
	if !i.beside.any() {
		i.beside = nil
	}
}

// actParent makes i a child of another incident, or takes that back. Each keeps its
// alerts; only the end of the parent flows down.
func (s *State) actParent(i *incident, a *itsm.Act) itsm.Outcome {
	if a.Into == 0 {
		return s.orphan(i, a)
	}
	p := s.incidents[a.Into]
	switch {
	case a.Into > s.lastIncident:
		return refuse(a, itsm.Invalid, "parent: there is no incident %q", a.Into)
	case a.Into == i.number:
		return refuse(a, itsm.Invalid, "parent: %s cannot be its own parent", i.number)
	case i.family().parent == a.Into:
		return noOp(a)
	case i.state == itsm.Closed || i.state == itsm.Cancelled:
		return i.illegal(a)
	case p == nil || !p.state.IsOpen():
		return refuse(a, itsm.Conflict, "parent: %s is not open; expected an incident that is new, in progress or on hold", a.Into)
	case p.family().parent != 0:
		return refuse(a, itsm.Conflict, "parent: %s is a child of %s itself; expected an incident without a parent: make it a child of %s", p.number, p.family().parent, p.family().parent)
	case len(i.family().children) > 0:
		return refuse(a, itsm.Conflict, "parent: %s has %d children of its own; give them another parent first, or merge it", i.number, len(i.family().children))
	case len(p.family().children) >= itsm.ChildrenMax:
		return refuse(a, itsm.TooLarge, "parent: %s has %d children, which is the limit", p.number, itsm.ChildrenMax)
	}
	by := doerOf(a)
	s.leaveParent(i, by.actor)
	s.adoptChild(p, i)
	s.timeline(i, "child", by.actor, fmt.Sprintf("of %s %q", p.number, clip(p.title(), titleShown)))
	s.timeline(p, "child added", by.actor, fmt.Sprintf("%s %q", i.number, clip(i.title(), titleShown)))
	s.noteTo(i, by, fmt.Sprintf("part of %s: %s", p.number, clip(p.title(), titleShown)))
	s.touchIncident(i)
	s.touchIncident(p)
	s.proposeMajor(p)
	return done(a)
}

func (s *State) adoptChild(p, i *incident) {
	i.kin().parent = p.number
	p.kin().children = append(p.kin().children, i.number)
}

// orphan takes a parent back.
func (s *State) orphan(i *incident, a *itsm.Act) itsm.Outcome {
	was := i.family().parent
	if was == 0 {
		return noOp(a)
	}
	by := doerOf(a)
	s.leaveParent(i, by.actor)
	i.alone()
	s.timeline(i, "no child any more", by.actor, "of "+was.String())
	s.noteTo(i, by, "no part of "+was.String()+" any more")
	s.touchIncident(i)
	return done(a)
}

// leaveParent takes i out of the children of its parent.
func (s *State) leaveParent(i *incident, actor string) {
	was := i.family().parent
	if was == 0 {
		return
	}
	i.kin().parent = 0
	if p := s.incidents[was]; p != nil && p.family().parent == 0 {
		k := p.kin()
		k.children = slices.DeleteFunc(k.children, func(n itsm.IncidentNumber) bool { return n == i.number })
		p.alone()
		s.timeline(p, "child left", actor, i.number.String())
		s.touchIncident(p)
	}
}

// noteTo tells the partners that know i something, once.
func (s *State) noteTo(i *incident, by doer, text string) {
	for n := range i.told {
		if t := &i.told[n]; t.epoch != 0 && t.connector != by.origin {
			s.intend(i, t, itsm.Note, by, text)
		}
	}
}

// resolveChildren lets the end of i flow down. What a person ends, ends with all its
// children; a child that still fires is flagged and comes back after the grace, as any
// that is resolved while it fires. When i ends by itself, only children end that do
// not fire: nobody looked at the others.
func (s *State) resolveChildren(i *incident, by doer) {
	for _, n := range slices.Clone(i.family().children) {
		c := s.incidents[n]
		if c == nil || !c.state.IsOpen() || c.family().parent != i.number || by.actor == actSystem.actor && (c.firing > 0 || c.runsAsMajor()) {
			continue
		}
		c.kin().with = i.number
		note := "resolved with its parent " + i.number.String()
		s.resolve(c, doer{actor: by.actor}, itsm.CloseDuplicate, note, "close code "+itsm.CloseDuplicate+": "+note)
	}
}

// goesOnAlone forgets that i ended with a parent.
func (i *incident) goesOnAlone() {
	if k := i.around().kin; k != nil && k.with != 0 {
		k.with = 0
		i.alone()
	}
}

// handOverKin gives the children of an incident that is merged to the one it becomes
// part of, or to that one's parent; handBackKin brings them back.
func (s *State) handOverKin(from, into *incident) {
	if into.family().parent == from.number {
		s.leaveParent(into, actSystem.actor)
		into.alone()
	}
	to := into
	if p := s.incidents[into.family().parent]; p != nil {
		to = p
	}
	for _, n := range slices.Clone(from.family().children) {
		c := s.incidents[n]
		if c == nil || c == to || len(to.family().children) >= itsm.ChildrenMax {
			continue
		}
		s.leaveParent(c, actSystem.actor)
		s.adoptChild(to, c)
		from.kin().gave = append(from.kin().gave, n)
		s.timeline(c, "child", actSystem.actor, fmt.Sprintf("of %s: %s was merged", to.number, from.number))
		s.touchIncident(c)
		s.touchIncident(to)
	}
}

func (s *State) handBackKin(i, was *incident) {
	gave := was.family().gave
	if len(gave) == 0 {
		return
	}
	was.kin().gave = nil
	for _, n := range gave {
		c := s.incidents[n]
		p := i.number
		if up := i.family().parent; up != 0 {
			p = up
		}
		if c == nil || c.family().parent != p {
			continue
		}
		s.leaveParent(c, actSystem.actor)
		s.adoptChild(was, c)
		s.timeline(c, "child", actSystem.actor, fmt.Sprintf("of %s: its merge was taken back", was.number))
		s.touchIncident(c)
	}
	was.alone()
	s.touchIncident(was)
}

func archiveKin(a *archive, p **kin) {
	if has := archived(a, p); !has {
		return
	}
	k := *p
	num(a, &k.parent)
	num(a, &k.with)
	list(a, &k.children, num[itsm.IncidentNumber])
	list(a, &k.gave, num[itsm.IncidentNumber])
}

// archived archives whether there is something, and makes room for it when it is read.
func archived[T any](a *archive, p **T) bool {
	has := *p != nil
	a.flag(&has)
	if has && a.reading {
		*p = new(T)
	}
	return has
}
