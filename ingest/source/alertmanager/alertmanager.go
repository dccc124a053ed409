// Package alertmanager decodes the webhook of Prometheus Alertmanager, payload
// version "4", and the same shape as Grafana sends it (version "1"). It is pure.
//
// The status of each alert is its own; the group's is never used. The identity is
// Alertmanager's fingerprint, or the same hash of the labels when it is missing.
package alertmanager

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"strings"

	"signalbox/ingest/source"
	"signalbox/itsm"
)

// decoder holds one delivery: https://prometheus.io/docs/alerting/latest/configuration/#webhook_config
// (payload version 4). Keys may come in any order, so the group is applied last.
type decoder struct {
	source.Fields
	batch      source.Batch
	version    string
	groupKey   string
	truncated  bool
	haveAlerts bool
}

// Keys of the envelope and of an alert, for the rule that the first of
// duplicates wins.
const (
	keyVersion = 1 << iota
	keyGroup
	keyTruncated
	keyAlerts
)

const (
	keyStatus = 1 << iota
	keyLabels
	keyAnnotations
	keyStarts
	keyEnds
	keyURL
	keyFingerprint
)

// Decode turns the body of one webhook into events.
func Decode(body []byte, b source.Bounds) (source.Result, error) {
	d := decoder{Fields: source.Fields{Reader: source.NewReader(body, b)}}
	if k := d.Peek(); k != source.Object {
		if err := d.Err(); err != nil {
			return source.Result{}, err
		}
		return source.Result{}, itsm.Errorf(itsm.Invalid, "not an Alertmanager webhook: expected an object, got %s; Prometheus itself posts to /prometheus/SOURCE/api/v2/alerts", k)
	}
	d.batch.Expect(len(body))
	d.envelope()
	if err := d.End(); err != nil {
		return source.Result{}, err
	}
	if err := d.check(); err != nil {
		return source.Result{}, err
	}
	return d.result(), nil
}

func (d *decoder) envelope() {
	var seen uint
	once := func(bit uint) bool { first := seen&bit == 0; seen |= bit; return first }
	for d.Enter(); ; {
		key, ok := d.Key()
		switch {
		case !ok:
			return
		case key == "version" && once(keyVersion):
			d.version = d.Scalar(key)
		case key == "groupKey" && once(keyGroup):
			d.groupKey = d.Text(key)
		case key == "truncatedAlerts" && once(keyTruncated):
			n := d.Scalar(key)
			d.truncated = n != "" && strings.Trim(n, "0") != ""
		case key == "alerts" && once(keyAlerts):
			d.alerts()
		default:
			d.Skip()
		}
	}
}

func (d *decoder) alerts() {
	if k := d.Peek(); k != source.Array {
		d.Add("alerts", "expected a list, got %s", k)
		d.Skip()
		return
	}
	d.haveAlerts = true
	envelope := d.Faults // faults of the envelope and of an alert are told apart
	d.Enter()
	for i := 0; d.Next(); i++ {
		if err := d.batch.Reserve(i); err != nil {
			d.Refuse(err)
			return
		}
		d.Reset("alerts", i)
		mark := d.Mark()
		e := d.alert()
		d.batch.Add(e, &d.Faults, d.Since(mark))
	}
	d.Faults = envelope
}

func (d *decoder) alert() itsm.Event {
	var e itsm.Event
	if k := d.Peek(); k != source.Object {
		d.Add("", "expected an object, got %s", k)
		d.Skip()
		return e
	}
	var status string
	var seen uint
	once := func(bit uint) bool { first := seen&bit == 0; seen |= bit; return first }
	for d.Enter(); ; {
		key, ok := d.Key()
		if !ok {
			break
		}
		switch {
		case key == "status" && once(keyStatus):
			status = d.Text(key)
		case key == "labels" && once(keyLabels):
			e.Labels = d.Labels(key, source.StrictLabels)
		case key == "annotations" && once(keyAnnotations):
			e.Annotations = d.Labels(key, source.StrictAnnotations)
		case key == "startsAt" && once(keyStarts):
			e.StartsAt = d.Time(key)
		case key == "endsAt" && once(keyEnds):
			e.EndsAt = d.Time(key)
		case key == "generatorURL" && once(keyURL):
			e.GeneratorURL = source.Link(d.Text(key))
		case key == "fingerprint" && once(keyFingerprint):
			e.Identity = d.Name(key)
		default:
			d.Skip()
		}
	}
	d.finish(&e, status)
	return e
}

// finish derives what the wire does not say outright.
func (d *decoder) finish(e *itsm.Event, status string) {
	switch status {
	case "firing":
		e.Status, e.EndsAt = itsm.Firing, 0
	case "resolved":
		e.Status = itsm.Resolved
	default:
		d.Add("status", `%s: expected "firing" or "resolved"`, source.Quote(status))
	}
	if len(e.Labels) == 0 && !d.Any() {
		d.Add("labels", "an alert needs at least one label")
	}
	if e.Identity == "" {
		e.Identity = source.Fingerprint(e.Labels)
	}
	source.Named(e)
}

func (d *decoder) check() error {
	switch d.version {
	case "4", "1":
	case "":
		return itsm.Errorf(itsm.Invalid, `not an Alertmanager webhook: "version" is missing, expected "4"; `+
			`remove a custom payload from the receiver, or post it to a source of kind generic`)
	default:
		return itsm.Errorf(itsm.Invalid, `version: %s, expected "4" (or "1" from Grafana)`, source.Quote(d.version))
	}
	if err := d.Wrong(); err != nil {
		return err
	}
	if !d.haveAlerts {
		return itsm.Errorf(itsm.Invalid, `alerts: missing; an Alertmanager webhook lists its alerts there`)
	}
	return nil
}

// result puts the group on every event and closes the batch.
func (d *decoder) result() source.Result {
	group := d.groupKey
	if len(group) > source.GroupBytesMax {
		sum := sha256.Sum256([]byte(group))
		group = "sha256:" + hex.EncodeToString(sum[:])
	}
	for i := range d.batch.Events {
		d.batch.Events[i].Group, d.batch.Events[i].PartialGroup = group, d.truncated
	}
	return d.batch.Result(open(d.version, group, d.truncated), "]}")
}

// open is the start of a webhook that holds one alert of this one.
func open(version, group string, truncated bool) string {
	count := "0"
	if truncated {
		count = "1"
	}
	key, _ := json.Marshal(group) // a string always encodes
	return `{"version":"` + version + `","groupKey":` + string(key) + `,"truncatedAlerts":` + count + `,"alerts":[`
}
