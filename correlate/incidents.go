package correlate

import (
	"fmt"
	"slices"
	"strconv"

	"signalbox/itsm"
)

// incident is the state of what people work on. Counters are kept up to date as
// members come and go, so that no event costs more in a larger incident.
type incident struct {
	number     itsm.IncidentNumber
	state      itsm.State
	before     itsm.State // state before a merge, for taking it back
	epoch      uint32
	acked      bool // in this epoch; the first acknowledgement of all is in ackAt
	stillFires bool // resolved by a person while firing
	storm      bool
	pinned     bool // a person split or merged it: no automatic merge
	grown      bool // its CIs doubled within the growth window, in this epoch
	dirty      bool
	pageHeld   bool // a page waits for the end of a storm or for the budget

	override, computed itsm.Priority
	impact, urgency    itsm.Level
	worst              itsm.Severity // of this epoch; it does not fall by itself
	leadSev            itsm.Severity
	unknown            bool  // a CI of which the CMDB says nothing
	bestTier           int32 // best known tier among CIs without a service; 0: none known
	firing             int32
	flapping           int32 // alerts that flap and count here
	causesAt           int32 // members when causes were computed

	openedAt, ackAt, resolvedAt, closedAt itsm.Time
	resolvedBy, team                      string
	did                                   *handling            // nil: nobody did anything
	beside                                *surroundings        // nil: there is nothing of it
	stormIn                               [scopesOfAlert]int32 // scopes whose storm it was opened in, index + 1
	impactWhy, urgencyWhy                 because
	follows, mergedInto                   itsm.IncidentNumber
	ruled                                 *incidentRules // nil: no rule speaks of it

	members    []member
	bySeverity [itsm.Info + 1]int32
	events     uint64
	cis        ciSet
	bound      names // bound CI ids
	unbound    names // provisional keys
	services   []affected
	serviceIDs []string // of services; nil: to be made. Never changed in place

	lead      itsm.AlertNumber // the alert that names it: the worst, then the first
	leadTitle string
	leadCI    string
	labels    string // shared by all members, packed; "" for none
	why       string // why its latest member belongs to it
	causes    []itsm.Cause
	told      []told

	clearedAt    itsm.Time // when its last alert cleared; 0 while one fires
	lastActivity itsm.Time
	wake         itsm.Time
	version      uint64
	changedAt    itsm.Offset
	recEvents    uint64 // events and activity as of the last material change
	recActivity  itsm.Time
}

// handling is what people and partners did about an incident. Most incidents of
// a storm have none, so it is made when the first of it comes.
type handling struct {
	ackBy, closeCode, closeNote, holdReason, assignee, overrideBy string
	links                                                         []itsm.ExternalRef
	heard                                                         []heard
	group                                                         bool // a person set the group
	assigned                                                      assigned
	unrelated                                                     []itsm.IncidentNumber // people said so
}

// assigned is who decided who has an incident, and when.
type assigned struct {
	by     string
	at     itsm.Time // by the clock of where it was decided
	person bool      // not a program
}

// surroundings are what most incidents of a storm have nothing of: neighbours,
// changes, a clock about which there is more to say than that it runs, causes to
// compute, a parent or children, a manager's decision, people who follow it.
type surroundings struct {
	maybe   []itsm.Candidate
	changes []itsm.IncidentChange
	level   levelClock
	kin     *kin
	major   *major
	follow  *follow
	undo    *undo

	causesDue itsm.Time // when its causes have to be computed again; 0: they are fresh
}

// around is for reading, surround for writing.
func (i *incident) around() *surroundings {
	if i.beside == nil {
		return &nothingAround
	}
	return i.beside
}

var nothingAround surroundings // never written to

func (i *incident) surround() *surroundings {
	if i.beside == nil {
		i.beside = &surroundings{}
	}
	return i.beside
}

func (v *surroundings) any() bool {
	return len(v.maybe)+len(v.changes) > 0 || v.causesDue != 0 || v.level.any() || v.kin != nil || v.major != nil || v.follow != nil || v.undo != nil
}

