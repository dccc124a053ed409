package console

import (
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// The editor says a mistake beside its line as typing stops, and completes names
// that conditions can ask for and values of recent alerts.
func TestBrowserRuleEditor(t *testing.T) {
	ctx := browser(t)
	s := serve(t, time.Now)
	enter(t, ctx, s.base)
	steps(t, ctx, chromedp.Navigate(s.base+"/rules/edit"))
	until(t, ctx, `document.getElementById("verdict").innerText.includes("nothing is wrong")`)
	js[int](t, ctx, `{ const a = document.getElementById("body-1"); a.focus(); a.value = "id: a\nabout: x\nsuppress: mute\nwhen: "; a.setSelectionRange(a.value.length, a.value.length); 0 }`)
	steps(t, ctx, chromedp.KeyEvent("c"), chromedp.KeyEvent("i"), chromedp.KeyEvent("."), chromedp.KeyEvent("t"))
	until(t, ctx, `!document.getElementById("words").hidden && document.querySelector("#words li b").innerText == "ci.tier"`)
	steps(t, ctx, chromedp.KeyEvent("\t"))
	until(t, ctx, `document.getElementById("body-1").value.endsWith("when: ci.tier")`)
	until(t, ctx, `[...document.querySelectorAll("#problems-1 button")].some((b) => b.innerText.startsWith("line 4")) && !!document.querySelector(".gutter b") && !!document.querySelector(".marks p")`)
	if got := js[string](t, ctx, `document.querySelector(".gutter b").innerText`); got != "4" {
		t.Errorf("the line marked is %s, want 4", got)
	}
}
