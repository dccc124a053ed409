package correlate

import (
	"fmt"
	"slices"
	"strings"

	"signalbox/itsm"
)

// follow is who follows an incident and what people attached to it.
type follow struct {
	watchers []string // sorted
	attached []itsm.Attachment
}

func (i *incident) follow() *follow {
	v := i.surround()
	if v.follow == nil {
		v.follow = &follow{}
	}
	return v.follow
}

// unfollowed forgets a follow that says nothing.
func (i *incident) unfollowed() {
	f := i.follow()
	if len(f.watchers) == 0 {
		f.watchers = nil
	}
	if len(f.attached) == 0 {
		f.attached = nil
	}
	if f.watchers == nil && f.attached == nil {
		i.beside.follow = nil
	}
	if !i.beside.any() {
		i.beside = nil
	}
}

// actWatch has a person follow i, or no more.
func (s *State) actWatch(i *incident, a *itsm.Act) itsm.Outcome {
	who, on := strings.TrimSpace(a.Assignee), a.Kind == itsm.ActWatch
	if who == "" || len(who) > itsm.WatcherBytesMax {
		return refuse(a, itsm.Invalid, "who: expected the name of a person, of at most %d bytes", itsm.WatcherBytesMax)
	}
	var have []string
	if f := i.around().follow; f != nil {
		have = f.watchers
	}
	at, is := slices.BinarySearch(have, who)
	switch {
	case is == on:
		return noOp(a)
	case on && len(have) >= itsm.WatchersMax:
		return refuse(a, itsm.TooLarge, "who: %d people follow %s, which is the limit", itsm.WatchersMax, i.number)
	}
	f, kind := i.follow(), "watched"
	if on {
		f.watchers = slices.Insert(f.watchers, at, who)
	} else {
		f.watchers, kind = slices.Delete(f.watchers, at, at+1), "watched no more"
	}
	i.unfollowed()
	s.timeline(i, kind, doerOf(a).actor, "by "+who)
	s.touchIncident(i)
	return done(a)
}

// actAttach attaches a link. One that is attached already gets the new title.
func (s *State) actAttach(i *incident, a *itsm.Act) itsm.Outcome {
	l, bad := carried[itsm.Attachment](a)
	if bad != nil {
		return *bad
	}
	l.Title, l.URL = strings.TrimSpace(l.Title), strings.TrimSpace(l.URL)
	if why := l.Fault(); why != "" {
		return refuse(a, itsm.Invalid, "%s", why)
	}
	l.By, l.At = doerOf(a).actor, s.now
	at := i.attachedAt(l.URL)
	switch {
	case at >= 0 && i.beside.follow.attached[at].Title == l.Title:
		return noOp(a)
	case at >= 0:
		i.beside.follow.attached[at] = l
	case i.around().follow != nil && len(i.beside.follow.attached) >= itsm.AttachmentsMax:
		return refuse(a, itsm.TooLarge, "url: %s has %d links, which is the limit; take one away first", i.number, itsm.AttachmentsMax)
	default:
		i.follow().attached = append(i.follow().attached, l)
	}
	s.timeline(i, "attached", l.By, fmt.Sprintf("%s (%s)", l.Title, l.URL))
	s.touchIncident(i)
	return done(a)
}

func (s *State) actDetach(i *incident, a *itsm.Act) itsm.Outcome {
	l, bad := carried[itsm.Attachment](a)
	if bad != nil {
		return *bad
	}
	at := i.attachedAt(strings.TrimSpace(l.URL))
	if at < 0 {
		return noOp(a)
	}
	f := i.beside.follow
	s.timeline(i, "link taken away", doerOf(a).actor, fmt.Sprintf("%s (%s)", f.attached[at].Title, f.attached[at].URL))
	f.attached = slices.Delete(f.attached, at, at+1)
	i.unfollowed()
	s.touchIncident(i)
	return done(a)
}

func (i *incident) attachedAt(url string) int {
	if f := i.around().follow; f != nil {
		return slices.IndexFunc(f.attached, func(l itsm.Attachment) bool { return l.URL == url })
	}
	return -1
}

// describeAround fills in of a record what few incidents have.
func (i *incident) describeAround(r *itsm.Incident) {
	v := i.around()
	if k := v.kin; k != nil {
		r.Parent, r.ResolvedWith, r.Children = k.parent, k.with, slices.Clone(k.children)
	}
	if m := v.major; m != nil {
		r.Major = m.MajorIncident
	}
	i.describeUndo(r)
	if f := v.follow; f != nil {
		r.Watchers, r.Attachments = slices.Clone(f.watchers), slices.Clone(f.attached)
	}
}

func archiveFollow(a *archive, p **follow) {
	if has := archived(a, p); !has {
		return
	}
	texts(a, &(*p).watchers)
	list(a, &(*p).attached, func(a *archive, l *itsm.Attachment) {
		for _, v := range []*string{&l.Title, &l.URL, &l.By} {
			text(a, v)
		}
		num(a, &l.At)
	})
}
