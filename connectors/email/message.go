package email

import (
	"bytes"
	"fmt"
	"html/template"
	"strings"

	"github.com/wneessen/go-mail"

	"signalbox/connectors"
	"signalbox/itsm"
)

const (
	subjectMax = 200 // bytes before its encoding; a line of a header has at most 998
	textMax    = 20_000
	namesMax   = 20
)

// message is one mail of an incident's thread.
func (c *Connector) message(in *itsm.Intent) (*mail.Msg, error) {
	m := mail.NewMsg(mail.WithEncoding(mail.EncodingQP), mail.WithCharset(mail.CharsetUTF8), mail.WithNoDefaultUserAgent())
	if err := m.From(c.o.From); err != nil {
		return nil, err
	}
	if err := m.To(c.o.To...); err != nil {
		return nil, err
	}
	s := &in.Snapshot
	subject := fmt.Sprintf("[%s] %s %s", in.Incident, s.Priority, s.Title)
	if in.Transition == itsm.Trigger && in.Epoch <= 1 {
		m.SetMessageIDWithValue(c.root(in))
	} else {
		subject = "Re: " + subject
		m.SetMessageIDWithValue(in.Key + "@" + c.domain)
		m.SetGenHeaderPreformatted(mail.HeaderInReplyTo, "<"+c.root(in)+">")
		m.SetGenHeaderPreformatted(mail.HeaderReferences, "<"+c.root(in)+">")
	}
	m.Subject(connectors.Cut(oneLine(subject), subjectMax))
	m.SetDateWithValue(in.At.Std().UTC())
	m.SetGenHeader("Auto-Submitted", "auto-generated") // RFC 3834
	m.SetGenHeader("X-Auto-Response-Suppress", "All")
	m.SetGenHeader("X-Signalbox-Incident", in.Incident.String())
	if s.Priority == itsm.P1 && in.Transition == itsm.Trigger {
		m.SetImportance(mail.ImportanceHigh)
	}
	p := c.page(in)
	m.SetBodyString(mail.TypeTextPlain, p.text())
	var b bytes.Buffer
	if err := layout.Execute(&b, p); err != nil {
		return nil, err
	}
	m.AddAlternativeString(mail.TypeTextHTML, b.String())
	return m, nil
}

// root is the Message-ID that begins the incident's thread.
func (c *Connector) root(in *itsm.Intent) string {
	return strings.ToLower(in.Incident.String()) + "." + c.o.Name + ".signalbox@" + c.domain
}

// headerSafe leaves no encoded word of theirs, and no next line.
var headerSafe = strings.NewReplacer("=?", "= ?", "\u0085", " ")

// oneLine takes out whatever could end a line of a header, or would be decoded there.
func oneLine(s string) string {
	return connectors.OneLine(headerSafe.Replace(s))
}

// page is what a mail says.
type page struct {
	Head, Title, URL string
	Rows             [][2]string
	Text             string // a note, or why
}

var heads = map[itsm.Transition]string{
	itsm.Trigger: "is open", itsm.Update: "has changed", itsm.Acknowledge: "is acknowledged", itsm.Resolve: "is resolved", itsm.Note: "has a note",
}

func (c *Connector) page(in *itsm.Intent) page {
	s := &in.Snapshot
	p := page{Head: in.Incident.String() + " " + heads[in.Transition], Title: oneLine(s.Title), Text: connectors.Cut(plain(in.Text), textMax)}
	if in.Transition == itsm.Trigger && in.Epoch > 1 {
		p.Head += " again"
	}
	p.URL = in.Incident.PageAt(c.o.ExternalURL)
	add := func(name, value string) {
		if value = connectors.Cut(oneLine(value), textMax); value != "" {
			p.Rows = append(p.Rows, [2]string{name, value})
		}
	}
	add("Priority", s.Priority.String())
	add("State", s.State.String())
	add("Probable cause", s.Cause)
	add("Services", names(s.Services))
	add("CIs", names(s.CIs))
	add("Alerts", fmt.Sprintf("%d, %d firing", s.Alerts, s.Firing))
	add("Team", s.Group)
	add("Assignee", s.Assignee)
	add("Why", s.Because)
	add("Runbook", s.Runbook)
	if in.Transition != itsm.Trigger {
		add("By", in.Actor)
	}
	return p
}

func names(list []string) string {
	if n := len(list) - namesMax; n > 0 {
		return strings.Join(list[:namesMax], ", ") + fmt.Sprintf(" and %d more", n)
	}
	return strings.Join(list, ", ")
}

// plain keeps lines and takes out other control characters.
func plain(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' && r != '\n' && r != '\t' || r == 0x7f {
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, "?"))
}

func (p page) text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n\n%s\n\n", p.Head, p.Title)
	if p.Text != "" {
		fmt.Fprintf(&b, "%s\n\n", p.Text)
	}
	for _, r := range p.Rows {
		fmt.Fprintf(&b, "%s: %s\n", r[0], r[1])
	}
	if p.URL != "" {
		fmt.Fprintf(&b, "\n%s\n", p.URL)
	}
	return b.String()
}

var layout = template.Must(template.New("mail").Parse(`<!DOCTYPE html>
<html><head><meta charset="utf-8"><title>{{.Head}}</title></head>
<body style="font-family: sans-serif; color: #1c1c1c; background: #ffffff">
<h1 style="font-size: 18px; margin: 0 0 4px">{{.Head}}</h1>
<p style="font-size: 16px; margin: 0 0 12px">{{.Title}}</p>
{{if .Text}}<p style="white-space: pre-wrap; margin: 0 0 12px">{{.Text}}</p>
{{end}}<table style="border-collapse: collapse">
{{range .Rows}}<tr><th style="text-align: left; vertical-align: top; padding: 2px 12px 2px 0; font-weight: 600">{{index . 0}}</th><td style="padding: 2px 0">{{index . 1}}</td></tr>
{{end}}</table>
{{if .URL}}<p style="margin: 12px 0 0"><a href="{{.URL}}">Open in Signalbox</a></p>
{{end}}</body></html>
`))
