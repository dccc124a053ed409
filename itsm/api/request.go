package api

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"runtime/debug"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/gofiber/fiber/v2"

	"signalbox/itsm"
	"signalbox/itsm/access"
)

// How long a request waits for the fold.
const (
	foldedWaitMax = 5 * time.Second  // after_offset
	actWaitMax    = 10 * time.Second // an act of a person or a retry
)

// request is what a handler is given: the HTTP exchange, who asks, and the
// checked query.
type request struct {
	*fiber.Ctx
	who  access.Identity
	q    query
	body []byte // what it says in place of the body; nil: the body
}

// serve wraps a route: who may pass, which parameters it takes, waiting for the
// fold, and the one place where an error becomes an answer.
func (a *API) serve(rt route) fiber.Handler {
	return func(c *fiber.Ctx) (err error) {
		defer func() {
			if p := recover(); p != nil {
				err = a.fail(c, fmt.Errorf("panic: %v\n%s", p, debug.Stack()))
			}
		}()
		if err := a.answer(c, rt); err != nil {
			return a.fail(c, err)
		}
		return nil
	}
}

func (a *API) answer(c *fiber.Ctx, rt route) error {
	c.Set(fiber.HeaderXContentTypeOptions, "nosniff")
	c.Set(fiber.HeaderCacheControl, "no-store")
	who, err := a.o.Gate.Require(c, rt.role)
	if err != nil {
		return err
	}
	r := &request{Ctx: c, who: who}
	if rt.method != "" { // not for addresses that do not exist
		if r.q, err = parseQuery(c, rt.query); err != nil {
			return err
		}
	}
	if err := a.waitFolded(r.q); err != nil {
		return err
	}
	if err := a.inScope(r, rt); err != nil {
		return err
	}
	return rt.handle(r)
}

// waitFolded holds a read back until the entry it asks for is folded.
func (a *API) waitFolded(q query) error {
	off, err := q.offset()
	if err != nil || off == 0 {
		return err
	}
	ctx, cancel := context.WithTimeout(a.ctx, a.foldedWait)
	defer cancel()
	return a.o.Engine.WaitFolded(ctx, off)
}

// fail logs what is our fault and answers the problem document.
func (a *API) fail(c *fiber.Ctx, err error) error {
	if problemOf(err).Status == http.StatusInternalServerError {
		a.o.Log.Error("api request", "method", c.Method(), "path", c.Path(), "err", err)
	}
	return writeProblem(c, err)
}

// json answers 200 with v.
func (r *request) json(v any) error {
	body, err := encode(v)
	if err != nil {
		return err
	}
	r.Set(fiber.HeaderContentType, plainJSON)
	r.Response().SetBodyRaw(body)
	return nil
}

func encode(v any) ([]byte, error) {
	body, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("encode the answer: %w", err)
	}
	return body, nil
}

// tag answers the object's version as its ETag.
func (r *request) tag(version uint64) {
	r.Set(fiber.HeaderETag, `"`+strconv.FormatUint(version, 10)+`"`)
}

// param returns a part of the path, decoded. The copy may outlive the request.
// What no id can look like is not found rather than a fault of the syntax.
func (r *request) param(name string) (string, error) {
	s, err := url.PathUnescape(r.Params(name))
	if err != nil || len(s) > idBytesMax || !utf8.ValidString(s) || strings.ContainsFunc(s, isControl) {
		return "", itsm.Errorf(itsm.NotFound, "%s: no such id", name)
	}
	return strings.Clone(s), nil
}

func isControl(c rune) bool { return c < ' ' || c == 0x7f }

// incidentNumber reads the incident of the path.
func (r *request) incidentNumber() (itsm.IncidentNumber, error) {
	s, err := r.param("number")
	if err != nil {
		return 0, err
	}
	return itsm.ParseIncidentNumber(s)
}

// page reads the paging parameters.
func (r *request) page() (cursor string, limit int, err error) {
	limit, err = r.q.limit()
	return r.q["cursor"], limit, err
}

// header returns a header as a copy, bounded.
func (r *request) header(name string, max int) (string, error) {
	v := strings.Clone(strings.TrimSpace(r.Get(name)))
	if !utf8.ValidString(v) {
		return "", itsm.Errorf(itsm.Invalid, "%s: expected text in UTF-8", name)
	}
	return v, short(name, v, max)
}

// ifMatch returns the version that If-Match names, or 0 for any.
func (r *request) ifMatch() (uint64, error) {
	n, err := r.matching(1)
	if n == nil {
		return 0, err
	}
	return *n, nil
}

// matching returns the version that If-Match names, from least on, or nil for any.
func (r *request) matching(least uint64) (*uint64, error) {
	v := strings.TrimSpace(r.Get(fiber.HeaderIfMatch))
	if v == "" || v == "*" {
		return nil, nil
	}
	n, err := strconv.ParseUint(strings.Trim(strings.TrimPrefix(v, "W/"), `"`), 10, 64)
	if err != nil || n < least {
		return nil, itsm.Errorf(itsm.Invalid, "If-Match %q: expected the ETag of the object, such as \"3\"", httpWord(v))
	}
	return &n, nil
}

// httpWord keeps a header that is quoted in an answer short and readable.
func httpWord(s string) string { return strings.ToValidUTF8(s[:min(len(s), 80)], "?") }

// unavailable says that a part of the process is not there to answer.
func unavailable(format string, args ...any) error {
	return itsm.Errorf(itsm.Unavailable, format, args...)
}
