// Package pagerdutychange decodes change events in the shape of PagerDuty's Events
// API, so that what sends them there can send them here too. It is pure.
//
// The fields read are those of
// https://developer.pagerduty.com/docs/send-change-event (2026-11): routing_key,
// which is not looked at, payload{summary, source, timestamp, custom_details},
// links[].
package pagerdutychange

import (
	"signalbox/ingest/source"
	"signalbox/itsm"
)

// Decode turns one event into one act: a change that is over. "ci" or "service",
// and "environment", among its custom_details say what changed; without them, its
// source does.
func Decode(body []byte, b source.Bounds) (source.Result, error) {
	f, err := source.Flatten(body, b)
	if err != nil {
		return source.Result{}, err
	}
	if f["payload.summary"] == "" {
		return source.Result{}, itsm.Errorf(itsm.Invalid, `not a change event: "payload.summary" is missing`)
	}
	at, state := source.MaybeTime(f["payload.timestamp"]), itsm.ChangeSuccessful
	if s := f["payload.timestamp"]; s != "" && at == 0 {
		return source.Result{}, itsm.Errorf(itsm.Invalid, "payload.timestamp: %s is not an RFC 3339 time", source.Quote(s))
	}
	u := itsm.ChangeUpdate{State: &state, Title: source.Said(source.Title(f["payload.summary"])), EndedAt: source.SaidAt(at),
		Environment: source.Said(f["payload.custom_details.environment"]),
		CIs:         source.SaidCI(f["payload.custom_details.ci"], f["payload.custom_details.service"], f["payload.source"]),
		Who:         source.Said(f["payload.source"]), URL: source.Said(source.Link(f["links.0.href"]))}
	if at != 0 { // the same event again is the same change; without a time nobody can say
		u.ExternalID = source.Said(source.Digest(f["payload.summary"], f["payload.source"], f["payload.timestamp"]))
	}
	who := f["payload.source"]
	if who == "" {
		who = "event"
	}
	act, err := source.ChangeAct("pagerduty-change:"+who, at, u)
	return source.Result{Acts: []itsm.Act{act}}, err
}
