package console

import (
	"context"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"signalbox/correlate/engine"
	"signalbox/itsm"
	"signalbox/itsm/httperr"
)

// explainWait is how long a page waits for the explanations of others, and for its own.
const explainWait = 10 * time.Second

// Explainer says why an alert is where it is; *engine.Engine is one.
type Explainer interface {
	Explain(ctx context.Context, q engine.Question) (engine.Explanation, error)
}

// whyHerePage says of one alert why it is where it is: what was decided and what
// would be decided now, which rules spoke, and why it did not join a neighbour. Of
// an incident it does so for the alert that leads it.
type whyHerePage struct {
	Number   string // the alert's
	Title    string
	Href     string
	Of       string // the incident it was asked for, "" for an alert
	Incident string
	OfHref   string
	CI       ciLink
	Bound    string
	Trail    []said
	Held     string
	Decided  *whyLine
	Now      said
	AsOf     []fact

	Beside  string // an incident to compare with, as typed
	Refused string // why nothing can be explained
	Gone    said   // the fold has forgotten it: only the record is left

	Near   []nearRow
	More   string
	Source string // what the rules were asked about
	Rules  string // how many matched
	Said   []fact // what normalise changed
	Steps  []tryStep
}

// nearRow is an incident near by, and what stands against joining it.
type nearRow struct {
	Number   string
	Href     string
	Title    string
	Relation said
	Score    int // percent; 0: it was not weighed
	Verdict  badge
	Why      said
	Opened   when
	Last     when
}

func (p whyHerePage) about() (string, string, string) {
	if p.Of != "" {
		return "whyhere", "Why is " + p.Of + " as it is?", "incidents"
	}
	return "whyhere", "Why is " + p.Number + " here?", "alerts"
}

// whyAlert serves /alerts/{id}/why.
func (c *Console) whyAlert(ctx *fiber.Ctx) error {
	a, err := c.alertNamed(ctx)
	if err != nil {
		return err
	}
	return c.whyHere(ctx, whyHerePage{}, &a)
}

// whyIncident serves /incidents/{number}/why, about the alert that leads it.
func (c *Console) whyIncident(ctx *fiber.Ctx) error {
	n, err := incidentNamed(ctx)
	if err != nil {
		return err
	}
	if _, err := c.o.Records.Incident(n); err != nil {
		return err
	}
	members, err := c.o.Records.IncidentAlerts(n, "", 1)
	if err != nil {
		return err
	}
	p := whyHerePage{Of: n.String(), OfHref: "/incidents/" + n.String()}
	if len(members.Items) == 0 {
		p.Title, p.Gone = n.String(), said{{Text: "It has no alerts any more: what they are in now is on the page of each."}}
		return c.show(ctx, http.StatusOK, p)
	}
	a := members.Items[0]
	if x, err := c.explain(ctx, engine.Question{Alert: a.Number, Brief: true}); err == nil && x.Lead != 0 && x.Incident == n {
		if lead, err := c.o.Records.Alert(x.Lead); err == nil {
			a = lead
		}
	}
	return c.whyHere(ctx, p, &a)
}

func (c *Console) explain(ctx *fiber.Ctx, q engine.Question) (engine.Explanation, error) {
	if c.o.Explainer == nil {
		return engine.Explanation{}, itsm.Errorf(itsm.Unavailable, "this server explains nothing")
	}
	wait, cancel := context.WithTimeout(ctx.UserContext(), explainWait)
	defer cancel()
	return c.o.Explainer.Explain(wait, q)
}

