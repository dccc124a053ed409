package console

import (
	"strconv"
	"sync"
	"time"

	"signalbox/correlate/backtest"
	"signalbox/itsm"
)

// cannedTakes is how long a backtest of the storybook seems to take.
const cannedTakes = 30 * time.Second

// cannedTries has backtests as a server keeps them: a small one, a large one that
// warns of much, one that failed, and one under way. What is started comes to the
// small report.
type cannedTries struct {
	clock func() time.Time

	mu   sync.Mutex
	jobs []backtest.Job // oldest first, guarded by mu
}

func newCannedTries(clock func() time.Time) *cannedTries {
	now := clock()
	day := func(n int) itsm.Time { return itsm.TimeOf(now.AddDate(0, 0, -n)) }
	small, large := cannedSmallReport(itsm.TimeOf(now)), cannedLargeReport(itsm.TimeOf(now))
	return &cannedTries{clock: clock, jobs: []backtest.Job{
		{ID: "1", State: backtest.Done, Progress: 1000, StartedAt: now.Add(-3 * time.Hour), EndedAt: now.Add(-3*time.Hour + 9*time.Second), Actor: "console:jonas", After: "revision 4", Before: "revision 3", From: day(7), Report: &small},
		{ID: "2", State: backtest.Done, Progress: 1000, StartedAt: now.Add(-2 * time.Hour), EndedAt: now.Add(-2*time.Hour + 51*time.Second), Actor: "console:mira", After: "what was typed over revision 4", Before: "no rules", From: day(30), Report: &large},
		{ID: "3", State: backtest.JobError, Progress: 0, StartedAt: now.Add(-time.Hour), EndedAt: now.Add(-time.Hour), Actor: "api:ci", After: "revision 3", Before: "revision 1", From: day(400), To: day(390),
			Error: "there is no delivery in the range: choose an earlier from or a later to"},
		{ID: "4", State: backtest.Running, StartedAt: now.Add(-13 * time.Second), Actor: "console:jonas", After: "revision 4", Before: "revision 3", From: day(30)},
	}}
}

// settle lets time pass for a job.
func (t *cannedTries) settle(j backtest.Job) backtest.Job {
	if j.State != backtest.Running {
		return j
	}
	now := t.clock()
	if passed := now.Sub(j.StartedAt); passed < cannedTakes {
		j.Progress = int(passed * 1000 / cannedTakes)
		return j
	}
	small := cannedSmallReport(itsm.TimeOf(j.StartedAt))
	j.State, j.Progress, j.EndedAt, j.Report = backtest.Done, 1000, j.StartedAt.Add(cannedTakes), &small
	return j
}

// Start implements Backtests.
func (t *cannedTries) Start(a backtest.Trial) (backtest.Job, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if n := len(t.jobs); n > 0 {
		if last := t.settle(t.jobs[n-1]); last.State == backtest.Running {
			return last, itsm.Errorf(itsm.Conflict, "backtest %s is running, at %d %%: one at a time; try again when it is done", last.ID, last.Progress/10)
		}
	}
	t.jobs = append(t.jobs, backtest.Job{ID: strconv.Itoa(len(t.jobs) + 1), State: backtest.Running, StartedAt: t.clock(), Actor: a.Actor, Before: a.Before.Name, After: a.After.Name, From: a.From, To: a.To})
	return t.jobs[len(t.jobs)-1], nil
}

// Get implements Backtests.
func (t *cannedTries) Get(id string) (backtest.Job, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, j := range t.jobs {
		if j.ID == id {
			return t.settle(j), nil
		}
	}
	return backtest.Job{}, itsm.Errorf(itsm.NotFound, "there is no backtest %q; they are kept until the process stops", id)
}

// List implements Backtests.
func (t *cannedTries) List() []backtest.Job {
	t.mu.Lock()
	defer t.mu.Unlock()
	out := make([]backtest.Job, 0, len(t.jobs))
	for i := len(t.jobs) - 1; i >= 0; i-- {
		j := t.settle(t.jobs[i])
		j.Report = nil
		out = append(out, j)
	}
	return out
}

// cannedRef is an incident of a side; number 0 is one that only the backtest has.
func cannedRef(n itsm.IncidentNumber, title string, p itsm.Priority, group string, opened itsm.Time) backtest.IncidentRef {
	r := backtest.IncidentRef{Number: "INC0000900", Title: title, Priority: p, Group: group, OpenedAt: opened, PagedAt: opened}
	if n != 0 {
		number := n.String()
		r.Number, r.Recorded = number, &number
	}
	return r
}

