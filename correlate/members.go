package correlate

import (
	"slices"
	"strings"

	"signalbox/itsm"
)

// ciSet counts the members on each CI of an incident, in the order the CIs came.
type ciSet struct {
	list  []ciCount
	index map[*ci]int32 // made when the list outgrows a scan
}

type ciCount struct {
	ci *ci
	n  int32
	at itsm.Time // when it came
}

// ciScanMax is how many CIs are looked through before an index is made.
const ciScanMax = 16

func (c *ciSet) find(x *ci) int {
	if c.index != nil {
		if i, ok := c.index[x]; ok {
			return int(i)
		}
		return -1
	}
	return slices.IndexFunc(c.list, func(e ciCount) bool { return e.ci == x })
}

// add counts one more member on x and reports whether x is new.
func (c *ciSet) add(x *ci, at itsm.Time) bool {
	if i := c.find(x); i >= 0 {
		c.list[i].n++
		return false
	}
	c.list = append(c.list, ciCount{x, 1, at})
	if c.index != nil {
		c.index[x] = int32(len(c.list) - 1)
	} else if len(c.list) > ciScanMax {
		c.reindex()
	}
	return true
}

func (c *ciSet) reindex() {
	c.index = nil
	if len(c.list) <= ciScanMax {
		return
	}
	c.index = make(map[*ci]int32, 2*len(c.list))
	for i := range c.list {
		c.index[c.list[i].ci] = int32(i)
	}
}

// names is a sorted list of distinct names, the first IncidentCIsMax of them.
type names struct {
	list  []string
	shown bool // a record has the list: it is not changed in place
}

func (n *names) add(s string) {
	i, found := slices.BinarySearch(n.list, s)
	if found || i >= itsm.IncidentCIsMax {
		return
	}
	list := n.list
	if len(list) == itsm.IncidentCIsMax {
		list = list[:len(list)-1]
	}
	if n.shown {
		list, n.shown = slices.Clip(list), false // so that it is copied
	}
	n.list = slices.Insert(list, i, s)
}

// show returns the list for whoever keeps it.
func (n *names) show() []string {
	n.shown = true
	return slices.Clip(n.list)
}

// affected is a service that the CIs of an incident can take down.
type affected struct {
	id   string
	tier int
	cis  int // CIs of the service
	hit  int // of which so many alert in this incident
}

// servicesMax bounds the services an incident lists and weighs.
const servicesMax = 200

func (s *State) addCI(i *incident, c *ci) {
	if !i.cis.add(c, s.now) {
		return
	}
	c.refs++
	if c.bound() {
		i.bound.add(c.id)
	} else {
		i.unbound.add(c.id)
	}
	s.addServices(i, c)
	s.noteGrowth(i)
	if i.team == "" {
		i.team = c.group
	}
}

func (s *State) addServices(i *incident, c *ci) {
	s.look(c)
	if len(c.services) == 0 {
		if c.tier == 0 {
			i.unknown = true
		} else if i.bestTier == 0 || c.tier < int(i.bestTier) {
			i.bestTier = int32(c.tier)
		}
	}
	for _, v := range c.services {
		at, found := slices.BinarySearchFunc(i.services, v.id, func(a affected, id string) int { return strings.Compare(a.id, id) })
		if found {
			i.services[at].hit++
		} else if len(i.services) < servicesMax {
			i.services = slices.Insert(i.services, at, affected{v.id, v.tier, v.cis, 1})
			i.serviceIDs = nil
		}
	}
}

// recount computes everything that members imply anew. Only merges and splits
// need it; they cost as much as they move.
func (s *State) recount(i *incident) {
	old, grown := i.cis, i.grown
	i.cis, i.bound, i.unbound = ciSet{}, names{}, names{}
	i.firing, i.bySeverity, i.worst, i.lead, i.labels = 0, [itsm.Info + 1]int32{}, 0, 0, ""
	i.services, i.serviceIDs, i.bestTier, i.unknown = nil, nil, 0, false
	s.count(i, i.members, 0)
	for at := range i.cis.list {
		if was := old.find(i.cis.list[at].ci); was >= 0 {
			i.cis.list[at].at = old.list[was].at
		}
	}
	for _, c := range old.list {
		s.releaseCI(c.ci)
	}
	i.grown = grown
	if i.firing > 0 {
		i.clearedAt = 0
	} else if i.clearedAt == 0 {
		i.clearedAt = s.now
	}
}

