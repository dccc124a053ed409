package teams

import (
	"fmt"
	"strings"

	"signalbox/connectors"
	"signalbox/itsm"
)

const (
	messageMax = 28_000 // published: 28 KB with everything
	textMax    = 6000   // bytes of one text, before the message is found too large
	textMin    = 50
	namesMax   = 10
)

type message struct {
	Type        string       `json:"type"`
	Attachments []attachment `json:"attachments"`
}

type attachment struct {
	ContentType string `json:"contentType"`
	ContentURL  any    `json:"contentUrl"`
	Content     card   `json:"content"`
}

type card struct {
	Schema  string    `json:"$schema"`
	Type    string    `json:"type"`
	Version string    `json:"version"`
	Teams   width     `json:"msteams"`
	Speak   string    `json:"fallbackText"`
	Body    []element `json:"body"`
	Actions []action  `json:"actions,omitempty"`
}

type width struct {
	Width string `json:"width"`
}

type element struct {
	Type      string    `json:"type"`
	Style     string    `json:"style,omitempty"`
	Bleed     bool      `json:"bleed,omitempty"`
	Items     []element `json:"items,omitempty"`
	Inlines   []run     `json:"inlines,omitempty"`
	Spacing   string    `json:"spacing,omitempty"`
	Separator bool      `json:"separator,omitempty"`
}

type run struct {
	Type   string `json:"type"`
	Text   string `json:"text"`
	Size   string `json:"size,omitempty"`
	Weight string `json:"weight,omitempty"`
}

type action struct {
	Type  string `json:"type"`
	Title string `json:"title"`
	URL   string `json:"url"`
	Style string `json:"style,omitempty"`
}

// look is the colour of a card's head.
var look = map[itsm.Transition]string{itsm.Trigger: "attention", itsm.Update: "attention", itsm.Acknowledge: "warning", itsm.Resolve: "good", itsm.Note: "emphasis"}

var words = map[itsm.Transition]string{itsm.Trigger: "is open", itsm.Update: "has changed", itsm.Acknowledge: "is acknowledged", itsm.Resolve: "is resolved", itsm.Note: "has a note"}

// repeated marks a card whose first try has an unknown outcome.
const repeated = "Perhaps a repeat: Teams did not say whether it took this card before."

// card is an incident after a change; no text is longer than most. again: it may be
// in the channel already.
func (c *Connector) card(in *itsm.Intent, most int, again bool) message {
	s := &in.Snapshot
	head := fmt.Sprintf("%s %s %s", s.Priority, in.Incident, words[in.Transition])
	if in.Transition == itsm.Trigger && in.Epoch > 1 {
		head += " again"
	}
	text := func(v string) string { return connectors.Cut(plain(v), most) }
	k := card{Schema: "http://adaptivecards.io/schemas/adaptive-card.json", Type: "AdaptiveCard", Version: "1.4", Teams: width{"Full"}, Speak: head}
	title := []element{{Type: "RichTextBlock", Inlines: []run{{Type: "TextRun", Text: head, Weight: "Bolder"}}},
		{Type: "RichTextBlock", Spacing: "None", Inlines: []run{{Type: "TextRun", Text: text(s.Title), Size: "Large"}}}}
	k.Body = append(k.Body, element{Type: "Container", Style: look[in.Transition], Bleed: true, Items: title})
	if again {
		k.Body = append(k.Body, element{Type: "RichTextBlock", Spacing: "Small", Inlines: []run{{Type: "TextRun", Text: repeated}}})
	}
	fact := func(name, value string) {
		if value = text(value); value != "" {
			k.Body = append(k.Body, element{Type: "RichTextBlock", Spacing: "Small", Inlines: []run{{Type: "TextRun", Text: name + ": ", Weight: "Bolder"}, {Type: "TextRun", Text: value}}})
		}
	}
	if in.Transition != itsm.Trigger {
		fact("By", in.Actor)
		fact(map[bool]string{true: "Note", false: "Because"}[in.Transition == itsm.Note], in.Text)
	}
	if in.Transition != itsm.Note {
		fact("Probable cause", s.Cause)
		fact("Services", names(s.Services))
		fact("CIs", names(s.CIs))
		fact("Alerts", fmt.Sprintf("%d, %d firing", s.Alerts, s.Firing))
		fact("Team", strings.Trim(s.Group+" · "+s.Assignee, " ·"))
		fact("Why", s.Because)
	}
	k.Actions = c.actions(in)
	return message{Type: "message", Attachments: []attachment{{ContentType: "application/vnd.microsoft.card.adaptive", Content: k}}}
}

func (c *Connector) actions(in *itsm.Intent) []action {
	if c.o.ExternalURL == "" {
		return nil
	}
	page := in.Incident.PageAt(c.o.ExternalURL)
	open := in.Transition != itsm.Resolve && (in.Snapshot.State.IsOpen() || in.Snapshot.State == 0)
	var out []action
	if open && in.Transition != itsm.Acknowledge && in.Snapshot.State == itsm.New {
		out = append(out, action{Type: "Action.OpenUrl", Title: "Acknowledge", URL: page + "/ask/acknowledge", Style: "positive"})
	}
	out = append(out, action{Type: "Action.OpenUrl", Title: "Open in console", URL: page})
	if open {
		out = append(out, action{Type: "Action.OpenUrl", Title: "Resolve", URL: page + "/ask/resolve"})
	}
	return out
}

func names(list []string) string {
	if n := len(list) - namesMax; n > 0 {
		return strings.Join(list[:namesMax], ", ") + fmt.Sprintf(" and %d more", n)
	}
	return strings.Join(list, ", ")
}

// plain takes out control characters, and the tag of a mention, which means nothing
// without its entity.
func plain(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' && r != '\n' && r != '\t' || r == 0x7f {
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, "?"))
	return strings.NewReplacer("<at>", "<\u200bat>", "</at>", "<\u200b/at>").Replace(s)
}
