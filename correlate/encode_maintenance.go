package correlate

import (
	"encoding/json"

	"signalbox/itsm"
	"signalbox/itsm/window"
)

// object archives a noun as its JSON.
func object[T any](a *archive, v *T) {
	var body string
	if !a.reading {
		b, err := json.Marshal(v)
		a.bad = a.bad || err != nil
		body = string(b)
	}
	if text(a, &body); a.reading && !a.bad {
		a.bad = json.Unmarshal([]byte(body), v) != nil
	}
}

// archiveWindows archives the maintenance windows that are not over. What they
// hold back is written with the alerts, what they cover follows from the CMDB.
func (s *State) archiveWindows(a *archive) {
	w := &s.windows
	num(a, &w.last)
	numbers := sortedKeys(w.all)
	list(a, &numbers, num[itsm.MaintenanceNumber])
	for _, n := range numbers {
		m := w.all[n]
		if a.reading {
			m = &maintenance{number: n, held: map[itsm.AlertNumber]bool{}}
		}
		object(a, &m.Maintenance)
		num(a, &m.at.Start)
		num(a, &m.at.End)
		num(a, &m.at.Floating)
		num(a, &m.at.N)
		num(a, &m.wake)
		open := m.open
		a.flag(&open)
		if !a.reading {
			continue
		}
		when, err := window.New(m.StartsAt, m.EndsAt, m.Zone, m.RRule)
		if a.bad = a.bad || err != nil || m.ID != n.String() || m.Scope.Check() != nil; a.bad {
			return
		}
		m.when = when
		w.all[n] = m
		if open {
			s.indexWindow(m)
		}
	}
	if a.reading {
		s.holdAgain(a)
	}
}

// holdAgain tells the windows what they hold back.
func (s *State) holdAgain(a *archive) {
	for _, n := range s.alertNumbers() {
		al := s.alerts.Get(n)
		if al.restraint != maintained {
			continue
		}
		m := s.windows.all[al.side().window]
		if m == nil {
			a.bad = true
			return
		}
		m.held[n] = true
	}
}
