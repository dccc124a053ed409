package sim

import (
	"strings"
	"time"

	"signalbox/itsm"
	"signalbox/itsm/desk"
)

// mirror holds the records as they were decided. Every batch is judged against
// it: it is what the desk should say.
type mirror struct {
	connectors int
	alerts     []*itsm.Alert // by number - 1
	incidents  []*view       // by number - 1
	evidence   map[evidenceKey]*itsm.Evidence
	keys       map[string]struct{}
	settled    map[string]string // intent key → "" confirmed, else why it was abandoned
	revived    map[string]bool
	outcomes   uint64
	opened     []*itsm.Evidence // of this batch: first members of new incidents
}

type evidenceKey struct {
	incident itsm.IncidentNumber
	alert    itsm.AlertNumber
	episode  uint32
}

// view is what the mirror keeps of one incident.
type view struct {
	rec     *itsm.Incident
	lineOff itsm.Offset // of its latest timeline entry
	lineAt  itsm.Time
	members []itsm.AlertNumber // ever; some may have left
	told    []toldView         // by connector
	opened  bool               // its timeline begins with how it was opened
	heard   map[string]int64   // connector → newest version folded
	newest  map[string]said    // connector → newest of all that it reported, ignored or not
	dead    bool               // an intent of it was abandoned: a partner may disagree
}

// toldView is what the outbox says one partner was told of one incident.
type toldView struct {
	serial uint32
	newest uint32 // epoch of the last trigger
	live   uint32 // epoch of the record it works on: an earlier one when it reopened that
	ended  bool   // the resolve of that record was decided
	// crossed: somebody there opened a record again that could not be taken up,
	// because the incident was open in another one or is over for good.
	crossed bool
	swept   itsm.Offset // of the last sweep of it after which it was told again
}

func newMirror(connectors int) *mirror {
	return &mirror{connectors: connectors, evidence: map[evidenceKey]*itsm.Evidence{}, keys: map[string]struct{}{}, settled: map[string]string{}, revived: map[string]bool{}}
}

func (m *mirror) incident(n itsm.IncidentNumber) *view {
	if n == 0 || int(n) > len(m.incidents) {
		return nil
	}
	return m.incidents[n-1]
}

func (m *mirror) alert(n itsm.AlertNumber) *itsm.Alert {
	if n == 0 || int(n) > len(m.alerts) {
		return nil
	}
	return m.alerts[n-1]
}

// viewOf makes the view of an incident whose record may still come.
func (m *mirror) viewOf(w *World, n itsm.IncidentNumber) *view {
	switch {
	case n == 0 || int(n) > len(m.incidents)+1:
		w.fail("numbers", "%s is named, the newest is number %d", n, len(m.incidents))
	case int(n) == len(m.incidents)+1:
		m.incidents = append(m.incidents, &view{told: make([]toldView, m.connectors)})
	}
	return m.incidents[n-1]
}

// apply judges a batch that the desk has just stored.
func (m *mirror) apply(w *World, b *desk.Batch, since itsm.Offset) {
	for i := range b.Decisions {
		d := &b.Decisions[i]
		switch d.Kind {
		case itsm.PutAlert:
			m.putAlert(w, d.Alert, since)
		case itsm.PutIncident:
			m.putIncident(w, d.Incident)
		case itsm.PutEvidence:
			m.putEvidence(w, d.Evidence)
		case itsm.DropEvidence:
			k := evidenceKey{d.Evidence.Incident, d.Evidence.Alert, d.Evidence.Episode}
			if m.evidence[k] == nil {
				w.fail("evidence", "%v is dropped but was never there", k)
			}
			delete(m.evidence, k)
		case itsm.AddTimeline:
			m.addTimeline(w, d.Timeline)
		case itsm.PutIntent:
			m.putIntent(w, d.Intent)
		case itsm.SettleIntent:
			m.settle(d.Settled)
		case itsm.ReviveIntent:
			delete(m.settled, d.Settled.Key)
			m.revived[d.Settled.Key] = true
		case itsm.SettleOutcome:
			m.outcome(w, d.Outcome)
		}
	}
	for _, e := range m.opened {
		m.checkOpened(w, e)
	}
	m.opened = m.opened[:0]
}

