package api

import (
	"cmp"
	"slices"
	"strings"

	"signalbox/itsm"
	"signalbox/itsm/cmdb"
)

type relationView struct {
	From     string `json:"from"`
	Type     string `json:"type"`
	To       string `json:"to"`
	Affected string `json:"affected"` // which end fails when the other does
}

// link is a relation seen from the CI that depends. Lists are in its order.
type link struct{ dependent, on, typ string }

func (l link) compare(o link) int {
	return cmp.Or(strings.Compare(l.dependent, o.dependent), strings.Compare(l.on, o.on), strings.Compare(l.typ, o.typ))
}

// cursor and linkOf turn a link into the cursor of the page it ends and back. No
// id holds a NUL.
func (l link) cursor() string { return encodeCursor(l.dependent + "\x00" + l.on + "\x00" + l.typ) }

func linkOf(after string) (link, error) {
	parts := strings.Split(after, "\x00")
	if after == "" {
		return link{}, nil
	}
	if len(parts) != 3 {
		return link{}, itsm.Errorf(itsm.Invalid, "cursor: expected the next_cursor of an earlier page of this list")
	}
	return link{parts[0], parts[1], parts[2]}, nil
}

// viewRelation writes the relation in the direction people wrote it.
func viewRelation(g *cmdb.Graph, l *link) relationView {
	v := relationView{From: l.dependent, Type: l.typ, To: l.on, Affected: l.dependent}
	if g.Direction(l.typ) == cmdb.FromAffectsTo {
		v.From, v.To = l.on, l.dependent
	}
	return v
}

func (a *API) relations(r *request) error {
	cis, err := r.q.list("ci")
	if err != nil {
		return err
	}
	types, err := r.q.list("type")
	if err != nil {
		return err
	}
	cursor, limit, err := r.graphPage()
	if err != nil {
		return err
	}
	after, err := linkOf(cursor)
	if err != nil {
		return err
	}
	s := linkSearch{g: a.o.Engine.Graph(), types: types, after: after, n: limit + 1}
	found := s.all()
	if len(cis) > 0 {
		found = s.of(cis)
	}
	p := page[relationView]{}
	if len(found) > limit {
		found = found[:limit]
		p.NextCursor = found[limit-1].cursor()
	}
	p.Items = each(found, func(l *link) relationView { return viewRelation(s.g, l) })
	return r.json(p)
}

// linkSearch finds the first n links above after.
type linkSearch struct {
	g     *cmdb.Graph
	types []string
	after link
	n     int
}

func (s *linkSearch) wants(e cmdb.Edge) bool {
	return len(s.types) == 0 || slices.Contains(s.types, e.Type)
}

// all walks the CIs by id. Each that is found adds at least one link, so n of
// them are enough; the one of the cursor comes first, for what is left of it.
func (s *linkSearch) all() []link {
	var out []link
	if ref, ok := s.g.Lookup(s.after.dependent); ok {
		out = slices.DeleteFunc(s.from(ref, out), func(l link) bool { return l.compare(s.after) <= 0 })
	}
	for _, ref := range firstByID(s.g, s.after.dependent, s.n, func(ref cmdb.Ref) bool {
		return slices.ContainsFunc(s.g.Dependencies(ref), s.wants)
	}) {
		if len(out) >= s.n {
			break
		}
		out = s.from(ref, out)
	}
	return s.first(out)
}

// of takes every link with one of the CIs at either end.
func (s *linkSearch) of(cis []string) []link {
	var out []link
	for _, id := range cis {
		ref, ok := s.g.Lookup(id)
		if !ok {
			continue // a filter that matches nothing
		}
		out = s.from(ref, out)
		for _, e := range s.g.Dependants(ref) {
			if s.wants(e) {
				out = append(out, link{s.g.ID(e.To), id, e.Type})
			}
		}
	}
	return s.first(out)
}

// from appends what ref depends on.
func (s *linkSearch) from(ref cmdb.Ref, out []link) []link {
	for _, e := range s.g.Dependencies(ref) {
		if s.wants(e) {
			out = append(out, link{s.g.ID(ref), s.g.ID(e.To), e.Type})
		}
	}
	return out
}

func (s *linkSearch) first(out []link) []link {
	slices.SortFunc(out, link.compare)
	out = slices.Compact(out) // both ends may have been asked for
	i, known := slices.BinarySearchFunc(out, s.after, link.compare)
	if known {
		i++
	}
	return out[i:min(len(out), i+s.n)]
}

type relationInput struct {
	From string `json:"from"`
	Type string `json:"type"`
	To   string `json:"to"`
	// Affected is taken and left out, so that what GET answers can be sent back.
	Affected string `json:"affected"`
}

// postRelation adds a relation and answers with it.
func (a *API) postRelation(r *request) error {
	var in relationInput
	if err := r.decode(&in); err != nil {
		return err
	}
	rel := itsm.Relation{From: in.From, Type: in.Type, To: in.To}
	if err := a.writeCMDB(r, nil, []itsm.Relation{rel}, func() error { return a.checkEnds(rel) }); err != nil {
		return err
	}
	v := relationView{From: rel.From, Type: rel.Type, To: rel.To, Affected: rel.From}
	if a.o.Engine.Graph().Direction(rel.Type) == cmdb.FromAffectsTo {
		v.Affected = rel.To
	}
	return r.json(v)
}

// checkEnds refuses what an import would only warn about: a person who names two
// CIs wants them related.
func (a *API) checkEnds(rel itsm.Relation) error {
	g := a.o.Engine.Graph()
	var f findings
	for _, end := range []struct{ field, id string }{{"from", rel.From}, {"to", rel.To}} {
		if _, ok := g.Lookup(end.id); !ok {
			f.problems = append(f.problems, finding{Field: text(end.field), Value: text(end.id), Message: "there is no such CI"})
		}
	}
	if rel.From == rel.To {
		f.problems = append(f.problems, finding{Field: text("to"), Value: text(rel.To), Message: "a CI cannot depend on itself"})
	}
	if len(f.problems) == 0 {
		return nil
	}
	f.detail = "the relation was not added: " + *f.problems[0].Field + " " + *f.problems[0].Value + ": " + f.problems[0].Message
	return &f
}
