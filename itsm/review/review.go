// Package review writes the post-incident review of a major incident: a first draft
// from what is recorded, for people to correct and complete, and the finished
// document as Markdown or as HTML that prints well.
//
// The texts are what people wrote; what Signalbox knows itself (when it opened, who
// took it, what it hit, the recorded timeline) stands beside them and is not edited.
// The package is pure: the same record and texts give the same document.
package review

import (
	"cmp"
	"fmt"
	"html"
	"slices"
	"strings"
	"time"

	"signalbox/itsm"
)

// Bounds of a draft and of a document.
const (
	DraftLinesMax = 40   // timeline entries that a draft quotes
	LinesMax      = 2000 // timeline entries that a document lists, the newest
	quotedBytes   = 160  // of an entry in a draft
)

// Recorded reads the timeline of an incident, page by page from the newest entry on,
// and returns the newest LinesMax of it, oldest first.
func Recorded(page func(cursor string) ([]itsm.TimelineEntry, string, error)) ([]itsm.TimelineEntry, error) {
	var lines []itsm.TimelineEntry
	for cursor, more := "", true; more && len(lines) < LinesMax; more = cursor != "" {
		items, next, err := page(cursor)
		if err != nil {
			return nil, err
		}
		lines, cursor = append(lines, items...), next
	}
	slices.Reverse(lines)
	return lines, nil
}

// draftKinds are the timeline entries that a draft quotes: what happened to the
// incident, and not every alert that joined.
var draftKinds = []string{"opened", "acknowledged", "priority", "on hold", "resumed", "resolved", "reopened", "still firing", "cleared", "note", "merged", "split", "major incident accepted", "child added"}

// Draft is what of a review follows from the record; lines are the timeline, oldest
// first. People correct it before anybody relies on it.
func Draft(in *itsm.Incident, lines []itsm.TimelineEntry) itsm.Review {
	r := itsm.Review{Incident: in.Number}
	r.Summary = in.Title + "."
	r.Impact = impact(in)
	var told []string
	for _, l := range lines {
		if slices.Contains(draftKinds, l.Kind) && len(told) < DraftLinesMax {
			told = append(told, "- "+stamp(l.At)+" "+l.Kind+suffix(clip(oneLine(l.Text))))
		}
	}
	r.Timeline = strings.Join(told, "\n")
	var causes, changed []string
	for _, c := range in.Causes[:min(3, len(in.Causes))] {
		causes = append(causes, "- "+c.CI+", probably: "+clip(oneLine(c.Because)))
	}
	for _, c := range in.Changes {
		changed = append(changed, "- "+c.Change+" "+oneLine(c.Title)+" on "+c.CI+": "+clip(oneLine(c.Because)))
	}
	r.Causes, r.Changed = strings.Join(causes, "\n"), strings.Join(changed, "\n")
	return r
}

func impact(in *itsm.Incident) string {
	out := []string{"- priority " + in.Priority.String() + ": impact " + in.Impact.String() + " (" + in.ImpactBecause + "), urgency " + in.Urgency.String() + " (" + in.UrgencyBecause + ")"}
	if len(in.Services) > 0 {
		out = append(out, "- services: "+strings.Join(in.Services[:min(20, len(in.Services))], ", "))
	}
	if in.ResolvedAt != 0 {
		out = append(out, "- lasted "+in.ResolvedAt.Sub(in.OpenedAt).Round(time.Minute).String())
	}
	if len(in.Children) > 0 {
		out = append(out, fmt.Sprintf("- child incidents: %d", len(in.Children)))
	}
	return strings.Join(out, "\n")
}

func suffix(text string) string {
	if text == "" {
		return ""
	}
	return ": " + text
}

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

func clip(s string) string {
	if len(s) <= quotedBytes {
		return s
	}
	return strings.ToValidUTF8(s[:quotedBytes], "") + "…"
}

func stamp(t itsm.Time) string { return t.Std().UTC().Format("2006-01-02 15:04 UTC") }

// fact is one line of what is recorded.
type fact struct{ name, text string }

