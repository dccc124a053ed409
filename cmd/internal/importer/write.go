package importer

import (
	"fmt"
	"strings"

	"signalbox/rules"
)

// text writes the rules as a file.
func (s *set) text(from string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "# Imported from %s.\n", comment(from))
	if !s.opts.Live {
		b.WriteString("# All rules are in shadow mode: they show what they would decide and change nothing.\n# Remove 'mode: shadow' from a rule once you agree with it.\n")
	}
	if len(s.left) > 0 {
		b.WriteString("#\n# Not translated:\n")
		for _, l := range s.left {
			fmt.Fprintf(&b, "# * %s\n", comment(l))
		}
	}
	stage := rules.Stage(0)
	for _, r := range s.rules {
		b.WriteString("---\n")
		if r.stage != stage {
			stage = r.stage
			b.WriteString(headings[stage])
		}
		s.write(&b, r)
	}
	return b.String()
}

// headings stand above the first rule of each stage.
var headings = map[rules.Stage]string{
	rules.Route: "# Connectors have to be named like the receivers. The first rule that matches decides, so\n" +
		"# the order matters. Conditions look at the first alert of an incident.\n",
}

func (s *set) write(b *strings.Builder, r rule) {
	fmt.Fprintf(b, "id: %s\nabout: %s\n", r.id, quoted(clip(r.about, rules.TextMax)))
	if !s.opts.Live {
		b.WriteString("mode: shadow\n")
	}
	if s.opts.Source != "" {
		fmt.Fprintf(b, "sources: [%s]\n", quoted(s.opts.Source))
	}
	if r.hours != nil {
		fmt.Fprintf(b, "hours: %s\n", r.hours)
	}
	if r.when != "" {
		fmt.Fprintf(b, "when: %s\n", quoted(r.when))
	}
	fmt.Fprintf(b, "%s: %s\n", r.stage, r.body)
}

// quoted writes a text as a YAML scalar of one line.
func quoted(s string) string { return "'" + strings.ReplaceAll(comment(s), "'", "''") + "'" }

// quotedList writes texts as a YAML list.
func quotedList(list []string) string {
	out := make([]string, len(list))
	for i, s := range list {
		out[i] = quoted(s)
	}
	return "[" + strings.Join(out, ", ") + "]"
}

// comment keeps a text on its line: what cannot be printed becomes a blank.
func comment(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r >= 0x7f && r < 0xa0 || r == '\u2028' || r == '\u2029' || r == '\ufeff' || r == '\ufffe' || r == '\uffff' {
			return ' '
		}
		return r
	}, s)
}

func clip(s string, most int) string {
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most-3], "") + "…"
}
