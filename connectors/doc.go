// Package connectors is the sync engine's outward half: it delivers the outbox's
// intents to partners, one queue a partner, journals a receipt for each, and
// sweeps: it asks what partners have and journals where that differs.
//
// A Connector maps one intent to one partner's call and says whether a failure
// may be tried again. Everything else lives here once: order per incident,
// coalescing, the rate under the partner's published limit, the circuit breaker,
// waiting as long as the partner asks (capped), giving up into the dead letters,
// pausing, sweeping and testing. What is wanted of a partner, and who is right when
// it differs, is not decided here but by the fold (correlate), from the journal.
//
// Invariants:
//   - an intent is settled only by a journaled receipt, so that a rebuilt view
//     knows what was sent and nobody is paged twice;
//   - a crash between a call and its receipt repeats the call under the same key,
//     so Push must be safe to repeat;
//   - the intents of one incident reach a partner in order; a failing one holds
//     back its own incident only;
//   - a partner that is down delays nobody else, and nothing is abandoned before
//     it has been down for a day;
//   - a sweep changes nothing at a partner: what it sees is an act, and the repair
//     is an intent like any other. What it cannot be told of keeps nothing else from
//     being compared; earlier records of an incident are, too, for somebody may open
//     one again.
//
// # A new connector
//
// Its directory is connectors/KIND, its wiring cmd/signalbox/connector_KIND.go. It
// has to implement Connector: Name and Push. Push gets one intent (itsm.Intent: the
// transition and a snapshot of the incident) and performs it at the partner:
//
//   - Trigger makes the record of this incident and epoch. Where the partner has
//     keys of its own (a dedup key, an idempotency key, a correlation id) the key is
//     made from Incident and Epoch, or is Intent.Key: repeating is then harmless.
//     Where it has none, look the record up by what was stored in it before making
//     another; a miss within a minute of an earlier try is no proof.
//   - Update, Acknowledge and Resolve change that record and no other: verify that
//     what is changed carries our key. Without a record an Acknowledge or a Resolve
//     is done (nil); an Update may make one.
//   - Note adds Intent.Text, once, marked so that its echo is known.
//   - Of a transition that its partner has nothing for it returns nil.
//   - An intent with an Object is about a change or a problem: its Body says how that
//     is now, and only a connector whose configuration asks for them gets one.
//
// Errors: Retry (or Answered, which reads a status and its headers) for what may
// pass; anything else is terminal and goes to the dead letters with its text, so
// the text is the partner's own answer and holds no secret. Call the partner with
// the client of NewClient, which does not repeat what may have been done.
//
// Receipt.Link names the partner's record as soon as it is known, Receipt.Version
// its version after the call when the partner tells it.
//
// What a connector can do besides is found by type assertion:
//
//   - Looker: it can be asked what its partner has of an incident's epoch. Without
//     it there are no sweeps, and after a restore what waits is held back.
//   - ManyLooker: and of many at once.
//   - ObjectLooker: it can be asked how records of changes and problems stand. Without
//     it a lost report or a lost write of them is not noticed.
//   - Finder: it knows which of our incidents is behind a partner's record.
//   - Acquaintance: it can say of whom its partner knows nobody.
//   - Tester: it can check its configuration without changing anything.
//
// Record.Knows says which fields the partner's answer is about. A field that our
// Push cannot set there, such as an assignee whose name means nothing to the
// partner, must not be in it: it would differ for ever. So would a record that looks
// the same open and acknowledged: it sets Record.AckUnknown.
//
// What people do at the partner comes in as acts, through a webhook
// (ingest/source/KIND) or, when that was lost, through the sweep.
//
// # Decisions
//
// 2026-11 Tries and waits live in memory, not in the view: after a restart a
// partner is tried at once, which is what an operator expects of a restart.
//
// 2026-11 A sweep journals what it saw and decides nothing. Who is right depends
// on what was asked of the partner and what people did since, which only the fold
// knows in order; and a replay of the journal then makes the same repairs.
package connectors
