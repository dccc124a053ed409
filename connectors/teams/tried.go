package teams

import (
	"context"
	"sync"

	"signalbox/connectors"
)

// triedMax bounds the cards of which it is remembered how they went.
const triedMax = 10_000

// tried remembers of cards that are to be posted again whether one may be in the
// channel already.
type tried struct {
	mu      sync.Mutex
	unknown map[string]bool // by intent key
}

// isUnknown reports whether an earlier try may have succeeded. Of what an earlier
// process may have tried nothing is known.
func (t *tried) isUnknown(ctx context.Context, key string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if u, known := t.unknown[key]; known {
		return u
	}
	_, last := connectors.TriedAt(ctx)
	return !last.IsZero()
}

// note takes down how a try went, until there are no more.
func (t *tried) note(key string, unknown, more bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !more {
		delete(t.unknown, key)
		return
	}
	if t.unknown == nil {
		t.unknown = map[string]bool{}
	}
	for k := range t.unknown {
		if len(t.unknown) < triedMax {
			break
		}
		delete(t.unknown, k)
	}
	t.unknown[key] = unknown
}
