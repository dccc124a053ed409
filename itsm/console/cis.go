package console

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/gofiber/fiber/v2"

	"signalbox/itsm/cmdb"
)

// ciScanMax bounds how many CIs one request looks at; the next page goes on from there.
const ciScanMax = 500_000

// cisPage searches the CMDB.
type cisPage struct {
	Q, Class  string
	Filtered  bool
	Revision  uint64
	Total     string
	Relations string
	Rows      []ciRow
	Next      string
	Searching bool // the scan stopped before the page was full
	External  string
}

type ciRow struct {
	ciLink
	Env   string
	Tier  int
	Group string
}

func (cisPage) about() (string, string, string) { return "cis", "Configuration items", "cis" }

// findCIs lists the CIs whose id or name holds q, after the CI named after. last
// is where the next page goes on, "" at the end.
func findCIs(g *cmdb.Graph, q, class, after string) (found []cmdb.Ref, last string) {
	from := cmdb.Ref(0)
	if r, ok := g.Lookup(after); ok && after != "" {
		from = r + 1
	}
	q = strings.ToLower(q)
	for r := from; int(r) < g.Refs(); r++ {
		if int(r-from) >= ciScanMax {
			return found, g.ID(r)
		}
		if g.Retired(r) || (class != "" && !strings.EqualFold(g.Class(r), class)) {
			continue
		}
		if q != "" && !strings.Contains(strings.ToLower(g.ID(r)), q) && !strings.Contains(strings.ToLower(g.Name(r)), q) {
			continue
		}
		if len(found) == listPageSize {
			return found, g.ID(found[len(found)-1])
		}
		found = append(found, r)
	}
	return found, ""
}

func viewCIs(g *cmdb.Graph, q, class, after, external string) cisPage {
	p := cisPage{Q: q, Class: class, Filtered: q != "" || class != "", External: external}
	if g == nil {
		return p
	}
	p.Revision, p.Total, p.Relations = g.Revision(), plural(g.Len(), "CI", "CIs"), plural(g.Relations(), "relation", "relations")
	found, last := findCIs(g, q, class, after)
	inv := inventory{g}
	for _, r := range found {
		p.Rows = append(p.Rows, ciRow{ciLink: inv.link(g.ID(r)), Env: line(g.Env(r), 40), Tier: g.Tier(r), Group: line(g.SupportGroup(r), 60)})
	}
	if last != "" {
		p.Searching = len(found) < listPageSize
		p.Next = "/cis?" + url.Values{"q": {q}, "class": {class}, "after": {last}}.Encode()
	}
	return p
}

func (c *Console) cis(ctx *fiber.Ctx) error {
	v := query(ctx)
	return c.show(ctx, http.StatusOK, viewCIs(c.o.Graph(), line(v.Get("q"), queryMax), line(v.Get("class"), queryMax), v.Get("after"), c.external.String()))
}
