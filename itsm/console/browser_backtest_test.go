package console

import (
	"net/http"
	"net/url"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

// The page of a running backtest moves on by itself and then shows the report,
// with JavaScript and without.
func TestBrowserBacktest(t *testing.T) {
	ctx := browser(t)
	var passed atomic.Int64
	s := serve(t, func() time.Time { return fixedNow.Add(time.Duration(passed.Load())) })
	enter(t, ctx, s.base)
	steps(t, ctx, chromedp.Navigate(s.base+"/rules/backtests/4"))
	until(t, ctx, `document.getElementById("progress").value == 433`)
	passed.Add(int64(cannedTakes / 10))
	until(t, ctx, `document.getElementById("progress").value == 533 && document.getElementById("progress-text").innerText.startsWith("53 % ")`)
	passed.Add(int64(cannedTakes))
	until(t, ctx, `!document.getElementById("progress") && document.querySelectorAll("table.figures").length == 3`)

	p := emulation.SetScriptExecutionDisabledParams{Value: true}
	if _, err := chromedp.Call(ctx, emulation.SetScriptExecutionDisabled, p); err != nil {
		t.Fatal(err)
	}
	if resp, _ := s.post("/sign-in", url.Values{"token": {StorybookToken}}); resp.StatusCode != http.StatusSeeOther {
		t.Fatalf("sign in: status %d", resp.StatusCode)
	}
	if resp, _ := s.post("/rules/backtests", asked()); resp.StatusCode != http.StatusSeeOther {
		t.Fatalf("start: status %d", resp.StatusCode)
	}
	steps(t, ctx, chromedp.Navigate(s.base+"/rules/backtests/5"), chromedp.WaitReady(chromedp.CSS("#progress")))
	passed.Add(int64(cannedTakes))
	steps(t, ctx, chromedp.WaitReady(chromedp.CSS("table.figures")))
}
