package learn

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	"signalbox/itsm"
	"signalbox/rules"
)

// found is a pair that history speaks for.
type found struct {
	a, b     *template // in the order in which they usually begin
	p        *pair
	aFirst   int
	n        float64 // occurrences together, decayed to the end of the history
	expected float64
	share    float64 // of the rarer one that has the other beside it
	chance   float64
}

// togethers are the pairs that history speaks for, and the kinds that go off with
// everything.
func (m *Miner) togethers(past Past) []Suggestion {
	list, everywhere := m.findPairs()
	var out []Suggestion
	for _, of := range byClass(everywhere) {
		out = append(out, m.everywhere(of, past))
	}
	taken := map[*template]int{}
	for i := range list {
		f := &list[i]
		if slices.Contains(everywhere, f.a) || slices.Contains(everywhere, f.b) || taken[f.a] >= partnersMax || taken[f.b] >= partnersMax || m.joined(f.p, past) {
			continue
		}
		s := m.pairOf(f, past)
		if !usable(s.Rule) {
			continue
		}
		taken[f.a]++
		taken[f.b]++
		out = append(out, s)
	}
	return out
}

// findPairs applies the tests of learned relations to every pair, the strongest first.
func (m *Miner) findPairs() (list []found, everywhere []*template) {
	decay, span := 1/m.weightAt(m.to), m.span()
	partners := map[*template]int{}
	for _, k := range m.pairKeys() {
		p := m.pairs[k]
		f := found{a: m.list[k.a], b: m.list[k.b], p: p, aFirst: p.aFirst, n: p.weight * decay}
		if f.n < countMin {
			continue
		}
		na, nb := f.a.weight*decay, f.b.weight*decay
		if p.weight >= confidence*f.a.weight {
			partners[f.b]++
		}
		if p.weight >= confidence*f.b.weight {
			partners[f.a]++
		}
		f.expected = na * nb * 2 * PairWindow.Hours() / span
		f.share = f.n / min(na, nb)
		f.chance = poissonTail(int(f.n), f.expected)
		if f.n < liftMin*f.expected || f.share < confidence || f.chance >= chanceMax {
			continue
		}
		if 2*p.aFirst < p.count {
			f.a, f.b, f.aFirst = f.b, f.a, p.count-p.aFirst
		}
		list = append(list, f)
	}
	slices.SortStableFunc(list, func(x, y found) int {
		return cmp.Or(cmp.Compare(y.n*y.share, x.n*x.share), strings.Compare(x.a.key(), y.a.key()), strings.Compare(x.b.key(), y.b.key()))
	})
	return list, m.goWithAll(partners, decay)
}

// goWithAll are the templates that many others have beside them.
func (m *Miner) goWithAll(partners map[*template]int, decay float64) []*template {
	frequent := 0
	for _, t := range m.list {
		if t.weight*decay >= countMin {
			frequent++
		}
	}
	var out []*template
	for _, t := range m.list {
		if n := partners[t]; n >= everywhereMin && float64(n) >= everywhereShare*float64(frequent) && t.weight*decay >= countMin {
			out = append(out, t)
		}
	}
	return out
}

func (m *Miner) pairKeys() []pairKey {
	keys := make([]pairKey, 0, len(m.pairs))
	for k, p := range m.pairs {
		if p.count >= countMin {
			keys = append(keys, k)
		}
	}
	slices.SortFunc(keys, func(x, y pairKey) int { return cmp.Or(cmp.Compare(x.a, y.a), cmp.Compare(x.b, y.b)) })
	return keys
}

// span is how many hours the history counts for when each hour has the weight of
// an occurrence in it.
func (m *Miner) span() float64 {
	tau := HalfLife.Hours() / math.Ln2
	hours := max(after(m.from, m.to).Hours(), 2*PairWindow.Hours())
	return tau * -math.Expm1(-hours/tau)
}

// joined reports whether the two are one incident already, as a rule.
func (m *Miner) joined(p *pair, past Past) bool {
	kept, one := min(p.count, pairEpisodes), 0
	for _, e := range p.episodes[:kept] {
		a, b := past.standing(m.episodes[e[0]].incident), past.standing(m.episodes[e[1]].incident)
		if a != 0 && a == b {
			one++
		}
	}
	return float64(one) >= joinedShare*float64(kept)
}

