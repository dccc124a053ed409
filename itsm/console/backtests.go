package console

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/gofiber/fiber/v2"

	"signalbox/correlate/backtest"
	"signalbox/itsm"
	"signalbox/itsm/httperr"
	rulebook "signalbox/rules/book"
)

// Backtests tries rule sets on recorded history, one at a time; *backtest.Jobs is one.
type Backtests interface {
	// Start begins one, if none is running.
	Start(backtest.Trial) (backtest.Job, error)
	Get(id string) (backtest.Job, error)
	List() []backtest.Job
}

// Bounds of the form that starts a backtest.
const (
	backtestSets  = 20 // revisions offered
	backtestShown = 20 // backtests listed; the server keeps fewer
)

// backtestDays are the ranges offered, up to now.
var backtestDays = []int{1, 7, 30}

const backtestDaysDefault = 7

// backtestsPage starts a backtest and lists those that the server still knows.
type backtestsPage struct {
	Parts     []chip
	Form      *backtestForm // nil: not for this reader, or there is nothing to try
	Revisions []option      // rules to try
	Rows      []backtestRow
	Running   string // address of the one under way, or ""
	Typed     bool   // what was refused stands in the editor
	Refused   string
	Fresh     bool // no revision was saved yet
	Admin     bool
}

// backtestForm is what both forms ask, the one here and the editor's.
type backtestForm struct {
	Against []option
	Days    []option
	Since   string // as typed
	Until   string
}

type backtestRow struct {
	ID       string
	Href     string
	What     string
	Range    string
	State    badge
	Warned   string
	Started  when
	Actor    string
	Progress string
}

func (backtestsPage) about() (string, string, string) { return "backtests", "Backtests", "rules" }

// backtestAsk is what a form asks for.
type backtestAsk struct {
	Revision string // "" is the newest
	Against  string // "active", "none" or the number of a revision
	Days     int
	Since    string // takes the place of Days, as Until does
	Until    string
}

func parseBacktestAsk(v url.Values) (a backtestAsk, err error) {
	a = backtestAsk{Revision: v.Get("revision"), Against: v.Get("against"), Days: backtestDaysDefault,
		Since: line(v.Get("since"), 40), Until: line(v.Get("until"), 40)}
	if s := v.Get("days"); s != "" {
		if a.Days, err = strconv.Atoi(s); err != nil || a.Days < 1 || a.Days > 3660 {
			a.Days = backtestDaysDefault
			return a, itsm.Errorf(itsm.Invalid, "days %q: expected a number of days such as 7", line(s, 40))
		}
	}
	return a, nil
}

// span is the range to fold; to is 0 for what is newest.
func (a backtestAsk) span(now time.Time) (from, to itsm.Time, err error) {
	if a.Since == "" && a.Until == "" {
		return itsm.TimeOf(now.AddDate(0, 0, -a.Days)), 0, nil
	}
	for _, f := range []struct {
		to         *itsm.Time
		name, text string
	}{{&from, "from", a.Since}, {&to, "to", a.Until}} {
		if f.text == "" {
			continue
		}
		if *f.to, err = writtenTime(f.text); err != nil {
			return 0, 0, itsm.Errorf(itsm.Invalid, "%s %q: expected a time in UTC such as 2026-01-31 09:00", f.name, f.text)
		}
	}
	if from != 0 && to != 0 && from >= to {
		return 0, 0, itsm.Errorf(itsm.Invalid, "from %s to %s: expected from before to", a.Since, a.Until)
	}
	return from, to, nil
}

func viewBacktestForm(a backtestAsk, h rulebook.Head, list []rulebook.Revision) *backtestForm {
	f := &backtestForm{Since: a.Since, Until: a.Until}
	if h.Active != 0 {
		f.Against = append(f.Against, option{Value: "active", Label: "what is active: " + revisionName(h.Active), Selected: a.Against == "" || a.Against == "active"})
	}
	f.Against = append(f.Against, option{Value: "none", Label: "no rules", Selected: a.Against == "none"})
	f.Against = append(f.Against, revisionOptions(list, a.Against)...)
	for _, d := range backtestDays {
		f.Days = append(f.Days, option{Value: strconv.Itoa(d), Label: "the last " + plural(d, "day", "days"), Selected: d == a.Days})
	}
	return f
}

