package correlate

import (
	"fmt"
	"slices"

	"signalbox/itsm"
)

// Acts can come twice: a person's client retries with its idempotency key, a
// partner delivers again with its delivery id. Both get the first outcome.
const (
	idempotencyKept = 24 * 60 * minuteMS
	deliveryKept    = 7 * 24 * 60 * minuteMS
	repeatsMax      = 100_000 // of each kind; beyond it the oldest is forgotten
	repeatsSlack    = 1024    // places that may be empty
)

// repeats remembers outcomes by key for a while, oldest out first.
type repeats struct {
	byKey map[string]itsm.Outcome
	order []repeatKey
}

type repeatKey struct {
	key string
	at  itsm.Time
}

func (r *repeats) put(key string, at itsm.Time, o itsm.Outcome) {
	if r.byKey == nil {
		r.byKey = map[string]itsm.Outcome{}
	}
	r.byKey[key] = o
	r.order = append(r.order, repeatKey{key, at})
}

// forget drops what is older than kept, and what is too much.
func (r *repeats) forget(now, kept itsm.Time) {
	n := 0
	for n < len(r.order) && (now-r.order[n].at > kept || len(r.order)-n > repeatsMax) {
		delete(r.byKey, r.order[n].key)
		n++
	}
	clear(r.order[:n])
	if r.order = r.order[n:]; cap(r.order) > 2*len(r.order)+repeatsSlack {
		r.order = slices.Clone(r.order) // not each time: that costs as much as all of it
	}
}

// idempotencyKey is a client's key, within what it was used for by whom.
func idempotencyKey(a *itsm.Act) string {
	if a.IdempotencyKey == "" {
		return ""
	}
	return fmt.Sprintf("%s\n%s", a.Actor, a.IdempotencyKey)
}

// deliveryKey is one act of one delivery: a delivery may carry several.
func deliveryKey(a *itsm.Act) string {
	if a.DeliveryID == "" {
		return ""
	}
	return fmt.Sprintf("%s\n%s\n%s\n%d", a.Origin, a.DeliveryID, a.Kind, a.Incident)
}

// repeated returns a copy of the earlier outcome when the act came before.
func (s *State) repeated(a *itsm.Act) *itsm.Outcome {
	if k := idempotencyKey(a); k != "" {
		if o, ok := s.idempotent.byKey[k]; ok {
			return &o
		}
	}
	if k := deliveryKey(a); k != "" && !faultDelta {
		if o, ok := s.deliveries.byKey[k]; ok {
			return &o
		}
	}
	return nil
}

func (s *State) keep(a *itsm.Act, o itsm.Outcome) {
	if k := idempotencyKey(a); k != "" {
		s.idempotent.put(k, s.now, o)
	}
	if k := deliveryKey(a); k != "" {
		s.deliveries.put(k, s.now, o)
	}
}

// heard is the newest state a partner reported of an incident.
type heard struct {
	connector string
	version   int64
	rank      uint8
	crossed   bool // it is an acknowledgement of what we have as resolved
}

// rank orders what a partner can report: at the same version the more advanced
// state wins.
func rank(k itsm.ActKind) uint8 {
	switch k {
	case itsm.ActUnacknowledge:
		return 1
	case itsm.ActAcknowledge:
		return 2
	case itsm.ActResolve:
		return 3
	}
	return 0
}

// isOfOldRecord reports whether an act says how a record stands that the partner
// has of an earlier epoch. Its resolve or acknowledgement, delayed or our own come
// back, says nothing of what was opened again since.
func (i *incident) isOfOldRecord(a *itsm.Act) bool {
	if a.Origin == "" || a.Epoch == 0 || rank(a.Kind) == 0 || faultOldRecord {
		return false
	}
	if t := i.toldOf(a.Origin); t != nil {
		return t.epoch != i.epoch || t.record != a.Epoch
	}
	return a.Epoch != i.epoch
}

// reopensOldRecord reports whether somebody opened a record again at a partner that
// has another one by now, in which the work goes on.
func (i *incident) reopensOldRecord(a *itsm.Act) bool {
	if a.Kind != itsm.ActReopen || a.Origin == "" || a.Epoch == 0 || !i.state.IsOpen() {
		return false
	}
	t := i.toldOf(a.Origin)
	return t != nil && t.epoch == i.epoch && a.Epoch != t.record
}

// endOldRecord resolves a record that a partner has besides the present one.
func (s *State) endOldRecord(i *incident, a *itsm.Act, record uint32) itsm.Outcome {
	t := i.toldOf(a.Origin)
	s.timeline(i, "differs", doerOf(a).actor, fmt.Sprintf("%s has the record of epoch %d open; the work goes on in that of epoch %d", a.Origin, record, t.record))
	s.intendOf(i, t, record, itsm.Resolve, actSystem, fmt.Sprintf("the work goes on in the record of epoch %d", t.record))
	s.touchIncident(i)
	return s.ignore(a, itsm.ReasonOldRecord) // of the incident nothing changed
}

