// Package slack decodes what Slack sends about the messages that Signalbox posts:
// presses of their buttons (interactivity) and replies in their threads (Events
// API). It is pure.
//
// A button's value is the Mark of its incident and epoch, so a press needs no
// look-up. A reply names only the message it belongs to; such an act has Incident 0
// and the message in Link, for the connector to resolve.
package slack

import (
	"net/url"
	"strconv"
	"strings"

	"signalbox/ingest/source"
	"signalbox/itsm"
)

// Actions are the ids of the buttons that are acts. A button that only opens a
// page is reported by Slack, too, and is none.
const (
	ActionAcknowledge = "signalbox_acknowledge"
	ActionResolve     = "signalbox_resolve"
	ActionAssign      = "signalbox_assign_me"
	ActionReopen      = "signalbox_reopen"
	ActionOpen        = "signalbox_open"
)

var acts = map[string]itsm.ActKind{
	ActionAcknowledge: itsm.ActAcknowledge, ActionResolve: itsm.ActResolve, ActionAssign: itsm.ActAssign, ActionReopen: itsm.ActReopen,
}

// payloadField is the form field in which interactivity carries its JSON.
const payloadField = "payload="

// Mark names an incident's epoch on a button and in a message's metadata.
func Mark(n itsm.IncidentNumber, epoch uint32) string {
	return n.String() + "/" + strconv.FormatUint(uint64(epoch), 10)
}

// ParseMark reads what Mark wrote; false for anything else.
func ParseMark(mark string) (itsm.IncidentNumber, uint32, bool) {
	number, epoch, _ := strings.Cut(mark, "/")
	n, err := itsm.ParseIncidentNumber(number)
	if err != nil {
		return 0, 0, false
	}
	e, err := strconv.ParseUint(epoch, 10, 32)
	if err != nil || e == 0 || Mark(n, uint32(e)) != mark {
		return 0, 0, false
	}
	return n, uint32(e), true
}

// Place is the id of a message: its channel and its timestamp, which Slack uses as
// the message's name within the channel.
func Place(channel, ts string) string { return channel + ":" + ts }

// ParsePlace reads what Place wrote.
func ParsePlace(id string) (channel, ts string, ok bool) {
	channel, ts, ok = strings.Cut(id, ":")
	return channel, ts, ok && channel != "" && ts != ""
}

// Decode turns one request into at most one act. What concerns nothing of ours is
// an empty result; the challenge of a new Events API address is answered.
//
// The fields read are those of
// https://docs.slack.dev/reference/interaction-payloads/block_actions-payload
// (type, trigger_id, user{id, username, name}, channel{id}, container{channel_id,
// message_ts}, actions[]{action_id, value, action_ts}) and
// https://docs.slack.dev/apis/events-api (type, challenge, event_id, event{type,
// subtype, bot_id, channel, user, text, ts, thread_ts}), 2026-11.
func Decode(body []byte, b source.Bounds) (source.Result, error) {
	if form, ok := strings.CutPrefix(string(body), payloadField); ok {
		form, _, _ = strings.Cut(form, "&")
		payload, err := url.QueryUnescape(form)
		if err != nil {
			return source.Result{}, itsm.Errorf(itsm.Invalid, "payload: not a form's value: it has a percent sign without two hex digits")
		}
		f, err := source.Flatten([]byte(payload), b)
		if err != nil {
			return source.Result{}, err
		}
		return interaction(f)
	}
	f, err := source.Flatten(body, b)
	if err != nil {
		return source.Result{}, err
	}
	switch f["type"] {
	case "url_verification":
		if c := f["challenge"]; c == "" || len(c) > source.NameBytesMax {
			return source.Result{}, itsm.Errorf(itsm.Invalid, "challenge: %d bytes, expected 1 to %d", len(c), source.NameBytesMax)
		}
		return source.Result{Reply: f["challenge"]}, nil
	case "event_callback":
		return reply(f)
	}
	return source.Result{}, itsm.Errorf(itsm.Invalid, `type: %s: expected a form field "payload", or "url_verification" or "event_callback"`, source.Quote(f["type"]))
}

