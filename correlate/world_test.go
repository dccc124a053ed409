package correlate

import (
	"bytes"
	"encoding/json"
	"fmt"

	"signalbox/itsm"
	"signalbox/itsm/cmdb"
)

// world is a small desk around a State: it applies decisions to records, so that
// tests look at what people would see.
type world struct {
	tb    fataler
	s     *State
	at    itsm.Time
	off   itsm.Offset
	steps []Input // everything that was stepped, for the laws

	alerts     map[itsm.AlertNumber]itsm.Alert
	incidents  map[itsm.IncidentNumber]itsm.Incident
	evidence   map[evidenceKey]itsm.Evidence
	timeline   []itsm.TimelineEntry
	intents    []itsm.Intent
	settled    []itsm.Settlement
	quarantine map[string]itsm.Quarantined
	outcome    itsm.Outcome
	fates      []itsm.Fates           // in the order of the entries
	objects    map[string]itsm.Object // by kind and id
	seenIntent map[string]int         // intents a scenario has asked about, by connector
}

// fataler is what a world needs of a test, of rapid's too.
type fataler interface {
	Helper()
	Fatal(...any)
	Fatalf(string, ...any)
	Errorf(string, ...any)
}

type evidenceKey struct {
	i itsm.IncidentNumber
	a itsm.AlertNumber
	e uint32
}

func newWorld(tb fataler, c Config) *world {
	g := cmdb.Empty(cmdb.DefaultRelationTypes())
	return &world{tb: tb, s: New(c, g), at: epoch, alerts: map[itsm.AlertNumber]itsm.Alert{}, incidents: map[itsm.IncidentNumber]itsm.Incident{},
		evidence: map[evidenceKey]itsm.Evidence{}, quarantine: map[string]itsm.Quarantined{}, seenIntent: map[string]int{}, objects: map[string]itsm.Object{}}
}

// epoch is 00:00 of every scenario: 2026-01-01T00:00:00Z.
const epoch itsm.Time = 1767225600000

// step folds one input at w.at, without flushing.
func (w *world) step(in Input) {
	w.off++
	in.Offset, in.At = w.off, w.at
	w.steps = append(w.steps, in)
	w.apply(w.s.Step(in))
	if t := w.s.Totals(); !t.Balanced() {
		w.tb.Fatalf("entry %d: conservation: %+v", w.off, t)
	}
	if n := len(w.fates); in.Delivery != nil && (n == 0 || w.fates[n-1].Offset != w.off) {
		w.tb.Fatalf("entry %d is a delivery without fates", w.off)
	}
}

// do folds one input and flushes.
func (w *world) do(in Input) {
	w.step(in)
	w.apply(w.s.Flush())
}

// until moves time to at, with a tick whenever the state wants waking before it.
func (w *world) until(at itsm.Time) {
	for {
		wake := w.s.NextWake()
		if wake == 0 || wake >= at {
			break
		}
		w.at = max(w.at, wake)
		w.do(Input{Tick: true})
	}
	w.at = max(w.at, at)
}

func (w *world) apply(ds []itsm.Decision) {
	for _, d := range ds {
		switch d.Kind {
		case itsm.PutAlert:
			w.alerts[d.Alert.Number] = *d.Alert
		case itsm.PutIncident:
			w.incidents[d.Incident.Number] = *d.Incident
		case itsm.PutEvidence:
			w.evidence[evidenceKey{d.Evidence.Incident, d.Evidence.Alert, d.Evidence.Episode}] = *d.Evidence
		case itsm.DropEvidence:
			delete(w.evidence, evidenceKey{d.Evidence.Incident, d.Evidence.Alert, d.Evidence.Episode})
		case itsm.AddTimeline:
			w.timeline = append(w.timeline, *d.Timeline)
		case itsm.PutIntent:
			w.intents = append(w.intents, *d.Intent)
		case itsm.SettleIntent:
			w.settled = append(w.settled, *d.Settled)
		case itsm.PutQuarantine:
			q := *d.Quarantine
			if q.Body == nil {
				q.Body = w.quarantine[q.ID].Body
			}
			w.quarantine[q.ID] = q
		case itsm.SettleOutcome:
			w.outcome = *d.Outcome
		case itsm.PutFates:
			w.fates = append(w.fates, *d.Fates)
		case itsm.PutObject:
			if key := d.Object.Kind + " " + d.Object.ID; len(d.Object.Body) == 0 {
				delete(w.objects, key)
			} else {
				w.objects[key] = *d.Object
			}
		default:
			w.tb.Fatalf("decision of kind %d", d.Kind)
		}
	}
}

// export is everything a desk would hold, in one canonical form.
func (w *world) export() []byte {
	var b bytes.Buffer
	line := func(v any) {
		j, err := json.Marshal(v)
		if err != nil {
			w.tb.Fatal(err)
		}
		b.Write(j)
		b.WriteByte('\n')
	}
	for _, n := range sortedKeys(w.alerts) {
		line(w.alerts[n])
	}
	for _, n := range sortedKeys(w.incidents) {
		line(w.incidents[n])
	}
	ev := map[string]itsm.Evidence{}
	for k, e := range w.evidence {
		ev[fmt.Sprintf("%09d/%09d/%06d", k.i, k.a, k.e)] = e
	}
	for _, k := range sortedKeys(ev) {
		line(ev[k])
	}
	line(w.timeline)
	line(w.intents)
	line(w.settled)
	for _, k := range sortedKeys(w.quarantine) {
		line(w.quarantine[k])
	}
	line(w.fates)
	for _, k := range sortedKeys(w.objects) {
		line(w.objects[k])
	}
	line(w.s.Totals())
	return b.Bytes()
}

func (w *world) encode() []byte {
	var b bytes.Buffer
	if err := w.s.Encode(&b); err != nil {
		w.tb.Fatal(err)
	}
	return b.Bytes()
}
