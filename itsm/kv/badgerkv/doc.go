// Package badgerkv is kv.DB on disk. It is the only importer of Badger, and the
// only place that knows what Badger asks of those who use it.
//
// What is behind it:
//   - SyncWrites is off. The journal is the truth and the view can lose its tail
//     in a power cut; Sync at a checkpoint bounds what has to be folded again.
//   - One writer: updates wait for one another and conflict detection is off.
//   - A transaction holds about 2.4 MB. Update answers kv.ErrTooBig above it,
//     UpdateLarge goes on in the next transaction.
//   - Its TTL is never used: it follows the wall clock.
//   - Values under a mebibyte stay in the tables; the value log holds only larger
//     ones and is collected by RunGC, which the caller schedules.
//   - Every block read from a table is checked. Badger drops what follows a torn
//     record of a log without a word; the marks of itsm/desk find that.
//   - It writes through mmap, so a full disk kills the process: whoever admits
//     work watches the free space.
//
// The package owns no keys.
//
// # Decisions
//
// 2026-11 Memtables of 16 MiB, three of them, and bounded caches. Badger's
// defaults took 1.5 GB under sustained writes. Smaller ones would lower what a
// transaction may hold, which is 15 % of a memtable.
package badgerkv
