package console

import (
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"signalbox/correlate/backtest"
	"signalbox/rules"
)

// figureTable sets figures of both sides beside each other.
type figureTable struct {
	Caption string
	Rows    []figureRow
}

// figureRow is one of them, with the difference in words a screen reader can say.
type figureRow struct {
	Name, Before, After, Change string
	Sub                         bool
}

func figure(name string, before, after int) figureRow {
	return figureRow{Name: name, Before: thousands(before), After: thousands(after), Change: signed(after-before, thousands[int])}
}

func signed(n int, word func(int) string) string {
	switch {
	case n > 0:
		return "+" + word(n)
	case n < 0:
		return "−" + word(-n)
	}
	return "same"
}

// tenths writes thousandths with one digit after the point.
func tenths(milli int) string {
	return thousands((milli+50)/1000) + "." + strconv.Itoa((milli+50)/100%10)
}

// share writes thousandths of a whole as per cent.
func share(milli int) string { return strconv.Itoa(milli/10) + "." + strconv.Itoa(milli%10) + " %" }

func countsTable(r *backtest.Report) figureTable {
	t := figureTable{Caption: "Incidents and pages", Rows: []figureRow{figure("Incidents", r.Incidents.Before, r.Incidents.After),
		figure("Alerts in incidents", r.Alerts.Before, r.Alerts.After), pagesRow("Pages", "", r.Pages.Total)}}
	for _, g := range []struct {
		of   string
		none string
		list []backtest.PageCount
	}{{"of ", "nobody", r.Pages.Teams}, {"by ", "no connector", r.Pages.Connectors}} {
		list := slices.Clone(g.list)
		slices.SortStableFunc(list, func(a, b backtest.PageCount) int { return moved(b) - moved(a) })
		for _, c := range list[:min(len(list), reportTeams)] {
			name := line(c.Name, 40)
			if name == "" {
				name = g.none
			}
			row := pagesRow(g.of+name, g.of, c)
			row.Sub = true
			t.Rows = append(t.Rows, row)
		}
		if n := len(g.list) - reportTeams; n > 0 {
			t.Rows = append(t.Rows, figureRow{Name: g.of + thousands(n) + " more, that change less", Sub: true})
		}
	}
	return t
}

// moved is how far the pages of somebody change.
func moved(c backtest.PageCount) int { return max(c.After-c.Before, c.Before-c.After) }

// pagesRow is a week's pages, or all of them for a range under a day.
func pagesRow(name, of string, c backtest.PageCount) figureRow {
	if c.BeforePerWeek == nil || c.AfterPerWeek == nil {
		return figure(name, c.Before, c.After)
	}
	if of == "" {
		name += " a week"
	}
	return figureRow{Name: name, Before: tenths(*c.BeforePerWeek), After: tenths(*c.AfterPerWeek), Change: signed(*c.AfterPerWeek-*c.BeforePerWeek, tenths)}
}

// compressionTable sets how much was compressed beside how right that was, as far
// as people said by merging and splitting.
func compressionTable(r *backtest.Report) figureTable {
	b, a := r.Compression.Before, r.Compression.After
	shares := func(name string, before, after int) figureRow {
		return figureRow{Name: name, Before: share(before), After: share(after), Change: signed(after-before, share), Sub: true}
	}
	t := figureTable{Caption: "Compression and precision", Rows: []figureRow{
		figure("Events", b.Events, a.Events),
		figure("Alerts", b.Alerts, a.Alerts), shares("alerts of events", b.AlertsPerEvent, a.AlertsPerEvent),
		figure("Incidents", b.Incidents, a.Incidents), shares("incidents of alerts", b.IncidentsPerAlert, a.IncidentsPerAlert), shares("incidents of events", b.IncidentsPerEvent, a.IncidentsPerEvent)}}
	for _, l := range []struct {
		name string
		backtest.Label
	}{{"together", r.Labels.Together}, {"apart", r.Labels.Apart}} {
		if l.Pairs > 0 {
			t.Rows = append(t.Rows, figure("Right of "+plural(l.Pairs, "pair", "pairs")+" that people put "+l.name, l.Before, l.After))
		}
	}
	return t
}

func firstPageTable(r *backtest.Report) figureTable {
	t := figureTable{Caption: "Time from opening to the first page"}
	b, a := r.FirstPage.Before, r.FirstPage.After
	seconds := func(n int) string { return span(time.Duration(n) * time.Second) }
	for _, d := range []struct {
		name          string
		before, after int
	}{{"Half within", b.P50, a.P50}, {"90 % within", b.P90, a.P90}, {"Longest", b.Max, a.Max}} {
		row := figureRow{Name: d.name, Before: seconds(d.before), After: seconds(d.after), Change: signed(d.after-d.before, seconds)}
		if b.Paged == 0 {
			row.Before, row.Change = "–", "–"
		}
		if a.Paged == 0 {
			row.After, row.Change = "–", "–"
		}
		t.Rows = append(t.Rows, row)
	}
	return t
}

