package correlate

import (
	"math/bits"

	"signalbox/itsm"
)

// scope is where storms are looked for: a source, a service or a site. It counts
// new episodes by the minute and keeps mean and variance of that count as
// exponentially weighted averages in fixed point (1/1024).
type scope struct {
	name   string
	index  int
	minute itsm.Time // the minute being counted
	x      int64     // episodes in it
	mean   int64
	vari   int64
	on     bool
	calm   int // minutes in a row below the leaving threshold
	wake   itsm.Time
}

const (
	fixed         = 1024
	scopeCountMax = 1 << 20 // clamps a count, so that its square fits
	rollMax       = 1440    // minutes of silence folded one by one; after a day the past says nothing
	scopesMax     = 4096    // beyond it only sources have a scope of their own
	scopesOfAlert = 4       // a source, a site and the first services
)

// siteLabels name the place of an alert, first hit wins.
var siteLabels = [...]string{"site", "datacenter", "dc", "region", "zone"}

func (s *State) scopeOf(kind, name string) *scope {
	s.buf = append(append(append(s.buf[:0], kind...), ':'), name...)
	if sc := s.scopes[string(s.buf)]; sc != nil {
		return sc
	}
	if len(s.scopeList) >= scopesMax {
		return nil
	}
	sc := &scope{name: string(s.buf), index: len(s.scopeList), minute: s.now / minuteMS}
	s.scopes[sc.name] = sc
	s.scopeList = append(s.scopeList, sc)
	return sc
}

// scopesFor appends the scopes of an alert to buf.
func (s *State) scopesFor(a *alert, buf []*scope) []*scope {
	if a.src.scope == nil {
		a.src.scope = s.scopeOf("source", a.src.name)
	}
	add := func(sc *scope) {
		if sc != nil {
			buf = append(buf, sc)
		}
	}
	add(a.src.scope)
	if site := firstLabel(a.text, siteLabels); site != "" {
		add(s.scopeOf("site", site))
	}
	for n, v := range s.look(a.ci).services {
		if n == scopesOfAlert-2 {
			break
		}
		if v.scope == nil {
			v.scope = s.scopeOf("service", v.id)
		}
		add(v.scope)
	}
	return buf
}

// storms counts a new episode where it happens.
func (s *State) storms(a *alert) {
	var buf [scopesOfAlert]*scope
	for _, sc := range s.scopesFor(a, buf[:0]) {
		sc.roll(s.now, &s.cfg)
		if sc.x < scopeCountMax {
			sc.x++
		}
		if !sc.on && sc.x*fixed > sc.enterAbove(&s.cfg) {
			sc.on, sc.calm = true, 0
			s.stormsOn++
			s.totals.Storms++
			s.schedule(&sc.wake, wakeScope, uint64(sc.index), nextMinute(s.now))
		}
	}
}

func (s *State) stormOn(a *alert) bool {
	if s.stormsOn == 0 {
		return false
	}
	var buf [scopesOfAlert]*scope
	for _, sc := range s.scopesFor(a, buf[:0]) {
		if sc.on {
			return true
		}
	}
	return false
}

// enterStorm marks a new incident with the storms it was opened in.
func (s *State) enterStorm(i *incident, a *alert) {
	if s.stormsOn == 0 {
		return
	}
	var buf [scopesOfAlert]*scope
	n := 0
	for _, sc := range s.scopesFor(a, buf[:0]) {
		if sc.on {
			i.storm = true
			i.stormIn[n] = int32(sc.index) + 1
			n++
		}
	}
}

// inStorm reports whether a storm that i was opened in is still on.
func (s *State) inStorm(i *incident) bool {
	for _, n := range i.stormIn {
		if n != 0 && s.scopeList[n-1].on {
			return true
		}
	}
	return false
}

// scopeDue closes the minutes that passed in a storm and ends it when it is over.
func (s *State) scopeDue(sc *scope) {
	sc.roll(s.now, &s.cfg)
	if sc.on {
		s.schedule(&sc.wake, wakeScope, uint64(sc.index), nextMinute(s.now))
		return
	}
	s.stormsOn--
	s.releasePages()
}

// roll closes every minute before now.
func (sc *scope) roll(now itsm.Time, c *Config) {
	to := now / minuteMS
	for n := 0; sc.minute < to; n++ {
		if n == rollMax || sc.x == 0 && sc.mean == 0 && sc.vari == 0 && !sc.on {
			sc.minute, sc.x, sc.mean, sc.vari = to, 0, 0, 0
			return
		}
		sc.closeMinute(c)
		sc.minute++
		sc.x = 0
	}
}

// closeMinute learns from a finished minute. During a storm nothing is learnt: a
// storm must not become the normal state.
func (sc *scope) closeMinute(c *Config) {
	if sc.on {
		if sc.x*fixed < sc.leaveBelow(c) {
			sc.calm++
		} else {
			sc.calm = 0
		}
		sc.on = sc.calm < int(c.StormLeave/Duration(60e9))
		return
	}
	d := sc.x*fixed - sc.mean
	alpha := int64(c.StormAlphaMilli)
	sc.mean += alpha * d / 1000
	// v = (1-α)(v + α d²); d² is taken back to 1/1024 before it is weighted.
	d2 := d / 32 * (d / 32)
	sc.vari = (sc.vari + alpha*d2/1000) * (1000 - alpha) / 1000
}

func (sc *scope) enterAbove(c *Config) int64 {
	return max(int64(c.StormMin)*fixed, sc.mean+int64(c.StormEnterSigma)*sc.deviation())
}

func (sc *scope) leaveBelow(c *Config) int64 {
	// With a mean near nothing the formula asks for less than one; a storm still
	// has to end, so it is never stricter than the entry minimum's tenth.
	return max(sc.mean+int64(c.StormLeaveSigma)*sc.deviation(), int64(c.StormMin)*fixed/10)
}

// deviation is √max(v, μ, 1) in 1/1024.
func (sc *scope) deviation() int64 { return root(max(sc.vari, sc.mean, fixed) * fixed) }

// root is the integer square root.
func root(v int64) int64 {
	if v <= 0 {
		return 0
	}
	r := int64(1) << ((bits.Len64(uint64(v)) + 1) / 2)
	for {
		n := (r + v/r) / 2
		if n >= r {
			return r
		}
		r = n
	}
}
