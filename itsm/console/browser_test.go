package console

import (
	"context"
	"os"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"signalbox/itsm/peertest"
)

// browser starts a browser for one test.
func browser(t *testing.T) context.Context {
	t.Helper()
	path := peertest.Find(t, "console in a browser", "chromium", "chromium-browser", "google-chrome", "chrome")
	opts := []chromedp.ExecAllocatorOption{chromedp.ExecPath(path), chromedp.Headless, chromedp.NoSandbox, chromedp.DisableGPU, chromedp.NoFirstRun,
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-background-networking", true), chromedp.Flag("disable-component-update", true),
		chromedp.Flag("disable-sync", true), chromedp.Flag("hide-scrollbars", true), chromedp.Flag("disable-dev-shm-usage", true), chromedp.UserDataDir(t.TempDir())}
	ctx, stop := chromedp.NewExecAllocator(t.Context(), opts...)
	t.Cleanup(stop)
	ctx, cancel := chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	// The first call starts the browser; a time-out on its context would end it.
	if err := chromedp.Do(ctx); err != nil {
		t.Fatalf("start %s: %v", path, err)
	}
	bound := 5 * time.Minute
	if os.Getenv("SIGNALBOX_SHOTS") != "" {
		bound = 15 * time.Minute
	}
	ctx, end := context.WithTimeout(ctx, bound)
	t.Cleanup(end)
	return ctx
}

func steps(t *testing.T, ctx context.Context, actions ...chromedp.Action[chromedp.Void]) {
	t.Helper()
	if err := chromedp.Do(ctx, actions...); err != nil {
		t.Fatal(err)
	}
}

// js evaluates an expression in the page.
func js[T any](t *testing.T, ctx context.Context, expression string) T {
	t.Helper()
	v, err := chromedp.Run(ctx, chromedp.Evaluate[T](expression))
	if err != nil {
		t.Fatalf("%s: %v", expression, err)
	}
	return v
}

// enter signs the browser in.
func enter(t *testing.T, ctx context.Context, base string) {
	t.Helper()
	steps(t, ctx, chromedp.Navigate(base+"/sign-in"), chromedp.Click(chromedp.CSS(".signin summary")), chromedp.SendKeys(chromedp.CSS("#token"), StorybookToken+"\r"), chromedp.WaitReady(chromedp.CSS("a[aria-current=page]")), chromedp.Navigate(base+"/"))
}

func window(width int) chromedp.Action[chromedp.Void] {
	return chromedp.EmulateViewport(int64(width), 812)
}

func scheme(t *testing.T, ctx context.Context, value string) {
	t.Helper()
	p := emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: value}}}
	if _, err := chromedp.Call(ctx, emulation.SetEmulatedMedia, p); err != nil {
		t.Fatal(err)
	}
}
