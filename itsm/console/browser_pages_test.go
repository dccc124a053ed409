package console

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"signalbox/itsm"
)

const sel = chromedp.CSS("main")

// until waits for an expression to become true in the page, across navigations.
func until(t *testing.T, ctx context.Context, expression string) {
	t.Helper()
	var last error
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		ok, err := chromedp.Run(ctx, chromedp.Evaluate[bool]("document.readyState == \"complete\" && "+expression))
		if err == nil && ok {
			return
		}
		last = err
	}
	t.Fatalf("waiting for %s: %v", expression, last)
}

func mainText(t *testing.T, ctx context.Context) string {
	t.Helper()
	s, err := chromedp.Run(ctx, chromedp.Text(sel))
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(strings.Fields(s), " ")
}

// Keys: walk to the second row, open it, acknowledge it.
func TestBrowserKeys(t *testing.T) {
	ctx := browser(t)
	s := serve(t, time.Now)
	enter(t, ctx, s.base)
	steps(t, ctx, chromedp.KeyEvent("j"), chromedp.KeyEvent("j"), chromedp.KeyEvent("k"), chromedp.KeyEvent("j"), chromedp.KeyEvent("\r"))
	until(t, ctx, `location.pathname == "/incidents/INC0000005"`)
	steps(t, ctx, chromedp.KeyEvent("a"))
	until(t, ctx, `!!document.querySelector(".flash")`)
	if got := mainText(t, ctx); !strings.Contains(got, "acknowledged by admin") {
		t.Errorf("after the key a the page says %.200q", got)
	}
	steps(t, ctx, chromedp.KeyEvent("?"))
	until(t, ctx, `location.pathname == "/help"`)
	steps(t, ctx, chromedp.KeyEvent("/"))
	until(t, ctx, `document.activeElement.id == "q"`)
	steps(t, ctx, chromedp.KeyEvent("a")) // a letter in a field is a letter
	if got := js[string](t, ctx, `document.getElementById("q").value`); got != "a" {
		t.Errorf("typed an a into the search field, it holds %q", got)
	}
}

func TestBrowserWithoutScript(t *testing.T) {
	ctx := browser(t)
	s := serve(t, time.Now)
	p := emulation.SetScriptExecutionDisabledParams{Value: true}
	if _, err := chromedp.Call(ctx, emulation.SetScriptExecutionDisabled, p); err != nil {
		t.Fatal(err)
	}
	steps(t, ctx, window(375))
	enter(t, ctx, s.base)
	steps(t, ctx, chromedp.Navigate(s.base+"/incidents/INC0000004"), chromedp.Click(chromedp.CSS("button[data-ack]")), chromedp.WaitReady(chromedp.CSS(".flash")))
	if got := mainText(t, ctx); !strings.Contains(got, "acknowledged by admin") {
		t.Errorf("without JavaScript the page says %.200q", got)
	}
	steps(t, ctx, chromedp.Click(chromedp.CSS(`button[value="dark"]`)), chromedp.WaitReady(chromedp.CSS(`html[data-theme="dark"]`)))
}

// onPhone unfolds all of a page and says what is wrong with it at the width of a phone.
const onPhone = `(() => {
  document.querySelectorAll("details").forEach((d) => { d.removeAttribute("name"); d.open = true; });
  const bad = [], wide = document.documentElement.scrollWidth;
  if (wide > 375) bad.push("is " + wide + " wide on a phone of 375: " + [...document.querySelectorAll("main *")].filter((e) => e.getBoundingClientRect().right > 376).map((e) => e.tagName + "." + e.className).slice(0, 5).join(" "));
  if ("owned" in window) bad.push("a text ran");
  const low = [...document.querySelectorAll("button, summary")].filter((e) => e.offsetParent && e.getBoundingClientRect().height < 24).length;
  if (low) bad.push(low + " controls are under 24 px high");
  return bad;
})()`

// On a phone no page scrolls sideways, whatever it shows and whatever is unfolded;
// and no text of it runs.
func TestBrowserPhone(t *testing.T) {
	bad := `<img src=x onerror="window.owned=1"><script>window.owned=1</script>` + strings.Repeat("WWWWWWWWWW", 30)
	for name, text := range map[string]string{"story": "", "hostile": bad} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx, s := browser(t), serve(t, time.Now)
			if text != "" {
				s.book.poison(t, text)
			}
			steps(t, ctx, window(375))
			enter(t, ctx, s.base)
			for _, p := range append([]string{"/sign-in"}, pages...) {
				steps(t, ctx, chromedp.Navigate(s.base+p))
				for _, is := range js[[]string](t, ctx, onPhone) {
					t.Errorf("%s: %s", p, is)
				}
			}
		})
	}
}

