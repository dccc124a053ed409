package console

import (
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"signalbox/itsm"
)

// Many at once with the keyboard: tick two rows, say what, and see what became of them.
func TestBrowserBulkKeys(t *testing.T) {
	ctx := browser(t)
	s := serve(t, time.Now)
	enter(t, ctx, s.base)
	const bar = `getComputedStyle(document.getElementById("bulk")).display != "none"`
	if js[bool](t, ctx, bar) {
		t.Error("the bar is there before anything is ticked")
	}
	steps(t, ctx, chromedp.KeyEvent("j"), chromedp.KeyEvent("x"), chromedp.KeyEvent("j"), chromedp.KeyEvent("x"))
	until(t, ctx, bar+` && document.getElementById("picked").textContent == "2 ticked"`)
	js[int](t, ctx, `document.querySelector("#bulk button").click(), 0`)
	until(t, ctx, `location.pathname == "/bulk" && document.querySelector("h1").innerText == "Acknowledge 2 incidents"`)
	js[int](t, ctx, `document.querySelector(".bulk-form button").click(), 0`)
	until(t, ctx, `document.querySelector("h1").innerText == "2 of 2 incidents acknowledged"`)
	js[int](t, ctx, `document.querySelector(".pager a").click(), 0`)
	until(t, ctx, `location.pathname == "/"`)
	js[int](t, ctx, `document.querySelector("[data-pick-all]").click(), 0`)
	if n := js[int](t, ctx, `document.querySelectorAll(".row .pick input:not(:checked)").length`); n != 0 || !js[bool](t, ctx, `location.search == ""`) {
		t.Errorf("%d rows are not ticked, or the page was left", n)
	}
}

// The same on a phone without JavaScript.
func TestBrowserBulkWithoutScript(t *testing.T) {
	ctx := browser(t)
	s := serve(t, time.Now)
	if _, err := chromedp.Call(ctx, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true}); err != nil {
		t.Fatal(err)
	}
	steps(t, ctx, window(375))
	enter(t, ctx, s.base)
	steps(t, ctx, chromedp.Click(chromedp.CSS("#INC0000004 .pick")), chromedp.Click(chromedp.CSS("#bulk button")), chromedp.WaitReady(chromedp.CSS(".bulk-form")),
		chromedp.Click(chromedp.CSS(".bulk-form button")), chromedp.WaitReady(chromedp.CSS(".group")))
	if is(s.book, itsm.IncidentNumber(4)).AcknowledgedAt == 0 {
		t.Error("nothing was acknowledged")
	}
}
