package jira

import (
	"sync"
	"time"
)

const (
	waysMax  = 200              // statuses of which it is remembered where they lead
	waysKept = 10 * time.Minute // a workflow may be changed at any time
)

// ways remembers the transitions from a status, by its name.
type ways struct {
	mu    sync.Mutex
	known map[string]way
}

type way struct {
	all   []transition
	until time.Time
}

func (w *ways) get(status string) ([]transition, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	known, ok := w.known[status]
	return known.all, ok && time.Now().Before(known.until)
}

func (w *ways) put(status string, all []transition) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.known == nil || len(w.known) >= waysMax {
		w.known = map[string]way{}
	}
	w.known[status] = way{all, time.Now().Add(waysKept)}
}

// drop forgets a status; false when it was not remembered for longer than a moment.
func (w *ways) drop(status string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	known, ok := w.known[status]
	delete(w.known, status)
	return ok && time.Until(known.until) < waysKept-time.Second
}
