package sim

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"

	"signalbox/correlate"
	"signalbox/ingest/journal"
	"signalbox/itsm"
	"signalbox/itsm/entry"
)

// recorded is one journal entry as a line of a recording; one field is set.
type recorded struct {
	At       itsm.Time         `json:"at"`
	Delivery *entry.Delivery   `json:"delivery,omitempty"`
	Act      *itsm.Act         `json:"act,omitempty"`
	Tick     bool              `json:"tick,omitempty"`
	Chunk    *entry.CMDBChunk  `json:"chunk,omitempty"`
	Commit   *entry.CMDBCommit `json:"commit,omitempty"`
	Config   json.RawMessage   `json:"config,omitempty"`

	RulesChunk    *entry.RulesChunk    `json:"rules_chunk,omitempty"`
	RulesSave     *entry.RulesSave     `json:"rules_save,omitempty"`
	RulesActivate *entry.RulesActivate `json:"rules_activate,omitempty"`
}

// WriteRecording writes a journal as lines that people can read and change.
func WriteRecording(w io.Writer, log []journal.Record) error {
	enc := json.NewEncoder(w)
	for i := range log {
		v, err := entry.Decode(log[i].Body)
		if err != nil {
			return fmt.Errorf("entry %d: %w", log[i].Offset, err)
		}
		r := recorded{At: log[i].At}
		switch v := v.(type) {
		case *entry.Delivery:
			r.Delivery = v
		case *itsm.Act:
			r.Act = v
		case *entry.Tick:
			r.Tick = true
		case *entry.CMDBChunk:
			r.Chunk = v
		case *entry.CMDBCommit:
			r.Commit = v
		case *entry.Config:
			r.Config = v.Body
		case *entry.RulesChunk:
			r.RulesChunk = v
		case *entry.RulesSave:
			r.RulesSave = v
		case *entry.RulesActivate:
			r.RulesActivate = v
		}
		if err := enc.Encode(&r); err != nil {
			return err
		}
	}
	return nil
}

// recordedMax bounds one line of a recording.
const recordedMax = 4 << 20

// ReadRecording reads what WriteRecording wrote; offsets follow the lines.
func ReadRecording(r io.Reader) (log []journal.Record, err error) {
	sc := bufio.NewScanner(r)
	sc.Buffer(nil, recordedMax)
	for sc.Scan() {
		var l recorded
		if err := json.Unmarshal(sc.Bytes(), &l); err != nil {
			return nil, fmt.Errorf("line %d: %w", len(log)+1, err)
		}
		log = append(log, journal.Record{Offset: itsm.Offset(len(log) + 1), At: l.At, Body: l.encode()})
	}
	return log, sc.Err()
}

func (l *recorded) encode() []byte {
	switch {
	case l.Delivery != nil:
		return entry.EncodeDelivery(nil, l.Delivery)
	case l.Act != nil:
		return entry.EncodeAct(l.Act)
	case l.Chunk != nil:
		return entry.EncodeCMDBChunk(l.Chunk)
	case l.Commit != nil:
		return entry.EncodeCMDBCommit(l.Commit)
	case l.Config != nil:
		return entry.EncodeConfig(&entry.Config{Body: l.Config})
	case l.RulesChunk != nil:
		return entry.EncodeRulesChunk(l.RulesChunk)
	case l.RulesSave != nil:
		return entry.EncodeRulesSave(l.RulesSave)
	case l.RulesActivate != nil:
		return entry.EncodeRulesActivate(l.RulesActivate)
	}
	return entry.EncodeTick()
}

// resumeEvery is after how many entries a recording is continued from a snapshot.
const resumeEvery = 40

// CheckRecording judges a journal by itself: every law that needs nobody outside,
// in several batch sizes and through snapshots. It returns the first *Violation.
func CheckRecording(log []journal.Record) (err error) {
	defer func() {
		p := recover()
		if v, ok := p.(*Violation); ok {
			err = v
		} else if p != nil {
			panic(p)
		}
	}()
	for n, batch := range coldBatches {
		w := worldOf(log)
		w.o.Seed, w.o.Trace = uint64(2*((n+1)%len(coldBatches))), false // chooses the batches of the cold replay
		m := w.machine
		for at := 0; m.backlog() > 0; at++ {
			m.fold(batch)
			if int(m.folded)/resumeEvery > at/resumeEvery && m.folded >= m.commits {
				m.snapshot()
				m.use(m.restore(m.snaps[len(m.snaps)-1]))
			}
		}
		w.checkpoint()
		w.cold()
	}
	return nil
}

// worldOf makes a world in which only our process exists, with its journal.
func worldOf(log []journal.Record) *World {
	w := &World{rng: rand.New(rand.NewPCG(1, 1)), config: correlate.DefaultConfig(), batchMax: 1, hurry: 1000, now: start}
	meta := make([]meta, len(log))
	var commits itsm.Offset
	for i := range log {
		v, _ := entry.Decode(log[i].Body) // one that does not decode fails when it is folded
		switch v := v.(type) {
		case *itsm.Act:
			meta[i].act = v
		case *entry.CMDBCommit:
			commits = log[i].Offset
		case *entry.Config:
			if c, err := correlate.ParseConfig(v.Body); err == nil {
				w.config = c
			}
		}
	}
	w.mirror = newMirror(len(w.config.Connectors))
	w.addPartners()
	w.machine = newMachine(w)
	w.machine.log, w.machine.meta, w.machine.commits = log, meta, commits
	return w
}

// Shrink removes entries from a journal that breaks a law, as long as it still
// breaks the same one.
func Shrink(log []journal.Record, law string) []journal.Record {
	breaks := func(l []journal.Record) bool {
		var v *Violation
		return errors.As(CheckRecording(l), &v) && v.Law == law
	}
	for size := len(log) / 2; size > 0; size /= 2 {
		for from := 0; from+size <= len(log); {
			if shorter := without(log, from, size); breaks(shorter) {
				log = shorter
			} else {
				from += size
			}
		}
	}
	return log
}

// without copies a journal leaving entries out; the others are numbered anew.
func without(log []journal.Record, from, n int) []journal.Record {
	out := make([]journal.Record, 0, len(log)-n)
	for i := range log {
		if i < from || i >= from+n {
			r := log[i]
			r.Offset = itsm.Offset(len(out) + 1)
			out = append(out, r)
		}
	}
	return out
}
