// Package slack shows incidents in a Slack channel: one message an incident, which
// is changed in place, with people's notes as replies in its thread and buttons to
// acknowledge, resolve and take it.
//
// Posting is not idempotent at Slack. So every message and reply carries what it
// stands for in its metadata, its place (channel and timestamp) is recorded before
// the intent is done, and a post whose outcome is unknown is looked up before it is
// repeated.
//
// What people write elsewhere never becomes markup here: it is put into plain_text
// elements, which Slack does not parse, and into a notification text that is
// escaped and sent with parse=none.
//
// Documentation: https://docs.slack.dev/reference/methods/chat.postMessage,
// chat.update, conversations.history, conversations.replies and
// https://docs.slack.dev/reference/block-kit/blocks (limits: 50 blocks a message,
// header 150 characters, field 2,000, button value 2,000, text 4,000 advised and
// 40,000 at most; about one message a second and channel).
//
// # Decisions
//
// 2026-11 One message an incident, not one an epoch: a reopened incident keeps its
// thread. Changing a message in place notifies nobody, so a reopen also replies in
// the thread and shows that reply in the channel.
//
// 2026-11 No library: five methods with small bodies, and slack-go hides the
// metadata and the wait of a 429 that we need.
package slack

import (
	"context"
	"net/http"
	"sync"
	"time"

	"signalbox/connectors"
	source "signalbox/ingest/source/slack"
	"signalbox/itsm"
)

// CallsPerMinute is the rate kept over all methods, below the 50 a minute of
// Slack's tier 3, to which the slowest of them belong.
const CallsPerMinute = 50

const (
	postEvery = time.Second // published: one message a second and channel
	placesMax = 10_000      // incidents whose message is remembered here
	callWait  = 15 * time.Second
)

// Options configures the connector.
type Options struct {
	Name        string
	Token       string // of the app's bot user, with chat:write, channels:history and groups:history
	Channel     string // id of the channel, such as C0123456789
	Interactive bool   // Slack may call us: show the buttons that act
	APIURL      string // "": https://slack.com/api
	ExternalURL string // where people reach this console
	HTTP        *http.Client
	IndexLag    time.Duration // how long a look-up that finds nothing proves nothing; 0: a minute
}

// Connector is one Slack channel.
type Connector struct {
	o     Options
	posts *connectors.Creations // by intent key

	mu       sync.Mutex
	places   map[itsm.IncidentNumber]string // where each incident's message is, by source.Place
	nextPost time.Time
	team     string // address of the workspace; "": not asked yet
}

// New makes a connector.
func New(o Options) *Connector {
	if o.APIURL == "" {
		o.APIURL = "https://slack.com/api"
	}
	return &Connector{o: o, posts: connectors.NewCreations(o.IndexLag), places: map[itsm.IncidentNumber]string{}}
}

// Name implements connectors.Connector.
func (c *Connector) Name() string { return c.o.Name }

// Push implements connectors.Connector.
func (c *Connector) Push(ctx context.Context, in itsm.Intent) (connectors.Receipt, error) {
	place, known, err := c.place(ctx, &in)
	if err != nil {
		return connectors.Receipt{}, err
	}
	switch {
	case in.Transition == itsm.Note && !known:
		return connectors.Receipt{}, &connectors.TerminalError{Status: http.StatusNotFound, Detail: "the channel has no message of " + in.Incident.String() + " to reply to; it was deleted"}
	case in.Transition == itsm.Note:
		return connectors.Receipt{}, c.reply(ctx, &in, place, in.Actor+": "+in.Text, false)
	case !known && in.Transition == itsm.Resolve:
		return connectors.Receipt{}, nil // nobody sees that it is over
	case !known:
		return c.post(ctx, &in)
	}
	switch err := c.update(ctx, &in, place); {
	case isGone(err) && in.Transition == itsm.Resolve:
		c.forget(in.Incident)
		return connectors.Receipt{}, nil
	case isGone(err):
		c.forget(in.Incident)
		return c.post(ctx, &in)
	case err != nil:
		return connectors.Receipt{}, err
	}
	if in.Transition == itsm.Trigger && in.Epoch > 1 {
		if err := c.reply(ctx, &in, place, "Open again: "+in.Text, true); err != nil {
			return connectors.Receipt{}, err
		}
	}
	return connectors.Receipt{Link: c.link(ctx, place)}, nil
}

// post makes the incident's message.
func (c *Connector) post(ctx context.Context, in *itsm.Intent) (connectors.Receipt, error) {
	m := c.message(in)
	m.Channel = c.o.Channel
	if err := c.pace(ctx); err != nil {
		return connectors.Receipt{}, err
	}
	var said posted
	err := c.call(ctx, "chat.postMessage", m, &said)
	if c.posts.Ended(in.Key, err); err != nil {
		return connectors.Receipt{}, err
	}
	place := source.Place(said.Channel, said.TS)
	c.remember(in.Incident, place)
	return connectors.Receipt{Link: c.link(ctx, place)}, nil
}

// update changes the incident's message, which is harmless to repeat.
func (c *Connector) update(ctx context.Context, in *itsm.Intent, place string) error {
	m := c.message(in)
	m.Channel, m.TS, _ = source.ParsePlace(place)
	if err := c.pace(ctx); err != nil {
		return err
	}
	return c.call(ctx, "chat.update", m, &posted{})
}

// reply posts into the thread of the incident's message, unless it did before.
func (c *Connector) reply(ctx context.Context, in *itsm.Intent, place, text string, show bool) error {
	if c.posts.Doubtful(in, in.Key) {
		found, err := c.replied(ctx, in.Key, place)
		if err != nil || found {
			return err
		}
		if err := c.posts.Missed(in, in.Key); err != nil {
			return err
		}
	}
	m := replyMessage(in, text, show)
	m.Channel, m.ThreadTS, _ = source.ParsePlace(place)
	if err := c.pace(ctx); err != nil {
		return err
	}
	err := c.call(ctx, "chat.postMessage", m, &posted{})
	c.posts.Ended(in.Key, err)
	return err
}

// pace waits until the channel may be written to again.
func (c *Connector) pace(ctx context.Context) error {
	c.mu.Lock()
	now := time.Now()
	at := c.nextPost
	if at.Before(now) {
		at = now
	}
	c.nextPost = at.Add(postEvery)
	c.mu.Unlock()
	if err := connectors.Wait(ctx, at.Sub(now)); err != nil {
		return connectors.Retry(0, "waiting for the channel: %w", err)
	}
	return nil
}
