package console

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"signalbox/itsm"
	"signalbox/rules"
	rulebook "signalbox/rules/book"
)

// rulesPageMax bounds the rules of one page of the list.
const rulesPageMax = 200

// rulesPage lists the active rules in the order in which they run.
type rulesPage struct {
	Parts    []chip
	Shows    []chip
	Q, Show  string
	Stage    string
	Stages   []option
	Filtered bool
	Fresh    bool // no rules are active
	Admin    bool
	Active   *revisionRow
	Newer    *revisionRow // the newest revision, when it is not the active one and came later
	Groups   []ruleGroup
	Next     string
	Counted  bool
	External string
}

// ruleGroup are the rules of one stage.
type ruleGroup struct {
	Stage string
	About string
	Rows  []ruleRow
}

type ruleRow struct {
	ID       string
	Href     string
	About    string
	Owner    string
	Mode     badge
	Hits     string
	Shadow   string
	Failures string
	Last     when
	Never    bool
}

func (rulesPage) about() (string, string, string) { return "rules", "Rules", "rules" }

// stageAbouts say what each stage does, for the list.
var stageAbouts = map[rules.Stage]string{
	rules.Normalise: "changes what an event says before anything else looks at it", rules.Bind: "names the CI of an alert",
	rules.Suppress: "says which alerts open nothing", rules.Correlate: "says which alerts are one incident", rules.Incident: "says how an incident looks and lives",
	rules.ProblemStage: "says which incidents are the same trouble coming back", rules.Route: "says who learns of an incident",
}

// ruleShows are the filters by what a rule is or did.
var ruleShows = []string{"all", "live", "shadow", "disabled", "failing", "never matched"}

// ruleFilter is what the address says should be listed.
type ruleFilter struct{ Show, Stage, Q, After string }

func parseRuleFilter(v url.Values) (ruleFilter, error) {
	f := ruleFilter{Show: v.Get("show"), Stage: v.Get("stage"), Q: line(v.Get("q"), queryMax), After: line(v.Get("after"), queryMax)}
	if f.Show == "" {
		f.Show = "all"
	}
	if !slices.Contains(ruleShows, f.Show) {
		return f, itsm.Errorf(itsm.Invalid, "show %q: expected one of %s", line(f.Show, 40), strings.Join(ruleShows, ", "))
	}
	if f.Stage != "" && stageOf(f.Stage) == 0 {
		return f, itsm.Errorf(itsm.Invalid, "stage %q: expected a stage such as %s or %s", line(f.Stage, 40), rules.Suppress, rules.Correlate)
	}
	return f, nil
}

func stageOf(name string) rules.Stage {
	for s := rules.Normalise; s <= rules.Route; s++ {
		if s.String() == name {
			return s
		}
	}
	return 0
}

func (f ruleFilter) address(show, after string) string {
	v := url.Values{}
	for name, value := range map[string]string{"stage": f.Stage, "q": f.Q, "after": after} {
		if value != "" {
			v.Set(name, value)
		}
	}
	if show != "all" {
		v.Set("show", show)
	}
	if len(v) == 0 {
		return "/rules"
	}
	return "/rules?" + v.Encode()
}

func (f ruleFilter) takes(r *rules.Rule, n RuleCount) bool {
	if f.Stage != "" && r.Stage.String() != f.Stage {
		return false
	}
	switch f.Show {
	case "live", "shadow", "disabled":
		if ruleMode(r).Label != f.Show {
			return false
		}
	case "failing":
		if n.Failures == 0 {
			return false
		}
	case "never matched":
		if n.LastAt != 0 || !r.Enabled {
			return false
		}
	}
	q := strings.ToLower(f.Q)
	return q == "" || strings.Contains(strings.ToLower(r.ID+"\n"+r.About+"\n"+r.Owner+"\n"+r.File+"\n"+r.When), q)
}

// rulesFacts is what a list of rules is made of.
type rulesFacts struct {
	Set      *rules.Set
	Counts   map[string]RuleCount // nil: nobody counts
	Active   *rulebook.Revision
	Newest   *rulebook.Revision
	Admin    bool
	External string
}

