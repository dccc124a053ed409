package sim

import (
	"bytes"
	"slices"
	"time"

	"signalbox/itsm"
	"signalbox/itsm/desk"
	"signalbox/itsm/kv"
)

// checkpoint judges what costs more than a step: everything is folded, then every
// counter must be what its members imply.
func (w *World) checkpoint() {
	w.machine.catchUp()
	w.conservation()
	w.membership()
}

// conservation is I14, against a count of our own.
func (w *World) conservation() {
	t := w.machine.folder.State.Totals()
	if !t.Balanced() || t.Accepted != w.folded.events {
		w.fail("I14", "accepted %d = folded %d + deduplicated %d + suppressed %d + quarantined %d; journaled %d", t.Accepted, t.Folded, t.Deduplicated, t.Suppressed, t.Quarantined, w.folded.events)
	}
	for _, s := range t.Sources {
		if !s.Balanced() {
			w.fail("I14", "source %s: %+v", s.Source, s.EventTotals)
		}
	}
	open := 0
	for _, v := range w.mirror.incidents {
		if v.rec.State.IsOpen() {
			open++
		}
	}
	if t.OpenIncidents != open {
		w.fail("counters", "the core counts %d open incidents, the records say %d", t.OpenIncidents, open)
	}
}

// tally is what members imply of one incident.
type tally struct{ members, firing int }

// membership is I5 in full: each episode is evidence of one incident only, and
// the counts of every incident are those of its evidence.
func (w *World) membership() {
	m := w.mirror
	type episode struct {
		alert itsm.AlertNumber
		n     uint32
	}
	in := make(map[episode]itsm.IncidentNumber, len(m.evidence))
	tallies := make([]tally, len(m.incidents)+1)
	for k := range m.evidence {
		e := episode{k.alert, k.episode}
		if other, twice := in[e]; twice {
			w.fail("I5", "episode %d of %s is a member of %s and of %s", k.episode, k.alert, min(other, k.incident), max(other, k.incident))
		}
		in[e] = k.incident
		tallies[k.incident].members++
		if a := m.alert(k.alert); a.Status == itsm.Firing && a.Episode == k.episode {
			tallies[k.incident].firing++
		}
	}
	for i, v := range m.incidents {
		w.countsOf(v.rec, tallies[i+1])
	}
	for _, a := range m.alerts {
		if a.Status == itsm.Firing {
			w.memberOfOpen(a)
		}
	}
}

func (w *World) countsOf(in *itsm.Incident, t tally) {
	if in.AlertCount != t.members {
		w.fail("evidence", "%s counts %d alert episodes, %d have evidence", in.Number, in.AlertCount, t.members)
	}
	if ended := in.State == itsm.Closed || in.State == itsm.Cancelled; in.FiringCount != t.firing && !ended {
		w.fail("counters", "%s (%s) counts %d firing alerts, it has %d", in.Number, in.State, in.FiringCount, t.firing)
	}
}

// memberOfOpen: what fires is worked on, or its incident says that it was
// resolved nevertheless, or the alert says what suppresses it.
func (w *World) memberOfOpen(a *itsm.Alert) {
	w.mirror.checkFiring(w, a)
	if a.SuppressedBy != "" {
		return
	}
	in := w.mirror.incident(a.Incident).rec
	if !in.State.IsOpen() && !in.StillFiring {
		w.fail("I5", "%s fires and its incident %s is %s without a flag", a.Number, in.Number, in.State)
	}
}

// settleFor is how long nothing new happens before each of the last sweeps, and the
// end: longer than every timer that could still tell somebody something, and than
// what was told again waits until it is told once more.
const settleFor = 6*time.Hour + 10*time.Minute

