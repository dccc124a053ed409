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
	ctx, stop = context.WithTimeout(ctx, time.Minute)
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

// screenshot keeps a picture when SIGNALBOX_SCREENSHOTS names a directory.
func screenshot(t *testing.T, ctx context.Context, name string) {
	t.Helper()
	dir := os.Getenv("SIGNALBOX_SCREENSHOTS")
	if dir == "" {
		return
	}
	png, err := chromedp.Run(ctx, chromedp.FullScreenshot(100))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, name+".png"), png, 0o600); err != nil {
		t.Fatal(err)
	}
}