// differ lists each kind of difference, the ones that hide something first.
func (v *reportView) differ(r *backtest.Report, active *rules.Set, now time.Time) {
	i := &r.Incidents
	v.Same = plural(i.Same, "incident has", "incidents have") + " the same alerts, " + thousands(i.Resized) + " more or fewer."
	v.Alerts = thousands(r.Alerts.Suppressed) + " alerts that were in an incident would be suppressed, " + thousands(r.Alerts.Lost) + " lost; " + thousands(r.Alerts.Added) + " that were in none would be in one."
	for _, d := range []struct {
		name, about string
		*backtest.Difference
	}{
		{"lost", "no alert of it would be in any incident, and no rule says so", &i.Lost},
		{"suppressed", "no alert of it would open anything, because of a rule", &i.Suppressed},
		{"split", "it would be several", &i.Split},
		{"merged", "several would be one", &i.Merged},
		{"opened", "it would be new", &i.Opened},
	} {
		k := differenceView{Name: d.name, About: d.about, Count: thousands(d.Count)}
		for _, e := range d.Examples {
			k.Examples = append(k.Examples, viewExample(e, active, now))
		}
		k.Open = d.Difference == &i.Lost || len(d.Examples) <= reportOpen
		if n := d.Count - len(d.Examples); n > 0 && len(d.Examples) > 0 {
			k.More = "and " + thousands(n) + " more"
		}
		v.Kinds = append(v.Kinds, k)
	}
}

func viewExample(e backtest.Example, active *rules.Set, now time.Time) exampleView {
	v := exampleView{Alerts: plural(e.Alerts, "alert", "alerts"), Rules: ruleNames(e.Rules, active)}
	v.Before, v.BeforeN = viewRefs(e.Before, now)
	v.After, v.AfterN = viewRefs(e.After, now)
	for _, b := range v.Before {
		if number, ok := strings.CutPrefix(b.Href, "/incidents/"); ok && len(e.Before) == 1 {
			v.AlertsRef = "/alerts?" + url.Values{"incident": {number}, "status": {"all"}}.Encode()
		}
	}
	return v
}

var changeBadges = map[string]badge{
	"added": {Class: "al-resolved", Label: "added"}, "removed": {Class: "al-firing", Label: "removed"},
	"changed": {Class: "tag", Label: "changed"}, "moved": {Label: "moved"},
}

// impact lists the rules: first those that differ between the sets or had a part
// in a difference, the ones with warnings before the others.
func (v *reportView) impact(r *backtest.Report, active *rules.Set) {
	list := slices.Clone(r.Rules)
	slices.SortStableFunc(list, func(a, b backtest.RuleImpact) int { return b.Warnings - a.Warnings })
	left := 0
	for k := range list {
		i := viewImpact(&list[k], active)
		to := &v.Rules
		if i.Change.Label == "" && len(i.Parts) == 0 {
			to = &v.Idle
		}
		if len(*to) == reportRules {
			left++
			continue
		}
		*to = append(*to, i)
	}
	first := min(len(v.Rules), reportFirst)
	v.Rules, v.MoreRules = v.Rules[:first], v.Rules[first:]
	if left > 0 {
		v.RulesOut = plural(left, "rule is", "rules are") + " not listed; the API lists all."
	}
}

func viewImpact(i *backtest.RuleImpact, active *rules.Set) impactView {
	v := impactView{ID: line(i.ID, 64), Href: activeRuleHref(i.ID, active), About: line(i.About, reportTitle), Change: changeBadges[i.Change],
		Before: hitsOf(i.Before), After: hitsOf(i.After)}
	if n := i.After.Failures; n > 0 {
		v.Failed = plural(int(n), "failure", "failures")
	}
	for _, d := range []struct {
		n         int
		one, many string
	}{{i.Warnings, "warning", "warnings"}, {i.Lost, "lost", "lost"}, {i.Suppressed, "suppressed", "suppressed"}, {i.Split, "split", "split"}, {i.Merged, "merged", "merged"},
		{i.Opened, "opened", "opened"}, {i.Alerts, "alert held back", "alerts held back"}} {
		if d.n > 0 {
			v.Parts = append(v.Parts, plural(d.n, d.one, d.many))
		}
	}
	return v
}

// hitsOf is how often a rule spoke, those in shadow mode apart.
func hitsOf(h backtest.Hits) string {
	if h.Shadow > 0 {
		return thousands(h.Hits) + " and " + thousands(h.Shadow) + " in shadow"
	}
	return thousands(h.Hits)
}
