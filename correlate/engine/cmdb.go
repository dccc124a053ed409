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
	for i, c := range chunks {
		if _, _, err := e.o.Journal.Append(ctx, entry.EncodeCMDBChunk(&entry.CMDBChunk{ImportID: commit.ImportID, Seq: i, Body: c})); err != nil {
			return fmt.Errorf("journal chunk %d of %d; nothing was activated: %w", i+1, len(chunks), err)
		}
	}
	off, _, err := e.o.Journal.Append(ctx, entry.EncodeCMDBCommit(&commit))
	if err != nil {
		return fmt.Errorf("journal the commit; nothing was activated: %w", err)
	}
	return e.WaitFolded(ctx, off)
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