func (m *Miner) pairOf(f *found, past Past) Suggestion {
	ka, kb := f.a.key(), f.b.key()
	id := idOf(Together, min(ka, kb), max(ka, kb))
	why := fmt.Sprintf("%s and %s began within %s of each other %d times (%d and %d times in all) where chance would make it %s; %s came first %d times.",
		f.a, f.b, spoken(PairWindow), f.p.count, f.a.count, f.b.count, times(f.expected), clip(f.a.ci), f.aFirst)
	s := Suggestion{ID: id, Kind: Together, Title: f.a.String() + " goes with " + f.b.String(), Why: why, rank: f.n * f.share,
		Figures: []Figure{{"together", float64(f.p.count)}, {"first", float64(f.a.count)}, {"second", float64(f.b.count)}, {"together_decayed", round(f.n)},
			{"expected", round(f.expected)}, {"lift", round(f.n / f.expected)}, {"share", round(f.share)}, {"chance", f.chance}},
		Examples: m.pairExamples(f.p, past)}
	when := "(" + f.a.condition() + ") || (" + f.b.condition() + ")"
	about := f.a.String() + " and " + f.b.String() + " are one incident"
	s.Rule = draft(id, Together, about, "", when, rules.Correlate.String(), "{group_by: "+m.groupBy(f, id)+", window: "+duration(2*PairWindow)+"}")
	if f.a.bound && f.b.bound && !related(m.graph, f.a.ci, f.b.ci) {
		s.Relation = fmt.Sprintf("relations:\n  - {from: %s, type: depends_on, to: %s}\n", quoted(f.b.ci), quoted(f.a.ci))
	}
	return s
}

// sharedFirst are the labels that say best where an alert belongs.
var sharedFirst = []string{"service", "namespace", "cluster", "environment", "env", "team", "region", "site"}

// groupBy lists the labels that both have with one value; with none it is a
// constant, since the condition says already which alerts are meant.
func (m *Miner) groupBy(f *found, id string) string {
	shared := keepShared(f.a.labels.Clone(), f.b.labels)
	var by []string
	for _, n := range sharedFirst {
		if shared.Get(n) != "" && len(by) < sharedLabelsKept {
			by = append(by, quoted(label(n)))
		}
	}
	if len(by) == 0 {
		by = append(by, quoted(literal(id)))
	}
	return "[" + strings.Join(by, ", ") + "]"
}

func (m *Miner) pairExamples(p *pair, past Past) []Example {
	var out []Example
	for i := p.count - 1; i >= max(0, p.count-ExamplesMax); i-- {
		e := p.episodes[i%pairEpisodes]
		a, b := &m.episodes[e[0]], &m.episodes[e[1]]
		out = append(out, Example{At: min(a.began, b.began), Alerts: []itsm.AlertNumber{a.alert, b.alert}, Incident: past.standing(a.incident)})
	}
	return out
}

// byClass puts the templates of one class together: a person looks at one of them.
func byClass(list []*template) (out [][]*template) {
	at := map[*class]int{}
	for _, t := range list {
		i, ok := at[t.class]
		if !ok {
			i = len(out)
			at[t.class] = i
			out = append(out, nil)
		}
		out[i] = append(out[i], t)
	}
	return out
}

// everywhere reports a class that goes off with everything; no rule is drafted, since
// what it stands for is not known.
func (m *Miner) everywhere(of []*template, past Past) Suggestion {
	c, began := of[0].class, 0
	for _, t := range of {
		began += t.count
	}
	where := of[0].ci
	if len(of) > 1 {
		where = fmt.Sprintf("%d CIs", len(of))
	}
	s := Suggestion{ID: idOf(Noisy, "everywhere", c.source, c.name), Kind: Noisy, Title: clip(c.name) + " goes off with everything", rank: float64(began),
		Why:     fmt.Sprintf("%s on %s began %d times beside many other kinds of alert: it says that something is wrong and not what, so nothing is learned from it.", clip(c.name), clip(where), began),
		Figures: []Figure{{"occurrences", float64(began)}, {"cis", float64(len(of))}}}
	for _, t := range of[:min(len(of), ExamplesMax)] {
		s.Examples = append(s.Examples, m.example(t.episode, past))
	}
	return s
}

func (m *Miner) example(i int32, past Past) Example {
	e := &m.episodes[i]
	return Example{At: e.began, Alerts: []itsm.AlertNumber{e.alert}, Incident: past.standing(e.incident)}
}

// times writes an expected count for people.
func times(n float64) string {
	if n < 0.1 {
		return "fewer than 0.1"
	}
	return fmt.Sprintf("%.1f", n)
}

// round keeps three digits behind the point: more would only look exact.
func round(v float64) float64 { return math.Round(v*1000) / 1000 }
