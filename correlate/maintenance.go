package correlate

import (
	"encoding/json"
	"slices"
	"strings"

	"signalbox/itsm"
	"signalbox/itsm/cmdb"
	"signalbox/itsm/window"
)

// windows are the maintenance windows that are not over, and an index of those
// that are open now: an alert is looked up by its CI, its class and its labels,
// never compared with every window.
type windows struct {
	all  map[itsm.MaintenanceNumber]*maintenance
	last itsm.MaintenanceNumber
	open int

	byCI      map[cmdb.Ref][]*maintenance   // named CIs and services, and what depends on them
	byName    map[string][]*maintenance     // names the CMDB does not know: provisional CIs
	byService map[string][]*maintenance     // ids of services under maintenance
	byClass   map[string][]*maintenance     // in lower case
	byLabel   map[itsm.Label][]*maintenance // windows of labels alone, by the first of them
}

// maintenance is a window that is not over.
type maintenance struct {
	itsm.Maintenance
	number itsm.MaintenanceNumber
	when   *window.Window
	at     window.Cursor // the occurrence that runs or comes next
	wake   itsm.Time
	held   map[itsm.AlertNumber]bool // what it holds back; implied by the alerts
	covers []cmdb.Ref                // where it is in byCI
	open   bool
}

// Bounds of maintenance.
const (
	windowsMax        = 5_000   // windows that are not over
	windowCIsMax      = 200_000 // CIs that one window covers; dependants beyond are not covered
	reasonMaintenance = "maintenance"
)

// maintenanceKind is the kind of the objects.
const maintenanceKind = "maintenance"

func newWindows() windows {
	return windows{all: map[itsm.MaintenanceNumber]*maintenance{}, byCI: map[cmdb.Ref][]*maintenance{}, byName: map[string][]*maintenance{},
		byService: map[string][]*maintenance{}, byClass: map[string][]*maintenance{}, byLabel: map[itsm.Label][]*maintenance{}}
}

func init() {
	objectActors[itsm.ActMaintenancePut] = (*State).actMaintenancePut
	objectActors[itsm.ActMaintenanceEnd] = (*State).actMaintenanceEnd
	objectActors[itsm.ActMaintenanceCancel] = (*State).actMaintenanceCancel
}

// refuseAs refuses an act for an error with a code.
func refuseAs(a *itsm.Act, err error) itsm.Outcome {
	return refuse(a, itsm.CodeOf(err), "%s", itsm.MessageOf(err))
}

// windowOf finds the window that an act names, or says why it takes none.
func (s *State) windowOf(a *itsm.Act) (*maintenance, *itsm.Outcome) {
	n, err := itsm.ParseMaintenanceNumber(a.Object)
	var o itsm.Outcome
	switch m := s.windows.all[n]; {
	case err != nil || n == 0 || n > s.windows.last:
		o = refuse(a, itsm.NotFound, "there is no maintenance window %q", a.Object)
	case m == nil:
		o = refuse(a, itsm.Conflict, "%s is over and takes no more changes", n)
	case a.IfVersion != 0 && a.IfVersion != m.Version:
		o = refuse(a, itsm.Stale, "%s is at version %d, not %d: somebody changed it; look at it again", n, m.Version, a.IfVersion)
	default:
		return m, nil
	}
	return nil, &o
}

// actMaintenancePut makes or edits a window. What it holds back and no longer
// covers is placed at once.
func (s *State) actMaintenancePut(a *itsm.Act) itsm.Outcome {
	m := &maintenance{held: map[itsm.AlertNumber]bool{}}
	m.Zone, m.CreatedAt, m.StartsAt = "UTC", s.now, s.now
	if a.Object != "" {
		old, no := s.windowOf(a)
		if no != nil {
			return *no
		}
		m = old
	} else if len(s.windows.all) >= windowsMax {
		return refuse(a, itsm.Conflict, "there are %d maintenance windows that are not over, as many as there may be: end or cancel some", windowsMax)
	}
	next, when, err := m.updated(a.Body)
	if err != nil {
		return refuseAs(a, err)
	}
	at, ok := when.At(window.Cursor{}, s.now)
	if !ok {
		return refuse(a, itsm.Invalid, "ends_at %s: expected an occurrence that is not over yet; it is %s", next.EndsAt, s.now)
	}
	if m.number == 0 {
		s.windows.last++
		m.number, next.ID = s.windows.last, s.windows.last.String()
		s.windows.all[m.number] = m
	}
	s.unindex(m)
	m.Maintenance, m.when, m.at = next, when, at
	s.arrange(m, doerOf(a).actor)
	return itsm.Outcome{Object: m.ID}
}

