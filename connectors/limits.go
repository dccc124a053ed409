package connectors

import (
	"context"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Limits is what a partner's answers said of its rate. A sender waits when there is
// nothing left of it, before the partner has to refuse.
type Limits struct {
	mu   sync.Mutex
	last Limit
}

// Limit is the rate as the partner counts it.
type Limit struct {
	Limit     int       // calls in a span; 0: it did not say
	Remaining int       // of them
	ResetAt   time.Time // when there are all of them again; zero: it did not say
	At        time.Time // when it said so; zero: never
}

// Last is what was said last.
func (l *Limits) Last() Limit {
	if l == nil {
		return Limit{}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.last
}

// observe reads the headers of an answer: RateLimit-* (PagerDuty, and the IETF
// draft) or X-RateLimit-* (Datadog, Jira, ServiceNow, Freshservice).
func (l *Limits) observe(h http.Header) {
	for _, prefix := range []string{"Ratelimit-", "X-Ratelimit-"} {
		remaining, err := strconv.Atoi(h.Get(prefix + "Remaining"))
		if err != nil {
			continue
		}
		v := Limit{Remaining: remaining, At: time.Now()}
		for _, name := range []string{"Limit", "Total"} {
			if n, err := strconv.Atoi(h.Get(prefix + name)); err == nil {
				v.Limit = n
			}
		}
		v.ResetAt = resetAt(h.Get(prefix+"Reset"), v.At)
		l.mu.Lock()
		l.last = v
		l.mu.Unlock()
		return
	}
}

// resetIsTime is from which on a reset is a time in seconds since 1970, not a wait.
const resetIsTime = 1_000_000_000

// resetAt reads when a limit is lifted: seconds to wait, seconds since 1970, or a
// date; zero: it does not say.
func resetAt(v string, now time.Time) time.Time {
	v = strings.TrimSpace(v)
	if n, err := strconv.ParseInt(v, 10, 64); err == nil && n > 0 {
		if n >= resetIsTime {
			return time.Unix(n, 0)
		}
		return now.Add(min(time.Duration(n)*time.Second, retryAfterMax))
	}
	if t, err := http.ParseTime(v); err == nil {
		return t
	}
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04Z07:00"} { // Jira leaves out the seconds
		if t, err := time.Parse(layout, v); err == nil {
			return t
		}
	}
	return time.Time{}
}

// wait is how long there is nothing left, at most retryAfterMax.
func (l *Limits) wait(now time.Time) time.Duration {
	v := l.Last()
	if v.At.IsZero() || v.Remaining > 0 || v.ResetAt.IsZero() {
		return 0
	}
	return min(max(0, v.ResetAt.Sub(now)), retryAfterMax)
}

// observed is a transport that reads what the answers say of the rate.
type observed struct {
	next   http.RoundTripper
	limits *Limits
}

// RoundTrip implements http.RoundTripper.
func (o *observed) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := o.next.RoundTrip(r)
	if err == nil {
		o.limits.observe(resp.Header)
	}
	return resp, err
}

// LimitsOf is what the partner said of its rate to a client of NewClient; nil of
// any other.
func LimitsOf(c *http.Client) *Limits {
	if o, ok := c.Transport.(*observed); ok {
		return o.limits
	}
	return nil
}

// take waits for a call's turn: within our rate and within what the partner says is
// left of its own.
func (s *Sender) take(ctx context.Context) error {
	if err := Wait(ctx, s.o.Limits.wait(time.Now())); err != nil {
		return err
	}
	return s.bucket.take(ctx)
}
