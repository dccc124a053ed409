package engine

import (
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"

	"signalbox/correlate"
	"signalbox/ingest/journal"
	"signalbox/itsm"
	"signalbox/itsm/cmdb"
	"signalbox/itsm/entry"
	"signalbox/rules"
)

// replayLineMax bounds one line of a recorded stream.
const replayLineMax = 16 << 20

// Line is one decoded line of a recorded stream.
type Line struct {
	At       itsm.Time // when it was recorded; 0: take the event's own time
	Delivery entry.Delivery
	IDs      []string // the caller's name of each event, parallel to Delivery.Events
}

// ReplayOptions says what to fold.
type ReplayOptions struct {
	Config       correlate.Config
	CMDB         *cmdb.Changes // applied before the first line; nil: no CMDB
	Rules        []rules.File  // active from the first line on; nil: no rules
	Events       io.Reader     // JSON lines
	Decode       func(number int, line []byte) (Line, error)
	BatchRecords int // records a batch; 0: 64. The result does not depend on it.
}

// Replayed is what a recorded stream came to.
type Replayed struct {
	Members   []Member        // one per input event, in input order
	Incidents []itsm.Incident // by number
	Totals    correlate.Totals
	Lines     int
	First     itsm.Time
	Last      itsm.Time
}

// Member says which incident an input event belongs to, after all merges.
type Member struct {
	ID       string
	Incident itsm.IncidentNumber // 0: none
}

type episode struct {
	alert  itsm.AlertNumber
	number uint32
}

// replayer folds a stream in its own time: an entry's At is the recorded time,
// and ticks run between lines and after the last until nothing waits.
type replayer struct {
	o         ReplayOptions
	f         *Folder
	queue     []journal.Record
	at        itsm.Time
	offset    itsm.Offset
	ids       map[itsm.Offset][]string
	names     []string
	episodes  []episode
	members   map[episode]itsm.IncidentNumber
	incidents map[itsm.IncidentNumber]itsm.Incident
}

// Replay folds a recorded stream with the same Folder as serve, as fast as it can.
func Replay(o ReplayOptions) (*Replayed, error) {
	if o.BatchRecords <= 0 {
		o.BatchRecords = 64
	}
	r := &replayer{o: o, f: NewFolder(), ids: map[itsm.Offset][]string{},
		members: map[episode]itsm.IncidentNumber{}, incidents: map[itsm.IncidentNumber]itsm.Incident{}}
	r.f.OnDelivery = r.delivered
	return r.run()
}

func (r *replayer) run() (*Replayed, error) {
	out := &Replayed{}
	in := bufio.NewScanner(r.o.Events)
	in.Buffer(make([]byte, 0, 1<<16), replayLineMax)
	for in.Scan() {
		out.Lines++
		if len(in.Bytes()) == 0 {
			continue
		}
		l, err := r.o.Decode(out.Lines, in.Bytes())
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", out.Lines, err)
		}
		if err := r.line(&l); err != nil {
			return nil, err
		}
		if out.First == 0 {
			out.First = r.at
		}
	}
	if err := in.Err(); err != nil {
		if errors.Is(err, bufio.ErrTooLong) {
			return nil, itsm.Errorf(itsm.TooLarge, "line %d is longer than %d bytes", out.Lines+1, replayLineMax)
		}
		return nil, err
	}
	out.Last = r.at
	if err := r.drain(); err != nil {
		return nil, err
	}
	r.finish(out)
	return out, nil
}

// line queues one delivery at its recorded time, after the ticks due before it.
func (r *replayer) line(l *Line) error {
	at := l.At
	if at == 0 && len(l.Delivery.Events) > 0 {
		at = l.Delivery.Events[0].EventTime()
	}
	at = max(at, r.at)
	if r.offset == 0 {
		if err := r.begin(at); err != nil {
			return err
		}
	}
	for {
		// The queue is folded before the state is asked, for it may want waking sooner.
		if err := r.flushIfWaking(at); err != nil {
			return err
		}
		wake := r.f.State.NextWake()
		if wake == 0 || wake >= at || len(r.queue) > 0 {
			break
		}
		if err := r.put(max(wake, r.at), entry.EncodeTick()); err != nil {
			return err
		}
		if err := r.flush(); err != nil {
			return err
		}
	}
	r.ids[r.offset+1] = l.IDs
	return r.put(at, entry.EncodeDelivery(nil, &l.Delivery))
}

