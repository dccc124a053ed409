package console

import (
	"net/http"
	"net/url"

	"github.com/gofiber/fiber/v2"

	"signalbox/itsm"
	"signalbox/itsm/ledger"
)

// totalsPage shows that everything accepted is accounted for.
type totalsPage struct {
	Parts    []chip
	Balanced bool
	All      sumView
	Sources  []sumView
}

// sumView is one sum, written below one another as on paper.
type sumView struct {
	Name  string
	Terms []term
	Sum   string // of the terms
	Total string // what was counted as accepted
	Exact bool
}

// term is one part of a sum; the parts of a part stand below it and do not count again.
type term struct {
	Name  string
	Count string
	Link  string
	Sub   bool
}

// totalsSourcesMax bounds the sources one page shows.
const totalsSourcesMax = 200

func (totalsPage) about() (string, string, string) { return "totals", "Totals", "totals" }

func viewTotals(t *ledger.Totals) totalsPage {
	p := totalsPage{Parts: ledgerParts("/totals"), Balanced: t.Balanced(), All: viewSum("All sources", "", &t.Sum)}
	for i := range t.Sources[:min(len(t.Sources), totalsSourcesMax)] {
		s := &t.Sources[i]
		p.Sources = append(p.Sources, viewSum(line(s.Source, 60), s.Source, &s.Sum))
	}
	return p
}

func viewSum(name, source string, s *ledger.Sum) sumView {
	link := func(f itsm.Fate) string {
		v := url.Values{"fate": {f.String()}}
		if source != "" {
			v.Set("source", source)
		}
		return "/deliveries?" + v.Encode()
	}
	out := sumView{Name: name, Total: thousands(s.Accepted), Exact: s.Balanced(),
		Sum: thousands(s.Folded + s.Deduplicated + s.Suppressed + s.Quarantined)}
	out.Terms = append(out.Terms,
		term{Name: "Folded into an alert", Count: thousands(s.Folded), Link: link(itsm.FateFolded)},
		term{Name: "Deduplicated", Count: thousands(s.Deduplicated), Link: link(itsm.FateDeduplicated)},
		term{Name: "Suppressed", Count: thousands(s.Suppressed), Link: link(itsm.FateSuppressed)})
	for _, r := range s.SuppressedBy {
		if r.Count == 0 {
			continue
		}
		out.Terms = append(out.Terms, term{Name: line(r.Name, lineRunesMax), Count: thousands(r.Count), Sub: true})
	}
	out.Terms = append(out.Terms, term{Name: "Quarantined", Count: thousands(s.Quarantined), Link: link(itsm.FateQuarantined)})
	return out
}

func (c *Console) totals(ctx *fiber.Ctx) error {
	l, err := c.ledger()
	if err != nil {
		return err
	}
	t := l.Totals()
	return c.show(ctx, http.StatusOK, viewTotals(&t))
}