// busyFor is how recent a join on a CI surely keeps another incident from being
// opened there unless it says that it follows.
const busyFor = time.Minute

// checkOpened is the other half of I5: trouble on a CI whose trouble an open
// incident has just taken in belongs there, or names the incident it follows.
func (m *mirror) checkOpened(w *World, e *itsm.Evidence) {
	in := m.incident(e.Incident).rec
	if in.Follows != 0 || !in.State.IsOpen() {
		return
	}
	var there itsm.IncidentNumber // the lowest, for the message must not depend on the map
	for k, x := range m.evidence {
		if k.incident == in.Number || x.CI != e.CI || x.Offset >= e.Offset || x.At < e.At.Add(-busyFor) || x.By == "person" {
			continue
		}
		o := m.incident(k.incident).rec
		if o.State.IsOpen() && o.Epoch == 1 && m.alert(k.alert).Status == itsm.Firing && (there == 0 || k.incident < there) {
			there = k.incident
		}
	}
	if there != 0 {
		w.fail("I5", "%s was opened on %s at %s although %s is open and had just taken in an alert there", in.Number, e.CI, e.At, there)
	}
}

func (m *mirror) putAlert(w *World, a *itsm.Alert, since itsm.Offset) {
	if int(a.Number) == len(m.alerts)+1 {
		m.alerts = append(m.alerts, nil)
	}
	if a.Number == 0 || int(a.Number) > len(m.alerts) {
		w.fail("numbers", "%s comes after number %d", a.Number, len(m.alerts))
	}
	old := m.alerts[a.Number-1]
	if w.o.Trace {
		w.notef("%s (%s): %s episode %d ended by %q at %s, in %s, held %q, changed by entry %d", a.Number, a.Key, a.Status, a.Episode, a.EndedBy, a.EndsAt, a.Incident, a.SuppressedBy, a.ChangedAt)
	}
	m.alerts[a.Number-1] = a
	if old != nil && (a.Episode < old.Episode || a.EventCount < old.EventCount || a.ChangedAt < old.ChangedAt) {
		w.fail("monotonic", "%s went back: episode %d to %d, events %d to %d", a.Number, old.Episode, a.Episode, old.EventCount, a.EventCount)
	}
	if a.Status == itsm.Firing {
		m.checkFiring(w, a)
	} else if a.EndedBy == "sender" && (old == nil || old.Status == itsm.Firing) {
		w.resolvedBySender(a, since)
	}
}

// checkFiring is the heart of I5: a firing episode is a member with evidence, or
// says what holds it back.
func (m *mirror) checkFiring(w *World, a *itsm.Alert) {
	if a.SuppressedBy != "" {
		return
	}
	v := m.incident(a.Incident)
	if v == nil {
		w.fail("I5", "%s fires, is not suppressed and belongs to no incident", a.Number)
	}
	if m.evidence[evidenceKey{a.Incident, a.Number, a.Episode}] == nil {
		w.fail("I5", "%s fires in episode %d and has no evidence of belonging to %s", a.Number, a.Episode, a.Incident)
	}
}

