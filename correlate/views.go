package correlate

import (
	"slices"
	"strings"

	"signalbox/itsm"
)

// views are the saved filters of the list of incidents. Who may change which is for
// the door to say; here is what holds of all of them.
type views struct {
	all  map[string]*itsm.View // by id
	last itsm.ViewNumber
}

func init() {
	objectActors[itsm.ActViewPut] = (*State).actViewPut
	objectActors[itsm.ActViewRemove] = (*State).actViewRemove
	objectActors[itsm.ActViewDefault] = (*State).actViewDefault
}

// newView is the name by which an act makes a view.
const newView = "new"

func (s *State) viewOf(a *itsm.Act) (*itsm.View, *itsm.Outcome) {
	id := named(a, itsm.ObjectView)
	if v := s.views.all[id]; v != nil {
		return v, nil
	}
	o := refuse(a, itsm.NotFound, "there is no view %q", id)
	return nil, &o
}

// actViewPut makes or changes a view.
func (s *State) actViewPut(a *itsm.Act) itsm.Outcome {
	c, bad := carried[itsm.ViewChange](a)
	if bad != nil {
		return *bad
	}
	next := itsm.View{Owner: c.Owner, CreatedAt: s.now}
	if named(a, itsm.ObjectView) != newView {
		old, bad := s.viewOf(a)
		if bad != nil {
			return *bad
		}
		if a.IfVersion != 0 && a.IfVersion != old.Version {
			return refuse(a, itsm.Stale, "view %s is at version %d, not %d: somebody changed it; look at it again", old.ID, old.Version, a.IfVersion)
		}
		next = *old
	}
	take(&next.Name, c.Name)
	take(&next.Team, c.Team)
	take(&next.Filter, c.Filter)
	next.Name = strings.TrimSpace(next.Name)
	if bad := s.viewFault(a, &next); bad != nil {
		return *bad
	}
	if next.ID == "" {
		s.views.last++
		next.ID = s.views.last.String()
	} else if slices.Equal(jsonOf(&next), jsonOf(s.views.all[next.ID])) {
		return itsm.Outcome{Object: next.ID, NoOp: true}
	}
	next.ChangedAt, next.ChangedBy = s.now, doerOf(a).actor
	next.Defaults = itsm.NameList(next.Defaults)
	s.putView(&next)
	return itsm.Outcome{Object: next.ID}
}

func (s *State) viewFault(a *itsm.Act, v *itsm.View) *itsm.Outcome {
	var o itsm.Outcome
	own, same := 0, false
	for id, w := range s.views.all {
		if w.Owner == v.Owner && id != v.ID {
			own++
			same = same || w.Name == v.Name
		}
	}
	switch why := v.Filter.Fault(); {
	case v.Owner == "" || len(v.Owner) > itsm.WatcherBytesMax:
		o = refuse(a, itsm.Invalid, "owner: expected the name of a person, of at most %d bytes", itsm.WatcherBytesMax)
	case !itsm.IsLine(v.Name) || len(v.Name) > itsm.ViewNameMax:
		o = refuse(a, itsm.Invalid, "name: expected one line of 1 to %d bytes", itsm.ViewNameMax)
	case same:
		o = refuse(a, itsm.Conflict, "name %q: a view of %s has it already; expected another one", v.Name, v.Owner)
	case v.Team != "" && s.people.teams[v.Team] == nil:
		o = refuse(a, itsm.Invalid, "team %q: there is none", v.Team)
	case why != "":
		o = refuse(a, itsm.Invalid, "%s", why)
	case v.ID == "" && own >= itsm.ViewsOfOneMax:
		o = refuse(a, itsm.TooLarge, "%s has %d views, which is the limit; remove one first", v.Owner, own)
	case v.ID == "" && len(s.views.all) >= itsm.ViewsMax:
		o = refuse(a, itsm.TooLarge, "there are %d views, which is the limit", itsm.ViewsMax)
	default:
		return nil
	}
	return &o
}

func (s *State) putView(v *itsm.View) {
	v.Version++
	s.views.all[v.ID] = v
	s.putObject(itsm.ObjectView, v.ID, v.Version, v.Refs(), v)
}

func (s *State) actViewRemove(a *itsm.Act) itsm.Outcome {
	v, bad := s.viewOf(a)
	if bad != nil {
		return *bad
	}
	delete(s.views.all, v.ID)
	s.putObject(itsm.ObjectView, v.ID, 0, nil, nil)
	return itsm.Outcome{Object: v.ID}
}

// actViewDefault has a person's list begin with one view, and with no other.
func (s *State) actViewDefault(a *itsm.Act) itsm.Outcome {
	d, bad := carried[itsm.ViewDefault](a)
	if bad != nil {
		return *bad
	}
	v, bad := s.viewOf(a)
	if bad != nil {
		return *bad
	}
	has := slices.Contains(v.Defaults, d.Who)
	switch {
	case d.Who == "" || len(d.Who) > itsm.WatcherBytesMax:
		return refuse(a, itsm.Invalid, "who: expected the name of a person, of at most %d bytes", itsm.WatcherBytesMax)
	case has == d.On:
		return itsm.Outcome{Object: v.ID, NoOp: true}
	case d.On && len(v.Defaults) >= itsm.ViewDefaultsMax:
		return refuse(a, itsm.TooLarge, "%d lists begin with view %s, which is the limit", len(v.Defaults), v.ID)
	}
	for _, id := range sortedKeys(s.views.all) {
		if w := s.views.all[id]; slices.Contains(w.Defaults, d.Who) {
			next := *w
			next.Defaults = slices.DeleteFunc(slices.Clone(w.Defaults), func(who string) bool { return who == d.Who })
			s.putView(&next)
		}
	}
	if d.On {
		next := *v
		next.Defaults = itsm.NameList(append(slices.Clone(v.Defaults), d.Who))
		s.putView(&next)
	}
	return itsm.Outcome{Object: v.ID}
}

// unshare keeps the views of a team that is removed for their owners.
func (s *State) unshare(team string) {
	for _, id := range sortedKeys(s.views.all) {
		if v := s.views.all[id]; v.Team == team {
			next := *v
			next.Team = ""
			s.putView(&next)
		}
	}
}

func (s *State) archiveViews(a *archive) {
	archiveNouns(a, &s.views.all)
	num(a, &s.views.last)
}
