package console

import (
	"net/http"
	"time"

	"github.com/gofiber/fiber/v2"

	"signalbox/rules"
	rulebook "signalbox/rules/book"
)

// revisionPage is one saved rule set.
type revisionPage struct {
	revisionRow
	Parts    []chip
	Admin    bool
	Verdict  string
	Good     bool
	Problems []problemLine
	Files    []fileView
	TooMuch  string // why the files are not shown
	Activate string // address that asks whether to activate it; "" when it cannot be
	Rollback bool
	Active   bool
	Versus   string // address of the difference to what is active
	Backtest string // address that begins a backtest of it, or ""
	External string
}

type fileView struct{ Name, Body string }

func (p revisionPage) about() (string, string, string) {
	return "rulerevision", "Rules, " + revisionName(p.Number), "rules"
}

func viewRevision(r rulebook.Revision, h rulebook.Head, admin bool, external string, now time.Time) revisionPage {
	p := revisionPage{revisionRow: viewRevisionRow(r, now), Parts: ruleParts("", admin), Admin: admin, Problems: viewProblems(r.Problems, r.Files),
		Active: r.State == rulebook.Active, External: external, Rollback: r.State == rulebook.Retired}
	p.Note = block(r.Note, valueRunesMax)
	p.Good = !rules.Blocking(r.Problems)
	p.Verdict = verdictOf(r)
	if !p.Active && p.Good {
		p.Activate = p.Href + "/activate"
	}
	if !p.Active {
		p.Versus = diffHref(h.Active, r.Number)
	}
	p.Files, p.TooMuch = viewFiles(r.Files)
	return p
}

// verdictOf is verdict for a revision that was checked when it was saved.
func verdictOf(r rulebook.Revision) string {
	in := " in " + plural(len(r.Files), "file", "files")
	if rules.Blocking(r.Problems) {
		return plural(len(r.Problems), "problem", "problems") + in + ": it cannot be activated."
	}
	text := plural(r.Rules, "rule", "rules") + in
	if r.Disabled > 0 {
		text += ", " + thousands(r.Disabled) + " of them disabled"
	}
	if n := len(r.Problems); n > 0 {
		text += ", with " + plural(n, "warning", "warnings")
	}
	return text + "."
}

// viewFiles shows files whole, or says why it does not.
func viewFiles(files []rules.File) ([]fileView, string) {
	if htmlBytes(files) > filesShownMax {
		return nil, "Its files are larger than a page should be."
	}
	var out []fileView
	for _, f := range files {
		out = append(out, fileView{Name: line(f.Name, titleRunesMax), Body: block(f.Body, len(f.Body))})
	}
	return out, ""
}

func (c *Console) ruleRevision(ctx *fiber.Ctx) error {
	r, err := c.revisionOf(ctx)
	if err != nil {
		return err
	}
	h, err := c.o.Rules.Book().Head()
	if err != nil {
		return err
	}
	p := viewRevision(r, h, mayRuleHere(ctx), c.external.String(), c.o.Clock())
	if p.Admin && p.Good {
		p.Backtest = c.backtestFirst(r.Number)
	}
	return c.show(ctx, http.StatusOK, p)
}
