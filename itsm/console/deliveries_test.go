package console

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"signalbox/itsm"
	"signalbox/itsm/entry"
	"signalbox/itsm/ledger"
)

// more stores a delivery of n repeats of one alert as entry off.
func (b *book) more(t *testing.T, off itsm.Offset, n int) {
	t.Helper()
	f := &itsm.Fates{Offset: off, At: itsm.TimeOf(fixedNow), Source: "datadog"}
	d := &entry.Delivery{Source: "datadog"}
	for k := range n {
		d.Events = append(d.Events, itsm.Event{Identity: fmt.Sprint("id-", k), Title: fmt.Sprint("title ", k), Status: itsm.Firing})
		f.Events = append(f.Events, itsm.EventFate{Fate: itsm.FateDeduplicated, Alert: 10, Episode: 1, Incident: 4})
	}
	if err := b.apply([]itsm.Decision{{Kind: itsm.PutFates, Fates: f}}); err != nil {
		t.Fatal(err)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.entries[off] = d
}

func TestDeliveryFilters(t *testing.T) {
	s := signedIn(t, fixedClock)
	for path, want := range map[string][]string{
		"/deliveries":                                {"304", "303", "302", "301", "300"},
		"/deliveries?source=generic":                 {"300"},
		"/deliveries?fate=quarantined":               {"301", "300"},
		"/deliveries?alert=ALR0000003":               {"304", "302"},
		"/deliveries?incident=INC0000004":            {"304", "301"},
		"/deliveries?from=302":                       {"302", "301", "300"},
		"/deliveries?from=2026-11-21+02:40":          {"301", "300"},
		"/deliveries?from=2026-11-21T02:40":          {"301", "300"},
		"/deliveries?from=2026-11-20":                nil,
		"/deliveries?alert=ALR0000003&fate=folded":   {"302"},
		"/deliveries?from=301&source=alertmanager":   {"301"},
		"/deliveries?from=300&fate=folded&source=dd": nil,
	} {
		_, body := s.get(path)
		got := text(parse(t, body))
		for n := 300; n <= 304; n++ {
			id, listed := fmt.Sprint(n), false
			for _, w := range want {
				listed = listed || w == id
			}
			if strings.Contains(got, "Entry "+id) != listed {
				t.Errorf("%s: entry %s listed: %v, want %v", path, id, !listed, listed)
			}
		}
	}
	for path, want := range map[string]int{
		"/deliveries?from=tomorrow": http.StatusBadRequest, "/deliveries?fate=lost": http.StatusBadRequest, "/deliveries?cursor=x": http.StatusBadRequest,
		"/deliveries?alert=7": http.StatusNotFound, "/deliveries/0": http.StatusNotFound, "/deliveries/x": http.StatusNotFound, "/deliveries/299": http.StatusNotFound,
		"/deliveries/18446744073709551616": http.StatusNotFound, "/deliveries/301?event=x": http.StatusOK, "/deliveries/301?event=-4": http.StatusOK,
	} {
		resp, body := s.get(path)
		if resp.StatusCode != want {
			t.Errorf("%s: status %d, want %d", path, resp.StatusCode, want)
		}
		checkPage(t, s.base, body)
	}
}

// A large delivery is told of page by page, and every event is on one of them.
func TestLargeDelivery(t *testing.T) {
	s := signedIn(t, fixedClock)
	s.book.more(t, 501, 450)
	seen, path := map[string]int{}, "/deliveries/501"
	for page, part := range []string{"1 to 200 of 450", "201 to 400 of 450", "401 to 450 of 450"} {
		_, body := s.get(path)
		checkPage(t, s.base, body)
		got := text(parse(t, body))
		for _, w := range []string{part, "450 events = 0 folded + 450 deduplicated + 0 suppressed + 0 quarantined"} {
			if !strings.Contains(got, w) {
				t.Errorf("page %d lacks %q", page+1, w)
			}
		}
		for k := range 450 {
			if strings.Contains(got, fmt.Sprintf(" title %d ", k)) {
				seen[fmt.Sprint(k)]++
			}
		}
		path = fmt.Sprintf("/deliveries/501?event=%d", 200*(page+1))
		if strings.Contains(body, `href="`+path+`"`) != (page < 2) {
			t.Errorf("page %d leads on to %s: %v", page+1, path, page >= 2)
		}
	}
	for k := range 450 {
		if seen[fmt.Sprint(k)] != 1 {
			t.Errorf("event %d is on %d pages", k, seen[fmt.Sprint(k)])
		}
	}
}

// A long list is paged; what the filter says stays in the address.
func TestDeliveryPages(t *testing.T) {
	s := signedIn(t, fixedClock)
	for k := range listPageSize + 1 {
		s.book.more(t, itsm.Offset(501+k), 1)
	}
	_, body := s.get("/deliveries?source=datadog")
	_, rest, _ := strings.Cut(body, `<p class="pager"><a href="`)
	next, _, _ := strings.Cut(rest, `"`)
	next = strings.ReplaceAll(next, "&amp;", "&")
	if !strings.Contains(next, "source=datadog") {
		t.Fatalf("the next page is %q", next)
	}
	_, body = s.get(next)
	if got := text(parse(t, body)); !strings.Contains(got, "Entry 501") || strings.Contains(got, "Entry 502") {
		t.Errorf("the second page is %.300s", got)
	}
}

// Totals that do not add up say so.
func TestTotalsThatDoNotAddUp(t *testing.T) {
	s := signedIn(t, fixedClock)
	s.book.totals = func() ledger.Totals {
		t := cannedTotals()
		t.Accepted++
		return t
	}
	_, body := s.get("/totals")
	checkPage(t, s.base, body)
	got := text(parse(t, body))
	for _, w := range []string{"The totals do not add up", "99,345", "≠ 99,346"} {
		if !strings.Contains(got, w) {
			t.Errorf("the page lacks %q", w)
		}
	}
}

// Without a ledger there are no links to it, and its pages are not there.
func TestWithoutLedger(t *testing.T) {
	s := signedIn(t, fixedClock)
	s.console.o.Ledger = nil
	for _, p := range []string{"/status", "/alerts/ALR0000010", "/quarantine/5f0c77a1be22d940"} {
		if _, body := s.get(p); strings.Contains(body, `"/deliveries`) || strings.Contains(body, `"/totals`) {
			t.Errorf("%s links to a ledger that is not there", p)
		}
	}
	for _, p := range []string{"/deliveries", "/deliveries/301", "/totals"} {
		if resp, _ := s.get(p); resp.StatusCode != http.StatusNotFound {
			t.Errorf("%s: status %d, want 404", p, resp.StatusCode)
		}
	}
}
