package console

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"signalbox/itsm"
	"signalbox/itsm/desk"
	recur "signalbox/itsm/window"
)

// Bounds of the calendar.
const (
	calendarMax       = 500 // changes, and maintenance windows, that it looks at
	calendarOfMonth   = "2006-01"
	occurrencesOfView = 100 // of one window
)

// calendarPage lists the changes and the maintenance of a month or a week, by day.
type calendarPage struct {
	Head, Word       string // "November 2026", "month"
	Prev, Next, Now  string // addresses
	Month, Week      string // the same time in the other form
	IsWeek           bool
	Days             []calendarDay
	Changes, Windows int
}

type calendarDay struct {
	ISO, Label string
	Today      bool
	Items      []calendarItem
}

type calendarItem struct {
	at                    itsm.Time
	Href, ID, Title, Time string
	State                 badge
	Who                   string
	Maintenance           bool
}

func (p calendarPage) about() (string, string, string) {
	return "changes", "Changes, " + p.Head, "changes"
}

// calendar answers /changes: ?month=2026-11, ?week=2026-11-23 (its Monday), or the
// month that it is.
func (c *Console) calendar(ctx *fiber.Ctx) error {
	q, now := query(ctx), c.o.Clock().UTC()
	p := calendarPage{Word: "month", Now: "/changes"}
	from := time.Date(now.Year(), now.Month(), 1, 0, 0, 0, 0, time.UTC)
	if m := q.Get("month"); m != "" {
		t, err := time.Parse(calendarOfMonth, m)
		if err != nil {
			return itsm.Errorf(itsm.Invalid, "month %q: expected one such as 2026-11", line(m, 40))
		}
		from = t
	}
	to := from.AddDate(0, 1, 0)
	p.Head = from.Format("January 2006")
	if w := q.Get("week"); w != "" {
		t, err := time.Parse(time.DateOnly, w)
		if err != nil {
			return itsm.Errorf(itsm.Invalid, "week %q: expected a day of it such as 2026-11-23", line(w, 40))
		}
		from = t.AddDate(0, 0, -int(t.Weekday()+6)%7)
		to = from.AddDate(0, 0, 7)
		p.IsWeek, p.Word, p.Head = true, "week", "week of "+from.Format("2 January 2006")
		p.Prev, p.Next, p.Now = weekHref(from.AddDate(0, 0, -7)), weekHref(to), weekHref(now)
	} else {
		p.Prev, p.Next = monthHref(from.AddDate(0, -1, 0)), monthHref(to)
	}
	p.Month = monthHref(from)
	p.Week = weekHref(from)
	if !now.Before(from) && now.Before(to) {
		p.Week = weekHref(now)
	}
	items, err := c.calendarItems(itsm.TimeOf(from), itsm.TimeOf(to))
	if err != nil {
		return err
	}
	for _, it := range items {
		if it.Maintenance {
			p.Windows++
		} else {
			p.Changes++
		}
	}
	p.Days = viewDays(items, now)
	return c.show(ctx, http.StatusOK, p)
}

func weekHref(t time.Time) string  { return "/changes?week=" + t.Format(time.DateOnly) }
func monthHref(t time.Time) string { return "/changes?month=" + t.Format(calendarOfMonth) }

// viewDays puts what happens in order, by day; days without anything are left out.
func viewDays(items []calendarItem, now time.Time) []calendarDay {
	slices.SortStableFunc(items, func(a, b calendarItem) int { return int(a.at - b.at) })
	var out []calendarDay
	for _, it := range items {
		day := it.at.Std().Format(time.DateOnly)
		if n := len(out); n == 0 || out[n-1].ISO != day {
			out = append(out, calendarDay{ISO: day, Label: it.at.Std().Format("Monday 2 January"), Today: day == now.Format(time.DateOnly)})
		}
		out[len(out)-1].Items = append(out[len(out)-1].Items, it)
	}
	return out
}

// spanMembers are what the span of a change is made of.
var spanMembers = []string{"planned_start", "planned_end", "started_at", "ended_at", "created_at"}

func (c *Console) calendarItems(from, to itsm.Time) ([]calendarItem, error) {
	changes, err := objects(c, desk.ObjectQuery{Kind: "change", Limit: calendarMax}, func(ch *itsm.Change) bool {
		begins, _ := ch.Span()
		return begins >= from && begins < to
	}, spanMembers...)
	if err != nil {
		return nil, err
	}
	var out []calendarItem
	for _, ch := range changes {
		begins, _ := ch.Span()
		out = append(out, calendarItem{at: begins, Href: "/changes/" + ch.ID, ID: ch.ID, Title: line(ch.Title, lineRunesMax), Time: begins.Std().Format("15:04"),
			State: changeBadge(ch.State), Who: line(ch.Who, 60)})
	}
	windows, err := objects(c, desk.ObjectQuery{Kind: "maintenance", Limit: calendarMax}, func(m *itsm.Maintenance) bool {
		return m.State != itsm.MaintenanceCancelled && m.StartsAt < to
	})
	if err != nil {
		return nil, err
	}
	for _, m := range windows {
		w, err := recur.New(m.StartsAt, m.EndsAt, m.Zone, m.RRule)
		if err != nil {
			continue // it ended at the moment it began
		}
		for _, o := range w.Occurrences(from, occurrencesOfView) {
			if o.Start >= to || m.State == itsm.MaintenanceEnded && o.Start > m.UpdatedAt {
				break
			}
			out = append(out, calendarItem{at: max(o.Start, from), Href: "/maintenance/" + m.ID, ID: m.ID, Title: line(m.Reason, lineRunesMax), Maintenance: true,
				Time: o.Start.Std().Format("15:04") + "–" + o.End.Std().Format("15:04"), State: windowBadge(m.State), Who: line(m.Owner, 60)})
		}
	}
	return out, nil
}

