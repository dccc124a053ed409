// Package generic decodes Signalbox's own event format, for senders that have
// none of their own: one event, a list of events, or {"events": [...]}. It is
// pure.
//
// Fields a decoder does not know are kept as annotations, so that nothing a
// sender thought worth saying is lost. Errors are written for a person with curl
// in hand: they name the field, what was found and what to send instead.
package generic

import (
	"strings"

	"signalbox/ingest/source"
	"signalbox/itsm"
)

// decoder holds one request. The format is documented in the README under
// "Anything else"; identity, if the sender gives no fingerprint, is a hash of the
// labels and the CI, and of the title when no label names the condition.
type decoder struct {
	source.Fields
	batch source.Batch
	extra []itsm.Label // unknown fields of the current event
}

// Decode turns the body of one request into events.
func Decode(body []byte, b source.Bounds) (source.Result, error) {
	d := decoder{Fields: source.Fields{Reader: source.NewReader(body, b)}}
	switch k := d.Peek(); k {
	case source.Array:
		d.list("events")
	case source.Object:
		return d.object()
	default:
		if err := d.Err(); err != nil {
			return source.Result{}, err
		}
		return source.Result{}, itsm.Errorf(itsm.Invalid, `expected an event, a list of events or {"events": [...]}, got %s`, k)
	}
	if err := d.End(); err != nil {
		return source.Result{}, err
	}
	return d.batch.Result("[", "]"), nil
}

// object reads a single event or the envelope of several. Which of the two it is
// shows at the key "events", wherever that stands.
func (d *decoder) object() (source.Result, error) {
	if !hasEvents(*d.Reader) {
		e := d.event()
		if err := d.End(); err != nil {
			return source.Result{}, err
		}
		if err := d.Wrong(); err != nil {
			return source.Result{}, err
		}
		return source.Result{Events: []itsm.Event{e}}, nil
	}
	done := false
	for d.Enter(); ; {
		key, ok := d.Key()
		if !ok {
			break
		}
		if key == "events" && !done {
			done = true
			d.list(key)
			continue
		}
		d.Skip()
	}
	if err := d.End(); err != nil {
		return source.Result{}, err
	}
	if err := d.Wrong(); err != nil {
		return source.Result{}, err
	}
	return d.batch.Result("[", "]"), nil
}

// hasEvents reports whether the object that r stands before has a key "events".
// It reads ahead on its own copy of the reader.
func hasEvents(r source.Reader) bool {
	for r.Enter(); ; r.Skip() {
		key, ok := r.Key()
		if !ok || key == "events" {
			return ok
		}
	}
}

func (d *decoder) list(name string) {
	if k := d.Peek(); k != source.Array {
		d.Add(name, "expected a list of events, got %s", k)
		d.Skip()
		return
	}
	d.Enter()
	for i := 0; d.Next(); i++ {
		if err := d.batch.Reserve(i); err != nil {
			d.Refuse(err)
			return
		}
		d.Reset(name, i)
		mark := d.Mark()
		e := d.event()
		d.batch.Add(e, &d.Faults, d.Since(mark))
	}
	d.Reset("", 0)
}

const (
	keyID = 1 << iota
	keySource
	keyFingerprint
	keyStatus
	keySeverity
	keyTitle
	keyCI
	keyStarts
	keyEnds
	keyEvent
	keyLabels
	keyAnnotations
	keyURL
)

// known are the fields of an event, as bits for the rule that the first of
// duplicates wins.
var known = map[string]uint{"id": keyID, "source": keySource, "fingerprint": keyFingerprint, "status": keyStatus,
	"severity": keySeverity, "title": keyTitle, "ci": keyCI, "startsAt": keyStarts, "endsAt": keyEnds, "eventAt": keyEvent,
	"labels": keyLabels, "annotations": keyAnnotations, "generatorURL": keyURL}

// meant are names people write instead of ours.
var meant = map[string]string{"state": "status", "alert_status": "status", "starts_at": "startsAt", "ends_at": "endsAt",
	"event_at": "eventAt", "timestamp": "eventAt", "time": "eventAt", "host": `labels, as "host"`, "service": `labels, as "service"`,
	"generator_url": "generatorURL", "summary": "title", "message": "title", "tags": "labels", "name": "title"}

type wire struct {
	itsm.Event
	status, source string
	hints          []string // known fields under a name of the sender's own
}

func (d *decoder) event() itsm.Event {
	var w wire
	if k := d.Peek(); k != source.Object {
		d.Add("", "expected an event object, got %s", k)
		d.Skip()
		return w.Event
	}
	d.extra = nil
	var seen uint
	for d.Enter(); ; {
		key, ok := d.Key()
		if !ok {
			break
		}
		bit := known[key]
		switch {
		case bit == 0:
			d.unknown(&w, key)
		case seen&bit != 0:
			d.Skip()
		default:
			seen |= bit
			d.field(&w, key, bit)
		}
	}
	d.finish(&w)
	return w.Event
}

