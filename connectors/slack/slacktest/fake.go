// Package slacktest is a Slack for tests: the methods the connector uses over
// channels that keep their messages, the published limits, and signed presses of
// buttons and replies in threads.
package slacktest

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"
)

// Call is one request as the fake saw it.
type Call struct {
	At     time.Time
	Method string
	Body   map[string]any // of a post; nil for a reading method
}

// Message is one message of a channel, or a reply in a thread.
type Message struct {
	TS, Thread, Text string
	At               time.Time
	Blocks           []map[string]any
	Metadata         map[string]any
	Edits            int
}

// Server is the fake. It is an http.Handler, too, for tests without a network.
type Server struct {
	URL     string
	Token   string // bot token it accepts
	Secret  string // signs what it sends
	Channel string // the one channel it has
	// Before, when set, sees each call before it takes effect and may answer in
	// its place; reached says whether it still takes effect.
	Before func(w http.ResponseWriter, c Call) (answered, reached bool)
	Lag    time.Duration // how long a new message is not found by the reading methods

	mu       sync.Mutex
	calls    []Call
	messages []*Message
	faults   []string
	seq      int
	webhook  string
	mux      *http.ServeMux
}

// New starts a fake that stops with the test, which fails if a limit was exceeded.
func New(t testing.TB) *Server {
	s := Unstarted(t)
	h := httptest.NewServer(s)
	t.Cleanup(h.Close)
	s.URL = h.URL + "/api"
	return s
}

// Unstarted is a fake without an address.
func Unstarted(t testing.TB) *Server {
	s := &Server{Token: "bot-token", Secret: "8f742231b10e8888abcd99yyyzzz85a5", Channel: "C0INCIDENTS", mux: http.NewServeMux()}
	for name, do := range map[string]func(map[string]any, http.ResponseWriter){"chat.postMessage": s.post, "chat.update": s.update} {
		s.mux.HandleFunc("POST /api/"+name, s.method(name, func(w http.ResponseWriter, c Call) { do(c.Body, w) }))
	}
	s.mux.HandleFunc("GET /api/conversations.history", s.read(false))
	s.mux.HandleFunc("GET /api/conversations.replies", s.read(true))
	s.mux.HandleFunc("GET /api/auth.test", s.method("auth.test", func(w http.ResponseWriter, _ Call) {
		answer(w, map[string]any{"ok": true, "url": "https://acme.slack.com/", "team": "Acme", "user": "signalbox", "user_id": "U0BOT"})
	}))
	t.Cleanup(func() {
		for _, f := range s.Faults() {
			t.Errorf("Slack would have refused or cut: %s", f)
		}
	})
	return s
}

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.mux.ServeHTTP(w, r) }

// RoundTrip implements http.RoundTripper, for tests in virtual time.
func (s *Server) RoundTrip(r *http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	return w.Result(), nil
}

// Calls returns the calls of a method so far, or all for "".
func (s *Server) Calls(method string) []Call {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(s.calls), func(c Call) bool { return method != "" && c.Method != method })
}

// Messages returns the channel's messages without replies, oldest first.
func (s *Server) Messages() []Message { return s.list("") }

// Replies returns the replies in a message's thread.
func (s *Server) Replies(ts string) []Message { return s.list(ts) }

func (s *Server) list(thread string) []Message {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []Message
	for _, m := range s.messages {
		if m.Thread == thread {
			out = append(out, *m)
		}
	}
	return out
}

// Delete removes a message as somebody with the right to would.
func (s *Server) Delete(ts string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.messages = slices.DeleteFunc(s.messages, func(m *Message) bool { return m.TS == ts })
}

// Faults lists limits that were exceeded and texts that could notify people.
func (s *Server) Faults() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.faults)
}

func (s *Server) method(name string, do func(http.ResponseWriter, Call)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		c := Call{At: time.Now(), Method: name}
		if r.Method == http.MethodPost {
			b, _ := io.ReadAll(io.LimitReader(r.Body, 1<<20))
			if err := json.Unmarshal(b, &c.Body); err != nil {
				answer(w, map[string]any{"ok": false, "error": "invalid_json"})
				return
			}
		}
		s.mu.Lock()
		s.calls = append(s.calls, c)
		s.mu.Unlock()
		answered, reached := false, true
		if s.Before != nil {
			answered, reached = s.Before(w, c)
		}
		switch {
		case !reached:
		case r.Header.Get("Authorization") != "Bearer "+s.Token:
			w, answered = unless(w, answered), true
			answer(w, map[string]any{"ok": false, "error": "invalid_auth"})
		default:
			do(unless(w, answered), c)
		}
	}
}

// unless is where an answer goes when another was given already.
func unless(w http.ResponseWriter, answered bool) http.ResponseWriter {
	if answered {
		return httptest.NewRecorder()
	}
	return w
}

func (s *Server) post(b map[string]any, w http.ResponseWriter) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if b["channel"] != s.Channel {
		answer(w, map[string]any{"ok": false, "error": "channel_not_found"})
		return
	}
	s.check(b)
	s.seq++
	m := &Message{TS: fmt.Sprintf("%d.%06d", time.Now().Unix(), s.seq), At: time.Now()}
	m.Thread, _ = b["thread_ts"].(string)
	s.fill(m, b)
	s.messages = append(s.messages, m)
	answer(w, map[string]any{"ok": true, "channel": s.Channel, "ts": m.TS})
}

