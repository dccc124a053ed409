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

// Receipt is what the partner answered.
type Receipt struct {
	Link *itsm.ExternalRef // the partner's record, when it became known
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
