package correlate

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"signalbox/itsm"
	"signalbox/itsm/cmdb"
)

// Bounds of the search for what changed.
const (
	changeCausesMax = 3 // probable causes from which it starts
	changedAround   = 100
)

// suspicion is a change near an incident.
type suspicion struct {
	c     *change
	hops  int
	at    itsm.Time
	ci    string
	from  string // the probable cause
	milli int
}

// whatChanged lists the changes on the probable causes of i and upstream of them,
// the most suspicious first: near in the graph, and shortly before the first alert.
func (s *State) whatChanged(i *incident) []itsm.IncidentChange {
	if len(s.changes.byCI) == 0 {
		return nil
	}
	var found []suspicion
	for n, cause := range i.causes[:min(len(i.causes), changeCausesMax)] {
		r, ok := s.graph.Lookup(cause.CI)
		if !ok {
			continue
		}
		before := len(found)
		s.reach = s.graph.Explains(r, s.cfg.ChangeHops, s.reach[:0])
		for _, y := range s.reach {
			found = s.suspect(found, before, i, cause.CI, y, min(n, 1))
		}
	}
	slices.SortFunc(found, func(a, b suspicion) int {
		return cmp.Or(cmp.Compare(b.milli, a.milli), cmp.Compare(a.hops, b.hops), cmp.Compare(b.at, a.at), cmp.Compare(a.c.number, b.c.number))
	})
	var out []itsm.IncidentChange
	for _, f := range found[:min(len(found), itsm.IncidentChangesMax)] {
		out = append(out, itsm.IncidentChange{Change: f.c.ID, Title: f.c.Title, State: f.c.State, Who: f.c.Who, URL: f.c.URL,
			CI: f.ci, Hops: f.hops, At: f.at, Because: f.because(i.openedAt)})
	}
	return out
}

// suspect adds the changes on one CI that were not found from a better cause; of a
// change on several CIs the nearest counts. far is what a lesser cause is taken to
// be further away.
func (s *State) suspect(found []suspicion, before int, i *incident, from string, y cmdb.Reach, far int) []suspicion {
	id := s.graph.ID(y.Ref)
	for _, n := range s.changesOf(id) {
		c := s.changes.all[n]
		at := c.moment(i.openedAt, s.cfg.ChangeWindow)
		if at == 0 {
			continue
		}
		f := suspicion{c, int(y.Hops), at, id, from, s.group.g.Suspicion(int(y.Hops)+far, i.openedAt-at)}
		switch was := slices.IndexFunc(found, func(o suspicion) bool { return o.c == c }); {
		case was < 0:
			found = append(found, f)
		case was < before:
		case f.milli > found[was].milli || f.milli == found[was].milli && f.hops < found[was].hops:
			found[was] = f
		}
	}
	return found
}

// because says where the change was and when.
func (f *suspicion) because(first itsm.Time) string {
	where := "on " + f.ci + ", a probable cause"
	if f.hops > 0 {
		where = fmt.Sprintf("on %s, %s upstream of %s", f.ci, plural(f.hops, "hop"), f.from)
	}
	d := "at the moment of"
	if first.Sub(f.at) >= time.Second {
		d = short(Duration(first.Sub(f.at).Round(time.Second))) + " before"
	}
	switch {
	case f.c.EndedAt == f.at:
		return fmt.Sprintf("%s: ended %s the first alert", where, d)
	case f.c.StartedAt == 0:
		return fmt.Sprintf("%s: planned to begin %s the first alert", where, d)
	}
	return fmt.Sprintf("%s: began %s the first alert and was still under way", where, d)
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// changedAround ranks the causes of the open incidents near a change anew: word of
// it may come after them.
func (s *State) changedAround(c *change) {
	s.group.g.ChangesMoved()
	if c.From() == 0 && c.State != itsm.ChangeCancelled {
		return
	}
	var near []itsm.IncidentNumber
	for _, id := range c.CIs {
		if r, ok := s.graph.Lookup(id); ok {
			near = s.group.g.Around(r, near)
		}
	}
	slices.Sort(near)
	near = slices.Compact(near)
	for _, n := range near[max(0, len(near)-changedAround):] {
		if i := s.incidents[n]; i != nil && i.state.IsOpen() {
			s.refreshCauses(i)
			s.touchIncident(i)
			s.scheduleIncident(i)
		}
	}
}
