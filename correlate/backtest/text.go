package backtest

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"signalbox/itsm"
)

// WriteText writes the report for people: warnings first, then figures, then examples.
func (r *Report) WriteText(w io.Writer) error {
	t := &text{w: w}
	t.line("Backtest of %s (after) against %s (before)", r.After.Name, r.Before.Name)
	t.line("%s to %s, %d deliveries, %d events", r.Span.From, r.Span.To, r.Span.Deliveries, r.Span.Events)
	if r.Span.WarmFrom != 0 {
		t.line("warmed up from %s, %d deliveries that are not counted", r.Span.WarmFrom, r.Span.WarmDeliveries)
	}
	t.warnings(r)
	t.figures(r)
	t.differences(r)
	t.rules(r)
	for _, n := range r.Notes {
		t.line("Note: %s.", n)
	}
	return t.err
}

// text writes lines until one fails.
type text struct {
	w   io.Writer
	err error
}

func (t *text) line(format string, args ...any) {
	if t.err == nil {
		_, t.err = fmt.Fprintf(t.w, format+"\n", args...)
	}
}

func (t *text) warnings(r *Report) {
	bad := r.P1.Lost + r.P1.Later + r.P1.Lower + r.P2.Lost + r.P2.Later + r.P2.Lower
	if bad == 0 {
		t.line("\nEvery P1 (%d) and P2 (%d) that paged would page still, at most %d minutes later.", r.P1.Paged, r.P2.Paged, LateMinutes)
		return
	}
	t.line("\n!!! WARNING: P1 or P2 incidents would not page as they did")
	for _, l := range []struct {
		p itsm.Priority
		Lost
	}{{itsm.P1, r.P1}, {itsm.P2, r.P2}} {
		t.line("!!! %s: of %d that paged, %d would not page, %d would page more than %d minutes later, %d as P3 or less", l.p, l.Paged, l.Lost.Lost, l.Later, LateMinutes, l.Lower)
	}
	for _, w := range r.Warnings {
		then := "never"
		if w.Then != 0 {
			then = w.Then.String()
		}
		t.line("!!! %-5s %s %s; %s paged %s, then %s%s%s", w.Kind, w.Incident.Priority, w.Incident, strings.Join(w.Connectors, " and "), w.PagedAt, then, became(w.After), because(w.Rules))
	}
}

// String is the incident in one line: its number, in the history where that is known,
// and its title.
func (i IncidentRef) String() string {
	n := i.Number
	if i.Recorded != nil {
		n = *i.Recorded
	}
	return fmt.Sprintf("%s %q", n, i.Title)
}

func became(after []IncidentRef) string {
	if len(after) == 0 {
		return "; in no incident"
	}
	var names []string
	for _, a := range after {
		names = append(names, fmt.Sprintf("%s %s", a.Priority, a))
	}
	return "; becomes " + strings.Join(names, ", ")
}

func because(rules []string) string {
	if len(rules) == 0 {
		return ""
	}
	return "; rules: " + strings.Join(rules, ", ")
}

func (t *text) figures(r *Report) {
	t.line("")
	if t.err != nil {
		return
	}
	w := tabwriter.NewWriter(t.w, 0, 0, 2, ' ', tabwriter.AlignRight)
	row := func(name string, before, after any) { fmt.Fprintf(w, "%s\t%v\t%v\t\n", name, before, after) }
	b, a := r.Compression.Before, r.Compression.After
	row("", "before", "after")
	row("events", b.Events, a.Events)
	row("alerts", b.Alerts, a.Alerts)
	row("incidents", b.Incidents, a.Incidents)
	row("alerts by event", share(b.AlertsPerEvent), share(a.AlertsPerEvent))
	row("incidents by alert", share(b.IncidentsPerAlert), share(a.IncidentsPerAlert))
	row("incidents by event", share(b.IncidentsPerEvent), share(a.IncidentsPerEvent))
	l := r.Labels
	row(fmt.Sprintf("right of %d labelled together", l.Together.Pairs), l.Together.Before, l.Together.After)
	row(fmt.Sprintf("right of %d labelled apart", l.Apart.Pairs), l.Apart.Before, l.Apart.After)
	row("time to first page, median", r.FirstPage.Before.span(50), r.FirstPage.After.span(50))
	row("90 %", r.FirstPage.Before.span(90), r.FirstPage.After.span(90))
	row("longest", r.FirstPage.Before.span(100), r.FirstPage.After.span(100))
	pages(row, "pages", r.Pages.Total)
	for _, c := range r.Pages.Connectors {
		pages(row, "  by "+c.Name, c)
	}
	for _, c := range r.Pages.Teams {
		name := c.Name
		if name == "" {
			name = "nobody"
		}
		pages(row, "  of "+name, c)
	}
	t.err = w.Flush()
}

