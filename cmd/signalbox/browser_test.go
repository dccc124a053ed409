package main

import (
	"context"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"signalbox/itsm/peertest"
)

// browser starts Chromium and signs in to the running server's console.
func browser(t *testing.T, s *server, width int, scripts bool) context.Context {
	t.Helper()
	path := peertest.Find(t, "console in a browser", "chromium")
	opts := []chromedp.ExecAllocatorOption{chromedp.ExecPath(path), chromedp.Headless, chromedp.NoSandbox, chromedp.DisableGPU, chromedp.NoFirstRun,
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-background-networking", true), chromedp.Flag("disable-component-update", true),
		chromedp.Flag("disable-sync", true), chromedp.Flag("disable-dev-shm-usage", true), chromedp.UserDataDir(t.TempDir())}
	ctx, stop := chromedp.NewExecAllocator(t.Context(), opts...)
	t.Cleanup(stop)
	ctx, stop = chromedp.NewContext(ctx)
	t.Cleanup(stop)
	act(t, ctx) // starts the browser; a time-out on the context of the first call would end it
	ctx, stop = context.WithTimeout(ctx, 5*time.Minute)
	t.Cleanup(stop)
	act(t, ctx, chromedp.EmulateViewport(int64(width), 812))
	if !scripts {
		if _, err := chromedp.Call(ctx, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true}); err != nil {
			t.Fatal(err)
		}
	}
	act(t, ctx, chromedp.Navigate(s.url+"/sign-in"), chromedp.SendKeys(chromedp.CSS("#token"), adminToken+"\r"), chromedp.WaitReady(chromedp.CSS("a[aria-current=page]")))
	return ctx
}

func act(t *testing.T, ctx context.Context, actions ...chromedp.Action[chromedp.Void]) {
	t.Helper()
	if err := chromedp.Do(ctx, actions...); err != nil {
		t.Fatal(err)
	}
}

func text(t *testing.T, ctx context.Context, selector string) string {
	t.Helper()
	v, err := chromedp.Run(ctx, chromedp.Text(chromedp.CSS(selector)))
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// TestOnCallAcknowledgesInTheBrowser is the main job on a phone-sized screen, with
// and without scripts: an alert full of markup comes in, the engineer reads what
// is broken, acknowledges with one tap, and the API says who did it.
func TestOnCallAcknowledgesInTheBrowser(t *testing.T) {
	for name, scripts := range map[string]bool{"with scripts": true, "without scripts": false} {
		t.Run(name, func(t *testing.T) {
			s := start(t, t.TempDir(), quick)
			e := event("firing", "checkout")
			e["title"] = `<img src=x onerror="document.title='owned'"><b>Checkout</b> is failing`
			s.do(http.MethodPost, "/webhooks/generic", e, nil)
			eventually(t, "the incident", func() bool { return len(s.incidents()) == 1 })
			ctx := browser(t, s, 375, scripts)
			act(t, ctx, chromedp.Navigate(s.url+"/incidents/INC0000001"))
			if got := text(t, ctx, "main"); !strings.Contains(got, "<b>Checkout</b> is failing") {
				t.Errorf("the alert's text is not shown as text:\n%s", got)
			}
			screenshot(t, ctx, "incident-"+strings.ReplaceAll(name, " ", "-"))
			act(t, ctx, chromedp.Click(chromedp.CSS("button[data-ack]")), chromedp.WaitReady(chromedp.CSS(".flash")))
			var in incident
			s.do(http.MethodGet, "/api/v1/incidents/INC0000001", nil, &in)
			if in.AcknowledgedBy == nil || *in.AcknowledgedBy != "console:admin" || in.State != "in_progress" {
				t.Errorf("after the tap: %+v", in)
			}
			title, err := chromedp.Run(ctx, chromedp.Title())
			if err != nil || title == "owned" {
				t.Errorf("title %q, %v: the alert's markup ran", title, err)
			}
		})
	}
}

// screenshot keeps pictures, light and dark, when SIGNALBOX_SCREENSHOTS names a directory.
func screenshot(t *testing.T, ctx context.Context, name string) {
	t.Helper()
	dir := os.Getenv("SIGNALBOX_SCREENSHOTS")
	if dir == "" {
		return
	}
	for _, scheme := range []string{"dark", "light"} {
		p := emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}}
		if _, err := chromedp.Call(ctx, emulation.SetEmulatedMedia, p); err != nil {
			t.Fatal(err)
		}
		png, err := chromedp.Run(ctx, chromedp.FullScreenshot(100))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name+"-"+scheme+".png"), png, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// sideways fails when a page is wider than the window.
func sideways(t *testing.T, ctx context.Context, where string) {
	t.Helper()
	if wide, err := chromedp.Run(ctx, chromedp.Evaluate[bool]("document.documentElement.scrollWidth > innerWidth")); err != nil || wide {
		t.Errorf("%s is wider than the window (%v)", where, err)
	}
}

// await waits until an expression is true in the page, across navigations.
func await(t *testing.T, ctx context.Context, expression string) {
	t.Helper()
	eventually(t, expression, func() bool {
		ok, err := chromedp.Run(ctx, chromedp.Evaluate[bool](`document.readyState == "complete" && !!(`+expression+`)`))
		return err == nil && ok
	})
}