// settle stops the faults and lets the world come to rest: what is under way
// arrives, senders repeat, partners report what they have, twice.
func (w *World) settle() {
	w.settling = true
	w.note("settling", 0, 0)
	if n := len(w.machine.log); n > 0 { // our clock may be far ahead of us: then time stands still
		w.skew = max(0, w.machine.log[n-1].At-w.now)
	}
	moving := w.agenda.take(todoArrive, todoWebhook, todoNotify, todoCourier)
	w.agenda.heap = nil
	for _, t := range moving {
		if t.kind == todoArrive || t.kind == todoWebhook {
			w.do(t)
			w.machine.sync()
		}
	}
	w.machine.catchUp()
	for _, s := range w.senders {
		s.finish(w)
	}
	for _, d := range []time.Duration{10 * time.Minute, settleFor} { // the first one soon: what is closed and forgotten is not compared
		w.rest(d)
		for _, p := range w.partners {
			p.sweep(w, len(w.mirror.incidents))
		}
	}
	w.rest(settleFor)
	for range 3 { // the clock of a service level may strike at the very end
		if !w.owes() {
			break
		}
		w.rest(time.Minute)
	}
	w.machine.catchUp()
}

// owes reports whether something is still to be told to a partner.
func (w *World) owes() bool {
	return slices.ContainsFunc(w.partners, func(p *partner) bool {
		left, err := w.machine.desk.Intents(p.name, 1)
		return err == nil && len(left) > 0
	})
}

// finish sends once more how things are, with a lease that lasts.
func (s *sender) finish(w *World) {
	s.queued = true // no repeats from now on
	var list []*condition
	for _, c := range s.watch {
		if c.firing {
			list = append(list, c)
		}
	}
	if len(list) == 0 {
		return
	}
	p := s.parcelOf(w, list, true)
	for i := range p.events {
		if p.events[i].LeaseUntil != 0 {
			p.events[i].LeaseUntil = w.machine.at().Add(20 * time.Hour)
		}
	}
	w.arrive(p)
	w.machine.catchUp()
}

// rest lets time pass with everything that is due.
func (w *World) rest(d time.Duration) {
	end := w.now.Add(d)
	for _, p := range w.partners {
		p.queued = false
		p.wake(w)
	}
	for {
		wake := w.machine.folder.State.NextWake()
		at := max(w.now, wake-w.skew)
		switch {
		case w.agenda.len() > 0 && w.agenda.first().at <= end && (wake == 0 || w.agenda.first().at <= at):
			w.do(w.agenda.pop())
		case wake != 0 && at <= end:
			w.now = at
			w.tick()
		default:
			w.now = end
			return
		}
		w.steps++
		w.machine.catchUp()
	}
}

// final judges everything that only holds, or only shows, at the end.
func (w *World) final() {
	w.checkpoint()
	w.acknowledged()
	w.numbers()
	for _, p := range w.partners {
		p.converged(w)
	}
	w.truth()
	w.cold()
}

// acknowledged is I1: whoever was answered is in the journal.
func (w *World) acknowledged() {
	stored := make(map[int]bool, len(w.machine.meta))
	for i := range w.machine.meta {
		if p := w.machine.meta[i].parcel; p != nil {
			stored[p.id] = true
		}
	}
	for _, p := range w.acked {
		if p.acked && !stored[p.id] {
			w.fail("I1", "delivery #%d of %s was answered and is not in the journal", p.id, p.source)
		}
	}
}

// numbers: what was ever numbered has a record.
func (w *World) numbers() {
	for i, v := range w.mirror.incidents {
		if v.rec == nil || !v.opened {
			w.fail("numbers", "incident %d has no record or no beginning", i+1)
		}
	}
	var acts uint64
	for i := range w.machine.meta {
		if w.machine.meta[i].act != nil {
			acts++
		}
	}
	if acts != w.mirror.outcomes {
		w.fail("acts", "%d acts were journaled, %d outcomes decided", acts, w.mirror.outcomes)
	}
}

