package review

import (
	"strings"
	"testing"
	"time"

	"signalbox/itsm"
)

var opened = itsm.TimeOf(time.Date(2026, 11, 27, 6, 0, 0, 0, time.UTC))

func incident() *itsm.Incident {
	return &itsm.Incident{Number: 7, Title: "Shop <script>alert(1)</script> down", State: itsm.IncidentResolved, Priority: itsm.P1, Impact: itsm.High, Urgency: itsm.High,
		ImpactBecause: "tier 1", UrgencyBecause: "critical", OpenedAt: opened, ResolvedAt: opened.Add(90 * time.Minute), ResolvedBy: "console:ann", Services: []string{"shop"}, AlertCount: 3,
		Causes:  []itsm.Cause{{CI: "db-1", Because: "7 of 8 depend on it"}},
		Changes: []itsm.IncidentChange{{Change: "CHG0000001", Title: "deploy", CI: "db-1", Because: "5 min before"}}, Attachments: []itsm.Attachment{{Title: "Graph [1]", URL: "https://g.example/?a=1&b=2"}}}
}

func lines() []itsm.TimelineEntry {
	return []itsm.TimelineEntry{{At: opened, Kind: "opened", Actor: "signalbox", Text: "first"}, {At: opened, Kind: "joined", Actor: "signalbox", Text: "second"},
		{At: opened.Add(time.Hour), Kind: "note", Actor: "console:ann", Text: "a *bold*\n<b>claim</b>"}}
}

func TestDraft(t *testing.T) {
	r := Draft(incident(), lines())
	for _, want := range []struct{ in, text string }{{r.Impact, "lasted 1h30m0s"}, {r.Impact, "services: shop"}, {r.Causes, "db-1, probably"}, {r.Changed, "CHG0000001 deploy on db-1"}, {r.Timeline, "2026-11-27 07:00 UTC note"}} {
		if !strings.Contains(want.in, want.text) {
			t.Errorf("%q does not say %q", want.in, want.text)
		}
	}
	if strings.Contains(r.Timeline, "joined") || r.Actions != "" {
		t.Errorf("a draft quotes alerts or invents actions: %q %q", r.Timeline, r.Actions)
	}
}

// What comes from outside is text, never markup.
func TestDocumentsAreSafe(t *testing.T) {
	r := Draft(incident(), lines())
	r.Causes = "<img src=x onerror=alert(1)>"
	page := HTML(incident(), &r, lines())
	for _, bad := range []string{"<script", "<img", "<b>claim"} {
		if strings.Contains(page, bad) {
			t.Errorf("HTML has %q", bad)
		}
	}
	for _, want := range []string{"<h2>What changed</h2>", `href="https://g.example/?a=1&amp;b=2"`, "&lt;script&gt;", nothing} {
		if !strings.Contains(page, want) {
			t.Errorf("HTML lacks %q", want)
		}
	}
	text := Markdown(incident(), &r, lines())
	for _, want := range []string{"## Causes\n\n&lt;img", `a \*bold\* &lt;b&gt;claim`, `[Graph \[1\]](<https://g.example/?a=1&b=2>)`, "- **Priority**: P1", "Nothing is written down yet."} {
		if !strings.Contains(text, want) {
			t.Errorf("Markdown lacks %q in\n%s", want, text)
		}
	}
}