func pages(row func(string, any, any), name string, c PageCount) {
	if c.BeforePerWeek == nil {
		row(name, c.Before, c.After)
		return
	}
	row(name+", a week", share(*c.BeforePerWeek), share(*c.AfterPerWeek))
}

// share writes thousandths.
func share(milli int) string { return fmt.Sprintf("%d.%03d", milli/1000, milli%1000) }

func (d Delay) span(percent int) string {
	if d.Paged == 0 {
		return "-"
	}
	s := map[int]int{50: d.P50, 90: d.P90, 100: d.Max}[percent]
	return fmt.Sprintf("%d:%02d", s/60, s%60)
}

func (t *text) differences(r *Report) {
	i := &r.Incidents
	t.line("\nIncidents: %d the same, %d with more or fewer alerts", i.Same, i.Resized)
	t.line("Alerts in incidents: %d before, %d after; %d suppressed, %d lost, %d added", r.Alerts.Before, r.Alerts.After, r.Alerts.Suppressed, r.Alerts.Lost, r.Alerts.Added)
	for _, d := range []struct {
		name string
		*Difference
	}{{"lost", &i.Lost}, {"suppressed", &i.Suppressed}, {"split", &i.Split}, {"merged", &i.Merged}, {"opened", &i.Opened}} {
		t.line("%d %s", d.Count, d.name)
		for _, e := range d.Examples {
			t.line("  %s%s → %s%s", refs(e.Before), alerts(e.Alerts), refs(e.After), because(e.Rules))
		}
		if more := d.Count - len(d.Examples); more > 0 {
			t.line("  and %d more", more)
		}
	}
}

func alerts(n int) string {
	if n == 1 {
		return " (1 alert)"
	}
	return fmt.Sprintf(" (%d alerts)", n)
}

func refs(list []IncidentRef) string {
	if len(list) == 0 {
		return "none"
	}
	var out []string
	for _, i := range list {
		out = append(out, fmt.Sprintf("%s %s", i.Priority, i))
	}
	return strings.Join(out, ", ")
}

func (t *text) rules(r *Report) {
	if len(r.Rules) == 0 || t.err != nil {
		return
	}
	t.line("")
	w := tabwriter.NewWriter(t.w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "rule\tchange\thits before\tafter\tfailed\tdifferences")
	for _, i := range r.Rules {
		change := i.Change
		if change == "" {
			change = "-"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%d\t%s\n", i.ID, change, i.Before, i.After, i.After.Failures, i.differences())
	}
	t.err = w.Flush()
}

// String is the hits, and apart from them those in shadow mode.
func (h Hits) String() string {
	if h.Shadow > 0 {
		return fmt.Sprintf("%d (+%d shadow)", h.Hits, h.Shadow)
	}
	return fmt.Sprint(h.Hits)
}

func (i *RuleImpact) differences() string {
	var out []string
	for _, d := range []struct {
		n    int
		name string
	}{{i.Warnings, "warnings"}, {i.Opened, "opened"}, {i.Merged, "merged"}, {i.Split, "split"}, {i.Suppressed, "suppressed"}, {i.Lost, "lost"}, {i.Alerts, "alerts held back"}} {
		if d.n > 0 {
			out = append(out, fmt.Sprintf("%d %s", d.n, d.name))
		}
	}
	if len(out) == 0 {
		return "-"
	}
	return strings.Join(out, ", ")
}
