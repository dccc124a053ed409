package access

import (
	"cmp"
	"net/netip"
	"sync"
	"time"
)

// Bounds of failed sign-ins.
const (
	AttemptWindow = 5 * time.Minute // failures older than this are forgiven
	attemptsMax   = 10              // failures of one address within the window
	accountMax    = 30              // wrong passwords of one account within the window
	bearersMax    = 1000            // wrong bearer tokens of one address within the window
	addressesMax  = 10_000          // addresses remembered; the oldest gives way
)

// attempts counts failures by address, or by account. The zero value is empty.
type attempts struct {
	max int // within the window; 0: attemptsMax

	mu sync.Mutex
	m  map[string]failures // guarded by mu
}

type failures struct {
	since time.Time // of the first in the window
	count int
}

// place is what is counted for an address: one IPv4 address, or the /64 network
// that one IPv6 subscriber owns.
func place(address string) string {
	ip, err := netip.ParseAddr(address)
	if err != nil {
		return address
	}
	ip = ip.Unmap()
	if ip.Is6() {
		if p, err := ip.Prefix(64); err == nil {
			return p.String()
		}
	}
	return ip.String()
}

func (a *attempts) allow(address string, now time.Time) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	f := a.m[place(address)]
	return f.count < cmp.Or(a.max, attemptsMax) || now.Sub(f.since) >= AttemptWindow
}

func (a *attempts) failed(address string, now time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.m == nil {
		a.m = make(map[string]failures)
	}
	key := place(address)
	f, known := a.m[key]
	if !known && len(a.m) >= addressesMax {
		a.makeRoom(now)
	}
	if !known || now.Sub(f.since) >= AttemptWindow {
		f = failures{since: now}
	}
	f.count++
	a.m[key] = f
}

func (a *attempts) makeRoom(now time.Time) {
	var oldest string
	var oldestAt time.Time
	for k, f := range a.m {
		if now.Sub(f.since) >= AttemptWindow {
			delete(a.m, k)
		} else if oldestAt.IsZero() || f.since.Before(oldestAt) {
			oldest, oldestAt = k, f.since
		}
	}
	if len(a.m) >= addressesMax {
		delete(a.m, oldest)
	}
}

func (a *attempts) forget(address string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.m, place(address))
}
