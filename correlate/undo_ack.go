package correlate

import "signalbox/itsm"

// ownAck is who had taken an incident up, and when, before a merge replaced it.
type ownAck struct {
	acked bool      // in its epoch then
	at    itsm.Time // the first of all; 0: nobody had
	by    string
}

func (i *incident) ownAck() ownAck { return ownAck{i.acked, i.ackAt, i.handled().ackBy} }

// giveAckBack takes from other the acknowledgement that came with i. Nobody of its own
// people took it up then, or when they did comes back.
func (s *State) giveAckBack(i, other *incident, u *undo, by doer) {
	came := u.took.ack
	came.at, came.by = u.took.ackAt, i.handled().ackBy
	if other.ackAt != came.at {
		s.reckonAcks(other, came, u.took.ack)
		return
	}
	if other.acked && !u.took.ack.acked {
		first := other.around().level.firstAck
		s.unacknowledge(other, by.actor, "", "it came with "+i.number.String())
		other.surround().level.firstAck = first
	}
	other.ackAt, other.handling().ackBy = u.took.ack.at, u.took.ack.by
}

// reckonAcks is for an acknowledgement that left i after a later merge had replaced it:
// undoing that one leads back to what was before both.
func (s *State) reckonAcks(i *incident, left, own ownAck) {
	for _, m := range i.members {
		from := s.incidents[m.from]
		if from == nil || from.mergedInto != i.number {
			continue
		}
		if u := from.around().undo; u != nil && u.took.ackAt != 0 && u.took.ack.at == left.at && u.took.ack.by == left.by {
			u.took.ack = own
		}
	}
}