// whyHere completes and shows the page of an alert.
func (c *Console) whyHere(ctx *fiber.Ctx, p whyHerePage, a *itsm.Alert) error {
	inv, now := c.inventory(), c.o.Clock()
	p.Number, p.Title, p.Href, p.Incident = a.Number.String(), alertTitle(*a), "/alerts/"+a.Number.String(), a.Incident.String()
	id, _ := ciOf(*a)
	p.CI, p.Bound, p.Held = inv.link(id), words(a.BoundBy), line(a.SuppressedBy, lineRunesMax)
	p.Beside = line(query(ctx).Get("beside"), 30)
	q := engine.Question{Alert: a.Number}
	if p.Beside != "" {
		n, err := itsm.ParseIncidentNumber(strings.ToUpper(strings.TrimSpace(p.Beside)))
		if err == nil {
			_, err = c.o.Records.Incident(n)
		}
		if err != nil {
			p.Refused = "Compare with " + strconv.Quote(p.Beside) + ": expected the number of an incident such as INC0000042."
			return c.show(ctx, httperr.Status(err), p)
		}
		q.Beside = n
	}
	x, err := c.explain(ctx, q)
	switch code := itsm.CodeOf(err); {
	case err == nil:
		c.tellWhy(&p, &x, a, inv, now)
	case code == itsm.NotFound:
		p.Gone = c.inventory().said(line(itsm.MessageOf(err), lineRunesMax))
		evidence, err := c.evidenceOf(*a)
		if err != nil {
			return err
		}
		if len(evidence) > 0 {
			w := viewWhyLine(&evidence[0], a, inv, now)
			p.Decided = &w
		}
	default:
		return err
	}
	return c.show(ctx, http.StatusOK, p)
}

// tellWhy puts an explanation on the page.
func (c *Console) tellWhy(p *whyHerePage, x *engine.Explanation, a *itsm.Alert, inv inventory, now time.Time) {
	if x.Decided != nil {
		w := viewWhyLine(x.Decided, a, inv, now)
		p.Decided = &w
	}
	p.Now = inv.said(line(nowSentence(x), 2*lineRunesMax))
	p.AsOf = []fact{{Name: "As of", When: at(x.At, now)}, {Name: "Rules", Text: revisionName(x.Rules.Revision)}, {Name: "CMDB revision", Text: strconv.FormatUint(x.Graph.Revision(), 10)}}
	for _, t := range x.Answer.Trail[:min(len(x.Answer.Trail), alertLabelsMax)] {
		p.Trail = append(p.Trail, inv.said(line(t, lineRunesMax)))
	}
	for _, n := range x.Near.Neighbours {
		row := nearRow{Number: n.Incident.String(), Href: "/incidents/" + n.Incident.String(), Relation: inv.said(line(n.Relation, lineRunesMax)), Score: percent(n.ScoreMilli),
			Why: inv.said(line(n.Why, lineRunesMax)), Opened: at(n.OpenedAt, now), Last: at(n.LastJoinAt, now), Verdict: badge{Class: "st-closed", Label: "Not joined"}}
		if n.Relation == "" {
			row.Relation = said{{Text: "Of the same time; nothing in the CMDB relates them"}}
		}
		if n.Why == "" {
			row.Verdict = badge{Class: "st-in_progress", Label: "Would join now"}
		}
		if i, err := c.o.Records.Incident(n.Incident); err == nil {
			row.Title = line(i.Title, titleRunesMax)
		}
		p.Near = append(p.Near, row)
	}
	if x.Near.More > 0 {
		p.More = plural(x.Near.More, "more related incident is not listed", "more related incidents are not listed")
	}
	p.Source = "its event as the sender sent it"
	if x.Received == 0 {
		p.Source = "its record, for its event as received is not kept any more"
	}
	v := viewAnswer(x.Answer, x.Answer.Event, true, inv)
	p.Rules, p.Steps = v.Matched, v.Steps
	for _, ch := range x.Answer.Changed {
		p.Said = append(p.Said, eventChanges(ch.Before, ch.After, inv)...)
	}
	p.Said = p.Said[:min(len(p.Said), alertLabelsMax)]
}

// nowSentence is what would be decided now. Of a member it is about the other incidents.
func nowSentence(x *engine.Explanation) string {
	o := &x.Outcome
	switch {
	case x.Decided != nil && o.What == "joins":
		return "It would join " + o.Incident.String() + ": " + o.Because
	case x.Decided != nil && o.What == "opens" && o.Rule == "default":
		return "No other incident fits it better."
	case o.Incident != 0:
		return capital(o.What) + " " + o.Incident.String() + ": " + o.Because
	}
	return capital(o.What) + ": " + o.Because
}

func capital(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}
