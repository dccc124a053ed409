package connectors

import (
	"context"
	"time"

	"signalbox/itsm"
)

type triedKey struct{}

type triedAt struct{ first, last time.Time }

// TriedAt says when calls for the intent of a Push may have reached the partner
// before: the first and the last try of this process or, of an intent from before
// the process began, that beginning, for an earlier one may have tried. Zero means
// never. What is not idempotent has to be looked up before it is made again, and
// what was made within a minute of last may not be found yet.
func TriedAt(ctx context.Context) (first, last time.Time) {
	at, _ := ctx.Value(triedKey{}).(triedAt)
	return at.first, at.last
}

// trying tells a Push of the tries before, and notes this one.
func (s *Sender) trying(ctx context.Context, in *itsm.Intent) context.Context {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.tries[in.Key]
	at := triedAt{t.first, t.last}
	if gaveUp, ok := s.gaveUp[in.Key]; ok && at.last.IsZero() {
		at = triedAt{gaveUp, gaveUp}
	}
	if at.last.IsZero() && in.At.Std().Before(s.began) {
		at = triedAt{s.began, s.began}
	}
	t.last = time.Now()
	if t.first.IsZero() {
		t.first = t.last
	}
	return context.WithValue(ctx, triedKey{}, at)
}

// gaveUpMax bounds the dead letters of which it is remembered when they were last
// tried, for whoever sends them again.
const gaveUpMax = 10_000

// giveUp remembers when an intent was tried last that goes to the dead letters.
func (s *Sender) giveUp(key string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.gaveUp == nil {
		s.gaveUp = map[string]time.Time{}
	}
	for k := range s.gaveUp {
		if len(s.gaveUp) < gaveUpMax {
			break
		}
		delete(s.gaveUp, k)
	}
	s.gaveUp[key] = time.Now()
}