// cannedSmallReport is a change that costs nothing: two incidents become one.
func cannedSmallReport(now itsm.Time) backtest.Report {
	week := func(n int) *int { n *= 1000; return &n }
	r := backtest.Report{Before: backtest.RuleSetRef{Name: "revision 3", Rules: 7}, After: backtest.RuleSetRef{Name: "revision 4", Rules: 8},
		Span: backtest.Span{From: now.Add(-7 * 24 * time.Hour), To: now.Add(-time.Minute), Deliveries: 1_204, Events: 5_310, Whole: true, WarmFrom: now.Add(-8 * 24 * time.Hour), WarmDeliveries: 190},
		P1:   backtest.Lost{Paged: 1}, P2: backtest.Lost{Paged: 2}}
	r.Compression.Before = backtest.Compression{Events: 5_310, Alerts: 96, Incidents: 8, AlertsPerEvent: 18, IncidentsPerAlert: 83, IncidentsPerEvent: 2}
	r.Compression.After = backtest.Compression{Events: 5_310, Alerts: 96, Incidents: 7, AlertsPerEvent: 18, IncidentsPerAlert: 73, IncidentsPerEvent: 1}
	r.Alerts = backtest.Alerts{Before: 96, After: 96}
	pods, links := cannedRef(4, "9 services alert behind orders-db-1", itsm.P1, "shop", now.Add(-14*time.Minute)), cannedRef(5, "Link of edge-7 flaps", itsm.P3, "network", now.Add(-40*time.Minute))
	r.Incidents = backtest.Incidents{Before: 8, After: 7, Same: 6,
		Merged: backtest.Difference{Count: 1, Examples: []backtest.Example{{Before: []backtest.IncidentRef{pods, links}, After: []backtest.IncidentRef{cannedRef(4, "9 services alert behind orders-db-1", itsm.P1, "shop", now.Add(-40*time.Minute))}, Alerts: 41, Rules: []string{"shop-namespace"}}}}}
	r.Pages = backtest.Pages{Total: backtest.PageCount{Before: 5, After: 4, BeforePerWeek: week(5), AfterPerWeek: week(4)},
		Connectors: []backtest.PageCount{{Name: "pagerduty", Before: 5, After: 4, BeforePerWeek: week(5), AfterPerWeek: week(4)}},
		Teams:      []backtest.PageCount{{Name: "network", Before: 1, BeforePerWeek: week(1), AfterPerWeek: week(0)}, {Name: "shop", Before: 4, After: 4, BeforePerWeek: week(4), AfterPerWeek: week(4)}}}
	r.FirstPage.Before, r.FirstPage.After = backtest.Delay{Paged: 5, P50: 2, P90: 61, Max: 61}, backtest.Delay{Paged: 4, P50: 2, P90: 61, Max: 61}
	r.Labels = backtest.Labels{Together: backtest.Label{Pairs: 12, Before: 9, After: 12}, Apart: backtest.Label{Pairs: 4, Before: 4, After: 4}}
	r.Rules = []backtest.RuleImpact{
		{ID: "flapping-links", About: "Give links a moment to come back", Change: "added", After: backtest.Hits{Shadow: 14}},
		{ID: "page-tier-one", About: "Page for tier 1 when half of a service is down", Change: "changed", Before: backtest.Hits{Hits: 5}, After: backtest.Hits{Hits: 4}},
		{ID: "severity-words", About: "The shop's own words for severities", Before: backtest.Hits{Hits: 5_310}, After: backtest.Hits{Hits: 5_310}},
		{ID: "shop-namespace", About: "What fires in the shop's namespace is one incident", Before: backtest.Hits{Hits: 40}, After: backtest.Hits{Hits: 41}, Merged: 1},
	}
	r.Notes = []string{"both sides begin without alerts: what fired before the range is known from its first repeat"}
	return r
}

