package console

import (
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"signalbox/itsm"
	"signalbox/itsm/desk"
)

// alertsPage lists and searches alerts, newest first.
type alertsPage struct {
	Statuses []chip
	Q        string
	Source   string
	CI       string
	Incident string
	Which    string
	Filtered bool
	Rows     []alertRow
	Next     string
	External string
	Fresh    bool // there has never been an alert

	liveState string
}

type alertRow struct {
	alertRef
	Status     badge
	CI         ciLink
	Unbound    bool
	Source     string
	Incident   string
	Number     string
	Suppressed string
	Ended      when
}

func (alertsPage) about() (string, string, string) { return "alerts", "Alerts", "alerts" }

func (p alertsPage) live() string { return p.liveState }

// alertFilter is what the address says should be listed.
type alertFilter struct {
	Which                   string // "firing", "resolved" or "all"
	Q, Source, CI, Incident string
	Cursor                  string
}

func parseAlertFilter(v url.Values) (alertFilter, error) {
	f := alertFilter{Which: v.Get("status"), Q: line(v.Get("q"), queryMax), Source: line(v.Get("source"), queryMax),
		CI: line(v.Get("ci"), queryMax), Incident: v.Get("incident"), Cursor: v.Get("cursor")}
	switch f.Which {
	case "":
		f.Which = "firing"
		if f.Incident != "" || f.Q != "" {
			f.Which = "all" // who searches wants what is over as well
		}
	case "firing", "resolved", "all":
	default:
		return f, itsm.Errorf(itsm.Invalid, "status %q: expected firing, resolved or all", line(f.Which, 40))
	}
	if f.Incident != "" {
		if _, err := itsm.ParseIncidentNumber(f.Incident); err != nil {
			return f, err
		}
	}
	return f, nil
}

func (f alertFilter) query() desk.AlertQuery {
	q := desk.AlertQuery{CI: some(f.CI), Source: some(f.Source), Q: f.Q, Cursor: f.Cursor, Limit: listPageSize}
	switch f.Which {
	case "firing":
		q.Statuses = []itsm.Status{itsm.Firing}
	case "resolved":
		q.Statuses = []itsm.Status{itsm.Resolved}
	}
	if n, err := itsm.ParseIncidentNumber(f.Incident); err == nil {
		q.Incident = []itsm.IncidentNumber{n}
	}
	return q
}

func (f alertFilter) address(which, cursor string) string {
	v := url.Values{}
	for name, value := range map[string]string{"status": which, "q": f.Q, "source": f.Source, "ci": f.CI, "incident": f.Incident, "cursor": cursor} {
		if value != "" {
			v.Set(name, value)
		}
	}
	return "/alerts?" + v.Encode()
}

func viewAlerts(f alertFilter, page desk.Page[itsm.Alert], newest itsm.AlertNumber, inv inventory, external string, now time.Time) alertsPage {
	p := alertsPage{Q: f.Q, Source: f.Source, CI: f.CI, Incident: f.Incident, Which: f.Which, External: external, Fresh: newest == 0,
		Filtered: f.Q != "" || f.Source != "" || f.CI != "" || f.Incident != "" || f.Which == "resolved"}
	for _, w := range []string{"firing", "resolved", "all"} {
		p.Statuses = append(p.Statuses, chip{badge: badge{Label: strings.ToUpper(w[:1]) + w[1:]}, Current: w == f.Which, Href: f.address(w, "")})
	}
	for _, a := range page.Items {
		p.Rows = append(p.Rows, viewAlertRow(a, inv, now))
	}
	if page.Next != "" {
		p.Next = f.address(f.Which, page.Next)
	}
	p.liveState = watchList("alerts", f.address(f.Which, f.Cursor), page, nil, uint64(newest), alertNumber, alertMark)
	return p
}

func viewAlertRow(a itsm.Alert, inv inventory, now time.Time) alertRow {
	id, unbound := ciOf(a)
	return alertRow{alertRef: viewAlertRef(a, now), Number: a.Number.String(), Status: statusBadge(a.Status), CI: inv.link(id), Unbound: unbound,
		Source: line(a.Source, 60), Incident: a.Incident.String(), Suppressed: line(a.SuppressedBy, lineRunesMax), Ended: at(a.EndsAt, now)}
}

func (c *Console) alerts(ctx *fiber.Ctx) error {
	f, err := parseAlertFilter(query(ctx))
	if err != nil {
		return err
	}
	page, err := c.o.Records.Alerts(f.query())
	if err != nil {
		return err
	}
	return c.show(ctx, http.StatusOK, viewAlerts(f, page, c.o.Records.Counts().Alerts, c.inventory(), c.external.String(), c.o.Clock()))
}
