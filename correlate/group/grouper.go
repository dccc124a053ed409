package group

import (
	"slices"

	"signalbox/itsm"
	"signalbox/itsm/cmdb"
)

// Grouper holds what grouping needs to know about open incidents. It is not safe
// for concurrent use.
type Grouper struct {
	c     Config
	cmdb  *cmdb.Graph
	clock itsm.Time // the latest grouping time seen; drives what the indexes keep

	groups map[itsm.IncidentNumber]*group
	series Table[itsm.AlertNumber, series]
	rules  []rule // 0 is the rule nothing is known about
	ruleOf map[ruleKey]int32
	seen   map[sighted]*observed // names in alerts' labels → CIs that were named with them
	apps   map[cmdb.Ref]*app     // by the least Ref of the application

	// Indexes over warm groups, derived from groups. Lists are sorted by number.
	locals     locals              // the CIs among them
	byKey      map[string][]*group // a member has the provisional key
	bySender   map[string][]*group // an unbound member came in the sender's group
	byRule     map[string][]*group // the explicit rule's group key
	lastOnKey  map[string]itsm.IncidentNumber
	deadlines  deadlines
	appIn      map[string]cmdb.Ref // the one application of an environment; derived from apps and the graph
	reasons    map[reason]string   // cache of maybeBecause, of this graph revision
	latest     latest              // the series asked for last
	candidates []candidate         // scratch of Place
	neighbours []itsm.Candidate    // scratch of Place: what it returns as Maybe
	turn       uint64              // counts Place; see group.turn
	asked      asked               // scratch of Place
	steps      []step              // scratch of walk
	ends       []cmdb.Ref          // scratch of walk
	members    []cmdb.Ref          // scratch of connected
	edges      []cmdb.Ref          // scratch of connected
	reach      []cmdb.Reach        // scratch
	suspects   []suspect           // scratch of rank
	ranked     uint64              // counts rank; see local.ranked
	splits     splits              // the last answer of splitsBelow

	changes     Changes
	changed     bool   // some are known: with none, nobody is asked
	changesTurn uint64 // moves with what is known of changes
}

// New returns an empty Grouper over the graph.
func New(c Config, g *cmdb.Graph) *Grouper {
	return &Grouper{
		c: c, cmdb: g,
		groups: map[itsm.IncidentNumber]*group{},
		rules:  make([]rule, 1), ruleOf: map[ruleKey]int32{},
		seen: map[sighted]*observed{}, apps: map[cmdb.Ref]*app{},
		locals: newLocals(g), appIn: map[string]cmdb.Ref{}, byKey: map[string][]*group{},
		bySender: map[string][]*group{}, byRule: map[string][]*group{},
		lastOnKey: map[string]itsm.IncidentNumber{}, reasons: map[reason]string{},
	}
}

// asked is what is asked of every candidate about the onset, worked out once.
type asked struct {
	pace   itsm.Time // quiet gap of its rule
	tag    tag
	heard  itsm.Time // when its application was heard of last,
	app    *app      // which is this one, nil when unknown
	ci     cmdb.Ref  // that app is of
	sounds cmdb.Ref  // what still fires in its outage after a quiet gap, else NoRef
}

// group is what is kept of one incident that is not closed. An onset asks dozens of
// groups whether they would take it, so what that takes is together and comes first.
type group struct {
	n        itsm.IncidentNumber
	opened   itsm.Time
	lastJoin itsm.Time // last onset of a usual alert that joined
	resolved itsm.Time // 0 while open
	pace     itsm.Time // quiet gap of the rule that joined last, in ms
	turn     uint64    // the Place that it is a candidate of
	at       int32     // its place among those candidates
	dirty    bool      // causes are stale
	warm     bool      // in byKey, bySender, byRule and the lists of its CIs
	joinable bool      // in the lists of the CIs that explain some of it
	wave     wave
	ruleKeys []string
	tags     []string // service and environment of members
	cis      few[cmdb.Ref, spot]

	members few[itsm.AlertNumber, member]
	keys    few[string, spot] // provisional CIs
	firing  int32             // members that fire and are not chronic
	chronic int32             // members that were chronic when they joined
	senders []string
	title   string                  // of the latest usual member
	name    string                  // its alert name
	cover   few[cmdb.Ref, struct{}] // the CIs that explain some of it; only while joinable

	causes []itsm.Cause
	asOf   uint64 // changesTurn when they were ranked
}

