package engine

import (
	"fmt"
	"runtime/debug"

	"signalbox/correlate"
	"signalbox/ingest/journal"
	"signalbox/itsm"
	"signalbox/itsm/cmdb"
	"signalbox/itsm/desk"
	"signalbox/itsm/entry"
	"signalbox/rules/book"
)

// configBlob is the name under which the desk keeps the configuration that the
// fold last saw.
const configBlob = "config"

// Folder turns journal records into desk batches. It owns the core's state and
// the CMDB graph; its caller serialises calls.
type Folder struct {
	State *correlate.State
	Graph *cmdb.Graph
	Book  book.Head

	cursor  itsm.Offset
	events  int // folded since the last snapshot
	at      itsm.Time
	pending map[string][]*entry.CMDBChunk // chunks of imports not yet committed

	ruleChunks map[string][]*entry.RulesChunk // of rule sets not yet committed
	batches    [2]desk.Batch                  // one being made; the other may still be on its way into the desk
	turn       int                            // which of them is being made
	// OnDelivery, when set, sees every delivery right after it was stepped; the
	// simulation uses it to look at the state in between.
	OnDelivery func(itsm.Offset, *entry.Delivery)
}

// NewFolder starts a fold from nothing, with the default configuration: any other
// is an entry of the journal, so that every fold of it begins alike.
func NewFolder() *Folder { return NewFolderOver(cmdb.Empty(cmdb.DefaultRelationTypes())) }

// NewFolderOver starts a fold over a CMDB that no journal tells of, as a story has.
func NewFolderOver(g *cmdb.Graph) *Folder {
	return &Folder{State: correlate.New(correlate.DefaultConfig(), g), Graph: g, pending: map[string][]*entry.CMDBChunk{}, ruleChunks: map[string][]*entry.RulesChunk{}}
}

// Cursor returns the last entry folded and its time.
func (f *Folder) Cursor() (itsm.Offset, itsm.Time) { return f.cursor, f.at }

// Fold steps the records and returns what they come to. The batch is valid until
// the next call but one. On an error nothing of the failing entry is in the batch,
// and the folder must not be used again.
func (f *Folder) Fold(recs []journal.Record) (*desk.Batch, error) {
	return f.fold(decodeAll(recs))
}

func (f *Folder) fold(entries []decoded) (*desk.Batch, error) {
	f.turn = 1 - f.turn
	b := f.batch()
	clear(b.Decisions)
	b.Decisions, b.Blobs = b.Decisions[:0], b.Blobs[:0]
	for i := range entries {
		if err := f.step(&entries[i]); err != nil {
			return nil, fmt.Errorf("fold entry %d: %w", entries[i].off, err)
		}
	}
	b.Decisions = append(b.Decisions, f.State.Flush()...)
	b.Cursor, b.At = f.cursor, f.at
	return b, nil
}

// batch is the one being made.
func (f *Folder) batch() *desk.Batch { return &f.batches[f.turn] }

// decoded is an entry as the fold takes it.
type decoded struct {
	off itsm.Offset
	at  itsm.Time
	v   any
	err error // why there is no v
}

func decodeAll(recs []journal.Record) []decoded {
	out := make([]decoded, len(recs))
	for i := range recs {
		v, err := decode(recs[i].Body)
		out[i] = decoded{off: recs[i].Offset, at: recs[i].At, v: v, err: err}
	}
	return out
}

// decode turns a panic into an error, as take does: it also runs where the fold's
// own goroutine could not catch it.
func decode(body []byte) (v any, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("decoding panicked: %v\n%s", p, debug.Stack())
		}
	}()
	if unfolded && entry.KindOf(body) == entry.KindDelivery {
		body = entry.EncodeTick()
	}
	return entry.DecodeForFold(body)
}

// step folds one entry.
func (f *Folder) step(d *decoded) error {
	if f.cursor != 0 && d.off != f.cursor+1 && !faultGap {
		return itsm.Errorf(itsm.Internal, "entry %d follows entry %d: the journal has a gap", d.off, f.cursor)
	}
	if d.err != nil {
		return d.err
	}
	out, err := f.take(d.off, d.at, d.v)
	b := f.batch()
	b.Decisions = append(b.Decisions, out...)
	return err
}

// Take steps one entry that is decoded already and returns what it decided; the
// slice is used again by the next call. It is for whoever folds the same entries
// more than once: gaps are the caller's, and records come with State.Flush.
func (f *Folder) Take(off itsm.Offset, at itsm.Time, v any) ([]itsm.Decision, error) {
	b := f.batch()
	b.Blobs = b.Blobs[:0]
	out, err := f.take(off, at, v)
	if err != nil {
		err = fmt.Errorf("fold entry %d: %w", off, err)
	}
	return out, err
}

