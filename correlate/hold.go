package correlate

import (
	"fmt"
	"slices"
	"time"

	"signalbox/itsm"
)

// remember adds the episode that is over to the history of its alert. It is
// called when the next one starts: until then the episode may be continued.
func (s *State) remember(a *alert) {
	if a.episode == 0 {
		return
	}
	h := a.history()
	took := uint16(notSelfCleared)
	if d := a.endedAt.Sub(a.firedAt); a.endedBy == endedSender && a.reopened == 0 && d <= s.cfg.HoldWithin.Std() {
		took = uint16(min(d/time.Second, notSelfCleared-1))
	}
	if len(h.clears) == seriesEpisodesMax {
		h.clears = slices.Delete(h.clears, 0, 1)
	}
	h.clears = append(h.clears, took)
}

// hold keeps a new episode back when its series nearly always clears by itself:
// it is shown, opens nothing, and is placed when the hold ends.
func (s *State) hold(a *alert) bool {
	d, why := s.holdFor(a)
	if d == 0 {
		return false
	}
	a.holdUntil, a.held = s.now.Add(d), why
	s.touchAlert(a)
	s.scheduleAlert(a)
	return true
}

// holdFor is how long an episode of a is kept back, 0 for not at all, and why.
func (s *State) holdFor(a *alert) (d time.Duration, why string) {
	if a.series == nil || a.severity == itsm.Critical || s.tierOne(a) || s.stormOn(a) {
		return 0, ""
	}
	n, k, p95 := a.series.selfCleared()
	if n < s.cfg.HoldEpisodesMin || !wilsonAtLeast(k, n, s.cfg.HoldShareMilli) {
		return 0, ""
	}
	d = max(min(p95, s.cfg.HoldWithin.Std()), time.Second)
	return d, fmt.Sprintf("hold: %d of the last %d cleared within %s", k, n, short(Duration(d)))
}

// release places an episode whose hold is over.
func (s *State) release(a *alert) {
	a.holdUntil, a.held = 0, ""
	s.touchAlert(a)
	if s.maintain(a) || s.rules.Set != nil && (s.gathered(a, s.now) || s.comesBack(a)) {
		return
	}
	s.groupPlace(a, s.now)
}

// selfCleared counts the episodes, those that cleared by themselves in time, and
// the 95th percentile of how long that took.
func (h *series) selfCleared() (n, k int, p95 time.Duration) {
	var took [seriesEpisodesMax]uint16
	for _, c := range h.clears {
		if c != notSelfCleared {
			took[k] = c
			k++
		}
	}
	if k > 0 {
		slices.Sort(took[:k])
		p95 = time.Duration(took[(k*95+99)/100-1]) * time.Second
	}
	return len(h.clears), k, p95
}

// wilsonAtLeast reports whether the Wilson 95 % lower bound of k/n is at least
// share (thousandths). The bound is at least p exactly when the score test of p
// is not significant the other way, which needs no root: with z = 1.96,
// k/n ≥ p and (k - np)² ≥ z² n p (1-p).
func wilsonAtLeast(k, n, share int) bool {
	const z2 = 38416 // 1.96² in ten-thousandths
	d := int64(1000*k - share*n)
	return d >= 0 && d*d*10000 >= z2*int64(n)*int64(share)*int64(1000-share)
}

func (s *State) tierOne(a *alert) bool {
	c := s.look(a.ci)
	if c.tier == 1 {
		return true
	}
	return slices.ContainsFunc(c.services, func(v *service) bool { return v.tier == 1 })
}
