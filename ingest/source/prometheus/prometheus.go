// Package prometheus decodes what Prometheus posts to an Alertmanager,
// POST /api/v2/alerts, so that Signalbox can stand in its place. It is pure: the
// time of arrival is an argument, because here it decides what an alert means.
//
// An endsAt in the future is a lease (the alert fires until then), one in the
// past a resolve. The identity is Alertmanager's own fingerprint of the labels.
package prometheus

import (
	"slices"
	"time"

	"signalbox/ingest/source"
	"signalbox/itsm"
)

// ResolveTimeout is Alertmanager's default for alerts without an endsAt.
const ResolveTimeout = 5 * time.Minute

// Config is how one source normalises; its zero value is Alertmanager's default.
type Config struct {
	// IgnoreLabels are dropped before anything else, so that the replicas of a
	// highly available pair send one alert and not two.
	IgnoreLabels []string
	// ResolveTimeout is the lease of an alert that names no end; 0 is the default.
	ResolveTimeout time.Duration
	Bounds         source.Bounds
}

// decoder holds one request: https://github.com/prometheus/alertmanager/blob/main/api/v2/openapi.yaml
// (postableAlerts; Alertmanager 0.34).
type decoder struct {
	source.Fields
	batch source.Batch
	c     Config
	now   itsm.Time
}

const (
	keyLabels = 1 << iota
	keyAnnotations
	keyStarts
	keyEnds
	keyURL
)

// Decode turns one request, received at now, into events.
func (c Config) Decode(body []byte, now itsm.Time) (source.Result, error) {
	if c.ResolveTimeout == 0 {
		c.ResolveTimeout = ResolveTimeout
	}
	d := decoder{Fields: source.Fields{Reader: source.NewReader(body, c.Bounds)}, c: c, now: now}
	if k := d.Peek(); k != source.Array {
		if err := d.Err(); err != nil {
			return source.Result{}, err
		}
		return source.Result{}, itsm.Errorf(itsm.Invalid, "expected a list of alerts, got %s; Alertmanager's webhook goes to /webhooks/SOURCE", k)
	}
	d.batch.Expect(len(body))
	d.Enter()
	for i := 0; d.Next(); i++ {
		if err := d.batch.Reserve(i); err != nil {
			return source.Result{}, err
		}
		d.Reset("alerts", i)
		mark := d.Mark()
		e := d.alert()
		d.batch.Add(e, &d.Faults, d.Since(mark))
	}
	if err := d.End(); err != nil {
		return source.Result{}, err
	}
	return d.batch.Result("[", "]"), nil
}

func (d *decoder) alert() itsm.Event {
	var e itsm.Event
	if k := d.Peek(); k != source.Object {
		d.Add("", "expected an object, got %s", k)
		d.Skip()
		return e
	}
	var ends itsm.Time
	var seen uint
	once := func(bit uint) bool { first := seen&bit == 0; seen |= bit; return first }
	for d.Enter(); ; {
		key, ok := d.Key()
		if !ok {
			break
		}
		switch {
		case key == "labels" && once(keyLabels):
			e.Labels = d.Labels(key, source.StrictLabels)
		case key == "annotations" && once(keyAnnotations):
			e.Annotations = d.Labels(key, source.StrictAnnotations)
		case key == "startsAt" && once(keyStarts):
			e.StartsAt = d.Time(key)
		case key == "endsAt" && once(keyEnds):
			ends = d.Time(key)
		case key == "generatorURL" && once(keyURL):
			e.GeneratorURL = source.Link(d.Text(key))
		default:
			d.Skip()
		}
	}
	d.finish(&e, ends)
	return e
}

// finish applies Alertmanager's normalisation.
func (d *decoder) finish(e *itsm.Event, ends itsm.Time) {
	if len(d.c.IgnoreLabels) > 0 {
		e.Labels = slices.DeleteFunc(e.Labels, func(l itsm.Label) bool { return slices.Contains(d.c.IgnoreLabels, l.Name) })
	}
	if len(e.Labels) == 0 && !d.Any() {
		d.Add("labels", "an alert needs at least one label with a value")
	}
	switch {
	case e.StartsAt != 0:
	case ends != 0:
		e.StartsAt = min(ends, d.now)
	default:
		e.StartsAt = d.now
	}
	if ends == 0 {
		ends = d.now.Add(d.c.ResolveTimeout)
	}
	if ends < e.StartsAt {
		d.Add("endsAt", "%s is before startsAt %s", ends, e.StartsAt)
	}
	if ends > d.now {
		e.Status, e.LeaseUntil = itsm.Firing, ends
	} else {
		e.Status, e.EndsAt = itsm.Resolved, ends
	}
	e.Identity = source.Fingerprint(e.Labels)
	source.Named(e)
}
