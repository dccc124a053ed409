package api

import (
	"encoding/json"
	"errors"
	"net/http"
	"strconv"

	"github.com/gofiber/fiber/v2"

	"signalbox/itsm"
	"signalbox/itsm/access"
	"signalbox/itsm/httperr"
)

const (
	problemJSON = "application/problem+json"
	plainJSON   = "application/json"
)

// retryAfter is what a client that is told to come back later should wait.
const retryAfter = 1 // seconds

// findings is an input that was understood but has problems, line by line. It is
// answered 422 and nothing of the input was applied.
type findings struct {
	detail   string
	problems []finding
}

// finding is one problem of an input, as the client reads it.
type finding struct {
	Line    int     `json:"line"`
	Field   *string `json:"field"`
	Value   *string `json:"value"`
	Message string  `json:"message"`
}

// Error implements error.
func (f *findings) Error() string { return f.detail }

// problem is the document of RFC 9457 with what one kind of error adds to it.
type problem struct {
	httperr.Problem
	Problems []finding `json:"problems,omitempty"`
}

func problemOf(err error) problem {
	var f *findings
	var fe *fiber.Error
	switch {
	case errors.As(err, &f):
		p := document(http.StatusUnprocessableEntity, itsm.Invalid, f.detail)
		p.Problems = f.problems
		return p
	case errors.As(err, &fe):
		return document(fe.Code, codeOf(fe.Code), fe.Message)
	}
	return problem{Problem: httperr.ProblemOf(err)}
}

func document(status int, code itsm.Code, detail string) problem {
	return problem{Problem: httperr.Problem{Type: "about:blank", Title: http.StatusText(status), Status: status, Detail: detail, Code: string(code)}}
}

// codeOf classifies a status the HTTP server itself decided.
func codeOf(status int) itsm.Code {
	switch {
	case status == http.StatusNotFound:
		return itsm.NotFound
	case status == http.StatusRequestEntityTooLarge || status == http.StatusRequestHeaderFieldsTooLarge:
		return itsm.TooLarge
	case status < http.StatusInternalServerError:
		return itsm.Invalid
	}
	return itsm.Internal
}

// writeProblem answers an error with a problem document.
func writeProblem(c *fiber.Ctx, err error) error {
	p := problemOf(err)
	switch p.Status {
	case http.StatusUnauthorized:
		c.Set(fiber.HeaderWWWAuthenticate, `Bearer realm="signalbox"`)
	case http.StatusTooManyRequests:
		c.Set(fiber.HeaderRetryAfter, strconv.Itoa(int(access.AttemptWindow.Seconds())))
	case http.StatusServiceUnavailable:
		c.Set(fiber.HeaderRetryAfter, strconv.Itoa(retryAfter))
	}
	body, err := json.Marshal(p)
	if err != nil {
		return err // strings and numbers only: not reached
	}
	c.Response().ResetBody()
	c.Set(fiber.HeaderContentType, problemJSON)
	return c.Status(p.Status).Send(body)
}
