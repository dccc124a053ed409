package ingest

import (
	"container/list"
	"crypto/sha256"
	"encoding/hex"
	"sync"

	"signalbox/itsm/entry"
)

// QuarantineID names an undecodable body of a source; identical bodies share it.
func QuarantineID(source string, body []byte) string {
	h := sha256.New()
	h.Write([]byte(source))
	h.Write([]byte{0})
	h.Write(body)
	return hex.EncodeToString(h.Sum(nil)[:8])
}

// quarantine names bad parts and leaves out bodies that are stored already.
type quarantine struct {
	index QuarantineIndex // may be nil

	mu    sync.Mutex
	known map[string]*list.Element // ids, of the last knownQuarantineMax
	order list.List                // front is the latest
}

// name gives every bad part its id and returns the ids. Bodies that are known to
// be stored are dropped: the entry then only counts.
func (q *quarantine) name(source string, bad []entry.Bad) []string {
	ids := make([]string, len(bad))
	for i := range bad {
		bad[i].ID = QuarantineID(source, bad[i].Body)
		ids[i] = bad[i].ID
		if q.isKnown(bad[i].ID) {
			bad[i].Body = nil
		}
	}
	return ids
}

func (q *quarantine) isKnown(id string) bool {
	q.mu.Lock()
	e, ok := q.known[id]
	if ok {
		q.order.MoveToFront(e)
	}
	q.mu.Unlock()
	return ok || (q.index != nil && q.index.Known(id))
}

// stored notes ids whose bodies are in the journal now.
func (q *quarantine) stored(ids []string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.known == nil {
		q.known = map[string]*list.Element{}
	}
	for _, id := range ids {
		if _, ok := q.known[id]; ok {
			continue
		}
		q.known[id] = q.order.PushFront(id)
		if q.order.Len() > knownQuarantineMax {
			last := q.order.Back()
			q.order.Remove(last)
			delete(q.known, last.Value.(string))
		}
	}
}