// revisionOptions offers revisions, those that can be used.
func revisionOptions(list []rulebook.Revision, selected string) (out []option) {
	for _, r := range list {
		if v := strconv.FormatUint(r.Number, 10); r.State != rulebook.Draft {
			out = append(out, option{Value: v, Label: revisionName(r.Number) + ", " + strings.ToLower(revisionStates[r.State].Label), Selected: v == selected})
		}
	}
	return out
}

func viewBacktestRow(j backtest.Job, now time.Time) backtestRow {
	row := backtestRow{ID: line(j.ID, 20), Href: backtestHref(j.ID), What: backtestWhat(j), Range: backtestRange(j), State: backtestStates[j.State],
		Started: at(itsm.TimeOf(j.StartedAt), now), Actor: actorName(line(j.Actor, nameRunesMax))}
	if j.State == backtest.Running {
		row.Progress = strconv.Itoa(j.Progress/10) + " %" // never 100 before it is done
	}
	if j.Report != nil {
		if n := unpaged(j.Report); n > 0 {
			row.Warned = plural(n, "P1 or P2 would not page as it did", "P1 or P2 would not page as they did")
		}
	}
	return row
}

var backtestStates = map[string]badge{
	backtest.Running:  {Class: "st-in_progress", Label: "Running"},
	backtest.Done:     {Class: "al-resolved", Label: "Done"},
	backtest.JobError: {Class: "al-firing", Label: "Failed"},
}

func backtestHref(id string) string { return "/rules/backtests/" + url.PathEscape(id) }

// backtestWhat names the two sides.
func backtestWhat(j backtest.Job) string {
	what := []rune(line(j.After, nameRunesMax) + " against " + line(j.Before, nameRunesMax))
	what[0] = unicode.ToUpper(what[0])
	return string(what)
}

// backtestRange words the range that was asked for.
func backtestRange(j backtest.Job) string {
	from, to := "the first entry", itsm.TimeOf(j.StartedAt)
	if j.From != 0 {
		from = minuteOf(j.From)
	}
	if j.To != 0 {
		to = j.To
	}
	return from + " to " + minuteOf(to) + " UTC"
}

func minuteOf(t itsm.Time) string { return t.Std().UTC().Format("2006-01-02 15:04") }

// tries is what runs backtests, or why nothing does.
func (c *Console) tries() (Backtests, error) {
	if _, err := c.ruleStore(); err != nil {
		return nil, err
	}
	if c.o.Backtests == nil {
		return nil, itsm.Errorf(itsm.NotFound, "this server keeps no history to try rules on")
	}
	return c.o.Backtests, nil
}

// backtestFirst is where a backtest of a revision is begun; "" when none can be.
func (c *Console) backtestFirst(revision uint64) string {
	if c.o.Backtests == nil {
		return ""
	}
	return "/rules/backtests?revision=" + strconv.FormatUint(revision, 10)
}

// backtestForm is the part of a form that both pages ask; nil when nothing runs backtests.
func (c *Console) backtestForm(a backtestAsk) (*backtestForm, []rulebook.Revision, error) {
	if c.o.Backtests == nil {
		return nil, nil, nil
	}
	b := c.o.Rules.Book()
	h, err := b.Head()
	if err != nil {
		return nil, nil, err
	}
	list, err := b.Revisions(0, backtestSets)
	return viewBacktestForm(a, h, list), list, err
}

