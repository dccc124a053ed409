package connectors

import "signalbox/itsm"

// plan is what to do with the unsent intents of one incident, in order.
type plan struct {
	send       []itsm.Intent
	superseded []itsm.Intent
}

// Coalesce is how a sender decides what of an incident's unsent intents it still
// sends, in order, for whoever has to predict it. See coalesce.
func Coalesce(ins []itsm.Intent, tried, doubtful func(key string) bool) (send, superseded []itsm.Intent) {
	p := coalesce(ins, tried, doubtful)
	return p.send, p.superseded
}

// coalesce drops what the partner no longer needs to hear. The intents are the
// unsent ones of one incident at one connector, oldest first. Of an epoch that is
// already resolved and whose trigger was never tried, nothing is sent. Of several
// updates the last is sent. An acknowledgement is not sent when the resolve of
// the same epoch follows. Notes are always sent.
//
// tried reports whether a call for an intent may already have reached the
// partner: then the partner may hold an open record, and its resolve must go out.
// doubtful reports whether an earlier process may have made that call. Nobody is
// paged for what is resolved because of a doubt: then the resolve goes out alone.
func coalesce(ins []itsm.Intent, tried, doubtful func(key string) bool) plan {
	type epochState struct{ trigger, doubt, resolve bool }
	epochs := map[uint32]epochState{}
	lastUpdate := map[uint32]int{}
	for i, in := range ins {
		s := epochs[in.Epoch]
		switch in.Transition {
		case itsm.Trigger:
			s.trigger, s.doubt = !tried(in.Key), doubtful(in.Key) && !faultNoDoubts
		case itsm.Resolve:
			s.resolve = true
		case itsm.Update:
			lastUpdate[in.Epoch] = i
		}
		epochs[in.Epoch] = s
	}
	p := plan{send: make([]itsm.Intent, 0, len(ins))} // nearly always all of them
	for i, in := range ins {
		s := epochs[in.Epoch]
		unneeded := false
		switch in.Transition {
		case itsm.Trigger:
			unneeded = s.trigger && s.resolve
		case itsm.Resolve:
			unneeded = s.trigger && !s.doubt
		case itsm.Update:
			// A trigger that is still to be sent carries the state of its own
			// moment, so the last update after it is still news.
			unneeded = s.resolve || i != lastUpdate[in.Epoch]
		case itsm.Acknowledge:
			unneeded = s.resolve
		case itsm.Note:
			unneeded = s.trigger && s.resolve
		}
		if unneeded {
			p.superseded = append(p.superseded, in)
		} else {
			p.send = append(p.send, in)
		}
	}
	return p
}
