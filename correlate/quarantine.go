package correlate

import (
	"slices"

	"signalbox/itsm"
	"signalbox/itsm/entry"
)

// quarantineMax bounds the quarantined deliveries whose count is kept; beyond it
// the oldest starts over at one when it comes again.
const quarantineMax = 10_000

// quarantined is what is kept of a delivery that could not be decoded, so that
// the same body is counted and not stored again.
type quarantined struct {
	source, err          string
	first, last, retried itsm.Time
	count                uint64
	offset               itsm.Offset
}

// quarantine stores or counts one undecodable part.
func (s *State) quarantine(src *source, b *entry.Bad) {
	src.count.accepted++
	if !faultUncounted {
		src.count.quarantined++
	}
	q, body := s.quarantines[b.ID], b.Body
	if q == nil {
		q = &quarantined{source: src.name, first: s.now, offset: s.off}
		s.quarantines[b.ID] = q
		s.quarantineIDs = append(s.quarantineIDs, b.ID)
		s.boundQuarantine()
	} else {
		body = nil
	}
	q.err, q.last, q.retried = b.Error, s.now, 0
	q.count++
	s.putQuarantine(b.ID, q, body)
}

func (s *State) putQuarantine(id string, q *quarantined, body []byte) {
	s.put(itsm.Decision{Kind: itsm.PutQuarantine, Quarantine: &itsm.Quarantined{
		ID: id, Source: q.source, Error: q.err, Body: body, FirstAt: q.first, LastAt: q.last, Count: q.count, Offset: q.offset, RetriedAt: q.retried}})
}

func (s *State) boundQuarantine() {
	for len(s.quarantineIDs) > quarantineMax {
		delete(s.quarantines, s.quarantineIDs[0])
		s.quarantineIDs = s.quarantineIDs[1:]
	}
}

// retried marks a quarantined delivery as done when its retry decoded whole.
func (s *State) retried(d *entry.Delivery) {
	q := s.quarantines[d.RetryOf]
	if q == nil || slices.ContainsFunc(d.Bad, func(b entry.Bad) bool { return b.ID == d.RetryOf }) {
		return
	}
	q.retried = s.now
	s.putQuarantine(d.RetryOf, q, nil)
}
