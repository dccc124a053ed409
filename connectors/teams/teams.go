// Package teams tells a Microsoft Teams channel about incidents: a card for every
// material change, posted to the address of a Workflows webhook.
//
// That address is a credential (its sig parameter), its answer names no message and a
// card cannot be changed, so there is nothing to look up: a card whose outcome is
// unknown is posted once more, marked as perhaps a repeat, and when that is unknown,
// too, it goes to the dead letters. Cards cannot act without a bot; their buttons are links,
// and the one to acknowledge opens a page of the console that asks and acts.
//
// What people write elsewhere is put into TextRuns, whose text is not parsed.
//
// Documentation: https://learn.microsoft.com/microsoftteams/platform/webhooks-and-connectors/how-to/add-incoming-webhook
// (a message has at most 28 KB; about four requests a second and then 429) and
// https://adaptivecards.io/explorer/ (version 1.4).
//
// # Decisions
//
// 2026-11 No Office 365 connectors: Microsoft has retired them.
//
// 2026-11 One marked repeat and no more: a card that is missed may be an outage that
// nobody hears of, ten of the same are a channel that nobody reads.
package teams

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"

	"signalbox/connectors"
	"signalbox/itsm"
)

// CardsPerMinute is the rate kept: a channel that gets more is not read.
const CardsPerMinute = 60

const (
	answerBytesMax = 64 << 10
	answerShown    = 300
)

// Options configures the connector.
type Options struct {
	Name        string
	URL         string // of the Workflows webhook, which is a secret
	ExternalURL string // where people reach this console
	HTTP        *http.Client
}

// Connector is one Teams channel.
type Connector struct {
	o     Options
	tried tried
}

// New makes a connector.
func New(o Options) (*Connector, error) {
	u, err := url.Parse(o.URL)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
		return nil, itsm.Errorf(itsm.Invalid, "url: expected the address of a Workflows webhook")
	}
	return &Connector{o: o}, nil
}

// Name implements connectors.Connector.
func (c *Connector) Name() string { return c.o.Name }

// Push implements connectors.Connector.
func (c *Connector) Push(ctx context.Context, in itsm.Intent) (connectors.Receipt, error) {
	again := c.tried.isUnknown(ctx, in.Key)
	body, err := c.message(&in, again)
	if err != nil {
		return connectors.Receipt{}, &connectors.TerminalError{Detail: err.Error()}
	}
	unknown, err := c.post(ctx, body)
	if unknown && again {
		err = &connectors.TerminalError{Detail: "Teams did not say, twice, whether it took the card; look into the channel before you send it again: " + err.Error()}
	}
	c.tried.note(in.Key, unknown || again, connectors.IsPassing(err))
	return connectors.Receipt{}, err
}

// advice says what to do about refusals that a configuration causes.
var advice = map[int]string{
	http.StatusUnauthorized: "; the address's signature is not taken: copy it from the workflow again",
	http.StatusForbidden:    "; the address's signature is not taken: copy it from the workflow again",
	http.StatusNotFound:     "; the workflow is gone or turned off: make one again and give its address",
}

// post posts a card. unknown: Teams may have taken it although there is an error.
func (c *Connector) post(ctx context.Context, body []byte) (unknown bool, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.o.URL, bytes.NewReader(body))
	if err != nil {
		return false, &connectors.TerminalError{Detail: "the address of the webhook is none"}
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := c.o.HTTP.Do(req)
	if err != nil {
		return !neverSent(err), connectors.Retry(0, "Teams was not reached: %w", withoutURL(err))
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(io.LimitReader(resp.Body, answerBytesMax))
	if err != nil && (resp.StatusCode < 200 || resp.StatusCode > 299) {
		return true, connectors.Retry(0, "Teams' answer broke off: %w", withoutURL(err))
	}
	said := connectors.Cut(strings.ToValidUTF8(string(b), "?"), answerShown)
	err = connectors.Answered(resp.StatusCode, resp.Header, said+advice[resp.StatusCode])
	return mayHaveTaken[resp.StatusCode], err
}

// mayHaveTaken are the answers after which a card may be in the channel: of those
// that are busy (429, 503) it is not.
var mayHaveTaken = map[int]bool{http.StatusRequestTimeout: true, http.StatusInternalServerError: true, http.StatusBadGateway: true, http.StatusGatewayTimeout: true}

// neverSent reports whether a request failed before there was a connection.
func neverSent(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && op.Op == "dial"
}

// withoutURL takes the address out of an error of the client.
func withoutURL(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	return err
}

// message is the body for an intent, cut until it fits.
func (c *Connector) message(in *itsm.Intent, again bool) ([]byte, error) {
	for most := textMax; ; most /= 2 {
		b, err := json.Marshal(c.card(in, most, again))
		if err != nil || len(b) <= messageMax || most < textMin {
			return b, err
		}
	}
}
