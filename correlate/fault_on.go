//go:build fault

package correlate

import (
	"signalbox/itsm"
	"signalbox/itsm/entry"
)

// The planted faults; see fault_off.go.
var (
	faultWallClock   bool
	faultNoVersion   bool
	faultTTLEcho     bool
	faultMapOrder    bool
	faultLostTimers  bool
	faultLostRepeats bool
	faultTruncated   bool
	faultNoTombstone bool
	faultRepeat      bool
	faultMergeLoses  bool
	faultUncounted   bool
	faultKeyReused   bool
	faultDelta       bool
	faultOldRecord   bool
	faultEchoCounts  bool
)

// Plant turns on the fault of that name, and every other one off. It reports
// whether this package has it.
func Plant(name string) (found bool) {
	for f, on := range map[string]*bool{
		"wall-clock ordering": &faultWallClock,
		"no version check":    &faultNoVersion,
		"TTL-only echo guard": &faultTTLEcho,
		"map order":           &faultMapOrder,
		"timers not saved":    &faultLostTimers,
		"dedupe not saved":    &faultLostRepeats,
		"truncated clears":    &faultTruncated,
		"no tombstone":        &faultNoTombstone,
		"repeat is episode":   &faultRepeat,
		"merge loses":         &faultMergeLoses,
		"uncounted":           &faultUncounted,
		"key without epoch":   &faultKeyReused,
		"delta applied":       &faultDelta,
		"no old-record check": &faultOldRecord,
		"echo is an override": &faultEchoCounts,
	} {
		*on = f == name
		found = found || *on
	}
	return found
}

// clearAbsent is the fault of clearing what is not said.
func (s *State) clearAbsent(src *source, d *entry.Delivery) {
	if len(d.Events) == 0 || d.Events[0].Group == "" {
		return
	}
	listed := map[string]bool{}
	for i := range d.Events {
		listed[d.Events[i].Identity] = true
	}
	for _, n := range s.alertNumbers() {
		a := s.alerts.Get(n)
		if _, group, _ := a.named(); a.src == src && group == d.Events[0].Group && !listed[a.identity] && a.status == itsm.Firing {
			s.endEpisode(a, endedSender, s.now)
		}
	}
}