func (d *decoder) field(w *wire, key string, bit uint) {
	switch bit {
	case keyID:
		w.ID = d.short(key)
	case keySource:
		w.source = d.short(key)
	case keyFingerprint:
		w.Identity = d.short(key)
	case keyStatus:
		w.status = d.Scalar(key)
	case keySeverity:
		w.SeverityWord = d.short(key)
	case keyTitle:
		w.Title = source.Title(d.Scalar(key))
	case keyCI:
		w.CIName = d.short(key)
	case keyStarts:
		w.StartsAt = d.Time(key)
	case keyEnds:
		w.EndsAt = d.Time(key)
	case keyEvent:
		w.EventAt = d.Time(key)
	case keyLabels:
		w.Labels = d.Labels(key, source.LooseLabels)
	case keyAnnotations:
		w.Annotations = d.Labels(key, source.LooseAnnotations)
	case keyURL:
		w.GeneratorURL = source.Link(d.Text(key))
	}
}

// short reads a name; numbers are as good as strings here.
func (d *decoder) short(key string) string {
	s := d.Scalar(key)
	if d.Long(key, s) {
		return ""
	}
	return s
}

// unknown keeps a field the format does not have.
func (d *decoder) unknown(w *wire, key string) {
	if ours, ok := meant[key]; ok {
		w.hints = append(w.hints, `"`+key+`" (did you mean `+ours+`?)`)
	}
	var value string
	if d.Peek() == source.String {
		value = d.Str()
	} else {
		value = d.Raw()
	}
	b := d.Bounds()
	switch {
	case value == "" || value == "null":
	case key == "":
		d.Add("", "a field without a name")
	case len(key) > b.NameBytes:
		d.Exceed(source.BoundNameBytes, "", "the field name %s has %d bytes; expected 1 to %d", source.Quote(key), len(key), b.NameBytes)
	case len(value) > b.AnnotationBytes:
		d.Exceed(source.BoundAnnotationBytes, source.Quote(key), "%d bytes, at most %d are accepted", len(value), b.AnnotationBytes)
	default:
		d.extra = append(d.extra, itsm.Label{Name: key, Value: value})
	}
}

func (d *decoder) finish(w *wire) {
	d.status(w)
	if w.source != "" {
		d.extra = append(d.extra, itsm.Label{Name: "source", Value: w.source})
	}
	if len(d.extra) > 0 {
		// What the sender put into annotations comes first and so wins.
		w.Annotations = itsm.NewLabels(append(w.Annotations[:len(w.Annotations):len(w.Annotations)], d.extra...))
	}
	if n, most := len(w.Annotations), d.Bounds().Annotations; n > most {
		d.Exceed(source.BoundAnnotations, "annotations", "%d together with unknown fields, at most %d are accepted", n, most)
	}
	if w.SeverityWord == "" {
		w.SeverityWord, _ = w.Labels.First("severity", "priority")
	}
	w.Severity = itsm.SeverityOf(w.SeverityWord)
	d.identity(w)
	if w.Title == "" {
		title, _ := w.Annotations.First("summary", "title", "message")
		if title == "" {
			title, _ = w.Labels.First("alertname")
		}
		if title == "" {
			title = "event " + w.Identity
		}
		w.Title = source.Title(title)
	}
}

func (d *decoder) status(w *wire) {
	switch strings.ToLower(w.status) {
	case "firing":
		w.Status, w.EndsAt = itsm.Firing, 0
	case "resolved":
		w.Status = itsm.Resolved
	case "":
		hint := ""
		if len(w.hints) > 0 {
			hint = "; found " + strings.Join(w.hints, ", ")
		}
		d.Add("status", `missing; expected "firing" or "resolved"%s`, hint)
	default:
		d.Add("status", `%s: expected "firing" or "resolved"`, source.Quote(w.status))
	}
}

// identity says what makes two events the same alert. The sender's source is
// part of it: two systems behind one door may use the same fingerprints.
func (d *decoder) identity(w *wire) {
	switch {
	case w.Identity != "":
	case w.Labels.Get("alertname") != "":
		w.Identity = source.Digest(source.Fingerprint(w.Labels), w.CIName)
	case len(w.Labels) > 0 || w.Title != "" || w.CIName != "":
		w.Identity = source.Digest(source.Fingerprint(w.Labels), w.CIName, w.Title)
	default:
		d.Add("fingerprint", `missing, and there is no "labels", "title" or "ci" to tell this alert from others; send one of them`)
	}
	if w.source != "" {
		w.Identity = w.source + "/" + w.Identity
		w.Origin = w.source
	}
}
