package rules

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"

	"signalbox/itsm"
)

// Set is a checked and compiled rule set. It never changes. The zero Set has no rules.
type Set struct {
	files  []File
	rules  []*compiled // by stage, and within it in the order of the files
	lang   *language   // what it was compiled in, for Explain; nil without rules
	places places
	counts [stages]int // rules of each stage
}

// Rules returns the rules in the order in which they run.
func (s *Set) Rules() []*Rule {
	out := make([]*Rule, len(s.rules))
	for i, r := range s.rules {
		out[i] = r.Rule
	}
	return out
}

// Rule returns the rule with an id, nil when there is none.
func (s *Set) Rule(id string) *Rule {
	for _, r := range s.rules {
		if r.ID == id {
			return r.Rule
		}
	}
	return nil
}

// Files returns what the set was compiled from.
func (s *Set) Files() []File { return slices.Clone(s.files) }

// Hash names the content of a rule set: hex of the first 16 bytes of SHA-256 over
// its files by name. Equal files in any order have equal hashes.
func Hash(files []File) string {
	files = slices.Clone(files)
	slices.SortFunc(files, func(a, b File) int { return strings.Compare(a.Name, b.Name) })
	h := sha256.New()
	var b []byte
	for _, f := range files {
		b = appendField(appendField(b[:0], f.Name), f.Body)
		h.Write(b)
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// Hit is a rule that matched.
type Hit struct {
	Rule   *Rule
	Shadow bool // it decided and changed nothing
}

// Run evaluates one set for one alert at a time. It is not safe for concurrent
// use; its memory is used again.
type Run struct {
	set    *Set
	f      *Facts
	view   view
	cand   []int32 // rules to look at, in order, each once
	ci     bool    // cand holds those known by their CI too
	Hits   []Hit   // rules that matched since Begin, in order
	Failed []*Rule // rules whose condition failed, cost too much or was late since Begin
	Late   []*Rule // those of Failed that were late
	event  itsm.Event
	meter  *Meter
	left   uint64 // what all rules may still cost about this alert
}

// NewRun returns a Run of s with a Meter of its own.
func (s *Set) NewRun() *Run { return s.NewMeter(DefaultBudget()).NewRun() }

// Begin starts the evaluation for an event. Facts are read until the next Begin.
func (r *Run) Begin(f *Facts) {
	r.f = f
	r.view.reset(f)
	r.Hits, r.Failed, r.Late = r.Hits[:0], r.Failed[:0], r.Late[:0]
	r.meter.begin(f.Now)
	r.left = r.meter.budget.Alert
	r.gather()
}

// gather collects the rules that may match by what the event says.
func (r *Run) gather() {
	p := &r.set.places
	r.ci = false
	r.cand = append(r.cand[:0], p.always...)
	if len(p.labels) > 0 {
		for i := range r.f.Event.Labels {
			l := &r.f.Event.Labels[i]
			if n := p.labels[l.Name]; n != nil {
				r.cand = append(r.cand, n.present...)
				r.cand = append(r.cand, n.equal[l.Value]...)
			}
		}
	}
	e := r.f.Event
	r.gatherBy(p.event[:], e.Source, e.Severity.String(), e.Status.String(), e.Title)
	r.order(len(p.always))
}

// gatherCI adds those by what the CI says.
func (r *Run) gatherCI() {
	r.ci = true
	n, c := len(r.cand), &r.f.CI
	r.gatherBy(r.set.places.ci[:], c.Class, c.Env, c.ID, c.Group)
	r.order(n)
}

func (r *Run) gatherBy(lists []map[string][]int32, values ...string) {
	for i, v := range values {
		if len(lists[i]) > 0 {
			r.cand = append(r.cand, lists[i][v]...)
		}
	}
}

// order sorts the candidates, of which the first sorted ones are in order already.
func (r *Run) order(sorted int) {
	if len(r.cand) > sorted {
		slices.Sort(r.cand)
		r.cand = slices.Compact(r.cand)
	}
}

// inForce reports whether a rule counts at all now.
func (r *Run) inForce(c *compiled) bool {
	return (c.From == 0 || r.f.Now >= c.From) && (c.Until == 0 || r.f.Now < c.Until) && (c.Hours == nil || c.Hours.Contains(r.f.Now))
}

// matches reports whether a rule's own condition holds.
func (r *Run) matches(c *compiled) bool {
	if !r.inForce(c) || len(c.Sources) > 0 && !slices.Contains(c.Sources, r.f.Event.Source) {
		return false
	}
	return c.when == nil || r.holds(c, c.when)
}

func (r *Run) holds(c *compiled, cond *condition) bool {
	ok, err := cond.holds(&r.view)
	if err != nil {
		r.fail(c, err)
	}
	return ok
}

func (r *Run) fail(c *compiled, why error) {
	if !slices.Contains(r.Failed, c.Rule) {
		r.Failed = append(r.Failed, c.Rule)
	}
	if why == errLate && !slices.Contains(r.Late, c.Rule) {
		r.Late = append(r.Late, c.Rule)
	}
}

func (r *Run) hit(c *compiled) {
	r.Hits = append(r.Hits, Hit{Rule: c.Rule, Shadow: c.Shadow})
}

// stage goes over the rules of a stage that may match, from the first at or after
// place from.
func (r *Run) stage(s Stage, from int32, each func(c *compiled) (goOn bool)) {
	if r.set.counts[s] == 0 {
		return
	}
	if s >= Suppress && !r.ci {
		r.gatherCI()
	}
	if s >= Incident {
		r.view.forget()
	}
	for _, at := range r.cand {
		c := r.set.rules[at]
		if c.Stage > s {
			return
		}
		if c.Stage == s && at >= from && !r.spend(c, each) {
			return
		}
	}
}

// spend asks one rule and charges what it cost.
func (r *Run) spend(c *compiled, each func(c *compiled) bool) (goOn bool) {
	r.view.metered, r.view.may, r.view.spent = true, min(r.left, r.meter.left(c.at)), 0
	goOn = each(c)
	r.left -= min(r.view.spent, r.left)
	r.meter.charge(c.at, r.view.spent)
	return goOn
}

// text fills a template of a rule; "" when it fails.
func (r *Run) text(c *compiled, t *template) string {
	if t == nil {
		return ""
	}
	s, err := t.text(&r.view)
	if err != nil {
		r.fail(c, err)
		return ""
	}
	return s
}