func facts(in *itsm.Incident, r *itsm.Review) []fact {
	state := "being written"
	if r.DoneAt != 0 {
		state = "done by " + r.DoneBy + ", " + stamp(r.DoneAt)
	}
	out := []fact{{"Incident", in.Number.String()}, {"Priority", in.Priority.String()}, {"Opened", stamp(in.OpenedAt)}}
	for _, f := range []struct {
		name string
		at   itsm.Time
		by   string
	}{{"Acknowledged", in.AcknowledgedAt, in.AcknowledgedBy}, {"Major since", in.Major.ProposedAt, in.Major.ProposedBy}, {"Resolved", in.ResolvedAt, in.ResolvedBy}} {
		if f.at != 0 {
			out = append(out, fact{f.name, stamp(f.at) + " by " + f.by})
		}
	}
	if len(in.Services) > 0 {
		out = append(out, fact{"Services", strings.Join(in.Services, ", ")})
	}
	if in.Problem != "" {
		out = append(out, fact{"Problem", in.Problem})
	}
	return append(out, fact{"Alerts", fmt.Sprint(in.AlertCount)}, fact{"Review", state})
}

const nothing = "Nothing is written down yet."

// Markdown writes the document; lines are the timeline, oldest first.
func Markdown(in *itsm.Incident, r *itsm.Review, lines []itsm.TimelineEntry) string {
	var b strings.Builder
	b.WriteString("# Post-incident review: " + escape(oneLine(in.Title)) + "\n\n")
	for _, f := range facts(in, r) {
		b.WriteString("- **" + f.name + "**: " + escape(oneLine(f.text)) + "\n")
	}
	for _, t := range r.Texts() {
		b.WriteString("\n## " + t.Title + "\n\n" + cmp.Or(strings.TrimSpace(shield(*t.Text)), nothing) + "\n")
	}
	if len(in.Attachments) > 0 {
		b.WriteString("\n## Links\n\n")
		for _, l := range in.Attachments {
			b.WriteString("- [" + escape(oneLine(l.Title)) + "](<" + l.URL + ">)\n")
		}
	}
	b.WriteString("\n## Recorded timeline\n\n")
	for _, l := range lines {
		b.WriteString("- " + stamp(l.At) + " **" + escape(oneLine(l.Kind)) + "** " + escape(oneLine(l.Actor)) + escape(suffix(oneLine(l.Text))) + "\n")
	}
	return b.String()
}

// escape keeps text from outside from being markup.
func escape(s string) string {
	return strings.NewReplacer(`\`, `\\`, "*", `\*`, "_", `\_`, "`", "\\`", "[", `\[`, "]", `\]`, "<", "&lt;", ">", "&gt;", "#", `\#`, "|", `\|`).Replace(s)
}

// shield leaves people's own Markdown as it is, but no HTML.
func shield(s string) string {
	return strings.NewReplacer("\r\n", "\n", "<", "&lt;").Replace(s)
}

// HTML writes the document as one page without scripts or styles.
func HTML(in *itsm.Incident, r *itsm.Review, lines []itsm.TimelineEntry) string {
	var b strings.Builder
	title := html.EscapeString("Post-incident review: " + oneLine(in.Title))
	b.WriteString("<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\"><title>" + title + "</title></head>\n<body>\n<h1>" + title + "</h1>\n<dl>\n")
	for _, f := range facts(in, r) {
		b.WriteString("<dt>" + f.name + "</dt><dd>" + html.EscapeString(f.text) + "</dd>\n")
	}
	b.WriteString("</dl>\n")
	for _, t := range r.Texts() {
		b.WriteString("<h2>" + t.Title + "</h2>\n" + paragraphs(cmp.Or(strings.TrimSpace(*t.Text), nothing)))
	}
	if len(in.Attachments) > 0 {
		b.WriteString("<h2>Links</h2>\n<ul>\n")
		for _, l := range in.Attachments {
			b.WriteString("<li><a href=\"" + html.EscapeString(l.URL) + "\" rel=\"noopener noreferrer\">" + html.EscapeString(l.Title) + "</a></li>\n")
		}
		b.WriteString("</ul>\n")
	}
	b.WriteString("<h2>Recorded timeline</h2>\n<ol>\n")
	for _, l := range lines {
		b.WriteString("<li>" + stamp(l.At) + " <b>" + html.EscapeString(l.Kind) + "</b> " + html.EscapeString(l.Actor+suffix(l.Text)) + "</li>\n")
	}
	b.WriteString("</ol>\n</body></html>\n")
	return b.String()
}

// paragraphs keeps people's lines.
func paragraphs(s string) string {
	var b strings.Builder
	for p := range strings.SplitSeq(strings.ReplaceAll(s, "\r\n", "\n"), "\n\n") {
		if p = strings.TrimSpace(p); p != "" {
			b.WriteString("<p>" + strings.ReplaceAll(html.EscapeString(p), "\n", "<br>\n") + "</p>\n")
		}
	}
	return b.String()
}
