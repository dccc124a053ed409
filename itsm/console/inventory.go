package console

import (
	"net/url"
	"slices"

	"signalbox/itsm"
	"signalbox/itsm/cmdb"
)

// ciPath is the address of a CI's page. Ids come from outside and may hold
// anything, slashes included.
func ciPath(id string) string { return "/cis/" + url.PathEscape(id) }

// ciLink is a CI as pages refer to it.
type ciLink struct {
	ID    string
	Name  string
	Class string
	Href  string // its page; for a CI the CMDB does not know, what alerts on it
}

// inventory answers what pages ask about CIs from one revision of the graph. A
// nil graph knows nothing.
type inventory struct{ g *cmdb.Graph }

func (v inventory) ci(id string) (itsm.CI, bool) {
	if v.g == nil {
		return itsm.CI{}, false
	}
	r, ok := v.g.Lookup(id)
	if !ok {
		return itsm.CI{}, false
	}
	return v.g.CI(r), true
}

// name is what people call a CI; for one the CMDB does not know, its id.
func (v inventory) name(id string) string {
	if ci, ok := v.ci(id); ok && ci.Name != "" {
		return line(ci.Name, titleRunesMax)
	}
	return line(id, titleRunesMax)
}

func (v inventory) class(id string) string {
	ci, _ := v.ci(id)
	return line(ci.Class, 40)
}

func (v inventory) link(id string) ciLink {
	l := ciLink{ID: line(id, titleRunesMax), Name: v.name(id), Class: v.class(id), Href: alertsOfCI(id)}
	if _, ok := v.ci(id); ok {
		l.Href = ciPath(id)
	}
	return l
}

func (v inventory) href(id string) string { return v.link(id).Href }

func (v inventory) links(ids []string, limit int) []ciLink {
	out := make([]ciLink, 0, min(len(ids), limit))
	for _, id := range ids[:min(len(ids), limit)] {
		out = append(out, v.link(id))
	}
	return out
}

// byTier sorts ids by how important their CI is.
func (v inventory) byTier(ids []string) []string {
	tiers := make(map[string]int, len(ids)) // a CI is unpacked each time that it is asked for
	for _, id := range ids {
		tiers[id] = v.tier(id)
	}
	out := slices.Clone(ids)
	slices.SortStableFunc(out, func(a, b string) int { return tiers[a] - tiers[b] })
	return out
}

// tier is 1 for the most important; an unknown one counts as 2.
func (v inventory) tier(id string) int {
	if ci, ok := v.ci(id); ok && ci.Tier > 0 {
		return ci.Tier
	}
	return 2
}

// path is the walk along dependencies from one CI to another, or nil.
func (v inventory) path(from, to string, hops int) []string {
	if v.g == nil {
		return nil
	}
	f, okFrom := v.g.Lookup(from)
	t, okTo := v.g.Lookup(to)
	if !okFrom || !okTo {
		return nil
	}
	var out []string
	for _, r := range v.g.Path(f, t, hops) {
		out = append(out, v.g.ID(r))
	}
	return out
}

// towardsMax bounds the CIs that one search for walks to a cause visits.
const towardsMax = 20_000

// towards is what one search over the dependants of a CI found: the next step
// from each of them towards it. It answers for hundreds of CIs at the price of one.
type towards struct {
	v    inventory
	to   cmdb.Ref
	next map[cmdb.Ref]cmdb.Ref
}

// towards searches for what depends on the CI named to, over at most hops steps.
func (v inventory) towards(to string, hops int) towards {
	t := towards{v: v, next: map[cmdb.Ref]cmdb.Ref{}}
	if v.g == nil {
		return t
	}
	r, ok := v.g.Lookup(to)
	if !ok {
		return t
	}
	t.to, t.next[r] = r, r
	var buf []cmdb.Ref
	for level := []cmdb.Ref{r}; hops > 0 && len(level) > 0; hops-- {
		var further []cmdb.Ref
		for _, at := range level {
			buf = v.g.AppendDependants(buf[:0], at)
			for _, d := range buf {
				if _, seen := t.next[d]; !seen && len(t.next) < towardsMax {
					t.next[d] = at
					further = append(further, d)
				}
			}
		}
		level = further
	}
	return t
}

// walk is the way from the CI named from, both ends included, or nil.
func (t towards) walk(from string) []string {
	if t.v.g == nil {
		return nil
	}
	r, ok := t.v.g.Lookup(from)
	if _, found := t.next[r]; !ok || !found {
		return nil
	}
	out := []string{t.v.g.ID(r)}
	for r != t.to {
		r = t.next[r]
		out = append(out, t.v.g.ID(r))
	}
	return out
}
