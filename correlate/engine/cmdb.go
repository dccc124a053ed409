package engine

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"

	"signalbox/itsm"
	"signalbox/itsm/cmdb"
	"signalbox/itsm/entry"
)

// cmdbChunkBytes is how much of an import one journal entry carries.
const cmdbChunkBytes = 1 << 19

// Graph returns the active CMDB revision.
func (e *Engine) Graph() *cmdb.Graph { return e.graph.Load() }

// ImportCMDB plans doc against the active revision and, unless dryRun, journals
// the changes with their content and waits until they are active. With problems
// nothing is applied.
func (e *Engine) ImportCMDB(ctx context.Context, doc cmdb.Doc, source string, prune, dryRun bool, actor string) (cmdb.Diff, []cmdb.Problem, error) {
	e.importing.Lock()
	defer e.importing.Unlock()
	changes, diff, problems := e.Graph().Plan(doc, source, prune)
	if dryRun || cmdb.Blocking(problems) || diff.Empty() {
		return diff, problems, nil
	}
	return diff, problems, e.journalImport(ctx, changes, entry.CMDBCommit{Source: source, Prune: prune, Actor: actor})
}

func (e *Engine) journalImport(ctx context.Context, changes cmdb.Changes, commit entry.CMDBCommit) error {
	chunks := changes.Chunks(cmdbChunkBytes)
	head, _ := e.o.Journal.Head()
	commit.ImportID, commit.Chunks = importID(head, chunks), len(chunks)
	entries := make([][]byte, len(chunks), len(chunks)+1)
	for i, c := range chunks {
		entries[i] = entry.EncodeCMDBChunk(&entry.CMDBChunk{ImportID: commit.ImportID, Seq: i, Body: c})
	}
	return e.journalParts(ctx, "the import", append(entries, entry.EncodeCMDBCommit(&commit)))
}

// journalParts appends chunks and, last, the entry that uses them, and waits until
// that one is folded.
func (e *Engine) journalParts(ctx context.Context, what string, entries [][]byte) error {
	if err := e.appendParts(ctx, what, entries); err != nil {
		return err
	}
	return e.WaitFolded(ctx, itsm.Offset(e.parts.last.Load()))
}

func (e *Engine) appendParts(ctx context.Context, what string, entries [][]byte) error {
	defer e.parts.begin()()
	for i, b := range entries {
		off, _, err := e.o.Journal.Append(ctx, b)
		if err != nil {
			return fmt.Errorf("journal part %d of %d of %s; nothing was changed: %w", i+1, len(entries), what, err)
		}
		e.parts.seen(off)
	}
	return nil
}

// importID names an import by its place and content.
func importID(head itsm.Offset, chunks [][]byte) string {
	h := sha256.New()
	fmt.Fprintf(h, "%d/", head)
	for _, c := range chunks {
		h.Write(c)
	}
	return hex.EncodeToString(h.Sum(nil)[:8])
}