// leads makes a the alert that names i when it is the first or a worse one.
func (i *incident) leads(a *alert) {
	if i.lead == 0 || a.severity < i.leadSev {
		i.lead, i.leadSev, i.leadTitle, i.leadCI = a.number, a.severity, titleOf(a.text), a.ci.id
	}
}

// shareLabels keeps the labels that every member has.
func (s *State) shareLabels(i *incident, a *alert) {
	if i.lead == 0 { // the first
		i.labels = packedLabels(a.text)
		return
	}
	if i.labels == "" || sharesLabels(a.text, i.labels) {
		return
	}
	ls := labelsOf(a.text)
	i.setLabels(slices.DeleteFunc(i.sharedLabels(), func(l itsm.Label) bool { return ls.Get(l.Name) != l.Value }))
}

// sharedLabels unpacks the labels that all members share.
func (i *incident) sharedLabels() itsm.Labels {
	u := unpacker{text: i.labels}
	return u.labels()
}

func (i *incident) setLabels(ls itsm.Labels) {
	if i.labels = ""; len(ls) > 0 {
		i.labels = string(packLabels(nil, ls))
	}
}

// affectedIDs are the ids of the affected services; the list is never changed.
func (i *incident) affectedIDs() []string {
	if i.serviceIDs == nil {
		i.serviceIDs = i.firstServices(len(i.services))
	}
	return i.serviceIDs
}

// firstServices are at most n of the affected services; never nil, for it becomes a
// JSON list.
func (i *incident) firstServices(n int) []string {
	out := make([]string, min(n, len(i.services)))
	for k := range out {
		out[k] = i.services[k].id
	}
	return out
}

// title names the incident after its lead alert, its size and its cause. The
// size is rounded, so that a growing incident does not get a new title with
// every alert.
func (i *incident) title() string {
	if p := i.policy(); p != nil && p.title != "" {
		return clip(p.title, titleShown*2)
	}
	t := clip(i.leadTitle, titleShown)
	if t == "" {
		t = "Alert"
	}
	b := append(make([]byte, 0, 256), t...)
	if i.leadCI != "" && !strings.Contains(t, i.leadCI) {
		b = append(append(b, " on "...), i.leadCI...)
	}
	if n := len(i.members) - 1; n > 0 {
		b = append(append(b, " and "...), more(n)...)
	}
	if len(i.causes) > 0 && len(i.cis.list) > 1 && i.causes[0].CI != i.leadCI {
		b = append(append(b, ", probable cause "...), i.causes[0].CI...)
	}
	if len(i.services) > 0 {
		b = append(append(append(b, " ["...), i.worstService()...), ']')
	}
	return string(b)
}

// more says how many besides the first, rounded down. It is asked at each change of
// an incident whether the title is still right, so it makes no text.
func more(n int) string {
	for _, s := range moreSteps {
		if n >= s.from {
			return s.text
		}
	}
	return "0 more"
}

var moreSteps = [...]struct {
	from int
	text string
}{{1000, "1000+ more"}, {500, "500+ more"}, {200, "200+ more"}, {100, "100+ more"}, {50, "50+ more"}, {20, "20+ more"}, {10, "10+ more"}, {5, "5+ more"},
	{4, "4 more"}, {3, "3 more"}, {2, "2 more"}, {1, "1 more"}}

// worstService is the affected service of the best tier, first by id.
func (i *incident) worstService() string {
	best := 0
	for n := range i.services {
		if effectiveTier(i.services[n].tier) < effectiveTier(i.services[best].tier) {
			best = n
		}
	}
	return i.services[best].id
}
