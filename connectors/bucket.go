package connectors

import (
	"context"
	"sync"
	"time"
)

// bucket is a token bucket: burst calls at once, then one every per.
type bucket struct {
	per   time.Duration
	burst int

	mu   sync.Mutex
	next time.Time // when the bucket would be full of debt-free tokens again
}

// take waits for a token.
func (b *bucket) take(ctx context.Context) error {
	b.mu.Lock()
	now := time.Now()
	if full := now.Add(-time.Duration(b.burst) * b.per); b.next.Before(full) {
		b.next = full
	}
	b.next = b.next.Add(b.per)
	wait := b.next.Sub(now)
	b.mu.Unlock()
	return Wait(ctx, wait)
}

// Wait waits so long, or until ctx ends, which is its error.
func Wait(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
