package correlate

import (
	"slices"
	"strings"

	"signalbox/itsm"
	"signalbox/itsm/cmdb"
	"signalbox/rules"
)

// ci is a configuration item that alerts are bound to, real or provisional. It is
// shared by alerts and incidents, and what the graph says of it is read once for
// each revision.
type ci struct {
	id          string
	ref         cmdb.Ref // NoRef while provisional or retired
	provisional bool
	refs        int32  // alerts and incidents that hold it
	trail       string // of the alert bound to it last: most share it

	known    bool // the fields below are of the current graph
	tier     int
	group    string
	services []*service // affected when it fails, sorted by id
	facts    *rules.CI  // what rules may ask; nil until one may
}

func (c *ci) bound() bool { return !c.provisional }

// service is a CI of class service as the current graph has it.
type service struct {
	id    string
	tier  int
	cis   int    // CIs it depends on, itself included
	scope *scope // nil until looked for
}

// serviceHops is how far up the dependants a failure is followed to services,
// and serviceCIsMax how many services one CI may count for.
const (
	serviceHops   = 5
	serviceCIsMax = 50
)

// ciKey separates the names of real and provisional CIs.
type ciKey struct {
	id          string
	provisional bool
}

func (s *State) ciOf(key ciKey, ref cmdb.Ref) *ci {
	if c := s.cis[key]; c != nil {
		return c
	}
	key.id = strings.Clone(key.id)
	c := &ci{id: key.id, ref: ref, provisional: key.provisional}
	s.cis[key] = c
	return c
}

// ciAt is ciOf for a CI of the graph. Its place is found without its id: alerts
// are bound so often that hashing that is felt.
func (s *State) ciAt(ref cmdb.Ref) *ci {
	if int(ref) >= len(s.ciByRef) {
		s.ciByRef = slices.Grow(s.ciByRef, s.graph.Refs()-len(s.ciByRef))[:s.graph.Refs()]
	}
	if s.ciByRef[ref] == nil {
		s.ciByRef[ref] = s.ciOf(ciKey{s.graph.ID(ref), false}, ref)
	}
	return s.ciByRef[ref]
}

// releaseCI forgets a CI that nothing holds any more.
func (s *State) releaseCI(c *ci) {
	if c.refs--; c.refs > 0 {
		return
	}
	delete(s.cis, ciKey{c.id, c.provisional})
	if c.ref != cmdb.NoRef && int(c.ref) < len(s.ciByRef) {
		s.ciByRef[c.ref] = nil
	}
}

// look fills what the current graph says of c.
func (s *State) look(c *ci) *ci {
	if c.known {
		return c
	}
	c.known, c.facts = true, nil
	c.tier, c.group, c.services = 0, "", nil
	if c.ref == cmdb.NoRef {
		return c
	}
	c.tier, c.group = s.graph.Tier(c.ref), s.graph.SupportGroup(c.ref)
	for _, r := range s.graph.Services(c.ref, serviceHops) {
		if len(c.services) == serviceCIsMax {
			break
		}
		c.services = append(c.services, s.serviceOf(r))
	}
	slices.SortFunc(c.services, func(a, b *service) int { return strings.Compare(a.id, b.id) })
	return c
}

func (s *State) serviceOf(r cmdb.Ref) *service {
	if v := s.services[r]; v != nil {
		return v
	}
	s.reach = s.graph.Explains(r, serviceHops, s.reach[:0])
	v := &service{id: s.graph.ID(r), tier: s.graph.Tier(r), cis: len(s.reach)}
	s.services[r] = v
	return v
}

// bind decides which CI the alert is on, from its sender's words and, of a new one
// whose words fit several, from what happens around them.
func (s *State) bind(a *alert, e *itsm.Event) {
	s.setSender(a, e)
	b := s.identifyEvent(e)
	switch {
	case a.ci == nil:
		b = s.meant(b)
	case a.staysMeant(&b):
		return
	}
	s.bindTo(a, b)
}

func (s *State) identify(a *alert, e *itsm.Event) { s.bindTo(a, s.identifyEvent(e)) }

