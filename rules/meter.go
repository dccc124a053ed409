package rules

import (
	"slices"

	"signalbox/itsm"
)

// Budget is what rules may cost before they are late: their deadlines. It is
// counted in units of CEL and not in time, and minutes are those of Facts.Now: a
// replay on another machine skips what was skipped.
type Budget struct {
	Alert  uint64 // what all rules may cost about one alert, each time they are asked
	Minute uint64 // what one rule may cost in a minute, of all alerts
	Total  uint64 // what all rules may cost in a minute
}

// DefaultBudget lets an alert wait for its rules no longer than five conditions of
// CostMax take. A unit is about a tenth of a microsecond where there are loops, less
// elsewhere: all rules leave half of a core to the fold, one leaves five sixths.
func DefaultBudget() Budget {
	return Budget{Alert: 5 * CostMax, Minute: 100_000_000, Total: 300_000_000}
}

// Spent is what a rule has cost in the minute of a Meter.
type Spent struct {
	Rule string
	Cost uint64
}

// Meter holds the rules of a set to a Budget: a rule that is late is skipped and
// counted as failed, where a condition that needs no CEL is never late. All Runs
// of a fold share one. It is not safe for concurrent use.
type Meter struct {
	set    *Set
	budget Budget
	minute itsm.Time // when it began
	spent  []uint64  // by the place of the rule
	some   []int32   // places of those that spent any
	total  uint64
}

// NewMeter returns a Meter of s in which nothing is spent.
func (s *Set) NewMeter(b Budget) *Meter {
	return &Meter{set: s, budget: b, spent: make([]uint64, len(s.rules))}
}

// NewRun returns a Run that spends from m.
func (m *Meter) NewRun() *Run { return &Run{set: m.set, meter: m} }

// SetBudget changes the budget; what is spent stays spent.
func (m *Meter) SetBudget(b Budget) { m.budget = b }

// Save returns what brings back what is spent now: for whoever asks the rules about
// what does not happen.
func (m *Meter) Save() (restore func()) {
	was := *m
	was.spent, was.some = slices.Clone(m.spent), slices.Clone(m.some)
	return func() {
		*m = was
	}
}

// Spent returns the minute and what was spent in it, in the order of the rules;
// no minute when nothing was.
func (m *Meter) Spent() (minute itsm.Time, list []Spent) {
	if len(m.some) == 0 {
		return 0, nil
	}
	slices.Sort(m.some)
	for _, at := range m.some {
		list = append(list, Spent{m.set.rules[at].ID, m.spent[at]})
	}
	return m.minute, list
}

// Restore sets what Spent returned; rules that the set does not have are left out.
func (m *Meter) Restore(minute itsm.Time, list []Spent) {
	m.begin(minute)
	places := make(map[string]int32, len(m.set.rules))
	for _, c := range m.set.rules {
		places[c.ID] = c.at
	}
	for _, s := range list {
		if at, ok := places[s.Rule]; ok {
			m.charge(at, s.Cost)
		}
	}
}

// minute is how long a rule's budget lasts.
const minute = itsm.Time(60_000)

// begin goes on to the minute of now.
func (m *Meter) begin(now itsm.Time) {
	if now -= now % minute; now != m.minute {
		m.reset(now)
	}
}

func (m *Meter) reset(now itsm.Time) {
	for _, at := range m.some {
		m.spent[at] = 0
	}
	m.minute, m.some, m.total = now, m.some[:0], 0
}

// left is what a rule may still cost.
func (m *Meter) left(at int32) uint64 {
	return min(m.budget.Minute-min(m.budget.Minute, m.spent[at]), m.budget.Total-min(m.budget.Total, m.total))
}

func (m *Meter) charge(at int32, cost uint64) {
	if cost == 0 {
		return
	}
	if m.spent[at] == 0 {
		m.some = append(m.some, at)
	}
	m.spent[at] += cost
	m.total += cost
}
