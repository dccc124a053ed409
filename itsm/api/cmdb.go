package api

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"slices"
	"strings"

	"github.com/gofiber/fiber/v2"

	"signalbox/itsm"
	"signalbox/itsm/cmdb"
	"signalbox/itsm/desk"
)

// Bounds of what is said about the CMDB.
const (
	impactHopsMax   = 32  // how far a failure is followed
	impactListedMax = 500 // CIs listed; the total is exact up to cmdb.ImpactMax
	impactOpenMax   = 50  // open incidents listed
)

type ciView struct {
	ID           string         `json:"id"`
	Name         string         `json:"name"`
	Class        string         `json:"class"`
	Env          *string        `json:"env"`
	Tier         *int           `json:"tier"`
	Owner        *string        `json:"owner"`
	SupportGroup *string        `json:"support_group"`
	Aliases      []string       `json:"aliases"`
	Attributes   map[string]any `json:"attributes"`
	Sources      []string       `json:"sources"`
}

func viewCI(c itsm.CI, sources []string) ciView {
	v := ciView{ID: c.ID, Name: c.Name, Class: c.Class, Env: text(c.Env), Tier: number(c.Tier), Owner: text(c.Owner),
		SupportGroup: text(c.SupportGroup), Aliases: list(c.Aliases), Attributes: c.Attributes, Sources: list(sources)}
	if v.Attributes == nil {
		v.Attributes = map[string]any{}
	}
	return v
}

// ciTag identifies the content of a CI. encoding/json sorts the keys of maps, so
// equal content has one tag.
func ciTag(v ciView) (string, error) {
	b, err := json.Marshal(v)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(b)
	return `"` + hex.EncodeToString(sum[:8]) + `"`, nil
}

func (a *API) ci(r *request) error {
	id, err := r.param("id")
	if err != nil {
		return err
	}
	return a.showCI(r, id)
}

func (a *API) showCI(r *request, id string) error {
	g := a.o.Engine.Graph()
	ref, err := lookup(g, id)
	if err != nil {
		return err
	}
	v := viewCI(g.CI(ref), g.Sources(ref))
	tag, err := ciTag(v)
	if err != nil {
		return err
	}
	r.Set(fiber.HeaderETag, tag)
	return r.json(v)
}

func lookup(g *cmdb.Graph, id string) (cmdb.Ref, error) {
	ref, ok := g.Lookup(id)
	if !ok {
		return cmdb.NoRef, itsm.Errorf(itsm.NotFound, "no CI has the id %q", id)
	}
	return ref, nil
}

func (a *API) cis(r *request) error {
	classes, err := r.q.list("class")
	if err != nil {
		return err
	}
	after, limit, err := r.graphPage()
	if err != nil {
		return err
	}
	g := a.o.Engine.Graph()
	needle := strings.ToLower(r.q["q"])
	refs := firstByID(g, after, limit+1, func(ref cmdb.Ref) bool {
		return matchesClass(g.Class(ref), classes) && mentions(g, ref, needle)
	})
	p := page[ciView]{Items: []ciView{}}
	if len(refs) > limit {
		refs = refs[:limit]
		p.NextCursor = encodeCursor(g.ID(refs[limit-1]))
	}
	for _, ref := range refs {
		p.Items = append(p.Items, viewCI(g.CI(ref), g.Sources(ref)))
	}
	return r.json(p)
}

func matchesClass(class string, wanted []string) bool {
	return len(wanted) == 0 || slices.ContainsFunc(wanted, func(w string) bool { return strings.EqualFold(w, class) })
}

func mentions(g *cmdb.Graph, ref cmdb.Ref, needle string) bool {
	return needle == "" || strings.Contains(strings.ToLower(g.ID(ref)), needle) ||
		strings.Contains(strings.ToLower(g.Name(ref)), needle) || strings.Contains(strings.ToLower(g.SupportGroup(ref)), needle)
}

