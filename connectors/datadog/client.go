package datadog

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"

	dd "github.com/DataDog/datadog-api-client-go/v2/api/datadog"

	"signalbox/connectors"
)

const (
	answerBytesMax = 16 << 20
	answerShown    = 500
)

func newAPI(h *http.Client) *dd.APIClient {
	cfg := dd.NewConfiguration()
	cfg.HTTPClient = h
	return dd.NewAPIClient(cfg)
}

// call makes one request. A body that is not nil is sent as JSON; out, when it is
// not nil, takes the answer.
func (c *Connector) call(ctx context.Context, method, path string, query url.Values, body, out any) error {
	headers := map[string]string{"Accept": "application/json"}
	ctx = context.WithValue(ctx, dd.ContextAPIKeys, map[string]dd.APIKey{"apiKeyAuth": {Key: c.o.APIKey}, "appKeyAuth": {Key: c.o.AppKey}})
	dd.SetAuthKeys(ctx, &headers, [2]string{"apiKeyAuth", "DD-API-KEY"}, [2]string{"appKeyAuth", "DD-APPLICATION-KEY"})
	var send any // the client takes nothing for a body only when the interface is nil
	if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			return err
		}
		send, headers["Content-Type"] = b, "application/json"
	}
	req, err := c.api.PrepareRequest(ctx, strings.TrimSuffix(c.o.URL, "/")+path, method, send, headers, query, nil, nil)
	if err != nil {
		return err
	}
	resp, err := c.api.CallAPI(req)
	if err != nil {
		return connectors.Retry(0, "Datadog was not reached: %w", err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(io.LimitReader(resp.Body, answerBytesMax+1))
	if err != nil || len(b) > answerBytesMax {
		return connectors.Retry(0, "Datadog broke off its answer, or it has more than %d bytes: %v", answerBytesMax, err)
	}
	if err := connectors.Answered(resp.StatusCode, resp.Header, said(b)); err != nil {
		return err
	}
	if out == nil {
		return nil
	}
	if err := json.Unmarshal(b, out); err != nil {
		return connectors.Retry(0, "Datadog answered %d with something unexpected: %s", resp.StatusCode, said(b))
	}
	return nil
}

// said is what an error answer says: {"errors": ["…"]}, or whatever it is.
func said(b []byte) string {
	var e struct {
		Errors []json.RawMessage `json:"errors"`
	}
	text := strings.TrimSpace(string(b))
	if json.Unmarshal(b, &e) == nil && len(e.Errors) > 0 {
		var words []string
		for _, m := range e.Errors {
			var s string
			if json.Unmarshal(m, &s) != nil {
				s = string(m)
			}
			words = append(words, s)
		}
		text = strings.Join(words, "; ")
	}
	return connectors.Cut(strings.ToValidUTF8(text, "?"), answerShown)
}

// Check implements connectors.Tester.
func (c *Connector) Check(ctx context.Context) (string, error) {
	var key struct {
		Valid bool `json:"valid"`
	}
	if err := c.call(ctx, http.MethodGet, "/api/v1/validate", nil, nil, &key); err != nil {
		return "", err
	}
	if c.o.AppKey != "" {
		if err := c.call(ctx, http.MethodGet, "/api/v1/monitor", url.Values{"page": {"0"}, "page_size": {"1"}}, nil, nil); err != nil {
			return "", err
		}
	}
	return "the keys are valid at " + c.o.Site, nil
}

// oneLine keeps a text from looking like several, and from mentioning anybody: an @
// in a title or text notifies whoever is named behind it.
func oneLine(s string) string {
	return harmless(connectors.OneLine(s))
}

// harmless puts a space that is not seen behind every @.
func harmless(s string) string { return strings.ReplaceAll(s, "@", "@\u200b") }
