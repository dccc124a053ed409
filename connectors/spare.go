package connectors

import (
	"context"
	"slices"
	"time"

	"signalbox/itsm"
)

// spare takes triggers out of a plan that were tried and whose resolve follows: the
// answer was lost, or the partner was away, and sent now they would page somebody
// for what is over. The resolve goes out, for the partner may have made the record.
// Where it can be asked and has none, notes have nothing to be added to. It returns
// how long to wait for its answer; 0: the plan stands.
func (s *Sender) spare(ctx context.Context, p *plan) time.Duration {
	for {
		n := slices.IndexFunc(p.send, func(in itsm.Intent) bool { return in.Transition == itsm.Trigger && p.resolves(in.Epoch) })
		if n < 0 {
			return 0
		}
		in := p.send[n]
		has, wait := s.has(ctx, &in)
		if wait > 0 {
			return wait
		}
		p.drop(func(o *itsm.Intent) bool {
			return o.Key == in.Key || !has && o.Epoch == in.Epoch && o.Transition == itsm.Note
		})
	}
}

// has reports whether the partner has the record of a trigger, or cannot be asked.
func (s *Sender) has(ctx context.Context, in *itsm.Intent) (has bool, wait time.Duration) {
	if _, ok := s.o.Connector.(Looker); !ok {
		return true, 0
	}
	if wait := s.due(in.Key); wait > 0 {
		return false, wait
	}
	if s.closedIn() > 0 || s.take(ctx) != nil {
		return false, max(s.closedIn(), time.Millisecond)
	}
	rec, err := s.look(ctx, in.Incident, in.Epoch)
	if asked, passing := retryAfter(err); passing {
		s.note(err)
		return false, s.failed(in.Key, s.again(in.Key), asked)
	}
	return err != nil || rec.Status != RecordNone, 0
}

// again counts a try of an intent that was no call for it.
func (s *Sender) again(key string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tries[key].count++
	return s.tries[key].count
}

func (p *plan) resolves(epoch uint32) bool {
	return slices.ContainsFunc(p.send, func(in itsm.Intent) bool { return in.Epoch == epoch && in.Transition == itsm.Resolve })
}

// drop moves intents to what is not needed any more.
func (p *plan) drop(unneeded func(*itsm.Intent) bool) {
	var send []itsm.Intent
	for n := range p.send {
		if unneeded(&p.send[n]) {
			p.superseded = append(p.superseded, p.send[n])
		} else {
			send = append(send, p.send[n])
		}
	}
	p.send = send
}
