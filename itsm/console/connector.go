package console

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"signalbox/itsm"
	"signalbox/itsm/access"
	"signalbox/itsm/desk"
	"signalbox/itsm/partners"
)

// Bounds of a connector's page.
const (
	intentsShown  = 25
	connectorWait = 25 * time.Second // of a test, within the server's bound of an answer
)

// connectorPage is one partner: how it goes, what waits and what was given up.
type connectorPage struct {
	connectorLine
	Facts   []fact
	Letters []intentRow
	Older   string // address of older dead letters, or ""
	Queue   []intentRow
	More    string // how many more wait, or ""
	Steps   []stepRow
	Tested  string // what came of the test, or ""
	Failed  bool

	CanPause, CanResume, CanTest, CanRetry bool
}

type intentRow struct {
	About, Href string
	What        string
	At          when
	Text        string
	Answer      string // of the partner, when it was given up
	Retry       string // address of the button
}

type stepRow struct {
	Name, Detail, Took string
	Ok                 bool
}

func (p connectorPage) about() (string, string, string) {
	return "connector", "Connector " + p.Name, "connectors"
}

func viewConnector(k *partners.Connector, o desk.OutboxCounts, dead, queue desk.Page[desk.StoredIntent], who access.Identity, now time.Time) connectorPage {
	p := connectorPage{connectorLine: viewConnectorLine(k, o, now), Facts: connectorFacts(k, o, now), CanRetry: mayAct(who)}
	admin := who.Role.Allows(access.Admin)
	p.CanPause, p.CanResume, p.CanTest = admin && k.State != partners.Paused, admin && k.State == partners.Paused, admin
	for n := range dead.Items {
		p.Letters = append(p.Letters, viewIntentRow(&dead.Items[n], p.Href, now))
	}
	if dead.Next != "" {
		p.Older = p.Href + "?" + url.Values{"cursor": {dead.Next}}.Encode() + "#dead"
	}
	for n := range queue.Items {
		p.Queue = append(p.Queue, viewIntentRow(&queue.Items[n], p.Href, now))
	}
	if more := o.Pending - len(queue.Items); queue.Next != "" && more > 0 {
		p.More = thousands(more)
	}
	return p
}

func viewIntentRow(s *desk.StoredIntent, href string, now time.Time) intentRow {
	in := &s.Intent
	return intentRow{About: in.About(), Href: intentHref(in), What: words(string(in.Transition)), At: at(in.At, now),
		Text: line(in.Text, lineRunesMax), Answer: line(s.Failure, 4*lineRunesMax), Retry: href + "/dead-letters/" + url.PathEscape(in.Key) + "/retry"}
}

// intentHref is the page of what an intent is about.
func intentHref(in *itsm.Intent) string {
	switch {
	case in.Object == "":
		return "/incidents/" + in.Incident.String()
	case strings.HasPrefix(in.Object, "CHG"):
		return "/changes/" + in.Object
	}
	return "/problems/" + in.Object
}

func connectorFacts(k *partners.Connector, o desk.OutboxCounts, now time.Time) []fact {
	out := []fact{{Name: "Last sent", Text: nothingYet(k.SentAt), When: at(k.SentAt, now)}}
	if k.FailedAt != 0 {
		out = append(out, fact{Name: "Last refused", Text: line(k.LastError, lineRunesMax), When: at(k.FailedAt, now)})
	}
	circuit := fact{Name: "Circuit", Text: "closed: calls go out"}
	if k.Failures > 0 {
		circuit.Text = plural(k.Failures, "failure", "failures") + " in a row"
		if k.OpenUntil > itsm.TimeOf(now) {
			circuit.Text += ", open; the next try in " + span(k.OpenUntil.Std().Sub(now))
		}
	}
	out = append(out, circuit, fact{Name: "Waiting", Text: plural(o.Pending, "message", "messages"), When: at(o.OldestAt, now)})
	if k.Held > 0 {
		out = append(out, fact{Name: "Held back", Text: plural(k.Held, "incident", "incidents") + " by a storm or the page budget"})
	}
	rate := fmt.Sprintf("at most %s a minute", plural(k.PerMinute, "call", "calls"))
	if l := k.Limit; l.At != 0 {
		rate += fmt.Sprintf("; the partner counts %s of %s left", thousands(l.Remaining), thousands(l.Limit))
	}
	out = append(out, fact{Name: "Rate", Text: rate})
	return append(out, sweepFacts(k, now)...)
}

func nothingYet(t itsm.Time) string {
	if t == 0 {
		return "nothing yet"
	}
	return ""
}

