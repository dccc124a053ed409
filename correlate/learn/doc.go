// Package learn proposes rules and CMDB relations from history, each with its
// evidence. It is pure: it is shown what happened, event by event, and answers
// with Suggestions; whether one becomes a draft is for a person to say.
//
// A Miner is given an Observation for each event of the past, in the order of the
// journal, and then asked once for its Report. It looks for four things:
//
//   - together: two kinds of alert on two CIs that begin within PairWindow of each
//     other far more often than chance allows, and are not one incident already;
//   - noisy: an alert that people act on much less than on others, and a kind of
//     alert that goes off with everything else;
//   - clears_itself: an alert that nearly always clears within ClearWithin, and
//     opens incidents that nobody touches;
//   - bind: alerts that bind to no CI although a label names one, once it is
//     written in lower case or without port, domain or suffix.
//
// Invariants: the same observations give the same report, byte for byte. The id of
// a suggestion depends on what it is about and not on its numbers, so that it can
// be found again tomorrow. Every drafted rule compiles and is in shadow mode.
// Whatever grows has a named bound, and a report that met one says so.
//
// # Decisions
//
// 2026-11 An occurrence is the beginning of an episode with none of its kind in
// the PairWindow before it. Counting events or all episodes would make one bad
// hour look like a habit.
//
// 2026-11 Which alerts are noise is told only where people act on some: in a
// history without a single acknowledgement everything would be noise. Rejected: a
// fixed share, which calls every alert of a quiet team noise.
//
// 2026-11 Moments with very many kinds of alert teach nothing about pairs: in an
// outage everything begins together. They are left out and counted.
package learn
