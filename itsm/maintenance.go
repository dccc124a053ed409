package itsm

import (
	"slices"
	"strings"
)

// MaintenanceNumber is the dense number of a maintenance window; its public form
// is MNT0000001. Zero means none.
type MaintenanceNumber uint64

// String returns the public number.
func (n MaintenanceNumber) String() string { return numbered("MNT", uint64(n)) }

// ParseMaintenanceNumber reads a public maintenance number.
func ParseMaintenanceNumber(s string) (MaintenanceNumber, error) {
	n, err := parseNumbered("MNT", s)
	return MaintenanceNumber(n), err
}

// Maintenance is a time span, once or recurring, in which alerts of its scope
// open no incidents. They are stored and listed; what clears clears, and what
// still fires at the end is placed as if it came then. Its JSON is the body of
// the object "maintenance".
type Maintenance struct {
	ID        string           `json:"id"` // MNT0000001
	State     MaintenanceState `json:"state"`
	Reason    string           `json:"reason"`
	Owner     string           `json:"owner"`
	Change    string           `json:"change"`    // CHG0000001 it belongs to, "" for none
	StartsAt  Time             `json:"starts_at"` // of the first occurrence
	EndsAt    Time             `json:"ends_at"`   // of the first occurrence
	Zone      string           `json:"zone"`      // IANA name in which it recurs; "UTC" by default
	RRule     string           `json:"rrule"`     // RFC 5545 recurrence without DTSTART, "" for once
	Scope     Scope            `json:"scope"`
	Unknown   []string         `json:"unknown"`    // CIs and services of the scope that the CMDB does not know now
	NextStart Time             `json:"next_start"` // of the occurrence that runs or comes next; null when none does
	NextEnd   Time             `json:"next_end"`
	Version   uint64           `json:"version"`
	CreatedAt Time             `json:"created_at"`
	UpdatedAt Time             `json:"updated_at"`
	UpdatedBy string           `json:"updated_by"`
}

// MaintenanceState is where a maintenance window is.
type MaintenanceState string

// States of a maintenance window. A recurring one goes between scheduled and
// active until its last occurrence is over.
const (
	MaintenanceScheduled MaintenanceState = "scheduled"
	MaintenanceActive    MaintenanceState = "active"
	MaintenanceEnded     MaintenanceState = "ended"
	MaintenanceCancelled MaintenanceState = "cancelled"
)

// MaintenanceStates are the values of state.
var MaintenanceStates = []MaintenanceState{MaintenanceScheduled, MaintenanceActive, MaintenanceEnded, MaintenanceCancelled}

// IsOver reports whether it will never cover anything again.
func (s MaintenanceState) IsOver() bool {
	return s == MaintenanceEnded || s == MaintenanceCancelled
}

// Scope says which alerts a maintenance window covers: those on one of CIs or of
// what depends on it, those on a service or on what only serves services under
// maintenance, and those on a CI of a class. Labels, all of them, narrow that;
// alone they are the scope.
type Scope struct {
	CIs      []string `json:"cis"`
	Services []string `json:"services"`
	Classes  []string `json:"classes"`
	Labels   Labels   `json:"labels"`
}

// Bounds of one maintenance window.
const (
	ScopeCIsMax        = 500 // CIs and services, each
	ScopeBytesMax      = 200 << 10
	ScopeClassesMax    = 50
	ScopeLabelsMax     = 20
	MaintenanceTextMax = 1024 // bytes of the reason and of a name
)

// Check reports the first value that no scope can have.
func (s *Scope) Check() error {
	switch {
	case len(s.CIs)+len(s.Services)+len(s.Classes)+len(s.Labels) == 0:
		return Errorf(Invalid, "scope: expected cis, services, classes or labels: a window that covers everything would hide everything")
	case len(s.CIs) > ScopeCIsMax:
		return Errorf(TooLarge, "scope.cis: %d; at most %d", len(s.CIs), ScopeCIsMax)
	case len(s.Services) > ScopeCIsMax:
		return Errorf(TooLarge, "scope.services: %d; at most %d", len(s.Services), ScopeCIsMax)
	case len(s.Classes) > ScopeClassesMax:
		return Errorf(TooLarge, "scope.classes: %d; at most %d", len(s.Classes), ScopeClassesMax)
	case len(s.Labels) > ScopeLabelsMax:
		return Errorf(TooLarge, "scope.labels: %d; at most %d", len(s.Labels), ScopeLabelsMax)
	}
	for _, l := range s.Labels {
		if l.Name == "" || l.Value == "" {
			return Errorf(Invalid, "scope.labels: %q=%q: expected a name and the value it must have", l.Name, l.Value)
		}
	}
	for _, list := range [][]string{s.CIs, s.Services, s.Classes} {
		for _, v := range list {
			if strings.TrimSpace(v) == "" || len(v) > MaintenanceTextMax {
				return Errorf(Invalid, "scope: %q: expected a name of 1 to %d bytes", v, MaintenanceTextMax)
			}
		}
	}
	return nil
}

// Tidy sorts the lists, drops repeats and makes the absent ones empty.
func (s *Scope) Tidy() {
	for _, list := range []*[]string{&s.CIs, &s.Services, &s.Classes} {
		out := append([]string{}, *list...)
		slices.Sort(out)
		*list = slices.Compact(out)
	}
	s.Labels = NewLabels(append([]Label{}, s.Labels...))
}

// String says in words what the scope covers.
func (s *Scope) String() string {
	var parts []string
	for _, l := range []struct {
		what string
		of   []string
	}{{"", s.CIs}, {"service ", s.Services}, {"class ", s.Classes}} {
		for _, v := range l.of {
			parts = append(parts, l.what+v)
		}
	}
	out := strings.Join(parts, ", ")
	for n, l := range s.Labels {
		switch {
		case n > 0:
			out += " and "
		case out != "":
			out += " with "
		default:
			out = "everything with "
		}
		out += l.Name + "=" + l.Value
	}
	return out
}

// MatchesLabels reports whether ls has every label of the scope.
func (s *Scope) MatchesLabels(ls Labels) bool {
	for _, l := range s.Labels {
		if ls.Get(l.Name) != l.Value {
			return false
		}
	}
	return true
}

// MaintenanceUpdate is the body of an act maintenance.put. What is nil is left as
// it is, or takes its default in a new window.
type MaintenanceUpdate struct {
	Reason   *string `json:"reason,omitempty"`
	Owner    *string `json:"owner,omitempty"`
	Change   *string `json:"change,omitempty"`
	StartsAt *Time   `json:"starts_at,omitempty"` // default: now
	EndsAt   *Time   `json:"ends_at,omitempty"`
	Zone     *string `json:"zone,omitempty"`
	RRule    *string `json:"rrule,omitempty"`
	Scope    *Scope  `json:"scope,omitempty"`
}
