// Package group decides which open incident explains a new alert episode, and
// which CIs probably caused an incident. It is pure: the caller passes time,
// facts and the CMDB graph, and turns what it answers into records.
//
// A Grouper holds one group for each open incident. Place answers where an
// onset (an alert that starts to fire, or fires again with a later start)
// belongs; Join, Leave, Ended, Resolve, Reopen, Close and Merge tell it what the
// caller did. Causes ranks the probable causes of one incident.
//
// An onset joins by the first kind of evidence that holds: an explicit rule, the
// same CI or provisional CI, a shared explanation in the CMDB (one CI on which
// the alert and at least θ of the group depend), nearness in the CMDB (a short
// undirected walk that hubs do not bridge), a relation that the senders' own
// labels show, an approved learned relation, an outage of its application that
// began after a silence, or the sender's own group. Equal
// service, title and environment only raise a score; alone they never join.
//
// Invariants: cost per onset depends on the neighbourhood of its CI, never on
// how many incidents, alerts or CIs there are; what decides anything is an
// integer; equal calls give equal answers and equal encodings; the indexes are
// exactly what the groups imply (a property test recomputes them).
//
// # Decisions
//
// 2026-11 The waits follow the sender's rhythm. A propagation shows within two
// evaluations, so a rule that reports every minute gets a quiet gap of two
// minutes and one that reports every five minutes gets five. One gap for all
// senders chains the fast ones or splits the slow ones; both happen in real data.
//
// 2026-11 Only onsets of usual alerts keep an incident's quiet gap open. A repeat
// of what is known already says nothing new, and one alert that never stops
// would chain separate outages into one.
//
// 2026-11 A storm that died down and rises again is a follow-on (second wave).
// In a storm every CI alerts, so neither topology nor the quiet gap can tell the
// next failure from the last one; the rise can.
//
// 2026-11 An application that had been silent for a quiet gap has one outage from
// its next onset on, until it is silent again, at most for Lifetime. Silence shows
// what belongs together where relations are missing. It says nothing of an
// application that is never silent, that is larger than AppMax, or whose first
// onset this is; and hubs and environments bound an application, so that it never
// ties one to another. Of slow senders it is not silent while an alert of it still
// fires that fires less than half of the time: the next evaluation but one is later
// than the quiet gap. What comes so late says nothing of the cause. Rejected: any
// alert that still fires, for one that nags draws in the outage that comes after it.
//
// 2026-11 Of slow senders a group of several CIs takes in what is next to one of them that
// still fires, though nothing joined for the quiet gap: the next evaluation but one is
// later than that. Such a late one says nothing of the cause. Rejected: next to a lone
// alert, which lets one that nags draw in the outage that comes after it, and of senders
// that report every minute, whose storms it chains.
//
// 2026-11 An alert whose name several CIs have is taken to be on the one that is in an
// outage (Meant), for that episode. Left unbound, what a storm's front end says opened
// an incident beside it. Nothing is guessed while it may be two of them, and it says
// less of the cause, as what one end says of a call does. Rejected: going by which
// application the sender's rule has fired in so far, which the first alert of a second
// cluster with the same rules proves wrong.
//
// 2026-11 An alert that fires nearly always is kept apart, but what of it begins anew
// beside an outage is listed there, counts for nothing, and leaves what is over. Apart,
// its own incident stayed open from one outage to the next and took in what each did
// to its CI. Rejected: beside a lone alert, which is no outage that shows anything.
//
// 2026-11 An alert that went stale resolved nothing. Counting it as a resolve made
// senders that never resolve look like some that do, and "still firing" believed.
//
// 2026-11 Nearness is measured in CIs as well as in hops: the walk ends when it
// has met NearMax CIs. Three hops are a small application in one CMDB and half
// the estate in another.
package group
