package console

import (
	"net/http"
	"slices"
	"strings"

	"github.com/gofiber/fiber/v2"

	"signalbox/itsm/desk"
	"signalbox/rules"
	rulebook "signalbox/rules/book"
)

// checkAnswer is what the editor's script hears of the texts as they stand.
type checkAnswer struct {
	Verdict  string         `json:"verdict"`
	Good     bool           `json:"good"`
	Problems []checkProblem `json:"problems"`
}

type checkProblem struct {
	File    int    `json:"file"` // 1 is the first of those sent; 0: of none of them
	Line    int    `json:"line"` // 0: not about one line
	Rule    string `json:"rule"`
	Field   string `json:"field"`
	Msg     string `json:"msg"`
	Warning bool   `json:"warning"`
}

// checkRules says what is wrong with what was typed, for the script.
func (c *Console) checkRules(ctx *fiber.Ctx) error {
	v, err := formUpTo(ctx, editFormBytesMax)
	if err != nil {
		return err
	}
	f, err := parseEdit(v)
	if err != nil {
		return err
	}
	return ctx.JSON(viewCheck(f.Files, c.known()...))
}

func viewCheck(files []rules.File, known ...rules.Known) checkAnswer {
	set, ps := rules.Compile(files, known...)
	out := checkAnswer{Problems: []checkProblem{}}
	out.Verdict, out.Good = verdict(set, ps, len(files))
	for _, p := range ps {
		v := viewProblem(p, "")
		at := 1 + slices.IndexFunc(files, func(f rules.File) bool { return f.Name == p.File })
		out.Problems = append(out.Problems, checkProblem{File: at, Line: v.Line, Rule: v.Rule, Field: v.Field, Msg: v.Msg, Warning: v.Warning})
	}
	return out
}

// Bounds of what the editor completes.
const (
	wordAlerts      = desk.PageMax // newest alerts that labels are taken from
	wordLabelsMax   = 200
	wordValuesMax   = 30
	wordValueLength = 80 // characters; a longer value is no word
)

// ruleWordsAnswer is what the editor's script completes.
type ruleWordsAnswer struct {
	Variables []rules.Variable `json:"variables"`
	Labels    []wordLabel      `json:"labels"` // of recent alerts, the most frequent first
}

type wordLabel struct {
	Name   string   `json:"name"`
	Values []string `json:"values"`

	seen int
}

func (c *Console) ruleWords(ctx *fiber.Ctx) error {
	page, err := c.o.Records.Alerts(desk.AlertQuery{Limit: wordAlerts})
	if err != nil {
		return err
	}
	byName := map[string]*wordLabel{}
	var order []*wordLabel
	for _, a := range page.Items {
		for _, l := range a.Labels {
			name, value := line(l.Name, 120), line(l.Value, wordValueLength)
			w := byName[name]
			if w == nil {
				if name != l.Name || strings.ContainsAny(name, " \"\\") {
					continue // it could not be written in a condition as it is shown
				}
				w = &wordLabel{Name: name, Values: []string{}}
				byName[name], order = w, append(order, w)
			}
			w.seen++
			if value == l.Value && len(w.Values) < wordValuesMax && !slices.Contains(w.Values, value) {
				w.Values = append(w.Values, value)
			}
		}
	}
	slices.SortStableFunc(order, func(a, b *wordLabel) int { return b.seen - a.seen })
	out := ruleWordsAnswer{Variables: rules.Variables(), Labels: []wordLabel{}}
	for _, w := range order[:min(len(order), wordLabelsMax)] {
		slices.Sort(w.Values)
		out.Labels = append(out.Labels, *w)
	}
	return ctx.Status(http.StatusOK).JSON(out)
}

// known is what names are compared with when rules are checked here and now.
func (c *Console) known() []rules.Known {
	if c.o.Known == nil {
		return nil
	}
	return []rules.Known{c.o.Known()}
}

// recheck checks a revision against the sources and connectors of today: it was
// saved without them, and they change. Blocking problems stay as they were saved.
func (c *Console) recheck(r *rulebook.Revision) {
	if c.o.Known == nil || rules.Blocking(r.Problems) || r.State == rulebook.Draft {
		return
	}
	if _, ps := rules.Compile(r.Files, c.known()...); !rules.Blocking(ps) {
		r.Problems = ps
	}
}
