package cmdb

import (
	"strings"

	"signalbox/itsm"
)

// Sighting is what an alert says about the CI it is on.
type Sighting struct {
	Source    string
	CIName    string // CI named explicitly by the sender, if any
	AlertName string // name of the alert's rule, if no label says it; used in a provisional key only
	Labels    itsm.Labels
}

// Binding is the CI of an alert, or why there is none.
type Binding struct {
	Ref         Ref      // NoRef: bound to nothing
	By          string   // step that hit: ci, mapping, fqdn, host, ip, kubernetes, service, service+environment, namespace or provisional
	Trail       []string // what was tried and what decided, in order, for people
	Ambiguous   []string // ids of the CIs that could be meant, when that is why Ref is NoRef
	Provisional string   // key of the provisional CI when Ref is NoRef
}

// Identify binds a sighting to a CI in the order: explicit CI, mapping, fully
// qualified name, host name, address, Kubernetes workload, service, namespace.
// The first that hits wins, unless a later one names something more specific
// that depends on it. Between CIs that nothing tells apart it never guesses.
func (g *Graph) Identify(s Sighting) Binding {
	var id identifier
	id.g = g
	id.clues.read(&s, g.mappings)
	id.search()
	b := Binding{Ref: id.choose()}
	if b.Ref == NoRef {
		b.By, b.Provisional, b.Ambiguous = "provisional", id.clues.provisional(&s), id.ambiguous()
	} else {
		b.By = id.by
	}
	b.Trail = id.trail.lines(g)
	return b
}

// identifier is one Identify under way. It holds no pointer into itself, so that
// it lives on the stack.
type identifier struct {
	g      *Graph
	clues  clues
	finds  [findsMax]finding
	n      int
	refs   [findsMax * 8]Ref // where finds keep their CIs
	used   int
	by     string
	trail  trail
	others bool // something besides an observer is named
}

// findsMax bounds how many clues of one sighting can hit.
const findsMax = 8

// finding is what one clue names.
type finding struct {
	label      string
	key        string // what was looked up: the value, or the workload in a pod's name
	start, end int    // the CIs are identifier.refs[start:end]
	step       step
	scoped     bool // environment, cluster or namespace told CIs apart
}

// of returns the CIs of a finding.
func (id *identifier) of(f *finding) []Ref { return id.refs[f.start:f.end] }

// step is a step of the binding order.
type step uint8

const (
	stepCI step = iota
	stepMapping
	stepFQDN
	stepHost
	stepIP
	stepKubernetes
	stepService
	stepNamespace
)

var stepWords = [...]string{"ci", "mapping", "fqdn", "host", "ip", "kubernetes", "service", "namespace"}

// search looks every clue up, in the order of the steps.
func (id *identifier) search() {
	c := &id.clues
	for _, r := range [...]role{roleCI, roleMapped, roleHost, roleInstance, roleAddress, rolePod, roleContainer, roleWorkload,
		roleService, roleApp, roleJob} {
		id.others = id.others || c[r].value != "" && c[r].rank&observed == 0
	}
	id.look(stepCI, roleCI, c[roleCI].value)
	id.mapped()
	id.hosts()
	id.pod()
	id.look(stepKubernetes, roleWorkload, c[roleWorkload].value)
	id.look(stepKubernetes, roleContainer, c[roleContainer].value)
	id.look(stepService, roleService, c[roleService].value)
	id.look(stepService, roleApp, c[roleApp].value)
	id.look(stepService, roleJob, c[roleJob].value)
	if !id.others { // a namespace is not the CI of an alert that names something in it
		id.look(stepNamespace, roleNamespace, c[roleNamespace].value)
		id.look(stepNamespace, roleCluster, c[roleCluster].value)
	}
}

// mapped looks up what the mapping table says a label names.
func (id *identifier) mapped() {
	m := id.clues[roleMapped]
	if m.value == "" {
		return
	}
	value := m.value
	if r := role(m.rank); r == roleHost || r == roleAddress {
		value = hostOf(value)
	}
	id.lookAs(stepMapping, roleMapped, role(m.rank), value)
}

// hosts tries host labels as a fully qualified name, then as a host name, then
// as an address: of several the surest statement comes first.
func (id *identifier) hosts() {
	var values [3]string
	var found [3]bool // by the full name; the short one says no more
	roles := [3]role{roleHost, roleInstance, roleAddress}
	for i, r := range roles {
		values[i] = hostOf(id.clues[r].value)
	}
	for pass := stepFQDN; pass <= stepIP; pass++ {
		for i, v := range values {
			if v == "" {
				continue
			}
			ip := isIP(v)
			switch {
			case ip != (pass == stepIP):
			case pass == stepFQDN && strings.IndexByte(v, '.') < 0:
			case pass == stepHost && strings.IndexByte(v, '.') >= 0:
				if short := shortHost(v); short != "" && !found[i] {
					id.look(pass, roles[i], short)
				}
			default:
				found[i] = id.look(pass, roles[i], v)
			}
		}
	}
}

// pod tries the pod itself, then the workload its name shows: pods come and go,
// few CMDBs list them.
func (id *identifier) pod() {
	p := id.clues[rolePod]
	if id.look(stepKubernetes, rolePod, p.value) || p.value == "" || p.rank&observed != 0 && id.others {
		return
	}
	var buf [3]string
	for _, name := range workloadsOf(buf[:0], p.value) {
		if id.lookAs(stepKubernetes, rolePod, roleWorkload, name) {
			return
		}
	}
}

func (id *identifier) look(s step, r role, value string) bool { return id.lookAs(s, r, r, value) }

// lookAs finds the CIs known as value, which the label of role from carries, as
// a label of role as would mean it.
func (id *identifier) lookAs(s step, from, as role, value string) bool {
	c := &id.clues[from]
	if value == "" || id.n == findsMax || s != stepMapping && c.rank&observed != 0 && id.others {
		return false
	}
	e := id.g.names.find(foldWide(value))
	if e == nil {
		id.trail.add(c.label, value, missNothing, NoRef)
		return false
	}
	f := finding{step: s, label: c.label, key: value, start: id.used}
	if !id.pick(&f, e, as) {
		return false
	}
	f.end = id.used
	id.finds[id.n] = f
	id.n++
	return true
}
