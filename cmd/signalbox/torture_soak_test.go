package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// The soak lives through what takes weeks in minutes: alerts and incidents open,
// repeat, resolve, close and are forgotten, and the journal is cut at its bound.
const (
	soakConfig = `correlation: {resolve_after: 1s, reopen_within: 2s, close_after: 10s, evict_after: 1m, refire_within: 1s}
journal: {max_bytes: 64MiB}
`
	soakBound = 64 << 20 // journal.max_bytes

	soakBatch   = 10                    // alerts of a request
	soakEvery   = 80 * time.Millisecond // between the requests of one of the senders
	soakText    = 800                   // bytes of text without pattern in an alert: a journal compresses repeats to nothing
	soakSenders = 4                     // 500 alerts a second
	soakRepeats = 8                     // requests that repeat an alert before one that clears it
	soakWarmUp  = 6                     // minutes in which caches, tables and what waits to be forgotten may grow
)

// Figures of make torture.
const (
	soakGrowthMax   = 1 << 20   // bytes a minute, 35 an event
	soakJournalMax  = 96 << 20  // the bound, and what a minute brings until it is looked at again
	soakRecordBytes = 4 << 10   // of disk for each alert and incident there ever was: records stay
	soakRecordsBase = 192 << 20 // what an empty store claims
)

// churn sends alerts that live for a while until stop, and counts them.
func churn(t *testing.T, s *server, sender int, stop <-chan struct{}) (alerts int) {
	client := &http.Client{Timeout: patience}
	tick := time.NewTicker(soakEvery)
	defer tick.Stop()
	for i := 0; ; i++ {
		select {
		case <-stop:
			return alerts
		case <-tick.C:
		}
		life, age := i/(soakRepeats+1), i%(soakRepeats+1)
		var events []map[string]any
		for k := range soakBatch {
			e := event("firing", fmt.Sprintf("service-%d", (life*soakBatch+k)%200))
			e["fingerprint"] = fmt.Sprintf("s%d-%d-%d", sender, life, k)
			e["text"] = patternless(soakText)
			if age == soakRepeats {
				e["status"] = "resolved"
			}
			events = append(events, e)
		}
		if age == 0 {
			alerts += soakBatch
		}
		body, err := json.Marshal(map[string]any{"events": events})
		if err != nil {
			panic(err) // maps of strings
		}
		if status, err := post(client, s.url+"/webhooks/generic", body); err != nil || status != http.StatusAccepted {
			t.Errorf("an honest sender was refused: %d %v", status, err)
			return alerts
		}
	}
}

// soakSample is the least of a stretch of time, for between collections the heap
// grows and grows.
type soakSample struct {
	heap, goroutines, files float64
}

// grewSince reports whether more goroutines or files are there than load explains.
func (v soakSample) grewSince(first soakSample) bool {
	return v.goroutines > first.goroutines+10 || v.files > first.files+10
}

func sampleSoak(s *server, d, every time.Duration) soakSample {
	least := soakSample{1e18, 1e18, 1e18}
	for end := time.Now().Add(d); time.Now().Before(end); time.Sleep(every) {
		g := gauges(s)
		least.heap = min(least.heap, g["go_memstats_heap_alloc_bytes"])
		least.goroutines = min(least.goroutines, g["go_goroutines"])
		least.files = min(least.files, g["process_open_fds"])
	}
	return least
}

// growth is how much the heap grows from one sample to the next, in bytes: the least of
// the later half against the least of the earlier. Tables that are being filled and blocks
// that a dump has read come and go by more than a slow leak brings in a minute; none of
// them is there in the least of some minutes.
func growth(samples []soakSample) float64 {
	least := func(samples []soakSample) float64 {
		return slices.MinFunc(samples, func(a, b soakSample) int { return cmp.Compare(a.heap, b.heap) }).heap
	}
	half := len(samples) / 2
	return (least(samples[half:]) - least(samples[:half])) / float64(half)
}

// TestTortureSoak runs a steady load of alerts that come and go, and checks that
// goroutines and file descriptors stay flat; in make torture also that the heap
// does, and that the disk keeps its bounds.
func TestTortureSoak(t *testing.T) {
	s := prepare(t, t.TempDir(), soakConfig)
	s.env = []string{measuredGOGC} // or a collection comes once in minutes, and the least of a minute says nothing
	s.run()
	stop := make(chan struct{})
	var wg sync.WaitGroup
	var mu sync.Mutex
	alerts := 0
	for sender := range soakSenders {
		wg.Go(func() {
			n := churn(t, s, sender, stop)
			mu.Lock()
			alerts += n
			mu.Unlock()
		})
	}
	each, every := 100*time.Millisecond, 20*time.Millisecond
	if inFull() {
		each, every = time.Minute, 250*time.Millisecond
	}
	var samples []soakSample
	for range rounds(soakWarmUp+20, soakWarmUp+12) {
		samples = append(samples, sampleSoak(s, each, every))
		last := samples[len(samples)-1]
		t.Logf("heap %.1f MiB, %v goroutines, %v files, anonymous memory %d MiB, journal %.0f MiB, records %.0f MiB, snapshots %.0f MiB, %v incidents", last.heap/(1<<20), last.goroutines, last.files,
			anonymous(t, s)>>20, stored(s, "journal"), stored(s, "view"), stored(s, "snapshots"), gauges(s)["signalbox_incidents_opened_total"])
	}
	samples = samples[soakWarmUp:]
	first, last := samples[0], samples[len(samples)-1]
	// What a busy machine lets pile up for a moment goes by itself; what leaks does not.
	for begin := time.Now(); last.grewSince(first) && time.Since(begin) < patience; {
		last = sampleSoak(s, each, every)
	}
	close(stop)
	wg.Wait()
	if last.grewSince(first) {
		t.Errorf("goroutines grew from %v to %v, files from %v to %v", first.goroutines, last.goroutines, first.files, last.files)
	}
	if inFull() {
		checkSoaked(t, s, samples, alerts)
	}
}

// stored is what a part of the data takes on disk, in MiB.
func stored(s *server, part string) float64 {
	return gauges(s)[fmt.Sprintf("signalbox_storage_bytes{part=%q}", part)] / (1 << 20)
}

// checkSoaked: the heap is flat and the disk keeps its bounds.
func checkSoaked(t *testing.T, s *server, samples []soakSample, alerts int) {
	t.Helper()
	opened := gauges(s)["signalbox_incidents_opened_total"]
	grows := growth(samples)
	t.Logf("%d alerts in %v incidents; the heap grows by %.2f MiB a minute", alerts, opened, grows/(1<<20))
	if grows > soakGrowthMax {
		t.Errorf("the heap grows by %.2f MiB a minute, want at most %d", grows/(1<<20), soakGrowthMax>>20)
	}
	if mib := stored(s, "journal"); mib > soakJournalMax>>20 || mib < soakBound>>21 {
		t.Errorf("the journal has %.0f MiB, want at most %d, and half its bound of %d or the test tests nothing", mib, soakJournalMax>>20, soakBound>>20)
	}
	if !strings.Contains(s.log.String(), "segments removed by retention") {
		t.Error("nothing was removed from the journal")
	}
	records := soakRecordsBase + soakRecordBytes*(float64(alerts)+opened)
	for _, part := range []string{"view", "snapshots"} {
		if mib := stored(s, part); mib > records/(1<<20) {
			t.Errorf("%s: %.0f MiB on disk, want at most %.0f for %d alerts and %v incidents", part, mib, records/(1<<20), alerts, opened)
		}
	}
	if opened < 100 {
		t.Errorf("%v incidents were opened; the test tested nothing", opened)
	}
}