func viewRules(f ruleFilter, w rulesFacts, now time.Time) rulesPage {
	p := rulesPage{Parts: ruleParts("/rules", w.Admin), Q: f.Q, Show: f.Show, Stage: f.Stage, Filtered: f.Show != "all" || f.Stage != "" || f.Q != "",
		Fresh: w.Active == nil, Admin: w.Admin, Counted: w.Counts != nil, External: w.External}
	for _, s := range ruleShows {
		if w.Counts == nil && (s == "failing" || s == "never matched") {
			continue
		}
		p.Shows = append(p.Shows, chip{badge: badge{Label: strings.ToUpper(s[:1]) + s[1:]}, Href: f.address(s, ""), Current: s == f.Show})
	}
	for s := rules.Normalise; s <= rules.Route; s++ {
		p.Stages = append(p.Stages, option{Label: s.String(), Value: s.String(), Selected: s.String() == f.Stage})
	}
	if w.Active != nil {
		r := viewRevisionRow(*w.Active, now)
		p.Active = &r
	}
	if w.Newest != nil && (w.Active == nil || w.Newest.Number > w.Active.Number) {
		r := viewRevisionRow(*w.Newest, now)
		p.Newer = &r
	}
	p.list(f, w, now)
	return p
}

// list fills the groups from the rule after f.After on.
func (p *rulesPage) list(f ruleFilter, w rulesFacts, now time.Time) {
	skip, n := f.After != "" && w.Set.Rule(f.After) != nil, 0
	for _, r := range w.Set.Rules() {
		if skip {
			skip = r.ID != f.After
			continue
		}
		count := w.Counts[r.ID]
		if !f.takes(r, count) {
			continue
		}
		if n == rulesPageMax {
			last := p.Groups[len(p.Groups)-1].Rows
			p.Next = f.address(f.Show, last[len(last)-1].ID)
			return
		}
		n++
		if len(p.Groups) == 0 || p.Groups[len(p.Groups)-1].Stage != r.Stage.String() {
			p.Groups = append(p.Groups, ruleGroup{Stage: r.Stage.String(), About: stageAbouts[r.Stage]})
		}
		g := &p.Groups[len(p.Groups)-1]
		g.Rows = append(g.Rows, viewRuleRow(r, count, now))
	}
}

func ruleHref(id string) string { return "/rules/rule/" + url.PathEscape(id) }

func viewRuleRow(r *rules.Rule, n RuleCount, now time.Time) ruleRow {
	row := ruleRow{ID: line(r.ID, 64), Href: ruleHref(r.ID), About: line(r.About, lineRunesMax), Owner: line(r.Owner, 60), Mode: ruleMode(r),
		Last: at(n.LastAt, now), Never: n.LastAt == 0 && r.Enabled}
	for _, v := range []struct {
		to        *string
		n         uint64
		one, many string
	}{{&row.Hits, n.Hits, "hit", "hits"}, {&row.Shadow, n.ShadowHits, "in shadow", "in shadow"}, {&row.Failures, n.Failures, "failure", "failures"}} {
		if v.n > 0 {
			*v.to = plural(int(v.n), v.one, v.many)
		}
	}
	return row
}

func (c *Console) rules(ctx *fiber.Ctx) error {
	s, err := c.ruleStore()
	if err != nil {
		return err
	}
	f, err := parseRuleFilter(query(ctx))
	if err != nil {
		return err
	}
	n, set := c.activeSet()
	w := rulesFacts{Set: set, Counts: c.ruleCounts(), Admin: mayRuleHere(ctx), External: c.external.String()}
	if n != 0 {
		r, err := s.Book().Revision(n)
		if err != nil {
			return err
		}
		w.Active = &r
	}
	newest, err := s.Book().Revisions(0, 1)
	if err != nil {
		return err
	}
	if len(newest) == 1 {
		w.Newest = &newest[0]
	}
	return c.show(ctx, http.StatusOK, viewRules(f, w, c.o.Clock()))
}
