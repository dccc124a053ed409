package main

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"strconv"
	"sync"
	"testing"
	"time"
)

// rounds is how often something is done: a few times in every run, many in make
// torture, SIGNALBOX_ROUNDS times when that is set.
func rounds(sample, all int) int {
	if n, err := strconv.Atoi(os.Getenv("SIGNALBOX_ROUNDS")); err == nil {
		return n
	}
	return sized(sample, all)
}

// acked is what senders were told is stored: identity → answers of 2xx.
type acked struct {
	mu   sync.Mutex
	keys map[string]int
	sent map[string]int
}

// awaitMore waits until more is acknowledged than is now.
func (a *acked) awaitMore(t *testing.T) {
	t.Helper()
	a.awaitMoreOr(t, func() bool { return false })
}

// awaitMoreOr is awaitMore that ends when over says so.
func (a *acked) awaitMoreOr(t *testing.T, over func() bool) {
	t.Helper()
	many := func() int {
		a.mu.Lock()
		defer a.mu.Unlock()
		return len(a.keys)
	}
	before := many()
	eventually(t, "something is acknowledged, or the test tests nothing", func() bool { return many() > before || over() })
}

// TestTortureKillUnderLoad kills the process at random moments while four senders
// write, and checks after every restart: nothing acknowledged is lost (I1),
// nothing is invented (I2), the journal is whole (I3), and no incident is there
// twice (I5).
func TestTortureKillUnderLoad(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 1))
	for first, all := 0, rounds(5, 1000); first < all; first += killsMax {
		killedUnderLoad(t, rnd, first, min(first+killsMax, all))
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}

// killsMax is how often one data directory lives through a kill: every kill looks at
// everything that was ever acknowledged there.
const killsMax = 50

// killedUnderLoad is rounds first to last of one data directory.
func killedUnderLoad(t *testing.T, rnd *rand.Rand, first, last int) {
	t.Helper()
	dir := t.TempDir()
	s := start(t, dir, quick)
	a := &acked{keys: map[string]int{}, sent: map[string]int{}}
	var slowest time.Duration
	for round := first; round < last; round++ {
		stop := make(chan struct{})
		var wg sync.WaitGroup
		for worker := range 4 {
			wg.Go(func() { load(s.url, a, fmt.Sprintf("r%d-w%d", round, worker), stop) })
		}
		if round == last-1 {
			a.awaitMore(t)
		}
		time.Sleep(time.Duration(rnd.IntN(500)) * time.Millisecond)
		s.kill()
		close(stop)
		wg.Wait()
		s.run()
		checkNothingLost(t, s, a)
		if t.Failed() {
			t.Fatalf("round %d", round)
		}
		slowest = a.slower(slowest, s.took)
	}
	t.Logf("rounds %d to %d: %d alerts acknowledged; the slowest start took %v", first, last-1, len(a.keys), slowest)
	checkReady(t, slowest)
	s.stop()
	if err := journalVerify(&lockedBuffer{}, dir, ""); err != nil {
		t.Errorf("journal verify: %v", err)
	}
}

// load sends batches of two new alerts of ten services until the server is gone.
func load(url string, a *acked, name string, stop <-chan struct{}) {
	client := &http.Client{Timeout: patience}
	for i := 0; ; i++ {
		select {
		case <-stop:
			return
		default:
		}
		ids := []string{fmt.Sprintf("%s-%d-a", name, i), fmt.Sprintf("%s-%d-b", name, i)}
		var events []map[string]any
		for _, id := range ids {
			e := event("firing", "service-"+strconv.Itoa(i%10))
			e["fingerprint"] = id
			events = append(events, e)
		}
		body, err := json.Marshal(map[string]any{"events": events})
		if err != nil {
			panic(err)
		}
		a.mu.Lock()
		for _, id := range ids {
			a.sent[id]++
		}
		a.mu.Unlock()
		status, err := post(client, url+"/webhooks/generic", body)
		if err != nil {
			return
		}
		if status == http.StatusAccepted {
			a.mu.Lock()
			for _, id := range ids {
				a.keys[id]++
			}
			a.mu.Unlock()
		}
	}
}

func checkNothingLost(t *testing.T, s *server, a *acked) {
	t.Helper()
	got := map[string]int{}
	of := map[string]map[string]bool{} // the incidents of each service
	for _, al := range list[struct {
		Key        string            `json:"key"`
		EventCount int               `json:"event_count"`
		Incident   *string           `json:"incident"`
		Labels     map[string]string `json:"labels"`
	}](s, "/api/v1/alerts") {
		id := al.Key[len("generic/"):]
		if got[id] != 0 {
			t.Errorf("alert %s is there twice", id)
		}
		got[id] = al.EventCount
		if al.Incident == nil {
			t.Errorf("alert %s belongs to no incident", id)
			continue
		}
		service := al.Labels["service"]
		if of[service] == nil {
			of[service] = map[string]bool{}
		}
		of[service][*al.Incident] = true
	}
	for id, n := range a.keys {
		if got[id] < n {
			t.Errorf("alert %s: acknowledged %d times, stored %d", id, n, got[id])
		}
	}
	for id := range got {
		if a.sent[id] == 0 {
			t.Errorf("alert %s was never sent", id)
		}
	}
	checkOneIncidentEach(t, s, of)
}

// checkOneIncidentEach: without a CMDB every service is one incident of its own,
// however often we die, and the list holds those and no other (I5).
func checkOneIncidentEach(t *testing.T, s *server, of map[string]map[string]bool) {
	t.Helper()
	owner := map[string]string{}
	for service, numbers := range of {
		if len(numbers) != 1 {
			t.Errorf("service %s is in the incidents %v, want one", service, numbers)
		}
		for n := range numbers {
			if other, ok := owner[n]; ok {
				t.Errorf("incident %s is of the services %s and %s, want one each", n, other, service)
			}
			owner[n] = service
		}
	}
	listed := s.incidents()
	if len(listed) != len(of) {
		t.Errorf("%d incidents for %d services: %v", len(listed), len(of), listed)
	}
	seen := map[string]bool{}
	for _, in := range listed {
		if seen[in.Number] {
			t.Errorf("incident %s is listed twice", in.Number)
		}
		seen[in.Number] = true
		if owner[in.Number] == "" {
			t.Errorf("incident %s has no alert: it is a duplicate, or its alerts are lost", in.Number)
		}
	}
}
