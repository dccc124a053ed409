package pagerduty

import (
	"context"
	"net/url"

	pd "github.com/PagerDuty/go-pagerduty"

	"signalbox/connectors"
	"signalbox/itsm"
)

// TellChange makes a change event of a change, so that it is shown beside the
// incidents of its service: once by each integration whose service it names, or by
// the general one. Change events are not deduplicated; tell each state once.
//
// https://developer.pagerduty.com/docs/send-change-event (limits: summary 1,024
// characters, 512 KB).
func (c *Connector) TellChange(ctx context.Context, ch *itsm.Change) error {
	told := map[string]bool{}
	for _, route := range append(append([]string{}, ch.Services...), ch.CIs...) {
		if key := c.o.RoutingKeys[route]; key != "" && !told[key] {
			told[key] = true
			if err := c.changeEvent(ctx, key, ch); err != nil {
				return err
			}
		}
	}
	if len(told) > 0 {
		return nil
	}
	return c.changeEvent(ctx, c.o.RoutingKey, ch)
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
