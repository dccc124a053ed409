package console

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"signalbox/itsm"
	"signalbox/itsm/desk"
	"signalbox/rules"
	rulebook "signalbox/rules/book"
)

// Bounds of a rule's page.
const (
	spokenScanMax = 2 * desk.PageMax // alerts looked at for what a rule spoke of
	spokenMax     = 20               // of those shown
)

// rulePage is one active rule: its text, what it decided and where it stands.
type rulePage struct {
	ruleRow
	Stage    string
	Does     string // what its stage does
	Revision uint64
	Lines    []sourceLine
	Facts    []fact
	Counts   []fact
	Counted  bool
	Spoke    []alertRow // alerts it spoke of, the newest first
	Scanned  string     // how many alerts were looked at
	Shadowed bool
	Before   *ruleRow
	After    *ruleRow
	Place    string
	Problems []problemLine
	Admin    bool
}

func (p rulePage) about() (string, string, string) { return "rule", "Rule " + p.ID, "rules" }

// ruleFacts is what a rule's page is made of.
type ruleFacts struct {
	Set      *rules.Set
	Revision rulebook.Revision
	Counts   map[string]RuleCount
	Spoke    []itsm.Alert
	Scanned  int
	Admin    bool
}

// lateWhy is why a rule was late.
const lateWhy = "the rules had cost what they may about one alert or in a minute"

// failedText says with the count what counts as failed, for nothing else on the
// page tells it.
func failedText(stage rules.Stage, c *RuleCount) string {
	text := plural(int(c.Failures), "time", "times")
	switch {
	case c.Failures == 0:
		return text
	case c.Late == c.Failures:
		return text + ": " + lateWhy
	case c.Late > 0:
		return text + ", " + strconv.FormatUint(c.Late, 10) + " of them because " + lateWhy
	case stage == rules.Route:
		return text + ": it names no connector that is configured, or could not be evaluated"
	}
	return text + ": it could not be evaluated, or cost too much"
}

func viewRule(r *rules.Rule, w ruleFacts, inv inventory, now time.Time) rulePage {
	n := w.Counts[r.ID]
	p := rulePage{ruleRow: viewRuleRow(r, n, now), Stage: r.Stage.String(), Does: stageAbouts[r.Stage], Revision: w.Revision.Number, Lines: ruleLines(w.Revision.Files, r),
		Counted: w.Counts != nil, Admin: w.Admin, Shadowed: r.Shadow, Facts: ruleFactLines(r, now), Scanned: plural(w.Scanned, "alert", "alerts")}
	if p.Counted {
		p.Counts = []fact{{Name: "Decided", Text: plural(int(n.Hits), "time", "times")}, {Name: "Would have, in shadow", Text: plural(int(n.ShadowHits), "time", "times")},
			{Name: "Failed", Text: failedText(r.Stage, &n)}, {Name: "Last match", When: p.Last, Text: map[bool]string{true: "none yet"}[n.LastAt == 0]}}
	}
	for _, a := range w.Spoke {
		p.Spoke = append(p.Spoke, viewAlertRow(a, inv, now))
	}
	p.place(r, w, now)
	for _, ps := range w.Revision.Problems {
		if ps.Rule == r.ID {
			p.Problems = append(p.Problems, viewProblem(ps, ""))
		}
	}
	return p
}

// place says where the rule stands among those of its stage.
func (p *rulePage) place(r *rules.Rule, w ruleFacts, now time.Time) {
	var stage []*rules.Rule
	for _, o := range w.Set.Rules() {
		if o.Stage == r.Stage {
			stage = append(stage, o)
		}
	}
	k := slices.Index(stage, r)
	p.Place = thousands(k+1) + " of " + thousands(len(stage))
	if k > 0 {
		b := viewRuleRow(stage[k-1], RuleCount{}, now)
		p.Before = &b
	}
	if k+1 < len(stage) {
		a := viewRuleRow(stage[k+1], RuleCount{}, now)
		p.After = &a
	}
}

func ruleFactLines(r *rules.Rule, now time.Time) []fact {
	out := []fact{{Name: "File", Text: line(r.File, titleRunesMax) + ", line " + thousands(r.Line)}}
	if r.Owner != "" {
		out = append(out, fact{Name: "Owner", Text: line(r.Owner, 60)})
	}
	if r.From != 0 {
		out = append(out, fact{Name: "In force from", When: at(r.From, now)})
	}
	if r.Until != 0 {
		out = append(out, fact{Name: "In force until", When: at(r.Until, now)})
	}
	if len(r.Sources) > 0 {
		out = append(out, fact{Name: "Only of sources", Text: line(strings.Join(r.Sources, ", "), lineRunesMax)})
	}
	return out
}

func (c *Console) rule(ctx *fiber.Ctx) error {
	s, err := c.ruleStore()
	if err != nil {
		return err
	}
	id, err := url.PathUnescape(strings.Clone(ctx.Params("id")))
	n, set := c.activeSet()
	r := set.Rule(id)
	if err != nil || r == nil {
		return itsm.Errorf(itsm.NotFound, "no active rule has the id %q; it may be in another revision", line(id, 64))
	}
	w := ruleFacts{Set: set, Counts: c.ruleCounts(), Admin: mayRuleHere(ctx)}
	if w.Revision, err = s.Book().Revision(n); err != nil {
		return err
	}
	if w.Spoke, w.Scanned, err = c.spokenBy(r); err != nil {
		return err
	}
	return c.show(ctx, http.StatusOK, viewRule(r, w, c.inventory(), c.o.Clock()))
}

// spokenBy finds the newest alerts that a rule spoke of, among a bounded number.
func (c *Console) spokenBy(r *rules.Rule) (found []itsm.Alert, scanned int, err error) {
	name := r.Stage.String() + ":" + r.ID
	q := desk.AlertQuery{Limit: desk.PageMax}
	for scanned < spokenScanMax && len(found) < spokenMax {
		page, err := c.o.Records.Alerts(q)
		if err != nil {
			return nil, 0, err
		}
		for _, a := range page.Items {
			if len(found) < spokenMax && (slices.Contains(a.Rules, name) || slices.Contains(a.Rules, name+" (shadow)")) {
				found = append(found, a)
			}
		}
		scanned += len(page.Items)
		if q.Cursor = page.Next; q.Cursor == "" {
			break
		}
	}
	return found, scanned, nil
}
