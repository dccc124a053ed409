package console

import (
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"signalbox/itsm"
	"signalbox/itsm/entry"
)

// submit fills fields of a form that may be folded away and sends it with its button.
func submit(t *testing.T, page func(string) bool, action string, fields ...string) {
	t.Helper()
	fill := ""
	for k := 0; k < len(fields); k += 2 {
		fill += fmt.Sprintf(`f.elements[%q].value = %q;`, fields[k], fields[k+1])
	}
	if !page(fmt.Sprintf(`(() => { const f = document.querySelector('form[action$=%q]'); if (!f) return false; const d = f.closest("details"); if (d) d.open = true; %s f.querySelector("button:not([type=button])").click(); return true })()`, action, fill)) {
		t.Fatalf("the page has no form that leads to %s", action)
	}
}

// The day of a problem manager: from the dearest candidate at home to a fix of which
// the silence since says that it helped.
func TestBrowserProblemManager(t *testing.T) {
	t.Parallel()
	ctx := browser(t)
	var passed atomic.Int64
	s := serve(t, func() time.Time { return fixedNow.Add(time.Duration(passed.Load())) })
	enter(t, ctx, s.base)
	steps(t, ctx, chromedp.Navigate(s.base+"/home?as=problems"))
	if got := mainText(t, ctx); !strings.Contains(got, "Dearest first") {
		t.Fatalf("the home of problem managers says %.300q", got)
	}
	js[int](t, ctx, `document.querySelector(".rows [data-open]").click(), 0`)
	until(t, ctx, `location.pathname.startsWith("/problems/PRB")`)
	path := js[string](t, ctx, `location.pathname`)
	here := func(expression string) bool { return js[bool](t, ctx, expression) }
	for _, step := range []struct {
		action string
		fields []string
		says   string
	}{
		{"/accept", []string{"owner", "mika", "team", "storage"}, "New"},
		{"/workaround", []string{"text", "Renew by hand with certbot on the host."}, "Renew by hand"},
		{"/root-cause", []string{"text", "The job's token expires before the job runs."}, "token expires"},
		{"/state", []string{"state", "root_cause_analysis"}, "Root cause analysis"},
		{"/state", []string{"state", "fix_in_progress"}, "Fix in progress"},
		{"/state", []string{"state", "resolved"}, "Resolved"},
	} {
		js[int](t, ctx, `window.before = 1`)
		submit(t, here, path+step.action, step.fields...)
		until(t, ctx, `!("before" in window) && !!document.querySelector(".flash")`)
		if got := mainText(t, ctx); !strings.Contains(got, step.says) {
			t.Fatalf("after %s the page says %.600q, want %q", step.action, got, step.says)
		}
	}
	passed.Add(int64(60 * 24 * time.Hour))
	s.book.mu.Lock()
	err := s.book.past(itsm.TimeOf(s.book.clock()), &entry.Tick{})
	s.book.mu.Unlock()
	if err != nil {
		t.Fatal(err)
	}
	steps(t, ctx, chromedp.Navigate(s.base+"/sign-in")) // the session may have ended in two months
	enter(t, ctx, s.base)
	steps(t, ctx, chromedp.Navigate(s.base+"/home?as=problems"))
	if got := mainText(t, ctx); !strings.Contains(got, "The fix is effective: close it.") {
		t.Fatalf("two silent months later home says %.900q", got)
	}
	steps(t, ctx, chromedp.Navigate(s.base+path))
	js[int](t, ctx, `window.before = 1`)
	submit(t, here, path+"/state", "state", "closed")
	until(t, ctx, `!("before" in window) && document.querySelector("main .badge").innerText == "Closed"`)
}

// The menu holds every page, opens with the keyboard and without JavaScript, and
// neither it nor the bar leaves the window.
func TestBrowserMenu(t *testing.T) {
	t.Parallel()
	ctx := browser(t)
	s := serve(t, fixedClock)
	enter(t, ctx, s.base)
	for _, width := range []int{1280, 768, 375} {
		steps(t, ctx, window(width), chromedp.Navigate(s.base+"/deliveries"))
		if h := js[float64](t, ctx, `document.querySelector(".top").getBoundingClientRect().height`); h > 112 {
			t.Errorf("at %d the header is %v high", width, h)
		}
		steps(t, ctx, chromedp.KeyEvent("m"))
		until(t, ctx, `document.querySelector(".menu").open && document.activeElement.closest(".menu-all") != null`)
		for what, found := range map[string]string{
			"stands outside":        `[...document.querySelectorAll(".top a, .top summary, .top button")].filter(e => { const r = e.getBoundingClientRect(); return r.width && (r.left < 0 || r.right > innerWidth) })`,
			"is too low for thumbs": `innerWidth > 400 ? [] : [...document.querySelectorAll(".menu-all a")].filter(e => e.getBoundingClientRect().height < 44)`,
		} {
			if got := js[string](t, ctx, "("+found+`).map(e => e.innerText).join(", ")`); got != "" {
				t.Errorf("at %d %q %s", width, got, what)
			}
		}
		if got := js[string](t, ctx, `[...document.querySelectorAll("nav [aria-current=page]")].map(e => e.innerText).join()`); got != "Deliveries" {
			t.Errorf("at %d the navigation marks %q", width, got)
		}
		steps(t, ctx, chromedp.KeyEvent("\x1b"))
		until(t, ctx, `!document.querySelector(".menu").open && document.activeElement.tagName == "SUMMARY"`)
	}
}