func (s *Server) update(b map[string]any, w http.ResponseWriter) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.check(b)
	for _, m := range s.messages {
		if m.TS == b["ts"] && b["channel"] == s.Channel {
			s.fill(m, b)
			m.Edits++
			answer(w, map[string]any{"ok": true, "channel": s.Channel, "ts": m.TS})
			return
		}
	}
	answer(w, map[string]any{"ok": false, "error": "message_not_found"})
}

func (s *Server) fill(m *Message, b map[string]any) {
	m.Text, _ = b["text"].(string)
	m.Metadata, _ = b["metadata"].(map[string]any)
	m.Blocks = nil
	blocks, _ := b["blocks"].([]any)
	for _, x := range blocks {
		m.Blocks = append(m.Blocks, x.(map[string]any))
	}
}

// read is conversations.history and .replies: newest first, in pages.
func (s *Server) read(replies bool) http.HandlerFunc {
	name := "conversations.history"
	if replies {
		name = "conversations.replies"
	}
	return func(w http.ResponseWriter, r *http.Request) {
		s.method(name, func(w http.ResponseWriter, _ Call) {
			s.mu.Lock()
			defer s.mu.Unlock()
			q := r.URL.Query()
			list := []map[string]any{}
			for _, m := range slices.Backward(s.messages) {
				in := m.Thread == "" && !replies || replies && (m.Thread == q.Get("ts") || m.TS == q.Get("ts"))
				after, before := q.Get("oldest"), q.Get("latest")
				inclusive := q.Get("inclusive") == "true"
				if !in || q.Get("channel") != s.Channel || time.Since(m.At) < s.Lag ||
					after != "" && (older(m.TS, after) || !inclusive && m.TS == after) || before != "" && (older(before, m.TS) || !inclusive && m.TS == before) {
					continue
				}
				x := map[string]any{"type": "message", "ts": m.TS, "text": m.Text}
				if q.Get("include_all_metadata") == "true" && m.Metadata != nil {
					x["metadata"] = m.Metadata
				}
				list = append(list, x)
			}
			at, limit := 0, 100
			fmt.Sscan(q.Get("cursor"), &at)
			fmt.Sscan(q.Get("limit"), &limit)
			end := min(at+limit, len(list))
			next := ""
			if end < len(list) {
				next = fmt.Sprint(end)
			}
			answer(w, map[string]any{"ok": true, "messages": list[min(at, end):end], "has_more": next != "", "response_metadata": map[string]any{"next_cursor": next}})
		})(w, r)
	}
}

func older(a, b string) bool {
	var x, y float64
	fmt.Sscan(a, &x)
	fmt.Sscan(b, &y)
	return x < y
}

// check holds a message against the published limits, and against texts that
// would notify a channel.
func (s *Server) check(b map[string]any) {
	bad := func(format string, args ...any) { s.faults = append(s.faults, fmt.Sprintf(format, args...)) }
	notice, _ := b["text"].(string)
	if notice == "" || utf8.RuneCountInString(notice) > 4000 {
		bad("a text of %d characters", utf8.RuneCountInString(notice))
	}
	if b["parse"] != "none" || b["link_names"] != false {
		bad("parse %v, link_names %v", b["parse"], b["link_names"])
	}
	blocks, _ := b["blocks"].([]any)
	if len(blocks) > 50 {
		bad("%d blocks", len(blocks))
	}
	all, _ := json.Marshal(b)
	if len(all) > 100<<10 {
		bad("a message of %d bytes", len(all))
	}
	for _, x := range blocks {
		blk := x.(map[string]any)
		most := map[string]int{"header": 150, "section": 3000}[fmt.Sprint(blk["type"])]
		if t, ok := blk["text"].(map[string]any); ok {
			s.checkText(t, most, bad)
		}
		fields, _ := blk["fields"].([]any)
		if len(fields) > 10 {
			bad("%d fields", len(fields))
		}
		for _, f := range fields {
			s.checkText(f.(map[string]any), 2000, bad)
		}
		elements, _ := blk["elements"].([]any)
		if most := map[string]int{"actions": 25, "context": 10}[fmt.Sprint(blk["type"])]; len(elements) > most {
			bad("%d elements in %v", len(elements), blk["type"])
		}
		for _, e := range elements {
			el := e.(map[string]any)
			if t, ok := el["text"].(map[string]any); ok {
				s.checkText(t, 75, bad)
			}
			if v, _ := el["value"].(string); len(v) > 2000 {
				bad("a value of %d bytes", len(v))
			}
			if v, _ := el["url"].(string); len(v) > 3000 {
				bad("a url of %d bytes", len(v))
			}
		}
	}
	for _, loud := range []string{"<!", "@here", "@channel", "@everyone", "<@"} {
		if text, _ := json.Marshal(b); strings.Contains(strings.ReplaceAll(strings.ReplaceAll(string(text), `\u003c`, "<"), `\u003e`, ">"), loud) {
			bad("a message with %q in it", loud)
		}
	}
}

func (s *Server) checkText(t map[string]any, most int, bad func(string, ...any)) {
	v, _ := t["text"].(string)
	if n := utf8.RuneCountInString(v); n == 0 || n > most {
		bad("a text of %d characters, allowed 1 to %d", n, most)
	}
	if t["type"] != "plain_text" {
		bad("a text of type %v, whose markup is parsed", t["type"])
	}
}

func answer(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	json.NewEncoder(w).Encode(v)
}
