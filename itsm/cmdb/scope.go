package cmdb

import (
	"slices"
	"strings"
)

// dimension is one of the ways a CI or an alert is placed.
type dimension uint8

const (
	dimEnv dimension = iota
	dimCluster
	dimNamespace
	dimCount
)

// scopeCounts counts, per dimension, how many CIs carry a value. A value of an
// alert that no CI carries says nothing; one that some CI carries tells the CIs
// that carry another value apart from it.
type scopeCounts [dimCount]index

// knows reports whether some CI carries the value in the dimension.
func (s *scopeCounts) knows(d dimension, value string) bool { return s[d].find(foldWide(value)) != nil }

// EnvSize is how many CIs carry an environment.
func (g *Graph) EnvSize(env string) int {
	if e := g.scopes[dimEnv].find(foldWide(env)); e != nil {
		return int(e.first.ref)
	}
	return 0
}

// scopeChange is one CI gaining (+1) or losing (-1) a value.
type scopeChange struct {
	dim   dimension
	value string
	delta Ref
}

// apply returns the counts with the changes made. Changes of one value are
// added up first: an import of a million CIs has few values.
func (s scopeCounts) apply(changes []scopeChange) scopeCounts {
	var sums [dimCount][]keyChange
	at := make(map[scopeChange]int)
	for _, c := range changes {
		k := scopeChange{dim: c.dim, value: c.value}
		i, ok := at[k]
		if !ok {
			i = len(sums[c.dim])
			at[k] = i
			sums[c.dim] = append(sums[c.dim], keyChange{name: foldWide(c.value)})
		}
		sums[c.dim][i].post.ref += c.delta
	}
	for d, list := range sums {
		if len(list) > 0 {
			s[d] = s[d].count(list)
		}
	}
	return s
}

// count returns an index in which first.ref of an entry is a total, not a CI:
// each change adds its post.ref, and an entry goes when it reaches zero.
func (x index) count(changes []keyChange) index {
	e := newIndexEditor(&x, changes)
	for i := range changes {
		b, at, hash := e.bucket(&changes[i])
		switch total := changes[i].post.ref; {
		case at < 0 && total != 0:
			*b = append(*b, entry{name: changes[i].name, hash: hash, first: changes[i].post})
			e.n++
		case at >= 0 && (*b)[at].first.ref+total == 0:
			*b = slices.Delete(*b, at, at+1)
			e.n--
		case at >= 0:
			(*b)[at].first.ref += total
		}
	}
	return index{buckets: e.buckets.vec, n: e.n}
}

// eachScope calls fn for every value that places the CI. The first part of an
// id such as prod/cart or shop/cart counts as a namespace unless it repeats the
// environment.
func eachScope(b blob, scoped bool, fn func(d dimension, value string)) {
	env, id := b.field(fieldEnv), b.field(fieldID)
	if env != "" {
		fn(dimEnv, env)
	}
	if i := strings.IndexByte(id, '/'); i > 0 && !foldEqual(id[:i], env) {
		fn(dimNamespace, id[:i])
	}
	if !scoped {
		return
	}
	eachAttribute(b.field(fieldAttributes), func(name, value string) {
		if d, ok := scopeAttribute(name); ok {
			fn(d, value)
		}
	})
}

// isScoped reports whether an attribute places the CI.
func isScoped(b blob) bool {
	found := false
	if a := b.field(fieldAttributes); a != "" {
		eachAttribute(a, func(name, _ string) {
			if _, ok := scopeAttribute(name); ok {
				found = true
			}
		})
	}
	return found
}
