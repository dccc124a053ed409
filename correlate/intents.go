package correlate

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strconv"

	"signalbox/itsm"
)

// told is what one partner was last asked to reflect of an incident.
type told struct {
	connector string
	epoch     uint32   // of the last trigger; 0: never triggered
	record    uint32   // epoch that its record was made for: an earlier one when it was reopened over there
	before    []uint32 // epochs of the newest records that it had before that one, oldest first
	serial    uint32
	acked     bool
	resolved  bool
	priority  itsm.Priority
	shown     shown
	at        itsm.Time // of the last trigger or update
	route     string    // one of the connector's Routes that its record was made by; "" none

	assignee, team string // that it was told last, or told us
	links          int32  // records of others that it was told of
	ackKept        bool   // it was told of an acknowledgement that was taken back elsewhere since
	exchange       exchange
	asked          []asked // what it was asked to set, oldest first
	repairs        repairs
}

func (i *incident) toldOf(connector string) *told {
	for n := range i.told {
		if i.told[n].connector == connector {
			return &i.told[n]
		}
	}
	return nil
}

// tell makes the intents by which every partner comes to reflect i. It compares
// what a partner was told with what is so; calling it again changes nothing. The
// partner through which the change came is never told it back.
func (s *State) tell(i *incident, by doer, text string) {
	if !i.state.IsOpen() {
		delete(s.silences.hushed, i.number)
	}
	for n := range s.cfg.Connectors {
		c := &s.cfg.Connectors[n]
		t := i.toldOf(c.Name)
		if i.state.IsOpen() {
			s.tellOpen(i, c, t, by)
		} else if t != nil && t.epoch == i.epoch && !t.resolved {
			t.resolved = true
			if !s.isEcho(by, t) {
				s.intend(i, t, itsm.Resolve, by, text)
			}
		}
	}
}

// isEcho reports whether telling a partner would only repeat what was done there.
func (s *State) isEcho(by doer, t *told) bool {
	if faultTTLEcho {
		return s.now-t.at < minuteMS
	}
	return by.origin == t.connector && !s.isMirror(t.connector)
}

// isMirror reports whether a partner shows only what it is told.
func (s *State) isMirror(connector string) bool {
	return slices.ContainsFunc(s.cfg.Connectors, func(c Connector) bool { return c.Mirror && c.Name == connector })
}

func (s *State) tellOpen(i *incident, c *Connector, t *told, by doer) {
	if t == nil || t.epoch != i.epoch {
		switch {
		case t != nil && by.origin == c.Name && by.opened && !c.Mirror: // it is open there already
			s.reopenedThere(i, t, by)
		case !s.mayHear(i, c) || !s.mayPage(i, c, t):
			return
		default:
			t = s.trigger(i, c, t, by)
		}
	}
	if i.acked && !t.acked {
		t.acked, t.ackKept = true, false
		if !s.isEcho(by, t) {
			s.intend(i, t, itsm.Acknowledge, by, "acknowledged by "+i.handled().ackBy)
		}
	}
	s.update(i, t, by)
}

// reopenedThere notes that a partner has i open already, in the record it had.
func (s *State) reopenedThere(i *incident, t *told, by doer) {
	t.epoch = i.epoch
	if by.record != 0 && by.record != t.record {
		t.leaves()
		t.record = by.record
		t.before = slices.DeleteFunc(slices.Clone(t.before), func(epoch uint32) bool { return epoch == t.record })
	}
	t.begin(s, i)
}

// begin notes that a partner knows i as it is now, open and not acknowledged.
func (t *told) begin(s *State, i *incident) {
	t.acked, t.resolved, t.ackKept, t.repairs = false, false, false, repairs{}
	t.learns(s, i)
}

func (s *State) trigger(i *incident, c *Connector, t *told, by doer) *told {
	if t == nil {
		i.told = append(i.told, told{connector: c.Name})
		t = &i.told[len(i.told)-1]
	}
	t.leaves()
	t.epoch, t.record = i.epoch, i.epoch
	t.route = i.routeOf(c)
	t.begin(s, i)
	if !c.Pageless {
		s.pages.spend(c.Name, s.now)
	}
	s.intend(i, t, itsm.Trigger, by, "")
	return t
}

// routeOf chooses by which of its routes a connector is told of i. It stays for the
// epoch, whatever is affected later: a record is found only where it was made.
func (i *incident) routeOf(c *Connector) string {
	if len(c.Routes) == 0 {
		return ""
	}
	services := i.affectedIDs()
	for _, r := range c.Routes {
		if slices.Contains(services, r) {
			return r
		}
	}
	return ""
}

