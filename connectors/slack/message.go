package slack

import (
	"fmt"
	"strconv"
	"strings"

	"signalbox/connectors"
	source "signalbox/ingest/source/slack"
	"signalbox/itsm"
)

// Published limits, in characters; bytes are counted, which are never fewer.
const (
	blocksMax = 50
	headerMax = 150
	textMax   = 3000  // of a section
	fieldMax  = 2000  // of a field of a section, of which there are 10
	noticeMax = 4000  // the notification text
	replyMax  = 12000 // of a note, in sections of textMax
	namesMax  = 10    // CIs and services that are named
)

// What a message's metadata says it is.
const (
	metaIncident = "signalbox_incident"
	metaReply    = "signalbox_reply"
)

// How an incident stands, in the metadata.
const (
	stateOpen         = "open"
	stateAcknowledged = "acknowledged"
	stateResolved     = "resolved"
)

// metadata is what Slack keeps beside a message and shows to apps only.
type metadata struct {
	Type    string  `json:"event_type"`
	Payload payload `json:"event_payload"`
}

type payload struct {
	Incident string `json:"incident,omitempty"`
	Epoch    uint32 `json:"epoch,omitempty"`
	State    string `json:"state,omitempty"`
	Key      string `json:"key,omitempty"`
}

func (p payload) mark() string { return p.Incident + "/" + strconv.FormatUint(uint64(p.Epoch), 10) }

// message is the body of chat.postMessage and chat.update.
type message struct {
	Channel   string    `json:"channel"`
	TS        string    `json:"ts,omitempty"`
	ThreadTS  string    `json:"thread_ts,omitempty"`
	Broadcast bool      `json:"reply_broadcast,omitempty"`
	Text      string    `json:"text"`
	Blocks    []block   `json:"blocks,omitempty"`
	Metadata  *metadata `json:"metadata,omitempty"`
	Parse     string    `json:"parse"`
	LinkNames bool      `json:"link_names"`
	Mrkdwn    bool      `json:"mrkdwn"`
	UnfurlURL bool      `json:"unfurl_links"`
	UnfurlImg bool      `json:"unfurl_media"`
}

type block struct {
	Type     string    `json:"type"`
	BlockID  string    `json:"block_id,omitempty"`
	Text     *text     `json:"text,omitempty"`
	Fields   []text    `json:"fields,omitempty"`
	Elements []element `json:"elements,omitempty"`
}

type text struct {
	Type  string `json:"type"`
	Text  string `json:"text"`
	Emoji bool   `json:"emoji"`
}

// element is a button, or the text of a context block.
type element struct {
	Type     string `json:"type"`
	Text     any    `json:"text"`
	Emoji    *bool  `json:"emoji,omitempty"`
	ActionID string `json:"action_id,omitempty"`
	Value    string `json:"value,omitempty"`
	URL      string `json:"url,omitempty"`
	Style    string `json:"style,omitempty"`
}

func plain(s string, most int) text {
	return text{Type: "plain_text", Text: connectors.Cut(quiet(s), most)}
}

// stateOf is how the incident stands when the intent is sent.
func stateOf(in *itsm.Intent) string {
	switch {
	case in.Transition == itsm.Resolve || !in.Snapshot.State.IsOpen() && in.Snapshot.State != 0:
		return stateResolved
	case in.Transition == itsm.Acknowledge || in.Snapshot.State == itsm.InProgress || in.Snapshot.State == itsm.OnHold:
		return stateAcknowledged
	}
	return stateOpen
}

// message is an incident as the channel sees it.
func (c *Connector) message(in *itsm.Intent) message {
	s, state := &in.Snapshot, stateOf(in)
	title := fmt.Sprintf("%s %s · %s", icons[state], s.Priority, s.Title)
	m := newMessage(fmt.Sprintf("[%s] %s %s: %s", s.Priority, in.Incident, state, s.Title))
	m.Metadata = &metadata{Type: metaIncident, Payload: payload{Incident: in.Incident.String(), Epoch: in.Epoch, State: state, Key: in.Key}}
	header := plain(title, headerMax)
	m.Blocks = append(m.Blocks, block{Type: "header", Text: &header}, block{Type: "section", Fields: fields(in, state)})
	if s.Because != "" {
		why := plain("Why: "+s.Because, textMax)
		m.Blocks = append(m.Blocks, block{Type: "section", Text: &why})
	}
	if line := lastLine(in); line != "" {
		off := false
		m.Blocks = append(m.Blocks, block{Type: "context", Elements: []element{{Type: "plain_text", Text: connectors.Cut(quiet(line), textMax), Emoji: &off}}})
	}
	if b := c.buttons(in, state); len(b) > 0 {
		m.Blocks = append(m.Blocks, block{Type: "actions", BlockID: "signalbox", Elements: b})
	}
	return m
}

