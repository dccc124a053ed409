package learn

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"time"

	"signalbox/rules"
)

// Parts of every drafted file.
const (
	filePrefix = "suggested-"
	shadowLine = "mode: shadow\n"
)

// IsDraft reports whether a file has the name of one that a suggestion drafts.
func IsDraft(f rules.File) bool { return strings.HasPrefix(f.Name, filePrefix) }

// Live is the drafted rule as it would be once a person agrees with it, to be tried
// on history: in shadow mode it would change nothing there either.
func (s *Suggestion) Live() rules.File {
	return rules.File{Name: s.Rule.Name, Body: strings.Replace(s.Rule.Body, "\n"+shadowLine, "\n", 1)}
}

// TriedAs is what the backtest of a suggestion calls the rules it tries.
func (s *Suggestion) TriedAs() string { return "suggestion " + s.ID + " as if it were live" }

// draft writes one rule as a file. It starts in shadow mode: it shows what it
// would decide and changes nothing, also when somebody activates it unread.
func draft(id string, kind Kind, about, source, when, stage, body string) rules.File {
	name := filePrefix + strings.ReplaceAll(string(kind), "_", "-") + "-" + id
	var b strings.Builder
	fmt.Fprintf(&b, "# Suggested from history. Remove 'mode: shadow' once you agree with it.\nid: %s\nabout: %s\n"+shadowLine, name, quoted(cut(about, rules.TextMax)))
	if source != "" {
		fmt.Fprintf(&b, "sources: [%s]\n", quoted(source))
	}
	if when != "" {
		fmt.Fprintf(&b, "when: %s\n", quoted(when))
	}
	fmt.Fprintf(&b, "%s: %s\n", stage, body)
	return rules.File{Name: name + ".yaml", Body: b.String()}
}

// usable reports whether a drafted rule compiles. A name that no rule can carry,
// such as one of 5,000 bytes, makes one that does not, and it is not suggested.
func usable(f rules.File) bool {
	_, ps := rules.Compile([]rules.File{f})
	return !rules.Blocking(ps)
}

// quoted writes a text as a YAML scalar of one line.
func quoted(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r >= 0x7f && r < 0xa0 || r == '\u2028' || r == '\u2029' || r == '\ufeff' || r == '\ufffe' || r == '\uffff' {
			return ' '
		}
		return r
	}, s)
	return "'" + strings.ReplaceAll(s, "'", "''") + "'"
}

func cut(s string, most int) string {
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "")
}

// literal writes a text as a CEL string.
func literal(s string) string {
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if enc.Encode(s) != nil {
		return `""`
	}
	return strings.TrimSpace(b.String())
}

// label writes how a condition asks for a label.
func label(name string) string {
	for i, c := range []byte(name) {
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_'
		if !letter && (i == 0 || c < '0' || c > '9') {
			return "labels[" + literal(name) + "]"
		}
	}
	return "labels." + name
}

// pattern is the regular expression of a masked text.
func pattern(masked string) string {
	return "^" + strings.ReplaceAll(regexp.QuoteMeta(masked), "#", "[0-9a-f]+") + "$"
}

// is writes the condition that something masked is what it was.
func is(what, masked string, wasMasked bool) string {
	if !wasMasked || !strings.Contains(masked, "#") {
		return what + " == " + literal(masked)
	}
	return what + ".matches(" + literal(pattern(masked)) + ")"
}

// condition is that an alert is of this class.
func (c *class) condition() string {
	if !c.titled {
		return is("labels.alertname", c.name, false)
	}
	return is("title", c.name, true)
}

// condition is that an alert is of this template.
func (t *template) condition() string {
	return "source == " + literal(t.class.source) + " && " + t.class.condition() + " && " + is("ci.id", t.ci, !t.bound)
}

// duration writes a duration as rules do.
func duration(d time.Duration) string {
	if d%time.Minute == 0 {
		return fmt.Sprintf("%dm", d/time.Minute)
	}
	return fmt.Sprintf("%ds", d/time.Second)
}

// spoken writes a duration for people.
func spoken(d time.Duration) string {
	switch {
	case d < 2*time.Minute:
		return fmt.Sprintf("%d s", d/time.Second)
	case d < 2*time.Hour:
		return fmt.Sprintf("%d min", d/time.Minute)
	}
	return fmt.Sprintf("%d h", d/time.Hour)
}
