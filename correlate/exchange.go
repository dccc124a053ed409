package correlate

import (
	"cmp"
	"time"

	"signalbox/itsm"
)

// exchange is the last word between us and a partner about an incident, a change or a
// problem.
type exchange struct {
	at      itsm.Time // when a receipt or a report came
	version int64     // newest of its record that we know of; 0: it never said
	waiting int32     // intents that are neither confirmed nor given up
	failed  bool      // the last intent was given up
}

// hear notes a report of the partner.
func (x *exchange) hear(now itsm.Time, version int64) {
	x.at, x.version = now, max(x.version, version)
}

// known is the version after which a change of the record is news: the newest we
// know of, or the time of the last exchange when the partner's versions are times.
func (x *exchange) known() int64 {
	if x.version != 0 || x.at < versionIsTime {
		return max(x.version, 1)
	}
	return int64(x.at)
}

// took notes a receipt.
func (x *exchange) took(now itsm.Time, a *itsm.Act) {
	x.hear(now, a.PartnerVersion)
	x.waiting = max(0, x.waiting-1)
	x.failed = a.Failure != ""
}

// revived notes that an intent which was given up waits again.
func (x *exchange) revived() {
	x.waiting++
	x.failed = false
}

// settled notes a receipt.
func (t *told) settled(now itsm.Time, a *itsm.Act, serial uint32) {
	t.exchange.took(now, a)
	for n := range t.asked {
		if q := &t.asked[n]; q.serial == serial {
			q.version = cmp.Or(a.PartnerVersion, int64(now))
		}
	}
}

// serialOf finds the intent of a key among what was asked for last; 0: none.
func (t *told) serialOf(i *incident, key string) uint32 {
	for _, q := range t.asked {
		tr := itsm.Update
		if q.first {
			tr = itsm.Trigger
		}
		if q.version == 0 && intentKey(i.number, q.epoch, tr, q.serial, t.connector) == key {
			return q.serial
		}
	}
	return 0
}

// repairs are the times a partner was told again what it should have.
type repairs struct {
	n    uint32
	next itsm.Time // not before
}

// Repairs of one record at one partner: the first at once, then at growing
// intervals, for a partner may refuse without saying so.
const (
	repairWait    = itsm.Time(time.Minute / time.Millisecond)
	repairWaitMax = itsm.Time(6 * time.Hour / time.Millisecond)
	repairsKept   = itsm.Time(24 * time.Hour / time.Millisecond) // after so long it begins anew
)

// mayRepair reports whether a partner may be told again now, and counts it.
func (s *State) mayRepair(r *repairs) bool {
	if r.n > 0 && s.now < r.next {
		return false
	}
	if r.n > 0 && s.now-r.next > repairsKept {
		r.n = 0
	}
	r.n++
	r.next = s.now + min(repairWait<<min(r.n-1, 12), repairWaitMax)
	return true
}
