package slacktest

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"testing"
	"time"
)

// WebhooksTo sends what people do later to address.
func (s *Server) WebhooksTo(address string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.webhook = address
}

// Press presses the button of a message whose action has that id, and returns the
// status and the body of our answer. A message without the button fails the test.
func (s *Server) Press(t testing.TB, person, ts, action string) (int, string) {
	t.Helper()
	s.mu.Lock()
	value, found := "", false
	for _, m := range s.messages {
		for _, b := range m.Blocks {
			els, _ := b["elements"].([]any)
			for _, e := range els {
				if el := e.(map[string]any); m.TS == ts && el["action_id"] == action {
					value, _ = el["value"].(string)
					found = true
				}
			}
		}
	}
	s.seq++
	id, to := s.seq, s.webhook
	s.mu.Unlock()
	if !found {
		t.Fatalf("message %s has no button %s", ts, action)
	}
	return s.Deliver(t, to, Interaction(fmt.Sprintf("%d.0.trigger", id), person, s.Channel, ts, action, value, time.Now()), time.Now())
}

// Interaction is the body of one press of a button.
func Interaction(id, person, channel, ts, action, value string, at time.Time) []byte {
	b, err := json.Marshal(map[string]any{"type": "block_actions", "trigger_id": id,
		"user": map[string]any{"id": "U0PERSON", "username": person, "name": person, "team_id": "T0"}, "channel": map[string]any{"id": channel, "name": "incidents"},
		"container": map[string]any{"type": "message", "message_ts": ts, "channel_id": channel, "is_ephemeral": false},
		"actions":   []any{map[string]any{"type": "button", "action_id": action, "block_id": "signalbox", "value": value, "action_ts": fmt.Sprintf("%d.%06d", at.Unix(), at.Nanosecond()/1000)}}})
	if err != nil {
		panic(err)
	}
	return []byte("payload=" + url.QueryEscape(string(b)))
}

// Write replies in a message's thread as a person and tells it by the Events API.
func (s *Server) Write(t testing.TB, person, ts, words string) (int, string) {
	t.Helper()
	s.mu.Lock()
	s.seq++
	now := time.Now()
	m := &Message{TS: fmt.Sprintf("%d.%06d", now.Unix(), s.seq), Thread: ts, Text: words, At: now}
	s.messages = append(s.messages, m)
	id, to := s.seq, s.webhook
	s.mu.Unlock()
	b, err := json.Marshal(map[string]any{"type": "event_callback", "event_id": fmt.Sprintf("Ev%08d", id), "event_time": now.Unix(),
		"event": map[string]any{"type": "message", "channel": s.Channel, "user": person, "text": words, "ts": m.TS, "thread_ts": ts}})
	if err != nil {
		t.Fatal(err)
	}
	return s.Deliver(t, to, b, now)
}

// Sign is the signature of a body sent at a time.
func (s *Server) Sign(body []byte, at time.Time) (stamp, signature string) {
	stamp = fmt.Sprint(at.Unix())
	mac := hmac.New(sha256.New, []byte(s.Secret))
	fmt.Fprintf(mac, "v0:%s:%s", stamp, body)
	return stamp, "v0=" + hex.EncodeToString(mac.Sum(nil))
}

// Deliver posts a signed body.
func (s *Server) Deliver(t testing.TB, to string, body []byte, at time.Time) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, to, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	stamp, signature := s.Sign(body, at)
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("X-Slack-Request-Timestamp", stamp)
	req.Header.Set("X-Slack-Signature", signature)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(b)
}
