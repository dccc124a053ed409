package cmdb

import (
	"slices"

	"signalbox/itsm"
)

// Ref is a CI within a process: dense, given in the order of Apply, and never
// reused. A retired CI keeps its Ref.
type Ref int32

// NoRef is no CI.
const NoRef Ref = -1

// Graph is one revision of the CMDB. It never changes; Apply makes the next one
// and shares with it whatever the changes do not touch, so any number of
// readers can hold any revision.
type Graph struct {
	revision uint64
	types    RelationTypes // configured
	mappings []Mapping

	recs       vec[rec]
	deps       vec[[]half] // what a CI depends on, by id and type
	dependants vec[[]half] // what depends on it, by id and type
	fanIn      vec[int32]  // how many CIs that are: a hub's list is too long to count
	names      index
	scopes     scopeCounts

	relTypes []relType  // types met so far; a half holds the index
	srcSets  [][]string // sets of import sources met so far; 0 is the empty set
	ordered  Ref        // Refs below it are in the order of their ids
	live     int        // CIs that are not retired
	edges    int        // relations
}

// rec is what a graph holds of a CI besides its names and relations.
type rec struct {
	blob  blob
	src   uint16 // index into srcSets
	kind  kind
	flags uint8
}

const (
	flagRetired uint8 = 1 << iota
	flagScoped        // an attribute names an environment, cluster or namespace
)

func (r *rec) retired() bool { return r.flags&flagRetired != 0 }

// Empty returns a CMDB without a CI, at revision 0.
func Empty(types RelationTypes) *Graph {
	return &Graph{types: types, srcSets: [][]string{nil}}
}

// Revision is the number of the revision; every Apply adds one.
func (g *Graph) Revision() uint64 { return g.revision }

// Len is the number of CIs that are not retired.
func (g *Graph) Len() int { return g.live }

// Relations is the number of relations.
func (g *Graph) Relations() int { return g.edges }

// Refs is the number of Refs ever given: every Ref is below it.
func (g *Graph) Refs() int { return g.recs.n }

// Lookup finds a CI that is not retired by its exact id.
func (g *Graph) Lookup(id string) (Ref, bool) {
	r, ok := g.known(id)
	if !ok || g.recs.at(int(r)).retired() {
		return NoRef, false
	}
	return r, true
}

// known finds a CI, retired or not, by its exact id.
func (g *Graph) known(id string) (Ref, bool) {
	e := g.names.find(foldWide(id))
	if e == nil {
		return NoRef, false
	}
	for i := range e.size() {
		if p := e.at(i); p.how == howID && g.ID(p.ref) == id {
			return p.ref, true
		}
	}
	return NoRef, false
}

// CI returns the CI as people wrote it.
func (g *Graph) CI(r Ref) itsm.CI { return g.recs.at(int(r)).blob.ci() }

// ID returns the id of a CI.
func (g *Graph) ID(r Ref) string { return g.field(r, fieldID) }

// Name returns the display name of a CI.
func (g *Graph) Name(r Ref) string { return g.field(r, fieldName) }

// Class returns the class of a CI.
func (g *Graph) Class(r Ref) string { return g.field(r, fieldClass) }

// Env returns the environment of a CI, or "".
func (g *Graph) Env(r Ref) string { return g.field(r, fieldEnv) }

// Tier returns the tier of a CI; 0 is unknown.
func (g *Graph) Tier(r Ref) int { return g.recs.at(int(r)).blob.tier() }

// SupportGroup returns the support group of a CI, or "".
func (g *Graph) SupportGroup(r Ref) string { return g.field(r, fieldGroup) }

// Retired reports whether the CI was retired in this or an earlier revision.
func (g *Graph) Retired(r Ref) bool { return g.recs.at(int(r)).retired() }

// Sources lists the import sources that list the CI, sorted.
func (g *Graph) Sources(r Ref) []string { return slices.Clone(g.srcSets[g.recs.at(int(r)).src]) }

func (g *Graph) field(r Ref, i int) string { return g.recs.at(int(r)).blob.field(i) }

// Dependencies lists what r directly depends on, by id: when one of them fails,
// r is affected.
func (g *Graph) Dependencies(r Ref) []Edge { return g.listed(*g.deps.at(int(r))) }

// Dependants lists what directly depends on r, by id: when r fails, they are
// affected.
func (g *Graph) Dependants(r Ref) []Edge { return g.listed(*g.dependants.at(int(r))) }

// listed turns stored relations into edges.
func (g *Graph) listed(list []half) []Edge {
	if len(list) == 0 {
		return nil
	}
	out := make([]Edge, len(list))
	for i, h := range list {
		out[i] = Edge{To: h.to, Type: g.relTypes[h.typ].name}
	}
	return out
}

// AppendDependants appends the direct dependants of r to buf, by id, without
// their types and each once.
func (g *Graph) AppendDependants(buf []Ref, r Ref) []Ref {
	return appendEnds(buf, *g.dependants.at(int(r)))
}

// AppendDependencies appends what r directly depends on to buf, by id, without
// the types and each once.
func (g *Graph) AppendDependencies(buf []Ref, r Ref) []Ref {
	return appendEnds(buf, *g.deps.at(int(r)))
}

func appendEnds(buf []Ref, list []half) []Ref {
	for i, h := range list {
		if i == 0 || list[i-1].to != h.to {
			buf = append(buf, h.to)
		}
	}
	return buf
}

// FanIn is the number of CIs that directly depend on r.
func (g *Graph) FanIn(r Ref) int { return int(*g.fanIn.at(int(r))) }

// ends counts distinct CIs; relations to one CI stand side by side.
func ends(list []half) int {
	n := 0
	for i := range list {
		if i == 0 || list[i-1].to != list[i].to {
			n++
		}
	}
	return n
}

// compare orders CIs by id. Most are in the first, sorted import, where the
// Refs are in that order already.
func (g *Graph) compare(a, b Ref) int {
	if a < g.ordered && b < g.ordered || a == b {
		return int(a) - int(b)
	}
	if x, y := g.ID(a), g.ID(b); x < y {
		return -1
	} else if x > y {
		return 1
	}
	return 0
}
