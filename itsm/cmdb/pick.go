package cmdb

import "strings"

// candidate is a CI a name may stand for.
type candidate struct {
	ref   Ref
	how   how
	kind  kind
	agree int8  // scope labels that name a scope of the CI
	spelt uint8 // see spelled
}

// pick reduces the CIs of a name to those it can mean: none from another
// environment, cluster or namespace; then the ones most labels agree with, of
// the class the label is about, by the surest of their names.
func (id *identifier) pick(f *finding, e *entry, r role) bool {
	if e.size() > NameHitsMax {
		id.trail.add(f.label, f.key, missCommon, NoRef)
		return false
	}
	elsewhere := NoRef
	found := false
	if e.more == nil { // nearly every name, and without the memory for a list
		var c candidate
		if found = id.consider(&c, e.first, f, r, &elsewhere); found {
			id.keep(c.ref)
		}
	} else {
		found = id.pickSeveral(f, *e.more, r, &elsewhere)
	}
	switch {
	case found:
	case elsewhere != NoRef:
		id.trail.add(f.label, f.key, missElsewhere, elsewhere)
	default:
		id.trail.add(f.label, f.key, missNothing, NoRef)
	}
	return found
}

// pickSeveral reduces the CIs of a shared name, one criterion after the other.
func (id *identifier) pickSeveral(f *finding, posts []post, r role, elsewhere *Ref) bool {
	list := make([]candidate, 0, len(posts))
	for _, p := range posts {
		var c candidate
		if id.consider(&c, p, f, r, elsewhere) {
			list = append(list, c)
		}
	}
	many := len(list)
	list = narrow(list, func(c *candidate) int { return -int(c.agree) })
	f.scoped = len(list) < many || *elsewhere != NoRef
	list = narrow(list, func(c *candidate) int { return distance(r, c.kind) })
	list = narrow(list, func(c *candidate) int { return int(c.how) })
	list = narrow(list, func(c *candidate) int { return int(c.spelt) })
	for i := range list {
		id.keep(list[i].ref)
	}
	return len(list) > 0
}

// consider fills in a candidate and reports whether it is one; elsewhere is set
// when only its place speaks against it.
func (id *identifier) consider(c *candidate, p post, f *finding, r role, elsewhere *Ref) bool {
	o := id.g.recs.at(int(p.ref))
	if o.retired() || (r == roleNamespace || r == roleCluster) && o.kind != kindPlace {
		return false
	}
	agree, ok := id.agrees(o)
	if !ok {
		*elsewhere = p.ref
		return false
	}
	*c = candidate{ref: p.ref, how: p.how, kind: o.kind, agree: agree, spelt: spelled(o.blob, f.key)}
	return true
}

// keep stores a CI of a finding while there is room.
func (id *identifier) keep(r Ref) {
	if id.used < len(id.refs) {
		id.refs[id.used] = r
		id.used++
	}
}

// narrow keeps the candidates with the least cost, in order.
func narrow(list []candidate, cost func(*candidate) int) []candidate {
	if len(list) < 2 {
		return list
	}
	least := cost(&list[0])
	for i := range list[1:] {
		least = min(least, cost(&list[i+1]))
	}
	out := list[:0]
	for i := range list {
		if cost(&list[i]) == least {
			out = append(out, list[i])
		}
	}
	return out
}

// spelled is 0 when the value is exactly the CI's id, 1 when it is exactly its
// name or its id within its scope, 2 when it is only much the same.
func spelled(b blob, value string) uint8 {
	id := b.field(fieldID)
	switch {
	case id == value:
		return 0
	case b.field(fieldName) == value,
		len(id) > len(value) && strings.HasSuffix(id, value) && id[len(id)-len(value)-1] == '/':
		return 1
	}
	return 2
}

// distance says how far a kind of CI is from what a label of the role is about.
func distance(r role, k kind) int {
	var want kind
	switch r {
	case rolePod, roleContainer:
		want = kindInstance
	case roleWorkload:
		want = kindWorkload
	case roleService, roleApp, roleJob:
		want = kindService
	default:
		return 0
	}
	if k == want {
		return 0
	}
	if k == kindService || k == kindWorkload {
		return 1
	}
	return 2
}

// agrees counts the scope labels that name a scope of the CI. It is not ok when
// one of them names a scope that others have and this CI has not: the alert is
// then about something else that happens to have the same name.
func (id *identifier) agrees(o *rec) (n int8, ok bool) {
	c := &id.clues
	if c[roleEnv].value == "" && c[roleCluster].value == "" && c[roleNamespace].value == "" {
		return 0, true
	}
	var p placement
	p.read(o)
	for r := roleNamespace; r <= roleEnv; r++ {
		v := c[r].value
		if v == "" {
			continue
		}
		if p.carries(v) {
			n++
		} else if id.contradicts(r, v, &p, o.kind) {
			return 0, false
		}
	}
	return n, true
}

// placement is where a CI is: a few values in each dimension.
type placement struct {
	values [dimCount][2]string
}

// read finds where a CI is, as eachScope does for the index.
func (p *placement) read(o *rec) {
	b := o.blob
	env, id := b.field(fieldEnv), b.field(fieldID)
	p.values[dimEnv][0] = env
	if i := strings.IndexByte(id, '/'); i > 0 && !foldEqual(id[:i], env) {
		p.values[dimNamespace][0] = id[:i]
	}
	if o.flags&flagScoped == 0 {
		return
	}
	eachAttribute(b.field(fieldAttributes), func(name, value string) {
		if d, ok := scopeAttribute(name); ok {
			slot := &p.values[d][1]
			if *slot == "" {
				*slot = value
			}
		}
	})
}

func (p *placement) carries(v string) bool {
	for d := range p.values {
		for _, have := range p.values[d] {
			if have != "" && (foldEqual(have, v) || sameStage(have, v)) {
				return true
			}
		}
	}
	return false
}

func (p *placement) has(d dimension) bool { return p.values[d][0] != "" || p.values[d][1] != "" }

// contradicts reports whether a scope label that the CI does not carry rules it
// out. Hosts are in no namespace, so a namespace never rules one out.
func (id *identifier) contradicts(r role, v string, p *placement, k kind) bool {
	if r == roleEnv && p.has(dimEnv) && stageOf(v) != "" && stageOf(p.values[dimEnv][0]) != "" {
		return true
	}
	for d := range dimCount {
		if d == dimNamespace && k <= kindHost || d == dimCluster && r == roleNamespace || d == dimNamespace && r == roleEnv {
			continue
		}
		if p.has(d) && id.g.scopes.knows(d, v) {
			return true
		}
	}
	return false
}

// stageOf returns the one spelling of a stage of the software life cycle, or "".
func stageOf(env string) string {
	var buf [16]byte
	if len(env) > len(buf) {
		return ""
	}
	b := buf[:0]
	for i := range len(env) {
		b = append(b, folds[env[i]])
	}
	switch string(b) {
	case "production", "prod", "prd", "live":
		return "production"
	case "staging", "stage", "stg", "preprod", "pre-prod", "preproduction", "uat":
		return "staging"
	case "development", "dev", "devel":
		return "development"
	case "testing", "test", "tst", "qa":
		return "testing"
	}
	return ""
}

func sameStage(a, b string) bool {
	s := stageOf(a)
	return s != "" && s == stageOf(b)
}
