package console

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"signalbox/itsm"
	"signalbox/itsm/ledger"
)

// Bounds of the page of one delivery.
const (
	deliveryEventsMax = 200 // told of on one page
	storyRunesMax     = 600
)

// deliveryPage is one delivery and where each of its events went.
type deliveryPage struct {
	Offset  string
	Source  string
	At      when
	Remote  string
	Kept    bool
	RetryOf string
	Sum     string // the fates written out as a sum
	Act     *actRow
	Events  []eventRow
	Range   string // which events are shown, when it is a part
	Next    string
	Body    string
	Size    string
	Cut     bool
}

// actRow is what a partner's people did.
type actRow struct {
	Result   badge
	Incident string
	Now      string
	Story    said
	Text     string
}

type eventRow struct {
	Title    string
	Identity string
	Fate     badge
	Severity badge
	Status   badge
	Known    bool // what was received is still known
	Alert    string
	Incident string
	Now      string // the incident that it was merged into
	Item     string // address of the quarantined part
	Story    said
}

func (p deliveryPage) about() (string, string, string) {
	return "delivery", "Delivery " + p.Offset, "deliveries"
}

var fateClasses = map[itsm.Fate]string{
	itsm.FateFolded: "st-in_progress", itsm.FateDeduplicated: "", itsm.FateSuppressed: "st-on_hold", itsm.FateQuarantined: "al-firing",
}

var actClasses = map[itsm.ActResult]string{itsm.ActApplied: "st-in_progress", itsm.ActIgnored: "st-on_hold", itsm.ActRefused: "al-firing"}

func viewDelivery(d *ledger.Delivery, raw []byte, inv inventory, now time.Time) deliveryPage {
	p := deliveryPage{Offset: strconv.FormatUint(uint64(d.Offset), 10), Source: line(d.Source, 60), At: at(d.At, now), Remote: line(d.Remote, 80), Kept: d.Kept,
		Sum: sumOf(d), Size: byteSize(int64(d.RawBytes))}
	if d.RetryOf != "" {
		p.RetryOf = "/quarantine/" + url.PathEscape(d.RetryOf)
	}
	if a := d.Act; a != nil {
		p.Act = &actRow{Result: badge{Class: actClasses[a.Result], Label: a.Result.String()}, Incident: a.Incident.String(), Story: inv.said(line(a.Story, storyRunesMax)), Text: block(a.Text, blockRunesMax)}
		if a.Now != a.Incident {
			p.Act.Now = a.Now.String()
		}
		return p
	}
	told := d.Told[:min(len(d.Told), deliveryEventsMax)]
	for i := range told {
		p.Events = append(p.Events, viewEvent(&told[i], inv))
	}
	end := d.First + len(told)
	if end < d.Events() {
		p.Next = deliveryHref(d.Offset) + "?event=" + strconv.Itoa(end)
	}
	if len(told) < d.Events() && len(told) > 0 {
		p.Range = thousands(d.First+1) + " to " + thousands(end) + " of " + thousands(d.Events())
	}
	p.Body = block(string(raw), blockRunesMax)
	p.Cut = strings.HasSuffix(p.Body, "…")
	return p
}

// sumOf writes the fates of a delivery as the sum that they are.
func sumOf(d *ledger.Delivery) string {
	return plural(d.Events(), "event", "events") + " = " + thousands(d.Folded) + " folded + " + thousands(d.Deduplicated) + " deduplicated + " +
		thousands(d.Suppressed) + " suppressed + " + thousands(d.Quarantined) + " quarantined"
}

func viewEvent(e *ledger.Event, inv inventory) eventRow {
	r := eventRow{Title: line(e.Title, titleRunesMax), Identity: middle(e.Identity, 40), Fate: badge{Class: fateClasses[e.Fate], Label: e.Fate.String()},
		Known: e.Status != 0, Severity: severityBadge(e.Severity), Status: statusBadge(e.Status), Story: inv.said(line(e.Story, storyRunesMax))}
	if e.Quarantine != "" {
		r.Item = "/quarantine/" + url.PathEscape(e.Quarantine)
	}
	if e.Alert != 0 {
		r.Alert = e.Alert.String()
	}
	if e.Incident != 0 {
		r.Incident = e.Incident.String()
	}
	if e.Now != e.Incident {
		r.Now = e.Now.String()
	}
	if r.Title == "" {
		r.Title = "Event " + thousands(e.Place+1)
	}
	return r
}

func (c *Console) delivery(ctx *fiber.Ctx) error {
	l, err := c.ledger()
	if err != nil {
		return err
	}
	n, err := strconv.ParseUint(ctx.Params("offset"), 10, 64)
	if err != nil || n == 0 {
		return itsm.Errorf(itsm.NotFound, "a delivery is named by the number of its entry, from 1")
	}
	first, err := strconv.Atoi(query(ctx).Get("event"))
	if err != nil {
		first = 0 // an address typed by hand begins at the beginning
	}
	d, err := l.Delivery(itsm.Offset(n), first)
	if err != nil {
		return err
	}
	raw, err := l.Raw(d.Offset)
	if err != nil && itsm.CodeOf(err) != itsm.NotFound {
		return err
	}
	return c.show(ctx, http.StatusOK, viewDelivery(&d, raw, c.inventory(), c.o.Clock()))
}

// deliveredFacts leads from an alert to where it came from.
func (c *Console) deliveredFacts(a *itsm.Alert) ([]fact, error) {
	l := c.o.Ledger
	if l == nil {
		return nil, nil
	}
	first, err := l.FirstOf(a)
	if err != nil {
		return nil, err
	}
	last, err := l.LastOf(a)
	if err != nil {
		return nil, err
	}
	var out []fact
	if first != 0 {
		out = append(out, fact{Name: "First delivery", Text: "entry " + thousands(uint64(first)), Link: deliveryHref(first)})
	}
	if last != 0 && last != first {
		out = append(out, fact{Name: "Last delivery", Text: "entry " + thousands(uint64(last)), Link: deliveryHref(last)})
	}
	return append(out, fact{Name: "Deliveries", Text: "all that named it", Link: "/deliveries?alert=" + a.Number.String()}), nil
}

// deliveryLink is the address of an entry's page, "" when it is no longer kept.
func (c *Console) deliveryLink(off itsm.Offset) (string, error) {
	if c.o.Ledger == nil {
		return "", nil
	}
	known, err := c.o.Ledger.Knows(off)
	if err != nil || !known {
		return "", err
	}
	return deliveryHref(off), nil
}