// beforeMax bounds the earlier records of an incident that sweeps look at.
const beforeMax = 8

// leaves notes the record that the next one takes the place of. Somebody may open it
// again over there, so sweeps go on looking at it.
func (t *told) leaves() {
	if t.record == 0 || slices.Contains(t.before, t.record) {
		return
	}
	t.before = append(slices.Clone(t.before[max(0, len(t.before)+1-beforeMax):]), t.record)
}

// reason is the one line of evidence that goes into the page.
func (i *incident) reason() string {
	b := append(i.impactWhy.append(make([]byte, 0, 2*sentenceUsual)), "; "...)
	b = i.urgencyWhy.append(b)
	if len(i.members) > 1 && i.why != "" {
		b = append(append(b, "; "...), i.why...)
	}
	return string(b)
}

// tellNext is when something held back for a partner is due; 0: nothing.
func (s *State) tellNext(i *incident) (next itsm.Time) {
	for n := range s.cfg.Connectors {
		c := &s.cfg.Connectors[n]
		t := i.toldOf(c.Name)
		switch {
		case t == nil || t.epoch != i.epoch && i.policy() != nil:
			if at, never := s.tellFrom(i, c); !never && at > s.now && s.wanted(i, c) {
				next = earliest(next, at)
			}
			if t != nil && i.flapping > 0 && s.wanted(i, c) {
				next = earliest(next, t.at.Add(s.cfg.FlapNotifyEvery.Std()))
			}
		case t.epoch == i.epoch:
			if s.lags(i, t) {
				next = earliest(next, s.updateFrom(i, t))
			}
		case i.flapping > 0 && s.wanted(i, c):
			next = earliest(next, t.at.Add(s.cfg.FlapNotifyEvery.Std()))
		}
	}
	if next != 0 {
		next = max(next, s.now+1) // whatever was due now has been told
	}
	return next
}

// wanted reports whether a connector wants incidents of this priority at all.
func (s *State) wanted(i *incident, c *Connector) bool {
	return c.MinPriority == 0 || i.priority() <= c.MinPriority
}

// mayPage decides whether a partner is told of i now. What is held back is kept
// in a list and told when the storm or the minute is over.
func (s *State) mayPage(i *incident, c *Connector, t *told) bool {
	if !s.wanted(i, c) {
		return false
	}
	if c.Pageless {
		return true
	}
	if s.hush(i) {
		return false
	}
	if i.flapping > 0 && t != nil && s.now < t.at.Add(s.cfg.FlapNotifyEvery.Std()) {
		return false
	}
	if i.priority() > s.cfg.StormPagesFrom && s.inStorm(i) {
		s.holdPage(i)
		return false
	}
	budget := c.PageBudget
	if budget == 0 {
		budget = pageBudgetDefault
	}
	if i.priority() != itsm.P1 && s.pages.spentIn(c.Name, s.now) >= budget {
		s.holdPage(i)
		s.schedule(&s.pages.wake, wakePages, 0, nextMinute(s.now))
		return false
	}
	return true
}

func nextMinute(t itsm.Time) itsm.Time { return (t/minuteMS + 1) * minuteMS }

const minuteMS itsm.Time = 60_000

// pages are the triggers made in this minute, by connector, and the incidents
// whose trigger waits.
type pages struct {
	held  []itsm.IncidentNumber
	spent []spent
	wake  itsm.Time
}

type spent struct {
	connector string
	minute    itsm.Time
	n         int
}

func (p *pages) of(connector string) *spent {
	for i := range p.spent {
		if p.spent[i].connector == connector {
			return &p.spent[i]
		}
	}
	p.spent = append(p.spent, spent{connector: connector})
	return &p.spent[len(p.spent)-1]
}

func (p *pages) spend(connector string, now itsm.Time) {
	sp := p.of(connector)
	if m := now / minuteMS; sp.minute != m {
		sp.minute, sp.n = m, 0
	}
	sp.n++
}

func (p *pages) spentIn(connector string, now itsm.Time) int {
	if sp := p.of(connector); sp.minute == now/minuteMS {
		return sp.n
	}
	return 0
}

func (s *State) holdPage(i *incident) {
	if !i.pageHeld {
		i.pageHeld = true
		s.pages.held = append(s.pages.held, i.number)
	}
}

