package teams_test

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"signalbox/connectors"
	"signalbox/itsm"
)

// TestUnknownOutcome: a card that Teams may have taken is posted once more, marked,
// and then never again; one that it did not take is posted until it does.
func TestUnknownOutcome(t *testing.T) {
	const cut, cutAfter = 0, 1
	for name, c := range map[string]struct {
		answers []int // of one try after the other; cut: the connection, before or after the card was taken
		posted  int   // cards that are in the channel in the end
		marked  int   // of them
		dead    bool
	}{
		"taken":                        {[]int{202}, 1, 0, false},
		"busy, then taken":             {[]int{429, 503, 429, 202}, 1, 0, false},
		"cut after it was taken":       {[]int{cutAfter, 202}, 2, 1, false},
		"cut before it was taken":      {[]int{cut, 202}, 1, 1, false},
		"unknown, busy, then taken":    {[]int{504, 503, 202}, 1, 1, false},
		"unknown twice":                {[]int{cutAfter, cutAfter}, 2, 1, true},
		"unknown, then an error":       {[]int{500, 500}, 0, 0, true},
		"refused":                      {[]int{400}, 0, 0, true},
		"unknown, then refused":        {[]int{502, 400}, 0, 0, true},
		"busy, unknown, busy, unknown": {[]int{503, cutAfter, 503, cutAfter}, 2, 1, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var mu sync.Mutex
			var cards [][]byte
			tries := 0
			h := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				b, err := io.ReadAll(r.Body)
				if err != nil {
					t.Error(err)
				}
				mu.Lock()
				defer mu.Unlock()
				status := c.answers[min(tries, len(c.answers)-1)]
				tries++
				if status == cutAfter || status == http.StatusAccepted {
					cards = append(cards, b)
				}
				if status == cut || status == cutAfter {
					panic(http.ErrAbortHandler)
				}
				w.WriteHeader(status)
			}))
			defer h.Close()
			k := connector(t, h.URL)
			var err error
			for n := 0; n == 0 || connectors.IsPassing(err); n++ {
				if n == len(c.answers) {
					t.Fatalf("tried again after %d tries: %v", n, err)
				}
				_, err = k.Push(t.Context(), intent(itsm.Trigger))
			}
			mu.Lock()
			defer mu.Unlock()
			marked := 0
			for _, b := range cards {
				if bytes.Contains(b, []byte("Perhaps a repeat")) {
					marked++
				}
			}
			if len(cards) != c.posted || marked != c.marked || tries != len(c.answers) || c.dead != (err != nil) {
				t.Errorf("%d cards, %d marked, after %d tries, %v; expected %d, %d, %d, dead %v", len(cards), marked, tries, err, c.posted, c.marked, len(c.answers), c.dead)
			}
			if err != nil && strings.Contains(err.Error(), "S3CRET") {
				t.Errorf("the address is in %v", err)
			}
		})
	}
}