// member is one alert of a group; a later episode of the same alert replaces the
// earlier one.
type member struct {
	key     string    // provisional key when ci is NoRef
	at      itsm.Time // first onset within the group
	mass    int64     // what it says against its CI: see massOf
	episode uint32
	ci      cmdb.Ref
	rule    int32
	chronic bool
	firing  bool
}

// spot is what a group knows of one alerting CI.
type spot struct {
	first   itsm.Time
	mass    int64 // sum of the members'
	members int32
	firing  int32
	rule    int32 // of the latest member
}

// explained is a group in the list of a CI that explains some of it, with how
// much: who asks every group in the list need not look that up in each.
type explained struct {
	gr  *group
	n   int32 // distinct bound CIs of the group that the CI explains
	sum int64 // their weights γ^hops, in thousandths
}

func newGroup(n itsm.IncidentNumber) *group {
	return &group{n: n, dirty: true}
}

// Open starts the group of a new incident; the caller joins its first alert next.
func (g *Grouper) Open(n itsm.IncidentNumber, at itsm.Time) {
	gr := newGroup(n)
	gr.opened, gr.lastJoin = at, at
	g.groups[n] = gr
	g.warmUp(gr)
}

// Join records that the onset p became a member of n.
func (g *Grouper) Join(n itsm.IncidentNumber, p Probe) {
	gr := g.groups[n]
	if gr == nil {
		return
	}
	s := g.seriesOf(&p)
	m := member{episode: p.Episode, ci: p.CI, at: p.At, chronic: g.isChronic(s, p.At), firing: true, rule: s.rule}
	if p.CI == cmdb.NoRef {
		m.key = p.Provisional
	}
	m.mass = g.massOf(gr, p, s, &m)
	if g.latest.fresh {
		g.latest.fresh = false // and in no group: nothing to look for
	} else if old := gr.members.get(p.Alert); old != nil {
		m.at, m.mass = old.at, max(old.mass, m.mass)
		g.drop(gr, p.Alert, *old)
	}
	s.incident = n
	g.add(gr, p.Alert, m)
	g.tell(gr, p, &m)
}

// tell updates what the onset says about the group as a whole.
func (g *Grouper) tell(gr *group, p Probe, m *member) {
	if addTo(&gr.ruleKeys, p.Rule, sendersMax) && gr.warm {
		g.byRule[p.Rule] = insert(g.byRule[p.Rule], gr)
	}
	if key := senderKey(p); addTo(&gr.senders, key, sendersMax) && gr.warm {
		g.bySender[key] = insert(g.bySender[key], gr)
	}
	if m.chronic {
		return
	}
	addTag(&gr.tags, g.tagOf(&p))
	gr.title, gr.name = p.Title, p.AlertName
	gr.lastJoin = max(gr.lastJoin, p.At)
	gr.pace = g.paceOf(m.rule)
	gr.wave.add(p.At, g.c.WaveLullMilli)
	g.follow(gr, p)
	g.warmUp(gr)
	g.heat(p)
}

// keptApart among the rule keys of a group keeps everything out that no rule
// brings; rule ids have no space, so it is no key of a rule.
const keptApart = " apart"

// KeepApart makes n take in nothing by itself any more.
func (g *Grouper) KeepApart(n itsm.IncidentNumber) {
	if gr := g.groups[n]; gr != nil {
		addTo(&gr.ruleKeys, keptApart, sendersMax+1)
	}
}

// Bounds of what a group remembers about its members' senders and services.
const (
	sendersMax = 64
	tagsMax    = 32
)