// handled is for reading, handling for writing.
func (i *incident) handled() *handling {
	if i.did == nil {
		return &nothingDone
	}
	return i.did
}

var nothingDone handling // never written to

func (i *incident) handling() *handling {
	if i.did == nil {
		i.did = &handling{}
	}
	return i.did
}

func (h *handling) any() bool {
	return h.ackBy+h.closeCode+h.closeNote+h.holdReason+h.assignee+h.overrideBy+h.assigned.by != "" || len(h.links)+len(h.heard)+len(h.unrelated) > 0 || h.group
}

// unhold forgets what i waited for.
func (i *incident) unhold() {
	if i.did != nil {
		i.did.holdReason = ""
	}
}

// setCloseCode notes how i was resolved and what was said of it, "" for by itself
// or not.
func (i *incident) setCloseCode(code, note string) {
	if i.did != nil || code != "" {
		h := i.handling()
		h.closeCode, h.closeNote = code, note
	}
}

// member is one alert episode of an incident.
type member struct {
	alert   itsm.AlertNumber
	episode uint32
	ci      *ci
	from    itsm.IncidentNumber // the incident that was merged into this one with it; 0: none
}

// doer is who does something: the core itself, a person, or a partner.
type doer struct {
	actor  string
	origin string // connector it came through; never told about it
	record uint32 // epoch that the partner's record was made for; 0: it did not say
	opened bool   // the partner opened that record again
	again  bool   // a partner is known to have it otherwise, and is told again at once
}

// actSystem is the core itself.
var actSystem = doer{actor: "signalbox"}

// open starts an incident for its first alert.
func (s *State) open(follows itsm.IncidentNumber) *incident {
	s.lastIncident++
	i := &incident{number: s.lastIncident, state: itsm.New, epoch: 1, openedAt: s.now, follows: follows}
	s.incidents[i.number] = i
	s.openIncidents++
	return i
}

// admit makes the current episode of a a member of i, which is open or about to
// be reopened.
func (s *State) admit(i *incident, a *alert, from itsm.IncidentNumber) {
	a.inc, a.incident, a.member, a.at = i, i.number, true, int32(len(i.members))
	a.held = ""
	i.members = append(i.members, member{a.number, a.episode, a.ci, from})
	i.events += a.count - a.base
	if a.status == itsm.Firing {
		i.firing++
		i.bySeverity[a.severity]++
		i.clearedAt = 0
	}
	i.worst = worse(i.worst, a.severity)
	if a.flapping {
		a.flapIn(i)
	}
	s.addCI(i, a.ci)
	s.shareLabels(i, a)
	i.leads(a)
	i.lastActivity = s.now
	s.touchAlert(a)
}

// join makes a a member of i, for grouping too.
func (s *State) join(i *incident, a *alert, ev *itsm.Evidence) {
	s.group.join(i, a)
	s.enrol(i, a, ev)
}

// enrol makes a a member of i and tells everybody who should know.
func (s *State) enrol(i *incident, a *alert, ev *itsm.Evidence) {
	s.admit(i, a, 0)
	s.put(itsm.Decision{Kind: itsm.PutEvidence, Evidence: ev})
	i.why = ev.Because
	if n := len(i.members); n > 1 && (n <= joinsListed || n&(n-1) == 0) {
		s.timeline(i, "joined", actSystem.actor, a.describe()+" joined as member "+strconv.Itoa(n)+": "+ev.Because)
	}
	s.causesStale(i)
	s.settle(i, actSystem, "")
}

// joinsListed is how many joins the timeline lists one by one; after that it
// lists those at which the size doubled. Evidence has every one.
const joinsListed = 20

// settle brings what follows from the members of i up to date: priority, record,
// timers and partners.
func (s *State) settle(i *incident, by doer, text string) {
	s.assess(i)
	s.touchIncident(i)
	if s.assembling {
		return
	}
	s.proposeMajor(i)
	s.recognise(i)
	s.tell(i, by, text)
	s.scheduleIncident(i)
}

