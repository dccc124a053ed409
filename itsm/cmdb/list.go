package cmdb

import (
	"slices"
	"sort"
	"strconv"
	"strings"

	"signalbox/itsm"
)

// Query selects CIs for people. Zero values select everything.
type Query struct {
	Class string // the class, in any case
	Text  string // a part of the id or the name, in any case
	After string // id of the last CI of the page before; "" for the first page
	Limit int    // CIs of a page, at most ListMax; 0 is ListDefault
}

// Bounds of a page.
const (
	ListDefault = 50
	ListMax     = 500
)

// List returns a page of the CIs that are not retired, by id, and where the next
// page starts; "" when this was the last.
func (g *Graph) List(q Query) (page []Ref, next string) {
	limit := pageLimit(q.Limit)
	text := strings.ToLower(q.Text)
	for r := range g.after(q.After) {
		if g.Retired(r) || q.Class != "" && !strings.EqualFold(g.Class(r), q.Class) || text != "" && !g.matches(r, text) {
			continue
		}
		if len(page) == limit {
			return page, g.ID(page[limit-1])
		}
		page = append(page, r)
	}
	return page, ""
}

func pageLimit(n int) int {
	if n <= 0 {
		return ListDefault
	}
	return min(n, ListMax)
}

func (g *Graph) matches(r Ref, text string) bool {
	return strings.Contains(strings.ToLower(g.ID(r)), text) || strings.Contains(strings.ToLower(g.Name(r)), text)
}

// after yields the Refs whose ids come after id, by id: those that are in order,
// merged with the later ones, which are sorted here.
func (g *Graph) after(id string) func(yield func(Ref) bool) {
	var late []Ref
	for r := g.ordered; r < Ref(g.recs.n); r++ {
		if g.ID(r) > id {
			late = append(late, r)
		}
	}
	slices.SortFunc(late, g.compare)
	early := Ref(0)
	if id != "" {
		early = Ref(sort.Search(int(g.ordered), func(i int) bool { return g.ID(Ref(i)) > id }))
	}
	return func(yield func(Ref) bool) {
		for early < g.ordered || len(late) > 0 {
			r := early
			if len(late) > 0 && (early == g.ordered || g.compare(late[0], early) < 0) {
				r, late = late[0], late[1:]
			} else {
				early++
			}
			if !yield(r) {
				return
			}
		}
	}
}

// RelationsOf returns the relations of a CI as they were written, first those to
// what it depends on, at most limit of them.
func (g *Graph) RelationsOf(r Ref, limit int) []itsm.Relation {
	out := []itsm.Relation{}
	for _, h := range *g.deps.at(int(r)) {
		if len(out) < limit {
			out = append(out, g.relation(r, h))
		}
	}
	for _, h := range *g.dependants.at(int(r)) {
		if len(out) < limit {
			out = append(out, g.relation(h.to, half{to: r, typ: h.typ}))
		}
	}
	return out
}

func (g *Graph) relation(node Ref, h half) itsm.Relation {
	from, to := g.written(node, h)
	return itsm.Relation{From: g.ID(from), Type: g.relTypes[h.typ].name, To: g.ID(to)}
}

// ListRelations returns a page of all relations, by the CI that depends, and the
// cursor of the next page; "" when this was the last.
func (g *Graph) ListRelations(cursor string, limit int) (page []itsm.Relation, next string, err error) {
	limit = pageLimit(limit)
	skip, id := 0, ""
	if cursor != "" {
		n, rest, ok := strings.Cut(cursor, ":")
		if skip, err = strconv.Atoi(n); err != nil || !ok || skip < 0 {
			return nil, "", itsm.Errorf(itsm.Invalid, "cursor %q: expected the next_cursor of the page before", cursor)
		}
		id = rest
	}
	page = []itsm.Relation{}
	add := func(r Ref, from int) bool {
		list := *g.deps.at(int(r))
		for i := min(from, len(list)); i < len(list); i++ {
			if len(page) == limit {
				next = strconv.Itoa(i) + ":" + g.ID(r)
				return false
			}
			page = append(page, g.relation(r, list[i]))
		}
		return true
	}
	if r, ok := g.Lookup(id); ok && !add(r, skip) {
		return page, next, nil
	}
	for r := range g.after(id) {
		if !add(r, 0) {
			break
		}
	}
	return page, next, nil
}
