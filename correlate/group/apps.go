package group

import (
	"slices"

	"signalbox/itsm"
	"signalbox/itsm/cmdb"
)

// An application that is quiet between its outages tells by that alone what
// belongs together: what begins after a silence and goes on without one is one
// outage, also where the CMDB lacks the relation that would show it. An
// application is what the CMDB connects within one environment, without going
// through hubs, as long as it is small; a larger one says nothing.

// app is what is known of one application's onsets.
type app struct {
	last     itsm.Time           // latest usual onset
	incident itsm.IncidentNumber // the outage that began after a silence, 0 for none
	since    itsm.Time           // when that began
}

// appsMax bounds the applications that are followed.
const appsMax = 100_000

// appOf returns the application of a CI, named by its least Ref. A CI without
// relations belongs to the one application of its environment, if there is one.
func (g *Grouper) appOf(ci cmdb.Ref) cmdb.Ref {
	if ci == cmdb.NoRef {
		return cmdb.NoRef
	}
	b := g.ball(ci)
	if b.alone {
		if a, ok := g.appIn[g.cmdb.Env(ci)]; ok && a != cmdb.NoRef {
			return a
		}
	}
	return b.app
}

// component finds the application that ci is connected to, NoRef when there is
// none or it is too large.
func (g *Grouper) component(ci cmdb.Ref) cmdb.Ref {
	if w := g.locals.walked(ci); w != nil && w.appKnown {
		return w.app
	}
	if g.joinsNothing(ci) {
		a := g.around(ci)
		g.locals.walk(ci).setApp(a)
		return a
	}
	cis := g.connected(ci)
	a := cmdb.NoRef
	if len(cis) > 1 && len(cis) <= g.c.AppMax {
		a = slices.Min(cis)
	}
	for _, r := range cis { // all of them, or each would walk again
		g.locals.walk(r).setApp(a)
	}
	return a
}

// joinsNothing reports whether a CI has so many relations that being related to
// it says little.
func (g *Grouper) joinsNothing(ci cmdb.Ref) bool {
	users := g.cmdb.FanIn(ci)
	if users > g.c.BridgeFanIn {
		return true
	}
	g.ends = g.cmdb.AppendDependencies(g.ends[:0], ci)
	return len(g.ends)+users > g.c.NearDegreeMax
}

// connected returns what ci is connected to in its environment without going
// through hubs, ci included. It ends when there are more than AppMax.
func (g *Grouper) connected(ci cmdb.Ref) []cmdb.Ref {
	env := g.cmdb.Env(ci)
	g.members = append(g.members[:0], ci)
	for i := 0; i < len(g.members) && len(g.members) <= g.c.AppMax; i++ {
		g.edges = g.cmdb.AppendDependencies(g.edges[:0], g.members[i])
		g.edges = g.cmdb.AppendDependants(g.edges, g.members[i])
		for _, r := range g.edges {
			if !slices.Contains(g.members, r) && g.cmdb.Env(r) == env && !g.joinsNothing(r) {
				g.members = append(g.members, r)
			}
		}
	}
	return g.members
}

// around returns the application that all neighbours of a hub belong to, NoRef
// when they are of several.
func (g *Grouper) around(hub cmdb.Ref) cmdb.Ref {
	if g.cmdb.FanIn(hub) > g.c.AppMax {
		return cmdb.NoRef
	}
	near := g.cmdb.AppendDependants(g.cmdb.AppendDependencies(nil, hub), hub)
	if len(near) > g.c.AppMax {
		return cmdb.NoRef
	}
	env, only := g.cmdb.Env(hub), cmdb.NoRef
	for _, r := range near {
		if g.cmdb.Env(r) != env {
			return cmdb.NoRef
		}
		if g.joinsNothing(r) {
			continue
		}
		a := g.component(r)
		if a == cmdb.NoRef || only != cmdb.NoRef && a != only {
			return cmdb.NoRef
		}
		only = a
	}
	return only
}

// settle notes which application an environment is made of, when it is made of
// one: then a CI there that the CMDB relates to nothing is part of it too. It is
// called for every application that is followed, in any order.
func (g *Grouper) settle(a cmdb.Ref) {
	env := g.cmdb.Env(a)
	if env == "" || g.isAlone(a) {
		return
	}
	if _, another := g.appIn[env]; another {
		g.appIn[env] = cmdb.NoRef
		return
	}
	all := g.cmdb.EnvSize(env)
	if all < g.c.EnvMin || len(g.connected(a))*1000 < all*g.c.EnvMilli {
		g.appIn[env] = cmdb.NoRef
		return
	}
	g.appIn[env] = a
}

