package ingest

import (
	"sync"
	"time"
)

// noisePause is how long the log stays quiet about one kind of refusal. Kinds are
// sources times reasons, so their number is bounded.
const noisePause = 10 * time.Second

// noise keeps a flood of refusals from becoming a flood of log lines.
type noise struct {
	mu sync.Mutex
	by map[string]*quiet
}

type quiet struct {
	last   time.Time
	hushed int
}

// allow reports whether a line may be written now and how many were not since the last.
func (n *noise) allow(what string, now time.Time) (hushed int, ok bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.by == nil {
		n.by = map[string]*quiet{}
	}
	q := n.by[what]
	if q == nil {
		q = &quiet{}
		n.by[what] = q
	} else if now.Sub(q.last) < noisePause {
		q.hushed++
		return 0, false
	}
	hushed, q.last, q.hushed = q.hushed, now, 0
	return hushed, true
}
