package api

import (
	"strconv"

	"github.com/gofiber/fiber/v2"

	"signalbox/itsm"
	"signalbox/itsm/desk"
	"signalbox/itsm/ledger"
)

// deliveryView is an entry of the list; the events are shown alone.
type deliveryView struct {
	Offset       itsm.Offset `json:"offset"`
	At           itsm.Time   `json:"at"`
	Source       string      `json:"source"`
	EventCount   int         `json:"event_count"`
	Folded       int         `json:"folded"`
	Deduplicated int         `json:"deduplicated"`
	Suppressed   int         `json:"suppressed"`
	Quarantined  int         `json:"quarantined"`
	Act          *actView    `json:"act"`
}

// actView is what a partner's people did. What was read from the journal and the
// incident of today are null in a list.
type actView struct {
	Kind        string  `json:"kind"`
	Actor       string  `json:"actor"`
	Incident    *string `json:"incident"`
	IncidentNow *string `json:"incident_now"`
	Result      string  `json:"result"`
	Reason      *string `json:"reason"`
	Text        *string `json:"text"`
	Story       *string `json:"story"`
}

func viewActFate(f *itsm.ActFate) *actView {
	if f == nil {
		return nil
	}
	return &actView{Kind: string(f.Kind), Actor: f.Actor, Incident: text(f.Incident.String()), Result: f.Result.String(), Reason: text(f.Reason)}
}

func viewDelivery(d *desk.Delivery) deliveryView {
	return deliveryView{Offset: d.Offset, At: d.At, Source: d.Source, EventCount: d.Events(),
		Folded: d.Folded, Deduplicated: d.Deduplicated, Suppressed: d.Suppressed, Quarantined: d.Quarantined, Act: viewActFate(d.Act)}
}

type deliveredView struct {
	deliveryView
	Kept      bool        `json:"kept"`
	Remote    *string     `json:"remote"`
	RetryOf   *string     `json:"retry_of"`
	RawBytes  *int        `json:"raw_bytes"`
	Events    []eventView `json:"events"`
	NextEvent *int        `json:"next_event"`
}

type eventView struct {
	Event       int     `json:"event"`
	Identity    *string `json:"identity"`
	Status      *string `json:"status"`
	Severity    *string `json:"severity"`
	Title       *string `json:"title"`
	Fate        string  `json:"fate"`
	Reason      *string `json:"reason"`
	Alert       *string `json:"alert"`
	Episode     *uint64 `json:"episode"`
	Incident    *string `json:"incident"`
	IncidentNow *string `json:"incident_now"`
	Quarantine  *string `json:"quarantine"`
	Error       *string `json:"error"`
	Because     *string `json:"because"`
	Story       string  `json:"story"`
}

func viewDelivered(d *ledger.Delivery) deliveredView {
	v := deliveredView{deliveryView: viewDelivery(&d.Delivery), Kept: d.Kept, Remote: text(d.Remote), RetryOf: text(d.RetryOf),
		RawBytes: number(d.RawBytes), Events: each(d.Told, viewEvent), NextEvent: number(d.Next())}
	if a := d.Act; a != nil {
		v.Act.IncidentNow, v.Act.Text, v.Act.Story = text(a.Now.String()), text(a.Text), text(a.Story)
	}
	return v
}

func viewEvent(e *ledger.Event) eventView {
	return eventView{Event: e.Place, Identity: text(e.Identity), Status: text(e.Status.String()), Severity: text(e.Severity.String()), Title: text(e.Title),
		Fate: e.Fate.String(), Reason: text(e.Reason), Alert: text(e.Alert.String()), Episode: number(uint64(e.Episode)),
		Incident: text(e.Incident.String()), IncidentNow: text(e.Now.String()), Quarantine: text(e.Quarantine), Error: text(e.Error),
		Because: text(e.Because), Story: e.Story}
}

// sumView is a line of the totals.
type sumView struct {
	Accepted     uint64       `json:"accepted"`
	Folded       uint64       `json:"folded"`
	Deduplicated uint64       `json:"deduplicated"`
	Suppressed   uint64       `json:"suppressed"`
	SuppressedBy []reasonView `json:"suppressed_by"`
	Quarantined  uint64       `json:"quarantined"`
}

type reasonView struct {
	Reason string `json:"reason"`
	Count  uint64 `json:"count"`
}

type sourceSumView struct {
	Source string `json:"source"`
	sumView
}

type totalsView struct {
	Balanced bool `json:"balanced"`
	sumView
	Sources []sourceSumView `json:"sources"`
}