// icons are characters, not Slack's names of emoji, so that nothing needs markup.
var icons = map[string]string{stateOpen: "🔴", stateAcknowledged: "🟡", stateResolved: "🟢"}

func newMessage(notice string) message {
	return message{Text: connectors.Cut(escape(quiet(notice)), noticeMax), Parse: "none"}
}

func fields(in *itsm.Intent, state string) []text {
	s := &in.Snapshot
	var out []text
	add := func(name, value string) {
		if value != "" {
			out = append(out, plain(name+": "+value, fieldMax))
		}
	}
	add("Incident", in.Incident.String())
	add("State", state)
	add("Priority", s.Priority.String())
	add("Alerts", fmt.Sprintf("%d, %d firing", s.Alerts, s.Firing))
	add("Probable cause", s.Cause)
	add("Services", names(s.Services))
	add("CIs", names(s.CIs))
	add("Team", strings.Trim(s.Group+" · "+s.Assignee, " ·"))
	if s.OpenedAt != 0 {
		add("Opened", s.OpenedAt.Std().UTC().Format("2006-01-02 15:04 MST"))
	}
	return out
}

// names lists the first few.
func names(list []string) string {
	if n := len(list) - namesMax; n > 0 {
		return strings.Join(list[:namesMax], ", ") + fmt.Sprintf(" and %d more", n)
	}
	return strings.Join(list, ", ")
}

// lastLine says what happened last, and by whom.
func lastLine(in *itsm.Intent) string {
	switch in.Transition {
	case itsm.Acknowledge, itsm.Update:
		return in.Text
	case itsm.Resolve:
		line := "resolved by " + in.Actor
		if in.Text != "" {
			line += ": " + in.Text
		}
		return line
	}
	return ""
}

// buttons are what can be done in this state. Those that act need that Slack may
// call us.
func (c *Connector) buttons(in *itsm.Intent, state string) []element {
	var out []element
	act := func(id, label, style string) {
		if c.o.Interactive {
			out = append(out, element{Type: "button", ActionID: id, Text: plain(label, 75), Value: source.Mark(in.Incident, in.Epoch), Style: style})
		}
	}
	if state == stateOpen {
		act(source.ActionAcknowledge, "Acknowledge", "primary")
	}
	if state != stateResolved {
		act(source.ActionAssign, "Assign to me", "")
		act(source.ActionResolve, "Resolve", "")
	} else {
		act(source.ActionReopen, "Reopen", "")
	}
	if c.o.ExternalURL != "" {
		out = append(out, element{Type: "button", ActionID: source.ActionOpen, Text: plain("Open in console", 75),
			URL: in.Incident.PageAt(c.o.ExternalURL)})
	}
	return out
}

// replyMessage is a note in the thread.
func replyMessage(in *itsm.Intent, what string, show bool) message {
	m := newMessage(what)
	m.Broadcast = show
	m.Metadata = &metadata{Type: metaReply, Payload: payload{Incident: in.Incident.String(), Key: in.Key}}
	for rest := connectors.Cut(quiet(what), replyMax); rest != ""; {
		head := connectors.Head(rest, textMax)
		rest = rest[len(head):]
		m.Blocks = append(m.Blocks, block{Type: "section", Text: &text{Type: "plain_text", Text: head}})
	}
	return m
}

// escape writes the three characters that mean something in a message's text as
// https://docs.slack.dev/messaging/formatting-message-text says.
func escape(s string) string { return escaped.Replace(s) }

var escaped = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;")

// quiet takes the power to notify out of a text, whichever way it is parsed: a
// zero-width space stands between the sign and the word.
func quiet(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' && r != '\n' && r != '\t' || r == 0x7f {
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, "?"))
	if strings.ContainsAny(s, "@!") {
		s = loud.Replace(s)
	}
	if strings.TrimSpace(s) == "" {
		return "-" // an empty text is refused
	}
	return s
}

var loud = strings.NewReplacer("<@", "<\u200b@\u200b", "@", "@\u200b", "<!", "<\u200b!")
