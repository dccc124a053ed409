// Signalbox is an alert-to-incident gateway: webhooks from monitoring go in,
// incidents with an explanation come out, and their state is kept in step with
// the tools people already use.
//
// # The one idea
//
// Everything that can change the state of the world is an entry in one ordered,
// durable journal. State is a pure fold over it. Every effect on the outside is
// an intent, stored in the transaction of the state that caused it.
//
//	senders ─► ingest (door) ─► ingest/journal ─► correlate (pure) ─► itsm/desk ─► connectors ─► partners
//	people  ─► itsm/api, itsm/console ─┘ acts            ▲                │
//	                                             itsm/cmdb graph    reads, timeline, outbox
//
// So a sender's 2xx means on disk; a crash, a replay and a rebuild give the same
// incidents byte for byte; and every decision is explained from what is stored.
//
// # Tour
//
//   - itsm: the nouns and their rules. Everything else is an adapter to it.
//   - itsm/entry: the wire form of a journal entry.
//   - ingest: the door. It authenticates, bounds, decodes, journals, answers.
//   - ingest/source/…: one small pure decoder a vendor.
//   - ingest/journal: the durable log. It knows nothing of what it holds.
//   - correlate: State.Step, the fold from entries to decisions. Pure.
//   - correlate/group: which open incident explains a new alert. Pure.
//   - correlate/engine: the single writer; also replay, rebuild and snapshots.
//   - rules, rules/book: the rule language; rule sets as revisions.
//   - correlate/backtest: history folded with two rule sets, and the difference.
//   - correlate/learn: rules and relations proposed from history. Pure.
//   - itsm/cmdb: the graph of CIs and how failure travels in it. Pure.
//   - itsm/desk: records, indexes, timeline, outbox, on itsm/kv.
//   - itsm/ledger: where each event of each delivery went, and the totals.
//   - itsm/api, itsm/console, itsm/access: what people and programs use.
//   - connectors: delivery to partners; connectors/… one partner each.
//   - cmd/internal/conf: the configuration file; only cmd sees it.
//   - cmd/internal/ruletest: unit tests of rule sets, on the fold of serve.
//
// # Invariants
//
// Nothing acknowledged is lost (the answer follows the fsync). Nothing but the
// journal orders inputs. The core has no clock, no I/O and no randomness: time
// is an argument, waiting is data, ids derive from the fold. The desk's facts,
// indexes, intents and cursor move together. Each of these is a test; the import
// and purity laws are in laws_test.go beside this file.
package main
