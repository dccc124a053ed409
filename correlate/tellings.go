package correlate

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/cespare/xxhash/v2"

	"signalbox/itsm"
)

// telling is what one partner was last told of a change or a problem. Unlike an
// incident such a record has no epochs: the partner is told how it is now, and the
// latest counts.
type telling struct {
	connector string
	serial    uint32
	digest    uint64    // of what it was told
	at        itsm.Time // when it was told last
	exchange  exchange
	repairs   repairs
}

// toldWithin is how long ago a change may have ended of which nobody was told.
const toldWithin = 24 * time.Hour

// tellingOf finds what a partner was told of an object; nil: nothing.
func (s *State) tellingOf(object, connector string) *telling {
	list := s.tellings[object]
	for n := range list {
		if list[n].connector == connector {
			return &list[n]
		}
	}
	return nil
}

// tellObject makes the intent by which a partner comes to know an object as it is.
// What came from the partner itself is not told back, unless something older is still
// on its way there; nor is what nobody here ever changed of its own record.
func (s *State) tellObject(in itsm.Intent, digest uint64, theirs bool) {
	t := s.tellingOf(in.Object, in.Connector)
	if t != nil && t.digest == digest {
		return
	}
	known := t != nil
	if t == nil {
		s.tellings[in.Object] = append(s.tellings[in.Object], telling{connector: in.Connector})
		t = s.tellingOf(in.Object, in.Connector)
	}
	t.digest = digest
	by := actSystem
	if s.acting != nil {
		by = doerOf(s.acting)
	}
	if by.origin == in.Connector && t.exchange.waiting == 0 || theirs && !known && s.acting == nil {
		return
	}
	s.intendObject(t, in, by)
}

// intendObject puts an intent about an object into the outbox.
func (s *State) intendObject(t *telling, in itsm.Intent, by doer) {
	t.serial, t.exchange.waiting, t.at = t.serial+1, t.exchange.waiting+1, s.now
	in.Key, in.Serial = objectKey(in.Object, t.serial, in.Connector), t.serial
	in.Transition, in.At, in.Offset, in.Actor = itsm.Update, s.now, s.off, by.actor
	s.put(itsm.Decision{Kind: itsm.PutIntent, Intent: &in})
}

// objectKey is the key of an intent about an object, the same for every retry.
func objectKey(object string, serial uint32, connector string) string {
	return keyOf(fmt.Appendf(nil, "%s/%d/%s", object, serial, connector))
}

func digestOf(v any) uint64 { return xxhash.Sum64(jsonOf(v)) }

// tellChange tells of a change whoever is to hear of it.
func (s *State) tellChange(c *change) {
	for n := range s.cfg.Connectors {
		k := &s.cfg.Connectors[n]
		in, digest, ok := s.changeFor(k, c)
		if theirs := c.Source == k.Name; ok && (!theirs || s.keepsChange(c)) {
			s.tellObject(in, digest, theirs)
		}
	}
}

// changeFor is what a partner is told of a change; false: nothing. Of one that came
// from it, only what itsm.AuthorityChange is about counts.
func (s *State) changeFor(k *Connector, c *change) (itsm.Intent, uint64, bool) {
	v := c.Change
	v.Links = nil
	in := itsm.Intent{Connector: k.Name, Object: c.ID, Body: jsonOf(&v), Text: string(c.State) + ": " + c.Title}
	switch {
	case c.Source == k.Name:
		shared := itsm.Change{State: v.State, PlannedFrom: v.PlannedFrom, PlannedTo: v.PlannedTo, StartedAt: v.StartedAt, EndedAt: v.EndedAt}
		return in, digestOf(&shared), c.ExternalID != ""
	case s.recordsChange(k, c):
		v.Version, v.CreatedAt, v.UpdatedAt, v.UpdatedBy = 0, 0, 0, ""
		return in, digestOf(&v), true
	case s.hearsChange(k, c):
		return in, digestOf(v.State), true // each state once
	}
	return in, 0, false
}

// recordsChange reports whether a partner has, or gets, a record of a change.
func (s *State) recordsChange(k *Connector, c *change) bool {
	if s.tellingOf(c.ID, k.Name) != nil {
		return len(k.ChangeRecords) > 0
	}
	return slices.Contains(k.ChangeRecords, c.Type) && !s.isHistory(c)
}

// hearsChange reports whether a partner hears of a change by an event. What is only
// planned has changed nothing yet.
func (s *State) hearsChange(k *Connector, c *change) bool {
	switch {
	case k.ChangeEvents == "", s.isHistory(c), c.State == itsm.ChangePlanned, c.State == itsm.ChangeCancelled && c.StartedAt == 0:
		return false
	case k.ChangeEvents == ChangesAll:
		return true
	}
	return slices.ContainsFunc(k.Routes, func(r string) bool { return slices.Contains(c.CIs, r) })
}

// isHistory reports whether a change was over long before it was heard of.
func (s *State) isHistory(c *change) bool {
	return c.State.IsOver() && c.EndedAt != 0 && s.now.Sub(c.EndedAt) > toldWithin
}

