package console

import (
	"net/http"
	"strings"

	"github.com/gofiber/fiber/v2"

	"signalbox/itsm"
)

// askPage is where a link in a message leads that wants to act: a link must not act
// by itself, for programs follow links, so the page asks and one tap answers.
type askPage struct {
	incidentPage
	Verb string // "Acknowledge" or "Resolve"
	Deed string // last part of the address that does it
	May  bool   // it can be done now
	Not  string // why it cannot
}

func (p askPage) about() (string, string, string) {
	return "ask", p.Verb + " " + p.Number, "incidents"
}

// live is the page's own: nothing of it changes while it asks.
func (p askPage) live() string { return "" }

// askable are the deeds that a message may link to.
var askable = map[string]deed{acknowledge.name: acknowledge, resolve.name: resolve}

func (c *Console) ask(ctx *fiber.Ctx) error {
	n, err := incidentNamed(ctx)
	if err != nil {
		return err
	}
	d, ok := askable[ctx.Params("deed")]
	if !ok {
		return itsm.Errorf(itsm.NotFound, "nothing asks about that; expected acknowledge or resolve")
	}
	p, err := c.incidentPage(ctx, n, "")
	if err != nil {
		return err
	}
	return c.show(ctx, http.StatusOK, viewAsk(p, d))
}

func viewAsk(p incidentPage, d deed) askPage {
	a := askPage{incidentPage: p, Verb: d.verb, Deed: d.name, May: p.Can.Acknowledge}
	if d.name == resolve.name {
		a.May = p.Can.Resolve
	}
	switch {
	case a.May:
	case p.Acked != "" && d.name == acknowledge.name:
		a.Not = "It is " + p.Acked + " already."
	default:
		a.Not = "It is " + strings.ToLower(p.State.Label) + "; there is nothing to " + strings.ToLower(d.verb) + "."
	}
	return a
}
