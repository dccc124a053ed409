package connectors

import "time"

// Status is how a sender is doing, for people.
type Status struct {
	Connector string
	OpenUntil time.Time // the circuit is open until then; zero: closed
	Failures  int       // in a row
	SentAt    time.Time // last time the partner confirmed something
	FailedAt  time.Time
	LastError string
	Paused    bool
	PerMinute int   // calls a minute at most
	Limit     Limit // as the partner counts it
	Sweep     SweepStatus
	Tester    bool // it can be checked without sending
}

// Name is the connector's.
func (s *Sender) Name() string { return s.o.Connector.Name() }

// Status returns how the sender is doing.
func (s *Sender) Status() Status {
	paused := s.isPaused()
	s.mu.Lock()
	defer s.mu.Unlock()
	st := s.last
	st.Connector, st.OpenUntil, st.Failures = s.o.Connector.Name(), s.breaker.until, s.breaker.failures
	st.Paused, st.PerMinute, st.Limit, st.Sweep = paused, s.o.PerMinute, s.o.Limits.Last(), s.swept
	_, st.Tester = s.o.Connector.(Tester)
	if st.Sweep.Possible = s.canSweep(); st.Sweep.Possible {
		st.Sweep.Every = s.o.Sweeps.Every
	}
	for _, l := range s.looked {
		if l.Differs {
			st.Sweep.Differs++
		}
	}
	for _, l := range s.lookedObjects {
		if l.Differs != nil {
			st.Sweep.Differs++
		}
	}
	return st
}

// Nudge has the outbox looked at now: a pause is over, or a dead letter sent again.
func (s *Sender) Nudge() {
	select {
	case s.nudge <- struct{}{}:
	default: // it is about to look
	}
}

func (s *Sender) isPaused() bool { return s.o.Paused != nil && s.o.Paused() }

// note keeps what the partner last said, for people.
func (s *Sender) note(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err == nil {
		s.last.SentAt = time.Now()
		return
	}
	s.last.FailedAt, s.last.LastError = time.Now(), bounded(err.Error())
}
