package group

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"signalbox/itsm"
	"signalbox/itsm/cmdb"
)

// viewer looks at incidents with the eyes of one onset.
type viewer struct {
	g       *Grouper
	p       Probe
	s       *series
	beside  itsm.IncidentNumber
	chronic bool
	second  *candidate // whose second wave the onset begins
	cone    map[cmdb.Ref]bool
}

// weigh scores the candidates and returns the one to join, nil for none.
func (v *viewer) weigh() (best *candidate) {
	g := v.g
	for i := range g.candidates {
		c := &g.candidates[i]
		g.score(c, &v.p)
		if !v.chronic && c.score > g.c.JoinMilli && c.gr.opened <= v.p.At && (best == nil || better(c, best)) {
			best = c
		}
	}
	if v.chronic {
		return v.outage()
	}
	if best != nil && best.by != byRule {
		if w := best.gr.wave; w.rises(v.p.At, &g.c) {
			v.second, best = best, nil
		}
	}
	return best
}

// outage is the candidate that a chronic alert is listed with, nil for none.
func (v *viewer) outage() *candidate {
	gr, at := v.g.outageBeside(v.p)
	i := slices.IndexFunc(v.g.candidates, func(c candidate) bool { return c.gr == gr && gr.opened <= v.p.At })
	if i < 0 {
		return nil
	}
	c := &v.g.candidates[i]
	if c.spot = at; at != v.p.CI {
		c.by, c.hops = byNear, 1
	}
	return c
}

// seen is a neighbour with what orders it.
type seen struct {
	Neighbour
	rank int    // 0: listed whatever it is; then candidates, relations by nearness, and what is of the same time
	gr   *group // of one that is no candidate: why it takes nothing is said when it is listed
}

const (
	rankBeside = iota
	rankCandidate
	rankRelated
	rankUnrelated = 100
)

// neighbours lists what is near, the nearest first, and how many more there are.
func (v *viewer) neighbours(best *candidate, except itsm.IncidentNumber) (out []Neighbour, more int) {
	var all []seen
	done := map[itsm.IncidentNumber]bool{except: true}
	for i := range v.g.candidates {
		c := &v.g.candidates[i]
		done[c.gr.n] = true
		n := v.base(c.gr)
		n.By, n.Relation, n.ScoreMilli, n.Why = c.by.String(), v.g.relatedBy(c), c.score, v.against(c, best)
		all = append(all, seen{n, rankCandidate, nil})
	}
	unrelated := 0
	for _, gr := range v.latest() {
		if done[gr.n] {
			continue
		}
		n := v.base(gr)
		var rank int
		if rank, n.By, n.Relation = v.relation(gr); rank == rankUnrelated {
			if gr.n != v.beside && (unrelated == unrelatedMax || !v.isOfTheTime(gr)) {
				continue
			}
			unrelated++
		}
		all = append(all, seen{n, rank, gr})
	}
	for i := range all {
		if all[i].Incident == v.beside {
			all[i].rank = rankBeside
		}
	}
	slices.SortStableFunc(all, func(a, b seen) int {
		return cmp.Or(cmp.Compare(a.rank, b.rank), cmp.Compare(b.ScoreMilli, a.ScoreMilli), cmp.Compare(b.LastJoinAt, a.LastJoinAt), cmp.Compare(a.Incident, b.Incident))
	})
	for _, n := range all[:min(len(all), NeighboursMax)] {
		if n.gr != nil {
			n.Why = v.refuses(n.gr, n.By)
		}
		out = append(out, n.Neighbour)
	}
	return out, len(all) - len(out)
}

// relatedBy says in words what speaks for a candidate.
func (g *Grouper) relatedBy(c *candidate) string {
	switch c.by {
	case bySameCI, byProvisional:
		return "another alert on the same CI is in it"
	case bySender:
		return "its sender put both into one group"
	case byOutage:
		return "it is the outage of the same application"
	case byLearned:
		return "an approved learned relation links them"
	}
	return g.reason(c)
}

func (v *viewer) base(gr *group) Neighbour {
	return Neighbour{Incident: gr.n, OpenedAt: gr.opened, LastJoinAt: gr.lastJoin, ResolvedAt: gr.resolved}
}

// latest returns the incidents that were opened last, and the one asked for.
func (v *viewer) latest() []*group {
	numbers := make([]itsm.IncidentNumber, 0, len(v.g.groups))
	for n := range v.g.groups { // any order: it is sorted
		numbers = append(numbers, n)
	}
	slices.SortFunc(numbers, func(a, b itsm.IncidentNumber) int { return cmp.Compare(b, a) })
	numbers = numbers[:min(len(numbers), consideredMax)]
	if v.g.groups[v.beside] != nil && !slices.Contains(numbers, v.beside) {
		numbers = append(numbers, v.beside)
	}
	out := make([]*group, len(numbers))
	for i, n := range numbers {
		out[i] = v.g.groups[n]
	}
	return out
}

// isOfTheTime reports whether something joined the group around the onset.
func (v *viewer) isOfTheTime(gr *group) bool {
	gap := itsm.Time(v.g.c.QuietGap.Milliseconds())
	return gr.lastJoin >= v.p.At-gap && gr.opened <= v.p.At+gap
}

