package sla

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"signalbox/itsm"
)

// Settings are the service level as people write it.
type Settings struct {
	Calendars  map[string]Calendar `json:"calendars,omitempty"`
	Targets    []Target            `json:"targets,omitempty"`     // the first that fits counts, the built-in ones last
	PauseOn    []string            `json:"pause_on,omitempty"`    // reasons of hold in which the clocks stand; DefaultPauseOn when empty
	NotifyFrom itsm.Priority       `json:"notify_from,omitempty"` // least important priority whose notices are told to partners; P3 when 0
	Off        bool                `json:"off,omitempty"`         // nothing is computed
}

// Target is how soon an incident has to be taken up and ended.
type Target struct {
	Priorities []itsm.Priority `json:"priorities,omitempty"` // all when empty
	Services   []string        `json:"services,omitempty"`   // ids of CIs, any of which is affected; all when empty
	Calendar   string          `json:"calendar,omitempty"`   // name; all time counts when empty
	Response   Duration        `json:"response"`
	Resolution Duration        `json:"resolution"`
}

// Duration is a time.Duration that is written 5m in JSON.
type Duration time.Duration

// MarshalText implements encoding.TextMarshaler.
func (d Duration) MarshalText() ([]byte, error) { return []byte(time.Duration(d).String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (d *Duration) UnmarshalText(b []byte) error {
	v, err := time.ParseDuration(string(b))
	*d = Duration(v)
	return err
}

// Bounds of the settings.
const (
	TargetsMax   = 200
	CalendarsMax = 50
	TargetMax    = 365 * 24 * time.Hour
)

// DefaultPauseOn are the reasons of hold in which somebody else has to move first.
var DefaultPauseOn = []string{"caller", "vendor"}

// defaults are the targets of a priority that no target of the settings names.
var defaults = map[itsm.Priority][2]time.Duration{
	itsm.P1: {15 * time.Minute, 4 * time.Hour}, itsm.P2: {30 * time.Minute, 8 * time.Hour}, itsm.P3: {4 * time.Hour, 24 * time.Hour},
	itsm.P4: {8 * time.Hour, 3 * 24 * time.Hour}, itsm.P5: {24 * time.Hour, 5 * 24 * time.Hour},
}

// Policy is Settings ready to be asked.
type Policy struct {
	settings Settings
	clocks   map[string]*clock
	pauseOn  []string
}

// Compile checks settings. The faults name their fields below "sla".
func (s Settings) Compile() (*Policy, []itsm.FieldError) {
	p := &Policy{settings: s, clocks: map[string]*clock{}, pauseOn: s.PauseOn}
	if len(p.pauseOn) == 0 {
		p.pauseOn = DefaultPauseOn
	}
	var faults []itsm.FieldError
	bad := func(field, value, expected string) {
		faults = append(faults, itsm.FieldError{Field: field, Value: value, Expected: expected})
	}
	if len(s.Calendars) > CalendarsMax {
		bad("sla.calendars", strconv.Itoa(len(s.Calendars)), fmt.Sprintf("at most %d", CalendarsMax))
	}
	for _, name := range slices.Sorted(maps.Keys(s.Calendars)) {
		k, fs := s.Calendars[name].compile("sla.calendars." + name)
		p.clocks[name], faults = k, append(faults, fs...)
	}
	if len(s.Targets) > TargetsMax {
		bad("sla.targets", strconv.Itoa(len(s.Targets)), fmt.Sprintf("at most %d", TargetsMax))
	}
	for i, t := range s.Targets {
		at := fmt.Sprintf("sla.targets[%d]", i)
		for _, pr := range t.Priorities {
			if pr < itsm.P1 || pr > itsm.P5 {
				bad(at+".priorities", strconv.Itoa(int(pr)), "P1 to P5")
			}
		}
		if t.Calendar != "" && p.clocks[t.Calendar] == nil {
			bad(at+".calendar", strconv.Quote(t.Calendar), "the name of one of sla.calendars")
		}
		for _, d := range []struct {
			name string
			v    Duration
		}{{"response", t.Response}, {"resolution", t.Resolution}} {
			if time.Duration(d.v) < time.Minute || time.Duration(d.v) > TargetMax {
				bad(at+"."+d.name, time.Duration(d.v).String(), fmt.Sprintf("1m to %v", TargetMax))
			}
		}
	}
	for _, r := range s.PauseOn {
		if !slices.Contains(itsm.HoldReasons, r) {
			bad("sla.pause_on", strconv.Quote(r), "caller, change, problem or vendor")
		}
	}
	if s.NotifyFrom > itsm.P5 {
		bad("sla.notify_from", strconv.Itoa(int(s.NotifyFrom)), "P1 to P5")
	}
	return p, faults
}

// Pauses reports whether a reason of hold stops the clocks.
func (p *Policy) Pauses(reason string) bool { return slices.Contains(p.pauseOn, reason) }

// Tells reports whether the notices of a priority are told to partners.
func (p *Policy) Tells(pr itsm.Priority) bool {
	from := p.settings.NotifyFrom
	if from == 0 {
		from = itsm.P3
	}
	return pr <= from
}

// Goal is what counts for one incident.
type Goal struct {
	Calendar             string // "" when all time counts
	Response, Resolution time.Duration
	clock                *clock
}

// Goal returns the targets of a priority and of the services it is about. They are
// asked for only where a target names services.
func (p *Policy) Goal(pr itsm.Priority, services func() []string) (Goal, bool) {
	if p == nil || p.settings.Off {
		return Goal{}, false
	}
	var about []string
	for n := range p.settings.Targets {
		t := &p.settings.Targets[n]
		if len(t.Services) > 0 && about == nil {
			about = services()
		}
		fits := (len(t.Priorities) == 0 || slices.Contains(t.Priorities, pr)) &&
			(len(t.Services) == 0 || slices.ContainsFunc(about, func(s string) bool { return slices.Contains(t.Services, s) }))
		if fits {
			return Goal{t.Calendar, time.Duration(t.Response), time.Duration(t.Resolution), p.clocks[t.Calendar]}, true
		}
	}
	d, ok := defaults[pr]
	return Goal{Response: d[0], Resolution: d[1]}, ok
}