// updated reads what an act says about m, checks it and returns what m would be.
func (m *maintenance) updated(body json.RawMessage) (itsm.Maintenance, *window.Window, error) {
	var u itsm.MaintenanceUpdate
	next := m.Maintenance
	if err := json.Unmarshal(body, &u); err != nil {
		return next, nil, itsm.Errorf(itsm.Invalid, "body: %v", err)
	}
	take(&next.Reason, u.Reason)
	take(&next.Owner, u.Owner)
	take(&next.Change, u.Change)
	take(&next.StartsAt, u.StartsAt)
	take(&next.EndsAt, u.EndsAt)
	take(&next.Zone, u.Zone)
	take(&next.RRule, u.RRule)
	take(&next.Scope, u.Scope)
	if next.Zone == "" {
		next.Zone = "UTC"
	}
	for _, f := range []struct{ name, v string }{{"reason", next.Reason}, {"owner", next.Owner}, {"change", next.Change}} {
		if len(f.v) > itsm.MaintenanceTextMax {
			return next, nil, itsm.Errorf(itsm.TooLarge, "%s: %d bytes; at most %d", f.name, len(f.v), itsm.MaintenanceTextMax)
		}
	}
	if strings.TrimSpace(next.Reason) == "" {
		return next, nil, itsm.Errorf(itsm.Invalid, "reason: expected why alerts are to be kept quiet")
	}
	if err := next.Scope.Check(); err != nil {
		return next, nil, err
	}
	next.Scope.Tidy()
	if b, err := json.Marshal(next.Scope); err != nil || len(b) > itsm.ScopeBytesMax {
		return next, nil, itsm.Errorf(itsm.TooLarge, "scope: %d bytes; at most %d", len(b), itsm.ScopeBytesMax)
	}
	w, err := window.New(next.StartsAt, next.EndsAt, next.Zone, next.RRule)
	return next, w, err
}

func take[T any](to *T, from *T) {
	if from != nil {
		*to = *from
	}
}

// actMaintenanceEnd ends the occurrence that runs; a recurring window waits for
// the next one.
func (s *State) actMaintenanceEnd(a *itsm.Act) itsm.Outcome {
	m, no := s.windowOf(a)
	if no != nil {
		return *no
	}
	if !m.open {
		return refuse(a, itsm.Conflict, "%s does not run: it begins at %s; cancel it if it is not wanted", m.ID, m.at.Start)
	}
	s.turn(m, doerOf(a).actor)
	return itsm.Outcome{Object: m.ID}
}

func (s *State) actMaintenanceCancel(a *itsm.Act) itsm.Outcome {
	m, no := s.windowOf(a)
	if no != nil {
		return *no
	}
	s.finish(m, itsm.MaintenanceCancelled, doerOf(a).actor)
	return itsm.Outcome{Object: m.ID}
}

// windowDue opens or closes a window whose time has come.
func (s *State) windowDue(m *maintenance) {
	if m.open && m.at.End <= s.now {
		s.turn(m, actSystem.actor)
		return
	}
	s.arrange(m, actSystem.actor)
}

// turn goes on from the occurrence that runs to the next one.
func (s *State) turn(m *maintenance, by string) {
	next, ok := m.when.Next(m.at)
	for ok && next.End <= s.now {
		next, ok = m.when.Next(next)
	}
	if !ok {
		m.at.End = min(m.at.End, s.now)
		s.finish(m, itsm.MaintenanceEnded, by)
		return
	}
	s.unindex(m)
	m.at = next
	s.arrange(m, by)
}