// press clicks what the selector finds, also in a folded form, and waits until the page
// that follows says something.
func press(t *testing.T, ctx context.Context, selector, then string) {
	t.Helper()
	await(t, ctx, `document.querySelector('`+selector+`')`)
	if _, err := chromedp.Run(ctx, chromedp.Evaluate[bool](`window.before = true, document.querySelector('`+selector+`').click(), true`)); err != nil {
		t.Fatal(err)
	}
	await(t, ctx, `!("before" in window) && document.querySelector("main").innerText.includes("`+then+`")`)
}

// write fills a field, also of a folded form.
func write(t *testing.T, ctx context.Context, id, value string) {
	t.Helper()
	if _, err := chromedp.Run(ctx, chromedp.Evaluate[bool](`document.getElementById("`+id+`").value = "`+value+`", true`)); err != nil {
		t.Fatal(err)
	}
}

// TestOnCallWalkInTheBrowser is a night on a phone: the link of a page, what is
// broken, acknowledge, a note, resolve, and a home where nothing is left.
func TestOnCallWalkInTheBrowser(t *testing.T) {
	t.Parallel()
	s := start(t, t.TempDir(), quick)
	s.do(http.MethodPost, "/webhooks/generic", event("firing", "checkout"), nil)
	eventually(t, "the incident", func() bool { return len(s.incidents()) == 1 })
	ctx := browser(t, s, 375, true)
	act(t, ctx, chromedp.Navigate(s.url+"/home?as=oncall"))
	if got := text(t, ctx, "main"); !strings.Contains(got, "Waiting for somebody") {
		t.Errorf("home before the acknowledgement says\n%s", got)
	}
	sideways(t, ctx, "home")
	act(t, ctx, chromedp.Navigate(s.url+"/incidents/INC0000001/ask/acknowledge"))
	press(t, ctx, ".decide button.primary", "Acknowledged. The others can see")
	sideways(t, ctx, "the incident")
	write(t, ctx, "note", "Rolled the pool back.")
	press(t, ctx, "form.note button", "Rolled the pool back.")
	write(t, ctx, "close-note", "The pool was too small.")
	press(t, ctx, `form[action$="/resolve"] button`, "Resolved too early?")
	var in incident
	s.do(http.MethodGet, "/api/v1/incidents/INC0000001", nil, &in)
	if in.State != "resolved" {
		t.Errorf("after the walk it is %s", in.State)
	}
	act(t, ctx, chromedp.Navigate(s.url+"/home"))
	if got := text(t, ctx, "main"); !strings.Contains(got, "All quiet") {
		t.Errorf("home at the end says\n%s", got)
	}
}

// TestOperationsWalkInTheBrowser is from an alert that binds to no CI to the CI that
// it binds to: what would change is shown before anything does.
func TestOperationsWalkInTheBrowser(t *testing.T) {
	t.Parallel()
	s := start(t, t.TempDir(), quick)
	s.do(http.MethodPost, "/webhooks/generic", event("firing", "legacy-print-1"), nil)
	eventually(t, "the incident", func() bool { return len(s.incidents()) == 1 })
	ctx := browser(t, s, 1280, true)
	act(t, ctx, chromedp.Navigate(s.url+"/home?as=operations"))
	press(t, ctx, `a[href="/unbound"][data-open]`, "Most frequent keys")
	press(t, ctx, `.rows a[href^="/unbound?key="]`, "A new CI")
	write(t, ctx, "class", "Printer")
	write(t, ctx, "group", "Office IT")
	press(t, ctx, "#group ~ button", "This would change")
	if got := text(t, ctx, ".ask"); !strings.Contains(got, "Adds the CI legacy-print-1") || !strings.Contains(got, "support_group: Office IT") {
		t.Errorf("the page says it would change\n%s", got)
	}
	var none struct {
		Items []any `json:"items"`
	}
	if s.do(http.MethodGet, "/api/v1/cmdb/cis", nil, &none); len(none.Items) > 0 {
		t.Errorf("looking at a change made %v", none.Items)
	}
	press(t, ctx, ".ask button.primary", "Saved to the CMDB")
	if got := text(t, ctx, "main"); !strings.Contains(got, "Printer") || !strings.Contains(got, "Office IT") {
		t.Errorf("the page of the CI says\n%s", got)
	}
	var alerts struct {
		Items []struct {
			CI *string `json:"ci"`
		} `json:"items"`
	}
	if s.do(http.MethodGet, "/api/v1/alerts", nil, &alerts); len(alerts.Items) != 1 || alerts.Items[0].CI == nil || *alerts.Items[0].CI != "legacy-print-1" {
		t.Errorf("the alert that fires is bound to %+v", alerts.Items)
	}
	act(t, ctx, chromedp.Navigate(s.url+"/unbound"))
	if got := text(t, ctx, "main"); !strings.Contains(got, "Every alert binds") {
		t.Errorf("afterwards the page says\n%s", got)
	}
}
