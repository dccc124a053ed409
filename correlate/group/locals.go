package group

import (
	"cmp"
	"slices"

	"signalbox/itsm"
	"signalbox/itsm/cmdb"
)

// locals is what is kept of CIs, by Ref. Refs are dense, so finding one is an index
// and not a hash: an onset asks about dozens of CIs around its own.
type locals struct {
	list  []*local   // nil where there is nothing
	walks []cmdb.Ref // CIs whose walks are kept
}

// local is what is kept of one CI.
type local struct {
	groups   []*group            // warm ones with a member on it, by number
	explains []explained         // joinable ones with a member that it explains, by number
	last     itsm.IncidentNumber // the latest incident on it, 0 for none
	hot      *hotness            // nil until a dependant alerted
	walks    *walks              // nil until asked for
	ranked   uint64              // the ranking in which it is a suspect,
	suspect  int32               // and its place there
}

// walks are what was found around a CI in this revision of the graph. It is all a
// cache.
type walks struct {
	ball     ball         // near walk; empty until asked for, as the others
	cone     []cmdb.Reach // E(ci)
	leads    leads
	app      cmdb.Ref // component
	appKnown bool
}

// walksMax bounds the CIs whose walks are kept; when there are more it starts over.
const walksMax = 16384

func newLocals(graph *cmdb.Graph) locals {
	return locals{list: make([]*local, graph.Refs())}
}

// revise makes room for the CIs of another revision and forgets the walks.
func (l *locals) revise(graph *cmdb.Graph) {
	l.list = slices.Grow(l.list, max(graph.Refs()-len(l.list), 0))[:max(graph.Refs(), len(l.list))]
	l.forgetWalks()
}

func (l *locals) forgetWalks() {
	for _, ci := range l.walks {
		l.list[ci].walks = nil
	}
	l.walks = l.walks[:0]
}

// of returns what is kept of ci, nil when that is nothing.
func (l *locals) of(ci cmdb.Ref) *local { return l.list[ci] }

// at returns what is kept of ci, to add to it.
func (l *locals) at(ci cmdb.Ref) *local {
	if l.list[ci] == nil {
		l.list[ci] = &local{}
	}
	return l.list[ci]
}

// that lists the CIs of which something is so, in order.
func (l *locals) that(is func(*local) bool) []cmdb.Ref {
	var out []cmdb.Ref
	for ci, at := range l.list {
		if at != nil && is(at) {
			out = append(out, cmdb.Ref(ci))
		}
	}
	return out
}

func (l *locals) groupsOn(ci cmdb.Ref) []*group {
	if at := l.list[ci]; at != nil {
		return at.groups
	}
	return nil
}

func (l *locals) explainedBy(ci cmdb.Ref) []explained {
	if at := l.list[ci]; at != nil {
		return at.explains
	}
	return nil
}

// covered is how many CIs of gr ci explains.
func (l *locals) covered(ci cmdb.Ref, gr *group) int32 {
	list := l.explainedBy(ci)
	if i, found := findExplained(list, gr); found {
		return list[i].n
	}
	return 0
}

// walked returns the walks of ci that are kept, nil when none are.
func (l *locals) walked(ci cmdb.Ref) *walks {
	if at := l.list[ci]; at != nil {
		return at.walks
	}
	return nil
}

// walk returns the walks of ci, to add to them.
func (l *locals) walk(ci cmdb.Ref) *walks {
	at := l.at(ci)
	if at.walks == nil {
		if len(l.walks) >= walksMax {
			l.forgetWalks()
		}
		at.walks = &walks{}
		l.walks = append(l.walks, ci)
	}
	return at.walks
}

func (w *walks) setApp(a cmdb.Ref) { w.app, w.appKnown = a, true }

// leave takes gr out of the groups on the CI.
func (at *local) leave(gr *group) { at.groups = without(at.groups, gr) }

// findExplained finds gr in a list of a CI, or where it belongs.
func findExplained(list []explained, gr *group) (int, bool) {
	return slices.BinarySearchFunc(list, gr.n, func(e explained, n itsm.IncidentNumber) int { return cmp.Compare(e.gr.n, n) })
}

// forget takes gr out of the groups that the CI explains.
func (at *local) forget(gr *group) {
	i, found := findExplained(at.explains, gr)
	switch {
	case !found:
	case len(at.explains) == 1:
		at.explains = nil
	default:
		at.explains = slices.Delete(at.explains, i, i+1)
	}
}