// collectOutage offers the outage of the probe's application, unless that was
// silent since or has been alerting for too long to be one outage.
func (g *Grouper) collectOutage(p Probe) {
	a := g.apps[g.appOf(p.CI)]
	g.asked.app, g.asked.ci, g.asked.sounds = a, p.CI, cmdb.NoRef
	if a == nil || a.incident == 0 {
		return
	}
	gr := g.groups[a.incident]
	if gr == nil || gr.resolved != 0 || gr.wave.spent || p.At-a.since >= itsm.Time(g.c.Lifetime.Milliseconds()) {
		return
	}
	g.asked.heard = a.last
	if p.At-a.last > g.asked.pace {
		if g.asked.sounds = g.sounds(gr, p); g.asked.sounds == cmdb.NoRef {
			return
		}
		g.asked.heard = max(a.last, p.At-g.pace(gr)) // at the slower one's evaluation before this
	}
	g.offer(gr, byOutage, g.c.OutageMilli)
}

// soundsMax bounds the alerts of an outage that are asked whether they still fire: it
// has no more if it is one small application's.
const soundsMax = 1024

// sounds finds a CI of the probe's application of which a usual alert still fires in an
// outage of several CIs whose senders are slow, NoRef when there is none. An alert that
// fires half of the time shows nothing by going on, nor does what a rule or a person put
// there of another application.
func (g *Grouper) sounds(gr *group, p Probe) cmdb.Ref {
	if gr.firing == 0 || gr.cis.len() < 2 || gr.members.len() > soundsMax || !g.isSlow(gr) {
		return cmdb.NoRef
	}
	on, first, of := cmdb.NoRef, itsm.Time(0), g.appOf(p.CI)
	for i := range gr.members.list { // in any order
		alert, m := gr.members.list[i].key, &gr.members.list[i].val
		if !m.firing || m.chronic || m.ci == cmdb.NoRef || g.isMute(m.rule) || on != cmdb.NoRef && (m.at > first || m.at == first && m.ci >= on) {
			continue
		}
		if s := g.series.Get(alert); s != nil && s.active(p.At, chronicWindow)*2 < chronicWindow && g.appOf(m.ci) == of {
			on, first = m.ci, m.at
		}
	}
	return on
}

// follow records the onset at the application of its CI: after a silence it
// begins an outage, and so does the second wave of one. What joins the outage that
// there is begins none, unless that was resolved meanwhile: else one that is joined
// now and then would never have gone on for too long.
func (g *Grouper) follow(gr *group, p Probe) {
	a := g.asked.app
	if a == nil || g.asked.ci != p.CI {
		ref := g.appOf(p.CI)
		if ref == cmdb.NoRef {
			return
		}
		if a = g.apps[ref]; a == nil {
			g.meet(ref, p.At)
			return
		}
	}
	before := g.groups[a.incident]
	goesOn := a.incident == gr.n && a.since >= gr.opened
	if p.At-a.last > gr.pace && !goesOn || before != nil && before != gr && before.wave.spent {
		a.incident, a.since = gr.n, p.At
	}
	a.last = max(a.last, p.At)
}

// meet begins to follow an application. Its first onset follows on nothing that is
// known, so it is not said to come after a silence.
func (g *Grouper) meet(ref cmdb.Ref, at itsm.Time) {
	if len(g.apps) < appsMax {
		g.apps[ref] = &app{last: at}
		g.settle(ref)
	}
}

// resettle works out anew what SetGraph and Decode leave to be worked out.
func (g *Grouper) resettle() {
	clear(g.appIn)
	g.asked = asked{}
	for a := range g.apps { // settle takes them in any order
		if g.component(a) == a {
			g.settle(a)
		}
	}
}

// moveOutage makes the outage from of a CI's application into.
func (g *Grouper) moveOutage(ci cmdb.Ref, into, from itsm.IncidentNumber) {
	if a := g.apps[g.appOf(ci)]; a != nil && a.incident == from {
		a.incident = into
	}
}
