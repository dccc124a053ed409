// Package correlate is the pure core: the fold from journal entries to decisions.
// State.Step takes one entry (a delivery, an act, a tick, a CMDB revision, a
// configuration) and returns what is to be recorded and done; State.Flush returns
// the records of the alerts and incidents that changed. It reads no clock, does
// no I/O and starts nothing.
//
// The rules that are active decide first (ruling, gathering, policy).
//
// The main types: State (everything remembered), alert (a deduplicated condition
// and its episodes), incident (what people work on, with counters that make every
// event cost the same however large it is), told (what a partner was last asked
// to reflect). Which incident explains an episode, and what caused it, is decided
// by package group; files are named for their subject.
//
// Invariants:
//   - the same entries give the same decisions, records and encoding, whatever
//     the batches, the ticks in between and the snapshots;
//   - every accepted event is folded, deduplicated, suppressed for a stated
//     reason or quarantined, and counted exactly once;
//   - every firing episode is a member of exactly one incident, or its record
//     says what suppresses it;
//   - a partner is told of a change once, and never of its own;
//   - whatever grows has a named bound.
//
// # Decisions
//
// 2026-11 Entries advance time. At of an entry first runs every timer due by
// then, each at its own time, and then the entry is applied; a tick does only
// the former. A replay with other ticks decides the same. Rejected: timers only
// on ticks, which ties decisions to when the engine woke.
//
// 2026-11 Forgetting wakes nobody. Dead alerts, closed incidents and old keys
// are dropped when the next entry comes, in the order in which they ended.
//
// 2026-11 Information opens incidents too, at P5: what nobody wants to see is a
// matter for a rule, not for a severity. Connectors set a least priority.
//
// 2026-11 A priority rises by itself but never falls within an epoch: the worst
// severity so far counts. Rejected: the worst firing alert, which makes a pager
// hear of every clear.
//
// 2026-11 A lease is trusted between lease_min and lease_max from our own clock,
// an EventTime from the future counts as now: a wrong clock at a sender must
// neither end nor freeze an alert.
//
// 2026-11 A merge is taken back by splitting out what came with it: the merged
// number lives on in its next epoch. Incidents that a person split or merged are
// never merged by themselves again.
//
// 2026-11 Rules speak when an episode begins, and a member stays a member: what
// fired before a rule, a parent or a window came is not torn out of its incident.
// What rules hold back is asked about again when their hours end, when what they
// look at changes, and when another set is activated. A drop finds nothing that
// fires already, or its clear would be lost.
//
// 2026-11 Below its threshold a correlation rule opens nothing, also when its
// window is over: the alerts stay listed with the rule's name. Rejected: opening
// them one by one at the end of the window, which pages late for what the rule
// was written to keep quiet. An absence opens only for what still fires.
//
// 2026-11 A key made by a rule counts the sender's own alerts under it: the alert
// ends when the last of them clears. When a set with other keys is activated, the
// alert of the old identity ends as soon as its sender speaks of it again.
//
// 2026-11 Partners who were told of an incident hear of its end whatever the
// rules say by then. A route that names nobody who exists counts as failed, and
// everybody is told.
//
// 2026-11 A problem has one number from its proposal on, so that what a person
// accepts, dismisses and links to keeps its address. Histories are looked at when an
// incident resolves, never for an event; a timer only waits for a fix to prove itself
// and for a dismissal to run out. Rejected: a nightly run over all incidents, which
// costs more every night and tells a day late.
package correlate
