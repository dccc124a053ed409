package correlate

import (
	"encoding/json"
	"slices"
	"strings"
	"time"

	"signalbox/itsm"
	"signalbox/itsm/cmdb"
)

// changes are what the fold knows of the changes of late: enough to take a
// sender's next word about one, and to ask what was changed on a CI.
type changes struct {
	all    map[itsm.ChangeNumber]*change
	byName map[changeName]itsm.ChangeNumber
	byCI   map[string][]itsm.ChangeNumber // by CI id, ascending
	last   itsm.ChangeNumber
	queue  fifo // by the time of the last word about them
}

// changeName is how a sender names a change, or a partner a problem.
type changeName struct{ source, id string }

// change is a change and what its sender called the things it touches.
type change struct {
	itsm.Change
	number   itsm.ChangeNumber
	cis      []string
	services []string
	seen     int64     // the partner's version or time in ms of its last word
	keptAt   itsm.Time // its place in the queue
}

// Bounds of what is kept of changes.
const (
	changeKept     = 30 * 24 * time.Hour // after the last word about it, and after it is over
	changesMax     = 20_000
	changesOfCIMax = 200 // that are looked at, the latest
	changeKind     = "change"
)

func newChanges() changes {
	return changes{all: map[itsm.ChangeNumber]*change{}, byName: map[changeName]itsm.ChangeNumber{}, byCI: map[string][]itsm.ChangeNumber{}}
}

func init() {
	objectActors[itsm.ActChangePut] = (*State).actChangePut
	objectActors[itsm.ActChangeCancel] = (*State).actChangeCancel
}

// changeOf finds the change that an act names by its number, or says why it takes
// no more.
func (s *State) changeOf(a *itsm.Act) (*change, *itsm.Outcome) {
	n, err := itsm.ParseChangeNumber(a.Object)
	var o itsm.Outcome
	switch c := s.changes.all[n]; {
	case err != nil || n == 0 || n > s.changes.last:
		o = refuse(a, itsm.NotFound, "there is no change %q", a.Object)
	case c == nil:
		o = refuse(a, itsm.Conflict, "%s was over long ago and takes no more changes", n)
	case a.IfVersion != 0 && a.IfVersion != c.Version:
		o = refuse(a, itsm.Stale, "%s is at version %d, not %d: somebody changed it; look at it again", n, c.Version, a.IfVersion)
	default:
		return c, nil
	}
	return nil, &o
}

// actChangePut records what somebody says of a change: of the one it names, of
// the one its sender named so before, or of a new one.
func (s *State) actChangePut(a *itsm.Act) itsm.Outcome {
	var u itsm.ChangeUpdate
	if err := json.Unmarshal(a.Body, &u); err != nil {
		return refuse(a, itsm.Invalid, "body: %v", err)
	}
	name := changeName{source: sourceOfAct(a)}
	take(&name.source, u.Source)
	take(&name.id, u.ExternalID)
	c := s.changes.all[s.changes.byName[name]]
	switch {
	case a.Object != "":
		old, no := s.changeOf(a)
		if no != nil {
			return *no
		}
		if c = old; s.isOldReport(c.ID, a) {
			return itsm.Outcome{Object: c.ID, NoOp: true, Detail: itsm.ReasonOldReport}
		}
	case c != nil && s.isOldReport(c.ID, a):
		return itsm.Outcome{Object: c.ID, NoOp: true, Detail: itsm.ReasonOldReport}
	case c != nil && c.overtook(a, &u):
		s.totals.PartnerStale++
		return itsm.Outcome{Object: c.ID, NoOp: true, Detail: itsm.ReasonOldReport}
	}
	next := change{}
	next.Type, next.State, next.CreatedAt, next.Source = itsm.ChangeTypes[0], itsm.ChangePlanned, s.now, name.source
	if c != nil {
		next = *c
	}
	next.update(&u, s.now)
	if n := s.changes.byName[changeName{next.Source, next.ExternalID}]; n != 0 && n != next.number {
		return refuse(a, itsm.Conflict, "external_id %q: %s has it already", next.ExternalID, n)
	}
	if c != nil {
		if field := s.decidedElsewhere(a, c, &next); field != "" {
			return refuse(a, itsm.Conflict, "%s: %s keeps %s, which came from there, and decides about it; change it there", field, c.Source, c.ID)
		}
	}
	s.resolveNames(&next)
	if err := next.Check(); err != nil {
		return refuseAs(a, err)
	}
	next.seen = max(next.seen, a.PartnerVersion)
	if c != nil && c.says(&next) {
		c.seen = next.seen
		return itsm.Outcome{Object: c.ID, NoOp: true}
	}
	if c == nil {
		c = &change{}
		s.changes.last++
		next.number, next.ID = s.changes.last, s.changes.last.String()
		s.changes.all[next.number] = c
	}
	s.unindexChange(c)
	*c = next
	s.indexChange(c)
	s.putChange(c, doerOf(a).actor)
	s.changedAround(c)
	return itsm.Outcome{Object: c.ID}
}