func (s *State) bindTo(a *alert, b cmdb.Binding) {
	var c *ci
	if b.Ref == cmdb.NoRef {
		c = s.ciOf(ciKey{b.Provisional, true}, cmdb.NoRef)
	} else {
		c = s.ciAt(b.Ref)
	}
	c.refs++
	if a.ci != nil {
		s.releaseCI(a.ci)
	}
	a.ci, a.boundBy, a.trail = c, b.By, s.trailOn(c, trailOf(b))
}

// trailOf keeps the steps of the binding as one string.
func trailOf(b cmdb.Binding) string {
	t := strings.Join(b.Trail, "\n")
	if len(b.Ambiguous) > 0 {
		t += "\n" + severalFit(b.Ambiguous)
	}
	return t
}

// trailOn returns the one copy of a trail that leads to c: most alerts on a CI are
// bound to it by the same steps.
func (s *State) trailOn(c *ci, t string) string {
	if t != c.trail {
		c.trail = s.share(t)
	}
	return c.trail
}

// share returns the one copy of a text that many alerts have.
func (s *State) share(t string) string {
	if len(s.shared) >= sharedMax {
		clear(s.shared)
	}
	if old, ok := s.shared[t]; ok {
		return old
	}
	s.shared[t] = t
	return t
}

// sharedMax bounds the table of shared texts; it is only a saving of memory.
const sharedMax = 4096

// rebind binds an alert whose words changed. Its episode keeps its incident: a
// person's work is not torn apart by a label.
func (s *State) rebind(a *alert, e *itsm.Event) {
	was := a.ci
	was.refs++ // or it would be forgotten and made again when the binding is the same
	s.bind(a, e)
	if i := s.rebound(a, was); i != nil {
		s.recount(i)
		s.settle(i, actSystem, "")
	}
	s.releaseCI(was)
}

// rebound moves a firing member to its new CI and returns its open incident,
// which has to be counted again; nil when there is nothing to do.
func (s *State) rebound(a *alert, was *ci) *incident {
	i := a.inc
	if a.ci == was || !a.member || i == nil || !i.state.IsOpen() {
		return nil
	}
	i.members[a.at].ci = a.ci
	s.group.rejoin(i, a)
	s.causesStale(i)
	return i
}

// setGraph activates a CMDB revision: provisional alerts and alerts on CIs that
// are gone are bound again, and what open incidents affect is computed anew.
func (s *State) setGraph(g *cmdb.Graph) {
	s.graph = g
	s.group.setGraph(g)
	clear(s.services)
	clear(s.ciByRef)
	for _, c := range s.cis { // no order needed: each is looked up alone
		c.known, c.ref = false, cmdb.NoRef
		if !c.provisional {
			if r, ok := g.Lookup(c.id); ok {
				c.ref = r
			}
		}
	}
	moved := map[*incident]bool{}
	for _, n := range s.alertNumbers() {
		a := s.alerts.Get(n)
		if a.ci.ref != cmdb.NoRef || a.status != itsm.Firing {
			continue
		}
		was := a.ci
		was.refs++
		s.identify(a, a.event())
		if a.ci != was {
			s.touchAlert(a)
			moved[s.rebound(a, was)] = true
		}
		s.releaseCI(was)
	}
	s.rewindow()
	s.reconsiderAll()
	s.rechange()
	for _, n := range sortedKeys(s.incidents) {
		if i := s.incidents[n]; i.state.IsOpen() {
			s.reassess(i, moved[i])
		}
	}
}

// reassess counts an open incident again; its record changes only when something
// of it can be seen. Counting again also chooses its lead anew, among the members
// that still have state.
func (s *State) reassess(i *incident, moved bool) {
	bound, unbound, services := i.bound.list, i.unbound.list, i.services
	impact, urgency := i.impactWhy, i.urgencyWhy
	title, labels, severity := i.title(), i.labels, i.severity()
	policy := i.policy()
	s.recount(i)
	s.assess(i)
	if !moved && policy.equal(i.policy()) && title == i.title() && labels == i.labels && severity == i.severity() && slices.Equal(bound, i.bound.list) && slices.Equal(unbound, i.unbound.list) && slices.Equal(services, i.services) &&
		impact == i.impactWhy && urgency == i.urgencyWhy {
		return
	}
	s.settle(i, actSystem, "")
}
