package slack

import (
	"context"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"signalbox/connectors"
	source "signalbox/ingest/source/slack"
	"signalbox/itsm"
)

const (
	historyPage  = 200 // messages a page of a look-up
	historyPages = 10  // pages looked at: 2,000 messages since the incident opened
	clockDrift   = time.Minute
)

// place finds the incident's message: in memory, in its recorded links, and where
// a try may have been lost, in the channel itself.
func (c *Connector) place(ctx context.Context, in *itsm.Intent) (place string, known bool, err error) {
	c.mu.Lock()
	place, known = c.places[in.Incident]
	c.mu.Unlock()
	if known {
		return place, true, nil
	}
	if place, known = c.recorded(in); known {
		return place, true, nil
	}
	first := in.Transition == itsm.Trigger && in.Epoch == 1
	if first && !c.posts.Doubtful(in, in.Key) {
		return "", false, nil
	}
	from := in.Snapshot.OpenedAt
	if first {
		from = in.At
	}
	m, err := c.find(ctx, in.Incident, from)
	switch {
	case err != nil:
		return "", false, err
	case m == nil && c.posts.Doubtful(in, in.Key):
		return "", false, c.posts.Missed(in, in.Key)
	case m == nil:
		return "", false, nil
	}
	place = source.Place(c.o.Channel, m.TS)
	c.remember(in.Incident, place)
	return place, true, nil
}

// recorded is the message that the incident's links name.
func (c *Connector) recorded(in *itsm.Intent) (place string, known bool) {
	for _, l := range in.Snapshot.Links {
		channel, _, ok := source.ParsePlace(l.ID)
		if l.Connector == c.o.Name && ok && channel == c.o.Channel {
			place, known = l.ID, true // the last is the newest
		}
	}
	if known {
		c.remember(in.Incident, place)
	}
	return place, known
}

func (c *Connector) remember(n itsm.IncidentNumber, place string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.places) >= placesMax {
		clear(c.places) // they are in the incidents' links
	}
	c.places[n] = place
}

// forget drops a message that is gone. The links still name it, so its absence is
// remembered by the place of the message that follows.
func (c *Connector) forget(n itsm.IncidentNumber) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.places, n)
}

// find looks through the channel for the incident's message.
func (c *Connector) find(ctx context.Context, n itsm.IncidentNumber, since itsm.Time) (hit *found, err error) {
	err = c.search(ctx, since, func(m *found) bool {
		if m.is(metaIncident) && m.Metadata.Payload.Incident == n.String() {
			hit = m
		}
		return hit != nil
	})
	return hit, err
}

// search goes through the channel's messages since a time, newest first, until
// done says so.
func (c *Connector) search(ctx context.Context, since itsm.Time, done func(*found) bool) error {
	q := url.Values{"channel": {c.o.Channel}, "include_all_metadata": {"true"}, "limit": {strconv.Itoa(historyPage)}}
	if since != 0 {
		q.Set("oldest", stamp(since.Std().Add(-clockDrift)))
	}
	for range historyPages {
		var page history
		if err := c.get(ctx, "conversations.history", q, &page); err != nil {
			return err
		}
		for i := range page.Messages {
			if done(&page.Messages[i]) {
				return nil
			}
		}
		if q.Set("cursor", page.Next.Cursor); page.Next.Cursor == "" {
			return nil
		}
	}
	return nil
}

// replied looks through a thread for the reply of an intent.
func (c *Connector) replied(ctx context.Context, key, place string) (bool, error) {
	channel, ts, _ := source.ParsePlace(place)
	q := url.Values{"channel": {channel}, "ts": {ts}, "include_all_metadata": {"true"}, "limit": {strconv.Itoa(historyPage)}}
	for range historyPages {
		var page history
		if err := c.get(ctx, "conversations.replies", q, &page); err != nil {
			return false, err
		}
		for i := range page.Messages {
			if m := &page.Messages[i]; m.is(metaReply) && m.Metadata.Payload.Key == key {
				return true, nil
			}
		}
		if q.Set("cursor", page.Next.Cursor); page.Next.Cursor == "" {
			return false, nil
		}
	}
	return false, nil
}

