package console

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"signalbox/itsm"
	"signalbox/itsm/desk"
	"signalbox/itsm/ledger"
)

// deliveriesPage lists what was received, the newest first.
type deliveriesPage struct {
	Parts    []chip
	Fates    []chip
	Fate     string
	Source   string
	From     string
	About    string // the alert or incident whose deliveries they are
	AboutRef string
	Alert    string
	Incident string
	Filtered bool
	Rows     []deliveryRow
	Next     string
	External string
}

type deliveryRow struct {
	Href        string
	Offset      string
	Source      string
	At          when
	Events      string
	Incident    string // that an act was about
	Parts       []string
	Quarantined string
}

func (deliveriesPage) about() (string, string, string) {
	return "deliveries", "Deliveries", "deliveries"
}

// ledgerParts links the pages that tell how it goes and where everything went.
func ledgerParts(current string) []chip {
	var out []chip
	for _, p := range []struct{ href, label string }{{"/status", "Status"}, {"/totals", "Totals"}, {"/deliveries", "Deliveries"}} {
		out = append(out, chip{badge: badge{Label: p.label}, Href: p.href, Current: p.href == current})
	}
	return out
}

// deliveryFilter is what the address says should be listed.
type deliveryFilter struct {
	Fate, Source, From, Alert, Incident, Cursor string
	query                                       desk.DeliveryQuery
}

func parseDeliveryFilter(v url.Values) (f deliveryFilter, err error) {
	f = deliveryFilter{Fate: v.Get("fate"), Source: line(v.Get("source"), queryMax), From: line(v.Get("from"), 40),
		Alert: v.Get("alert"), Incident: v.Get("incident"), Cursor: v.Get("cursor")}
	f.query = desk.DeliveryQuery{Source: f.Source, Cursor: f.Cursor, Limit: listPageSize}
	if f.Fate != "" {
		if f.query.Fate, err = itsm.ParseFate(line(f.Fate, 40)); err != nil {
			return f, err
		}
	}
	if f.Alert != "" {
		if f.query.Alert, err = itsm.ParseAlertNumber(f.Alert); err != nil {
			return f, err
		}
	}
	if f.Incident != "" {
		if f.query.Incident, err = itsm.ParseIncidentNumber(f.Incident); err != nil {
			return f, err
		}
	}
	if f.From == "" {
		return f, nil
	}
	if n, err := strconv.ParseUint(f.From, 10, 64); err == nil && n > 0 {
		f.query.From = itsm.Offset(n)
		return f, nil
	}
	f.query.FromAt, err = writtenTime(f.From)
	return f, err
}

// writtenTime reads a moment as people write it, in UTC.
func writtenTime(s string) (itsm.Time, error) {
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04", "2006-01-02 15:04:05", "2006-01-02 15:04", "2006-01-02"} {
		if t, err := time.Parse(layout, s); err == nil {
			return itsm.TimeOf(t), nil
		}
	}
	return 0, itsm.Errorf(itsm.Invalid, "from %q: expected the number of an entry, or a time in UTC such as 2026-01-31 09:00", s)
}

func (f deliveryFilter) address(fate, cursor string) string {
	v := url.Values{}
	for name, value := range map[string]string{"fate": fate, "source": f.Source, "from": f.From, "alert": f.Alert, "incident": f.Incident, "cursor": cursor} {
		if value != "" {
			v.Set(name, value)
		}
	}
	if len(v) == 0 {
		return "/deliveries"
	}
	return "/deliveries?" + v.Encode()
}

func viewDeliveries(f deliveryFilter, page desk.Page[desk.Delivery], external string, now time.Time) deliveriesPage {
	p := deliveriesPage{External: external, Parts: ledgerParts("/deliveries"), Fate: f.Fate, Source: f.Source, From: f.From, Alert: f.Alert, Incident: f.Incident,
		Filtered: f.Fate != "" || f.Source != "" || f.From != "" || f.Alert != "" || f.Incident != ""}
	switch {
	case f.Alert != "":
		p.About, p.AboutRef = f.Alert, "/alerts/"+f.Alert
	case f.Incident != "":
		p.About, p.AboutRef = f.Incident, "/incidents/"+f.Incident
	}
	p.Fates = append(p.Fates, chip{badge: badge{Label: "All"}, Href: f.address("", ""), Current: f.Fate == ""})
	for fate := itsm.FateFolded; fate <= itsm.FateQuarantined; fate++ {
		w := fate.String()
		p.Fates = append(p.Fates, chip{badge: badge{Label: strings.ToUpper(w[:1]) + w[1:]}, Href: f.address(w, ""), Current: f.Fate == w})
	}
	for i := range page.Items {
		p.Rows = append(p.Rows, viewDeliveryRow(&page.Items[i], now))
	}
	if page.Next != "" {
		p.Next = f.address(f.Fate, page.Next)
	}
	return p
}

func viewDeliveryRow(d *desk.Delivery, now time.Time) deliveryRow {
	r := deliveryRow{Href: deliveryHref(d.Offset), Offset: strconv.FormatUint(uint64(d.Offset), 10), Source: line(d.Source, 60),
		At: at(d.At, now), Events: plural(d.Events(), "event", "events")}
	if a := d.Act; a != nil {
		r.Events, r.Incident, r.Parts = line(string(a.Kind)+" of", 60), a.Incident.String(), []string{a.Result.String()}
		return r
	}
	for _, n := range []struct {
		n    int
		word string
	}{{d.Folded, "folded"}, {d.Deduplicated, "deduplicated"}, {d.Suppressed, "suppressed"}} {
		if n.n > 0 {
			r.Parts = append(r.Parts, thousands(n.n)+" "+n.word)
		}
	}
	if d.Quarantined > 0 {
		r.Quarantined = thousands(d.Quarantined) + " quarantined"
	}
	return r
}

func deliveryHref(off itsm.Offset) string {
	return "/deliveries/" + strconv.FormatUint(uint64(off), 10)
}

// ledger is what tells of deliveries, or why nothing does.
func (c *Console) ledger() (*ledger.Ledger, error) {
	if c.o.Ledger == nil {
		return nil, itsm.Errorf(itsm.NotFound, "this server keeps no ledger of deliveries")
	}
	return c.o.Ledger, nil
}

func (c *Console) deliveries(ctx *fiber.Ctx) error {
	l, err := c.ledger()
	if err != nil {
		return err
	}
	f, err := parseDeliveryFilter(query(ctx))
	if err != nil {
		return err
	}
	page, err := l.Deliveries(f.query)
	if err != nil {
		return err
	}
	return c.show(ctx, http.StatusOK, viewDeliveries(f, page, c.external.String(), c.o.Clock()))
}
