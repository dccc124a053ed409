package correlate

import "signalbox/itsm"

func init() {
	objectActors[itsm.ActConnectorPause] = (*State).actConnectorPause
	objectActors[itsm.ActConnectorResume] = (*State).actConnectorPause
}

// pausedMax bounds the connectors whose state is kept, those that were
// configured away among them.
const pausedMax = 1000

// actConnectorPause pauses a connector or lets it go on. Intents are made all the
// while; the sender leaves them where they are.
func (s *State) actConnectorPause(a *itsm.Act) itsm.Outcome {
	name, pause := named(a, itsm.ObjectConnector), a.Kind == itsm.ActConnectorPause
	c := s.pausedState(name)
	switch {
	case s.connector(name) == nil && c == nil:
		return refuse(a, itsm.NotFound, "no connector is named %q", name)
	case len(a.Reason) > itsm.ReasonBytesMax:
		return *tooLong(a, "reason", a.Reason, itsm.ReasonBytesMax)
	case pause == (c != nil && c.Paused):
		return itsm.Outcome{NoOp: true}
	case c == nil && len(s.paused) >= pausedMax:
		return refuse(a, itsm.TooLarge, "the state of %d connectors is kept, which is the limit", pausedMax)
	}
	if c == nil {
		s.paused = append(s.paused, itsm.ConnectorState{Name: name})
		c = &s.paused[len(s.paused)-1]
	}
	c.Paused, c.By, c.At, c.Reason, c.Version = pause, doerOf(a).actor, s.now, a.Reason, c.Version+1
	s.putObject(itsm.ObjectConnector, name, c.Version, nil, c)
	return itsm.Outcome{}
}

func (s *State) pausedState(name string) *itsm.ConnectorState {
	for n := range s.paused {
		if s.paused[n].Name == name {
			return &s.paused[n]
		}
	}
	return nil
}

// PausedConnectors lists the connectors that are paused.
func (s *State) PausedConnectors() []itsm.ConnectorState {
	var out []itsm.ConnectorState
	for _, c := range s.paused {
		if c.Paused {
			out = append(out, c)
		}
	}
	return out
}
