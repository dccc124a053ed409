package console

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"signalbox/itsm"
	"signalbox/itsm/cmdb"
	"signalbox/itsm/desk"
	recur "signalbox/itsm/window"
)

// formTime is how browsers write a local date and time.
const formTime = "2006-01-02T15:04"

// windowForm is the form of a maintenance window as typed.
type windowForm struct {
	Reason, Owner, Change         string
	Starts, Ends, Zone, RRule     string // Starts and Ends on the wall clock of Zone
	CIs, Services, Classes, Label string // separated by commas or lines
}

func formOfWindow(m itsm.Maintenance) windowForm {
	loc, err := time.LoadLocation(m.Zone)
	if err != nil {
		loc = time.UTC
	}
	var labels []string
	for _, l := range m.Scope.Labels {
		labels = append(labels, l.Name+"="+l.Value)
	}
	return windowForm{Reason: m.Reason, Owner: m.Owner, Change: m.Change, Zone: m.Zone, RRule: m.RRule,
		Starts: m.StartsAt.Std().In(loc).Format(formTime), Ends: m.EndsAt.Std().In(loc).Format(formTime),
		CIs: strings.Join(m.Scope.CIs, ", "), Services: strings.Join(m.Scope.Services, ", "), Classes: strings.Join(m.Scope.Classes, ", "), Label: strings.Join(labels, ", ")}
}

// fromChange takes over when a change is planned and what it touches.
func (f *windowForm) fromChange(body json.RawMessage, now time.Time) {
	var ch itsm.Change
	if json.Unmarshal(body, &ch) != nil {
		return
	}
	f.Reason, f.Owner, f.CIs = line(ch.Title, lineRunesMax), line(ch.Who, 80), strings.Join(ch.CIs, ", ")
	if ch.PlannedFrom > itsm.TimeOf(now) {
		f.Starts = ch.PlannedFrom.Std().Format(formTime)
	}
	if ch.PlannedTo > itsm.TimeOf(now) {
		f.Ends = ch.PlannedTo.Std().Format(formTime)
	}
}

func readWindowForm(v url.Values) windowForm {
	get := func(name string) string { return block(strings.TrimSpace(v.Get(name)), 20_000) }
	return windowForm{Reason: get("reason"), Owner: get("owner"), Change: get("change"), Starts: get("starts"), Ends: get("ends"), Zone: get("zone"), RRule: get("rrule"),
		CIs: get("cis"), Services: get("services"), Classes: get("classes"), Label: get("labels")}
}

// namesIn splits a field at commas and lines.
func namesIn(s string) []string {
	out := []string{}
	for _, f := range strings.FieldsFunc(s, func(r rune) bool { return r == ',' || r == '\n' || r == '\r' }) {
		if f = strings.TrimSpace(f); f != "" {
			out = append(out, f)
		}
	}
	return out
}

// update makes of the form what an act carries, and checks it as the fold will.
func (f *windowForm) update() (u itsm.MaintenanceUpdate, w *recur.Window, err error) {
	if f.Zone == "" {
		f.Zone = "UTC"
	}
	loc, err := time.LoadLocation(f.Zone)
	if err != nil || strings.EqualFold(f.Zone, "local") {
		return u, nil, itsm.Errorf(itsm.Invalid, "time zone %q: expected a name such as Europe/Berlin or UTC", line(f.Zone, 60))
	}
	var starts, ends itsm.Time
	for _, t := range []struct {
		name, v string
		out     *itsm.Time
	}{{"from", f.Starts, &starts}, {"to", f.Ends, &ends}} {
		at, err := time.ParseInLocation(formTime, t.v, loc)
		if err != nil {
			return u, nil, itsm.Errorf(itsm.Invalid, "%s %q: expected a day and time such as 2026-11-30T22:00", t.name, line(t.v, 40))
		}
		*t.out = itsm.TimeOf(at)
	}
	scope := itsm.Scope{CIs: namesIn(f.CIs), Services: namesIn(f.Services), Classes: namesIn(f.Classes)}
	for _, l := range namesIn(f.Label) {
		name, value, _ := strings.Cut(l, "=")
		scope.Labels = append(scope.Labels, itsm.Label{Name: strings.TrimSpace(name), Value: strings.TrimSpace(value)})
	}
	scope.Tidy()
	if f.Reason == "" {
		return u, nil, itsm.Errorf(itsm.Invalid, "reason: expected why alerts are to be kept quiet")
	}
	if err := scope.Check(); err != nil {
		return u, nil, err
	}
	w, err = recur.New(starts, ends, f.Zone, f.RRule)
	return itsm.MaintenanceUpdate{Reason: &f.Reason, Owner: &f.Owner, Change: &f.Change, StartsAt: &starts, EndsAt: &ends, Zone: &f.Zone, RRule: &f.RRule, Scope: &scope}, w, err
}

