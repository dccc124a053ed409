package console

import (
	"cmp"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"signalbox/itsm"
	"signalbox/itsm/access"
	"signalbox/itsm/desk"
)

// problemKind is the kind under which the desk keeps problems; the lines of their
// histories are of kind "problem.log".
const problemKind = "problem"

// Bounds of the problem board.
const (
	problemsRead  = 2000 // problems looked at, the newest
	problemsShown = 60   // of one heading
)

// problemsPage is the board: what to decide about, and what is worked on.
type problemsPage struct {
	Parts  []chip
	Groups []problemGroup
	By     string // "", "team" or "service"
	Over   bool   // what is over is shown
	None   bool   // nothing was ever proposed
	More   string // what was left out
	Teams  []option
}

func (problemsPage) about() (string, string, string) { return "problems", "Problems", "problems" }

type problemGroup struct {
	Title string
	Text  string // what to do about them
	Count int
	Rows  []problemRow
	More  string
}

type problemRow struct {
	Number, Href, Title string
	State               badge
	Cost                string
	Because             string
	Incidents           string
	Owner               string
	Effect              badge
	Known               bool
	Last                when
}

var problemLabels = map[itsm.ProblemState]string{
	itsm.ProblemCandidate: "Candidate", itsm.ProblemDismissed: "Dismissed", itsm.ProblemMerged: "Merged", itsm.ProblemNew: "New", itsm.ProblemAssess: "Assess",
	itsm.ProblemAnalysis: "Root cause analysis", itsm.ProblemFix: "Fix in progress", itsm.ProblemResolved: "Resolved", itsm.ProblemClosed: "Closed",
	itsm.ProblemRiskAccepted: "Risk accepted",
}

func problemBadge(s itsm.ProblemState) badge {
	class := "st-in_progress"
	switch s {
	case itsm.ProblemCandidate, itsm.ProblemNew:
		class = "st-new"
	case itsm.ProblemResolved, itsm.ProblemClosed:
		class = "st-resolved"
	case itsm.ProblemRiskAccepted:
		class = "st-on_hold"
	case itsm.ProblemDismissed, itsm.ProblemMerged:
		class = "st-closed"
	}
	return badge{Class: class, Label: problemLabels[s]}
}

func effectBadge(effect string) badge {
	switch effect {
	case itsm.EffectWatching:
		return badge{Class: "st-on_hold", Label: "watching the fix"}
	case itsm.EffectEffective:
		return badge{Class: "st-resolved", Label: "fix is effective"}
	case itsm.EffectNotEffective:
		return badge{Class: "st-new", Label: "fix did not help"}
	}
	return badge{}
}

// costSays words person-minutes.
func costSays(minutes int64) string {
	switch {
	case minutes < 120:
		return strconv.FormatInt(minutes, 10) + " min a month"
	case minutes < 48*60:
		return strconv.FormatInt((minutes+30)/60, 10) + " h a month"
	}
	return thousands((minutes+30)/60) + " h a month"
}

func viewProblemRow(p *itsm.Problem, now time.Time) problemRow {
	r := problemRow{Number: p.Number.String(), Href: "/problems/" + p.Number.String(), Title: line(p.Title, lineRunesMax), State: problemBadge(p.State),
		Cost: costSays(p.MonthlyCost), Incidents: plural(int(min(p.Count, 1e9)), "incident", "incidents"), Effect: effectBadge(p.Effect), Known: p.KnownError, Last: at(p.LastAt, now)}
	switch {
	case p.Owner != "":
		r.Owner = "with " + line(p.Owner, 60)
	case p.Team != "":
		r.Owner = "for " + line(p.Team, 60)
	case p.State.Open():
		r.Owner = "nobody owns it"
	}
	if len(p.Tests) > 0 {
		r.Because = line(p.Tests[0].Text, lineRunesMax)
	}
	return r
}

// problemHeads are the headings of the board, in the order of the work.
var problemHeads = []struct {
	title, text string
	states      []itsm.ProblemState
	over        bool
}{
	{"Candidates", "Dearest first. Accept what deserves an owner, dismiss the rest with a reason; a dismissed one comes back when it goes on.", []itsm.ProblemState{itsm.ProblemCandidate}, false},
	{"New and being assessed", "Give each an owner and a workaround first: the next page quotes it.", []itsm.ProblemState{itsm.ProblemNew, itsm.ProblemAssess}, false},
	{"Root cause analysis", "Write the root cause down, then it can be a known error.", []itsm.ProblemState{itsm.ProblemAnalysis}, false},
	{"Fix in progress", "Move it to resolved once the fix is in: from then on silence is counted.", []itsm.ProblemState{itsm.ProblemFix}, false},
	{"Resolved: does the fix help?", "Close what is effective; what came back needs another look.", []itsm.ProblemState{itsm.ProblemResolved}, false},
	{"Risk accepted", "Known and lived with.", []itsm.ProblemState{itsm.ProblemRiskAccepted}, false},
	{"Over", "", []itsm.ProblemState{itsm.ProblemClosed, itsm.ProblemDismissed, itsm.ProblemMerged}, true},
}

