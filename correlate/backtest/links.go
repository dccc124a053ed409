package backtest

import "signalbox/itsm"

// link is an event's episodes on both sides and in recorded history; -1 is none, and
// then the rule that dropped it stands beside it.
type link struct {
	before, after, known  int32
	beforeDrop, afterDrop int32
}

// link notes where an event went on each side.
func (r *run) link(event int, status itsm.Status) {
	l := link{known: -1}
	l.before, l.beforeDrop = r.before.place(event)
	l.after, l.afterDrop = r.after.place(event)
	if r.recorded != nil {
		l.known, _ = r.recorded.place(event)
	} else if r.known != nil {
		l.known = l.before
	}
	if l.before < 0 && l.after < 0 || status == itsm.Resolved && (l.before < 0 || l.after < 0) {
		return // nothing to either, or the clear of what one side never took in
	}
	n := r.number(l)
	if r.counting {
		r.heard[n] = true
		r.before.hear(l.before)
		r.after.hear(l.after)
	}
	if l.known >= 0 {
		r.where[l.known] = n
	}
}

// number numbers a link, from 0. Nearly always it is the last one of its episode.
func (r *run) number(l link) int32 {
	if l.before < 0 {
		return r.numberNew(l)
	}
	r.lastLink = reaching(r.lastLink, int(l.before))
	last := &r.lastLink[l.before]
	if *last == 0 || r.links[*last-1] != l {
		*last = r.numberNew(l) + 1
	}
	return *last - 1
}

func (r *run) numberNew(l link) int32 {
	n, ok := r.linkOf[l]
	if !ok {
		n = int32(len(r.links))
		r.linkOf[l] = n
		r.links = append(r.links, l)
		r.heard = append(r.heard, false)
	}
	return n
}

// hear notes that an episode was heard of in the range; -1 is none.
func (s *side) hear(ep int32) {
	if ep >= 0 {
		s.episodes[ep].heard = true
	}
}