// backtestsPage is the page as it is now.
func (c *Console) backtestsPage(ctx *fiber.Ctx, a backtestAsk) (backtestsPage, error) {
	p := backtestsPage{Admin: mayRuleHere(ctx), Parts: ruleParts("/rules/backtests", mayRuleHere(ctx))}
	t, err := c.tries()
	if err != nil {
		return p, err
	}
	jobs := t.List()
	for _, j := range jobs[:min(len(jobs), backtestShown)] {
		if whole, err := t.Get(j.ID); err == nil {
			j = whole // with its report; it may be gone by now
		}
		row := viewBacktestRow(j, c.o.Clock())
		if j.State == backtest.Running {
			p.Running = row.Href
		}
		p.Rows = append(p.Rows, row)
	}
	form, list, err := c.backtestForm(a)
	if err != nil {
		return p, err
	}
	p.Revisions = revisionOptions(list, a.Revision)
	if p.Fresh = len(p.Revisions) == 0; p.Admin && !p.Fresh {
		p.Form = form
	}
	return p, nil
}

func (c *Console) backtests(ctx *fiber.Ctx) error {
	a, err := parseBacktestAsk(query(ctx))
	if err != nil {
		return err
	}
	p, err := c.backtestsPage(ctx, a)
	if err != nil {
		return err
	}
	return c.show(ctx, http.StatusOK, p)
}

// backtestsPost starts a backtest of a revision.
func (c *Console) backtestsPost(ctx *fiber.Ctx) error {
	if _, err := c.tries(); err != nil {
		return err
	}
	f, err := form(ctx)
	if err != nil {
		return err
	}
	n, err := parseRevision(f.Get("revision"))
	if err != nil {
		return err
	}
	after, err := c.revisionSet(n)
	if err != nil {
		return err
	}
	return c.startBacktest(ctx, f, after, false)
}

// backtestTyped starts a backtest of what stands in the editor, unsaved.
func (c *Console) backtestTyped(ctx *fiber.Ctx, f editForm, v url.Values) error {
	if _, err := c.tries(); err != nil {
		return err
	}
	after := backtest.RuleSet{Name: "what was typed", Files: f.Files}
	if f.From != 0 {
		after.Name += " over " + revisionName(f.From)
	}
	return c.startBacktest(ctx, v, after, true)
}

// startBacktest leads to the backtest, or says why there is none.
func (c *Console) startBacktest(ctx *fiber.Ctx, v url.Values, after backtest.RuleSet, typed bool) error {
	a, err := parseBacktestAsk(v)
	var j backtest.Job
	if err == nil {
		j, err = c.begin(ctx, a, after)
	}
	if err == nil {
		return ctx.Redirect(backtestHref(j.ID), http.StatusSeeOther)
	}
	if code := itsm.CodeOf(err); code == itsm.NotFound || code == itsm.Internal {
		return err
	}
	p, perr := c.backtestsPage(ctx, a)
	if perr != nil {
		return perr
	}
	if p.Typed = typed; typed {
		p.Form = nil
	}
	p.Refused = line(itsm.MessageOf(err), 2*lineRunesMax)
	return c.show(ctx, httperr.Status(err), p)
}

func (c *Console) begin(ctx *fiber.Ctx, a backtestAsk, after backtest.RuleSet) (backtest.Job, error) {
	from, to, err := a.span(c.o.Clock())
	if err != nil {
		return backtest.Job{}, err
	}
	before, err := c.againstSet(a.Against)
	if err != nil {
		return backtest.Job{}, err
	}
	who, _ := person(ctx)
	return c.o.Backtests.Start(backtest.Trial{Before: before, After: after, From: from, To: to, WarmUp: backtest.WarmUpDefault, Actor: who.Actor()})
}

func (c *Console) revisionSet(n uint64) (backtest.RuleSet, error) {
	files, err := filesOf(c.o.Rules.Book(), n)
	return backtest.RuleSet{Name: revisionName(n), Files: files}, err
}

// againstSet is the rule set to compare with.
func (c *Console) againstSet(name string) (backtest.RuleSet, error) {
	switch name {
	case "none":
		return c.revisionSet(0)
	case "", "active":
		h, err := c.o.Rules.Book().Head()
		if err != nil {
			return backtest.RuleSet{}, err
		}
		return c.revisionSet(h.Active)
	}
	n, err := parseRevision(name)
	if err != nil {
		return backtest.RuleSet{}, err
	}
	return c.revisionSet(n)
}