// decidedElsewhere names a field that somebody wants to change of a change that came
// from a partner with which it is kept both ways, and that the partner decides about.
func (s *State) decidedElsewhere(a *itsm.Act, c, next *change) string {
	if a.Origin == c.Source || !s.keepsChange(c) {
		return ""
	}
	for _, f := range []struct{ name, is, wanted string }{{"title", c.Title, next.Title}, {"description", c.Description, next.Description}, {"type", string(c.Type), string(next.Type)},
		{"risk", c.Risk, next.Risk}, {"who", c.Who, next.Who}, {"external_id", c.ExternalID, next.ExternalID}, {"source", c.Source, next.Source}} {
		if f.is != f.wanted {
			return f.name
		}
	}
	return ""
}

// keepsChange reports whether the partner that a change came from is told what people
// here decide of it.
func (s *State) keepsChange(c *change) bool {
	k := s.connector(c.Source)
	return k != nil && slices.Contains(k.ChangeRecords, c.Type)
}

// says reports whether a change says the same as another, whoever says so.
func (c *change) says(o *change) bool {
	return digestOf(&c.Change) == digestOf(&o.Change) && slices.Equal(c.cis, o.cis) && slices.Equal(c.services, o.services)
}

// sourceOfAct is where an act came from: the door or connector, else what its
// actor says of itself, as "api" in "api:ada".
func sourceOfAct(a *itsm.Act) string {
	if a.Origin != "" {
		return a.Origin
	}
	by, _, _ := strings.Cut(a.Actor, ":")
	return by
}

// overtook reports whether something newer is known of a change than what a
// partner says now. Of the same moment the more advanced state stands: some
// senders have whole seconds only.
func (c *change) overtook(a *itsm.Act, u *itsm.ChangeUpdate) bool {
	if a.PartnerVersion == 0 || a.PartnerVersion > c.seen {
		return false
	}
	return a.PartnerVersion < c.seen || u.State != nil && slices.Index(itsm.ChangeStates, *u.State) < slices.Index(itsm.ChangeStates, c.State)
}

// update takes over what is said, and the time of what happened now.
func (c *change) update(u *itsm.ChangeUpdate, now itsm.Time) {
	was := c.State
	take(&c.ExternalID, u.ExternalID)
	take(&c.Source, u.Source)
	take(&c.Type, u.Type)
	take(&c.State, u.State)
	take(&c.Title, u.Title)
	take(&c.Description, u.Description)
	take(&c.PlannedFrom, u.PlannedFrom)
	take(&c.PlannedTo, u.PlannedTo)
	take(&c.StartedAt, u.StartedAt)
	take(&c.EndedAt, u.EndedAt)
	take(&c.Environment, u.Environment)
	take(&c.cis, u.CIs)
	take(&c.services, u.Services)
	take(&c.Who, u.Who)
	take(&c.URL, u.URL)
	take(&c.Risk, u.Risk)
	if c.State == was {
		return
	}
	switch c.State {
	case itsm.ChangeInProgress:
		if c.StartedAt == 0 {
			c.StartedAt = now
		}
	case itsm.ChangeSuccessful, itsm.ChangeFailed:
		if c.EndedAt == 0 {
			c.EndedAt = max(now, c.StartedAt)
		}
	}
}

