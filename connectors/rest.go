package connectors

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
)

const (
	restBytesMax  = 8 << 20 // of an answer that is read; a page of records is the largest
	restShown     = 500     // bytes of an answer that are shown to people
	restUserAgent = "signalbox"
)

// REST speaks JSON with one partner.
type REST struct {
	Partner   string // as people know it, for messages
	HTTP      *http.Client
	Authorize func(context.Context, *http.Request) error // adds the credentials; nil: there are none
	Refused   func()                                     // told when the partner refuses the credentials; nil: nobody is
}

// Do makes one call. A body that is not nil is sent as JSON, and out, when it is not
// nil, takes the answer. The error is one of Answered; a partner that is not
// reached, or that answers a success with what is not JSON (a login page, a
// sleeping instance), may pass.
func (r *REST) Do(ctx context.Context, method, url string, body, out any) error {
	var send io.Reader
	if body != nil {
		b, err := encode(body)
		if err != nil {
			return err
		}
		send = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(ctx, method, url, send)
	if err != nil {
		return err
	}
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", restUserAgent)
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if r.Authorize != nil {
		if err := r.Authorize(ctx, req); err != nil {
			return err
		}
	}
	return r.answer(req, out)
}

// encode writes JSON as partners show it: < and & need no escaping there.
func encode(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

func (r *REST) answer(req *http.Request, out any) error {
	resp, err := r.HTTP.Do(req)
	if err != nil {
		return Retry(0, "%s was not reached: %w", r.Partner, err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(io.LimitReader(resp.Body, restBytesMax))
	if err != nil {
		return Retry(0, "%s broke off its answer: %w", r.Partner, err)
	}
	if err := Answered(resp.StatusCode, resp.Header, shown(b)); err != nil {
		if resp.StatusCode == http.StatusUnauthorized && r.Refused != nil {
			r.Refused()
		}
		return err
	}
	if out == nil {
		return nil
	}
	if err := json.Unmarshal(b, out); err != nil {
		return Retry(0, "%s answered %d with something unexpected: %s", r.Partner, resp.StatusCode, shown(b))
	}
	return nil
}

// shown is an answer as people see it.
func shown(b []byte) string {
	s := strings.ToValidUTF8(string(b), "?")
	if len(s) <= restShown {
		return s
	}
	return strings.ToValidUTF8(s[:restShown], "") + "…"
}

// StatusOf returns the status that a partner refused with; 0 for any other error.
func StatusOf(err error) int {
	var t *TerminalError
	if errors.As(err, &t) {
		return t.Status
	}
	return 0
}
