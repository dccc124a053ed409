package main

import (
	"encoding/json"
	"errors"
	"io"

	"signalbox/ingest/journal"
	"signalbox/itsm"
	"signalbox/itsm/entry"
)

// catLine is one entry as journal cat prints it.
type catLine struct {
	Offset  itsm.Offset `json:"offset"`
	At      itsm.Time   `json:"at"`
	Kind    string      `json:"kind"`
	Content any         `json:"content,omitempty"`
	Raw     string      `json:"raw,omitempty"`
	Error   string      `json:"error,omitempty"`
}

// errEnough ends a walk early.
var errEnough = errors.New("enough")

// catOptions say what of a journal is printed.
type catOptions struct {
	from       itsm.Offset
	limit      int // lines; 0: all
	raw        bool
	deliveries bool // only these, as recorded
}

func journalCat(w io.Writer, dir string, o catOptions) error {
	where, err := journalOf(dir)
	if err != nil {
		return err
	}
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	n := 0
	err = journal.Iterate(journal.Options{Dir: where}, o.from, func(r journal.Record) error {
		l := o.line(r)
		if l == nil {
			return nil
		}
		if o.limit > 0 && n >= o.limit {
			return errEnough
		}
		n++
		return enc.Encode(l)
	})
	if errors.Is(err, errEnough) {
		return nil
	}
	return err
}

// line is what is printed of an entry; nil for nothing.
func (o catOptions) line(r journal.Record) any {
	l := catLine{Offset: r.Offset, At: r.At, Kind: entry.KindOf(r.Body).String()}
	v, err := entry.Decode(r.Body)
	if o.deliveries {
		d, ok := v.(*entry.Delivery)
		if err != nil || !ok || len(d.Raw) == 0 {
			return nil
		}
		return recordedOf(r.At, d)
	}
	if err != nil {
		l.Error = err.Error()
		return l
	}
	l.Content = v
	switch v := v.(type) {
	case *entry.Delivery:
		if o.raw {
			l.Raw = string(v.Raw)
		}
		l.Content = catDeliveryOf(v)
	case *entry.Tick:
		l.Content = nil
	case *entry.Config:
		l.Content = v.Body
	case *entry.RulesChunk:
		l.Content = map[string]any{"set_id": v.SetID, "seq": v.Seq, "body": string(v.Body)}
	}
	return l
}

// recordedOf is a delivery as replay reads it: the body as it is where that is
// JSON in one line, else as a text.
func recordedOf(at itsm.Time, d *entry.Delivery) any {
	out := struct {
		At     itsm.Time `json:"at"`
		Source string    `json:"source"`
		Body   any       `json:"body"`
	}{at, d.Source, string(d.Raw)}
	if json.Valid(d.Raw) && d.Raw[0] != '"' {
		out.Body = json.RawMessage(d.Raw)
	}
	return out
}

// catDelivery is a delivery in the names of the API.
type catDelivery struct {
	Source  string     `json:"source"`
	Remote  string     `json:"remote"`
	RetryOf string     `json:"retry_of,omitempty"`
	Events  []catEvent `json:"events"`
	Bad     []catBad   `json:"bad"`
}

// catBad is a part that was not decodable.
type catBad struct {
	ID    string `json:"id"`
	Error string `json:"error"`
	Body  string `json:"body"`
}

// catEvent is an event as it was decoded.
type catEvent struct {
	Key          itsm.AlertKey `json:"key"`
	ID           string        `json:"id,omitempty"`
	Origin       string        `json:"origin,omitempty"`
	Group        string        `json:"group,omitempty"`
	Status       itsm.Status   `json:"status"`
	Severity     itsm.Severity `json:"severity"`
	SeverityWord string        `json:"severity_word,omitempty"`
	Title        string        `json:"title"`
	CI           string        `json:"ci,omitempty"`
	StartsAt     itsm.Time     `json:"starts_at"`
	EndsAt       itsm.Time     `json:"ends_at"`
	EventAt      itsm.Time     `json:"event_at"`
	LeaseUntil   itsm.Time     `json:"lease_until"`
	Labels       itsm.Labels   `json:"labels"`
	Annotations  itsm.Labels   `json:"annotations"`
	GeneratorURL string        `json:"generator_url,omitempty"`
	NoData       bool          `json:"no_data,omitempty"`
	PartialGroup bool          `json:"partial_group,omitempty"`
}

func catDeliveryOf(d *entry.Delivery) catDelivery {
	out := catDelivery{Source: d.Source, Remote: d.Remote, RetryOf: d.RetryOf, Events: []catEvent{}, Bad: []catBad{}}
	for i := range d.Events {
		e := &d.Events[i]
		out.Events = append(out.Events, catEvent{Key: e.Key(), ID: e.ID, Origin: e.Origin, Group: e.Group, Status: e.Status, Severity: e.Severity,
			SeverityWord: e.SeverityWord, Title: e.Title, CI: e.CIName, StartsAt: e.StartsAt, EndsAt: e.EndsAt, EventAt: e.EventAt,
			LeaseUntil: e.LeaseUntil, Labels: e.Labels, Annotations: e.Annotations, GeneratorURL: e.GeneratorURL,
			NoData: e.NoData, PartialGroup: e.PartialGroup})
	}
	for _, b := range d.Bad {
		out.Bad = append(out.Bad, catBad{ID: b.ID, Error: b.Error, Body: string(b.Body)})
	}
	return out
}