func viewSum(s *ledger.Sum) sumView {
	return sumView{Accepted: s.Accepted, Folded: s.Folded, Deduplicated: s.Deduplicated, Suppressed: s.Suppressed, Quarantined: s.Quarantined,
		SuppressedBy: each(s.SuppressedBy, func(r *ledger.Reason) reasonView { return reasonView{r.Name, r.Count} })}
}

func viewTotals(t *ledger.Totals) totalsView {
	return totalsView{Balanced: t.Balanced(), sumView: viewSum(&t.Sum),
		Sources: each(t.Sources, func(s *ledger.SourceSum) sourceSumView { return sourceSumView{s.Source, viewSum(&s.Sum)} })}
}

func (a *API) ledger() (*ledger.Ledger, error) {
	if a.o.Ledger == nil {
		return nil, unavailable("this process keeps no ledger of deliveries")
	}
	return a.o.Ledger, nil
}

func (a *API) deliveries(r *request) error {
	l, err := a.ledger()
	if err != nil {
		return err
	}
	q, err := r.q.deliveries()
	if err != nil {
		return err
	}
	if q.Cursor, q.Limit, err = r.page(); err != nil {
		return err
	}
	found, err := l.Deliveries(q)
	if err != nil {
		return err
	}
	return r.json(pageOf(found.Items, found.Next, viewDelivery))
}

// deliveries reads the filters of the list.
func (q query) deliveries() (out desk.DeliveryQuery, err error) {
	out.Source = q["source"]
	if out.Alert, err = one(q, "alert", itsm.ParseAlertNumber); err != nil {
		return out, err
	}
	if out.Incident, err = one(q, "incident", itsm.ParseIncidentNumber); err != nil {
		return out, err
	}
	if out.Fate, err = one(q, "fate", itsm.ParseFate); err != nil {
		return out, err
	}
	if n, err := strconv.ParseUint(q["from"], 10, 64); err == nil && n > 0 {
		out.From = itsm.Offset(n)
	} else if out.FromAt, err = one(q, "from", moment); err != nil {
		return out, err
	}
	out.ToAt, err = one(q, "to", moment)
	return out, err
}

// one reads a filter that takes a single value; without it the answer is zero.
func one[T any](q query, name string, parse func(string) (T, error)) (v T, err error) {
	s := q[name]
	if s == "" {
		return v, nil
	}
	if v, err = parse(s); err != nil {
		return v, notParsed(name, err)
	}
	return v, nil
}

func moment(s string) (itsm.Time, error) {
	t, err := itsm.ParseTime(s)
	if err != nil {
		return 0, itsm.Errorf(itsm.Invalid, "%q: expected a moment such as 2026-01-31T09:00:00Z, or for from also the offset of an entry", s)
	}
	return t, nil
}

// entryOffset reads the entry of the path.
func (r *request) entryOffset() (itsm.Offset, error) {
	s, err := r.param("offset")
	if err != nil {
		return 0, err
	}
	n, err := strconv.ParseUint(s, 10, 64)
	if err != nil || n == 0 {
		return 0, itsm.Errorf(itsm.NotFound, "%q is not the offset of an entry, a number from 1", s)
	}
	return itsm.Offset(n), nil
}

func (a *API) delivery(r *request) error {
	l, err := a.ledger()
	if err != nil {
		return err
	}
	off, err := r.entryOffset()
	if err != nil {
		return err
	}
	first, err := one(r.q, "event", place)
	if err != nil {
		return err
	}
	d, err := l.Delivery(off, first)
	if err != nil {
		return err
	}
	return r.json(viewDelivered(&d))
}

func place(s string) (int, error) {
	n, err := strconv.Atoi(s)
	if err != nil || n < 0 {
		return 0, itsm.Errorf(itsm.Invalid, "%q: expected the next_event of an earlier answer", s)
	}
	return n, nil
}

// rawDelivery answers the body as it was received. It is the sender's: the answer
// says nothing of its type, and no browser shows it.
func (a *API) rawDelivery(r *request) error {
	l, err := a.ledger()
	if err != nil {
		return err
	}
	off, err := r.entryOffset()
	if err != nil {
		return err
	}
	body, err := l.Raw(off)
	if err != nil {
		return err
	}
	r.Set(fiber.HeaderContentType, fiber.MIMEOctetStream)
	r.Set(fiber.HeaderContentDisposition, `attachment; filename="entry-`+strconv.FormatUint(uint64(off), 10)+`"`)
	r.Response().SetBodyRaw(body)
	return nil
}

func (a *API) totals(r *request) error {
	l, err := a.ledger()
	if err != nil {
		return err
	}
	t := l.Totals()
	return r.json(viewTotals(&t))
}
