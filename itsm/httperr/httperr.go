// Package httperr is the one table from error codes to HTTP status codes. The
// door, the API and the console all answer by it.
package httperr

import (
	"net/http"

	"signalbox/itsm"
)

var status = map[itsm.Code]int{
	itsm.Invalid:      http.StatusBadRequest,
	itsm.NotFound:     http.StatusNotFound,
	itsm.Conflict:     http.StatusConflict,
	itsm.Stale:        http.StatusPreconditionFailed,
	itsm.Unauthorized: http.StatusUnauthorized,
	itsm.Forbidden:    http.StatusForbidden,
	itsm.TooLarge:     http.StatusRequestEntityTooLarge,
	itsm.Throttled:    http.StatusTooManyRequests,
	itsm.Unavailable:  http.StatusServiceUnavailable,
}

// Status returns the HTTP status for err; anything without a code is 500.
func Status(err error) int {
	if s, ok := status[itsm.CodeOf(err)]; ok {
		return s
	}
	return http.StatusInternalServerError
}

// Problem is an RFC 9457 problem document.
type Problem struct {
	Type   string `json:"type"`
	Title  string `json:"title"`
	Status int    `json:"status"`
	Detail string `json:"detail"`
	Code   string `json:"code"`
}

// ProblemOf describes err for a client; the cause of an internal error is not shown.
func ProblemOf(err error) Problem {
	s := Status(err)
	return Problem{Type: "about:blank", Title: http.StatusText(s), Status: s, Detail: itsm.MessageOf(err), Code: string(itsm.CodeOf(err))}
}