// isNews reports whether a partner's report is newer than what it reported
// before. Notes are united, not ordered. A report of an earlier record is no version of
// the present one, unless it becomes that by being opened again, which what is
// cancelled or closed cannot be.
func (s *State) isNews(i *incident, a *itsm.Act) bool {
	if a.Origin == "" || a.PartnerVersion == 0 || a.Kind == itsm.ActNote || faultNoVersion {
		return true
	}
	if t := i.toldOf(a.Origin); t != nil && (a.Epoch == 0 || a.Epoch == t.record || a.Kind == itsm.ActReopen && i.state == itsm.IncidentResolved) {
		t.exchange.hear(s.now, a.PartnerVersion)
	}
	if faultWallClock {
		a.PartnerVersion = int64(s.now)
	}
	did := i.handling()
	n := slices.IndexFunc(did.heard, func(h heard) bool { return h.connector == a.Origin })
	if n < 0 {
		did.heard = append(did.heard, heard{a.Origin, a.PartnerVersion, rank(a.Kind), i.crosses(a)})
		return true
	}
	h := &did.heard[n]
	if a.PartnerVersion < h.version || a.PartnerVersion == h.version && rank(a.Kind) <= h.rank {
		return false
	}
	h.version, h.rank, h.crossed = a.PartnerVersion, rank(a.Kind), i.crosses(a)
	return true
}

// crosses reports whether an act acknowledges over there what is resolved here.
// Either it crossed our resolve on its way, or it overtook the reopen it follows.
func (i *incident) crosses(a *itsm.Act) bool {
	return a.Kind == itsm.ActAcknowledge && i.state == itsm.IncidentResolved
}

// wasOvertaken reports whether a is a reopen that its own acknowledgement came
// before: older than the partner's last report, and still what made that possible.
func (i *incident) wasOvertaken(a *itsm.Act) bool {
	if a.Kind != itsm.ActReopen || a.Origin == "" || a.PartnerVersion == 0 || i.state != itsm.IncidentResolved || i.did == nil {
		return false
	}
	return slices.ContainsFunc(i.did.heard, func(h heard) bool {
		return h.connector == a.Origin && h.crossed && a.PartnerVersion < h.version
	})
}

// reopenAcknowledged catches up with a partner: it was opened again there, and
// acknowledged since.
func (s *State) reopenAcknowledged(i *incident, a *itsm.Act) itsm.Outcome {
	o := s.actReopen(i, a)
	if o.Code != "" || !i.state.IsOpen() {
		return o
	}
	i.acked, i.state = true, itsm.InProgress
	s.touchIncident(i)
	s.tell(i, doerOf(a), "")
	return o
}

// linksMax bounds the partner records of one incident.
const linksMax = 64

// link takes over that a partner's record of i is known.
func (s *State) link(i *incident, a *itsm.Act) itsm.Outcome {
	if a.Link == nil || a.Link.Connector == "" || a.Link.ID == "" {
		return refuse(a, itsm.Invalid, "link: expected a connector and an id")
	}
	did := i.handling()
	n := slices.IndexFunc(did.links, func(l itsm.ExternalRef) bool { return l.Connector == a.Link.Connector && l.ID == a.Link.ID })
	switch {
	case n >= 0 && (a.Link.URL == "" || did.links[n].URL == a.Link.URL):
		return noOp(a)
	case n >= 0:
		did.links[n].URL = a.Link.URL
	case len(did.links) >= linksMax:
		return refuse(a, itsm.TooLarge, "%s has %d links, which is the limit", i.number, linksMax)
	default:
		did.links = append(did.links, *a.Link)
	}
	s.timeline(i, "linked", doerOf(a).actor, a.Link.Connector+" "+a.Link.ID+" "+a.Link.URL)
	s.touchIncident(i)
	s.scheduleIncident(i) // the other partners learn where it is besides
	return done(a)
}

// receipt settles an intent: the partner confirmed it, or it was abandoned.
func (s *State) receipt(a *itsm.Act) itsm.Outcome {
	if a.IntentKey == "" || a.Origin == "" {
		return refuse(a, itsm.Invalid, "receipt: expected an intent key and the connector as origin")
	}
	s.put(itsm.Decision{Kind: itsm.SettleIntent, Settled: &itsm.Settlement{Connector: a.Origin, Key: a.IntentKey, At: s.now, Failure: a.Failure}})
	if a.Object != "" {
		return s.objectReceipt(a)
	}
	i := s.incidents[a.Incident]
	if i == nil {
		return done(a)
	}
	if t := i.toldOf(a.Origin); t != nil {
		t.settled(s.now, a, t.serialOf(i, a.IntentKey))
	}
	if a.Failure != "" {
		s.totals.IntentsAbandoned++
		s.timeline(i, "not delivered", doerOf(a).actor, a.Origin+": "+a.Failure)
		s.touchIncident(i)
	}
	if a.Link != nil {
		return s.link(i, a)
	}
	return done(a)
}

// retry puts an abandoned intent back into the outbox. Of those about an object only the
// latest says how it is.
func (s *State) retry(a *itsm.Act) itsm.Outcome {
	if a.IntentKey == "" || a.Origin == "" {
		return refuse(a, itsm.Invalid, "retry: expected an intent key and the connector as origin")
	}
	t := s.tellingOf(a.Object, a.Origin)
	if t != nil && a.IntentKey != objectKey(a.Object, t.serial, a.Origin) {
		return refuse(a, itsm.Conflict, "%s was told of %s later: this would put its record back; nothing has to be sent again", a.Origin, a.Object)
	}
	s.put(itsm.Decision{Kind: itsm.ReviveIntent, Settled: &itsm.Settlement{Connector: a.Origin, Key: a.IntentKey, At: s.now}})
	if t != nil {
		t.exchange.revived()
		return itsm.Outcome{Object: a.Object}
	}
	if i := s.incidents[a.Incident]; i != nil {
		if t := i.toldOf(a.Origin); t != nil {
			t.exchange.revived()
		}
		s.timeline(i, "sent again", doerOf(a).actor, a.Origin)
		s.touchIncident(i)
	}
	return done(a)
}
