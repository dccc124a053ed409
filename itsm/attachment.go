package itsm

import (
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Attachment is a link that people attached to an incident: a graph, a log, a
// document. Signalbox never opens it.
type Attachment struct {
	Title string `json:"title"`
	URL   string `json:"url"`
	By    string `json:"by"`
	At    Time   `json:"at"`
}

// Fault says what of an attachment is wrong and what was expected, or "".
func (a *Attachment) Fault() string {
	u, err := url.Parse(a.URL)
	switch {
	case strings.TrimSpace(a.Title) == "" || len(a.Title) > AttachTitleMax || !plain(a.Title):
		return "title: expected one line of text of at most 200 bytes"
	case len(a.URL) > AttachURLMax:
		return "url: expected at most 2048 bytes"
	case err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || !plain(a.URL) || strings.ContainsAny(a.URL, " \"<>\\"):
		return "url: expected an address such as https://grafana.example/d/orders"
	case u.User != nil:
		return "url: expected an address without a user name or password"
	}
	return ""
}

// IsLine reports whether s is one line of readable text that is not empty.
func IsLine(s string) bool { return strings.TrimSpace(s) != "" && plain(s) }

// plain reports whether s is one line of readable text.
func plain(s string) bool {
	return utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool {
		return unicode.IsControl(r) || r == '\u2028' || r == '\u2029' || r >= '\u202a' && r <= '\u202e' || r >= '\u2066' && r <= '\u2069'
	})
}