// addTo appends a value that is not there yet, while there is room. It reports
// whether it did.
func addTo(list *[]string, v string, limit int) bool {
	if v == "" || len(*list) >= limit || slices.Contains(*list, v) {
		return false
	}
	*list = append(*list, v)
	return true
}

// add makes m a member and counts its CI.
func (g *Grouper) add(gr *group, a itsm.AlertNumber, m member) {
	gr.members.put(a, m)
	gr.dirty = true
	if m.chronic {
		gr.chronic++
	} else if m.firing {
		gr.firing++
	}
	sp := g.spotOf(gr, &m)
	sp.members++
	sp.first = min(sp.first, m.at)
	sp.mass += m.mass
	sp.rule = m.rule
	if m.firing && !m.chronic {
		sp.firing++
	}
}

// spotOf returns the spot of m's CI, making and indexing it when it is new.
func (g *Grouper) spotOf(gr *group, m *member) *spot {
	if m.ci == cmdb.NoRef {
		sp := gr.keys.get(m.key)
		if sp == nil {
			sp = gr.keys.put(m.key, spot{first: m.at})
			if gr.warm {
				g.byKey[m.key] = insert(g.byKey[m.key], gr)
			}
		}
		g.lastOnKey[m.key] = max(g.lastOnKey[m.key], gr.n)
		return sp
	}
	sp := gr.cis.get(m.ci)
	if sp == nil {
		sp = gr.cis.put(m.ci, spot{first: m.at})
		if gr.warm {
			at := g.locals.at(m.ci)
			at.groups = insert(at.groups, gr)
		}
		if gr.joinable {
			g.explain(gr, m.ci, 1)
		}
	}
	at := g.locals.at(m.ci)
	at.last = max(at.last, gr.n)
	return sp
}

// explain adds (sign 1) or takes back (sign -1) the CIs that explain ci, in a
// group that can be joined by topology.
func (g *Grouper) explain(gr *group, ci cmdb.Ref, sign int32) {
	for _, r := range g.cone(ci) {
		at := g.locals.at(r.Ref)
		i, found := findExplained(at.explains, gr)
		if !found {
			at.explains = slices.Insert(at.explains, i, explained{gr: gr})
			gr.cover.put(r.Ref, struct{}{})
		}
		e := &at.explains[i]
		e.n += sign
		e.sum += int64(sign) * int64(power(g.c.GammaMilli, int(r.Hops)))
		if e.n <= 0 {
			gr.cover.drop(r.Ref)
			at.forget(gr)
		}
	}
}

// drop takes a member out and uncounts its CI.
func (g *Grouper) drop(gr *group, a itsm.AlertNumber, m member) {
	gr.members.drop(a)
	gr.dirty = true
	if m.chronic {
		gr.chronic--
	} else if m.firing {
		gr.firing--
	}
	sp := gr.spot(&m)
	sp.members--
	sp.mass -= m.mass
	if m.firing && !m.chronic {
		sp.firing--
	}
	if sp.members > 0 {
		return
	}
	if m.ci == cmdb.NoRef {
		gr.keys.drop(m.key)
		remove(g.byKey, m.key, gr)
		return
	}
	gr.cis.drop(m.ci)
	g.locals.at(m.ci).leave(gr)
	if gr.joinable {
		g.explain(gr, m.ci, -1)
	}
}

// Leave takes one alert episode out of n, as a split or a person does.
func (g *Grouper) Leave(n itsm.IncidentNumber, a itsm.AlertNumber, episode uint32) {
	gr := g.groups[n]
	if gr == nil {
		return
	}
	if m := gr.members.get(a); m != nil && m.episode == episode {
		g.drop(gr, a, *m)
		if s := g.series.Get(a); s != nil && s.incident == n {
			s.incident = 0
		}
	}
}

// Ended records that the current episode of an alert resolved.
func (g *Grouper) Ended(a itsm.AlertNumber, at itsm.Time) {
	s := g.series.Get(a)
	if s == nil || !s.firing {
		return
	}
	for _, r := range g.rhythms(s) {
		r.resolves++
		r.observe(at)
	}
	g.Lost(a, at)
}

