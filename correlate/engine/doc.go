// Package engine is the thin shell around the pure core: the single writer that
// reads the journal, steps the core, moves the result into the desk in one
// transaction with the cursor, and wakes whoever waits for it.
//
// Folder is the fold itself, shared word for word by serve, replay, rebuild and
// backtest: entries in, one desk.Batch out. Engine adds what only a running
// server needs: waiting for the journal, ticks, acts that answer, CMDB imports,
// snapshots. Learner keeps what history speaks for, for the API and the console.
//
// Invariants:
//   - nothing but the journal orders inputs; the engine never steps an input that
//     is not in it;
//   - the desk's cursor and everything caused by the entries up to it move
//     together;
//   - a fault in the fold (a panic, an entry of a newer version) stops the fold
//     with the offset in the log and in Status; it never skips an entry;
//   - a desk that cannot write pauses the fold, which offers it the same batch
//     until it is taken; a snapshot that cannot be written stops nothing.
//
// # Decisions
//
// 2026-11 State is snapshotted to a file of its own and caught up by stepping the
// journal from there to the desk's cursor without applying. Rejected: core state
// in Badger, because a repeated alert would then cost a write.
//
// 2026-11 Records of alerts and incidents are materialised once per batch
// (State.Flush), so a storm costs one write a record and batch. The result at a
// given cursor does not depend on the batching; a law test holds that.
//
// 2026-11 While a batch is folded the one before is stored and the next one is read
// and decoded, each by a goroutine of its own. At most one batch is on its way into
// the desk, and a snapshot waits for it, so that what is on disk is as if everything
// ran in turn. Rejected: a longer pipeline, because what a reader sees would be older.
package engine
