package connectors

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"
)

// OAuth gets bearer tokens by the client-credentials grant, or with a refresh token
// by that one (RFC 6749, sections 4.4 and 6), and keeps each until it ends.
type OAuth struct {
	TokenURL     string
	ClientID     string
	ClientSecret string
	RefreshToken string // "": client credentials
	HTTP         *http.Client

	mu      sync.Mutex
	token   string
	until   time.Time
	refresh string // what the partner gave in the place of RefreshToken
}

const (
	tokenEarly   = time.Minute      // before its end a token is replaced
	tokenDefault = 5 * time.Minute  // when the partner does not say how long it counts
	tokenMax     = 24 * time.Hour   // longest that one is believed to count
	refusedWait  = 30 * time.Second // before the next try after the partner refused to give one
)

// Authorize adds a token to a request.
func (o *OAuth) Authorize(ctx context.Context, r *http.Request) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.token == "" || time.Now().After(o.until) {
		if err := o.get(ctx); err != nil {
			return err
		}
	}
	r.Header.Set("Authorization", "Bearer "+o.token)
	return nil
}

// Forget drops the token: the partner refused it.
func (o *OAuth) Forget() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.token = ""
}

func (o *OAuth) get(ctx context.Context) error {
	form := url.Values{"grant_type": {"client_credentials"}, "client_id": {o.ClientID}, "client_secret": {o.ClientSecret}}
	if r := o.refresh; r != "" || o.RefreshToken != "" {
		if r == "" {
			r = o.RefreshToken
		}
		form.Set("grant_type", "refresh_token")
		form.Set("refresh_token", r)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, o.TokenURL, strings.NewReader(form.Encode()))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Accept", "application/json")
	resp, err := o.HTTP.Do(req)
	if err != nil {
		return Retry(0, "the token service %s was not reached: %w", req.URL.Host, err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(io.LimitReader(resp.Body, answerBytesRead))
	if err != nil {
		return Retry(0, "the token service %s broke off its answer: %w", req.URL.Host, err)
	}
	var got struct {
		AccessToken  string  `json:"access_token"`
		RefreshToken string  `json:"refresh_token"`
		ExpiresIn    seconds `json:"expires_in"`
		Error        string  `json:"error"`
		Description  string  `json:"error_description"`
	}
	readable := json.Unmarshal(b, &got) == nil
	if resp.StatusCode/100 != 2 || !readable || got.AccessToken == "" {
		// What is wrong with an account is not wrong with an incident: it waits.
		return Retry(max(waitAsked(resp.Header), refusedWait), "the token service %s answered %d and gave no token: %s", req.URL.Host, resp.StatusCode, strings.TrimSpace(got.Error+" "+got.Description))
	}
	o.token, o.until = got.AccessToken, time.Now().Add(max(time.Second, min(tokenMax, time.Duration(got.ExpiresIn)*time.Second)-tokenEarly))
	if got.ExpiresIn <= 0 {
		o.until = time.Now().Add(tokenDefault)
	}
	if got.RefreshToken != "" && form.Get("grant_type") == "refresh_token" {
		o.refresh = got.RefreshToken
	}
	return nil
}

// seconds reads a number that some partners write as text.
type seconds int64

// UnmarshalJSON implements json.Unmarshaler.
func (s *seconds) UnmarshalJSON(b []byte) error {
	var n json.Number
	if err := json.Unmarshal([]byte(strings.Trim(string(b), `"`)), &n); err != nil {
		return err
	}
	v, err := n.Int64()
	*s = seconds(v)
	return err
}