func TestBrowserColours(t *testing.T) {
	ctx := browser(t)
	s := serve(t, time.Now)
	enter(t, ctx, s.base)
	for _, c := range []struct{ system, choice, want string }{
		{"light", "system", "rgb(246, 244, 239)"},
		{"dark", "system", "rgb(15, 19, 22)"},
		{"dark", "light", "rgb(246, 244, 239)"},
		{"light", "dark", "rgb(15, 19, 22)"},
	} {
		scheme(t, ctx, c.system)
		js[int](t, ctx, `window.before = 1`) // gone on the page that the choice leads to
		steps(t, ctx, chromedp.Click(chromedp.CSS(fmt.Sprintf("button[value=%q]", c.choice))))
		until(t, ctx, fmt.Sprintf(`!("before" in window) && getComputedStyle(document.body).backgroundColor == %q && document.querySelector('button[aria-pressed="true"]').value == %q`, c.want, c.choice))
	}
}

// What changes is announced; the page stays where the reader is, and refreshing
// brings the row that stood at the top back to where it stood.
func TestBrowserLive(t *testing.T) {
	ctx := browser(t)
	s := serve(t, time.Now)
	steps(t, ctx, window(375))
	enter(t, ctx, s.base)
	js[int](t, ctx, `scrollTo(0, 500), 0`)
	before := js[string](t, ctx, `document.querySelector("main").innerHTML`)
	w := script{now: itsm.TimeOf(time.Now()), graph: s.book.graph}
	for _, n := range []itsm.IncidentNumber{8, 9} {
		w.incident(itsm.Incident{Number: n, Title: "another", State: itsm.New, Impact: itsm.High, Urgency: itsm.High, OpenedAt: w.now})
	}
	if err := s.book.apply(w.out); err != nil {
		t.Fatal(err)
	}
	until(t, ctx, `document.getElementById("live").innerText.startsWith("2 new incidents.")`)
	if y := js[int](t, ctx, `scrollY`); y != 500 {
		t.Errorf("the page moved to %d, want it where the reader was: 500", y)
	}
	if after := js[string](t, ctx, `document.querySelector("main").innerHTML`); len(after) < len(before)-200 || len(after) > len(before)+200 {
		t.Error("the page changed under its reader")
	}
	if got := js[string](t, ctx, `document.title`); !strings.HasPrefix(got, "(2) ") {
		t.Errorf("title %q, want it to say (2)", got)
	}
	const top = `Math.round(document.getElementById("INC0000003").getBoundingClientRect().top)`
	stood := js[int](t, ctx, top)
	steps(t, ctx, chromedp.Click(chromedp.CSS("#live a")))
	until(t, ctx, `!!document.getElementById("INC0000009")`)
	if now := js[int](t, ctx, top); now < stood-2 || now > stood+2 {
		t.Errorf("after the refresh a row that stood at %d stands at %d", stood, now)
	}
}

// Refreshing an incident's page keeps what was unfolded and what was typed.
func TestBrowserRefreshKeeps(t *testing.T) {
	ctx := browser(t)
	s := serve(t, time.Now)
	enter(t, ctx, s.base)
	steps(t, ctx, chromedp.Navigate(s.base+"/incidents/INC0000004"))
	js[int](t, ctx, `document.querySelector("#why > details").open = true, document.getElementById("note").value = "half a sentence", scrollTo(0, 900), 0`)
	const top = `Math.round(document.getElementById("cause").getBoundingClientRect().top)`
	stood := js[int](t, ctx, top)
	s.act(itsm.Act{Kind: itsm.ActNote, Incident: 4, Text: "seen"})
	until(t, ctx, `document.getElementById("live").innerText.startsWith("This incident has changed.")`)
	steps(t, ctx, chromedp.Click(chromedp.CSS("#live a")))
	until(t, ctx, `document.getElementById("live").hidden && document.getElementById("done").innerText.includes("seen")`)
	if got := js[string](t, ctx, `document.getElementById("note").value`); got != "half a sentence" {
		t.Errorf("after the refresh the note holds %q", got)
	}
	if !js[bool](t, ctx, `document.querySelector("#why > details").open`) {
		t.Error("after the refresh what was unfolded is folded")
	}
	if now := js[int](t, ctx, top); now < stood-2 || now > stood+2 {
		t.Errorf("what stood at %d stands at %d", stood, now)
	}
}