// cannedLargeReport is a change that would do harm, over a busy month.
func cannedLargeReport(now itsm.Time) backtest.Report {
	milli := func(n int) *int { return &n }
	r := backtest.Report{Before: backtest.RuleSetRef{Name: "no rules"}, After: backtest.RuleSetRef{Name: "what was typed over revision 4", Rules: 140},
		Span: backtest.Span{From: now.Add(-30 * 24 * time.Hour), To: now.Add(-time.Minute), Deliveries: 214_000, Events: 861_240, Whole: true},
		P1:   backtest.Lost{Paged: 31, Lost: 3, Later: 2}, P2: backtest.Lost{Paged: 204, Lost: 21, Later: 4, Lower: 12}}
	r.Compression.Before = backtest.Compression{Events: 861_240, Alerts: 48_310, Incidents: 6_140, AlertsPerEvent: 56, IncidentsPerAlert: 127, IncidentsPerEvent: 7}
	r.Compression.After = backtest.Compression{Events: 861_240, Alerts: 41_090, Incidents: 3_702, AlertsPerEvent: 48, IncidentsPerAlert: 90, IncidentsPerEvent: 4}
	r.Alerts = backtest.Alerts{Before: 48_310, After: 41_090, Suppressed: 7_200, Lost: 24, Added: 4}
	ref := func(k int, p itsm.Priority) backtest.IncidentRef {
		n := itsm.IncidentNumber(1 + k%7)
		return cannedRef(n, cannedServices[k%len(cannedServices)].id+" answers slowly or not at all", p, "shop", now.Add(-time.Duration(k+1)*97*time.Minute))
	}
	for k := range 42 {
		w := backtest.Warning{Kind: "lost", Incident: ref(k, itsm.P2), Connectors: []string{"pagerduty"}, PagedAt: now.Add(-time.Duration(k+1) * 97 * time.Minute), Rules: []string{"build-agents-at-night", "quiet-nights"}}
		switch {
		case k < 3:
			w.Incident.Priority = itsm.P1
		case k < 5:
			w.Kind, w.Incident.Priority, w.Then, w.After = "later", itsm.P1, w.PagedAt.Add(22*time.Minute), []backtest.IncidentRef{ref(k, itsm.P1)}
		case k > 29:
			w.Kind, w.Then, w.After = "lower", w.PagedAt, []backtest.IncidentRef{ref(k, itsm.P4), cannedRef(0, "Everything in fra1 is slow", itsm.P3, "", w.PagedAt)}
		}
		r.Warnings = append(r.Warnings, w)
	}
	examples := func(before, after int) (out []backtest.Example) {
		for k := range 10 {
			e := backtest.Example{Alerts: 3 + k*before, Rules: []string{"shop-namespace", "quiet-nights"}[:1+k%2]}
			for i := range before {
				e.Before = append(e.Before, ref(k+i, itsm.Priority(2+(k+i)%4)))
			}
			for i := range after {
				e.After = append(e.After, cannedRef(itsm.IncidentNumber(i*k%8), "Part "+strconv.Itoa(i+1)+" of the outage in fra1", itsm.P3, "shop", now.Add(-time.Duration(k+1)*time.Hour)))
			}
			out = append(out, e)
		}
		return out
	}
	r.Incidents = backtest.Incidents{Before: 6_140, After: 3_702, Same: 2_810, Resized: 402,
		Opened: backtest.Difference{Count: 12, Examples: examples(0, 1)}, Merged: backtest.Difference{Count: 610, Examples: examples(9, 1)}, Split: backtest.Difference{Count: 31, Examples: examples(1, 5)},
		Suppressed: backtest.Difference{Count: 1_190, Examples: examples(1, 0)}, Lost: backtest.Difference{Count: 4, Examples: examples(1, 0)[:4]}}
	r.Pages.Total = backtest.PageCount{Before: 1_410, After: 702, BeforePerWeek: milli(329_000), AfterPerWeek: milli(163_800)}
	for k := range 40 {
		r.Pages.Teams = append(r.Pages.Teams, backtest.PageCount{Name: "team-" + strconv.Itoa(k+1), Before: 70 - k, After: 40 - k/2, BeforePerWeek: milli(16_300 - 230*k), AfterPerWeek: milli(9_300 - 110*k)})
	}
	r.Pages.Connectors = []backtest.PageCount{{Name: "opsgenie", Before: 400, After: 410, BeforePerWeek: milli(93_300), AfterPerWeek: milli(95_660)}, {Name: "pagerduty", Before: 1_010, After: 292, BeforePerWeek: milli(235_600), AfterPerWeek: milli(68_130)}}
	r.FirstPage.Before, r.FirstPage.After = backtest.Delay{Paged: 1_410, P50: 2, P90: 61, Max: 1_804}, backtest.Delay{Paged: 702, P50: 31, P90: 362, Max: 5_400}
	for k := range 140 {
		i := backtest.RuleImpact{ID: "rule-" + strconv.Itoa(1000 + k)[1:], About: "One of the many rules of a busy month", Change: []string{"added", "", "changed", ""}[k%4], After: backtest.Hits{Hits: uint64(7 * k)}}
		if k%4 == 0 {
			i.Suppressed, i.Alerts = k, 6*k
		}
		r.Rules = append(r.Rules, i)
	}
	r.Rules[17] = backtest.RuleImpact{ID: "quiet-nights", About: "What fires at night waits", Change: "added", After: backtest.Hits{Hits: 7_200, Failures: 2}, Warnings: 24, Suppressed: 1_190, Alerts: 7_200}
	r.Notes = []string{"both sides begin without alerts: what fired before the range is known from its first repeat", "31 acts of people are left out on the side of what was typed over revision 4: the incident they meant does not exist there"}
	return r
}