// take steps one entry. A panic of the core is a broken invariant: it becomes an
// error that stops the fold, with the stack for whoever reports it.
func (f *Folder) take(off itsm.Offset, at itsm.Time, v any) (out []itsm.Decision, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("the core panicked: %v\n%s", p, debug.Stack())
		}
	}()
	in, err := f.input(off, at, v)
	if err != nil {
		return nil, err
	}
	out = f.State.Step(in)
	f.Graph = f.State.Graph() // an import and a configuration both make revisions
	if in.Delivery != nil && f.OnDelivery != nil {
		f.OnDelivery(off, in.Delivery)
	}
	f.cursor, f.at = off, at
	return out, nil
}

func (f *Folder) input(off itsm.Offset, at itsm.Time, v any) (correlate.Input, error) {
	in := correlate.Input{Offset: off, At: at}
	switch v := v.(type) {
	case *entry.Delivery:
		in.Delivery = v
		f.events += len(v.Events)
	case *itsm.Act:
		in.Act = v
	case *entry.Tick:
		in.Tick = true
	case *entry.CMDBChunk:
		f.pending[v.ImportID] = append(f.pending[v.ImportID], v)
		in.Tick = true // time passed, nothing else changes until the commit
	case *entry.CMDBCommit:
		g, err := f.commit(v)
		if err != nil {
			return in, err
		}
		in.CMDB = g
		in.Audit = &itsm.AuditLine{Actor: v.Actor, Act: "cmdb_import", Object: "cmdb/" + v.Source, Result: itsm.AuditDone, Reason: v.Note, Detail: fmt.Sprintf("revision %d", g.Revision())}
	case *entry.Config:
		c, err := correlate.ParseConfig(v.Body)
		if err != nil {
			return in, err
		}
		in.Config = &c
		in.Audit = &itsm.AuditLine{Actor: "signalbox", Act: "configure", Object: "configuration/correlation", Result: itsm.AuditDone, Detail: "the configuration file changed what alters decisions"}
		f.batch().Blobs = append(f.batch().Blobs, desk.Blob{Name: configBlob, Value: v.Body})
	case *entry.RulesChunk:
		f.ruleChunks[v.SetID] = append(f.ruleChunks[v.SetID], v)
		in.Tick = true
	case *entry.RulesSave:
		in.Tick = true
		in.Audit = rulesLine("rules_save", (*entry.RulesCommit)(v), nil)
		return in, f.saveRules(at, v)
	case *entry.RulesActivate:
		was := f.Book.Active
		set, err := f.activateRules(at, v)
		if err != nil {
			return in, err
		}
		in.Rules, in.Tick = set, set == nil
		in.Audit = rulesLine("rules_activate", (*entry.RulesCommit)(v), []itsm.AuditChange{{Field: "active", Before: fmt.Sprint(was), After: fmt.Sprint(v.Revision)}})
		if set == nil {
			in.Audit.Result, in.Audit.Changes = itsm.AuditRefused, nil
		}
	default:
		return in, itsm.Errorf(itsm.Internal, "no input for %T", v)
	}
	return in, nil
}

// rulesLine is what the audit says of a revision.
func rulesLine(act string, c *entry.RulesCommit, changes []itsm.AuditChange) *itsm.AuditLine {
	return &itsm.AuditLine{Actor: c.Actor, Act: act, Object: fmt.Sprintf("rules/%d", c.Revision), Result: itsm.AuditDone, Reason: c.Note, Changes: changes}
}

// commit applies the chunks of an import. Imports are serialised when they are
// journaled, so whatever else is pending was cut off by a crash and is dropped.
func (f *Folder) commit(c *entry.CMDBCommit) (*cmdb.Graph, error) {
	chunks := f.pending[c.ImportID]
	clear(f.pending)
	if len(chunks) != c.Chunks {
		return nil, itsm.Errorf(itsm.Internal, "import %s commits %d chunks, the journal holds %d", c.ImportID, c.Chunks, len(chunks))
	}
	bodies := make([][]byte, len(chunks))
	for _, ch := range chunks {
		if ch.Seq < 0 || ch.Seq >= len(bodies) || bodies[ch.Seq] != nil {
			return nil, itsm.Errorf(itsm.Internal, "import %s: chunk %d of %d is out of range or repeated", c.ImportID, ch.Seq, len(bodies))
		}
		bodies[ch.Seq] = ch.Body
	}
	changes, err := cmdb.DecodeChunks(bodies)
	if err != nil {
		return nil, fmt.Errorf("import %s: %w", c.ImportID, err)
	}
	return f.Graph.Apply(changes), nil
}
