package console

import (
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"signalbox/itsm"
	"signalbox/itsm/access"
)

// alertLabelsMax bounds the labels and annotations one page shows.
const alertLabelsMax = 100

// alertPage is everything known about one alert.
type alertPage struct {
	Number      string
	Title       string
	Severity    badge
	Word        string // the sender's word for the severity, when it is another
	Status      badge
	CI          ciLink
	Unbound     bool
	BoundBy     string
	Fix         string // page that makes a CI of an unbound one, or ""
	Trail       []said
	Facts       []fact
	Suppressed  string
	Flapping    bool
	Labels      []pair
	Annotations []pair
	Link        string // the sender's page about it
	Incident    string
	Why         []whyLine
	Key         string
	Explains    bool // there is a page that says why it is here
}

// pair is a label as a page shows it; Link is set when the value is an address.
type pair struct{ Name, Value, Link string }

func (p alertPage) about() (string, string, string) {
	return "alert", p.Number + " " + p.Status.Label + ": " + p.Title, "alerts"
}

func viewAlert(a itsm.Alert, evidence []itsm.Evidence, inv inventory, now time.Time) alertPage {
	id, unbound := ciOf(a)
	p := alertPage{
		Number: a.Number.String(), Title: alertTitle(a), Severity: severityBadge(a.Severity), Status: statusBadge(a.Status),
		CI: inv.link(id), Unbound: unbound, BoundBy: words(a.BoundBy), Suppressed: line(a.SuppressedBy, lineRunesMax), Flapping: a.Flapping,
		Labels: pairs(a.Labels), Annotations: pairs(a.Annotations), Link: webLink(a.GeneratorURL),
		Incident: a.Incident.String(), Key: line(string(a.Key), valueRunesMax), Facts: alertFacts(a, now),
	}
	if w := line(a.SeverityWord, 60); !strings.EqualFold(w, a.Severity.String()) {
		p.Word = w
	}
	for _, t := range a.Trail[:min(len(a.Trail), alertLabelsMax)] {
		p.Trail = append(p.Trail, inv.said(line(t, lineRunesMax)))
	}
	for k := range evidence {
		if e := &evidence[k]; e.Alert == a.Number {
			p.Why = append(p.Why, viewWhyLine(e, &a, inv, now))
		}
	}
	return p
}

var endedBy = map[string]string{
	"sender": "the sender resolved it", "lease": "the sender stopped renewing it", "stale": "nothing was heard of it for too long",
	"episode": "a newer episode began", "operator": "a person ended it",
}

func alertFacts(a itsm.Alert, now time.Time) []fact {
	out := []fact{
		{Name: "Source", Text: line(a.Source, 60), Link: "/alerts?" + url.Values{"source": {line(a.Source, queryMax)}}.Encode()},
		{Name: "Episode", Text: thousands(uint64(a.Episode))},
		{Name: "Firing since", When: at(a.StartsAt, now)},
	}
	if a.EndsAt != 0 {
		text := endedBy[a.EndedBy]
		out[2].Name = "Started"
		out = append(out, fact{Name: "Ended", When: at(a.EndsAt, now), Text: text})
	}
	if a.Reopened > 0 {
		out = append(out, fact{Name: "Came back", Text: plural(int(a.Reopened), "time within this episode", "times within this episode")})
	}
	return append(out,
		fact{Name: "First seen", When: at(a.RaisedAt, now)},
		fact{Name: "Last seen", When: at(a.LastSeenAt, now)},
		fact{Name: "Events", Text: thousands(a.EventCount)})
}

func pairs(ls itsm.Labels) []pair {
	out := make([]pair, 0, min(len(ls), alertLabelsMax))
	for _, l := range ls[:min(len(ls), alertLabelsMax)] {
		p := pair{Name: line(l.Name, 120), Value: block(l.Value, valueRunesMax)}
		if strings.HasPrefix(l.Value, "http") {
			p.Link = webLink(l.Value)
		}
		out = append(out, p)
	}
	return out
}

// alertNamed is the alert that the address names.
func (c *Console) alertNamed(ctx *fiber.Ctx) (itsm.Alert, error) {
	n, err := itsm.ParseAlertNumber(strings.Clone(ctx.Params("id")))
	if err != nil {
		return itsm.Alert{}, err
	}
	return c.o.Records.Alert(n)
}

func (c *Console) alert(ctx *fiber.Ctx) error {
	a, err := c.alertNamed(ctx)
	if err != nil {
		return err
	}
	evidence, err := c.evidenceOf(a)
	if err != nil {
		return err
	}
	p := viewAlert(a, evidence, c.inventory(), c.o.Clock())
	p.Explains = c.o.Explainer != nil
	if who, _ := person(ctx); p.Unbound && c.o.ImportCMDB != nil && who.Role.Allows(access.Admin) {
		p.Fix = unboundHref(a.Provisional)
	}
	delivered, err := c.deliveredFacts(&a)
	if err != nil {
		return err
	}
	p.Facts = append(p.Facts, delivered...)
	return c.show(ctx, http.StatusOK, p)
}

// episodesMax bounds the episodes of an alert whose evidence its page shows.
const episodesMax = 5

// evidenceOf is why the latest episodes of an alert belong to its incident.
func (c *Console) evidenceOf(a itsm.Alert) (out []itsm.Evidence, err error) {
	if a.Incident == 0 {
		return nil, nil
	}
	for k := range min(a.Episode, episodesMax) {
		e, err := c.o.Records.Why(a.Incident, a.Number, a.Episode-k)
		if itsm.CodeOf(err) == itsm.NotFound { // that episode was part of another incident
			continue
		}
		if err != nil {
			return nil, err
		}
		out = append(out, e)
	}
	return out, nil
}
