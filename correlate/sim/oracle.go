package sim

import (
	"time"

	"signalbox/itsm"
	"signalbox/itsm/entry"
)

// knowledge is what the events folded so far say of one alert, judged by the
// sender's own times. It is not the core's algorithm: it only knows what must not
// happen.
type knowledge struct {
	number  itsm.AlertNumber // 0 while the core has no state of it
	episode uint32
	newest  itsm.Time   // latest usable time of an event
	vague   bool        // a time was unusable: order says nothing any more
	cleared itsm.Offset // entry with a clear that was not older than what was known
	tomb    itsm.Time   // time of a clear that came before any fire; 0: none
	tombAt  itsm.Time
	seen    []sighting // what was folded of it, newest last
}

// sighting is what makes two events of one alert the same observation.
type sighting struct {
	at, start itsm.Time
	status    itsm.Status
}

// sightingsMax bounds what is remembered of one alert.
const sightingsMax = 16

// foldedEvents counts what was folded, for conservation.
type foldedEvents struct {
	last   itsm.Offset // entries up to here were counted; recovery shows them again
	events uint64
}

// onDelivery sees every delivery right after the core stepped it.
func (w *World) onDelivery(off itsm.Offset, d *entry.Delivery) {
	if off <= w.folded.last {
		return
	}
	w.folded.last = off
	w.folded.events += uint64(len(d.Events) + len(d.Bad))
	m := &w.machine.meta[off-1]
	if m.parcel == nil {
		return
	}
	at := w.machine.log[off-1].At
	for i := range d.Events {
		w.judge(m.parcel.conditions[i], &d.Events[i], off, at)
	}
}

// judge holds one event against what is known of its alert.
func (w *World) judge(c *condition, e *itsm.Event, off itsm.Offset, now itsm.Time) {
	k := &c.known
	number, episode := w.machine.folder.State.EpisodeOf(c.key)
	et := e.EventTime()
	usable := et > 0 && et <= now.Add(time.Duration(w.config.ClockTolerance))
	k.vague = k.vague || !usable
	switch {
	case k.number == 0:
		w.judgeUnknown(c, e, et, usable, number, now)
	case number == k.number && c.sender.resolves() && k.repeats(e, et) && !k.vague && episode != k.episode:
		w.fail("duplicates", "entry %d repeats an event of %s that was folded before and starts episode %d", off, c.key, episode)
	case number != k.number:
		*k = knowledge{vague: true, cleared: k.cleared} // forgotten meanwhile: it starts over
	}
	if e.Status == itsm.Resolved && (k.vague || et >= k.newest) {
		k.cleared = off
	}
	k.number, k.episode, k.newest = number, episode, max(k.newest, et)
	if usable {
		k.see(e, et)
	}
}

// judgeUnknown judges an event of an alert that never fired before.
func (w *World) judgeUnknown(c *condition, e *itsm.Event, et itsm.Time, usable bool, number itsm.AlertNumber, now itsm.Time) {
	k := &c.known
	if e.Status == itsm.Resolved {
		if number != 0 {
			w.fail("tombstone", "a clear opened %s", c.key)
		}
		if usable {
			k.tomb, k.tombAt = max(k.tomb, et), now
		}
		k.vague = true // a late fire may open it when the tombstone is gone
		return
	}
	kept := now <= k.tombAt.Add(time.Duration(w.config.TombstoneKept))
	if k.tomb != 0 && usable && kept && e.StartsAt != 0 && e.StartsAt <= k.tomb && number != 0 {
		w.fail("tombstone", "%s of %s was opened by a fire that began at %s, before its clear of %s", number, c.key, e.StartsAt, k.tomb)
	}
}

// resolves reports whether the sender says that something is over, so that
// silence ends nothing and a repetition means nothing.
func (s *sender) resolves() bool { return s.kind == alertmanager || s.kind == datadog }

func (k *knowledge) repeats(e *itsm.Event, et itsm.Time) bool {
	for _, s := range k.seen {
		if s == (sighting{et, e.StartsAt, e.Status}) {
			return true
		}
	}
	return false
}

func (k *knowledge) see(e *itsm.Event, et itsm.Time) {
	if len(k.seen) == sightingsMax {
		k.seen = append(k.seen[:0], k.seen[1:]...)
	}
	k.seen = append(k.seen, sighting{et, e.StartsAt, e.Status})
}

// resolvedBySender is called when a record says that the sender ended an episode
// that fired at entry since: there must have been a clear, and not an old one.
func (w *World) resolvedBySender(a *itsm.Alert, since itsm.Offset) {
	c := w.byKey[a.Key]
	if c == nil || c.known.cleared > since {
		return
	}
	w.fail("clears", "%s (%s) is resolved by its sender although no clear newer than what was known came after entry %d; a truncated or old delivery clears nothing", a.Number, a.Key, since)
}
