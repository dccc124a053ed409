package console

import (
	"net/http"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"signalbox/correlate/backtest"
	"signalbox/itsm"
	"signalbox/rules"
	rulebook "signalbox/rules/book"
)

// backtestRefreshSeconds is how often the page of a running backtest comes anew
// where nothing else follows it.
const backtestRefreshSeconds = 3

// backtestPage is one backtest: how far it is, and then its report.
type backtestPage struct {
	backtestRow
	Parts    []chip
	Milli    int    // thousandths done
	Follow   string // address of the live stream while it runs, else ""
	Took     string
	Failed   string
	Report   *reportView
	Activate string // address that asks whether to activate what was tried, or ""
	Revision string // what was tried, for the button
	Again    string // address of the form, as this one was asked; "" for a reader who cannot start one
}

func (p backtestPage) about() (string, string, string) {
	return "backtest", "Backtest " + p.ID, "rules"
}

func (p backtestPage) live() string { return p.Follow }

func (p backtestPage) refresh() int {
	if p.Follow == "" {
		return 0
	}
	return backtestRefreshSeconds
}

func viewBacktest(j backtest.Job, active *rules.Set, admin bool, now time.Time) backtestPage {
	p := backtestPage{backtestRow: viewBacktestRow(j, now), Parts: ruleParts("", admin), Milli: j.Progress}
	switch {
	case j.State == backtest.Running:
		p.Follow = "/live?backtest=" + p.ID
	case j.Report != nil:
		p.Took = span(j.EndedAt.Sub(j.StartedAt))
		p.Report = viewReport(j.Report, active, now)
	default:
		p.Failed = line(j.Error, 2*lineRunesMax)
	}
	return p
}

func (c *Console) backtest(ctx *fiber.Ctx) error {
	t, err := c.tries()
	if err != nil {
		return err
	}
	j, err := t.Get(strings.Clone(ctx.Params("id")))
	if err != nil {
		return err
	}
	_, active := c.activeSet()
	admin := mayRuleHere(ctx)
	p := viewBacktest(j, active, admin, c.o.Clock())
	if number, ok := strings.CutPrefix(j.After, "revision "); ok && admin && j.State != backtest.Running {
		n, err := parseRevision(number)
		if err != nil {
			return err
		}
		r, err := c.o.Rules.Book().Revision(n)
		if err != nil {
			return err
		}
		p.Again, p.Revision = c.backtestFirst(n), revisionName(n)
		if r.State == rulebook.Checked || r.State == rulebook.Retired {
			p.Activate = revisionHref(n) + "/activate"
		}
	}
	return c.show(ctx, http.StatusOK, p)
}

// backtestWatch follows a backtest until it ends.
type backtestWatch struct{ id string }

func (w backtestWatch) news(c *Console) (news, error) {
	t, err := c.tries()
	if err != nil {
		return news{}, err
	}
	j, err := t.Get(w.id)
	if itsm.CodeOf(err) == itsm.NotFound && err != nil {
		return news{Done: true}, nil // the page then says so
	}
	if err != nil {
		return news{}, err
	}
	return news{Progress: j.Progress, Done: j.State != backtest.Running}, nil
}
