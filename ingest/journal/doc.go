// Package journal is the ordered, durable log that every answer 2xx rests on: an
// append-only set of segment files, written with group commit, one write and one
// sync for many callers. [Log] is the open journal, [Record] one entry read back,
// [Verify] and [Iterate] look at a journal that no server holds. A [FS] stands
// between the journal and the machine, so that power cuts, full disks and failing
// syncs can be simulated (ingest/journal/fault).
//
// # Invariants
//
//   - Append returns without error only after its bodies are on stable storage.
//   - Offsets are dense from 1; all bodies of one Append are neighbours and are found
//     again all or not at all. At never decreases.
//   - Every frame names the hash of its predecessor; a segment names the hash, the
//     offset and the At it continues from. Opening checks every byte of every frame.
//   - Only what follows the last readable frame of the last segment may be dropped, and
//     only if nothing readable comes after it. Anything else is a [Damage]: Open refuses
//     and changes nothing, naming file, bytes and offsets.
//   - After a failed write or sync nothing is acknowledged again until a restart; no
//     sync is repeated. Only "no space left" on a write can be outlived.
//   - An error of Append means "not acknowledged". After a cancelled context, a failed
//     write or a failed sync the entry may nevertheless be found later; senders repeat and
//     the fold deduplicates.
//
// # Files
//
// The directory belongs to the journal. Integers are little-endian, CRCs are CRC32C
// (Castagnoli), a hash is the first 16 bytes of SHA-256. This is format version 1; a
// newer one is refused untouched.
//
//	LOCK                      held with flock by the one process that has the journal open; empty
//	journal.meta              the oldest offset retention has kept (below)
//	<20 digits>.seg           a segment, named by its first offset, always of its full size
//	<20 digits>.seg.new       a segment being made; removed at open
//	<20 digits>.free          a retired segment kept for reuse; at most one
//
// Segment header, at byte 0; frames begin at byte 4096:
//
//	 0  8  magic "SIGBOXJ\n"
//	 8  4  format version, 1
//	12  4  where frames begin, 4096
//	16  8  offset of the first entry
//	24  8  size of the file; a shorter file has been truncated
//	32  8  At of the entry before the first (ms), 0 for none
//	40 16  hash of the frame before the first; random in the very first segment
//	56  4  zero
//	60  4  CRC of bytes 0 to 59
//
// Frame, at a multiple of 8, 56 bytes of header and the payload:
//
//	 0  3  magic "SBF"
//	 3  1  kind: 1 entries, 2 mark, 3 end
//	 4  4  length of the payload, a multiple of 8
//	 8  8  offset of the first entry; of the next one in a mark or end
//	16  8  At (ms), shared by all entries of the frame
//	24  4  number of entries
//	28  4  CRC of the payload
//	32 16  hash of the preceding frame of kind 1
//	48  4  zero
//	52  4  CRC of bytes 0 to 51
//	56     payload: for each entry its length (4 bytes) and its body; zeros up to a multiple of 8
//
// Both CRCs of a frame start from the CRC of the segment header's bytes 16 to 23 and 40
// to 55, which a sender cannot know: no body can contain something that reads as a frame, and
// what a reused file held before is not a frame either. The hash of a frame is taken over
// header and payload.
//
// A mark says that everything before it was synced. It is written when the writer runs
// idle and at Close, the next frame is written over it, and it carries no entry: it is
// what tells a damaged last frame (mark behind it: refused) from a torn one (none: dropped).
// An end says that the log goes on in a next segment.
//
// journal.meta has two equal slots of 64 bytes, at 0 and 512, written one after the other:
// magic "SIGBOXM\n", version (4), zero (4), generation (8), oldest offset (8), zeros, CRC of
// the first 60 bytes. The slot with the higher generation counts. It is written before old segments go, so
// that a missing oldest file is noticed. Without it (or with both slots damaged) it is made again.
//
// # Decisions
//
// 2026-11, one frame and one hash a commit group: with SHA-256 in hardware (2 GB/s) chaining
// costs a tenth of a core at 300,000 entries/s; a hash for each entry would cost three times
// that. A keyed fast hash was rejected: an editor of the file would know the key.
//
// 2026-11, segments are preallocated and never shortened: the size in the header makes
// truncation visible, a full disk is an error of roll and not of a write, and syncs
// need no metadata of size. Recovery never truncates either; the next frame overwrites.
//
// 2026-11, everything is verified at open, segments in parallel (above 1.1 GB/s on two busy cores),
// rather than old ones later: nobody folds an entry that was not checked.
//
// 2026-11, the last frame is written and synced again at open unless a mark vouches for it: after a
// failed sync the page cache may show what the disk never got, and a plain sync would not
// write it.
//
// 2026-11, while the machine's clock is behind At, At goes on at 7/8 of the pace of elapsed time
// until they meet. Standing still was rejected: after a clock that was ten years ahead for
// a minute no timer of the fold would have come due for ten years.
//
// 2026-11, no writer goroutine: the first caller writes for all who wait. Alone, it pays no
// hand-over; a goroutine is started only to serve those who came meanwhile.
package journal