// against says why a candidate is not the one that is joined.
func (v *viewer) against(c, best *candidate) string {
	limit := decimal(v.g.c.JoinMilli)
	switch {
	case c == best:
		return ""
	case v.chronic:
		return "the alert fires nearly always, so it is kept apart"
	case c.gr.opened > v.p.At:
		return "it opened later, at " + c.gr.opened.String() + ": the evidence of its first alert says why that one did not join"
	case c == v.second:
		return fmt.Sprintf("its storm had died down from %d alerts a minute and rises again: a second failure", c.gr.wave.peak)
	case c.score <= v.g.c.JoinMilli:
		return "its score of " + decimal(c.score) + " is not above " + limit
	case best != nil:
		return best.gr.n.String() + " fits better, with " + decimal(best.score) + " against " + decimal(c.score)
	default:
		return v.second.gr.n.String() + " fits better and begins a second wave"
	}
}

// relation finds what relates a group to the onset, the nearest first.
func (v *viewer) relation(gr *group) (rank int, kind, text string) {
	g, p := v.g, &v.p
	if p.CI == cmdb.NoRef {
		if gr.keys.has(p.Provisional) {
			return rankRelated, byProvisional.String(), p.Provisional + " alerts there too"
		}
		if key := senderKey(*p); key != "" && slices.Contains(gr.senders, key) {
			return rankRelated + 1, bySender.String(), "its sender put both into one group"
		}
	} else {
		if gr.cis.has(p.CI) {
			return rankRelated, bySameCI.String(), g.cmdb.ID(p.CI) + " alerts there too"
		}
		for _, b := range g.ball(p.CI).near[1:] {
			if gr.cis.has(b.ref) {
				return rankRelated + int(b.hops), byNear.String(), fmt.Sprintf("%s alerts, %s away", g.cmdb.ID(b.ref), hopsOf(int(b.hops)))
			}
		}
		if y, n := v.sharedCause(gr); n > 0 {
			return rankRelated + 10, byTopology.String(), fmt.Sprintf("both may depend on %s (%d of its %d CIs)", g.cmdb.ID(y), n, gr.cis.len())
		}
	}
	if t := g.asked.tag; t.service != "" && slices.ContainsFunc(gr.tags, t.is) {
		return rankRelated + 20, "", "same service and environment"
	}
	return rankUnrelated, "", ""
}

// sharedCause is the CI on which the onset's and most CIs of a group depend.
func (v *viewer) sharedCause(gr *group) (y cmdb.Ref, n int) {
	if v.cone == nil {
		v.cone = map[cmdb.Ref]bool{}
		for _, r := range v.g.cone(v.p.CI) {
			v.cone[r.Ref] = true
		}
	}
	counts := map[cmdb.Ref]int{}
	cis := gr.cis.keys()
	slices.Sort(cis)
	for _, ci := range cis[:min(len(cis), comparedMax)] {
		for _, r := range v.g.cone(ci) {
			if !v.cone[r.Ref] {
				continue
			}
			if counts[r.Ref]++; counts[r.Ref] > n || counts[r.Ref] == n && r.Ref < y {
				y, n = r.Ref, counts[r.Ref]
			}
		}
	}
	return y, n
}

// refuses says why a group that Place would not weigh takes nothing.
func (v *viewer) refuses(gr *group, kind string) string {
	g, at := v.g, v.p.At
	quiet, gap := at-gr.lastJoin, g.pace(gr)
	switch {
	case slices.Contains(gr.ruleKeys, keptApart):
		return "a rule keeps it apart: it takes in nothing by itself"
	case gr.opened > at:
		return "it opened later, at " + gr.opened.String() + ": the evidence of its first alert says why that one did not join"
	case gr.resolved != 0:
		return "it resolved at " + gr.resolved.String() + "; only what it was made of brings it back, and only within " + span(g.c.Reopen)
	case gr.wave.spent:
		return "its storm died down and rose again: what came with the second wave is another incident"
	case kind == bySameCI.String() || kind == byProvisional.String():
		return fmt.Sprintf("it had been quiet for %s, longer than the %s that its senders' rhythm gives and, while an alert on that CI fires, than %s", ago(quiet), ago(gap), span(g.c.FollowOn))
	case kind == "" && !v.isOfTheTime(gr), quiet > gap:
		return fmt.Sprintf("it had been quiet for %s; after %s only an alert on one of its own CIs joins, or, of slow senders, next to several that alert one of which still fires, or in their application", ago(quiet), ago(gap))
	case at-gr.opened >= itsm.Time(g.c.Lifetime.Milliseconds()):
		return fmt.Sprintf("it had been open for %s; after %s only an alert on one of its own CIs joins", ago(at-gr.opened), span(g.c.Lifetime))
	case kind == byTopology.String():
		return fmt.Sprintf("fewer than %d %% of its CIs and this one depend on one CI", g.c.ThetaMilli/10)
	case kind == byNear.String():
		return "that is no evidence by itself here"
	}
	return fmt.Sprintf("no CI of it is within %d hops of %s, and no single CI explains both: a relation in the CMDB or a rule would join them", g.c.NearHops, g.label(v.p))
}

func ago(d itsm.Time) string { return span(time.Duration(max(d, 0)) * time.Millisecond) }

func span(d time.Duration) string { return d.Round(time.Second).String() }

func hopsOf(n int) string {
	if n == 1 {
		return "1 hop"
	}
	return fmt.Sprintf("%d hops", n)
}
