package ingest

import (
	"sync"
	"time"

	"signalbox/itsm"
)

// repliesMax bounds the signed requests a source remembers inside the window.
const repliesMax = 65_536

// replies remembers the signed requests of one source for as long as their
// timestamps stay valid, with the offset they got.
type replies struct {
	mu  sync.Mutex
	by  map[string]reply
	old []string // ids in order of arrival
}

type reply struct {
	at     time.Time
	offset itsm.Offset
	done   bool
}

// begin claims id. The first of a kind gets first=true and must call finish;
// a repeat gets what the first was answered, if it is done.
func (r *replies) begin(id string, now time.Time) (prior reply, first bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.by == nil {
		r.by = map[string]reply{}
	}
	if p, ok := r.by[id]; ok && now.Sub(p.at) < 2*SignatureSkew {
		return p, false
	}
	for len(r.old) > 0 && (len(r.by) >= repliesMax || now.Sub(r.by[r.old[0]].at) >= 2*SignatureSkew) {
		delete(r.by, r.old[0])
		r.old = r.old[1:]
	}
	r.by[id] = reply{at: now}
	r.old = append(r.old, id)
	return reply{}, true
}

// finish records what id came to; a request that stored nothing is forgotten, so
// that its repeat counts.
func (r *replies) finish(id string, off itsm.Offset, stored bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	p, ok := r.by[id]
	if !ok {
		return
	}
	if !stored {
		delete(r.by, id)
		return
	}
	p.offset, p.done = off, true
	r.by[id] = p
}
