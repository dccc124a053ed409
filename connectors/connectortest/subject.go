package connectortest

import (
	"net/http"
	"testing"

	"signalbox/connectors"
	"signalbox/ingest/source"
	"signalbox/itsm"
)

// Name is what the connector of a Subject is called in its configuration.
const Name = "partner"

// Lacks is a set of things that a partner has no place for.
type Lacks uint8

// What a partner can lack.
const (
	Acknowledgement Lacks = 1 << iota // an acknowledged record looks open
	Resolution                        // a resolved record looks open
	Comments                          // notes are not told
	Reopening                         // of reports: nobody there opens a resolved record again
	Unacknowledging                   // of reports: nobody there takes an acknowledgement back
	Deletion                          // records cannot be taken away
	Search                            // nothing can be looked up there
	Repeats                           // it cannot tell a repeat: after an unknown outcome it gets one more, marked, and then there is a dead letter
)

// Subject is a connector and the protocol of its partner.
type Subject struct {
	// Connector makes the connector: it is called Name, finds its partner at url and
	// calls it with client only. It is made again whenever the process restarts.
	Connector func(t testing.TB, url string, client *http.Client) connectors.Connector
	// Front speaks the partner's protocol and keeps what it is told in p.
	Front func(p *Partner) http.Handler
	// Opens is the transition that makes the partner's record; "" is a trigger.
	Opens itsm.Transition
	Lacks Lacks
	// Objects says that the partner keeps records of changes and problems: their story is
	// tried, too. Front sets Status to Open while nothing was begun, Acknowledged while
	// work goes on and Resolved when it is over, and has in Fields what else was sent.
	Objects bool

	// Report is the body of the webhook that tells of a change, nil when the partner
	// does not report it. Without Report the partner has no webhooks. Changes through
	// the API (Change.By is API) are reported, too, as by our own account.
	Report func(c Change) []byte
	// Decode reads such a body.
	Decode source.TimedDecoder
}

func (s *Subject) lacks(l Lacks) bool { return s.Lacks&l != 0 }

// shows is how a record looks that should be in a state.
func (s *Subject) shows(want Status) Status {
	switch {
	case want == Resolved && s.lacks(Resolution), want == Acknowledged && s.lacks(Acknowledgement):
		return Open
	}
	return want
}