// begin journals what a server would journal at its start.
func (r *replayer) begin(at itsm.Time) error {
	body, err := r.o.Config.Canonical()
	if err != nil {
		return err
	}
	if err := r.put(at, entry.EncodeConfig(&entry.Config{Body: body})); err != nil {
		return err
	}
	if err := r.beginCMDB(at); err != nil {
		return err
	}
	return r.beginRules(at)
}

// beginRules journals the rule set as the first revision, and its activation.
func (r *replayer) beginRules(at itsm.Time) error {
	if r.o.Rules == nil {
		return nil
	}
	if _, ps := rules.Compile(r.o.Rules); rules.Blocking(ps) {
		return itsm.Errorf(itsm.Invalid, "%s", ps[0])
	}
	chunks := rulesChunks(r.o.Rules)
	c := entry.RulesCommit{SetID: "replay", Chunks: len(chunks), Revision: 1, Hash: rules.Hash(r.o.Rules), Actor: "replay"}
	for _, commit := range [][]byte{entry.EncodeRulesSave((*entry.RulesSave)(&c)), entry.EncodeRulesActivate((*entry.RulesActivate)(&c))} {
		for i, b := range chunks {
			if err := r.put(at, entry.EncodeRulesChunk(&entry.RulesChunk{SetID: "replay", Seq: i, Body: b})); err != nil {
				return err
			}
		}
		if err := r.put(at, commit); err != nil {
			return err
		}
	}
	return nil
}

func (r *replayer) beginCMDB(at itsm.Time) error {
	if r.o.CMDB == nil {
		return nil
	}
	chunks := r.o.CMDB.Chunks(cmdbChunkBytes)
	for i, c := range chunks {
		if err := r.put(at, entry.EncodeCMDBChunk(&entry.CMDBChunk{ImportID: "replay", Seq: i, Body: c})); err != nil {
			return err
		}
	}
	return r.put(at, entry.EncodeCMDBCommit(&entry.CMDBCommit{ImportID: "replay", Source: "replay", Chunks: len(chunks), Actor: "replay"}))
}

func (r *replayer) put(at itsm.Time, body []byte) error {
	r.offset++
	r.at = at
	r.queue = append(r.queue, journal.Record{Offset: r.offset, At: at, Body: body})
	if len(r.queue) >= r.o.BatchRecords {
		return r.flush()
	}
	return nil
}

// flushIfWaking folds the queue when time is about to move: only then can a tick
// be due between the queued entries and the next.
func (r *replayer) flushIfWaking(at itsm.Time) error {
	if len(r.queue) == 0 || at == r.at {
		return nil
	}
	return r.flush()
}

func (r *replayer) flush() error {
	if len(r.queue) == 0 {
		return nil
	}
	b, err := r.f.Fold(r.queue)
	if err != nil {
		return err
	}
	r.queue = r.queue[:0]
	for i := range b.Decisions {
		switch d := &b.Decisions[i]; d.Kind {
		case itsm.PutIncident:
			r.incidents[d.Incident.Number] = *d.Incident
		case itsm.PutEvidence:
			r.members[episode{d.Evidence.Alert, d.Evidence.Episode}] = d.Evidence.Incident
		}
	}
	return nil
}

// drain lets time pass until nothing waits.
func (r *replayer) drain() error {
	for {
		if err := r.flush(); err != nil {
			return err
		}
		wake := r.f.State.NextWake()
		if wake == 0 {
			return nil
		}
		if err := r.put(max(wake, r.at), entry.EncodeTick()); err != nil {
			return err
		}
	}
}

// delivered notes which episode each event of a delivery became.
func (r *replayer) delivered(off itsm.Offset, d *entry.Delivery) {
	ids := r.ids[off]
	delete(r.ids, off)
	for i := range d.Events {
		e := episode{}
		e.alert, e.number = r.f.State.EpisodeOf(d.Events[i].Key())
		r.names = append(r.names, ids[i])
		r.episodes = append(r.episodes, e)
	}
}

func (r *replayer) finish(out *Replayed) {
	for i, e := range r.episodes {
		out.Members = append(out.Members, Member{ID: r.names[i], Incident: r.merged(r.members[e])})
	}
	out.Incidents = slices.SortedFunc(maps.Values(r.incidents), func(a, b itsm.Incident) int { return cmp.Compare(a.Number, b.Number) })
	out.Totals = r.f.State.Totals()
}

// merged follows merges to the incident that still stands.
func (r *replayer) merged(n itsm.IncidentNumber) itsm.IncidentNumber {
	for range len(r.incidents) {
		into := r.incidents[n].MergedInto
		if into == 0 {
			return n
		}
		n = into
	}
	return n
}
