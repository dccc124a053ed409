package console

import (
	"cmp"
	"net/url"
	"slices"
	"strings"
	"time"

	"signalbox/itsm"
	"signalbox/itsm/access"
	"signalbox/itsm/desk"
)

// Bounds of the home of problem managers.
const (
	homeProblemsShown = 8
	breachesWithin    = 7 * 24 * time.Hour
	breachesRead      = 2 * desk.PageMax // incidents looked at for targets that passed, the newest
	breachesShown     = 8
	servicesShown     = 8
)

// managePage is the start of problem managers: what to decide, what waits, what was
// too late, and where it keeps coming back.
type managePage struct {
	Parts      []chip
	Candidates []problemRow
	MoreCand   int
	States     []chip
	Waits      []problemWait // problems of people that wait for a step
	Breaches   []homeRow
	BreachSum  string
	Services   []recurringService
	None       bool // nothing was ever proposed
}

// problemWait is a problem and its next step.
type problemWait struct {
	problemRow
	Next string
}

// recurringService is a service and the open problems that hit it.
type recurringService struct {
	CI       ciLink
	Problems string
	Cost     string
	Href     string
}

func (managePage) about() (string, string, string) { return "homeproblems", "Home", "home" }

func (c *Console) homeProblems(who access.Identity) (page, error) {
	list, _, err := c.problemList(who)
	if err != nil {
		return nil, err
	}
	now := c.o.Clock()
	p := viewManage(list, who, c.inventory(), now)
	late, whole, err := c.breaches(who, now)
	if err != nil {
		return nil, err
	}
	p.BreachSum = plural(len(late), "incident", "incidents") + " in the last " + span(breachesWithin)
	if !whole {
		p.BreachSum += ", among the newest " + thousands(breachesRead)
	}
	for k := range late[:min(len(late), breachesShown)] {
		p.Breaches = append(p.Breaches, homeRow{incidentRow: viewRow(late[k], c.inventory(), false, now), Worse: missed(&late[k], now)})
	}
	return p, nil
}

// breaches are the incidents opened lately that passed a target, the worst first, and
// whether all that could be were looked at.
func (c *Console) breaches(who access.Identity, now time.Time) (out []itsm.Incident, whole bool, err error) {
	from := itsm.TimeOf(now.Add(-breachesWithin))
	q := desk.IncidentQuery{Limit: desk.PageMax}
	for range breachesRead / desk.PageMax {
		page, err := c.o.Records.Incidents(q)
		if err != nil {
			return nil, false, err
		}
		for _, i := range page.Items {
			if i.OpenedAt >= from && len(missed(&i, now)) > 0 && who.Scope.Sees(i.Services, i.Group) {
				out = append(out, i)
			}
		}
		q.Cursor = page.Next
		if whole = q.Cursor == "" || page.Items[len(page.Items)-1].OpenedAt < from; whole {
			break
		}
	}
	slices.SortStableFunc(out, func(a, b itsm.Incident) int {
		return cmp.Or(cmp.Compare(a.Priority, b.Priority), cmp.Compare(b.OpenedAt, a.OpenedAt))
	})
	return out, whole, nil
}

// missed names the targets an incident passed.
func missed(i *itsm.Incident, now time.Time) (out []string) {
	for _, k := range []struct {
		what  string
		clock *itsm.LevelClock
	}{{"acknowledged", &i.SLA.Response}, {"resolved", &i.SLA.Resolution}} {
		switch due := k.clock.DueAt; {
		case k.clock.Target == 0 || due == 0:
		case k.clock.DoneAt > due:
			out = append(out, k.what+" "+span(k.clock.DoneAt.Sub(due))+" too late")
		case k.clock.DoneAt == 0 && due <= itsm.TimeOf(now):
			out = append(out, "not "+k.what+", "+span(itsm.TimeOf(now).Sub(due))+" late")
		}
	}
	return out
}

func viewManage(list []itsm.Problem, who access.Identity, inv inventory, now time.Time) managePage {
	p := managePage{Parts: homeParts("problems"), None: len(list) == 0}
	sortByCost(list)
	counts := map[itsm.ProblemState]int{}
	for k := range list {
		q := &list[k]
		counts[q.State]++
		if q.State == itsm.ProblemCandidate {
			if len(p.Candidates) < homeProblemsShown {
				p.Candidates = append(p.Candidates, viewProblemRow(q, now))
			} else {
				p.MoreCand++
			}
			continue
		}
		if next := nextOf(q); next != "" && len(p.Waits) < homeProblemsShown && (q.Owner == "" || q.Owner == who.User || q.Owner == who.Name || who.Role.Allows(access.ProblemManager)) {
			p.Waits = append(p.Waits, problemWait{viewProblemRow(q, now), next})
		}
	}
	for _, s := range itsm.ProblemStates {
		if counts[s] > 0 && s != itsm.ProblemMerged && s != itsm.ProblemDismissed {
			href := "/problems"
			if s == itsm.ProblemClosed {
				href += "?show=over"
			}
			p.States = append(p.States, chip{badge: badge{Label: problemLabels[s]}, Count: thousands(counts[s]), Href: href})
		}
	}
	p.Services = recurringServices(list, inv)
	return p
}

// recurringServices are the services that undecided and open problems cost most.
func recurringServices(list []itsm.Problem, inv inventory) (out []recurringService) {
	type sum struct {
		id       string
		problems int
		cost     int64
	}
	sums := map[string]*sum{}
	for k := range list {
		if q := &list[k]; q.State == itsm.ProblemCandidate || q.State.Open() {
			for _, id := range q.Services {
				if sums[id] == nil {
					sums[id] = &sum{id: id}
				}
				sums[id].problems++
				sums[id].cost += q.MonthlyCost
			}
		}
	}
	order := make([]*sum, 0, len(sums))
	for _, s := range sums { // sorted below
		order = append(order, s)
	}
	slices.SortFunc(order, func(a, b *sum) int { return cmp.Or(cmp.Compare(b.cost, a.cost), strings.Compare(a.id, b.id)) })
	for _, s := range order[:min(len(order), servicesShown)] {
		out = append(out, recurringService{CI: inv.link(s.id), Problems: plural(s.problems, "problem", "problems"), Cost: costSays(s.cost), Href: "/?" + url.Values{"service": {s.id}, "state": {"all"}}.Encode()})
	}
	return out
}
