package datadog

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"signalbox/connectors"
	"signalbox/itsm"
)

// Bounds of an event and of the events of one intent.
const (
	eventsMax      = 10
	eventTitleMax  = 100
	eventTextMax   = 4000
	aggregationMax = 100
	intentTag      = "signalbox_intent:"
)

// event is an EventCreateRequest of the v1 API.
type event struct {
	Title          string   `json:"title"`
	Text           string   `json:"text"`
	AggregationKey string   `json:"aggregation_key,omitempty"`
	AlertType      string   `json:"alert_type"`
	Priority       string   `json:"priority"`
	SourceTypeName string   `json:"source_type_name"`
	Tags           []string `json:"tags"`
}

// tell posts an event to the stream of each of its monitors that is in the
// incident. An event has no key of its own: before a repeat it is looked for by its
// tag.
func (c *Connector) tell(ctx context.Context, in *itsm.Intent) error {
	list, err := c.members(in.Incident)
	if err != nil {
		return err
	}
	list = streams(list)
	if len(list) == 0 {
		return nil
	}
	done, err := c.told(ctx, in)
	if err != nil {
		return err
	}
	for i := range list {
		e := c.event(in, &list[i], i)
		tag := e.Tags[0]
		if slices.Contains(done, tag) {
			continue
		}
		if err := c.made.Missed(in, tag); err != nil {
			return err
		}
		c.made.Trying(tag)
		err := c.call(ctx, http.MethodPost, "/api/v1/events", nil, &e, nil)
		c.made.Settled(tag, err)
		if err != nil {
			return err
		}
		c.made.Made(tag, tag)
	}
	return nil
}

// streams are the alerts that speak for a stream each, at most eventsMax.
func streams(list []itsm.Alert) (out []itsm.Alert) {
	seen := map[string]bool{}
	slices.SortFunc(list, func(a, b itsm.Alert) int { return strings.Compare(string(a.Key), string(b.Key)) })
	for _, a := range list {
		if k := streamOf(&a); !seen[k] && len(out) < eventsMax {
			seen[k] = true
			out = append(out, a)
		}
	}
	return out
}

// streamOf is the aggregation key of an alert's events: what its sender says it is.
func streamOf(a *itsm.Alert) string {
	return strings.TrimPrefix(string(a.Key), string(itsm.KeyOf(a.Source, "")))
}

// told lists the tags of the events that earlier tries of this intent posted.
func (c *Connector) told(ctx context.Context, in *itsm.Intent) ([]string, error) {
	first, last := connectors.TriedAt(ctx)
	if last.IsZero() {
		return nil, nil
	}
	q := url.Values{"start": {strconv.FormatInt(min(first.Unix(), in.At.Std().Unix())-60, 10)}, "end": {strconv.FormatInt(c.o.Clock().Unix()+60, 10)},
		"tags": {intentTag + in.Key}, "unaggregated": {"true"}}
	var out struct {
		Events []struct {
			Tags []string `json:"tags"`
		} `json:"events"`
	}
	if err := c.call(ctx, http.MethodGet, "/api/v1/events", q, nil, &out); err != nil {
		return nil, err
	}
	var tags []string
	for i := range eventsMax {
		if t := tagOf(in, i); c.made.ID(t) != "" { // posted by this process
			tags = append(tags, t)
		}
	}
	for _, e := range out.Events {
		for _, t := range e.Tags {
			if strings.HasPrefix(t, intentTag+in.Key) {
				tags = append(tags, t)
			}
		}
	}
	return tags, nil
}

// tagOf names the n-th event of an intent.
func tagOf(in *itsm.Intent, n int) string {
	if n == 0 {
		return intentTag + in.Key
	}
	return intentTag + in.Key + "-" + strconv.Itoa(n)
}

func (c *Connector) event(in *itsm.Intent, a *itsm.Alert, n int) event {
	what, kind := "acknowledged by "+in.Actor, "info"
	if in.Transition == itsm.Resolve {
		what, kind = "resolved by "+in.Actor, "success"
		if in.Snapshot.StillFiring {
			kind = "warning"
		}
	}
	e := event{Title: connectors.Cut(oneLine(fmt.Sprintf("%s %s", in.Incident, what)), eventTitleMax), AlertType: kind, Priority: "normal", SourceTypeName: "signalbox",
		Text: connectors.Cut(fmt.Sprintf("%s\n%s\n%s", oneLine(in.Snapshot.Title), oneLine(in.Text), c.link(in.Incident)), eventTextMax),
		Tags: []string{tagOf(in, n), "incident:" + strings.ToLower(in.Incident.String())}}
	if k := streamOf(a); len(k) <= aggregationMax {
		e.AggregationKey = k
	}
	if id := a.Labels.Get("monitor_id"); id != "" {
		e.Tags = append(e.Tags, "monitor_id:"+id)
	}
	return e
}
