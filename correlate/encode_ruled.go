package correlate

import (
	"slices"

	"signalbox/itsm"
	"signalbox/rules"
)

// archiveRestraint archives how the rules hold an alert back.
func (s *State) archiveRestraint(a *archive, al *alert) {
	num(a, &al.ruleDue)
	num(a, &al.restraint)
	num(a, &al.gathering)
	num(a, &al.hiddenBy)
	for _, v := range []*bool{&al.noData, &al.waited, &al.answered} {
		a.flag(v)
	}
	if a.version >= 5 {
		a.flag(&al.beats)
	}
	num(a, &al.gen)
	side := *al.side()
	text(a, &side.lead)
	text(a, &al.rule)
	text(a, &al.rules)
	list(a, &side.hides, text[string])
	if a.version >= 5 {
		num(a, &side.window)
	}
	if a.reading {
		if side.lead != "" || len(side.hides) > 0 || side.window != 0 {
			*al.aside() = side
		}
		al.rules = s.share(al.rules)
	}
	a.bad = a.bad || int(al.restraint) >= len(restraintWords)
}

// archiveRuled archives what waits for more, and how often each rule spoke.
func (s *State) archiveRuled(a *archive) {
	if a.version < 4 {
		return
	}
	for _, src := range s.sourceList {
		archiveParts(a, src)
	}
	num(a, &s.lastGathering)
	ids := sortedKeys(s.gatheringIDs)
	list(a, &ids, num[uint64])
	for _, id := range ids {
		g := s.gatheringIDs[id]
		if a.reading {
			g = &gathering{id: id}
		}
		archiveGathering(a, g)
		if a.bad {
			return
		}
		if a.reading {
			s.addGathering(g)
			for n := g.in; n < len(g.waiting); n++ {
				s.tallyWaiter(g, &g.waiting[n], 1)
			}
		}
	}
	counts := s.RuleCounts()
	list(a, &counts, archiveRuleCount)
	if a.reading {
		s.restoreRuled(counts)
	}
}

// archiveLate archives what the rules have cost in the present minute, and how often
// each was late.
func (s *State) archiveLate(a *archive) {
	var minute itsm.Time
	var spent []rules.Spent
	if s.ruled.meter != nil {
		minute, spent = s.ruled.meter.Spent()
	}
	num(a, &minute)
	list(a, &spent, archiveSpent)
	var late []rules.Spent // its Cost counts times
	for _, c := range s.RuleCounts() {
		if c.Late > 0 {
			late = append(late, rules.Spent{Rule: c.ID, Cost: c.Late})
		}
	}
	list(a, &late, archiveSpent)
	if !a.reading || s.ruled.meter == nil {
		return
	}
	s.ruled.meter.Restore(minute, spent)
	for _, l := range late {
		if c := s.ruled.counts[s.rules.Set.Rule(l.Rule)]; c != nil {
			c.Late = l.Cost
		}
	}
}

func archiveSpent(a *archive, r *rules.Spent) {
	text(a, &r.Rule)
	num(a, &r.Cost)
}

func archiveGathering(a *archive, g *gathering) {
	for _, v := range []*string{&g.key, &g.rule, &g.values} {
		text(a, v)
	}
	texts(a, &g.anchors)
	for _, v := range []*itsm.Time{&g.first, &g.last, &g.due, &g.wake} {
		num(a, v)
	}
	num(a, &g.incident)
	num(a, &g.follows)
	num(a, &g.in)
	list(a, &g.waiting, func(a *archive, w *waiter) {
		num(a, &w.alert)
		num(a, &w.episode)
		num(a, &w.at)
		text(a, &w.distinct)
	})
	a.bad = a.bad || g.in < 0 || g.in > len(g.waiting)
}

func archiveRuleCount(a *archive, c *RuleCount) {
	text(a, &c.ID)
	num(a, &c.Hits)
	num(a, &c.ShadowHits)
	num(a, &c.Failures)
	num(a, &c.LastAt)
}

// restoreRuled makes what follows from the set and from the alerts.
func (s *State) restoreRuled(counts []RuleCount) {
	s.useRules()
	s.countParts()
	for _, r := range s.ruled.counts { // any order: each is looked up alone
		if n := slices.IndexFunc(counts, func(c RuleCount) bool { return c.ID == r.ID }); n >= 0 {
			*r = counts[n]
		}
	}
	for _, n := range s.alertNumbers() {
		al := s.alerts.Get(n)
		s.index(al, true)
		if al.hiddenBy != 0 {
			s.children[al.hiddenBy] = append(s.children[al.hiddenBy], n)
		}
	}
}

// archiveRuledIncident archives what rules have to do with an incident.
func archiveRuledIncident(a *archive, p **incidentRules) {
	has := *p != nil
	a.flag(&has)
	if !has {
		return
	}
	if a.reading {
		*p = &incidentRules{}
	}
	archivePolicy(a, &(*p).policy)
	num(a, &(*p).since)
	a.flag(&(*p).byRule)
	list(a, &(*p).gathers, num[uint64])
}

// archivePolicy archives what the rules said of an incident.
func archivePolicy(a *archive, pp **policy) {
	has := *pp != nil
	a.flag(&has)
	if !has {
		return
	}
	if a.reading {
		*pp = &policy{}
	}
	p := *pp
	for _, v := range []*string{&p.title, &p.group, &p.runbook, &p.signature, &p.impactBy, &p.urgencyBy, &p.route, &p.spoke} {
		text(a, v)
	}
	if a.version >= 5 {
		text(a, &p.signedBy)
	}
	labels(a, &p.labels)
	for _, v := range []*Duration{&p.delay, &p.resolveAfter, &p.reopenWithin} {
		num(a, v)
	}
	num(a, &p.impact)
	num(a, &p.urgency)
}
