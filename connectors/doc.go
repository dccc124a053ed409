// Package connectors is the sync engine's outward half: it delivers the outbox's
// intents to partners, one queue a partner, and journals a receipt for each.
//
// A Connector maps one intent to one partner's call and says whether a failure
// may be tried again. Everything else lives here once: order per incident,
// coalescing, the rate under the partner's published limit, the circuit breaker,
// waiting as long as the partner asks (capped), giving up into the dead letters.
//
// Invariants:
//   - an intent is settled only by a journaled receipt, so that a rebuilt view
//     knows what was sent and nobody is paged twice;
//   - a crash between a call and its receipt repeats the call under the same key,
//     so Push must be safe to repeat;
//   - the intents of one incident reach a partner in order; a failing one holds
//     back its own incident only;
//   - a partner that is down delays nobody else, and nothing is abandoned before
//     it has been down for a day.
//
// # Decisions
//
// 2026-11 Tries and waits live in memory, not in the view: after a restart a
// partner is tried at once, which is what an operator expects of a restart.
package connectors
