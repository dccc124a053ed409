package console

import (
	"strings"
	"time"

	"signalbox/correlate/backtest"
	"signalbox/itsm"
	"signalbox/rules"
)

// Bounds of a report on a page; the API has all of it.
const (
	reportWarnings = 25 // shown at once, the rest unfolds
	reportRefs     = 2  // incidents of one side of an example
	reportNames    = 3  // rules and connectors of one line
	reportOpen     = 5  // examples that are shown unfolded
	reportFirst    = 10 // rules that are
	reportTeams    = 12 // teams and connectors
	reportRules    = 60 // rules that differ or had a part, and as many others
	reportTitle    = 80 // characters of a title
	reportNotes    = 20
)

// reportView is a report as a page shows it.
type reportView struct {
	Head      string   // how many P1 and P2 would not page as they did
	Counts    []string // a sentence for each priority
	Calm      string   // when there are none
	Warnings  []warningView
	More      []warningView
	Unlisted  string
	Folded    string // what was folded
	Tables    []figureTable
	NoLabels  bool // nobody said what belongs together
	Kinds     []differenceView
	Same      string
	Alerts    string
	Rules     []impactView // that differ between the sets or had a part in a difference
	MoreRules []impactView
	Idle      []impactView // rules that had no part
	RulesOut  string
	Notes     []string
}

// warningView is a P1 or P2 that would not page as it did.
type warningView struct {
	Kind   badge
	Was    refView
	Paged  when
	Who    string
	Then   string
	After  []refView
	AfterN string // those not listed
	Rules  []part
}

// refView is an incident of one side. Href is "" for one that is only in the backtest.
type refView struct {
	Priority badge
	Number   string
	Href     string
	Title    string
	Group    string
	Opened   when
}

type differenceView struct {
	Name     string
	About    string
	Count    string
	Examples []exampleView
	Open     bool // unfolded
	More     string
}

type exampleView struct {
	Before, After   []refView
	BeforeN, AfterN string // those not listed
	Alerts          string
	AlertsRef       string // "" when they are in no recorded incident
	Rules           []part
}

type impactView struct {
	ID, Href, About string
	Change          badge
	Before, After   string
	Failed          string
	Parts           []string
}

// unpaged counts the P1 and P2 that would not page as they did.
func unpaged(r *backtest.Report) int {
	return r.P1.Lost + r.P1.Later + r.P1.Lower + r.P2.Lost + r.P2.Later + r.P2.Lower
}

// viewReport bounds a report for a page. active links the rules that have a page.
func viewReport(r *backtest.Report, active *rules.Set, now time.Time) *reportView {
	v := &reportView{NoLabels: r.Labels.Together.Pairs+r.Labels.Apart.Pairs == 0,
		Folded: plural(r.Span.Deliveries, "delivery", "deliveries") + " with " + plural(r.Span.Events, "event", "events") + ", " + minuteOf(r.Span.From) + " to " + minuteOf(r.Span.To) + " UTC" + warmed(r.Span)}
	v.warn(r, active, now)
	v.Tables = []figureTable{countsTable(r), compressionTable(r), firstPageTable(r)}
	v.differ(r, active, now)
	v.impact(r, active)
	for _, n := range r.Notes[:min(len(r.Notes), reportNotes)] {
		v.Notes = append(v.Notes, line(n, lineRunesMax))
	}
	return v
}