func viewBoard(list []itsm.Problem, by string, over bool, inv inventory, now time.Time) problemsPage {
	p := problemsPage{By: by, Over: over, None: len(list) == 0}
	open := 0
	for i := range list {
		if list[i].State.Open() || list[i].State == itsm.ProblemCandidate {
			open++
		}
	}
	p.Parts = []chip{{badge: badge{Label: "Board"}, Href: "/problems", Count: strconv.Itoa(open), Current: by == "" && !over},
		{badge: badge{Label: "By team"}, Href: "/problems?by=team", Current: by == "team"}, {badge: badge{Label: "By service"}, Href: "/problems?by=service", Current: by == "service"},
		{badge: badge{Label: "Over"}, Href: "/problems?show=over", Current: over}}
	sortByCost(list)
	if by != "" {
		p.Groups = reviewOf(list, by, inv, now)
		return p
	}
	for _, h := range problemHeads {
		if h.over != over {
			continue
		}
		g := problemGroup{Title: h.title, Text: h.text}
		for i := range list {
			if slices.Contains(h.states, list[i].State) {
				g.add(&list[i], now)
			}
		}
		if g.Count > 0 {
			p.Groups = append(p.Groups, g)
		}
	}
	return p
}

func (g *problemGroup) add(p *itsm.Problem, now time.Time) {
	if g.Count++; g.Count > problemsShown {
		g.More = "and " + strconv.Itoa(g.Count-problemsShown) + " cheaper ones"
		return
	}
	g.Rows = append(g.Rows, viewProblemRow(p, now))
}

// reviewOf lists what is open for a review, one heading for each team or service,
// the dearest heading first.
func reviewOf(list []itsm.Problem, by string, inv inventory, now time.Time) []problemGroup {
	groups, cost := map[string]*problemGroup{}, map[string]int64{}
	for i := range list {
		p := &list[i]
		if !p.State.Open() && p.State != itsm.ProblemCandidate && p.State != itsm.ProblemResolved {
			continue
		}
		names := p.Services
		if by == "team" {
			names = []string{p.Team}
		}
		if len(names) == 0 {
			names = []string{""}
		}
		for _, n := range names {
			if groups[n] == nil {
				title := line(n, titleRunesMax)
				if by == "service" {
					title = inv.name(n)
				}
				groups[n] = &problemGroup{Title: cmp.Or(title, "Of no "+by)}
			}
			groups[n].add(p, now)
			cost[n] += p.MonthlyCost
		}
	}
	names := make([]string, 0, len(groups))
	for n := range groups { // sorted below
		names = append(names, n)
	}
	slices.SortFunc(names, func(a, b string) int { return cmp.Or(cmp.Compare(cost[b], cost[a]), strings.Compare(a, b)) })
	var out []problemGroup
	for _, n := range names[:min(len(names), problemsShown)] {
		groups[n].Text = plural(groups[n].Count, "problem", "problems") + ", together " + costSays(cost[n])
		out = append(out, *groups[n])
	}
	return out
}

// boardMembers are what the board and the home of problem managers are made of. Most
// of a problem is its incidents, and they show none.
var boardMembers = []string{"number", "title", "state", "services", "tests", "count", "monthly_cost", "owner", "team", "root_cause", "workaround", "known_error", "last_at", "effect"}

// problemList reads the problems that who may see, the newest, and whether that is
// all of them; of each what boardMembers names.
func (c *Console) problemList(who access.Identity) (list []itsm.Problem, whole bool, err error) {
	q := desk.ObjectQuery{Kind: problemKind, Limit: desk.PageMax}
	for len(list) < problemsRead {
		page, next, err := nouns[itsm.Problem](c, q, boardMembers...)
		if err != nil {
			return nil, false, err
		}
		for _, p := range page {
			if who.Scope.Sees(p.Services, p.Team) {
				list = append(list, p)
			}
		}
		if q.Cursor = next; next == "" {
			return list, true, nil
		}
	}
	return list, false, nil
}

// sortByCost puts the dearest first.
func sortByCost(list []itsm.Problem) {
	slices.SortFunc(list, func(a, b itsm.Problem) int {
		return cmp.Or(cmp.Compare(b.MonthlyCost, a.MonthlyCost), cmp.Compare(b.Number, a.Number))
	})
}

// problems shows the board or the review list.
func (c *Console) problems(ctx *fiber.Ctx) error {
	who, _ := person(ctx)
	list, whole, err := c.problemList(who)
	if err != nil {
		return err
	}
	v := query(ctx)
	by := v.Get("by")
	if by != "team" && by != "service" {
		by = ""
	}
	p := viewBoard(list, by, v.Get("show") == "over", c.inventory(), c.o.Clock())
	if !whole {
		p.More = "Older ones than the newest " + thousands(problemsRead) + " are left out; the API lists all."
	}
	return c.show(ctx, http.StatusOK, p)
}

func (c *Console) problemRoutes() []route {
	one := "/problems/:number"
	rows := []route{{http.MethodGet, "/problems", access.Viewer, c.problems}, {http.MethodGet, one, access.Viewer, c.problem},
		{http.MethodPost, "/incidents/:number/problem", access.Responder, c.makeProblem}}
	for _, d := range problemDeeds {
		rows = append(rows, route{http.MethodPost, one + "/" + d.name, d.role, c.actOnProblem(d)})
	}
	return rows
}