// PagesHeld counts, for every connector in the order of the configuration, the open
// incidents whose first page to it waits for the end of a storm or for its budget.
func (s *State) PagesHeld() []Count {
	out := make([]Count, len(s.cfg.Connectors))
	for n := range s.cfg.Connectors {
		c := &s.cfg.Connectors[n]
		out[n].Name = c.Name
		for _, number := range s.pages.held {
			i := s.incidents[number]
			if i == nil || !i.state.IsOpen() || !s.wanted(i, c) || !s.mayHear(i, c) {
				continue
			}
			if t := i.toldOf(c.Name); t == nil || t.epoch != i.epoch {
				out[n].N++
			}
		}
	}
	return out
}

// releasePages tells partners what was held back, the most important first. What
// still may not be told goes back to the list.
func (s *State) releasePages() {
	var list []*incident
	for _, n := range s.pages.held {
		if i := s.incidents[n]; i != nil {
			i.pageHeld = false
			list = append(list, i)
		}
	}
	s.pages.held = s.pages.held[:0]
	slices.SortFunc(list, func(a, b *incident) int {
		if a.priority() != b.priority() {
			return int(a.priority()) - int(b.priority())
		}
		return int(a.number) - int(b.number)
	})
	for _, i := range list {
		if i.state.IsOpen() {
			s.tell(i, actSystem, "")
			s.scheduleIncident(i)
		}
	}
}

// intend puts one intent into the outbox. What a trigger says follows from i.
func (s *State) intend(i *incident, t *told, tr itsm.Transition, by doer, text string) {
	s.intendOf(i, t, t.record, tr, by, text)
}

// intendOf is intend for one of the records that the partner has.
func (s *State) intendOf(i *incident, t *told, record uint32, tr itsm.Transition, by doer, text string) {
	t.serial++
	t.exchange.waiting++
	if tr == itsm.Trigger || tr == itsm.Update {
		t.asks(i, tr)
	}
	if s.brief {
		s.intendBriefly(i, t, record, tr)
		return
	}
	snap := i.snapshot()
	if tr == itsm.Trigger {
		text = snap.Because + s.knownSays(i)
	}
	snap.AssigneeEmail = s.emailOf(snap.Assignee)
	s.put(itsm.Decision{Kind: itsm.PutIntent, Intent: &itsm.Intent{
		Key: intentKey(i.number, i.epoch, tr, t.serial, t.connector), Connector: t.connector, Incident: i.number, Epoch: record,
		Transition: tr, At: s.now, Offset: s.off, Serial: t.serial, Actor: by.actor, Text: text, Route: t.route, Snapshot: snap,
	}})
}

// intentKey is the same for every retry of an effect, after a restore and after
// a failover.
func intentKey(n itsm.IncidentNumber, epoch uint32, tr itsm.Transition, serial uint32, connector string) string {
	if faultKeyReused {
		epoch, serial = 0, 0
	}
	b := append(make([]byte, 0, 128), n.String()...)
	b = strconv.AppendUint(append(b, '/'), uint64(epoch), 10)
	b = append(append(b, '/'), tr...)
	b = strconv.AppendUint(append(b, '/'), uint64(serial), 10)
	return keyOf(append(append(b, '/'), connector...))
}

// keyOf is the key of the intent that a text names.
func keyOf(text []byte) string {
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:16])
}

func (i *incident) snapshot() itsm.IncidentSnapshot {
	v := itsm.IncidentSnapshot{
		Title: i.title(), Priority: i.priority(), Severity: i.severity(), State: i.state, Because: i.reason(),
		CIs: firstN(i.bound.list, itsm.IntentCIsMax), Services: i.firstServices(itsm.IntentCIsMax),
		Alerts: len(i.members), Firing: int(i.firing), Group: i.team, OpenedAt: i.openedAt, Links: []itsm.ExternalRef{},
	}
	if len(v.CIs) == 0 {
		v.CIs = firstN(i.unbound.list, itsm.IntentCIsMax)
	}
	if len(i.causes) > 0 {
		v.Cause = i.causes[0].CI
	}
	v.Impact, v.Urgency = i.impact, i.urgency
	v.ResolvedAt, v.ResolvedBy, v.StillFiring = i.resolvedAt, i.resolvedBy, i.stillFires
	if p := i.policy(); p != nil {
		v.Runbook = p.runbook
	}
	if h := i.did; h != nil {
		v.Assignee, v.AcknowledgedBy, v.AcknowledgedAt = h.assignee, h.ackBy, i.ackAt
		v.HoldReason, v.CloseCode, v.CloseNote = h.holdReason, h.closeCode, h.closeNote
		v.Links = firstN(h.links, itsm.IntentLinksMax)
	}
	return v
}

// firstN copies at most n; never nil, for it becomes a JSON list.
func firstN[T any](list []T, n int) []T {
	return append(make([]T, 0, min(n, len(list))), list[:min(n, len(list))]...)
}