func (v *reportView) warn(r *backtest.Report, active *rules.Set, now time.Time) {
	n := unpaged(r)
	if n == 0 {
		v.Calm = "Every P1 (" + thousands(r.P1.Paged) + ") and P2 (" + thousands(r.P2.Paged) + ") that paged would page still, at most " + plural(backtest.LateMinutes, "minute", "minutes") + " later."
		return
	}
	v.Head = plural(n, "P1 or P2 would not page as it did", "P1 or P2 would not page as they did")
	for _, p := range []struct {
		is itsm.Priority
		backtest.Lost
	}{{itsm.P1, r.P1}, {itsm.P2, r.P2}} {
		if p.Paged == 0 {
			continue
		}
		v.Counts = append(v.Counts, p.is.String()+": of "+thousands(p.Paged)+" that paged, "+thousands(p.Lost.Lost)+" would no longer page everybody they did, "+
			thousands(p.Later)+" would page more than "+plural(backtest.LateMinutes, "minute", "minutes")+" later, "+thousands(p.Lower)+" as P3 or less.")
	}
	for k, w := range r.Warnings {
		to := &v.Warnings
		if k >= reportWarnings {
			to = &v.More
		}
		*to = append(*to, viewWarning(w, active, now))
	}
	if len(r.Warnings) == backtest.WarningsMax {
		v.Unlisted = "Only the first " + thousands(backtest.WarningsMax) + " are listed."
	}
}

var warningKinds = map[string]badge{
	"lost":  {Class: "al-firing", Label: "no longer pages"},
	"later": {Class: "tag", Label: "pages later"},
	"lower": {Class: "tag", Label: "pages as less"},
}

func viewWarning(w backtest.Warning, active *rules.Set, now time.Time) warningView {
	v := warningView{Kind: warningKinds[w.Kind], Was: viewRef(w.Incident, now), Paged: at(w.PagedAt, now), Who: pagersOf(w.Connectors), Rules: ruleNames(w.Rules, active)}
	switch {
	case w.Then == 0:
		v.Then = "would not page"
	case w.Then.Std().Sub(w.PagedAt.Std()) > 0:
		v.Then = "would page " + span(w.Then.Std().Sub(w.PagedAt.Std())) + " later"
	default:
		v.Then = "would page then too, as less"
	}
	v.After, v.AfterN = viewRefs(w.After, now)
	return v
}

func viewRef(i backtest.IncidentRef, now time.Time) refView {
	v := refView{Priority: priorityBadge(i.Priority), Number: line(i.Number, 20), Title: line(i.Title, reportTitle), Group: line(i.Group, 40), Opened: at(i.OpenedAt, now)}
	if i.Recorded != nil && isIncident(*i.Recorded) {
		v.Number, v.Href = *i.Recorded, "/incidents/"+*i.Recorded
	}
	if v.Title == "" {
		v.Title = v.Number
	}
	return v
}

// viewRefs shows the first of a list, and says how many are left.
func viewRefs(list []backtest.IncidentRef, now time.Time) (out []refView, more string) {
	for _, i := range list[:min(len(list), reportRefs)] {
		out = append(out, viewRef(i, now))
	}
	if n := len(list) - reportRefs; n > 0 {
		more = "and " + thousands(n) + " more"
	}
	return out, more
}

// pagersOf names connectors. The one that a backtest assumes where none is
// configured has no name that people know: a note of the report tells of it.
func pagersOf(list []string) string {
	var out []string
	for _, n := range list[:min(len(list), reportNames)] {
		if n != backtest.AssumedConnector {
			out = append(out, line(n, 40))
		}
	}
	if n := len(list) - reportNames; n > 0 {
		out = append(out, thousands(n)+" more")
	}
	return strings.Join(out, ", ")
}

// ruleNames names rules, with links to those that are active.
func ruleNames(ids []string, active *rules.Set) (out []part) {
	for _, id := range ids[:min(len(ids), reportNames)] {
		out = append(out, part{Text: line(id, 48), Href: activeRuleHref(id, active)})
	}
	if n := len(ids) - reportNames; n > 0 {
		out = append(out, part{Text: thousands(n) + " more"})
	}
	return out
}

func activeRuleHref(id string, active *rules.Set) string {
	if active.Rule(id) == nil {
		return ""
	}
	return ruleHref(id)
}

// warmed says what both sides began with, where that is not the range itself.
func warmed(s backtest.Span) string {
	if s.WarmFrom == 0 {
		return ""
	}
	return "; begun with what came since " + minuteOf(s.WarmFrom) + " UTC, which is not counted"
}
