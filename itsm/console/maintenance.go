package console

import (
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"signalbox/itsm"
	"signalbox/itsm/desk"
	recur "signalbox/itsm/window"
)

// Bounds of the pages about maintenance.
const (
	windowsListed  = 200
	windowsOver    = 20  // ended and cancelled ones that are listed
	quietLookedAt  = 500 // firing alerts that are looked at for those kept quiet
	quietShown     = 100
	upcomingListed = 5
)

// maintenancePage lists maintenance windows and what they keep quiet now.
type maintenancePage struct {
	Active, Planned, Over []windowRow
	Quiet                 []alertRow
	QuietMore             bool
	CanAct                bool
}

type windowRow struct {
	ID, Href, Reason string
	State            badge
	Scope            said
	Owner            string
	Repeats          string
	Start, End       when
}

func (maintenancePage) about() (string, string, string) {
	return "maintenance", "Maintenance", "maintenance"
}

var windowClasses = map[itsm.MaintenanceState]string{
	itsm.MaintenanceScheduled: "st-on_hold", itsm.MaintenanceActive: "st-in_progress", itsm.MaintenanceEnded: "st-closed", itsm.MaintenanceCancelled: "st-cancelled",
}

func windowBadge(s itsm.MaintenanceState) badge {
	return badge{Class: windowClasses[s], Label: words(string(s))}
}

func viewWindowRow(m itsm.Maintenance, inv inventory, now time.Time) windowRow {
	r := windowRow{ID: m.ID, Href: "/maintenance/" + m.ID, Reason: line(m.Reason, lineRunesMax), State: windowBadge(m.State), Scope: inv.said(line(m.Scope.String(), 200)), Owner: line(m.Owner, 60),
		Start: at(m.NextStart, now), End: at(m.NextEnd, now)}
	if m.State.IsOver() {
		r.Start, r.End = at(m.StartsAt, now), at(min(m.UpdatedAt, max(m.EndsAt, m.UpdatedAt)), now)
	}
	if m.RRule != "" {
		r.Repeats = line(m.RRule+" in "+m.Zone, 120)
	}
	return r
}

func (c *Console) maintenance(ctx *fiber.Ctx) error {
	all, err := objects(c, desk.ObjectQuery{Kind: "maintenance", Limit: windowsListed}, func(*itsm.Maintenance) bool { return true })
	if err != nil {
		return err
	}
	now := c.o.Clock()
	p := maintenancePage{}
	for _, m := range all {
		row := viewWindowRow(m, c.inventory(), now)
		switch {
		case m.State == itsm.MaintenanceActive:
			p.Active = append(p.Active, row)
		case m.State == itsm.MaintenanceScheduled:
			p.Planned = append(p.Planned, row)
		case len(p.Over) < windowsOver:
			p.Over = append(p.Over, row)
		}
	}
	if len(p.Active) > 0 {
		if p.Quiet, p.QuietMore, err = c.quietNow("maintenance "); err != nil {
			return err
		}
	}
	who, _ := person(ctx)
	p.CanAct = mayAct(who)
	return c.show(ctx, http.StatusOK, p)
}

// quietNow lists the firing alerts that are held back by what begins so.
func (c *Console) quietNow(by string) (rows []alertRow, more bool, err error) {
	page, err := c.o.Records.Alerts(desk.AlertQuery{Statuses: []itsm.Status{itsm.Firing}, Limit: quietLookedAt})
	if err != nil {
		return nil, false, err
	}
	inv, now := inventory{c.o.Graph()}, c.o.Clock()
	for _, a := range page.Items {
		if !strings.HasPrefix(a.SuppressedBy, by) {
			continue
		}
		if len(rows) == quietShown {
			return rows, true, nil
		}
		rows = append(rows, viewAlertRow(a, inv, now))
	}
	return rows, page.Next != "", nil
}

// windowPage shows one window, with the form that edits it; without an ID, the
// form of a new one.
type windowPage struct {
	ID       string
	Row      windowRow
	Facts    []fact
	Unknown  []string
	Upcoming []occurrence
	Quiet    []alertRow
	More     bool
	CanAct   bool
	Open     bool // it runs
	Over     bool
	Version  uint64
	Form     windowForm
	Refused  string
	Preview  *preview
}