// finish ends a window for good.
func (s *State) finish(m *maintenance, state itsm.MaintenanceState, by string) {
	s.unindex(m)
	delete(s.windows.all, m.number)
	m.State, m.NextStart, m.NextEnd = state, 0, 0
	if m.RRule == "" && m.at.Start <= s.now {
		m.EndsAt = min(m.EndsAt, s.now)
	}
	s.putWindow(m, by)
	s.letGo(m)
}

// arrange brings a window into the state that its occurrence asks for, stores it
// and asks to be woken for what comes next.
func (s *State) arrange(m *maintenance, by string) {
	m.State = itsm.MaintenanceScheduled
	next := m.at.Start
	if m.at.Start <= s.now {
		m.State, next = itsm.MaintenanceActive, m.at.End
		s.indexWindow(m)
	}
	m.Unknown = s.unknownTo(m)
	m.NextStart, m.NextEnd = m.at.Start, m.at.End
	s.putWindow(m, by)
	m.wake = 0
	s.schedule(&m.wake, wakeWindow, uint64(m.number), next)
	s.letGo(m)
}

func (s *State) putWindow(m *maintenance, by string) {
	m.Version++
	m.UpdatedAt, m.UpdatedBy = s.now, by
	refs := make([]string, 0, len(m.Scope.CIs)+len(m.Scope.Services)+1)
	for _, id := range slices.Concat(m.Scope.CIs, m.Scope.Services) {
		refs = addRef(refs, "ci/"+id)
	}
	if m.Change != "" {
		refs = addRef(refs, "change/"+m.Change)
	}
	s.putObject(maintenanceKind, m.ID, m.Version, refs, &m.Maintenance)
}

// addRef adds a ref that is short enough to be one; what is longer is found by
// other ways only.
func addRef(refs []string, r string) []string {
	if len(r) > itsm.ObjectNameMax || len(refs) == itsm.ObjectRefsMax || slices.Contains(refs, r) {
		return refs
	}
	return append(refs, r)
}

// letGo places again, as if it came now, what a window holds back and does not
// cover any more.
func (s *State) letGo(m *maintenance) {
	for _, n := range sortedKeys(m.held) {
		if a := s.alerts.Get(n); a != nil {
			s.reconsiderWindow(a)
		}
	}
}

// reconsiderWindow looks again at an alert that a window holds back.
func (s *State) reconsiderWindow(a *alert) {
	now := s.covering(a)
	if now != nil && now.number == a.side().window {
		return
	}
	s.unrestrain(a)
	s.place(a, s.now)
}

// maintain holds the episode of a back when a window covers it.
func (s *State) maintain(a *alert) bool {
	m := s.covering(a)
	if m == nil {
		return false
	}
	a.restraint, a.rule, a.ruleDue, a.holdUntil = maintained, "", 0, 0
	a.aside().window = m.number
	a.held = "maintenance " + m.ID
	m.held[a.number] = true
	s.touchAlert(a)
	return true
}

// leaveWindow is told when the window no longer holds a back.
func (s *State) leaveWindow(a *alert) {
	w := a.aside()
	if m := s.windows.all[w.window]; m != nil {
		delete(m.held, a.number)
	}
	w.window = 0
}

// rewindow follows another CMDB: what windows cover is found anew.
func (s *State) rewindow() {
	for _, n := range sortedKeys(s.windows.all) {
		m := s.windows.all[n]
		open := m.open
		s.unindex(m)
		if open {
			s.indexWindow(m)
		}
		if unknown := s.unknownTo(m); !slices.Equal(unknown, m.Unknown) {
			m.Unknown = unknown
			s.putWindow(m, actSystem.actor)
		}
	}
	for _, n := range sortedKeys(s.windows.all) {
		s.letGo(s.windows.all[n])
	}
}