// interaction is a press of a button.
func interaction(f source.Flat) (source.Result, error) {
	if f["type"] != "block_actions" {
		return source.Result{}, nil // a shortcut or a dialogue of the same app
	}
	kind, ok := acts[f["actions.0.action_id"]]
	if !ok {
		return source.Result{}, nil
	}
	n, epoch, ok := ParseMark(f["actions.0.value"])
	if !ok {
		return source.Result{}, itsm.Errorf(itsm.Invalid, "actions[0].value: %s: expected an incident and its epoch such as INC0000001/1", source.Quote(f["actions.0.value"]))
	}
	version, ok := millis(f["actions.0.action_ts"])
	if !ok {
		return source.Result{}, itsm.Errorf(itsm.Invalid, "actions[0].action_ts: %s: expected seconds such as 1548426417.840180", source.Quote(f["actions.0.action_ts"]))
	}
	id := f["trigger_id"]
	if id == "" || len(id) > source.NameBytesMax {
		return source.Result{}, itsm.Errorf(itsm.Invalid, "trigger_id: %d bytes, expected 1 to %d", len(id), source.NameBytesMax)
	}
	who := person(f.First("user.username", "user.name", "user.id"))
	a := itsm.Act{Kind: kind, Incident: n, Epoch: epoch, Actor: "slack:" + who, DeliveryID: id, PartnerVersion: version}
	switch kind {
	case itsm.ActAssign:
		a.Assignee = who
	case itsm.ActReopen:
		a.Reason = "reopened in Slack"
	}
	return source.Result{Acts: []itsm.Act{a}}, nil
}

// reply is somebody's message in a thread, which is a note when the thread is ours.
func reply(f source.Flat) (source.Result, error) {
	text := strings.TrimSpace(plain(f["event.text"]))
	switch {
	case f["event.type"] != "message", f["event.subtype"] != "" && f["event.subtype"] != "thread_broadcast", f["event.bot_id"] != "",
		f["event.thread_ts"] == "", f["event.thread_ts"] == f["event.ts"], text == "":
		return source.Result{}, nil
	}
	place := Place(f["event.channel"], f["event.thread_ts"])
	version, ok := millis(f["event.ts"])
	if !ok || f["event.channel"] == "" || len(place) > source.NameBytesMax {
		return source.Result{}, itsm.Errorf(itsm.Invalid, "event: channel %s, ts %s, thread_ts %s: expected a message in a thread", source.Quote(f["event.channel"]), source.Quote(f["event.ts"]), source.Quote(f["event.thread_ts"]))
	}
	id := f["event_id"]
	if id == "" || len(id) > source.NameBytesMax {
		return source.Result{}, itsm.Errorf(itsm.Invalid, "event_id: %d bytes, expected 1 to %d", len(id), source.NameBytesMax)
	}
	a := itsm.Act{Kind: itsm.ActNote, Actor: "slack:" + person(f["event.user"]), DeliveryID: id, PartnerVersion: version,
		Text: source.Clip(text, itsm.NoteBytesMax), Link: &itsm.ExternalRef{ID: place}}
	return source.Result{Acts: []itsm.Act{a}}, nil
}

func person(name string) string {
	if name == "" {
		return "somebody"
	}
	return source.Clip(name, source.PersonBytesMax)
}

// plain takes back what Slack escapes in a message's text.
func plain(s string) string { return unescape.Replace(s) }

var unescape = strings.NewReplacer("&lt;", "<", "&gt;", ">", "&amp;", "&")

// millis reads Slack's seconds with six decimals.
func millis(ts string) (int64, bool) {
	seconds, fraction, ok := strings.Cut(ts, ".")
	if !ok || len(seconds) > 12 || len(fraction) < 3 || len(fraction) > 9 {
		return 0, false
	}
	n, err := strconv.ParseUint(seconds+fraction[:3], 10, 63)
	if err != nil {
		return 0, false
	}
	return int64(n), n > 0
}
