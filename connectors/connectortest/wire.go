package connectortest

import (
	"bytes"
	"context"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync"
	"time"
)

// URL is where the partner of a test is; only the client of the test reaches it.
const URL = "http://partner.example"

// wire is the network between a connector and its partner: real HTTP over pipes
// in memory, so that it works in virtual time, and everything that happens to a
// request on its way.
type wire struct {
	front http.Handler
	fate  func(call) fate // what becomes of a call; nil: it succeeds

	mu     sync.Mutex
	counts map[string]int // calls so far, by method and path
	writes int            // calls that change something
	total  int

	conns  chan net.Conn
	closed chan struct{}
	server *http.Server
}

// call is one request as the network sees it.
type call struct {
	n     int  // how many of this method and path there were before it
	write bool // it is no GET
	path  string
}

// fate is what becomes of a call.
type fate struct {
	undone   bool              // the partner does not do it
	status   int               // the answer instead of the partner's; 0: the partner's own
	header   map[string]string // of that answer
	body     string            // of that answer
	drop     bool              // the connection is cut instead of any answer
	truncate bool              // the answer is cut in the middle
	late     time.Duration     // how long the answer takes
}

func newWire(front http.Handler) *wire {
	w := &wire{front: front, counts: map[string]int{}, conns: make(chan net.Conn), closed: make(chan struct{})}
	w.server = &http.Server{Handler: w, ErrorLog: log.New(io.Discard, "", 0)}
	go w.server.Serve(w)
	return w
}

// Dial implements the dialer of a client.
func (w *wire) Dial(ctx context.Context, _, _ string) (net.Conn, error) {
	ours, theirs := net.Pipe()
	select {
	case w.conns <- theirs:
		return ours, nil
	case <-w.closed:
		return nil, net.ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Accept implements net.Listener.
func (w *wire) Accept() (net.Conn, error) {
	select {
	case c := <-w.conns:
		return c, nil
	case <-w.closed:
		return nil, net.ErrClosed
	}
}

// Close implements net.Listener.
func (w *wire) Close() error {
	select {
	case <-w.closed:
	default:
		close(w.closed)
	}
	return nil
}

// Addr implements net.Listener.
func (w *wire) Addr() net.Addr { return &net.UnixAddr{Name: URL, Net: "memory"} }

// stop ends every connection.
func (w *wire) stop() { w.server.Close() }

// calls is how many requests arrived, and how many of them were no GET.
func (w *wire) calls() (total, writes int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.total, w.writes
}

// during sets what becomes of the calls from now on.
func (w *wire) during(f func(call) fate) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.fate = f
}

func (w *wire) arrives(r *http.Request) fate {
	w.mu.Lock()
	defer w.mu.Unlock()
	c := call{path: r.Method + " " + r.URL.Path, write: r.Method != http.MethodGet}
	c.n = w.counts[c.path]
	w.counts[c.path]++
	w.total++
	if c.write {
		w.writes++
	}
	if w.fate == nil {
		return fate{}
	}
	return w.fate(c)
}

// ServeHTTP implements http.Handler.
func (w *wire) ServeHTTP(out http.ResponseWriter, r *http.Request) {
	f := w.arrives(r)
	body, err := io.ReadAll(r.Body)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	answer := httptest.NewRecorder()
	if !f.undone {
		w.front.ServeHTTP(answer, r)
	}
	pause(r.Context(), f.late)
	if f.drop {
		panic(http.ErrAbortHandler)
	}
	if f.status != 0 {
		answer = httptest.NewRecorder()
		for k, v := range f.header {
			answer.Header().Set(k, v)
		}
		answer.WriteHeader(f.status)
		answer.WriteString(f.body)
	}
	respond(out, answer, f.truncate)
}

func respond(out http.ResponseWriter, a *httptest.ResponseRecorder, truncate bool) {
	for k, v := range a.Header() {
		out.Header()[k] = v
	}
	body := a.Body.Bytes()
	if a.Code != http.StatusNoContent {
		out.Header().Set("Content-Length", strconv.Itoa(len(body)))
	}
	out.WriteHeader(a.Code)
	if truncate {
		out.Write(body[:len(body)/2])
		out.(http.Flusher).Flush()
		panic(http.ErrAbortHandler)
	}
	out.Write(body)
}

// pause waits, or until the caller has left.
func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}
