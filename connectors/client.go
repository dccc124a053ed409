package connectors

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"syscall"
	"time"

	"github.com/hashicorp/go-retryablehttp"
)

const (
	clientTimeout   = 20 * time.Second
	clientRetries   = 2
	clientWaitMin   = 200 * time.Millisecond
	clientWaitMax   = 2 * time.Second
	answerBytesRead = 64 << 10 // bytes of a partner's answer that are read
)

// NewClient returns the HTTP client every connector uses: go-retryablehttp with a
// policy of our own. It repeats at once only what never reached the partner (a
// refused or failed dial); everything else is the sender's to judge, which knows
// the intent's key. Redirects are not followed: a partner's API does not move,
// and a followed redirect would carry the credentials along. NewDialer says where it
// never goes.
func NewClient(log *slog.Logger) *http.Client { return newClient(log, NewDialer()) }

func newClient(log *slog.Logger, d *net.Dialer) *http.Client {
	return NewClientOver(log, d.DialContext)
}

// NewClientOver is NewClient with another way to the partner, such as one in
// memory; what is dialled is then the caller's to judge.
func NewClientOver(log *slog.Logger, dial dialFunc) *http.Client {
	return asClient(newRetrying(log, dial))
}

type dialFunc = func(ctx context.Context, network, address string) (net.Conn, error)

func newRetrying(log *slog.Logger, dial dialFunc) *retryablehttp.Client {
	c := retryablehttp.NewClient()
	c.HTTPClient = &http.Client{Timeout: clientTimeout, Transport: transport(dial), CheckRedirect: stay}
	c.RetryMax, c.RetryWaitMin, c.RetryWaitMax = clientRetries, clientWaitMin, clientWaitMax
	c.Logger = nil
	c.CheckRetry = onlyUnsent
	c.ErrorHandler = retryablehttp.PassthroughErrorHandler
	c.RequestLogHook = func(_ retryablehttp.Logger, r *http.Request, n int) {
		if n > 0 {
			log.Debug("partner call repeated", "host", r.URL.Host, "try", n+1)
		}
	}
	return c
}

func asClient(c *retryablehttp.Client) *http.Client {
	outer := c.StandardClient() // a client around the client, which would follow too
	outer.CheckRedirect = stay
	outer.Transport = &observed{outer.Transport, &Limits{}}
	return outer
}

func stay(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

func transport(dial dialFunc) *http.Transport {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.DialContext = dial
	t.ResponseHeaderTimeout = clientTimeout
	t.MaxIdleConnsPerHost = parallelMax
	return t
}

// onlyUnsent repeats a request only when no connection was made.
func onlyUnsent(ctx context.Context, _ *http.Response, err error) (bool, error) {
	if ctx.Err() != nil {
		return false, ctx.Err()
	}
	if IsRefused(err) {
		return false, nil // it would be refused again
	}
	var op *net.OpError
	return errors.Is(err, syscall.ECONNREFUSED) || (errors.As(err, &op) && op.Op == "dial"), nil
}

// Answered turns a partner's status into the error the sender understands: nil
// for 2xx, Retry for what may pass, terminal otherwise. detail is the partner's
// own words.
func Answered(status int, h http.Header, detail string) error {
	switch {
	case status >= 200 && status < 300:
		return nil
	case status == http.StatusTooManyRequests, status == http.StatusRequestTimeout, status == http.StatusConflict && h.Get("Retry-After") != "", status >= 500:
		return Retry(waitAsked(h), "partner answered %d: %s", status, detail)
	}
	return &TerminalError{Status: status, Detail: detail}
}

// TerminalError is an answer that trying again will not change.
type TerminalError struct {
	Status int
	Detail string
}

// Error implements error.
func (e *TerminalError) Error() string {
	return "partner refused with " + strconv.Itoa(e.Status) + ": " + e.Detail
}

// waitAsked reads how long a partner wants to be left alone: Retry-After in
// seconds or as a date, or a reset counter in seconds.
func waitAsked(h http.Header) time.Duration {
	now := time.Now()
	for _, name := range []string{"Retry-After", "Ratelimit-Reset", "X-Ratelimit-Reset"} {
		if at := resetAt(h.Get(name), now); !at.IsZero() {
			return min(max(0, at.Sub(now)), retryAfterMax)
		}
	}
	return 0
}
