package console

import (
	"net/http"

	"github.com/gofiber/fiber/v2"

	"signalbox/itsm"
)

// helpPage explains the keys, the words and how to send a first alert.
type helpPage struct {
	External   string
	Priorities []badge
}

func (helpPage) about() (string, string, string) { return "help", "Help", "help" }

func (c *Console) help(ctx *fiber.Ctx) error {
	return c.show(ctx, http.StatusOK, viewHelp(c.external.String()))
}

func viewHelp(external string) helpPage {
	p := helpPage{External: external}
	for k := itsm.P1; k <= itsm.P5; k++ {
		p.Priorities = append(p.Priorities, priorityBadge(k))
	}
	return p
}
