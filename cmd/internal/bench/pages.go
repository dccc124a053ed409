package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"time"

	"signalbox/itsm"
)

// The pages scenario: so many incidents of so many alerts, and each page so often.
const (
	pageIncidents = 5000
	pageAlerts    = 100_000
	pageProblems  = 1000
	pageChanges   = 2000
	pageTimes     = 40
	pageMax       = 100 * time.Millisecond
)

// listPages are the lists and details that people and scripts read.
var listPages = []string{
	"/", "/incidents/INC0000001", "/alerts", "/alerts?status=firing&source=main&q=h04999", "/alerts?ci=box-04999",
	"/deliveries", "/deliveries?source=main&fate=folded", "/totals", "/cis", "/cis?q=box-04999", "/quarantine", "/status", "/help",
	"/problems", "/problems/PRB0000001", "/changes", "/changes/CHG0000001", "/maintenance",
	"/api/v1/incidents?limit=50", "/api/v1/incidents?limit=500", "/api/v1/incidents?priority=P3&limit=50", "/api/v1/incidents?q=Rule7&limit=50",
	"/api/v1/incidents/INC0000001", "/api/v1/incidents/INC0000001/alerts?limit=50", "/api/v1/incidents/INC0000001/timeline",
	"/api/v1/alerts?limit=50", "/api/v1/alerts?limit=500", "/api/v1/alerts?status=firing&limit=50", "/api/v1/alerts?source=main&limit=50", "/api/v1/alerts?q=h04999&limit=50",
	"/api/v1/deliveries?limit=50", "/api/v1/totals", "/api/v1/cmdb/cis?limit=50", "/api/v1/quarantine?limit=50", "/api/v1/rules",
	"/api/v1/problems?limit=50", "/api/v1/changes?limit=50",
}

func pages(ctx context.Context, o *options, r *report) (err error) {
	sb, err := newSignalbox(o, "pages", "")
	if err != nil {
		return err
	}
	if _, err := sb.start(ctx); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, sb.stop()) }()
	list := stream{shape: shape{addr: sb.addr, path: "/prometheus/main/api/v2/alerts", batch: 50, began: time.Now(), own: true}, hosts: pageIncidents, known: 1}
	if _, err := list.exactly(ctx, o.connections, pageAlerts); err != nil {
		return err
	}
	if err := sb.drained(ctx); err != nil {
		return err
	}
	if err := sb.remember(ctx); err != nil {
		return err
	}
	open, err := sb.metric(ctx, "signalbox_incidents_open")
	if err != nil {
		return err
	}
	return sb.look(ctx, r, fmt.Sprintf("pages with %d alerts and %.0f open incidents, %d times each (ms; goal: p95 under %v)", pageAlerts, open, pageTimes, pageMax), listPages)
}

// look reads each page so often, one after the other. What a page costs the
// server's processors says more than how long it took on a machine in company.
func (s *server) look(ctx context.Context, r *report, title string, paths []string) error {
	t := r.section(title, "page", "bytes", "first", "p50", "p95", "max", "processor")
	browser, err := s.signIn(ctx)
	if err != nil {
		return err
	}
	for _, p := range paths {
		var h histogram
		size, first := 0, time.Duration(0)
		before, err := s.cpu()
		if err != nil {
			return err
		}
		for n := range pageTimes {
			began := time.Now()
			status, b, err := s.browse(ctx, browser, p)
			if err != nil {
				return err
			}
			if status != http.StatusOK {
				r.invalid("GET %s: %d", p, status)
				break
			}
			if h.add(time.Since(began)); n == 0 {
				first = time.Since(began)
			}
			size = len(b)
		}
		spent, err := s.cpu()
		if err != nil {
			return err
		}
		f, each := h.figures(), ms(spent-before)/pageTimes
		t.add(p, size, ms(first), f.P50, f.P95, f.Max, each)
		r.Raw["pages"] = append(r.Raw["pages"], map[string]any{"page": p, "bytes": size, "first_ms": ms(first), "latency": f, "processor_ms": each})
	}
	return nil
}

// remember makes the problems and changes of the pages, each about an incident or
// a CI of its own.
func (s *server) remember(ctx context.Context) error {
	put := func(path, body string) error {
		status, b, err := s.request(ctx, http.MethodPost, path, "application/json", []byte(body))
		if err == nil && status/100 != 2 {
			err = fmt.Errorf("POST %s: %d %s", path, status, b)
		}
		return err
	}
	for n := range pageChanges {
		if err := put("/api/v1/changes", fmt.Sprintf(`{"title":"release %d of shop","external_id":"r%[1]d","state":"in_progress","cis":["h%05d"],"who":"ada"}`, n, n%pageIncidents)); err != nil {
			return err
		}
	}
	for n := range pageProblems {
		if err := put("/api/v1/problems", fmt.Sprintf(`{"title":"Trouble %d","incidents":["%s"]}`, n, itsm.IncidentNumber(n+1))); err != nil {
			return err
		}
	}
	return nil
}

// signIn is a person at the console.
func (s *server) signIn(ctx context.Context) (*http.Client, error) {
	jar, err := cookiejar.New(nil)
	if err != nil {
		return nil, err
	}
	c := &http.Client{Jar: jar, Timeout: time.Minute}
	form := url.Values{"token": {s.token}, "next": {"/"}}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+s.addr+"/sign-in", strings.NewReader(form.Encode()))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Origin", "http://"+s.addr)
	resp, err := c.Do(req)
	if err != nil {
		return nil, err
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("sign in: %s", resp.Status)
	}
	return c, nil
}

// browse reads one page of the console or, with the token, of the API.
func (s *server) browse(ctx context.Context, browser *http.Client, path string) (int, []byte, error) {
	if strings.HasPrefix(path, "/api/") {
		return s.get(ctx, path)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+s.addr+path, nil)
	if err != nil {
		return 0, nil, err
	}
	return read(browser.Do(req))
}
