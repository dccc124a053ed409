package correlate

import (
	"encoding/json"
	"slices"
	"strings"

	"signalbox/itsm"
	"signalbox/rules"
)

// RuleCount is how often a rule spoke since it was activated first.
type RuleCount struct {
	ID         string
	Hits       uint64 // it matched and decided
	ShadowHits uint64 // it matched in shadow mode: it changed nothing
	Failures   uint64 // its condition or template failed, cost too much or was late: it was skipped
	Late       uint64 // those of them because of what rules may cost about one alert or in a minute
	LastAt     itsm.Time
}

// ruling is the active rule set ready to be asked, and what it counted.
type ruling struct {
	has    [rules.Route + 1]bool // stages that have rules
	drops  bool                  // a rule drops
	hides  bool                  // a rule inhibits
	event  asker                 // of the event being folded: normalise and bind
	alert  asker                 // of an alert: suppress and correlate
	lead   asker                 // of an incident: incident, problem and route
	counts map[*rules.Rule]*RuleCount
	spoke  []string // "stage:id" of what spoke of the event being folded
	meter  *rules.Meter
}

// asker evaluates the rules about one thing at a time.
type asker struct {
	run          *rules.Run
	facts        rules.Facts
	hits         int // of run's, counted so far
	failed, late int
}

func (k *asker) begin(f rules.Facts) {
	k.facts, k.hits, k.failed, k.late = f, 0, 0, 0
	k.run.Begin(&k.facts)
}

// RuleCounts returns how often each rule of the active set spoke, in the order in
// which rules run. The result is the caller's.
func (s *State) RuleCounts() []RuleCount {
	if s.rules.Set == nil {
		return nil
	}
	var out []RuleCount
	for _, r := range s.rules.Set.Rules() {
		if c := s.ruled.counts[r]; c != nil {
			out = append(out, *c)
		}
	}
	return out
}

// useRules makes the active set ready to be asked. Counts go on for rules whose
// id stays.
func (s *State) useRules() {
	old := map[string]*RuleCount{}
	for _, c := range s.ruled.counts {
		old[c.ID] = c
	}
	s.ruled = ruling{}
	set := s.rules.Set
	if set == nil {
		return
	}
	u := &s.ruled
	u.counts = map[*rules.Rule]*RuleCount{}
	for _, r := range set.Rules() {
		if !r.Enabled {
			continue
		}
		u.has[r.Stage] = true
		u.drops = u.drops || r.Stage == rules.Suppress && r.Suppress.Drop
		u.hides = u.hides || r.Stage == rules.Suppress && r.Suppress.InhibitedBy != nil
		if u.counts[r] = old[r.ID]; u.counts[r] == nil {
			u.counts[r] = &RuleCount{ID: r.ID}
		}
	}
	u.meter = set.NewMeter(s.cfg.ruleBudget())
	u.event.run, u.alert.run, u.lead.run = u.meter.NewRun(), u.meter.NewRun(), u.meter.NewRun()
}

// ruleBudget is what the rules may cost.
func (c *Config) ruleBudget() rules.Budget {
	return rules.Budget{Alert: uint64(c.RulesAlertCost), Minute: uint64(c.RuleMinuteCost), Total: uint64(c.RulesMinuteCost)}
}

// tally counts what spoke since the last tally of k, and returns it as lines for
// a record.
func (s *State) tally(k *asker, lines []string) []string {
	for ; k.hits < len(k.run.Hits); k.hits++ {
		h := k.run.Hits[k.hits]
		line := h.Rule.Stage.String() + ":" + h.Rule.ID
		if h.Shadow {
			line += " (shadow)"
		}
		if len(lines) < itsm.AlertRulesMax && !slices.Contains(lines, line) {
			lines = append(lines, line)
		}
		c := s.ruled.counts[h.Rule]
		if c == nil {
			continue
		}
		c.LastAt = s.now
		if h.Shadow {
			c.ShadowHits++
		} else {
			c.Hits++
		}
	}
	s.tallyFailed(k)
	return lines
}

// tallyFailed counts the rules that could not be evaluated.
func (s *State) tallyFailed(k *asker) {
	for ; k.failed < len(k.run.Failed); k.failed++ {
		if c := s.ruled.counts[k.run.Failed[k.failed]]; c != nil {
			c.Failures++
		}
	}
	for ; k.late < len(k.run.Late); k.late++ {
		if c := s.ruled.counts[k.run.Late[k.late]]; c != nil {
			c.Late++
		}
	}
}

// event is what a says, as its sender and the rules of normalise put it.
func (a *alert) event() *itsm.Event {
	w := unpackText(a.text)
	name, group, origin := a.named()
	return &itsm.Event{Source: a.src.name, Identity: a.identity, Origin: origin, Group: group, Status: a.status, Severity: a.severity,
		SeverityWord: w.word, Title: w.title, CIName: name, StartsAt: a.startsAt, EndsAt: a.endsAt, Labels: w.labels, Annotations: w.annotations,
		GeneratorURL: w.url, NoData: a.noData}
}

// ask begins the evaluation of what the rules say about an alert.
func (s *State) ask(a *alert) *asker {
	k := &s.ruled.alert
	k.begin(rules.Facts{Now: s.now, Event: a.event(), CI: s.ciFacts(a.ci)})
	return k
}

// ciFacts is what rules may ask of a CI. It is read once for each CMDB revision.
func (s *State) ciFacts(c *ci) rules.CI {
	s.look(c)
	if c.facts != nil {
		return *c.facts
	}
	f := &rules.CI{ID: c.id, Bound: c.bound(), Tier: c.tier, Group: c.group}
	for _, v := range c.services {
		f.Services = append(f.Services, v.id)
	}
	if c.ref >= 0 {
		full := s.graph.CI(c.ref)
		f.Name, f.Owner, f.Class, f.Env = full.Name, full.Owner, full.Class, full.Env
		var ls []itsm.Label
		for _, k := range sortedKeys(full.Attributes) {
			ls = append(ls, itsm.Label{Name: k, Value: attribute(full.Attributes[k])})
		}
		f.Attributes = itsm.NewLabels(ls)
	}
	c.facts = f
	return *f
}

// noteRules keeps on a which rules spoke of its episode; lines are shared, since
// the same rules speak of most alerts of a sender.
func (s *State) noteRules(a *alert, lines []string) {
	a.rules = s.share(strings.Join(lines, "\n"))
}

// spoken returns the lines of what spoke of the episode of a, without those of
// the stages that are about to be asked again.
func (a *alert) spoken(again ...rules.Stage) []string {
	if a.rules == "" {
		return nil
	}
	return slices.DeleteFunc(strings.Split(a.rules, "\n"), func(l string) bool { return isLineOf(l, again...) })
}

func isLineOf(line string, stages ...rules.Stage) bool {
	return slices.ContainsFunc(stages, func(st rules.Stage) bool { return strings.HasPrefix(line, st.String()+":") })
}

// attribute writes an attribute of a CI as the text that conditions compare.
func attribute(v any) string {
	if s, ok := v.(string); ok {
		return s
	}
	b, err := json.Marshal(v)
	if err != nil {
		return "" // it came from JSON, so it is none that cannot be written
	}
	return string(b)
}