func (m *mirror) putIncident(w *World, in *itsm.Incident) {
	v := m.viewOf(w, in.Number)
	old := v.rec
	v.rec = in
	if old != nil {
		if in.Version <= old.Version || in.Epoch < old.Epoch || in.ChangedAt < old.ChangedAt {
			w.fail("monotonic", "%s went back: version %d to %d, epoch %d to %d", in.Number, old.Version, in.Version, old.Epoch, in.Epoch)
		}
		ended := old.State == itsm.Closed || old.State == itsm.Cancelled && old.MergedInto == 0
		if ended && in.State != old.State || old.State == itsm.IncidentResolved && in.State.IsOpen() && in.Epoch == old.Epoch {
			w.fail("lifecycle", "%s was %s in epoch %d and is %s in epoch %d", in.Number, old.State, old.Epoch, in.State, in.Epoch)
		}
	}
	flagged := in.StillFiring == (in.FiringCount > 0)
	if (in.State == itsm.IncidentResolved || in.State == itsm.Closed) && !flagged || in.State.IsOpen() && in.StillFiring {
		w.fail("still firing", "%s is %s, %d of its alerts fire and the flag is %t", in.Number, in.State, in.FiringCount, in.StillFiring)
	}
	if in.FiringCount < 0 || in.FiringCount > in.AlertCount {
		w.fail("counters", "%s: %d of %d alerts fire", in.Number, in.FiringCount, in.AlertCount)
	}
}

func (m *mirror) putEvidence(w *World, e *itsm.Evidence) {
	k := evidenceKey{e.Incident, e.Alert, e.Episode}
	if e.Because == "" || e.By == "" || e.Decision == "" || e.CI == "" {
		w.fail("explain", "evidence %v does not say why: %+v", k, e)
	}
	if m.evidence[k] == nil {
		v := m.viewOf(w, e.Incident)
		v.members = append(v.members, e.Alert)
	}
	m.evidence[k] = e
	if e.Decision == itsm.DecidedOpened && e.By != "person" && !strings.HasPrefix(e.Because, "chronic") { // what never stops is kept apart on purpose
		m.opened = append(m.opened, e)
	}
}

func (m *mirror) addTimeline(w *World, t *itsm.TimelineEntry) {
	v := m.viewOf(w, t.Incident)
	if t.Offset < v.lineOff || t.At < v.lineAt {
		w.fail("timeline", "%s: an entry of %d at %s comes after one of %d at %s", t.Incident, t.Offset, t.At, v.lineOff, v.lineAt)
	}
	v.lineOff, v.lineAt = t.Offset, t.At
	if w.o.Trace {
		w.notef("%s: %s by %s at %s: %s", t.Incident, t.Kind, t.Actor, t.At, t.Text)
	}
	if !v.opened && t.Kind != "opened" {
		w.fail("timeline", "%s begins with %q", t.Incident, t.Kind)
	}
	v.opened = true
}

func (m *mirror) putIntent(w *World, in *itsm.Intent) {
	if _, twice := m.keys[in.Key]; twice {
		w.fail("I6", "%s %s of %s has the key of an earlier intent", in.Connector, in.Transition, in.Incident)
	}
	m.keys[in.Key] = struct{}{}
	if w.o.Trace {
		w.notef("outbox: %s %s of %s epoch %d serial %d: %s", in.Connector, in.Transition, in.Incident, in.Epoch, in.Serial, in.Text)
	}
	p := w.partnerOf(in.Connector)
	v := m.viewOf(w, in.Incident)
	t := &v.told[p.index]
	if in.Serial != t.serial+1 {
		w.fail("I10", "%s %s of %s has serial %d after %d", in.Connector, in.Transition, in.Incident, in.Serial, t.serial)
	}
	t.serial = in.Serial
	act := w.machine.meta[in.Offset-1].act
	if act != nil && act.Kind == itsm.ActSync && act.Origin == in.Connector && (act.Epoch == 0 || act.Epoch == in.Epoch) {
		t.swept = in.Offset // what was due of another record at that moment says nothing of this one
	}
	t.count(w, in)
	if act != nil && act.Kind != itsm.ActReceipt && act.Origin == in.Connector && in.Actor == act.Actor {
		w.fail("I9", "%s is told back what %s did there: %s of %s", in.Connector, act.Actor, in.Transition, in.Incident)
	}
	p.wake(w)
}

