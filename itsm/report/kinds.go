package report

import (
	"time"

	"signalbox/itsm"
)

// Kind is one report: its name, what it says, and how it is computed.
type Kind struct {
	Name       string
	Title      string
	Definition string
	compute    func(*facts) body
}

// body is what computing a report gives.
type body struct {
	figures []Figure
	columns []Column
	rows    [][]Cell
	trend   *Trend
}

// Kinds are all reports, in the order people read them.
func Kinds() []Kind { return kinds }

var kinds = []Kind{
	{"mtta", "Time to acknowledge", "From the opening of an incident to the first time that a person acknowledged it, here or at a partner. Of incidents that were opened in the range and acknowledged since; p50 and p90 are by nearest rank.", mtta},
	{"mttd", "Time to detect", "From the earliest start that its alerts report to the opening of the incident. Of incidents that were opened in the range; one whose alerts have all begun anew in a later incident is left out, because a record keeps the start of an alert's latest episode.", mttd},
	{"mttr", "Time to resolve", "From the opening of an incident to its last resolution, whoever resolved it; working time is the same without the time it was on hold. Of incidents that were opened in the range and are resolved. Cancelled and merged ones do not count.", mttr},
	{"sla", "Service level", "The share of incidents whose target was met, of those opened in the range whose clock has ended or passed its target; clocks that still run do not count. Response ends with the first acknowledgement, resolution with the last resolution, in the time of the target's calendar and without pauses.", levels},
	{"backlog", "Backlog", "Incidents that were open at the end of the range, and how long each had been open then. The trend shows how many were open at the end of each slot; those opened more than 30 days before the range and ended within it are missing there.", backlog},
	{"compression", "Compression", "How many events became how many alert episodes and incidents, of incidents opened in the range: one minus what came out over what went in. Beside it what people corrected: precision is the share of incidents that nobody split, completeness the share that nobody merged into another, of those that people could see. Few corrections can also mean that nobody looked.", compression},
	{"actionable", "Actionable pages", "The share of pages after which a person did something: acknowledged the incident, or resolved it with a code other than no_action or not_reproducible. A page is an opening or reopening that a paging partner was told of in the range; an incident that is open and not acknowledged is not decided yet.", actionable},
	{"shifts", "Pages by shift and person", "Pages in each shift of twelve hours, from 08:00 and 20:00 UTC, and by the person who acknowledged the incident first. Two incidents a shift are what a person can follow up properly (Google, Site Reliability Engineering, chapter 11).", shifts},
	{"recurrence", "Recurrence", "The share of incidents opened in the range whose signature was seen on another incident within the 30 days before. The signature is what a rule gives, else the probable cause, the alert's name and the environment.", recurrence},
	{"reopens", "Reopened incidents", "The share of incidents opened in the range and ended since that were reopened at least once.", reopens},
	{"problems", "Problems", "Conversion is the share of candidates proposed in the range that people accepted, of those they answered. A fix is effective when the silence after it is too long for chance, and not when the trouble came again; of problems resolved in the range that can be judged.", problems},
	{"changes", "Change failure rate", "The share of changes ended in the range that failed: by their own state, or because an incident opened in the range names them as what most likely set it off. Cancelled ones do not count.", changes},
	{"mtbf", "Time between failures", "For a CI, from the end of one incident of which it is the probable cause to the opening of the next, on average. Of incidents opened in the range; a CI needs two. Incidents that overlap count as no time.", mtbf},
	{"noise", "Noisiest alerts", "Alerts seen in the range by name and source, with the events and episodes of each since it was first raised: an alert that is older than the range brings its past along. Suppressed ones opened nothing at last.", noise},
	{"cis", "CIs with most incidents", "Incidents opened in the range by the CI that is their probable cause, else their first CI; down is the sum of their durations.", topCIs},
	{"services", "Services with most incidents", "Incidents opened in the range by each service that they affect; one that affects several counts for each. Down is the sum of their durations, overlaps counted twice.", topServices},
	{"binding", "Binding to the CMDB", "The share of alerts seen in the range that are bound to a CI, and the keys of those that are not. The trend is by when an alert was first raised.", binding},
}

// of finds a report by its name.
func of(name string) (*Kind, error) {
	for i := range kinds {
		if kinds[i].Name == name {
			return &kinds[i], nil
		}
	}
	return nil, itsm.Errorf(itsm.NotFound, "report %q: expected one of %s", name, names())
}

func (k *Kind) report(f *facts) Report {
	b := k.compute(f)
	r := Report{Name: k.Name, Title: k.Title, Definition: k.Definition, From: f.q.From, To: f.q.To, Services: append([]string{}, f.q.Services...), Figures: b.figures, Columns: b.columns, Rows: b.rows, Trend: b.trend}
	if f.q.Team != "" {
		r.Team = &f.q.Team
	}
	if r.Rows == nil {
		r.Rows = [][]Cell{}
	}
	r.cut()
	return r
}

// trendOf makes a trend of one number a slot.
func (f *facts) trendOf(unit Unit, label string, value func(slot int) Cell) *Trend {
	return f.trendsOf(unit, []string{label}, func(i int) []Cell { return []Cell{value(i)} })
}

func (f *facts) trendsOf(unit Unit, series []string, values func(slot int) []Cell) *Trend {
	t := &Trend{Unit: unit, Series: series}
	from := f.q.From
	for i, to := range f.slots {
		t.Slots = append(t.Slots, Slot{From: from, To: to, Values: values(i)})
		from = to
	}
	return t
}

// perSlot puts the incidents of the range into its slots.
func (f *facts) perSlot() [][]*fact {
	out := make([][]*fact, len(f.slots))
	for _, in := range f.cohort {
		i := slotOf(f.slots, in.opened)
		out[i] = append(out[i], in)
	}
	return out
}

// byPriority makes a row for each priority that there is, and one for all.
func byPriority(list []*fact, row func(name string, part []*fact) []Cell) [][]Cell {
	parts := map[itsm.Priority][]*fact{}
	for _, in := range list {
		parts[in.priority] = append(parts[in.priority], in)
	}
	var rows [][]Cell
	for p := itsm.P1; p <= itsm.P5; p++ {
		if len(parts[p]) > 0 {
			rows = append(rows, row(p.String(), parts[p]))
		}
	}
	if len(list) > 0 {
		rows = append(rows, row("all", list))
	}
	return rows
}

// sampleOf takes a duration of those that have one.
func sampleOf(list []*fact, take func(*fact) (time.Duration, bool)) *sample {
	s := &sample{}
	for _, in := range list {
		if d, ok := take(in); ok {
			s.add(d)
		}
	}
	return s
}

// whole is a number of things that never is nothing.
func whole(name, label string, n int) Figure { return Figure{name, label, Count, count(n)} }
