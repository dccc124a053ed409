package slack

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"signalbox/connectors"
)

const (
	answerBytesMax = 4 << 20 // a page of history with 200 messages of 50 blocks stays below it
	answerShown    = 300
)

// answer is what every method's answer begins with. Slack answers 200 to what it
// refuses and says so in ok.
type answer struct {
	OK       bool   `json:"ok"`
	Error    string `json:"error"`
	Needed   string `json:"needed"`
	Metadata struct {
		Messages []string `json:"messages"`
	} `json:"response_metadata"`
}

func (a *answer) head() *answer { return a }

type answered interface{ head() *answer }

type posted struct {
	answer
	Channel string `json:"channel"`
	TS      string `json:"ts"`
}

type history struct {
	answer
	Messages []found `json:"messages"`
	Next     struct {
		Cursor string `json:"next_cursor"`
	} `json:"-"`
}

// UnmarshalJSON implements json.Unmarshaler: response_metadata holds the cursor
// here, and warnings elsewhere.
func (h *history) UnmarshalJSON(b []byte) error {
	var w struct {
		OK       bool    `json:"ok"`
		Error    string  `json:"error"`
		Needed   string  `json:"needed"`
		Messages []found `json:"messages"`
		Metadata struct {
			Cursor string `json:"next_cursor"`
		} `json:"response_metadata"`
	}
	if err := json.Unmarshal(b, &w); err != nil {
		return err
	}
	h.OK, h.Error, h.Needed, h.Messages, h.Next.Cursor = w.OK, w.Error, w.Needed, w.Messages, w.Metadata.Cursor
	return nil
}

// found is a message of a look-up.
type found struct {
	TS       string   `json:"ts"`
	Metadata metadata `json:"metadata"`
}

func (m *found) is(kind string) bool { return m.Metadata.Type == kind }

// refused is an ok:false.
type refused struct{ code string }

// Error implements error.
func (e *refused) Error() string { return "Slack refused with " + e.code }

// isGone reports whether a message that was to be changed is not there any more.
func isGone(err error) bool {
	var r *refused
	return errors.As(err, &r) && slices.Contains([]string{"message_not_found", "thread_not_found", "edit_window_closed"}, r.code)
}

// passing are the refusals that may pass; every other one needs a person: a wrong
// channel, a revoked token, a missing scope, a malformed message.
var passing = []string{"ratelimited", "rate_limited", "message_limit_exceeded", "internal_error", "fatal_error", "service_unavailable", "request_timeout", "team_added_to_org", "external_channel_migrating"}

// advice says what to do about the refusals that a configuration causes.
var advice = map[string]string{
	"channel_not_found":      "see whether connectors.NAME.channel is the channel's id, and whether the app is a member of it",
	"not_in_channel":         "invite the app into the channel",
	"is_archived":            "the channel is archived; give another one",
	"invalid_auth":           "see whether connectors.NAME.api_token is the bot token of the app",
	"not_authed":             "see whether connectors.NAME.api_token is the bot token of the app",
	"token_revoked":          "install the app again and give its new bot token",
	"token_expired":          "install the app again and give its new bot token",
	"account_inactive":       "the app's user was removed; install the app again and give its new bot token",
	"missing_scope":          "give the app the scope and install it again",
	"restricted_action":      "the workspace does not let the app post in this channel",
	"message_limit_exceeded": "the workspace has reached its limit of messages",
}

// call posts a method's JSON.
func (c *Connector) call(ctx context.Context, method string, body any, into answered) error {
	b, err := json.Marshal(body)
	if err != nil {
		return &connectors.TerminalError{Detail: "encode " + method + ": " + err.Error()}
	}
	return c.do(ctx, http.MethodPost, method, "", b, into)
}

// get calls a reading method.
func (c *Connector) get(ctx context.Context, method string, q url.Values, into answered) error {
	return c.do(ctx, http.MethodGet, method, "?"+q.Encode(), nil, into)
}

func (c *Connector) do(ctx context.Context, verb, method, query string, body []byte, into answered) error {
	ctx, cancel := context.WithTimeout(ctx, callWait)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, verb, strings.TrimSuffix(c.o.APIURL, "/")+"/"+method+strings.TrimSuffix(query, "?"), bytes.NewReader(body))
	if err != nil {
		return &connectors.TerminalError{Detail: err.Error()}
	}
	req.Header.Set("Authorization", "Bearer "+c.o.Token)
	if body != nil {
		req.Header.Set("Content-Type", "application/json; charset=utf-8")
	}
	resp, err := c.o.HTTP.Do(req)
	if err != nil {
		return connectors.Unknown(connectors.Retry(0, "Slack was not reached: %w", err))
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(io.LimitReader(resp.Body, answerBytesMax))
	if err != nil {
		return connectors.Unknown(connectors.Retry(0, "Slack's answer broke off: %w", err))
	}
	shown := connectors.Cut(strings.ToValidUTF8(string(b), "?"), answerShown)
	if err := connectors.Answered(resp.StatusCode, resp.Header, shown); err != nil {
		if resp.StatusCode >= 500 {
			return connectors.Unknown(err)
		}
		return err
	}
	if err := json.Unmarshal(b, into); err != nil {
		return connectors.Unknown(connectors.Retry(0, "Slack answered %d with something unexpected: %s", resp.StatusCode, shown))
	}
	return outcome(method, resp.Header, into.head())
}

// outcome judges an answer of 200.
func outcome(method string, h http.Header, a *answer) error {
	if a.OK {
		return nil
	}
	r := &refused{a.Error}
	if slices.Contains(passing, a.Error) {
		// Answered reads the wait that a limit asks for.
		if err := connectors.Answered(http.StatusTooManyRequests, h, method+": "+a.Error); err != nil {
			return err
		}
	}
	detail := method + ": " + a.Error
	for _, more := range append([]string{advice[a.Error], a.Needed}, a.Metadata.Messages...) {
		if more != "" {
			detail += "; " + more
		}
	}
	return errors.Join(&connectors.TerminalError{Status: http.StatusOK, Detail: connectors.Cut(detail, answerShown)}, r)
}
