package slacktest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"signalbox/connectors/connectortest"
)

// The account behind a Front.
const (
	FrontToken   = "bot-token"
	FrontChannel = "C0INCIDENTS"
)

// front speaks Slack's Web API for the records of a connectortest.Partner: a message
// of the channel is a record, a reply in its thread a note.
type front struct {
	p *connectortest.Partner
}

// Front is the part of Slack's Web API that the connector uses, over the records of p.
func Front(p *connectortest.Partner) http.Handler {
	f := front{p}
	mux := http.NewServeMux()
	method := func(pattern string, h http.HandlerFunc) {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("Authorization") != "Bearer "+FrontToken {
				answer(w, map[string]any{"ok": false, "error": "invalid_auth"})
				return
			}
			h(w, r)
		})
	}
	method("POST /chat.postMessage", f.post)
	method("POST /chat.update", f.update)
	method("GET /conversations.history", f.history)
	method("GET /conversations.replies", f.replies)
	method("GET /auth.test", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, map[string]any{"ok": true, "url": "https://acme.slack.com/", "team": "Acme", "user": "signalbox"})
	})
	return mux
}

type frontMessage struct {
	Channel  string          `json:"channel"`
	TS       string          `json:"ts"`
	ThreadTS string          `json:"thread_ts"`
	Text     string          `json:"text"`
	Metadata json.RawMessage `json:"metadata"`
}

// stampOf is the timestamp that names a record: its number behind the point.
func stampOf(id string) string { return "1700000000.0" + strings.TrimPrefix(id, "OBJ") }

func idOf(ts string) string { return "OBJ" + strings.TrimPrefix(ts, "1700000000.0") }

var frontStates = map[string]connectortest.Status{"open": connectortest.Open, "acknowledged": connectortest.Acknowledged, "resolved": connectortest.Resolved}

// into puts what a message says into a record.
func (m *frontMessage) into(o *connectortest.Object) {
	var meta struct {
		Payload struct{ State string } `json:"event_payload"`
	}
	if json.Unmarshal(m.Metadata, &meta) == nil && frontStates[meta.Payload.State] != 0 {
		o.Status = frontStates[meta.Payload.State]
	}
	o.Title = m.Text
	if o.Fields == nil {
		o.Fields = map[string]string{}
	}
	o.Fields["metadata"] = string(m.Metadata)
}

// read takes a message in; false after an answer.
func (f front) read(w http.ResponseWriter, r *http.Request) (m frontMessage, ok bool) {
	switch err := json.NewDecoder(r.Body).Decode(&m); {
	case err != nil:
		answer(w, map[string]any{"ok": false, "error": "invalid_json"})
	case m.Channel != FrontChannel:
		answer(w, map[string]any{"ok": false, "error": "channel_not_found"})
	case m.Text == "":
		answer(w, map[string]any{"ok": false, "error": "no_text"})
	default:
		return m, true
	}
	return m, false
}

func (f front) post(w http.ResponseWriter, r *http.Request) {
	m, ok := f.read(w, r)
	if !ok {
		return
	}
	if m.ThreadTS != "" {
		n, there := f.p.Note(idOf(m.ThreadTS), string(m.Metadata), m.Text)
		if !there {
			answer(w, map[string]any{"ok": false, "error": "thread_not_found"})
			return
		}
		answer(w, map[string]any{"ok": true, "channel": FrontChannel, "ts": "1700000001." + strings.TrimPrefix(n.ID, "NOTE")})
		return
	}
	var o connectortest.Object
	m.into(&o)
	answer(w, map[string]any{"ok": true, "channel": FrontChannel, "ts": stampOf(f.p.Create(o).ID)})
}

func (f front) update(w http.ResponseWriter, r *http.Request) {
	m, ok := f.read(w, r)
	if !ok {
		return
	}
	if _, there := f.p.Change(idOf(m.TS), m.into); !there {
		answer(w, map[string]any{"ok": false, "error": "message_not_found"})
		return
	}
	answer(w, map[string]any{"ok": true, "channel": FrontChannel, "ts": m.TS})
}

func (f front) history(w http.ResponseWriter, r *http.Request) {
	oldest, err := strconv.ParseFloat(orZero(r.URL.Query().Get("oldest")), 64)
	if err != nil {
		answer(w, map[string]any{"ok": false, "error": "invalid_ts_oldest"})
		return
	}
	list := []map[string]any{}
	for _, o := range f.p.Find(func(o *connectortest.Object) bool { return float64(o.Created.Unix()) >= oldest }) {
		x := map[string]any{"type": "message", "ts": stampOf(o.ID), "text": o.Title}
		if meta := o.Fields["metadata"]; meta != "" && r.URL.Query().Get("include_all_metadata") == "true" {
			x["metadata"] = json.RawMessage(meta)
		}
		list = append(list, x)
	}
	answer(w, map[string]any{"ok": true, "messages": list})
}

func (f front) replies(w http.ResponseWriter, r *http.Request) {
	o, ok := f.p.Get(idOf(r.URL.Query().Get("ts")))
	if !ok {
		answer(w, map[string]any{"ok": false, "error": "thread_not_found"})
		return
	}
	list := []map[string]any{}
	for i, n := range o.Notes {
		x := map[string]any{"type": "message", "ts": fmt.Sprintf("1700000001.%06d", i), "text": n.Text}
		if json.Valid([]byte(n.Author)) {
			x["metadata"] = json.RawMessage(n.Author)
		}
		list = append(list, x)
	}
	answer(w, map[string]any{"ok": true, "messages": list})
}

func orZero(s string) string {
	if s == "" {
		return "0"
	}
	return s
}
