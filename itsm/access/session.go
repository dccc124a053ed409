package access

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"slices"
	"sync"
	"time"
)

// Bounds of console sessions.
const (
	SessionLifetime = 24 * time.Hour // a sign-in holds no longer
	SessionIdle     = 8 * time.Hour  // unused for so long, it ends

	// ProviderSession is how long a sign-in at a provider holds unless it is configured
	// otherwise: what somebody may do there is looked up when they sign in.
	ProviderSession    = 8 * time.Hour
	ProviderSessionMin = 5 * time.Minute

	sessionsMax     = 4096 // the one unused longest gives way
	sessionIDMax    = 64   // characters; ours have 43
	sessionKeyBytes = 6    // of the sum, by which a person tells sessions apart
	agentBytesMax   = 200
)

// sessions maps the sum of a session id to whose it is. The zero value is empty.
type sessions struct {
	mu sync.Mutex
	m  map[[sha256.Size]byte]session // guarded by mu
}

// holder is whose a session is: a user, a token of the desk, or a configured token.
// What they may do is looked up with every request.
type holder struct {
	user  string
	token string // id
	name  string // of a configured token
}

type session struct {
	who       holder
	lasts     time.Duration // since it was started
	address   string
	agent     string
	startedAt time.Time
	usedAt    time.Time
}

// SessionInfo is what a person is told of a session of theirs.
type SessionInfo struct {
	Key       string // tells it apart; it lets nobody in
	Address   string
	Agent     string // what the browser calls itself
	StartedAt time.Time
	UsedAt    time.Time
	Current   bool
}

func (s session) over(now time.Time) bool {
	return now.Sub(s.startedAt) >= s.lasts || now.Sub(s.usedAt) >= SessionIdle
}

func (s *sessions) start(who holder, lasts time.Duration, address, agent string, now time.Time) string {
	id := randomID()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.m == nil {
		s.m = make(map[[sha256.Size]byte]session)
	}
	if len(s.m) >= sessionsMax {
		s.makeRoom(now)
	}
	s.m[sha256.Sum256([]byte(id))] = session{who: who, lasts: lasts, address: address, agent: agent[:min(len(agent), agentBytesMax)], startedAt: now, usedAt: now}
	return id
}

// randomID is 256 random bits in letters.
func randomID() string {
	b := make([]byte, 32)
	rand.Read(b) // never fails: the runtime stops the process instead
	return base64.RawURLEncoding.EncodeToString(b)
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

func (s *sessions) get(id string, now time.Time) (holder, bool) {
	if id == "" || len(id) > sessionIDMax {
		return holder{}, false
	}
	key := sha256.Sum256([]byte(id))
	s.mu.Lock()
	defer s.mu.Unlock()
	v, ok := s.m[key]
	if !ok {
		return holder{}, false
	}
	if v.over(now) {
		delete(s.m, key)
		return holder{}, false
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

// rotate gives a session another id; it lasts no longer for it.
func (s *sessions) rotate(id string) string {
	next := randomID()
	s.mu.Lock()
	defer s.mu.Unlock()
	old := sha256.Sum256([]byte(id))
	if v, ok := s.m[old]; ok {
		delete(s.m, old)
		s.m[sha256.Sum256([]byte(next))] = v
	}
	return next
}

// endOf ends the sessions of one holder but that with the id except, and returns how
// many these were.
func (s *sessions) endOf(who holder, except string) int {
	kept := sha256.Sum256([]byte(except))
	s.mu.Lock()
	defer s.mu.Unlock()
	n := len(s.m)
	for k, v := range s.m {
		if v.who == who && k != kept {
			delete(s.m, k)
		}
	}
	return n - len(s.m)
}

// of lists the sessions of one holder, the one used last first.
func (s *sessions) of(who holder, current string, now time.Time) []SessionInfo {
	mine := sha256.Sum256([]byte(current))
	var out []SessionInfo
	s.mu.Lock()
	for k, v := range s.m {
		if v.who == who && !v.over(now) {
			out = append(out, SessionInfo{Key: hex.EncodeToString(k[:sessionKeyBytes]), Address: v.address, Agent: v.agent, StartedAt: v.startedAt, UsedAt: v.usedAt, Current: k == mine})
		}
	}
	s.mu.Unlock()
	slices.SortFunc(out, func(a, b SessionInfo) int { return b.UsedAt.Compare(a.UsedAt) })
	return out
}