// objects reads one page of the objects of a noun that keep accepts. When members are
// named, keep is asked of these alone, and the others are read of what it accepts.
func objects[T any](c *Console, q desk.ObjectQuery, keep func(*T) bool, members ...string) ([]T, error) {
	var out []T
	var picked []byte
	q.Keep = func(o *itsm.Object) bool { // what it keeps is the page
		if len(members) > 0 {
			var v T
			picked = itsm.Members(picked[:0], o.Body, members...)
			if json.Unmarshal(picked, &v) != nil || !keep(&v) {
				return false
			}
		}
		var v T
		ok := json.Unmarshal(o.Body, &v) == nil && (len(members) > 0 || keep(&v))
		if ok {
			out = append(out, v)
		}
		return ok
	}
	if _, err := c.o.Records.Objects(q); err != nil {
		return nil, err
	}
	return out, nil
}

// object reads the noun of the path.
func object[T any](c *Console, ctx *fiber.Ctx, kind string) (T, error) {
	var v T
	o, err := c.o.Records.Object(kind, strings.Clone(ctx.Params("id")))
	if err != nil {
		return v, err
	}
	return v, json.Unmarshal(o.Body, &v)
}

var changeClasses = map[itsm.ChangeState]string{
	itsm.ChangePlanned: "st-on_hold", itsm.ChangeInProgress: "st-in_progress", itsm.ChangeSuccessful: "st-resolved", itsm.ChangeFailed: "st-new", itsm.ChangeCancelled: "st-cancelled",
}

func changeBadge(s itsm.ChangeState) badge {
	return badge{Class: changeClasses[s], Label: words(string(s))}
}

// changePage shows one change.
type changePage struct {
	ID, Title string
	Type      string
	State     badge
	CIs       []ciLink
	Unknown   []string
	Facts     []fact
	Text      string
	Windows   []windowRow
	Sync      []syncRow
	Plan      string // address that begins a maintenance window for it, or ""
}

func (p changePage) about() (string, string, string) {
	return "change", p.ID + " " + p.Title, "changes"
}

func (c *Console) changeOne(ctx *fiber.Ctx) error {
	ch, err := object[itsm.Change](c, ctx, "change")
	if err != nil {
		return err
	}
	windows, err := objects(c, desk.ObjectQuery{Kind: "maintenance", Ref: "change/" + ch.ID, Limit: listPageSize}, func(*itsm.Maintenance) bool { return true })
	if err != nil {
		return err
	}
	now := c.o.Clock()
	p := viewChange(ch, inventory{c.o.Graph()}, now)
	p.Sync = c.objectSync(ch.ID)
	for _, m := range windows {
		p.Windows = append(p.Windows, viewWindowRow(m, c.inventory(), now))
	}
	if who, ok := person(ctx); ok && mayAct(who) && !ch.State.IsOver() {
		p.Plan = "/maintenance/new?change=" + ch.ID
	}
	return c.show(ctx, http.StatusOK, p)
}

func viewChange(ch itsm.Change, inv inventory, now time.Time) changePage {
	p := changePage{ID: ch.ID, Title: line(ch.Title, lineRunesMax), Type: words(string(ch.Type)), State: changeBadge(ch.State), Text: block(ch.Description, 2000)}
	for _, id := range ch.CIs {
		p.CIs = append(p.CIs, inv.link(id))
	}
	for _, name := range ch.Unknown {
		p.Unknown = append(p.Unknown, line(name, 80))
	}
	add := func(f fact) {
		if f.Text != "" || f.When.ISO != "" {
			p.Facts = append(p.Facts, f)
		}
	}
	add(fact{Name: "Began", When: at(ch.StartedAt, now)})
	add(fact{Name: "Ended", When: at(ch.EndedAt, now)})
	add(fact{Name: "Planned from", When: at(ch.PlannedFrom, now)})
	add(fact{Name: "Planned to", When: at(ch.PlannedTo, now)})
	add(fact{Name: "Who", Text: line(ch.Who, 80)})
	add(fact{Name: "Environment", Text: line(ch.Environment, 80)})
	add(fact{Name: "Risk", Text: line(ch.Risk, 80)})
	add(fact{Name: "Told by", Text: line(ch.Source, 80)})
	add(fact{Name: "There called", Text: line(ch.ExternalID, 120), Link: webLink(ch.URL)})
	for _, l := range ch.Links {
		add(fact{Name: line(l.Connector, 40), Text: line(l.ID, 60), Link: webLink(l.URL)})
	}
	add(fact{Name: "Last word", When: at(ch.UpdatedAt, now), Text: line(ch.UpdatedBy, 80)})
	return p
}

// changedView is a change before an incident.
type changedView struct {
	ID, Href, Title string
	State           badge
	CI              ciLink
	Who             string
	When            when
	Because         said
}

func viewChanged(i itsm.Incident, inv inventory, now time.Time) []changedView {
	var out []changedView
	for _, ch := range i.Changes[:min(len(i.Changes), itsm.IncidentChangesMax)] {
		out = append(out, changedView{ID: ch.Change, Href: "/changes/" + ch.Change, Title: line(ch.Title, lineRunesMax), State: changeBadge(ch.State), CI: inv.link(ch.CI),
			Who: line(ch.Who, 60), When: at(ch.At, now), Because: inv.said(line(ch.Because, lineRunesMax))})
	}
	return out
}
