package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

// onScreens runs a walk on a desk and on a phone, each with a server of its own that
// has the incidents of these services.
func onScreens(t *testing.T, services []string, walk func(t *testing.T, s *server, ctx context.Context, look func(name string))) {
	for _, width := range []int{1280, 375} {
		t.Run(fmt.Sprint(width), func(t *testing.T) {
			t.Parallel()
			s := start(t, t.TempDir(), "correlation: {resolve_after: 1h}\n")
			for n, service := range services {
				s.do(http.MethodPost, "/webhooks/generic", event("firing", service), nil)
				eventually(t, "the incident of "+service, func() bool { return len(s.incidents()) == n+1 })
			}
			ctx := browser(t, s, width, true)
			walk(t, s, ctx, func(name string) {
				t.Helper()
				sideways(t, ctx, name)
				screenshot(t, ctx, fmt.Sprintf("%s-%d", name, width))
			})
		})
	}
}

// says fails unless the page has each of the texts.
func says(t *testing.T, ctx context.Context, where string, want ...string) {
	t.Helper()
	got := text(t, ctx, "main")
	for _, w := range want {
		if !strings.Contains(got, w) {
			t.Errorf("%s lacks %q:\n%s", where, w, got)
		}
	}
}

// value is the text of a field.
func value(t *testing.T, ctx context.Context, id string) string {
	t.Helper()
	v, err := chromedp.Run(ctx, chromedp.Evaluate[string](`document.getElementById("`+id+`").value`))
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// TestSavedViewsInTheBrowser: a search is saved for a team, is a tab for whoever is in
// it, opens with one click and goes again, which only its owner can do.
func TestSavedViewsInTheBrowser(t *testing.T) {
	onScreens(t, []string{"checkout", "billing"}, func(t *testing.T, s *server, ctx context.Context, look func(string)) {
		const password = "correct horse battery"
		for _, name := range []string{"ada", "bob"} {
			mustTool(t, s, password+"\n", "users", "add", name, "--role", "responder", "--password-stdin")
		}
		mustTool(t, s, "", "teams", "set", "shop", "--title", "Shop on call", "--members", "ada,bob")
		become := func(name string) {
			t.Helper()
			press(t, ctx, `form[action="/sign-out"] button`, "Sign in")
			write(t, ctx, "name", name)
			write(t, ctx, "password", password)
			press(t, ctx, ".signin button", "Yours and those of shop")
		}
		become("ada")
		act(t, ctx, chromedp.Navigate(s.url+"/?q=checkout"), chromedp.Click(chromedp.CSS(".viewform summary")))
		look("view-new")
		write(t, ctx, "view-name", "Checkout only")
		write(t, ctx, "view-team", "shop")
		press(t, ctx, ".viewform form button", "View saved.")
		look("view-saved")
		if got := text(t, ctx, ".tabs [aria-current=page]"); got != "Checkout only" {
			t.Errorf("the tab of the view that is shown is %q", got)
		}
		act(t, ctx, chromedp.Navigate(s.url+"/"))
		says(t, ctx, "the whole list", "checkout is failing", "billing is failing")
		press(t, ctx, `.tabs a[href*="q=checkout"]`, "checkout is failing")
		if got := text(t, ctx, "main"); strings.Contains(got, "billing is failing") {
			t.Errorf("the view lists others:\n%s", got)
		}
		become("bob")
		act(t, ctx, chromedp.Navigate(s.url+"/"))
		press(t, ctx, `.tabs a[href*="q=checkout"]`, "checkout is failing")
		act(t, ctx, chromedp.Click(chromedp.CSS(".viewform:last-of-type summary")))
		look("view-shared")
		says(t, ctx, "the view of somebody else", "View “Checkout only” of ada")
		if n, err := chromedp.Run(ctx, chromedp.Evaluate[int](`document.querySelectorAll('form[action$="/remove"]').length`)); err != nil || n != 0 {
			t.Errorf("who does not own a view is offered to remove it (%v)", err)
		}
		become("ada")
		act(t, ctx, chromedp.Navigate(s.url+"/"))
		press(t, ctx, `.tabs a[href*="q=checkout"]`, "checkout is failing")
		press(t, ctx, `form[action$="/remove"] button`, "View removed.")
		if n, err := chromedp.Run(ctx, chromedp.Evaluate[int](`document.querySelectorAll('.tabs a[href*="q=checkout"]').length`)); err != nil || n != 0 {
			t.Errorf("the tab of a removed view is still there (%v)", err)
		}
	})
}

// TestReviewInTheBrowser: a review is written, exported with its timeline, and written
// by two at once, of whom the second loses nothing.
func TestReviewInTheBrowser(t *testing.T) {
	const page = "/incidents/INC0000001/review"
	onScreens(t, []string{"checkout"}, func(t *testing.T, s *server, ctx context.Context, look func(string)) {
		if status := s.do(http.MethodPost, "/api/v1/incidents/INC0000001/major/accept", `{"reason":"nobody can pay"}`, nil); status != http.StatusOK {
			t.Fatalf("accept: status %d", status)
		}
		s.do(http.MethodPost, "/api/v1/incidents/INC0000001/notes", `{"text":"The pool is exhausted."}`, nil)
		act(t, ctx, chromedp.Navigate(s.url+"/incidents/INC0000001"))
		press(t, ctx, `a[href="`+page+`"]`, "A draft from what is recorded.")
		look("review-draft")
		write(t, ctx, "text-summary", "Nobody could pay for an hour.")
		write(t, ctx, "text-causes", "The pool was too small.")
		press(t, ctx, ".review-form button", "Review saved.")
		look("review-saved")
		status, document, err := s.try(http.MethodGet, "/api/v1"+page+"/export?format=html", nil)
		for _, want := range []string{"Nobody could pay for an hour.", "The pool was too small.", "The pool is exhausted.", "nobody can pay"} {
			if err != nil || status != http.StatusOK || !strings.Contains(string(document), want) {
				t.Errorf("the exported document (status %d, %v) lacks %q", status, err, want)
			}
		}
		theirs := func(version int, summary string) int {
			return s.do(http.MethodPut, "/api/v1"+page, map[string]any{"version": version, "summary": summary, "actions": "A larger pool."}, nil)
		}
		if status := theirs(1, "Nobody could pay from nine to ten."); status != http.StatusOK {
			t.Errorf("theirs: status %d", status)
		}
		if status := theirs(1, "Nobody could pay for long."); status != http.StatusPreconditionFailed {
			t.Errorf("theirs, of an older version: status %d, want 412", status)
		}
		write(t, ctx, "text-summary", "All shops were down for an hour.")
		press(t, ctx, ".review-form button", "somebody changed the review while you wrote")
		look("review-conflict")
		if got := text(t, ctx, "#stored-summary"); !strings.Contains(got, "Nobody could pay from nine to ten.") {
			t.Errorf("beside mine stands %q", got)
		}
		if mine, other := value(t, ctx, "text-summary"), value(t, ctx, "text-actions"); mine != "All shops were down for an hour." || other != "A larger pool." {
			t.Errorf("the fields hold %q and %q, want what I wrote and what they did", mine, other)
		}
		press(t, ctx, ".review-form button", "Review saved.")
		var r map[string]any
		if s.do(http.MethodGet, "/api/v1"+page, nil, &r); r["summary"] != "All shops were down for an hour." || r["actions"] != "A larger pool." || r["causes"] != "The pool was too small." {
			b, _ := json.Marshal(r)
			t.Errorf("stored at the end: %s", b)
		}
	})
}

// TestUndoInTheBrowser takes back a merge and a split with the one click that is
// offered after each.
func TestUndoInTheBrowser(t *testing.T) {
	onScreens(t, []string{"checkout", "billing"}, func(t *testing.T, s *server, ctx context.Context, look func(string)) {
		slow := event("firing", "checkout")
		slow["title"], slow["labels"].(map[string]string)["alertname"] = "checkout is slow", "Slow"
		s.do(http.MethodPost, "/webhooks/generic", slow, nil)
		eventually(t, "its second alert", func() bool { return alerts(s, 1) == 2 })
		act(t, ctx, chromedp.Navigate(s.url+"/incidents/INC0000002"))
		write(t, ctx, "into", "INC0000001")
		press(t, ctx, `form[action$="/merge"] button`, "INC0000002 was merged into this incident.")
		look("undo-merge")
		if n := alerts(s, 1); n != 3 {
			t.Errorf("merged it has %d alerts, want 3", n)
		}
		press(t, ctx, ".flash form button", "Undone: everything of INC")
		look("undo-merged")
		if one, two := alerts(s, 1), alerts(s, 2); one != 2 || two != 1 {
			t.Errorf("after the undo they have %d and %d alerts, want 2 and 1", one, two)
		}
		act(t, ctx, chromedp.Navigate(s.url+"/incidents/INC0000001"))
		act(t, ctx, chromedp.Evaluate[chromedp.Void](`document.querySelector('form[action$="/split"] input[type=checkbox]').click()`))
		press(t, ctx, `form[action$="/split"] button`, "Split off from INC0000001.")
		look("undo-split")
		if one, three := alerts(s, 1), alerts(s, 3); one != 1 || three != 1 {
			t.Errorf("split they have %d and %d alerts, want one each", one, three)
		}
		press(t, ctx, ".flash form button", "Undone: everything of INC")
		if n := alerts(s, 1); n != 2 {
			t.Errorf("after the undo it has %d alerts, want 2", n)
		}
	})
}

// alerts is how many alerts belong to an incident.
func alerts(s *server, n int) int {
	var in incident
	s.do(http.MethodGet, fmt.Sprintf("/api/v1/incidents/INC%07d", n), nil, &in)
	return in.AlertCount
}
