package console

import (
	"fmt"
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

// Bounds of a problem page.
const (
	problemIncidentsShown = 20
	problemLinesShown     = 50
)

// problemPage is one candidate or problem.
type problemPage struct {
	Number, Path, Title string
	State               badge
	Effect              badge
	EffectText          string
	Known               bool
	Tests               []problemTestView
	Facts               []fact
	Chart               *recurrenceChart
	Incidents           []problemIncidentRow
	More                string
	RootCause           []string
	Workaround          []string
	Reason              string
	Merged              string
	Next                string // what to do next
	Lines               []timelineLine
	Sync                []syncRow
	Refused             string
	Can                 problemCan
	Form                problemForm
}

func (p problemPage) about() (string, string, string) {
	return "problem", p.Number + " " + p.Title, "problems"
}

type problemTestView struct{ Name, Text, Chance string }

type problemIncidentRow struct {
	Number, Href string // Href is "" when its record is gone
	Opened       when
	Lasted       string
	Note         string
}

// problemCan is what the reader may do now.
type problemCan struct{ Accept, Dismiss, Work, Write, Merge, Communicate bool }

// problemForm is what the forms offer.
type problemForm struct {
	Version                                  uint64
	Key                                      string
	States                                   []option
	Owner, Team, RootCause, Workaround, Note string
}

var testNames = map[string]string{"excess": "More than chance", "periodic": "On a timetable", "seasonal": "At one time of day or week", "reopened": "Comes back",
	"change_linked": "After changes", "same_fix": "Same fix", "pair": "Together", "rule": "By a rule"}

// chanceSays words a probability in millionths.
func chanceSays(ppm int64) string {
	switch {
	case ppm <= 0:
		return ""
	case ppm < 1_000:
		return "chance: 1 in " + thousands(1_000_000/ppm)
	}
	return "chance: " + strconv.FormatFloat(float64(ppm)/10_000, 'f', 1, 64) + " %"
}

// nextOf says what a problem waits for.
func nextOf(p *itsm.Problem) string {
	switch {
	case p.State == itsm.ProblemCandidate:
		return "Decide: accept it and it has an owner, or say why it is no problem."
	case p.State.Open() && p.Owner == "":
		return "Give it an owner."
	case p.State.Open() && p.Workaround == "":
		return "Write down how to live with it: the next page quotes it."
	case p.State.Open() && p.RootCause == "":
		return "Find the root cause and write it down."
	case p.State.Open() && !p.KnownError:
		return "It is analysed: make it a known error, and move it on when the fix is under way."
	case p.State == itsm.ProblemResolved && p.Effect == itsm.EffectEffective:
		return "The fix is effective: close it."
	case p.State == itsm.ProblemResolved && p.Effect == itsm.EffectNotEffective:
		return "It came back: look at the root cause again."
	}
	return ""
}

func viewRecurring(p *itsm.Problem, notes []itsm.ProblemNote, inv inventory, role access.Role, now time.Time) problemPage {
	v := problemPage{Number: p.Number.String(), Path: "/problems/" + p.Number.String(), Title: line(p.Title, lineRunesMax), State: problemBadge(p.State),
		Effect: effectBadge(p.Effect), EffectText: line(p.EffectText, lineRunesMax), Known: p.KnownError, Reason: line(p.Reason, lineRunesMax), Merged: p.MergedInto,
		Next: nextOf(p), Chart: chartOf(p, now), RootCause: paragraphs(p.RootCause), Workaround: paragraphs(p.Workaround)}
	for _, t := range p.Tests {
		v.Tests = append(v.Tests, problemTestView{testNames[t.Test], line(t.Text, lineRunesMax), chanceSays(t.ChancePPM)})
	}
	v.Facts = []fact{{Name: "Expected cost", Text: fmt.Sprintf("%s: %s incidents of %d min with %s", costSays(p.MonthlyCost), strconv.FormatFloat(float64(p.RateMilli)/1000, 'f', -1, 64),
		p.MedianMinutes, plural(int(p.People), "person", "people"))}, {Name: "Cause", Said: inv.said(line(p.Cause, 200))}, {Name: "Kind of alert", Text: line(p.Class, 120)}}
	for _, f := range []fact{{Name: "Owner", Text: line(p.Owner, 60)}, {Name: "Team", Text: line(p.Team, 60)}, {Name: "Environment", Text: line(p.Env, 60)},
		{Name: "Services", Said: inv.named(p.Services)}, {Name: "Changes", Text: line(strings.Join(p.Changes, ", "), lineRunesMax)},
		{Name: "Proposed", When: at(p.ProposedAt, now)}, {Name: "Accepted", Text: actorName(p.AcceptedBy), When: at(p.AcceptedAt, now)}, {Name: "Resolved", When: at(p.ResolvedAt, now)}} {
		if f.Text != "" || len(f.Said) > 0 || f.When.ISO != "" {
			v.Facts = append(v.Facts, f)
		}
	}
	if p.Source != "" {
		v.Facts = append(v.Facts, fact{Name: "Made in " + line(p.Source, 40), Text: line(p.ExternalID, 60), Link: webLink(p.URL)})
	}
	for _, l := range p.Links {
		v.Facts = append(v.Facts, fact{Name: line(l.Connector, 40), Text: line(l.ID, 60), Link: webLink(l.URL)})
	}
	for n, i := range slices.Backward(p.Incidents) {
		if len(p.Incidents)-n > problemIncidentsShown {
			v.More = "and " + strconv.FormatUint(max(p.Count, uint64(len(p.Incidents)))-problemIncidentsShown, 10) + " more"
			break
		}
		v.Incidents = append(v.Incidents, viewProblemIncident(i, now))
	}
	for _, l := range notes {
		v.Lines = append(v.Lines, timelineLine{When: at(l.At, now), Kind: words(l.Kind), Actor: actorName(l.Actor), Ours: l.Actor == "signalbox", Text: inv.said(block(l.Text, valueRunesMax))})
	}
	manager, responder := role.Allows(access.ProblemManager), role.Allows(access.Responder)
	v.Can = problemCan{Accept: manager && (p.State == itsm.ProblemCandidate || p.State == itsm.ProblemDismissed), Dismiss: manager && p.State == itsm.ProblemCandidate,
		Work: manager && p.State.Accepted() && p.State != itsm.ProblemClosed, Write: responder && p.State != itsm.ProblemMerged && p.State != itsm.ProblemClosed,
		Merge: manager && itsm.CanMoveProblem(p.State, itsm.ProblemMerged), Communicate: responder && p.State.Known() && p.Workaround != ""}
	v.Form = problemForm{Version: p.Version, Owner: line(p.Owner, 60), Team: line(p.Team, 60), RootCause: block(p.RootCause, blockRunesMax), Workaround: block(p.Workaround, blockRunesMax)}
	for _, s := range itsm.ProblemMoves(p.State) {
		if s != itsm.ProblemMerged {
			v.Form.States = append(v.Form.States, option{Value: string(s), Label: problemLabels[s]})
		}
	}
	return v
}

func viewProblemIncident(i itsm.ProblemIncident, now time.Time) problemIncidentRow {
	r := problemIncidentRow{Number: i.Number.String(), Href: "/incidents/" + i.Number.String(), Opened: at(i.OpenedAt, now), Lasted: "still open"}
	if i.ResolvedAt != 0 {
		r.Lasted = "took " + span(i.ResolvedAt.Sub(i.OpenedAt))
	}
	var notes []string
	if i.Reopens > 0 {
		notes = append(notes, "reopened "+plural(int(i.Reopens), "time", "times"))
	}
	if i.Change != "" {
		notes = append(notes, span(time.Duration(i.ChangeBefore)*time.Second)+" after "+line(i.Change, 40))
	}
	if i.LinkedBy != "" {
		notes = append(notes, "linked by "+actorName(i.LinkedBy))
	}
	r.Note = strings.Join(notes, ", ")
	return r
}

// paragraphs splits a text a person wrote.
func paragraphs(s string) (out []string) {
	for p := range strings.SplitSeq(block(s, blockRunesMax), "\n") {
		if strings.TrimSpace(p) != "" {
			out = append(out, p)
		}
	}
	return out
}

// recurrenceChart draws how many incidents came in each week, or day, before now.
type recurrenceChart struct {
	Summary        string
	Width, Height  int
	Bars           []chartBar
	Fix            int    // x of the moment of the fix; 0: none
	From, To, Most string // labels of the axes
	Base           int    // y of the axis
}

type chartBar struct {
	X, Y, W, H int
}

const (
	chartWidth  = 640
	chartHeight = 150
	chartSlots  = 30
)

// chartOf is nil when there is nothing to draw.
func chartOf(p *itsm.Problem, now time.Time) *recurrenceChart {
	if len(p.Incidents) == 0 {
		return nil
	}
	const day = 24 * time.Hour
	slot, unit := day, "day"
	first := p.Incidents[0].OpenedAt
	if age := now.Sub(first.Std()); age > chartSlots*day {
		slot, unit = 7*day, "week"
		if age > chartSlots*7*day {
			slot, unit = time.Duration(int64(age)/chartSlots/int64(7*day)+1)*7*day, "slot"
		}
	}
	end := itsm.TimeOf(now)
	counts := make([]int, chartSlots)
	most := 1
	for _, i := range p.Incidents {
		if n := chartSlots - 1 - int(end.Sub(i.OpenedAt)/slot); n >= 0 && n < chartSlots {
			counts[n]++
			most = max(most, counts[n])
		}
	}
	c := &recurrenceChart{Width: chartWidth, Height: chartHeight, Base: chartHeight - 24, Most: strconv.Itoa(most), From: span(slot*chartSlots) + " ago", To: "now",
		Summary: plural(len(p.Incidents), "incident", "incidents") + " in the last " + span(end.Sub(first)) + ", at most " + strconv.Itoa(most) + " a " + unit}
	w := (chartWidth - 30) / chartSlots
	for n, k := range counts {
		if k == 0 {
			continue
		}
		h := max(4, k*(c.Base-14)/most)
		c.Bars = append(c.Bars, chartBar{X: 30 + n*w, Y: c.Base - h, W: w - 3, H: h})
	}
	if p.ResolvedAt != 0 {
		if n := end.Sub(p.ResolvedAt); n < slot*chartSlots {
			c.Fix = chartWidth - int(float64(n)/float64(slot)*float64(w))
		}
	}
	return c
}

// problem shows one.
func (c *Console) problem(ctx *fiber.Ctx) error {
	n, err := itsm.ParseProblemNumber(param(ctx, "number"))
	if err != nil {
		return err
	}
	p, err := c.problemPage(ctx, n)
	if err != nil {
		return err
	}
	return c.show(ctx, http.StatusOK, p)
}

func (c *Console) problemPage(ctx *fiber.Ctx, n itsm.ProblemNumber) (problemPage, error) {
	who, _ := person(ctx)
	p, err := nounOf[itsm.Problem](c, problemKind, n.String())
	if err == nil && !who.Scope.Sees(p.Services, p.Team) {
		err = itsm.Errorf(itsm.NotFound, "no problem has the number %s", n)
	}
	if err != nil {
		return problemPage{}, err
	}
	notes, _, err := nouns[itsm.ProblemNote](c, desk.ObjectQuery{Kind: problemKind + ".log", Prefix: n.String() + "/", Limit: problemLinesShown})
	if err != nil {
		return problemPage{}, err
	}
	v := viewRecurring(&p, notes, c.inventory(), who.Role, c.o.Clock())
	for k := range v.Incidents { // a problem remembers longer than incidents are kept
		n, err := itsm.ParseIncidentNumber(v.Incidents[k].Number)
		if err == nil {
			_, err = c.o.Records.Incident(n)
		}
		if itsm.CodeOf(err) == itsm.NotFound {
			v.Incidents[k].Href = ""
		} else if err != nil {
			return problemPage{}, err
		}
	}
	v.Sync, v.Form.Key = c.objectSync(n.String()), formKey()
	return v, nil
}