// resolveNames finds the CIs that a change names. One in another environment than
// the change's is not meant: a deployment to staging changes nothing in production.
func (s *State) resolveNames(c *change) {
	c.CIs, c.Services, c.Unknown = []string{}, []string{}, []string{}
	for _, name := range slices.Concat(c.cis, c.services) {
		r, ok := s.find(name)
		if env := ""; ok {
			if env = s.graph.Env(r); env != "" && c.Environment != "" && !sameEnvironment(env, c.Environment) {
				ok = false
			}
		}
		switch id := ""; {
		case !ok && !slices.Contains(c.Unknown, name):
			c.Unknown = append(c.Unknown, name)
		case ok:
			if id = s.graph.ID(r); slices.Contains(c.CIs, id) {
				continue
			}
			c.CIs = append(c.CIs, id)
			if itsm.IsServiceClass(s.graph.Class(r)) {
				c.Services = append(c.Services, id)
			}
		}
	}
}

// sameEnvironment compares names of environments; "prod" is production.
func sameEnvironment(a, b string) bool {
	a, b = strings.ToLower(a), strings.ToLower(b)
	return a == b || len(min(a, b)) >= 3 && (strings.HasPrefix(a, b) || strings.HasPrefix(b, a))
}

// actChangeCancel says that a change will not be, or was broken off.
func (s *State) actChangeCancel(a *itsm.Act) itsm.Outcome {
	c, no := s.changeOf(a)
	switch {
	case no != nil:
		return *no
	case c.State == itsm.ChangeCancelled:
		return itsm.Outcome{NoOp: true}
	case c.State.IsOver():
		return refuse(a, itsm.Conflict, "%s is %s: what is over cannot be cancelled", c.ID, c.State)
	}
	c.State = itsm.ChangeCancelled
	if c.StartedAt != 0 && c.EndedAt == 0 {
		c.EndedAt = s.now
	}
	s.putChange(c, doerOf(a).actor)
	s.changedAround(c)
	return itsm.Outcome{Object: c.ID}
}

func (s *State) putChange(c *change, by string) {
	c.Version++
	c.UpdatedAt, c.UpdatedBy, c.keptAt = s.now, by, s.now
	s.changes.queue.push(uint64(c.number), s.now)
	refs := make([]string, 0, len(c.CIs))
	for _, id := range c.CIs {
		refs = addRef(refs, "ci/"+id)
	}
	s.putObject(changeKind, c.ID, c.Version, refs, &c.Change)
	s.tellChange(c)
}

func (s *State) indexChange(c *change) {
	if c.ExternalID != "" {
		s.changes.byName[changeName{c.Source, c.ExternalID}] = c.number
	}
	for _, id := range c.CIs {
		list := s.changes.byCI[id]
		if at, found := slices.BinarySearch(list, c.number); !found {
			list = slices.Insert(list, at, c.number)
		}
		s.changes.byCI[id] = list
	}
}

func (s *State) unindexChange(c *change) {
	if name := (changeName{c.Source, c.ExternalID}); s.changes.byName[name] == c.number {
		delete(s.changes.byName, name)
	}
	for _, id := range c.CIs {
		list := s.changes.byCI[id]
		at, found := slices.BinarySearch(list, c.number)
		switch {
		case found && len(list) == 1:
			delete(s.changes.byCI, id)
		case found:
			s.changes.byCI[id] = slices.Delete(list, at, at+1)
		}
	}
}

