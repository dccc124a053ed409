package ingest

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"runtime/debug"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"

	"signalbox/itsm"
	"signalbox/itsm/httperr"
)

// Settings of the HTTP server that door, API and console share.
const (
	HeaderTimeout    = 5 * time.Second  // the header, from its first byte; and for the first byte of a connection
	ReadTimeout      = 15 * time.Second // the body, from the end of the header
	WriteTimeout     = 15 * time.Second // a whole answer; streams give each piece its own time
	IdleTimeout      = 65 * time.Second // between requests: balancers keep connections for 60 s and must be the first to let go
	HeaderBytesMax   = 16 << 10
	ConnectionsMax   = 8192
	OrdinaryBodyMax  = 1 << 20  // body of a request outside the door and AppOptions.Long
	drainBytesMax    = 16 << 20 // what a refused sender may still say on its connection
	drainFor         = 500 * time.Millisecond
	streamWindowSize = 64 << 10 // how far fasthttp may read ahead of a handler
)

// LongRoute is a route whose requests may take longer than the ordinary
// time-outs or carry more than OrdinaryBodyMax. Its handler reads the body as a
// stream, with a bound of its own.
type LongRoute struct {
	Prefix      string // such as /api/v1/cmdb/import
	Read, Write time.Duration
}

// AppOptions configure NewApp. The zero value works, but logs nowhere.
type AppOptions struct {
	Log            *slog.Logger
	Long           []LongRoute
	ConnectionsMax int // 0: ConnectionsMax

	header, read, drain time.Duration // 0: HeaderTimeout, ReadTimeout, drainFor; a test of something else is more patient
}

// NewApp makes the Fiber application. Handlers return errors; they become problem
// documents here. A handler outside the door finds its body, at most
// OrdinaryBodyMax, in BodyRaw.
func NewApp(o AppOptions) *fiber.App {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.ConnectionsMax <= 0 {
		o.ConnectionsMax = ConnectionsMax
	}
	o.header, o.read, o.drain = cmp.Or(o.header, HeaderTimeout), cmp.Or(o.read, ReadTimeout), cmp.Or(o.drain, drainFor)
	a := &application{o}
	app := fiber.New(fiber.Config{
		AppName:                      "Signalbox",
		DisableStartupMessage:        true,
		CaseSensitive:                true,
		StrictRouting:                false,
		ReadTimeout:                  o.header, // until HeaderReceived
		WriteTimeout:                 WriteTimeout,
		IdleTimeout:                  IdleTimeout,
		ReadBufferSize:               HeaderBytesMax,
		Concurrency:                  o.ConnectionsMax,
		BodyLimit:                    streamWindowSize,
		StreamRequestBody:            true,
		DisablePreParseMultipartForm: true,
		ErrorHandler:                 a.answerError,
	})
	srv := app.Server()
	srv.CloseOnShutdown = true
	srv.HeaderReceived = a.patience
	app.Use(a.guard)
	return app
}

type application struct{ o AppOptions }

func (a *application) long(path string) *LongRoute {
	for i := range a.o.Long {
		if strings.HasPrefix(path, a.o.Long[i].Prefix) {
			return &a.o.Long[i]
		}
	}
	return nil
}

// patience gives the body its time, and long routes theirs.
func (a *application) patience(h *fasthttp.RequestHeader) fasthttp.RequestConfig {
	if l := a.long(string(h.RequestURI())); l != nil {
		return fasthttp.RequestConfig{ReadTimeout: l.Read, WriteTimeout: l.Write}
	}
	return fasthttp.RequestConfig{ReadTimeout: a.o.read}
}

// ownsBody reports whether the handler of path reads and bounds the body itself.
func (a *application) ownsBody(path string) bool {
	return strings.HasPrefix(path, "/webhooks/") || strings.HasPrefix(path, "/prometheus/") || a.long(path) != nil
}

// guard stands around every handler: it bounds ordinary bodies, catches panics
// and leaves no unread body on a connection that is kept.
func (a *application) guard(c *fiber.Ctx) (err error) {
	defer a.settle(c)
	defer func() {
		if p := recover(); p != nil {
			err = itsm.Wrap(itsm.Internal, fmt.Errorf("panic: %v\n%s", p, debug.Stack()), "handle %s", c.Method())
		}
	}()
	if bad := malformed(c); bad != nil {
		c.Context().SetConnectionClose()
		return bad
	}
	if !a.ownsBody(c.Path()) && c.Context().RequestBodyStream() != nil {
		body, err := readBody(c, nil, OrdinaryBodyMax, &lease{}) // small enough not to be counted
		if err != nil {
			return err
		}
		c.Request().SetBodyRaw(body)
	}
	return c.Next()
}

