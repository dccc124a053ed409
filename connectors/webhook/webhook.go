// Package webhook tells any partner that takes HTTP requests: what is sent is a
// mapping's (ingest/source/webhook), and this package sends it, signed as
// https://www.standardwebhooks.com says where secrets are given.
//
// Every request carries the intent's key, as webhook-id and wherever the mapping
// puts it, so a receiver can tell a repeat. Where a partner cannot, the mapping says
// how its record is found: then a trigger whose outcome is unknown is looked up
// before it is repeated.
package webhook

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"signalbox/connectors"
	source "signalbox/ingest/source/webhook"
	"signalbox/itsm"
)

// CallsPerMinute is the rate kept where the configuration gives none; ticket systems
// publish limits from 50 a minute on.
const CallsPerMinute = 40

const (
	recordsMax     = 10_000 // records remembered here
	answerBytesMax = 1 << 20
	answerShown    = 300
)

// Options configures the connector.
type Options struct {
	Name           string
	URL            string // begins every request's address
	Mapping        *source.Mapping
	Vars           map[string]string
	Headers        map[string]string // of every request, such as Authorization; secrets
	User, Password string            // Basic, or of the mapping's login
	SigningSecrets []string          // whsec_BASE64; each signs every request
	ExternalURL    string
	HTTP           *http.Client
	IndexLag       time.Duration // how long a look-up that finds nothing proves nothing; 0: a minute
}

// Connector is one partner.
type Connector struct {
	o    Options
	base *url.URL
	keys [][]byte
	sent *connectors.Creations // by intent key

	mu      sync.Mutex
	records map[ref]string
	session bool // the mapping's login was done
}

type ref struct {
	incident itsm.IncidentNumber
	epoch    uint32
}

// New makes a connector.
func New(o Options) (*Connector, error) {
	base, err := url.Parse(o.URL)
	if err != nil || base.Host == "" || base.Scheme != "http" && base.Scheme != "https" {
		return nil, itsm.Errorf(itsm.Invalid, "url: expected an address such as https://desk.example.com")
	}
	c := &Connector{o: o, base: base, sent: connectors.NewCreations(o.IndexLag), records: map[ref]string{}}
	for _, s := range o.SigningSecrets {
		key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(s, "whsec_"))
		if err != nil || len(key) < 24 || len(key) > 64 {
			return nil, itsm.Errorf(itsm.Invalid, "signing_secrets: expected whsec_ and the base64 of 24 to 64 random bytes")
		}
		c.keys = append(c.keys, key)
	}
	for name, v := range o.Headers {
		if strings.ContainsAny(name+v, "\r\n\x00") {
			return nil, itsm.Errorf(itsm.Invalid, "headers.%s: a line break", strings.ToValidUTF8(name, "?"))
		}
	}
	if o.Mapping.HasLogin() {
		jar, err := cookiejar.New(nil)
		if err != nil {
			return nil, err
		}
		client := *o.HTTP // the session is this connector's own
		client.Jar = jar
		c.o.HTTP = &client
	}
	return c, nil
}

// Name implements connectors.Connector.
func (c *Connector) Name() string { return c.o.Name }

// Push implements connectors.Connector.
func (c *Connector) Push(ctx context.Context, in itsm.Intent) (connectors.Receipt, error) {
	x := source.Input{Intent: &in, Vars: c.o.Vars, ExternalURL: c.o.ExternalURL, Record: c.record(&in)}
	if in.Transition == itsm.Trigger && c.sent.Doubtful(&in, in.Key) && c.o.Mapping.HasFind() {
		link, err := c.find(ctx, x)
		if err != nil || link != nil {
			return connectors.Receipt{Link: link}, err
		}
		if err := c.sent.Missed(&in, in.Key); err != nil {
			return connectors.Receipt{}, err
		}
	}
	r, told, err := c.o.Mapping.For(x)
	if itsm.CodeOf(err) == itsm.Conflict && err != nil && in.Transition != itsm.Note {
		return connectors.Receipt{}, nil // there is nothing over there to change
	}
	if err != nil {
		return connectors.Receipt{}, &connectors.TerminalError{Detail: itsm.MessageOf(err)}
	}
	if !told {
		return connectors.Receipt{}, nil
	}
	answer, err := c.send(ctx, r, in.Key)
	if err == nil {
		err = c.judge(x, answer)
	}
	if c.sent.Ended(in.Key, err); err != nil {
		return connectors.Receipt{}, err
	}
	return c.receipt(x, answer), nil
}