// IncidentOf finds our incident behind a message whose thread somebody wrote in.
func (c *Connector) IncidentOf(ctx context.Context, id string) (itsm.IncidentNumber, uint32, error) {
	channel, ts, ok := source.ParsePlace(id)
	if !ok || channel != c.o.Channel {
		return 0, 0, itsm.Errorf(itsm.NotFound, "Slack message %s is not in channel %s", id, c.o.Channel)
	}
	q := url.Values{"channel": {channel}, "oldest": {ts}, "latest": {ts}, "inclusive": {"true"}, "limit": {"1"}, "include_all_metadata": {"true"}}
	var page history
	if err := c.get(ctx, "conversations.history", q, &page); err != nil {
		return 0, 0, itsm.Wrap(itsm.Unavailable, err, "Slack cannot be asked now about message %s", id)
	}
	for i := range page.Messages {
		if m := &page.Messages[i]; m.is(metaIncident) && m.TS == ts {
			if n, epoch, ok := source.ParseMark(m.Metadata.Payload.mark()); ok {
				return n, epoch, nil
			}
		}
	}
	return 0, 0, itsm.Errorf(itsm.NotFound, "Slack message %s is not about an incident of ours", id)
}

// Look implements connectors.Looker: how the incident's message shows it.
func (c *Connector) Look(ctx context.Context, n itsm.IncidentNumber, epoch uint32) (connectors.Record, error) {
	all, err := c.LookMany(ctx, []connectors.Ref{{Incident: n, Epoch: epoch}})
	if err != nil {
		return connectors.Record{}, err
	}
	return all[0], nil
}

// LookMany implements connectors.ManyLooker: it goes through the channel's newest
// messages once. A message older than those is taken for none.
func (c *Connector) LookMany(ctx context.Context, refs []connectors.Ref) ([]connectors.Record, error) {
	out := make([]connectors.Record, len(refs))
	missing := map[string]int{}
	for i, r := range refs {
		missing[source.Mark(r.Incident, r.Epoch)] = i
	}
	err := c.search(ctx, 0, func(m *found) bool {
		mark := m.Metadata.Payload.mark()
		if i, ok := missing[mark]; ok && m.is(metaIncident) {
			delete(missing, mark)
			out[i] = connectors.Record{Status: standing[m.Metadata.Payload.State], Link: *c.link(ctx, source.Place(c.o.Channel, m.TS)), Ours: true}
		}
		return len(missing) == 0
	})
	return out, err
}

var standing = map[string]connectors.RecordStatus{
	stateOpen: connectors.RecordOpen, stateAcknowledged: connectors.RecordAcknowledged, stateResolved: connectors.RecordResolved,
}

// Check implements connectors.Tester: who the app is, and whether it may read the
// channel.
func (c *Connector) Check(ctx context.Context) (string, error) {
	var who struct {
		answer
		Team string `json:"team"`
		User string `json:"user"`
	}
	if err := c.get(ctx, "auth.test", nil, &who); err != nil {
		return "", err
	}
	var page history
	if err := c.get(ctx, "conversations.history", url.Values{"channel": {c.o.Channel}, "limit": {"1"}}, &page); err != nil {
		return "", err
	}
	return fmt.Sprintf("signed in to %s as %s; reads channel %s", who.Team, who.User, c.o.Channel), nil
}

// link is the record of a message. Its address needs the workspace's, which is
// asked for once; without an answer the link has none.
func (c *Connector) link(ctx context.Context, place string) *itsm.ExternalRef {
	l := &itsm.ExternalRef{Connector: c.o.Name, ID: place}
	c.mu.Lock()
	team := c.team
	c.mu.Unlock()
	if team == "" {
		var who struct {
			answer
			URL string `json:"url"`
		}
		if err := c.get(ctx, "auth.test", nil, &who); err != nil || !strings.HasPrefix(who.URL, "https://") {
			return l
		}
		team = strings.TrimSuffix(who.URL, "/")
		c.mu.Lock()
		c.team = team
		c.mu.Unlock()
	}
	channel, ts, _ := source.ParsePlace(place)
	l.URL = team + "/archives/" + channel + "/p" + strings.ReplaceAll(ts, ".", "")
	return l
}

// stamp is a time as Slack writes it.
func stamp(t time.Time) string { return fmt.Sprintf("%d.000000", max(0, t.Unix())) }
