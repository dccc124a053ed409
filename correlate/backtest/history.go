package backtest

import (
	"signalbox/ingest/journal"
	"signalbox/itsm"
	"signalbox/itsm/entry"
)

// History is what is folded again.
type History interface {
	// Each calls fn for every entry in order until fn's error, which it returns. An
	// entry's body is valid only during the call.
	Each(fn func(Entry) error) error
	// Once reports whether Each can be called only once; such a history has no acts.
	Once() bool
}

// Entry is one entry of a history: encoded, or decoded already.
type Entry struct {
	Offset itsm.Offset
	At     itsm.Time
	Body   []byte
	Value  any // as entry.DecodeForFold returns it; nil: Body holds it
	Done   int // thousandths of the history before this entry, from a history that is read once
}

func (e *Entry) kind() entry.Kind {
	switch e.Value.(type) {
	case nil:
		return entry.KindOf(e.Body)
	case *entry.Delivery:
		return entry.KindDelivery
	case *itsm.Act:
		return entry.KindAct
	case *entry.CMDBChunk:
		return entry.KindCMDBChunk
	case *entry.CMDBCommit:
		return entry.KindCMDBCommit
	case *entry.Config:
		return entry.KindConfig
	}
	return entry.KindTick
}

func (e *Entry) decode() (any, error) {
	if e.Value != nil {
		return e.Value, nil
	}
	return entry.DecodeForFold(e.Body)
}

// Journal is the history in the journal of a running process, up to its head.
type Journal struct{ Log *journal.Log }

// readBytes is how much of a journal is read at once.
const readBytes = 1 << 20

// Once implements History.
func (j Journal) Once() bool { return false }

// Each implements History. Retention waits meanwhile.
func (j Journal) Each(fn func(Entry) error) error {
	pin := j.Log.Pin()
	defer pin.Release()
	head, _ := j.Log.Head()
	for next := j.Log.Oldest(); next <= head; {
		recs, err := j.Log.Read(next, 0, readBytes)
		if err != nil {
			return err
		}
		if len(recs) == 0 {
			return nil
		}
		for _, r := range recs {
			if r.Offset > head {
				return nil
			}
			if err := fn(Entry{Offset: r.Offset, At: r.At, Body: r.Body}); err != nil {
				return err
			}
		}
		next = recs[len(recs)-1].Offset + 1
	}
	return nil
}

// Directory is the history in a journal's directory, whether a server writes to it
// or not.
type Directory string

// Once implements History.
func (d Directory) Once() bool { return false }

// Each implements History.
func (d Directory) Each(fn func(Entry) error) error {
	return journal.IterateBeside(journal.Options{Dir: string(d)}, 0, func(r journal.Record) error {
		return fn(Entry{Offset: r.Offset, At: r.At, Body: r.Body})
	})
}