// judge finds the refusals that a partner answers with 200.
func (c *Connector) judge(x source.Input, answer any) error {
	why, passing, err := c.o.Mapping.Refusal(x, answer)
	switch {
	case err != nil:
		return &connectors.TerminalError{Status: http.StatusOK, Detail: itsm.MessageOf(err)}
	case why == "":
		return nil
	case passing:
		return connectors.Retry(0, "the partner refused for now: %s", why)
	}
	return &connectors.TerminalError{Status: http.StatusOK, Detail: why}
}

// receipt names the record that a trigger's answer tells of. An answer that cannot
// be read is no failure: the partner took what was sent.
func (c *Connector) receipt(x source.Input, answer any) connectors.Receipt {
	if x.Intent.Transition != itsm.Trigger {
		return connectors.Receipt{}
	}
	id, address, err := c.o.Mapping.RecordIn(x, answer)
	if err != nil || id == "" {
		return connectors.Receipt{}
	}
	return connectors.Receipt{Link: c.remember(x.Intent, id, address)}
}

// know notes the partner's id of a record.
func (c *Connector) know(of ref, id string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, known := c.records[of]; !known && len(c.records) >= recordsMax {
		clear(c.records) // they are in the incidents' links
	}
	c.records[of] = id
}

func (c *Connector) remember(in *itsm.Intent, id, address string) *itsm.ExternalRef {
	c.know(ref{in.Incident, in.Epoch}, id)
	return &itsm.ExternalRef{Connector: c.o.Name, ID: id, URL: address}
}

// record is the partner's id of the incident's record: of this epoch, or the newest
// that the incident's links name.
func (c *Connector) record(in *itsm.Intent) string {
	c.mu.Lock()
	id := c.records[ref{in.Incident, in.Epoch}]
	c.mu.Unlock()
	if id != "" {
		return id
	}
	for _, l := range in.Snapshot.Links {
		if l.Connector == c.o.Name {
			id = l.ID
		}
	}
	return id
}

// find looks for the record of a trigger that may have been sent before.
func (c *Connector) find(ctx context.Context, x source.Input) (*itsm.ExternalRef, error) {
	r, _, err := c.o.Mapping.Find(x)
	if err != nil {
		return nil, &connectors.TerminalError{Detail: itsm.MessageOf(err)}
	}
	answer, err := c.send(ctx, r, x.Intent.Key)
	if err != nil {
		return nil, err
	}
	id, err := c.o.Mapping.Found(x, answer)
	if err != nil || id == "" {
		return nil, passingOf(err)
	}
	return c.remember(x.Intent, id, ""), nil
}

// passingOf makes an answer that cannot be understood one that may become better.
func passingOf(err error) error {
	if err == nil {
		return nil
	}
	return connectors.Retry(0, "the partner's answer to a look-up is not understood: %s", itsm.MessageOf(err))
}

// IncidentOf implements connectors.Finder with the mapping's whose.
func (c *Connector) IncidentOf(ctx context.Context, id string) (itsm.IncidentNumber, uint32, error) {
	r, ok, err := c.o.Mapping.Whose(id, c.o.Vars)
	if err != nil {
		return 0, 0, err
	}
	if !ok {
		return 0, 0, itsm.Errorf(itsm.NotFound, "the mapping of connector %s has no whose, which finds the incident of record %s", c.o.Name, id)
	}
	answer, err := c.send(ctx, r, "")
	var gone *connectors.TerminalError
	if errors.As(err, &gone) && gone.Status == http.StatusNotFound {
		return 0, 0, itsm.Wrap(itsm.NotFound, err, "the partner has no record %s", id)
	}
	if err != nil {
		return 0, 0, itsm.Wrap(itsm.Unavailable, err, "the partner cannot be asked now about record %s", id)
	}
	n, epoch, err := c.o.Mapping.IncidentIn(id, c.o.Vars, answer)
	switch {
	case err != nil:
		return 0, 0, itsm.Wrap(itsm.Unavailable, err, "the partner's answer about record %s is not understood: %s", id, itsm.MessageOf(err))
	case n == 0:
		return 0, 0, itsm.Errorf(itsm.NotFound, "record %s is not about an incident of ours", id)
	}
	return n, epoch, nil
}

