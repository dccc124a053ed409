package console

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// faintTexts is a script that finds the texts of a page whose contrast with what
// is painted behind them is below WCAG AA: 4.5, or 3 for large text. It looks at
// the colours the browser computed, through transparency, and at the boxes under
// the words of a picture.
const faintTexts = `(() => {
  const read = (c) => {
    const n = (c.match(/[\d.]+(e-?\d+)?/g) || []).map(Number);
    if (c.startsWith("color(srgb")) return [n[0] * 255, n[1] * 255, n[2] * 255, n.length > 3 ? n[3] : 1];
    return [n[0], n[1], n[2], n.length > 3 ? n[3] : 1];
  };
  const over = (top, under) => [0, 1, 2].map((i) => top[i] * top[3] + under[i] * (1 - top[3])).concat(1);
  const light = (c) => [0.2126, 0.7152, 0.0722].reduce((sum, w, i) => {
    const v = c[i] / 255;
    return sum + w * (v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
  }, 0);
  // What is behind an element and how much of it shows follow from its parent's.
  const painted = new Map([[null, { back: read(getComputedStyle(document.body).backgroundColor), alpha: 1 }]]);
  const paint = (e) => {
    let p = painted.get(e);
    if (p) return p;
    const parent = paint(e.parentElement), style = getComputedStyle(e);
    let back = over(read(style.backgroundColor), parent.back);
    if (e.classList.contains("node")) back = over(read(getComputedStyle(e.querySelector(".box")).fill), back);
    painted.set(e, p = { back, alpha: parent.alpha * Number(style.opacity) });
    return p;
  };
  const faint = [];
  let looked = 0;
  const check = (e, style, text) => {
    const { back, alpha } = paint(e);
    const colour = read(e.ownerSVGElement ? style.fill : style.color);
    const front = over([colour[0], colour[1], colour[2], colour[3] * alpha], back);
    const [a, b] = [light(front), light(back)].sort((x, y) => y - x);
    const size = parseFloat(style.fontSize);
    const large = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
    const ratio = (a + 0.05) / (b + 0.05);
    looked++;
    if (ratio < (large ? 3 : 4.5)) faint.push(e.tagName + "." + (e.className.baseVal ?? e.className) + " " + ratio.toFixed(2) + " " + text.trim().slice(0, 40));
  };
  document.querySelectorAll("details").forEach((d) => { d.removeAttribute("name"); d.open = true; });
  const seen = new Set(); // all the words of an element have its colour
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let n = walk.nextNode(); n; n = walk.nextNode()) {
    const e = n.parentElement;
    if (!n.data.trim() || seen.has(e) || e.closest("title, .sr, .skip") || !e.getClientRects().length) continue;
    seen.add(e);
    check(e, getComputedStyle(e), n.data);
  }
  document.querySelectorAll("[placeholder]").forEach((e) => e.getClientRects().length && check(e, getComputedStyle(e, "::placeholder"), e.placeholder));
  return looked === 0 ? ["no text was looked at"] : faint;
})()`

// Every text of every page can be read, in both colour schemes and at both widths.
func TestBrowserContrast(t *testing.T) {
	look := func(t *testing.T, ctx context.Context, base string, paths []string) {
		for _, p := range paths {
			steps(t, ctx, chromedp.Navigate(base+p))
			for _, width := range []int{1280, 375} {
				steps(t, ctx, window(width))
				for _, mode := range []string{"light", "dark"} {
					scheme(t, ctx, mode)
					for _, faint := range js[[]string](t, ctx, faintTexts) {
						t.Errorf("%s %s %d: %s", mode, p, width, faint)
					}
				}
			}
		}
	}
	s := serve(t, time.Now)
	n := 0
	for some := range slices.Chunk(pages, 30) {
		n++
		t.Run(fmt.Sprintf("pages %d", n), func(t *testing.T) {
			t.Parallel()
			ctx := browser(t)
			enter(t, ctx, s.base)
			look(t, ctx, s.base, some)
		})
	}
	t.Run("acknowledged", func(t *testing.T) {
		t.Parallel()
		ctx, s := browser(t), serve(t, time.Now)
		look(t, ctx, s.base, []string{"/sign-in"})
		enter(t, ctx, s.base)
		steps(t, ctx, chromedp.Navigate(s.base+"/incidents/INC0000004"), chromedp.Click(chromedp.CSS("button[data-ack]")), chromedp.WaitReady(chromedp.CSS(".flash")))
		for _, faint := range js[[]string](t, ctx, faintTexts) {
			t.Errorf("after acknowledging: %s", faint)
		}
	})
	t.Run("empty", func(t *testing.T) {
		t.Parallel()
		b, err := emptyBook(time.Now)
		if err != nil {
			t.Fatal(err)
		}
		ctx, empty := browser(t), serveBook(t, b)
		// Nobody has a password here, so the token's field is there at once.
		steps(t, ctx, chromedp.Navigate(empty.base+"/sign-in"), chromedp.SendKeys(chromedp.CSS("#token"), StorybookToken+"\r"), chromedp.WaitReady(chromedp.CSS("a[aria-current=page]")))
		look(t, ctx, empty.base, emptyPages)
	})
}

// The script that looks for faint texts finds one.
func TestFaintTexts(t *testing.T) {
	ctx := browser(t)
	s := serve(t, time.Now)
	enter(t, ctx, s.base)
	for rule, want := range map[string]int{
		`h1 { color: #999 !important }`:      1,
		`h1 { opacity: 0.3 }`:                1,
		`.bar { background: #20252b }`:       1,
		`input::placeholder { color: #ccc }`: 1,
		`h1 { color: var(--text) }`:          0,
	} {
		steps(t, ctx, chromedp.Navigate(s.base+"/help"))
		if rule[0] == 'i' {
			steps(t, ctx, chromedp.Navigate(s.base+"/cis"))
		}
		js[int](t, ctx, "{ const sheet = new CSSStyleSheet(); sheet.replaceSync("+"`"+rule+"`"+"); document.adoptedStyleSheets = [sheet]; 0 }")
		if got := js[[]string](t, ctx, faintTexts); len(got) < want || (want == 0 && len(got) > 0) {
			t.Errorf("with %q it finds %q, want %d", rule, got, want)
		}
	}
}