// count holds an intent against those before it: one trigger an epoch, one resolve
// of each time a record is open, and nothing but notes after it.
func (t *toldView) count(w *World, in *itsm.Intent) {
	switch {
	case in.Transition == itsm.Trigger && in.Epoch <= t.newest:
		w.fail("I7", "%s is asked to open epoch %d of %s after epoch %d", in.Connector, in.Epoch, in.Incident, t.newest)
	case in.Transition == itsm.Trigger:
		t.newest, t.live, t.ended = in.Epoch, in.Epoch, false
	case in.Transition == itsm.Resolve && in.Epoch != t.live && in.Epoch <= t.newest:
		return // somebody opened an earlier record again over there
	case in.Epoch != t.live:
		w.fail("I10", "%s: %s is for epoch %d of %s, its record is that of epoch %d", in.Connector, in.Transition, in.Epoch, in.Incident, t.live)
	case t.ended && in.Transition == itsm.Resolve && t.swept == in.Offset: // it was found open nevertheless
	case t.ended && in.Transition != itsm.Note:
		w.fail("I10", "%s: %s of %s follows the resolve of epoch %d", in.Connector, in.Transition, in.Incident, in.Epoch)
	case in.Transition == itsm.Resolve:
		t.ended = true
	}
}

func (m *mirror) settle(s *itsm.Settlement) {
	m.settled[s.Key] = s.Failure
}

// said is a report of a partner on an incident.
type said struct {
	version int64
	kind    itsm.ActKind
}

// outcome holds what an act came to against what it must.
func (m *mirror) outcome(w *World, o *itsm.Outcome) {
	m.outcomes++
	mt := &w.machine.meta[o.Offset-1]
	if w.o.Trace {
		w.notef("outcome of entry %d: %s %s noop=%t %s", o.Offset, o.Incident, o.Code, o.NoOp, o.Detail)
	}
	a := mt.act
	if a == nil {
		w.fail("acts", "entry %d is no act and has an outcome", o.Offset)
	}
	if r := mt.repeat; r != nil {
		r.judge(w, o)
	}
	v := m.incident(a.Incident)
	if a.Kind == itsm.ActReopen && a.Origin != "" && v != nil {
		t := &v.told[w.partnerOf(a.Origin).index]
		if o.Code == "" && !o.NoOp {
			t.live, t.ended = a.Epoch, false
		} else if o.Code != "" || t.live != a.Epoch || t.ended {
			t.crossed = true
		}
	}
	if a.Kind == itsm.ActSync && v != nil && o.Code == "" && !o.NoOp {
		t := &v.told[w.partnerOf(a.Origin).index]
		if (t.ended || a.Epoch != t.live) && t.swept != o.Offset && a.Seen.Status != itsm.RecordResolved {
			t.live, t.ended = a.Epoch, false // taken over: somebody there opened it again
		}
	}
	if v == nil || a.Origin == "" || a.PartnerVersion == 0 || a.Kind == itsm.ActNote || a.Kind == itsm.ActLink || a.Kind == itsm.ActReceipt {
		return
	}
	if v.heard == nil {
		v.heard, v.newest = map[string]int64{}, map[string]said{}
	}
	n := v.newest[a.Origin]
	overtaken := a.Kind == itsm.ActReopen && n.kind == itsm.ActAcknowledge // by what it made possible
	if a.PartnerVersion < v.heard[a.Origin] && !o.NoOp && o.Code == "" && !overtaken {
		w.fail("R3", "%s of %s by %s has version %d and took effect after version %d", a.Kind, a.Incident, a.Origin, a.PartnerVersion, v.heard[a.Origin])
	}
	if a.PartnerVersion > n.version {
		v.newest[a.Origin] = said{a.PartnerVersion, a.Kind}
	}
	if !o.NoOp { // what was ignored as being of an old record does not count
		v.heard[a.Origin] = max(v.heard[a.Origin], a.PartnerVersion)
	}
}