func sweepFacts(k *partners.Connector, now time.Time) []fact {
	s := &k.Sweep
	if !s.Possible {
		return []fact{{Name: "Compared", Text: "never: this partner cannot be asked, or sweep_every is 0"}}
	}
	text := "every " + span(s.Every)
	switch {
	case s.Error != "" && s.Compared > 0:
		text += fmt.Sprintf("; %s, %s differed, and about %s it could not be asked: %s", plural(s.Compared, "record", "records"), thousands(s.Differed), thousands(s.Failed), line(s.Error, lineRunesMax))
	case s.Error != "":
		text += "; it could not be asked: " + line(s.Error, lineRunesMax)
	case s.BeganAt == 0:
		text += "; not yet"
	case s.EndedAt == 0:
		text += fmt.Sprintf("; one runs: %s so far", plural(s.Compared, "record", "records"))
	default:
		text += fmt.Sprintf("; %s, %s differed", plural(s.Compared, "record", "records"), thousands(s.Differed))
	}
	out := []fact{{Name: "Compared", Text: text, When: at(s.EndedAt, now)}}
	if d := k.Drift; d.Found > 0 {
		out = append(out, fact{Name: "Drift so far", Text: fmt.Sprintf("%s found: %s taken over from there, %s told again", thousands(d.Found), thousands(d.Adopted), thousands(d.Repaired))})
	}
	return out
}

func (c *Console) connectorPage(ctx *fiber.Ctx, k *partners.Connector) (connectorPage, error) {
	dead, err := c.o.Records.DeadLetters(k.Name, query(ctx).Get("cursor"), intentsShown)
	if err != nil {
		return connectorPage{}, err
	}
	queue, err := c.o.Records.Outbox(k.Name, "", intentsShown)
	if err != nil {
		return connectorPage{}, err
	}
	who, _ := person(ctx)
	return viewConnector(k, outboxOf(c.o.Records.Counts().Outbox, k.Name), dead, queue, who, c.o.Clock()), nil
}

func (c *Console) connector(ctx *fiber.Ctx) error {
	k, err := c.partner(ctx)
	if err != nil {
		return err
	}
	p, err := c.connectorPage(ctx, k)
	if err != nil {
		return err
	}
	return c.show(ctx, http.StatusOK, p)
}

// onConnector does something to the connector of the path and shows it again.
func (c *Console) onConnector(said string, do func(ctx context.Context, b partners.Board, name, actor string, f url.Values) error) fiber.Handler {
	return func(ctx *fiber.Ctx) error {
		f, err := form(ctx)
		if err != nil {
			return err
		}
		k, err := c.partner(ctx)
		if err != nil {
			return err
		}
		who, _ := person(ctx)
		if err := do(ctx.UserContext(), c.o.Partners, k.Name, who.Actor(), f); err != nil {
			return err
		}
		c.setFlash(ctx, said, 0)
		return ctx.Redirect(connectorHref(k.Name), http.StatusSeeOther)
	}
}

func pauseConnector(ctx context.Context, b partners.Board, name, actor string, f url.Values) error {
	return b.Pause(ctx, name, strings.TrimSpace(f.Get("reason")), actor)
}

func resumeConnector(ctx context.Context, b partners.Board, name, actor string, _ url.Values) error {
	return b.Resume(ctx, name, actor)
}

// testConnector tests and shows what came of each step.
func (c *Console) testConnector(ctx *fiber.Ctx) error {
	f, err := form(ctx)
	if err != nil {
		return err
	}
	k, err := c.partner(ctx)
	if err != nil {
		return err
	}
	who, _ := person(ctx)
	within, cancel := context.WithTimeout(ctx.UserContext(), connectorWait)
	defer cancel()
	steps, err := c.o.Partners.Test(within, k.Name, f.Get("check") != "", who.Actor())
	if err != nil {
		return err
	}
	p, err := c.connectorPage(ctx, k)
	if err != nil {
		return err
	}
	p.Tested = "It works: every step went as it should."
	for _, s := range steps {
		p.Steps = append(p.Steps, stepRow{Name: words(s.Name), Detail: line(s.Detail, lineRunesMax), Took: fmt.Sprintf("%.1f s", s.Took.Seconds()), Ok: s.Ok})
		if !s.Ok {
			p.Failed, p.Tested = true, "It does not work as it should."
		}
	}
	return c.show(ctx, http.StatusOK, p)
}

// retryIntent sends a dead letter again.
func (c *Console) retryIntent(ctx *fiber.Ctx) error {
	k, err := c.partner(ctx)
	if err != nil {
		return err
	}
	key := strings.Clone(ctx.Params("letter"))
	s, err := c.o.Records.Intent(k.Name, key)
	if err != nil {
		return err
	}
	if s.Status != desk.IntentAbandoned {
		return itsm.Errorf(itsm.Conflict, "it is %s; only what was given up can be sent again", s.Status)
	}
	who, _ := person(ctx)
	if err := c.o.Partners.RetryDeadLetter(ctx.UserContext(), k.Name, key, who.Actor()); err != nil {
		return err
	}
	c.setFlash(ctx, "sent-again", 0)
	return ctx.Redirect(connectorHref(k.Name), http.StatusSeeOther)
}
