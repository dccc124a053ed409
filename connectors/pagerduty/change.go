package pagerduty

import (
	"context"
	"encoding/json"
	"net/url"
	"slices"

	pd "github.com/PagerDuty/go-pagerduty"

	"signalbox/connectors"
	"signalbox/itsm"
)

// tellChange makes a change event of a change, so that it is shown beside the
// incidents of its service: once by each integration whose service it names, or by
// the general one. PagerDuty deduplicates no change events: one whose answer was lost
// may be there twice, one that it confirmed is not sent again.
//
// https://developer.pagerduty.com/docs/send-change-event (limits: summary 1,024
// characters, 512 KB).
func (c *Connector) tellChange(ctx context.Context, in *itsm.Intent) error {
	var ch itsm.Change
	if err := json.Unmarshal(in.Body, &ch); err != nil || ch.ID != in.Object {
		return itsm.Errorf(itsm.Internal, "an intent about %s says nothing of a change of that number", in.Object)
	}
	var keys []string
	for _, route := range slices.Concat(ch.Services, ch.CIs) {
		if key := c.o.RoutingKeys[route]; key != "" && !slices.Contains(keys, key) {
			keys = append(keys, key)
		}
	}
	if len(keys) == 0 {
		keys = []string{c.o.RoutingKey}
	}
	for _, key := range keys {
		if c.mayBeOut(in.Key + key) {
			continue // an earlier try got so far
		}
		if err := c.changeEvent(ctx, key, &ch); err != nil {
			c.notOut(in.Key + key)
			return err
		}
	}
	return nil
}

func (c *Connector) changeEvent(ctx context.Context, key string, ch *itsm.Change) error {
	e := pd.ChangeEvent{RoutingKey: key, Payload: pd.ChangeEventPayload{
		Summary: connectors.Cut(string(ch.State)+": "+ch.Title, summaryMax), Source: connectors.Cut(firstOf(ch.Source, "signalbox"), summaryMax),
		Timestamp: changedAt(ch).String(), CustomDetails: changeDetails(ch),
	}}
	if u, err := url.Parse(ch.URL); err == nil && u.Host != "" && len(ch.URL) <= hrefMax {
		e.Links = append(e.Links, pd.ChangeEventLink{Href: ch.URL, Text: firstOf(ch.ExternalID, ch.ID)})
	}
	call, client := c.client()
	_, err := client.CreateChangeEventWithContext(ctx, e)
	return call.outcome(err)
}

func changedAt(ch *itsm.Change) itsm.Time {
	for _, at := range []itsm.Time{ch.EndedAt, ch.StartedAt, ch.UpdatedAt} {
		if at != 0 {
			return at
		}
	}
	return ch.CreatedAt
}

func changeDetails(ch *itsm.Change) map[string]any {
	out := map[string]any{}
	for name, v := range map[string]string{
		"change": ch.ID, "external_id": ch.ExternalID, "type": string(ch.Type), "state": string(ch.State), "who": ch.Who, "risk": ch.Risk, "description": connectors.Cut(ch.Description, summaryMax),
	} {
		if v != "" {
			out[name] = v
		}
	}
	for name, v := range map[string][]string{"cis": ch.CIs, "services": ch.Services} {
		if len(v) > 0 {
			out[name] = v[:min(len(v), itsm.IntentCIsMax)]
		}
	}
	return out
}
