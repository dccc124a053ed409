package backtest

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"signalbox/itsm"
)

// Condition is what a report must not say: a word, and for some a percentage.
type Condition struct {
	name    string
	percent int
}

// condition is how a report is judged by one word.
type condition struct {
	about   string
	percent bool // takes =N%; 0 without
	holds   func(r *Report, percent int) (n int, holds bool)
}

func any1(n func(*Report) int) func(*Report, int) (int, bool) {
	return func(r *Report, _ int) (int, bool) { v := n(r); return v, v > 0 }
}

// conditions are the words and what they mean.
var conditions = map[string]condition{
	"lost-p1":    {"P1 that paged and would page nobody, or not everybody", false, any1(func(r *Report) int { return r.P1.Lost })},
	"lost-p2":    {"P2 that paged and would page nobody, or not everybody", false, any1(func(r *Report) int { return r.P2.Lost })},
	"late-p1":    {"P1 that would page more than five minutes later", false, any1(func(r *Report) int { return r.P1.Later })},
	"late-p2":    {"P2 that would page more than five minutes later", false, any1(func(r *Report) int { return r.P2.Later })},
	"lower-p1":   {"P1 that would page as P3 or less", false, any1(func(r *Report) int { return r.P1.Lower })},
	"lower-p2":   {"P2 that would page as P3 or less", false, any1(func(r *Report) int { return r.P2.Lower })},
	"lost":       {"incidents lost", false, any1(func(r *Report) int { return r.Incidents.Lost.Count })},
	"suppressed": {"incidents suppressed", false, any1(func(r *Report) int { return r.Incidents.Suppressed.Count })},
	"split":      {"incidents split", false, any1(func(r *Report) int { return r.Incidents.Split.Count })},
	"merged":     {"incidents merged", false, any1(func(r *Report) int { return r.Incidents.Merged.Count })},
	"opened":     {"incidents opened", false, any1(func(r *Report) int { return r.Incidents.Opened.Count })},
	"failed":     {"failures of rules", false, any1(failures)},
	"more-pages": {"percent more pages", true, func(r *Report, percent int) (int, bool) {
		return more(r.Pages.Total.Before, r.Pages.Total.After, percent)
	}},
	"more-incidents": {"percent more incidents", true, func(r *Report, percent int) (int, bool) {
		return more(r.Compression.Before.Incidents, r.Compression.After.Incidents, percent)
	}},
	"labels": {"labelled pairs that fewer are right of", false, any1(func(r *Report) int {
		return r.Labels.Together.Before + r.Labels.Apart.Before - r.Labels.Together.After - r.Labels.Apart.After
	})},
}

func failures(r *Report) (n int) {
	for _, i := range r.Rules {
		n += int(i.After.Failures)
	}
	return n
}

// more is by how many percent it grew, rounded up, and whether that is too much.
func more(before, after, percent int) (int, bool) {
	if after <= before {
		return 0, false
	}
	base := max(before, 1)
	grew := ((after-before)*100 + base - 1) / base
	return grew, (after-before)*100 > base*percent
}

// Conditions lists the words of ParseConditions.
func Conditions() []string {
	out := make([]string, 0, len(conditions))
	for name, c := range conditions { // sorted below
		if c.percent {
			name += "[=N%]"
		}
		out = append(out, name)
	}
	slices.Sort(out)
	return out
}

// ParseConditions reads a list such as lost-p1,split,more-pages=10%.
func ParseConditions(s string) ([]Condition, error) {
	var out []Condition
	for word := range strings.SplitSeq(s, ",") {
		name, value, given := strings.Cut(strings.TrimSpace(word), "=")
		c, ok := conditions[name]
		if !ok {
			return nil, itsm.Errorf(itsm.Invalid, "condition %q: expected some of %s, with commas between", word, strings.Join(Conditions(), ", "))
		}
		k := Condition{name: name}
		if given {
			n, err := strconv.Atoi(strings.TrimSuffix(value, "%"))
			if err != nil || n < 0 || !c.percent {
				return nil, itsm.Errorf(itsm.Invalid, "condition %q: expected %s", word, name+map[bool]string{true: "=N%, such as " + name + "=10%", false: " without a value"}[c.percent])
			}
			k.percent = n
		}
		out = append(out, k)
	}
	return out, nil
}

// Failed says which of the conditions hold, each with its figure.
func (r *Report) Failed(cs []Condition) (out []string) {
	for _, c := range cs {
		k := conditions[c.name]
		if n, holds := k.holds(r, c.percent); holds {
			out = append(out, fmt.Sprintf("%s: %d %s", c.name, n, k.about))
		}
	}
	return out
}
