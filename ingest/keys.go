package ingest

import (
	"sync"
	"time"

	"github.com/cespare/xxhash/v2"

	"signalbox/itsm"
)

// knownKeysMax bounds one generation of remembered keys: 8 bytes each, two
// generations a source.
const knownKeysMax = 1 << 18

// newKeys bounds how many alert keys a source may introduce in a minute. It
// remembers hashes of recent keys in two generations: a key forgotten by both
// counts as new again, which matters only to a source near its bound.
type newKeys struct {
	mu       sync.Mutex
	limit    int
	minute   int64
	count    int
	now, old map[uint64]struct{}
}

// bound sets how many keys are admitted in a minute.
func (k *newKeys) bound(limit int) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.limit = limit
}

// admit counts the keys of a delivery that are new and returns how many. When they
// would exceed the bound, nothing is counted, and wait is the time until the next minute.
func (k *newKeys) admit(events []itsm.Event, at time.Time) (n int, wait time.Duration) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if m := at.Unix() / 60; m != k.minute {
		k.minute, k.count = m, 0
	}
	var fresh []uint64
	for i := range events {
		h := xxhash.Sum64String(events[i].Identity)
		if _, ok := k.now[h]; ok {
			continue
		}
		if _, ok := k.old[h]; !ok {
			fresh = append(fresh, h)
		}
		k.remember(h)
	}
	if k.count+len(fresh) > k.limit {
		for _, h := range fresh {
			delete(k.now, h)
		}
		return len(fresh), time.Duration(60-at.Unix()%60) * time.Second
	}
	k.count += len(fresh)
	return len(fresh), 0
}

func (k *newKeys) remember(h uint64) {
	if len(k.now) >= knownKeysMax || k.now == nil {
		k.old, k.now = k.now, map[uint64]struct{}{}
	}
	k.now[h] = struct{}{}
}
