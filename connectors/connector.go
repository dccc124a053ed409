package connectors

import (
	"context"
	"errors"
	"fmt"
	"time"

	"signalbox/itsm"
)

// Connector speaks to one partner.
type Connector interface {
	// Name is the name it is configured under.
	Name() string
	// Push performs the intent's effect. Repeating it with the same intent is
	// harmless. An error made by Retry is tried again; any other is terminal.
	Push(ctx context.Context, in itsm.Intent) (Receipt, error)
}

// Finder is a Connector that finds our incident, and the epoch its record was made
// for, behind a partner's record whose webhook does not name it. NotFound means
// that the partner was asked and it is not ours; when it cannot be asked now the
// error is Unavailable, so that nothing is lost.
type Finder interface {
	IncidentOf(ctx context.Context, id string) (itsm.IncidentNumber, uint32, error)
}

// Receipt is what the partner answered.
type Receipt struct {
	Link    *itsm.ExternalRef // the partner's record, when it became known
	Version int64             // of the record after the call, as in Record; 0: not known
}

// Record is what a partner has of one epoch of an incident.
type Record = itsm.PartnerRecord

// RecordStatus is how a partner's record stands.
type RecordStatus = itsm.RecordStatus

// How a record can stand.
const (
	RecordNone         = itsm.RecordNone
	RecordOpen         = itsm.RecordOpen
	RecordAcknowledged = itsm.RecordAcknowledged
	RecordResolved     = itsm.RecordResolved
)

// Looker is a Connector that can be asked what its partner has of one epoch of an
// incident; without a record Status is RecordNone and there is no error. An error
// made by Retry may pass; any other means that this partner cannot be asked. It
// must ask for exactly this record and check what it got: a partner that ignores a
// bad filter answers with somebody else's.
type Looker interface {
	Look(ctx context.Context, n itsm.IncidentNumber, epoch uint32) (Record, error)
}

// Ref names the record that a partner has of one epoch of an incident.
type Ref struct {
	Incident itsm.IncidentNumber
	Epoch    uint32
}

// LookAloneMax bounds the records that are asked for alone when an answer about many
// lacks them.
const LookAloneMax = 3

// LookAlone asks for the records of out that an answer about many lacks, by their
// places in refs. When it lacks more than a few the answer is not believed: the error
// says so, and whoever asked looks at each in its turn.
func LookAlone(ctx context.Context, l Looker, refs []Ref, out []Record, lacks []int) (err error) {
	if len(lacks) > LookAloneMax {
		return &TerminalError{Detail: fmt.Sprintf("an answer about %d records lacks %d of them", len(refs), len(lacks))}
	}
	for _, n := range lacks {
		if out[n], err = l.Look(ctx, refs[n].Incident, refs[n].Epoch); err != nil {
			return err
		}
	}
	return nil
}

// LookManyMax bounds the records that one LookMany asks for.
const LookManyMax = 50

// ManyLooker is a Looker whose partner tells of many records in one call. The
// answer has one Record for each ref, in their order. It costs one token of the
// rate, so it should be one request, or few.
type ManyLooker interface {
	Looker
	LookMany(ctx context.Context, refs []Ref) ([]Record, error)
}

// ObjectRecord is what a partner has of a change or a problem.
type ObjectRecord struct {
	Record
	itsm.ObjectRecord
}

// ObjectLooker is a Connector whose partner has records of changes and problems, and
// that can be asked how they stand. Each intent says, as it does to Push, how one should
// be; the answer has one ObjectRecord for each, in their order. It changes nothing, costs
// one token of the rate, and must ask for exactly these records and check what it got.
// At most LookManyMax are asked for, all of them changes or all problems.
type ObjectLooker interface {
	LookObjects(ctx context.Context, wanted []itsm.Intent) ([]ObjectRecord, error)
}

// Tester is a Connector that can check its configuration, its credentials and what
// they allow without changing anything at the partner. It returns one line for
// people: as whom it is signed in, and where.
type Tester interface {
	Check(ctx context.Context) (string, error)
}

// RetryError is a failure that may pass: the partner is down, busy or unreachable.
type RetryError struct {
	After time.Duration // how long the partner asked to wait; 0: it did not say
	Err   error
}

// Error implements error.
func (e *RetryError) Error() string { return e.Err.Error() }

// Unwrap returns the cause.
func (e *RetryError) Unwrap() error { return e.Err }

// Retry marks err as one that may pass.
func Retry(after time.Duration, format string, args ...any) error {
	return &RetryError{After: after, Err: fmt.Errorf(format, args...)}
}

// retryAfter reports whether err may pass, and the wait its partner asked for.
func retryAfter(err error) (time.Duration, bool) {
	var r *RetryError
	if errors.As(err, &r) {
		return r.After, true
	}
	return 0, false
}

// IsPassing reports whether err was made by Retry.
func IsPassing(err error) bool {
	_, ok := retryAfter(err)
	return ok
}

// AskedWait is how long the partner asked to be left alone; 0: it did not say.
func AskedWait(err error) time.Duration {
	after, _ := retryAfter(err)
	return after
}

// unknownError is a call that nobody knows the effect of.
type unknownError struct{ error }

// Unwrap returns the cause.
func (e unknownError) Unwrap() error { return e.error }

// Unknown marks err as that of a call which the partner may have carried out all the
// same: the answer broke off, or is none that says what was done.
func Unknown(err error) error { return unknownError{err} }

// IsUnknown reports whether err was made by Unknown.
func IsUnknown(err error) bool {
	var u unknownError
	return errors.As(err, &u)
}
