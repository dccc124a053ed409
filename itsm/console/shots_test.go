package console

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"signalbox/itsm"
)

// shots takes pictures for people to look at, of every page at both widths and in
// both colour schemes. SIGNALBOX_SHOTS_ONLY names the pages that are wanted.
type shots struct {
	t    *testing.T
	ctx  context.Context
	dir  string
	only string
}

// TestShots writes pictures of every page when SIGNALBOX_SHOTS names a directory:
// of the canned story with a large incident, of a server that has received
// nothing, and of one with a hundred thousand alerts.
func TestShots(t *testing.T) {
	dir := os.Getenv("SIGNALBOX_SHOTS")
	if dir == "" {
		return
	}
	p := shots{t: t, ctx: browser(t), dir: dir, only: os.Getenv("SIGNALBOX_SHOTS_ONLY")}
	s := serve(t, time.Now)
	s.book.crowd(t, 300, 4, 120)
	p.take(s.base, "/sign-in", "signin")
	enter(t, p.ctx, s.base)
	if bad := os.Getenv("SIGNALBOX_SHOTS_POISON"); bad != "" {
		s.book.poison(t, bad)
	}
	for _, path := range append([]string{"/incidents/" + crowdNumber.String()}, pages...) {
		p.take(s.base, path, fileName(path))
	}
	p.site(func(b *book) {}, emptyBook, "empty", emptyPages)
	p.site(func(b *book) { b.flood(t, 100_000, 5000) }, openBook, "flood", []string{"/", "/alerts", "/alerts?q=worker", "/status", "/incidents/" + floodNumber.String()})
}

// site takes pictures of another book.
func (p shots) site(fill func(*book), open func(func() time.Time) (*book, error), name string, paths []string) {
	p.t.Helper()
	if !slices.ContainsFunc(paths, func(path string) bool { return p.wants(name + "_" + fileName(path)) }) {
		return
	}
	b, err := open(time.Now)
	if err != nil {
		p.t.Fatal(err)
	}
	fill(b)
	s := serveBook(p.t, b)
	enter(p.t, p.ctx, s.base)
	for _, path := range paths {
		p.take(s.base, path, name+"_"+fileName(path))
	}
}

func (p shots) wants(name string) bool {
	return p.only == "" || strings.Contains(","+p.only+",", ","+name+",")
}

func (p shots) take(base, path, name string) {
	p.t.Helper()
	if !p.wants(name) {
		return
	}
	for _, width := range []int{1280, 375} {
		for _, mode := range []string{"light", "dark"} {
			scheme(p.t, p.ctx, mode)
			steps(p.t, p.ctx, window(width), chromedp.Navigate(base+path))
			p.write(fmt.Sprintf("%s-%d-%s.png", name, width, mode), chromedp.FullScreenshot(100))
			if width == 375 && mode == "light" { // what is seen without scrolling
				p.write(name+"-first.png", chromedp.CaptureScreenshot())
			}
		}
	}
}

func (p shots) write(name string, action chromedp.Action[[]byte]) {
	p.t.Helper()
	png, err := chromedp.Run(p.ctx, action)
	if err != nil {
		p.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(p.dir, name), png, 0o600); err != nil {
		p.t.Fatal(err)
	}
}

const floodNumber itsm.IncidentNumber = 10_000

// flood adds many alerts and open incidents, and one incident that most of the
// alerts belong to.
func (b *book) flood(t testing.TB, alerts, incidents int) {
	t.Helper()
	s := script{now: itsm.TimeOf(b.clock()), graph: b.graph, alerts: b.Counts().Alerts, off: scriptOffsets}
	flush := func() {
		if err := b.apply(s.out); err != nil {
			t.Fatal(err)
		}
		s.out = nil
	}
	opened := s.ago(9 * time.Minute)
	for k := range incidents {
		id := fmt.Sprintf("edge-%05d", k)
		s.single(itsm.Incident{Number: floodNumber - itsm.IncidentNumber(incidents-k), Title: id + " is unreachable", State: itsm.New, Impact: itsm.Level(1 + k%3), Urgency: itsm.Level(1 + k/3%3),
			ImpactBecause: "tier " + fmt.Sprint(1+k%3), UrgencyBecause: "severity", OpenedAt: opened, CIs: []string{id}}, itsm.Alert{Title: id + " is unreachable", Severity: itsm.Severity(1 + k%4), StartsAt: opened})
		if len(s.out) > 4000 {
			flush()
		}
	}
	i := itsm.Incident{Number: floodNumber, Title: "orders-db-1 is down; everything alerts", State: itsm.New, Impact: itsm.High, Urgency: itsm.High, ImpactBecause: "9 services", UrgencyBecause: "critical",
		OpenedAt: opened, AlertCount: alerts - incidents, FiringCount: alerts - incidents, Severity: itsm.Critical, Storm: true,
		Causes: []itsm.Cause{{CI: cannedDB, ScoreMilli: 970, Because: "500 of 500 alerting CIs depend on orders-db-1."}}}
	for _, svc := range cannedServices {
		i.Services = append(i.Services, svc.id)
		for pod := 1; pod <= 2; pod++ {
			i.CIs = append(i.CIs, fmt.Sprintf("%s-%d", svc.app, pod))
		}
	}
	for k := range alerts - incidents {
		ci := i.CIs[k%len(i.CIs)]
		s.outageAlert(floodNumber, k, ci, fmt.Sprintf("worker %d on %s cannot reach its database", k, ci), itsm.Severity(1+k%4), opened, false)
		if len(s.out) > 4000 {
			flush()
		}
	}
	s.incident(i)
	flush()
}