// malformed refuses requests whose border or addressee a proxy in front of us
// may have understood otherwise than fasthttp does.
func malformed(c *fiber.Ctx) error {
	h := &c.Request().Header
	raw := h.RawHeaders()
	switch {
	case string(h.Protocol()) != "HTTP/1.1" && string(h.Protocol()) != "HTTP/1.0":
		return itsm.Errorf(itsm.Invalid, "an unknown version of HTTP")
	case len(h.PeekAll(fiber.HeaderHost)) > 1:
		return itsm.Errorf(itsm.Invalid, "two Host headers")
	case h.ContentLength() == -1 && hasHeader(raw, "content-length"):
		return itsm.Errorf(itsm.Invalid, "both Content-Length and Transfer-Encoding")
	case bytes.Contains(raw, []byte("\n ")) || bytes.Contains(raw, []byte("\n\t")):
		return itsm.Errorf(itsm.Invalid, "a header folded over two lines")
	}
	return nil
}

// hasHeader reports whether the raw header block has a field of that name, which
// must be in lower case.
func hasHeader(raw []byte, name string) bool {
	for line := range bytes.Lines(raw) {
		if len(line) > len(name) && line[len(name)] == ':' && strings.EqualFold(string(line[:len(name)]), name) {
			return true
		}
	}
	return false
}

// settle reads what a handler left of the body and drops it, so that the sender
// hears the answer instead of a reset connection, and the connection can be kept.
// What does not come soon, or is more than drainBytesMax, closes it.
func (a *application) settle(c *fiber.Ctx) {
	stream := c.Context().RequestBodyStream()
	if stream == nil {
		return
	}
	if err := c.Context().Conn().SetReadDeadline(time.Now().Add(a.o.drain)); err != nil {
		c.Context().SetConnectionClose()
		return
	}
	n, err := io.Copy(io.Discard, io.LimitReader(stream, drainBytesMax))
	if err != nil || n == drainBytesMax {
		c.Context().SetConnectionClose()
	}
}

// answerError is the one place that turns an error into an answer.
func (a *application) answerError(c *fiber.Ctx, err error) error {
	var fe *fiber.Error
	if errors.As(err, &fe) {
		return writeStatus(c, fe.Code)
	}
	if itsm.CodeOf(err) == itsm.Internal {
		a.o.Log.Error("request failed", "method", c.Method(), "path", c.Path(), "err", err)
	}
	return writeProblem(c, err, retryAfter)
}

// details are what people are told about errors that have no message of ours;
// the server's own messages repeat bytes of the request.
var details = map[int]string{
	http.StatusBadRequest:                  "not a valid HTTP request",
	http.StatusNotFound:                    "no such page",
	http.StatusMethodNotAllowed:            "the method is not allowed here",
	http.StatusRequestTimeout:              "the request came too slowly",
	http.StatusRequestEntityTooLarge:       "the body is too large",
	http.StatusRequestHeaderFieldsTooLarge: "the header is larger than 16 KiB",
}

// writeStatus answers an error of Fiber or fasthttp.
func writeStatus(c *fiber.Ctx, status int) error {
	if status >= 500 && status != http.StatusServiceUnavailable {
		// Fiber calls a connection that broke while it was read a bad gateway.
		status = http.StatusBadRequest
	}
	detail, ok := details[status]
	if !ok {
		detail = http.StatusText(status)
	}
	p := httperr.Problem{Type: "about:blank", Title: http.StatusText(status), Status: status, Detail: detail, Code: string(codeOf(status))}
	retryHeader(c, status, retryAfter)
	if err := writeJSON(c, status, p); err != nil {
		return err
	}
	c.Set(fiber.HeaderContentType, problemType)
	return nil
}

func codeOf(status int) itsm.Code {
	switch status {
	case http.StatusNotFound:
		return itsm.NotFound
	case http.StatusRequestEntityTooLarge, http.StatusRequestHeaderFieldsTooLarge:
		return itsm.TooLarge
	case http.StatusServiceUnavailable:
		return itsm.Unavailable
	}
	return itsm.Invalid
}
