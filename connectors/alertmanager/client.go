package alertmanager

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"signalbox/connectors"
)

// Bounds of what is read.
const (
	answerBytesMax = 64 << 20 // a larger answer is none: what is cut off looks like resolved
	answerShown    = 500
)

// alert is a gettableAlert.
type alert struct {
	Labels      map[string]string `json:"labels"`
	Fingerprint string            `json:"fingerprint"`
	StartsAt    time.Time         `json:"startsAt"`
	EndsAt      time.Time         `json:"endsAt"`
	Status      struct {
		State      string   `json:"state"` // unprocessed, active, suppressed
		SilencedBy []string `json:"silencedBy"`
	} `json:"status"`
}

// silence is a gettableSilence, and without what only Alertmanager sets a
// postableSilence.
type silence struct {
	ID          string            `json:"id,omitempty"`
	Matchers    []matcher         `json:"matchers"`
	StartsAt    time.Time         `json:"startsAt"`
	EndsAt      time.Time         `json:"endsAt"`
	CreatedBy   string            `json:"createdBy"`
	Comment     string            `json:"comment"`
	Annotations map[string]string `json:"annotations,omitempty"` // since 0.32
	Status      *silenceStatus    `json:"status,omitempty"`
}

type silenceStatus struct {
	State string `json:"state"` // expired, active, pending
}

// live reports whether the silence hides something, now or later.
func (s *silence) live() bool { return s.Status != nil && s.Status.State != "expired" }

type matcher struct {
	Name    string `json:"name"`
	Value   string `json:"value"`
	IsRegex bool   `json:"isRegex"`
	IsEqual *bool  `json:"isEqual,omitempty"` // missing means true, as before 0.22
}

func (m *matcher) negated() bool { return m.IsEqual != nil && !*m.IsEqual }

// status is of alertmanagerStatus what is asked for.
type status struct {
	Uptime time.Time `json:"uptime"` // when it started
}

// call makes one request to one replica.
func (c *Connector) call(ctx context.Context, base, method, path string, in, out any) error {
	var body io.Reader
	if in != nil {
		b, err := json.Marshal(in)
		if err != nil {
			return err
		}
		body = bytes.NewReader(b)
	}
	r, err := http.NewRequestWithContext(ctx, method, strings.TrimSuffix(base, "/")+"/api/v2"+path, body)
	if err != nil {
		return err
	}
	if in != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	r.Header.Set("Accept", "application/json")
	switch {
	case c.o.Bearer != "":
		r.Header.Set("Authorization", "Bearer "+c.o.Bearer)
	case c.o.User != "":
		r.SetBasicAuth(c.o.User, c.o.Password)
	}
	resp, err := c.o.HTTP.Do(r)
	if err != nil {
		return connectors.Retry(0, "Alertmanager at %s was not reached: %w", hostOf(base), err)
	}
	defer resp.Body.Close()
	limited := &io.LimitedReader{R: resp.Body, N: answerBytesMax + 1}
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		b, _ := io.ReadAll(io.LimitReader(limited, answerShown))
		return connectors.Answered(resp.StatusCode, resp.Header, strings.ToValidUTF8(strings.TrimSpace(string(b)), "?"))
	}
	if out == nil {
		return nil
	}
	if err := read(limited, out); err != nil {
		// Cut off, too large, or a proxy's login page: it says nothing about alerts.
		return connectors.Retry(0, "Alertmanager at %s answered with something unexpected: %w", hostOf(base), err)
	}
	return nil
}

// read decodes one JSON value that ends where the answer ends.
func read(r *io.LimitedReader, out any) error {
	d := json.NewDecoder(r)
	if err := d.Decode(out); err != nil {
		return err
	}
	if _, err := d.Token(); r.N <= 0 || !errors.Is(err, io.EOF) {
		return fmt.Errorf("more than one JSON value of at most %d bytes", answerBytesMax)
	}
	return nil
}

// first asks the replicas in order until one answers. What one of them refused
// the others refuse, too.
func (c *Connector) first(do func(base string) error) (base string, err error) {
	for _, base = range c.o.URLs {
		if err = do(base); err == nil || !connectors.IsPassing(err) {
			return base, err
		}
	}
	return base, err
}

// silences lists every silence that is kept, expired ones included.
func (c *Connector) silences(ctx context.Context) (list []silence, base string, err error) {
	base, err = c.first(func(base string) error {
		list = nil
		return c.call(ctx, base, http.MethodGet, "/silences", nil, &list)
	})
	return list, base, err
}

// post makes or changes a silence and returns the id it has now. An answer that
// did not come may have been lost after the silence was made; the next try finds
// it by its key.
func (c *Connector) post(ctx context.Context, base string, s silence) (string, error) {
	s.Status = nil
	var out struct {
		ID string `json:"silenceID"`
	}
	if err := c.call(ctx, base, http.MethodPost, "/silences", s, &out); err != nil {
		return "", err
	}
	if out.ID == "" {
		return "", connectors.Retry(0, "Alertmanager at %s made a silence and did not name it", hostOf(base))
	}
	return out.ID, nil
}

// expire ends a silence. One that is gone is as good.
func (c *Connector) expire(ctx context.Context, base, id string) error {
	err := c.call(ctx, base, http.MethodDelete, "/silence/"+url.PathEscape(id), nil, nil)
	var t *connectors.TerminalError
	if errors.As(err, &t) && t.Status == http.StatusNotFound {
		return nil
	}
	return err
}

// alerts lists the alerts that fire at one replica, silenced and inhibited ones
// included; filters are matchers that all of them match.
func (c *Connector) alerts(ctx context.Context, base string, filters ...string) (list []alert, err error) {
	q := ""
	if len(filters) > 0 {
		q = "?" + url.Values{"filter": filters}.Encode()
	}
	err = c.call(ctx, base, http.MethodGet, "/alerts"+q, nil, &list)
	if err == nil && list == nil {
		err = connectors.Retry(0, "Alertmanager at %s answered null instead of a list of alerts", hostOf(base))
	}
	return list, err
}

// link is where people see a silence.
func link(base, id string) string { return strings.TrimSuffix(base, "/") + "/#/silences/" + id }

// hostOf names a replica without what may be secret in its address.
func hostOf(base string) string {
	u, err := url.Parse(base)
	if err != nil {
		return "its address"
	}
	return u.Host
}
