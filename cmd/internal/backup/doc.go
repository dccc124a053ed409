// Package backup writes, checks and unpacks a backup: one file that holds a data
// directory as of one journal entry.
//
// The file is a zstd-compressed tar, so that tar --zstd can open it where there is
// no Signalbox, followed by a zstd skippable frame with the SHA-256 of everything
// before it. In the tar are, in this order:
//
//	journal/<20 digits>.seg      every segment, up to the last durable entry, then zeros
//	snapshots/state-<offset>.snap
//	snapshots/view-<offset>.snap a dump of the view
//	snapshots/cmdb-<revision>.snap, if there is a CMDB
//	manifest.json                what the others must be, with the SHA-256 of each
//
// Unpacked by hand, 'signalbox rebuild' makes the view from it. Secrets are not in
// it: neither the configuration nor the admin token is part of a data directory's
// facts, and the journal holds no credentials.
//
// # Decisions
//
// 2026-11 Both hashes: the one at the end finds any damaged byte before anything
// is unpacked; those of the manifest bind what was read to what was written, even
// if somebody packs the file anew. Neither proves who made it: keep backups where
// only you can write.
//
// 2026-11 The whole journal is copied rather than what the snapshot needs: it is
// the truth, and history, replay and rebuild rest on it.
package backup
