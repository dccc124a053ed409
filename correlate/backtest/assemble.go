package backtest

import (
	"fmt"
	"slices"
	"strings"

	"signalbox/correlate"
	"signalbox/rules"
)

// report puts the answer together.
func (r *run) report() *Report {
	if r.o.Examples <= 0 {
		r.o.Examples = examplesDefault
	}
	r.o.Examples = min(r.o.Examples, ExamplesMax)
	m := r.match()
	rep := &Report{Before: refOf(r.o.Before, r.sets[0]), After: refOf(r.o.After, r.sets[1]), Span: r.span, Labels: r.labels}
	impacts := r.impacts()
	rep.Incidents = m.incidents(func(kind string, e *Example) {
		for _, id := range e.Rules {
			impacts[id].count(kind)
		}
	})
	warnings := m.warn(rep)
	for _, w := range warnings {
		for _, id := range w.Rules {
			impacts[id].count("warning")
		}
	}
	rep.Warnings = append([]Warning{}, warnings[:min(len(warnings), WarningsMax)]...)
	for id, n := range m.heldAlerts {
		if i := impacts[id]; i != nil {
			i.Alerts = n
		}
	}
	rep.Alerts, rep.Pages = m.alerts, m.pages()
	rep.FirstPage.Before, rep.FirstPage.After = r.before.delay(), r.after.delay()
	rep.Compression.Before = compression(r.span.Events, r.before, rep.Incidents.Before)
	rep.Compression.After = compression(r.span.Events, r.after, rep.Incidents.After)
	rep.Rules = ordered(impacts)
	rep.Acts.Before, rep.Acts.After = r.before.acts, r.after.acts
	rep.Notes = r.notes(rep, len(warnings))
	return rep
}

func refOf(s RuleSet, set *rules.Set) RuleSetRef {
	return RuleSetRef{Name: s.Name, Hash: rules.Hash(s.Files), Rules: len(set.Rules())}
}

func compression(events int, s *side, incidents int) Compression {
	alerts := 0
	for ep := range s.episodes {
		alerts += count(s.counts(ep))
	}
	return Compression{Events: events, Alerts: alerts, Incidents: incidents, AlertsPerEvent: milli(alerts, events),
		IncidentsPerAlert: milli(incidents, alerts), IncidentsPerEvent: milli(incidents, events)}
}

// milli is a share in thousandths, 0 of nothing.
func milli(part, whole int) int {
	if whole == 0 {
		return 0
	}
	return (part*2000 + whole) / (2 * whole)
}

// changedRules says of each rule of either set how the sets differ in it.
func (r *run) changedRules() map[string]string {
	out := map[string]string{}
	for _, c := range rules.Diff(r.o.Before.Files, r.o.After.Files) {
		out[c.ID] = c.Kind
	}
	return out
}

// impacts are the rules of both sets with how often they spoke.
func (r *run) impacts() map[string]*RuleImpact {
	out := map[string]*RuleImpact{}
	changed := r.changedRules()
	for i, s := range []*side{r.before, r.after} {
		counts := map[string]correlate.RuleCount{}
		for _, c := range s.folder.State.RuleCounts() {
			counts[c.ID] = c
		}
		for _, rule := range r.sets[i].Rules() {
			im := out[rule.ID]
			if im == nil {
				im = &RuleImpact{ID: rule.ID, Change: changed[rule.ID]}
				out[rule.ID] = im
			}
			c := counts[rule.ID]
			im.About = rule.About
			was := s.spoke[rule.ID]
			*[]*Hits{&im.Before, &im.After}[i] = Hits{c.Hits - was.Hits, c.ShadowHits - was.Shadow, c.Failures - was.Failures}
		}
	}
	return out
}

// count notes that a rule had a part in a difference.
func (i *RuleImpact) count(kind string) {
	if i == nil {
		return // of neither set any more: its name was cut off a reason
	}
	switch kind {
	case "opened":
		i.Opened++
	case "merged":
		i.Merged++
	case "split":
		i.Split++
	case "suppressed":
		i.Suppressed++
	case "lost":
		i.Lost++
	case "warning":
		i.Warnings++
	}
}

func ordered(impacts map[string]*RuleImpact) []RuleImpact {
	out := make([]RuleImpact, 0, len(impacts))
	for _, i := range impacts { // sorted below
		out = append(out, *i)
	}
	slices.SortFunc(out, func(a, b RuleImpact) int { return strings.Compare(a.ID, b.ID) })
	return out
}

// notes say what a reader has to know.
func (r *run) notes(rep *Report, warnings int) []string {
	out := []string{}
	if warnings > WarningsMax {
		out = append(out, fmt.Sprintf("%d warnings in all; the first %d are listed", warnings, WarningsMax))
	}
	for _, c := range rep.Pages.Connectors {
		if c.Name == AssumedConnector {
			out = append(out, `no connector was configured: pages are counted as if one, "`+AssumedConnector+`", were told of everything`)
		}
	}
	if !r.span.Whole {
		out = append(out, "the first entries of the journal are gone, so numbers of incidents in what people did cannot be told: their acts are left out and nothing is labelled")
	}
	switch {
	case r.o.From != 0 && r.span.WarmFrom != 0:
		out = append(out, fmt.Sprintf("both sides began with %d deliveries from %s on, which are not counted: what fired before that is known from its first repeat", r.span.WarmDeliveries, r.span.WarmFrom))
	case r.o.From != 0:
		out = append(out, "both sides begin without alerts: what fired before the range is known from its first repeat")
	}
	if n := rep.Acts.After.LeftOut; n > 0 && r.span.Whole {
		out = append(out, fmt.Sprintf("%d acts of people are left out on the side of %s: the incident they meant does not exist there", n, rep.After.Name))
	}
	return out
}
