package engine

import (
	"time"

	"signalbox/correlate"
	"signalbox/itsm"
	"signalbox/itsm/cmdb"
	"signalbox/itsm/desk"
)

// fetched is a piece of the journal, decoded.
type fetched struct {
	entries []decoded
	more    bool // the journal held more than a batch may
	err     error
}

// fetch reads and decodes what a batch may hold.
func (e *Engine) fetch(from itsm.Offset) fetched {
	head, _ := e.o.Journal.Head()
	recs, err := e.o.Journal.Read(from, batchRecordsMax, batchBytesMax)
	if err != nil || len(recs) == 0 {
		return fetched{err: err}
	}
	return fetched{entries: decodeAll(recs), more: recs[len(recs)-1].Offset < head}
}

// next returns what follows the entries folded last. When there is more, that is
// read while this is folded.
func (e *Engine) next() fetched {
	var p fetched
	if e.ahead != nil {
		p = <-e.ahead
		e.ahead = nil
	} else {
		p = e.fetch(e.folder.cursor + 1)
	}
	if p.more {
		ahead, from := make(chan fetched, 1), p.entries[len(p.entries)-1].off+1
		go func() { ahead <- e.fetch(from) }()
		e.ahead = ahead
	}
	return p
}

// storing is the one batch that is on its way into the desk while the next is
// folded. The fold's own goroutine looks after it.
type storing struct {
	done chan error // nil: none is on its way
	err  error      // what ended it all
}

// stored waits until the desk has everything that was folded, or says why it has not.
func (e *Engine) stored() error {
	s := &e.storing
	if s.done != nil {
		s.err = <-s.done
		s.done = nil
	}
	return s.err
}

// foldNext folds one batch while the one before is stored, and when that is done
// hands it to apply. When there is none it waits until everything is stored.
func (e *Engine) foldNext(apply func(*desk.Batch) error) (folded, error) {
	p := e.next()
	if p.err != nil {
		return folded{}, p.err
	}
	if len(p.entries) == 0 {
		return folded{}, e.stored()
	}
	began, before := e.o.Clock(), e.folder.events
	e.still.Lock()
	e.mu.Lock()
	batch, err := e.folder.fold(p.entries)
	m := made{batch, e.folder.Graph, e.folder.State.Rules()}
	e.mu.Unlock()
	e.still.Unlock()
	if err != nil {
		return folded{}, err
	}
	f := folded{entries: len(p.entries), events: e.folder.events - before, more: p.more}
	took := e.o.Clock().Sub(began)
	e.pace.folding += took
	if err := e.stored(); err != nil {
		return folded{}, err
	}
	done := make(chan error, 1)
	e.storing.done = done
	go func() { done <- e.store(m, apply, f.entries, took) }()
	return f, nil
}

// made is a batch and what is in force after it.
type made struct {
	batch *desk.Batch
	graph *cmdb.Graph
	rules correlate.Rules
}

// store brings a batch into the desk and then shows what it changed.
func (e *Engine) store(m made, apply func(*desk.Batch) error, entries int, folding time.Duration) error {
	began := e.o.Clock()
	if err := apply(m.batch); err != nil {
		return err
	}
	e.graph.Store(m.graph)
	e.showRules(m.rules)
	e.cursor.Store(uint64(m.batch.Cursor))
	e.publish(m.batch)
	e.o.Metrics.folded(entries, folding+e.o.Clock().Sub(began))
	return nil
}