// preview is what a window would cover.
type preview struct {
	Occurrences []occurrence
	CIs         []ciLink
	CIsMore     int
	Unknown     []string
	Alerts      []alertRow
	AlertsMore  bool
}

// Bounds of a preview.
const (
	previewCIsShown = 20
	previewCIsMax   = 5000
)

func (c *Console) previewOf(f *windowForm, u itsm.MaintenanceUpdate, w *recur.Window) (*preview, error) {
	now, g := c.o.Clock(), c.o.Graph()
	inv := inventory{g}
	p := &preview{Occurrences: viewOccurrences(w, itsm.TimeOf(now), f.Zone, now)}
	var covered []string
	seen := map[cmdb.Ref]bool{}
	var refs []cmdb.Ref
	for _, name := range slices.Concat(u.Scope.CIs, u.Scope.Services) {
		r, ok := g.Lookup(name)
		if !ok {
			if b := g.Identify(cmdb.Sighting{CIName: name}); b.Ref != cmdb.NoRef {
				r, ok = b.Ref, true
			}
		}
		switch {
		case !ok:
			p.Unknown = append(p.Unknown, line(name, 80))
		case !seen[r]:
			seen[r] = true
			refs = append(refs, r)
		}
	}
	for i := 0; i < len(refs) && len(refs) < previewCIsMax; i++ {
		for _, e := range g.Dependants(refs[i]) {
			if !seen[e.To] {
				seen[e.To] = true
				refs = append(refs, e.To)
			}
		}
	}
	for n, r := range refs {
		covered = append(covered, g.ID(r))
		if n < previewCIsShown {
			p.CIs = append(p.CIs, inv.link(g.ID(r)))
		}
	}
	p.CIsMore = max(0, len(refs)-previewCIsShown)
	page, err := c.o.Records.Alerts(desk.AlertQuery{Statuses: []itsm.Status{itsm.Firing}, Limit: quietLookedAt})
	if err != nil {
		return nil, err
	}
	for _, a := range page.Items {
		class := ""
		if ci, ok := inv.ci(a.CI); ok {
			class = ci.Class
		}
		named := slices.Contains(covered, a.CI) || slices.ContainsFunc(u.Scope.Classes, func(s string) bool { return strings.EqualFold(s, class) && class != "" })
		if only := len(u.Scope.CIs)+len(u.Scope.Services)+len(u.Scope.Classes) == 0; !named && !only || !u.Scope.MatchesLabels(a.Labels) {
			continue
		}
		if len(p.Alerts) == previewCIsShown {
			p.AlertsMore = true
			break
		}
		p.Alerts = append(p.Alerts, viewAlertRow(a, inv, now))
	}
	return p, nil
}

// saveWindow previews or saves the form, of a new window or of the one in the path.
func (c *Console) saveWindow(ctx *fiber.Ctx) error {
	v, err := form(ctx)
	if err != nil {
		return err
	}
	p := windowPage{CanAct: true}
	act := itsm.Act{Kind: itsm.ActMaintenancePut, RemoteIP: strings.Clone(ctx.IP())}
	if ctx.Params("id") != "" {
		m, err := object[itsm.Maintenance](c, ctx, "maintenance")
		if err != nil {
			return err
		}
		if p, err = c.windowOf(ctx, m); err != nil {
			return err
		}
		act.Object = m.ID
	}
	p.Form = readWindowForm(v)
	u, w, err := p.Form.update()
	if err == nil && v.Get("do") != "save" {
		if p.Preview, err = c.previewOf(&p.Form, u, w); err != nil {
			return err
		}
		return c.show(ctx, http.StatusOK, p)
	}
	var out itsm.Outcome
	if err == nil {
		if act.Body, err = json.Marshal(&u); err != nil {
			return err
		}
		who, _ := person(ctx)
		act.Actor = who.Actor()
		if out, err = c.o.Engine.Do(ctx.UserContext(), act); err == nil {
			err = out.Err()
		}
	}
	switch itsm.CodeOf(err) {
	case itsm.Invalid, itsm.Conflict, itsm.TooLarge:
		if err != nil {
			p.Refused = line(itsm.MessageOf(err), lineRunesMax)
			return c.show(ctx, http.StatusBadRequest, p)
		}
	}
	if err != nil {
		return err
	}
	c.setFlash(ctx, "window-saved", 0)
	return ctx.Redirect("/maintenance/"+url.PathEscape(out.Object), http.StatusSeeOther)
}
