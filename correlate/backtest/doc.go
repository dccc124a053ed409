// Package backtest folds recorded history with two rule sets side by side and says
// what the difference would have been: which incidents would be opened, merged,
// split, suppressed or lost, who would be paged more or less, and, first of all,
// which P1 and P2 would page nobody any more.
//
// Run reads a History once, decodes each entry once and steps every fold with it in
// lockstep; nothing is stored. The two sides have the rules that are compared in
// place of those that history activated. Report is the answer, for people as text
// and for programs as JSON. Job runs backtests for a server, one at a time.
//
// How the two sides are matched: an event of a delivery is the same thing on both,
// whatever the rules make of its key, so the pair of episodes it became is the link
// between them. Two incidents match when they share linked episodes.
//
// What people did to incidents is part of history but names incidents by numbers
// that only the recorded fold gave. When the history is whole, that fold runs as a
// third beside the two, unless the rules before are what was active all along; an act is then applied to the
// incident that holds the same lead episode. An act without one is left out and
// counted, as are all acts when the first entries of the journal are gone.
//
// Warm-up: from the beginning of the history up to WarmUp before From only
// configurations and CMDB imports are folded. From there on both sides fold what came
// and count nothing: at From they have the alerts and incidents that their rules made
// of it. What fired before the warm-up is known from its first repeat. An incident of
// the warm-up counts when something of it is heard of in the range, and its pages do
// from then on; who was paged of it before the range has not lost that page.
//
// Invariants:
//   - the same history and rules give the same report, byte for byte;
//   - a page lost is never hidden by another one gained: warnings are by incident
//     and connector;
//   - whatever grows has a named bound.
//
// # Decisions
//
// 2026-11 A start without alerts on both sides alike, by default a day before From.
// Rejected: starting from the recorded state, which mixes incidents of old rules into
// the comparison.
//
// 2026-11 Ticks are skipped: entries advance time and a fold with other ticks
// decides the same.
//
// 2026-11 Labels are judged just before the act is applied. Afterwards both sides
// would be right, because a person made them so.
package backtest