// forgetChanges drops the state of changes nobody spoke of for long, and sooner
// when there are too many. Their records stay.
func (s *State) forgetChanges() {
	q := &s.changes.queue
	for q.len() > 0 {
		id, at := q.front()
		full := len(s.changes.all) > changesMax
		if s.now < at.Add(changeKept) && !full {
			return
		}
		q.pop()
		c := s.changes.all[itsm.ChangeNumber(id)]
		switch {
		case c == nil || c.keptAt != at: // spoken of since, and stands further back
		case !full && c.To().Add(changeKept) > s.now:
			c.keptAt = s.now // planned for later: come back
			q.push(id, s.now)
		default:
			s.unindexChange(c)
			delete(s.changes.all, c.number)
			delete(s.tellings, c.ID)
			s.group.g.ChangesMoved()
		}
	}
}

// rechange follows another CMDB: what a change names may be known now.
func (s *State) rechange() {
	for _, n := range sortedKeys(s.changes.all) {
		c := s.changes.all[n]
		next := *c
		if s.resolveNames(&next); slices.Equal(next.CIs, c.CIs) && slices.Equal(next.Services, c.Services) && slices.Equal(next.Unknown, c.Unknown) {
			continue
		}
		s.unindexChange(c)
		*c = next
		s.indexChange(c)
		s.putChange(c, actSystem.actor)
	}
	s.group.g.ChangesMoved()
}

// archiveChanges archives what is kept of changes.
func (s *State) archiveChanges(a *archive) {
	num(a, &s.changes.last)
	numbers := sortedKeys(s.changes.all)
	list(a, &numbers, num[itsm.ChangeNumber])
	for _, n := range numbers {
		c := s.changes.all[n]
		if a.reading {
			c = &change{number: n}
		}
		object(a, &c.Change)
		texts(a, &c.cis)
		texts(a, &c.services)
		num(a, &c.seen)
		num(a, &c.keptAt)
		if a.bad = a.bad || c.ID != n.String() || n > s.changes.last; a.bad {
			return
		}
		if a.reading {
			s.changes.all[n] = c
			s.indexChange(c)
		}
	}
	a.fifo(&s.changes.queue)
}

// changesOf returns the latest changes on a CI.
func (s *State) changesOf(ci string) []itsm.ChangeNumber {
	list := s.changes.byCI[ci]
	return list[max(0, len(list)-changesOfCIMax):]
}

// changesOn is what package group asks about changes.
type changesOn struct{ s *State }

// moment is when a change touched its CIs last, before t: when it ended, or when
// it began while it was not over. It is 0 when that was longer before than within.
func (c *change) moment(t itsm.Time, within Duration) itsm.Time {
	at := c.From()
	if c.EndedAt != 0 && c.EndedAt <= t {
		at = c.EndedAt
	}
	if at == 0 || at > t || t.Sub(at) > within.Std() {
		return 0
	}
	return at
}

// Any implements group.Changes.
func (o changesOn) Any() bool { return len(o.s.changes.byCI) > 0 }

// Latest implements group.Changes.
func (o changesOn) Latest(ci cmdb.Ref, t itsm.Time) (at itsm.Time, id string) {
	s := o.s
	for _, n := range s.changesOf(s.graph.ID(ci)) {
		c := s.changes.all[n]
		if m := c.moment(t, s.cfg.ChangeWindow); m > at {
			at, id = m, c.ID
		}
	}
	return at, id
}

// Together implements group.Changes.
func (o changesOn) Together(ci cmdb.Ref, t itsm.Time, has func(cmdb.Ref) bool) bool {
	s := o.s
	for _, n := range s.changesOf(s.graph.ID(ci)) {
		c := s.changes.all[n]
		if c.moment(t, s.cfg.ChangeTogether) == 0 {
			continue
		}
		for _, id := range c.CIs {
			if r, ok := s.graph.Lookup(id); ok && r != ci && has(r) {
				return true
			}
		}
	}
	return false
}
