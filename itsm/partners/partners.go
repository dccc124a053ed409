// Package partners is what people are shown of connectors and may do with them. The
// API, the console and the command line show the same, so it is put together once;
// the wiring is the Board.
package partners

import (
	"context"
	"time"

	"signalbox/itsm"
)

// States of a connector.
const (
	Ok       = "ok"
	Retrying = "retrying" // its partner fails or refuses; what is to be sent waits
	Paused   = "paused"   // people paused it
)

// Connector is one partner and how sending to it goes.
type Connector struct {
	Name      string
	Kind      string    // "pagerduty"
	State     string    // one of the states above, and why in LastError or Pause
	SentAt    itsm.Time // last time the partner confirmed something
	FailedAt  itsm.Time
	LastError string // the partner's last refusal, without secrets
	Held      int    // incidents whose first page waits for the end of a storm or for the budget

	Failures  int       // in a row
	OpenUntil itsm.Time // nothing is sent until then: the circuit is open; 0: it is closed
	Pause     itsm.ConnectorState
	PerMinute int // calls a minute at most
	Limit     Limit
	Sweep     Sweep
	Drift     Drift
	Checks    bool // its configuration can be checked without sending anything
}

// Limit is the rate as the partner counts it.
type Limit struct {
	Limit     int       // calls; 0: it did not say
	Remaining int       // of them
	ResetAt   itsm.Time // when there are all of them again
	At        itsm.Time // when it said so; 0: never
}

// Sweep is how comparing goes.
type Sweep struct {
	Possible bool // the partner can be asked
	Every    time.Duration
	BeganAt  itsm.Time // the last, or the one that runs
	EndedAt  itsm.Time // 0 while one runs
	Compared int       // records that were seen in it
	Differed int       // of them
	Differs  int       // records that differ as far as is known now
	Failed   int       // records that the partner could not be asked about in it
	Error    string    // why
}

// Drift is what sweeps found since the journal began.
type Drift struct{ Found, Adopted, Repaired uint64 }

// Row is how one incident stands at one partner, or a change or problem of which that
// has a record.
type Row struct {
	Connector string
	Kind      string
	Told      bool                // it has, or should have, a record of the present epoch
	Why       string              // why it was not told, "" when it was
	Theirs    bool                // of a change or a problem: its record was made there
	Want      itsm.PartnerRecord  // of an incident
	Has       *itsm.PartnerRecord // as a sweep saw it last; nil: none did
	SeenAt    itsm.Time
	Link      itsm.ExternalRef // its record; empty when it is not known
	At        itsm.Time        // last receipt or report
	ToldAt    itsm.Time        // last trigger or update
	Waiting   int              // intents on their way
	Failed    bool             // the last intent is in the dead letters
	Differs   []itsm.Difference
	Repairs   int       // times it was told again in this epoch
	RepairAt  itsm.Time // not before is it told again; 0: it is not
	Stranger  string    // the assignee, when the partner knows nobody of that name
}

// Step is one step of a test.
type Step struct {
	Name   string
	Ok     bool
	Detail string
	Took   time.Duration
}

// Board is the connectors of a running server.
type Board interface {
	// Connectors lists what is configured by name.
	Connectors() []Connector
	// Sync says how an incident stands at every partner, in the order of their names;
	// false when its state is not kept any more.
	Sync(n itsm.IncidentNumber) ([]Row, bool)
	// SyncObject says how a change or a problem stands at the partners that have a record
	// of it, in the order of their names.
	SyncObject(id string) []Row
	// Pause and Resume journal what a person decided.
	Pause(ctx context.Context, name, reason, actor string) error
	Resume(ctx context.Context, name, actor string) error
	// Test opens, acknowledges and resolves a test incident at the partner only; with
	// checkOnly it changes nothing there.
	Test(ctx context.Context, name string, checkOnly bool, actor string) ([]Step, error)
	// RetryDeadLetter puts an abandoned intent back into the outbox.
	RetryDeadLetter(ctx context.Context, connector, key, actor string) error
}
