// Package ingest is the door: it authenticates a sender, bounds what it sent,
// decodes it, appends it to the journal and answers. A 2xx means on disk.
//
// Door holds the sources and their routes; App is the Fiber application that the
// door, the API and the console share. Decoding happens on the request's own
// goroutine. One Append carries everything of a request: an entry.Delivery with
// its events and bad parts, or an act for each thing a partner's people did.
//
// Invariants: a refused request (401, 404, 413, 503) appends nothing. A delivery
// that authenticated but did not decode is journaled as quarantine and counted.
// No answer is 5xx except 503, which always has Retry-After. Nothing that outlives
// a handler refers to Fiber's memory. The package stores nothing of its own and
// owns no keys.
//
// # Decisions
//
// 2026-11 Bodies are streamed and bounded here, not by Fiber's BodyLimit: an
// import has no limit, a source has its own, and fasthttp reads a body before any
// credential is looked at. fasthttp v1.74 does not drain what a handler leaves
// unread and would take it for the next request, so App drains a little and
// otherwise closes the connection.
//
// 2026-11 New alert keys are bounded a minute and source. A delivery that would
// exceed the bound is refused whole with 503: senders keep it and try again,
// while deliveries about known alerts pass. One that exceeds it alone is 413, for
// no later minute takes it either. Quarantining the excess instead would
// move the flood to the quarantine. Either answer takes greedyPause, when the request
// has given back its memory: a sender that repeats as fast as it is refused took the
// processor from the others. That bounds a connection, not how many a sender has.
//
// 2026-11 Memory for large bodies is counted as it fills, for the door, for each
// source, and apart for bodies whose sender is not known before they are read: a
// sender that signs is authenticated after its body. One budget for all let a few
// unsigned, stalled requests turn every other source's large bodies away.
//
// 2026-11 A repeat of a signed request inside the replay window is answered with
// the offset of the first and appended once: a sender that lost our answer must
// not be told 4xx, and an attacker gains nothing.
//
// 2026-11 No cap of connections an IP: fasthttp answers 429 there, which makes
// Alertmanager drop, and behind a proxy all senders have one address.
package ingest
