// Package desk stores what the fold decided and answers what people ask about
// it: alerts, incidents, evidence, timelines, the outbox and the quarantine.
//
// Desk.Apply takes the decisions of a batch of journal entries and stores them
// together with the cursor, the place in the journal they came from. Everything
// here can be rebuilt from the journal, so a view that is damaged or lost is an
// outage of minutes and not of data.
//
// Invariants:
//   - The cursor is the last write of a batch. Whatever it covers is stored.
//   - Applying a batch again changes nothing. Every decision carries the whole
//     record or a key that is a function of the journal (incident, offset,
//     ordinal), so a repeat writes the same keys. A batch larger than one
//     transaction of the store may be cut short by a crash; the engine repeats it
//     from the cursor, possibly in other portions, and when the cursor has passed
//     where the interrupted batch ended, the view is what it would have been.
//     Until then single records may already be what the journal makes of them later.
//   - Export does not depend on how entries were grouped into batches.
//   - Lists are newest first and paged by key: what is added while somebody pages
//     is neither repeated nor a reason to skip.
//   - Counters that move with every repetition of an event live in the fold. Every
//     record read passes through the Live overlay, if one is set.
//
// Keys are those of keys.go; the kinds 1 to 31 belong to this package.
//
// # Decisions
//
// 2026-11 Alerts have no index by source, status or CI. A column page holds four
// bytes for each of 256 consecutive alerts, so that a query passes over a million
// alerts in some ten milliseconds and a new alert costs no further key. Rejected:
// an index each, which would have been three more keys an alert.
//
// 2026-11 Thirty-two new alerts that one batch raises share a pack with their
// evidence, compressed together. Stored one by one, an alert with its evidence was
// two keys and 1.1 kB and cost the store 12 µs; packed it costs 3 µs. What changes
// later is stored alone and the columns say where to look, so nothing is read to
// be written. Rejected: rewriting the pack, 20 kB for each change.
//
// 2026-11 Counters are kept in memory and rebuilt when the desk opens, from the
// three small indexes they summarise (open incidents, pending intents, waiting
// quarantine). Rejected: counters in the store, one more thing that can disagree.
//
// 2026-11 Incidents that are over are listed by CI and by service, written when they
// end and never taken out: the page of an incident asks for similar ones each time,
// and a year of them took 40 ms to pass over. Rejected: to list those that are open,
// too, which are few and change with every alert.
//
// 2026-11 The long lists of an open incident are parts under keys of their own, written
// when they changed: with every alert that joined they were four fifths of what was
// written. Which changed is told by where a list lies in memory, because the fold never
// changes one in place. Rejected: a flag beside the record, which would have to agree
// with what an older program or an interrupted batch left; parts of what has ended,
// which is passed over by the thousand.
//
// 2026-11 A list that has to search looks at a bounded number of records a call
// and then answers with what it found and a cursor. Rejected: searching until the
// page is full, which lets one query read the whole view.
//
// 2026-11 Every batch leaves a mark that names its predecessor. Badger drops what
// follows a damaged record of a log without a word, and with several logs that is
// a hole in the middle; a missing mark shows it when the desk opens.
package desk
