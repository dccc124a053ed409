package itsm

import (
	"errors"
	"fmt"
)

// Code classifies an error for whoever has to react to it.
type Code string

// The codes. Anything that carries none is Internal.
const (
	Invalid      Code = "invalid"      // the input is wrong; Msg says which field and what was expected
	NotFound     Code = "not_found"    // no such object
	Conflict     Code = "conflict"     // the object's state forbids it
	Stale        Code = "stale"        // If-Match names an older version
	Unauthorized Code = "unauthorized" // no or wrong credentials
	Forbidden    Code = "forbidden"    // known, but not allowed
	TooLarge     Code = "too_large"    // a named bound was exceeded
	Throttled    Code = "throttled"    // too many failed sign-ins from there; never an answer to a delivery
	Unavailable  Code = "unavailable"  // try again later; nothing was stored
	Internal     Code = "internal"     // our fault
)

// Error is an error with a code. Msg may be shown to people, Err never is.
type Error struct {
	Code Code
	Msg  string
	Err  error
}

// Error implements error.
func (e *Error) Error() string {
	if e.Err != nil {
		return e.Msg + ": " + e.Err.Error()
	}
	return e.Msg
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Errorf makes an Error whose message may be shown to people.
func Errorf(code Code, format string, args ...any) error {
	return &Error{Code: code, Msg: fmt.Sprintf(format, args...)}
}

// Wrap makes an Error around a cause that people are not shown.
func Wrap(code Code, err error, format string, args ...any) error {
	return &Error{Code: code, Msg: fmt.Sprintf(format, args...), Err: err}
}

// CodeOf walks the chain for a code; unknown is Internal.
func CodeOf(err error) Code {
	var e *Error
	if errors.As(err, &e) {
		return e.Code
	}
	return Internal
}

// MessageOf returns what may be shown to people.
func MessageOf(err error) string {
	var e *Error
	if errors.As(err, &e) && e.Code != Internal {
		return e.Msg
	}
	return "internal error; the server's log has the cause"
}

// FieldError is one wrong value of a configuration: which key, what it says, and
// what would do.
type FieldError struct {
	Field    string // such as correlation.gamma_milli
	Value    string
	Expected string
}

// Error implements error.
func (e FieldError) Error() string { return e.Field + ": " + e.Value + ": expected " + e.Expected }
