package correlate

import (
	"fmt"
	"slices"
	"time"

	"signalbox/itsm"
)

// Bounds of the history of one series.
const (
	seriesEpisodesMax = 50 // episodes the transient hold looks back on
	transitionsMax    = 16 // changes of status kept for flapping
)

// series is the history of one alert: how its episodes ended and when it changed
// status. It is made when the first episode ends, so a storm of new alerts does
// not pay for it.
type series struct {
	clears      []uint16    // seconds until each past episode cleared, newest last; notSelfCleared when it did not clear by itself in time
	transitions []itsm.Time // newest last, at most transitionsMax
}

const notSelfCleared = 1<<16 - 1

func (a *alert) history() *series {
	if a.series == nil {
		a.series = &series{}
	}
	return a.series
}

// transition notes a change of status and starts flapping when there were too many.
func (s *State) transition(a *alert) {
	h := a.history()
	if len(h.transitions) == transitionsMax {
		h.transitions = slices.Delete(h.transitions, 0, 1)
	}
	h.transitions = append(h.transitions, s.now)
	n := len(h.transitions)
	if a.flapping || n < s.cfg.FlapTransitions || s.now.Sub(h.transitions[n-s.cfg.FlapTransitions]) > s.cfg.FlapWindow.Std() {
		return
	}
	a.flapping = true
	if i := a.inc; i != nil && i.state.IsOpen() {
		a.flapIn(i)
		s.timeline(i, "flapping", actSystem.actor, fmt.Sprintf("%s changed %d times within %s; partners are told at most every %s",
			a.describe(), s.cfg.FlapTransitions, short(s.cfg.FlapWindow), short(s.cfg.FlapNotifyEvery)))
		s.assess(i)
		s.touchIncident(i)
	}
	s.touchAlert(a)
	s.scheduleAlert(a)
}

// flapEnds is when flapping is over if nothing happens until then: quiet for
// long enough, and few enough changes left in the window.
func (s *State) flapEnds(a *alert) itsm.Time {
	t := a.series.transitions
	end := t[len(t)-1].Add(s.cfg.FlapQuiet.Std())
	if n := len(t) - 1 - s.cfg.FlapSettled; n >= 0 {
		end = max(end, t[n].Add(s.cfg.FlapWindow.Std())+1)
	}
	return end
}

func (s *State) stopFlapping(a *alert) {
	a.flapping = false
	s.touchAlert(a)
	i := a.flapsIn
	if i == nil {
		return
	}
	a.flapIn(nil)
	s.timeline(i, "flapping ended", actSystem.actor, a.describe()+" is steady again")
	s.settle(i, actSystem, "")
}

// short writes a duration without empty units: "30m", not "30m0s".
func short(d Duration) string {
	s := time.Duration(d).String()
	if len(s) > 2 && s[len(s)-2:] == "0s" && s[len(s)-3] == 'm' {
		s = s[:len(s)-2]
	}
	if len(s) > 2 && s[len(s)-2:] == "0m" && s[len(s)-3] == 'h' {
		s = s[:len(s)-2]
	}
	return s
}