func worse(a, b itsm.Severity) itsm.Severity {
	if a == 0 || b < a {
		return b
	}
	return a
}

// firingAgain counts a member whose episode continues.
func (s *State) firingAgain(i *incident, a *alert) {
	i.firing++
	i.bySeverity[a.severity]++
	i.worst = worse(i.worst, a.severity)
	i.clearedAt = 0
	i.lastActivity = s.now
	if i.state.IsOpen() {
		s.settle(i, actSystem, "")
	}
}

// cleared counts a member whose episode ended. When it was the last one, the
// incident resolves after a hold.
func (s *State) cleared(i *incident, a *alert) {
	i.firing--
	i.bySeverity[a.severity]--
	i.lastActivity = s.now
	if i.firing == 0 {
		i.clearedAt = s.now
		if i.stillFires {
			i.stillFires = false
			s.timeline(i, "cleared", actSystem.actor, "the condition cleared; the incident stays resolved")
		} else if i.state.IsOpen() {
			s.timeline(i, "cleared", actSystem.actor, "all alerts cleared; "+s.resolvesIn(i))
		}
	}
	s.touchIncident(i)
	s.scheduleIncident(i)
}

// setSeverity takes over a new severity of an alert.
func (s *State) setSeverity(a *alert, sev itsm.Severity) {
	old := a.severity
	a.severity = sev
	if a.holdUntil != 0 && sev == itsm.Critical {
		s.release(a)
		return
	}
	i := a.inc
	if !a.member || i == nil || a.status != itsm.Firing {
		return
	}
	i.bySeverity[old]--
	i.bySeverity[sev]++
	i.worst = worse(i.worst, sev)
	if a.number == i.lead {
		i.leadSev = sev
	}
	if i.state.IsOpen() {
		s.settle(i, actSystem, "")
	}
}

// flaps reports whether i is about one CI that flaps: then it stays open between
// the episodes. An incident of several CIs ends when they have cleared, or one
// restless alert would keep it open for what has nothing to do with it.
func (i *incident) flaps() bool { return i.flapping > 0 && len(i.cis.list) == 1 }

// severity is the worst of the firing members, else the worst of all.
func (i *incident) severity() itsm.Severity {
	for sev := itsm.Critical; sev <= itsm.Info; sev++ {
		if i.bySeverity[sev] > 0 {
			return sev
		}
	}
	return i.worst
}

// incidentNext is when something is due for i; 0: nothing.
func (s *State) incidentNext(i *incident) itsm.Time {
	var next itsm.Time
	switch {
	case i.state.IsOpen():
		if wait, never := s.resolveAfter(i); i.firing == 0 && !i.flaps() && i.clearedAt != 0 && !never {
			next = i.clearedAt.Add(wait.Std())
		}
		next = earliest(next, i.around().causesDue)
		next = earliest(next, s.tellNext(i))
		if due := s.levelNext(i); due != 0 {
			next = earliest(next, max(due, s.now+1))
		}
	case i.state == itsm.IncidentResolved:
		if !i.runsAsMajor() {
			next = i.resolvedAt.Add(s.cfg.CloseAfter.Std())
		}
		if i.stillFires {
			next = earliest(next, i.resolvedAt.Add(s.cfg.FiringGrace.Std()))
		}
	}
	return next
}

func (s *State) scheduleIncident(i *incident) {
	s.followClock(i)
	s.schedule(&i.wake, wakeIncident, uint64(i.number), s.incidentNext(i))
}

