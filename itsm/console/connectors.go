package console

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"signalbox/itsm"
	"signalbox/itsm/access"
	"signalbox/itsm/desk"
	"signalbox/itsm/partners"
)

// connectorsPage lists the partners and says who decides where they differ.
type connectorsPage struct {
	Rows        []connectorLine
	Authorities []itsm.Authority
	Configure   string // where they are configured; "" for who may not
}

// connectorLine is what is known of a connector at a glance.
type connectorLine struct {
	Name, Href, Kind string
	State            badge
	Waiting, Dead    string
	HasDead          bool
	Held             string // "": none
	Differ           string // "": none, or not known
	Sent             when
	Why              string // what is wrong, "" when nothing is
}

func (connectorsPage) about() (string, string, string) {
	return "connectors", "Connectors", "connectors"
}

var connectorBadges = map[string]badge{
	partners.Ok: {Class: "st-resolved", Label: "OK"}, partners.Retrying: {Class: "st-new", Label: "Retrying"}, partners.Paused: {Class: "st-on_hold", Label: "Paused"},
}

// outboxOf finds what waits for a connector.
func outboxOf(list []desk.OutboxCounts, name string) desk.OutboxCounts {
	if n := slices.IndexFunc(list, func(o desk.OutboxCounts) bool { return o.Connector == name }); n >= 0 {
		return list[n]
	}
	return desk.OutboxCounts{Connector: name}
}

func viewConnectorLine(k *partners.Connector, o desk.OutboxCounts, now time.Time) connectorLine {
	l := connectorLine{Name: line(k.Name, 60), Href: connectorHref(k.Name), Kind: line(k.Kind, 40), State: connectorBadges[k.State],
		Waiting: thousands(o.Pending), Dead: plural(o.Dead, "dead letter", "dead letters"), HasDead: o.Dead > 0, Sent: at(k.SentAt, now)}
	if k.Held > 0 {
		l.Held = thousands(k.Held)
	}
	if k.Sweep.Differs > 0 {
		l.Differ = plural(k.Sweep.Differs, "record differs", "records differ")
	}
	switch {
	case k.State == partners.Paused:
		l.Why = "by " + actorName(k.Pause.By)
		if k.Pause.Reason != "" {
			l.Why += ": " + line(k.Pause.Reason, lineRunesMax)
		}
	case k.State == partners.Retrying:
		l.Why = line(k.LastError, lineRunesMax)
	case k.Sweep.Error != "" && k.Sweep.Compared > 0:
		l.Why = fmt.Sprintf("%s cannot be compared: %s", plural(k.Sweep.Failed, "record", "records"), line(k.Sweep.Error, lineRunesMax))
	case k.Sweep.Error != "":
		l.Why = "it cannot be compared: " + line(k.Sweep.Error, lineRunesMax)
	}
	return l
}

func connectorHref(name string) string { return "/connectors/" + url.PathEscape(name) }

func viewConnectorList(list []partners.Connector, outbox []desk.OutboxCounts, now time.Time) connectorsPage {
	p := connectorsPage{Authorities: itsm.Authorities()}
	for n := range list {
		p.Rows = append(p.Rows, viewConnectorLine(&list[n], outboxOf(outbox, list[n].Name), now))
	}
	return p
}

func (c *Console) connectors(ctx *fiber.Ctx) error {
	p := viewConnectorList(c.partners(), c.o.Records.Counts().Outbox, c.o.Clock())
	if who, _ := person(ctx); c.o.Keeper != nil && who.Role.Allows(access.Admin) {
		p.Configure = keptHref
	}
	return c.show(ctx, http.StatusOK, p)
}

// partners lists what is configured.
func (c *Console) partners() []partners.Connector {
	if c.o.Partners == nil {
		return nil
	}
	return c.o.Partners.Connectors()
}

// partner finds the connector of the path.
func (c *Console) partner(ctx *fiber.Ctx) (*partners.Connector, error) {
	name, err := url.PathUnescape(strings.Clone(ctx.Params("connector")))
	if err != nil {
		name = ""
	}
	list := c.partners()
	for n := range list {
		if list[n].Name == name {
			return &list[n], nil
		}
	}
	return nil, itsm.Errorf(itsm.NotFound, "no connector is named %q", line(name, 60))
}