// firstByID returns the n CIs with the lowest ids above after that keep accepts.
// A graph is not sorted by id, and sorting it for each revision would cost more
// than passing over it once a page.
func firstByID(g *cmdb.Graph, after string, n int, keep func(cmdb.Ref) bool) []cmdb.Ref {
	type entry struct {
		id  string
		ref cmdb.Ref
	}
	var found []entry
	trim := func() {
		slices.SortFunc(found, func(a, b entry) int { return strings.Compare(a.id, b.id) })
		found = found[:min(n, len(found))]
	}
	bound := "" // once n are known, nothing above the last of them matters
	for ref := range cmdb.Ref(g.Refs()) {
		id := g.ID(ref)
		if id <= after || (bound != "" && id > bound) || g.Retired(ref) || !keep(ref) {
			continue
		}
		if found = append(found, entry{id, ref}); len(found) >= 4*n {
			trim()
			bound = found[n-1].id
		}
	}
	trim()
	refs := make([]cmdb.Ref, len(found))
	for i, f := range found {
		refs[i] = f.ref
	}
	return refs
}

// graphPage reads the paging of a list over the graph. A cursor is the last id
// of the page before, so it survives any import in between.
func (r *request) graphPage() (after string, limit int, err error) {
	cursor, limit, err := r.page()
	if err != nil || cursor == "" {
		return "", limit, err
	}
	b, err := base64.RawURLEncoding.DecodeString(cursor)
	if err != nil || len(b) == 0 || len(b) > 2*cmdb.IDBytesMax+cmdb.WordBytesMax {
		return "", 0, itsm.Errorf(itsm.Invalid, "cursor %q: expected the next_cursor of an earlier page of this list", httpWord(cursor))
	}
	return string(b), limit, nil
}

func encodeCursor(after string) string { return base64.RawURLEncoding.EncodeToString([]byte(after)) }

type impactView struct {
	CI            string         `json:"ci"`
	Services      []string       `json:"services"`
	Affected      []affectedView `json:"affected"`
	AffectedCount int            `json:"affected_count"`
	Truncated     bool           `json:"truncated"`
	OpenIncidents []string       `json:"open_incidents"`
}

type affectedView struct {
	CI    string `json:"ci"`
	Name  string `json:"name"`
	Class string `json:"class"`
	Tier  *int   `json:"tier"`
	Hops  int    `json:"hops"`
}

func viewImpact(g *cmdb.Graph, ref cmdb.Ref) impactView {
	v := impactView{CI: g.ID(ref), Services: []string{}, Affected: []affectedView{}, OpenIncidents: []string{}}
	for _, s := range g.Services(ref, impactHopsMax) {
		v.Services = append(v.Services, g.ID(s))
	}
	reached := g.Impact(ref, impactHopsMax, nil)[1:] // without the CI itself
	v.AffectedCount, v.Truncated = len(reached), len(reached) > impactListedMax || len(reached)+1 >= cmdb.ImpactMax
	for _, x := range reached[:min(len(reached), impactListedMax)] {
		v.Affected = append(v.Affected, affectedView{CI: g.ID(x.Ref), Name: g.Name(x.Ref), Class: g.Class(x.Ref), Tier: number(g.Tier(x.Ref)), Hops: x.Hops})
	}
	return v
}

func (a *API) impact(r *request) error {
	id, err := r.param("id")
	if err != nil {
		return err
	}
	g := a.o.Engine.Graph()
	ref, err := lookup(g, id)
	if err != nil {
		return err
	}
	v := viewImpact(g, ref)
	open, err := a.o.Records.Incidents(desk.IncidentQuery{States: []itsm.State{itsm.New, itsm.InProgress, itsm.OnHold}, CI: []string{id}, Limit: impactOpenMax})
	if err != nil {
		return err
	}
	for i := range open.Items {
		v.OpenIncidents = append(v.OpenIncidents, open.Items[i].Number.String())
	}
	return r.json(v)
}