// send makes one request and reads its answer, signing in first where the mapping
// has a login, and again when the session has ended.
func (c *Connector) send(ctx context.Context, r source.Request, key string) (any, error) {
	if err := c.signIn(ctx, false); err != nil {
		return nil, err
	}
	answer, err := c.do(ctx, r, key)
	var t *connectors.TerminalError
	if c.o.Mapping.HasLogin() && errors.As(err, &t) && t.Status == http.StatusUnauthorized {
		if err := c.signIn(ctx, true); err != nil {
			return nil, err
		}
		return c.do(ctx, r, key)
	}
	return answer, err
}

func (c *Connector) signIn(ctx context.Context, again bool) error {
	r, ok, err := c.o.Mapping.Login(c.o.User, c.o.Password, c.o.Vars)
	if err != nil || !ok {
		return err
	}
	c.mu.Lock()
	there := c.session && !again
	c.mu.Unlock()
	if there {
		return nil
	}
	if _, err := c.do(ctx, r, ""); err != nil {
		return err
	}
	c.mu.Lock()
	c.session = true
	c.mu.Unlock()
	return nil
}

func (c *Connector) do(ctx context.Context, r source.Request, key string) (any, error) {
	req, err := c.request(ctx, r, key, time.Now())
	if err != nil {
		return nil, &connectors.TerminalError{Detail: err.Error()}
	}
	resp, err := c.o.HTTP.Do(req)
	if err != nil {
		return nil, connectors.Unknown(connectors.Retry(0, "the partner was not reached: %w", withoutURL(err)))
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(io.LimitReader(resp.Body, answerBytesMax))
	if err != nil {
		return nil, connectors.Unknown(connectors.Retry(0, "the partner's answer broke off: %w", withoutURL(err)))
	}
	if err := connectors.Answered(resp.StatusCode, resp.Header, connectors.Cut(strings.ToValidUTF8(string(b), "?"), answerShown)); err != nil {
		if resp.StatusCode >= 500 {
			return nil, connectors.Unknown(err)
		}
		return nil, err
	}
	answer, err := source.Answer(b)
	if err != nil {
		return string(b), nil // such as "ok"
	}
	return answer, nil
}

// withoutURL takes the address out of an error of the client: it may be a secret.
func withoutURL(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	return err
}

// request makes the HTTP request. The address is the configuration's, with the
// mapping's path behind it.
func (c *Connector) request(ctx context.Context, r source.Request, key string, now time.Time) (*http.Request, error) {
	path, query, _ := strings.Cut(r.Path, "?")
	at := strings.TrimSuffix(c.base.Scheme+"://"+c.base.Host+c.base.EscapedPath(), "/") + path
	if path == "" {
		at = c.base.Scheme + "://" + c.base.Host + c.base.EscapedPath()
	}
	if queries := strings.Trim(c.base.RawQuery+"&"+query, "&"); queries != "" {
		at += "?" + queries
	}
	req, err := http.NewRequestWithContext(ctx, r.Method, at, bytes.NewReader(r.Body))
	if err != nil {
		return nil, errors.New("the mapping's path makes no address")
	}
	if req.URL.Host != c.base.Host || req.URL.User != nil {
		return nil, errors.New("the mapping's path leads away from the configured address")
	}
	req.Header.Set("User-Agent", "Signalbox")
	switch {
	case r.JSON:
		req.Header.Set("Content-Type", "application/json")
	case r.Body != nil:
		req.Header.Set("Content-Type", "text/plain; charset=utf-8")
	}
	for _, h := range r.Headers {
		req.Header.Set(h[0], h[1])
	}
	for name, v := range c.o.Headers {
		req.Header.Set(name, v)
	}
	if c.o.User != "" && !c.o.Mapping.HasLogin() {
		req.SetBasicAuth(c.o.User, c.o.Password)
	}
	if len(c.keys) > 0 && key != "" {
		stamp := strconv.FormatInt(now.Unix(), 10)
		req.Header.Set("Webhook-Id", key)
		req.Header.Set("Webhook-Timestamp", stamp)
		req.Header.Set("Webhook-Signature", Sign(c.keys, key, stamp, r.Body))
	}
	return req, nil
}

// Sign is the header webhook-signature: a signature for each key, separated by a
// space, as https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
// says.
func Sign(keys [][]byte, id, stamp string, body []byte) string {
	var out []string
	for _, k := range keys {
		m := hmac.New(sha256.New, k)
		m.Write([]byte(id + "." + stamp + "."))
		m.Write(body)
		out = append(out, "v1,"+base64.StdEncoding.EncodeToString(m.Sum(nil)))
	}
	return strings.Join(out, " ")
}
