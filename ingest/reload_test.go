package ingest_test

import (
	"strings"
	"sync"
	"testing"

	"signalbox/ingest"
)

// TestReload swaps sources under load: every request is answered by the old ones or
// by the new ones, an invalid set changes nothing, and during a rotation both
// secrets are good.
func TestReload(t *testing.T) {
	source := func(name string, secrets ...string) ingest.Source {
		return ingest.Source{Name: name, Kind: "generic", Auth: ingest.Auth{Bearer: secrets}}
	}
	const old, next = "old-secret-old-secret-old-secret", "new-secret-new-secret-new-secret"
	r := start(t, func(o *ingest.Options) { o.Open = false; o.Sources = []ingest.Source{source("a", old)} })
	try := func(name, secret string, want int) {
		t.Helper()
		if got := r.post(t, "/webhooks/"+name, event, "Authorization", "Bearer "+secret); got.status != want {
			t.Errorf("%s with %.3s: %d %s, want %d", name, secret, got.status, got.body, want)
		}
	}
	stop := make(chan struct{})
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
					try("a", old, 202)
				}
			}
		})
	}
	for range 50 {
		if err := r.door.Reload([]ingest.Source{source("a", old, next), source("b", next)}); err != nil {
			t.Fatal(err)
		}
		try("a", next, 202)
		try("b", next, 202)
		err := r.door.Reload([]ingest.Source{source("a", next), source("b")}) // b is open, and we are not on loopback
		if err == nil || !strings.Contains(err.Error(), "sources.b.auth") {
			t.Fatalf("invalid sources: %v, want it to name sources.b.auth", err)
		}
		try("b", next, 202)
		if err := r.door.Reload([]ingest.Source{source("a", old)}); err != nil {
			t.Fatal(err)
		}
		try("a", next, 401)
		try("b", next, 404)
	}
	close(stop)
	wg.Wait()
	if err := r.door.Reload([]ingest.Source{source("a", next)}); err != nil {
		t.Fatal(err)
	}
	try("a", old, 401)
}