// converged is I8: the partner has open what is open here, and nothing else.
func (p *partner) converged(w *World) {
	if left, err := w.machine.desk.Intents(p.name, 1); err != nil || len(left) > 0 {
		w.fail("I8", "%s: the outbox is not empty after everything settled: %v %v", p.name, left, err)
	}
	for _, o := range p.order {
		v := w.mirror.incident(o.incident)
		t := &v.told[p.index]
		_, kept := w.machine.folder.State.SyncWith(o.incident, p.name)
		if v.dead || o.human != "" && (!kept || o.epoch != t.live || t.newest < v.rec.Epoch) {
			continue // a dead letter explains it, or somebody opened again there what no sweep looks at: forgotten here, or the record of an earlier epoch that was over
		}
		in := v.rec
		if o.state != objectResolved && (!in.State.IsOpen() || t.live != o.epoch) {
			w.fail("I8", "%s has epoch %d of %s open; it is %s in epoch %d and lives there as %d", p.name, o.epoch, o.incident, in.State, in.Epoch, t.live)
		}
	}
	least := w.config.Connectors[p.index].MinPriority
	for _, v := range w.mirror.incidents {
		in := v.rec
		t := &v.told[p.index]
		if !in.State.IsOpen() || v.dead || least != 0 && in.Priority > least {
			continue
		}
		o := p.objects[objectKey{in.Number, t.live}]
		if o == nil || o.state == objectResolved {
			w.fail("I8", "%s is %s in epoch %d with %d firing alerts and %s does not have it open: %+v; %d pages held, %d storms", in.Number, in.State, in.Epoch, in.FiringCount, p.name, o, w.machine.folder.State.Totals().PagesHeld, w.machine.folder.State.Totals().StormsOn)
		}
		if acked := in.AcknowledgedAt != 0; acked && in.Epoch == 1 && o.state == objectOpen && !o.reopened {
			w.fail("I8", "%s is acknowledged by %s and %s does not know", in.Number, in.AcknowledgedBy, p.name)
		}
	}
}

// truth compares alerts with what their senders know to be so.
func (w *World) truth() {
	for _, c := range w.conditions {
		k := &c.known
		if k.number == 0 || k.vague || c.sender.kind == generic {
			continue
		}
		a := w.mirror.alert(k.number)
		if firing := a.Status == itsm.Firing; firing != c.firing {
			w.fail("truth", "%s (%s) is %s, ended by %q at %s; its sender says firing=%t since %s", a.Number, c.key, a.Status, a.EndedBy, a.EndsAt, c.firing, c.startsAt)
		}
	}
}

// coldBatches are the batch sizes of replays, by seed.
var coldBatches = []int{1, 7, 64, 1000}

// exportEvery is how many seeds share one comparison of exports.
const exportEvery = 4

// cold is I4 and I6: a replay of the journal from nothing, in other batches, gives
// the same state, although this one went through crashes and snapshots; and the
// same desk, outbox included, although its batches were torn.
func (w *World) cold() {
	n := coldBatches[w.o.Seed/2%uint64(len(coldBatches))]
	var d *desk.Desk
	var err error
	if w.o.Seed%exportEvery == 0 || w.o.Trace {
		if d, err = desk.Open(kv.Mem()); err != nil {
			w.fail("I4", "%v", err)
		}
	}
	f, err := replay(w.machine.log, n, d)
	if err != nil {
		w.fail("I4", "%v", err)
	}
	var state bytes.Buffer
	if err := f.State.Encode(&state); err != nil {
		w.fail("I4", "%v", err)
	}
	if got := w.machine.encode(); !bytes.Equal(got, state.Bytes()) {
		w.fail("I4", "the state after %d entries and %d crashes is not that of a cold replay in batches of %d", w.machine.folded, w.crashes, n)
	}
	if d != nil {
		w.compare(d, n)
	}
}

func (w *World) compare(d *desk.Desk, n int) {
	want, got := export(w, d), export(w, w.machine.desk)
	if bytes.Equal(want, got) {
		return
	}
	ws, gs := bytes.Split(want, []byte("\n")), bytes.Split(got, []byte("\n"))
	at := slices.IndexFunc(ws, func(l []byte) bool { return !slices.ContainsFunc(gs, func(g []byte) bool { return bytes.Equal(l, g) }) })
	if at < 0 || at >= len(gs) {
		w.fail("I6", "the desk has %d records more than a cold replay in batches of %d", len(gs)-len(ws), n)
	}
	w.fail("I6", "the desk is not that of a cold replay in batches of %d:\nreplay %s\nhere   %s", n, ws[at], gs[at])
}

func export(w *World, d *desk.Desk) []byte {
	var b bytes.Buffer
	if err := d.Export(&b); err != nil {
		w.fail("I6", "export: %v", err)
	}
	return b.Bytes()
}