// incidentDue does what is due for i, in a fixed order, and schedules the rest.
func (s *State) incidentDue(i *incident) {
	switch {
	case i.state.IsOpen():
		if due := i.around().causesDue; due != 0 && due <= s.now {
			s.refreshCauses(i)
			s.recognise(i)
			s.touchIncident(i)
		}
		if wait, never := s.resolveAfter(i); i.firing == 0 && !i.flaps() && i.clearedAt != 0 && !never && i.clearedAt.Add(wait.Std()) <= s.now {
			s.resolve(i, actSystem, "", "", fmt.Sprintf("all alerts have been clear for %s", short(wait)))
		} else {
			s.levelNotices(i)
			s.tell(i, actSystem, "")
		}
	case i.state == itsm.IncidentResolved && i.stillFires && i.resolvedAt.Add(s.cfg.FiringGrace.Std()) <= s.now:
		s.reopen(i, actSystem, fmt.Sprintf("%d of its alerts still fire %s after it was resolved by %s", i.firing, short(s.cfg.FiringGrace), i.resolvedBy))
	case i.state == itsm.IncidentResolved && !i.runsAsMajor() && i.resolvedAt.Add(s.cfg.CloseAfter.Std()) <= s.now:
		s.close(i)
	}
	s.scheduleIncident(i)
}

// touchIncident marks the record of i as changed by the current entry; its
// version moves once for each entry.
func (s *State) touchIncident(i *incident) {
	if i.changedAt != s.off {
		i.changedAt = s.off
		i.version++
	}
	i.recEvents, i.recActivity = i.events, i.lastActivity
	if !i.dirty {
		i.dirty = true
		s.dirtyIncidents = append(s.dirtyIncidents, i)
	}
}

func (s *State) timeline(i *incident, kind, actor, text string) {
	if s.brief {
		return
	}
	s.put(itsm.Decision{Kind: itsm.AddTimeline, Timeline: &itsm.TimelineEntry{
		Incident: i.number, At: s.now, Offset: s.off, Kind: kind, Actor: actor, Text: text}})
}

// flapIn moves the count of a flapping alert to i; nil takes it away.
func (a *alert) flapIn(i *incident) {
	if a.flapsIn != nil {
		a.flapsIn.flapping--
	}
	if a.flapsIn = i; i != nil {
		i.flapping++
	}
}

// describe names an alert for people: its title and its CI.
func (a *alert) describe() string {
	t := titleOf(a.text)
	if t == "" {
		t = a.identity
	}
	return a.number.String() + " " + strconv.Quote(clip(t, titleShown)) + " on " + a.ci.id
}

// titleShown bounds what a sentence quotes of a title, in bytes.
const titleShown = 120

func clip(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && s[n]&0xC0 == 0x80 { // not inside a rune
		n--
	}
	return s[:n] + "…"
}

// record makes the record of i as of its last material change. Its long lists are
// those of i, which puts others in their place instead of changing them: whoever
// stores the record can tell by that which lists are as they were.
func (i *incident) record() *itsm.Incident {
	h := i.handled()
	r := &itsm.Incident{
		Number: i.number, Title: i.title(), State: i.state, Priority: i.priority(), Computed: i.computed, PriorityBy: h.overrideBy,
		Impact: i.impact, Urgency: i.urgency, ImpactBecause: i.impactWhy.String(), UrgencyBecause: i.urgencyWhy.String(),
		OpenedAt: i.openedAt, AcknowledgedAt: i.ackAt, AcknowledgedBy: h.ackBy, ResolvedAt: i.resolvedAt, ResolvedBy: i.resolvedBy,
		ClosedAt: i.closedAt, CloseCode: h.closeCode, HoldReason: h.holdReason, Epoch: i.epoch,
		AlertCount: len(i.members), FiringCount: int(i.firing), EventCount: i.recEvents,
		CIs: i.bound.show(), Services: i.affectedIDs(), Unbound: i.unbound.show(), Causes: slices.Clip(i.causes), Changes: slices.Clip(i.around().changes),
		MaybeRelated: slices.Clip(i.around().maybe), Assignee: h.assignee, Group: i.team, Links: slices.Clone(h.links),
		Follows: i.follows, MergedInto: i.mergedInto, StillFiring: i.stillFires, Storm: i.storm, Severity: i.severity(),
		Version: i.version, Labels: i.allLabels(), LastActivityAt: i.recActivity, ChangedAt: i.changedAt,
	}
	if p := i.policy(); p != nil {
		r.Runbook, r.Signature = p.runbook, p.signature
	}
	i.describeAround(r)
	return r
}