type occurrence struct {
	Start, End string // in the zone of the window
	When       when
}

func (p windowPage) about() (string, string, string) {
	title := "New maintenance window"
	if p.ID != "" {
		title = p.ID + " " + p.Row.Reason
	}
	return "window", title, "maintenance"
}

func (c *Console) window(ctx *fiber.Ctx) error {
	m, err := object[itsm.Maintenance](c, ctx, "maintenance")
	if err != nil {
		return err
	}
	p, err := c.windowOf(ctx, m)
	if err != nil {
		return err
	}
	return c.show(ctx, http.StatusOK, p)
}

func (c *Console) windowOf(ctx *fiber.Ctx, m itsm.Maintenance) (p windowPage, err error) {
	now := c.o.Clock()
	p = windowPage{ID: m.ID, Row: viewWindowRow(m, c.inventory(), now), Version: m.Version, Open: m.State == itsm.MaintenanceActive, Over: m.State.IsOver(), Form: formOfWindow(m)}
	for _, name := range m.Unknown {
		p.Unknown = append(p.Unknown, line(name, 80))
	}
	add := func(f fact) {
		if f.Text != "" || len(f.Said) > 0 || f.When.ISO != "" {
			p.Facts = append(p.Facts, f)
		}
	}
	add(fact{Name: "Covers", Said: p.Row.Scope})
	add(fact{Name: "Owner", Text: p.Row.Owner})
	add(fact{Name: "Repeats", Text: p.Row.Repeats})
	if m.Change != "" {
		add(fact{Name: "For", Text: line(m.Change, 40), Link: "/changes/" + url.PathEscape(m.Change)})
	}
	add(fact{Name: "Last word", Text: line(m.UpdatedBy, 80), When: at(m.UpdatedAt, now)})
	if w, err := recur.New(m.StartsAt, m.EndsAt, m.Zone, m.RRule); err == nil && m.NextEnd != 0 {
		p.Upcoming = viewOccurrences(w, m.NextEnd-1, m.Zone, now)
	}
	if p.Open {
		p.Quiet, p.More, err = c.quietNow("maintenance " + m.ID)
	}
	who, _ := person(ctx)
	p.CanAct = mayAct(who)
	return p, err
}

func viewOccurrences(w *recur.Window, from itsm.Time, zone string, now time.Time) []occurrence {
	loc, err := time.LoadLocation(zone)
	if err != nil {
		loc = time.UTC
	}
	var out []occurrence
	for _, o := range w.Occurrences(from, upcomingListed) {
		out = append(out, occurrence{Start: o.Start.Std().In(loc).Format("Mon 2 Jan 2006 15:04 MST"), End: o.End.Std().In(loc).Format("Mon 2 Jan 15:04 MST"), When: at(o.Start, now)})
	}
	return out
}

func (c *Console) newWindow(ctx *fiber.Ctx) error {
	q, now := query(ctx), c.o.Clock().UTC().Truncate(time.Minute)
	p := windowPage{CanAct: true, Form: windowForm{Starts: now.Format(formTime), Ends: now.Add(2 * time.Hour).Format(formTime), Zone: "UTC", CIs: line(q.Get("ci"), 200), Change: line(q.Get("change"), 40)}}
	if n := p.Form.Change; n != "" {
		if o, err := c.o.Records.Object("change", n); err == nil {
			p.Form.fromChange(o.Body, now)
		}
	}
	return c.show(ctx, http.StatusOK, p)
}

// windowDeed answers the POST that ends a window or calls it off.
func (c *Console) windowDeed(kind itsm.ActKind, code string) fiber.Handler {
	return func(ctx *fiber.Ctx) error {
		if _, err := form(ctx); err != nil {
			return err
		}
		who, _ := person(ctx)
		id := strings.Clone(ctx.Params("id"))
		out, err := c.o.Engine.Do(ctx.UserContext(), itsm.Act{Kind: kind, Object: id, Actor: who.Actor(), RemoteIP: strings.Clone(ctx.IP())})
		if err == nil {
			err = out.Err()
		}
		if err != nil {
			return err
		}
		c.setFlash(ctx, code, 0)
		return ctx.Redirect("/maintenance/"+url.PathEscape(id), http.StatusSeeOther)
	}
}