// Lost records that an alert is no longer taken to fire since at, when it was
// last heard of. Its sender resolved nothing: that one does not show a sender
// that resolves.
func (g *Grouper) Lost(a itsm.AlertNumber, at itsm.Time) {
	s := g.series.Get(a)
	if s == nil || !s.firing {
		return
	}
	s.end(at)
	gr := g.groups[s.incident]
	if gr == nil {
		return
	}
	m := gr.members.get(a)
	if m == nil || !m.firing {
		return
	}
	m.firing = false
	if m.chronic {
		return
	}
	gr.firing--
	gr.spot(m).firing--
}

// spot returns the spot of m's CI.
func (gr *group) spot(m *member) *spot {
	if m.ci == cmdb.NoRef {
		return gr.keys.get(m.key)
	}
	return gr.cis.get(m.ci)
}

// Resolve records that n was resolved; it can be reopened until it is closed.
func (g *Grouper) Resolve(n itsm.IncidentNumber, at itsm.Time) {
	if gr := g.groups[n]; gr != nil && gr.resolved == 0 {
		gr.resolved = max(at, 1)
		g.cool(gr)
	}
}

// Reopen records that n is open again.
func (g *Grouper) Reopen(n itsm.IncidentNumber, at itsm.Time) {
	gr := g.groups[n]
	if gr == nil || gr.resolved == 0 {
		return
	}
	gr.resolved = 0
	gr.opened, gr.lastJoin = at, at
	gr.wave = wave{}
	g.warmUp(gr)
}

// Close forgets n; it can take no alert any more.
func (g *Grouper) Close(n itsm.IncidentNumber) {
	gr := g.groups[n]
	if gr == nil {
		return
	}
	g.cool(gr)
	for _, ci := range gr.cis.keys() {
		if at := g.locals.at(ci); at.last == n {
			at.last = 0
		}
	}
	for _, key := range gr.keys.keys() {
		if g.lastOnKey[key] == n {
			delete(g.lastOnKey, key)
		}
	}
	delete(g.groups, n)
}

// Merge moves the members of from into into and forgets from.
func (g *Grouper) Merge(into, from itsm.IncidentNumber) {
	dst, src := g.groups[into], g.groups[from]
	if dst == nil || src == nil || dst == src {
		return
	}
	numbers := src.numbers()
	for _, a := range numbers {
		m := *src.members.get(a)
		g.moveOutage(m.ci, into, from)
		g.drop(src, a, m)
		if old := dst.members.get(a); old != nil {
			if old.episode >= m.episode {
				continue
			}
			g.drop(dst, a, *old)
		}
		g.add(dst, a, m)
		if s := g.series.Get(a); s != nil && s.incident == from {
			s.incident = into
		}
	}
	g.cool(dst) // what follows changes what it is indexed under
	for _, key := range src.senders {
		addTo(&dst.senders, key, sendersMax)
	}
	for _, key := range src.ruleKeys {
		addTo(&dst.ruleKeys, key, sendersMax)
	}
	for _, tag := range src.tags {
		addTo(&dst.tags, tag, tagsMax)
	}
	if src.lastJoin >= dst.lastJoin {
		dst.title, dst.name, dst.pace, dst.lastJoin = src.title, src.name, src.pace, src.lastJoin
	}
	dst.opened = min(dst.opened, src.opened)
	dst.wave.merge(src.wave)
	g.Close(from)
	if dst.resolved == 0 {
		g.warmUp(dst)
	}
}

// numbers returns the members' alert numbers in order.
func (gr *group) numbers() []itsm.AlertNumber {
	out := gr.members.keys()
	slices.Sort(out)
	return out
}

// Forget drops the history of an alert whose record is gone.
func (g *Grouper) Forget(a itsm.AlertNumber) {
	g.series.Drop(a)
	g.latest = latest{}
}