// tellProblem tells of a problem that people accepted, and of what became of it.
func (s *State) tellProblem(t *trouble) {
	for n := range s.cfg.Connectors {
		if in, digest, ok := s.problemFor(&s.cfg.Connectors[n], t); ok {
			s.tellObject(in, digest, t.Source == s.cfg.Connectors[n].Name)
		}
	}
}

// problemFor is what a partner is told of a problem; false: nothing. Of one that was made
// there, only what itsm.AuthorityProblem is about counts.
func (s *State) problemFor(k *Connector, t *trouble) (itsm.Intent, uint64, bool) {
	if !k.Problems || !t.State.Accepted() && s.tellingOf(t.Number.String(), k.Name) == nil {
		return itsm.Intent{}, 0, false
	}
	v := itsm.Problem{Number: t.Number, Title: t.Title, State: t.State, Cause: t.Cause, Services: t.Services, Owner: t.Owner, Team: t.Team, RootCause: t.RootCause,
		Workaround: t.Workaround, KnownError: t.KnownError, Changes: t.Changes, Reason: t.Reason, MergedInto: t.MergedInto}
	shared := v
	shared.Title, shared.Cause, shared.Services, shared.Owner, shared.Team, shared.Changes = "", "", nil, "", "", nil
	for _, x := range t.Incidents[max(0, len(t.Incidents)-itsm.IntentCIsMax):] {
		v.Incidents = append(v.Incidents, itsm.ProblemIncident{Number: x.Number})
	}
	digest := digestOf(&v)
	if t.Source == k.Name {
		digest, v.Source, v.ExternalID = digestOf(&shared), t.Source, t.ExternalID
	}
	v.ResolvedAt, v.ClosedAt, v.AcceptedBy, v.Count = t.ResolvedAt, t.ClosedAt, t.AcceptedBy, t.Count
	for n := range v.Incidents {
		v.Incidents[n].Reopens = t.Incidents[len(t.Incidents)-len(v.Incidents)+n].Reopens
	}
	return itsm.Intent{Connector: k.Name, Object: t.Number.String(), Body: jsonOf(&v), Text: stateWords(t.State) + ": " + t.Title}, digest, true
}

// isOldReport reports whether a partner says of an object what is older than what is
// known of its record, or than what it is about to be told.
func (s *State) isOldReport(object string, a *itsm.Act) bool {
	t := s.tellingOf(object, a.Origin)
	if t == nil || a.PartnerVersion == 0 {
		return false
	}
	if a.PartnerVersion <= t.exchange.version || t.exchange.waiting > 0 && a.PartnerVersion < int64(t.at) {
		s.totals.PartnerStale++
		return true
	}
	t.exchange.hear(s.now, a.PartnerVersion)
	return false
}

// objectReceipt notes that a partner took an intent about an object, or that it was
// given up.
func (s *State) objectReceipt(a *itsm.Act) itsm.Outcome {
	if t := s.tellingOf(a.Object, a.Origin); t != nil {
		t.exchange.took(s.now, a)
	}
	if a.Failure != "" {
		s.totals.IntentsAbandoned++
	}
	if a.Link == nil || a.Link.ID == "" {
		return itsm.Outcome{Object: a.Object}
	}
	if n, err := itsm.ParseChangeNumber(a.Object); err == nil && s.changes.all[n] != nil {
		if c := s.changes.all[n]; withLink(&c.Links, *a.Link) {
			s.putChange(c, actSystem.actor)
		}
	}
	if n, err := itsm.ParseProblemNumber(a.Object); err == nil && s.problems.list[n] != nil {
		if t := s.problems.list[n]; withLink(&t.Links, *a.Link) {
			s.putProblem(t)
		}
	}
	return itsm.Outcome{Object: a.Object}
}

// withLink has the list name a partner's record; false: it did already.
func withLink(list *[]itsm.ExternalRef, link itsm.ExternalRef) bool {
	out := slices.DeleteFunc(slices.Clone(*list), func(l itsm.ExternalRef) bool { return l.Connector == link.Connector })
	if len(out) < len(*list) && slices.Contains(*list, link) {
		return false
	}
	out = append(out, link)
	slices.SortFunc(out, func(a, b itsm.ExternalRef) int { return cmp.Compare(a.Connector, b.Connector) })
	*list = out
	return true
}

func (s *State) archiveTellings(a *archive) {
	dict(a, &s.tellings, func(a *archive, told *[]telling) {
		list(a, told, func(a *archive, t *telling) {
			text(a, &t.connector)
			num(a, &t.serial)
			num(a, &t.digest)
			num(a, &t.at)
			num(a, &t.exchange.waiting)
			num(a, &t.exchange.version)
			if a.version >= 12 {
				num(a, &t.exchange.at)
				a.flag(&t.exchange.failed)
				num(a, &t.repairs.n)
				num(a, &t.repairs.next)
			}
		})
	})
}
