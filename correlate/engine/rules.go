package engine

import (
	"context"
	"encoding/json"
	"fmt"

	"signalbox/correlate"
	"signalbox/itsm"
	"signalbox/itsm/entry"
	"signalbox/rules"
	"signalbox/rules/book"
)

// rulesChunkBytes is how much of a rule set one journal entry carries.
const rulesChunkBytes = 1 << 19

// Rules returns the active rule set; its Set is nil when there is none.
func (e *Engine) Rules() correlate.Rules { return *e.rules.Load() }

// RuleCounts returns how often each active rule spoke, in the order in which they run.
func (e *Engine) RuleCounts() []correlate.RuleCount {
	e.mu.RLock()
	defer e.mu.RUnlock()
	return e.folder.State.RuleCounts()
}

// showRules lets readers see what the desk's records were decided by.
func (e *Engine) showRules(now correlate.Rules) {
	if old := e.rules.Load(); old == nil || old.Set != now.Set {
		e.rules.Store(&now)
	}
}

// Book reads the saved revisions.
func (e *Engine) Book() *book.Book { return book.Open(e.o.Desk) }

// SaveRules journals a rule set as the next revision and waits until it is in the
// book. One with problems is saved too, as a draft: nobody's work is thrown away.
func (e *Engine) SaveRules(ctx context.Context, files []rules.File, actor, note string) (book.Revision, error) {
	if err := checkFiles(files); err != nil {
		return book.Revision{}, err
	}
	e.booking.Lock()
	defer e.booking.Unlock()
	h, err := e.Book().Head()
	if err != nil {
		return book.Revision{}, err
	}
	c := entry.RulesCommit{Revision: h.Last + 1, Actor: actor, Note: note}
	if err := e.journalRules(ctx, files, &c, func() []byte { return entry.EncodeRulesSave((*entry.RulesSave)(&c)) }); err != nil {
		return book.Revision{}, err
	}
	return e.Book().Revision(c.Revision)
}

// checkFiles refuses what is too large to be kept; anything else can be a draft.
func checkFiles(files []rules.File) error {
	total := 0
	for _, f := range files {
		total += len(f.Name) + len(f.Body)
	}
	if len(files) > rules.FilesMax || total > rules.SetBytesMax {
		return itsm.Errorf(itsm.TooLarge, "the rule set has %d files of %d bytes together: expected at most %d files of %d bytes", len(files), total, rules.FilesMax, rules.SetBytesMax)
	}
	return nil
}

// ActivateRules makes a checked revision the active one and waits until it is.
// Activating an older revision is a rollback.
func (e *Engine) ActivateRules(ctx context.Context, revision uint64, actor, note string) (book.Revision, error) {
	e.booking.Lock()
	defer e.booking.Unlock()
	r, err := e.Book().Revision(revision)
	if err != nil {
		return r, err
	}
	if r.State == book.Active {
		return r, itsm.Errorf(itsm.Conflict, "revision %d is active already", revision)
	}
	// Checked again: what a revision may say can have changed with the program.
	if _, ps := rules.Compile(r.Files); rules.Blocking(ps) {
		return r, itsm.Errorf(itsm.Conflict, "revision %d cannot be activated, it has problems; the first: %s", revision, ps[0])
	}
	c := entry.RulesCommit{Revision: revision, Actor: actor, Note: note}
	if err := e.journalRules(ctx, r.Files, &c, func() []byte { return entry.EncodeRulesActivate((*entry.RulesActivate)(&c)) }); err != nil {
		return r, err
	}
	return e.Book().Revision(revision)
}

// journalRules appends the content and then the entry that uses it.
func (e *Engine) journalRules(ctx context.Context, files []rules.File, c *entry.RulesCommit, commit func() []byte) error {
	head, _ := e.o.Journal.Head()
	chunks := rulesChunks(files)
	c.SetID, c.Chunks, c.Hash = importID(head, chunks), len(chunks), rules.Hash(files)
	entries := make([][]byte, len(chunks), len(chunks)+1)
	for i, b := range chunks {
		entries[i] = entry.EncodeRulesChunk(&entry.RulesChunk{SetID: c.SetID, Seq: i, Body: b})
	}
	return e.journalParts(ctx, "the rule set", append(entries, commit()))
}

// rulesChunks writes a rule set in pieces that fit an entry.
func rulesChunks(files []rules.File) [][]byte {
	b, err := json.Marshal(files)
	if err != nil {
		panic(fmt.Sprintf("engine: encode a rule set: %v", err)) // texts only
	}
	var out [][]byte
	for len(b) > rulesChunkBytes {
		out = append(out, b[:rulesChunkBytes])
		b = b[rulesChunkBytes:]
	}
	return append(out, b)
}

// files puts the pieces of a rule set together again. Saving and activating are
// serialised when they are journaled, so whatever else is pending was cut off by a
// crash and is dropped.
func (f *Folder) files(c *entry.RulesCommit) ([]rules.File, error) {
	chunks := f.ruleChunks[c.SetID]
	clear(f.ruleChunks)
	var b []byte
	for i, ch := range chunks {
		if ch.Seq != i {
			return nil, itsm.Errorf(itsm.Internal, "rule set %s: part %d is out of order", c.SetID, ch.Seq)
		}
		b = append(b, ch.Body...)
	}
	if len(chunks) != c.Chunks {
		return nil, itsm.Errorf(itsm.Internal, "rule set %s has %d parts, the journal holds %d", c.SetID, c.Chunks, len(chunks))
	}
	var files []rules.File
	if err := json.Unmarshal(b, &files); err != nil {
		return nil, itsm.Wrap(itsm.Internal, err, "rule set %s: damaged", c.SetID)
	}
	return files, nil
}

func (f *Folder) saveRules(at itsm.Time, v *entry.RulesSave) error {
	files, err := f.files((*entry.RulesCommit)(v))
	if err != nil {
		return err
	}
	if v.Revision != f.Book.Last+1 {
		return nil // another program saved the same number first
	}
	r, _ := book.Describe(book.Revision{Number: v.Revision, Author: v.Actor, Note: v.Note, SavedAt: at, Files: files})
	next, blobs := book.Save(f.Book, r)
	f.Book = next
	f.batch().Blobs = append(f.batch().Blobs, blobs...)
	return nil
}

// activateRules returns the rules for the core; nil when they cannot be used: then
// the last active revision goes on.
func (f *Folder) activateRules(at itsm.Time, v *entry.RulesActivate) (*correlate.Rules, error) {
	files, err := f.files((*entry.RulesCommit)(v))
	if err != nil {
		return nil, err
	}
	set, ps := rules.Compile(files)
	if rules.Blocking(ps) {
		return nil, nil
	}
	next, blobs := book.Activate(f.Book, book.Activation{Revision: v.Revision, At: at, Actor: v.Actor, Note: v.Note})
	f.Book = next
	f.batch().Blobs = append(f.batch().Blobs, blobs...)
	return &correlate.Rules{Revision: v.Revision, Set: set}, nil
}
