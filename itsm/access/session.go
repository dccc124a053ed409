package access

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"sync"
	"time"
)

// Bounds of console sessions.
const (
	SessionLifetime = 24 * time.Hour // a sign-in holds no longer
	SessionIdle     = 8 * time.Hour  // unused for so long, it ends
	sessionsMax     = 4096           // the one unused longest gives way
	sessionIDMax    = 64             // characters; ours have 43
)

// sessions maps the sum of a session id to whose it is. The zero value is empty.
type sessions struct {
	mu sync.Mutex
	m  map[[sha256.Size]byte]session // guarded by mu
}

type session struct {
	who       Identity
	startedAt time.Time
	usedAt    time.Time
}

func (s session) over(now time.Time) bool {
	return now.Sub(s.startedAt) >= SessionLifetime || now.Sub(s.usedAt) >= SessionIdle
}

func (s *sessions) start(who Identity, now time.Time) string {
	b := make([]byte, 32)
	rand.Read(b) // never fails: the runtime stops the process instead
	id := base64.RawURLEncoding.EncodeToString(b)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.m == nil {
		s.m = make(map[[sha256.Size]byte]session)
	}
	if len(s.m) >= sessionsMax {
		s.makeRoom(now)
	}
	s.m[sha256.Sum256([]byte(id))] = session{who: who, startedAt: now, usedAt: now}
	return id
}

// makeRoom drops what is over, or else the session unused longest.
func (s *sessions) makeRoom(now time.Time) {
	var oldest [sha256.Size]byte
	var oldestAt time.Time
	for k, v := range s.m {
		if v.over(now) {
			delete(s.m, k)
		} else if oldestAt.IsZero() || v.usedAt.Before(oldestAt) {
			oldest, oldestAt = k, v.usedAt
		}
	}
	if len(s.m) >= sessionsMax {
		delete(s.m, oldest)
	}
}

func (s *sessions) get(id string, now time.Time) (Identity, bool) {
	if id == "" || len(id) > sessionIDMax {
		return Identity{}, false
	}
	key := sha256.Sum256([]byte(id))
	s.mu.Lock()
	defer s.mu.Unlock()
	v, ok := s.m[key]
	if !ok {
		return Identity{}, false
	}
	if v.over(now) {
		delete(s.m, key)
		return Identity{}, false
	}
	v.usedAt = now
	s.m[key] = v
	return v.who, true
}

func (s *sessions) end(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.m, sha256.Sum256([]byte(id)))
}
