// Package watch is who watches the watcher. A Heartbeat tells a dead-man service
// outside that the server is ready; when it stops telling, that service tells
// people. A Watcher notices what should be there and is not (an always-firing
// alert that was not heard) and what should not be (an outbox that does not drain,
// new dead letters, a growing quarantine, a filling disk) and says so as alerts of
// the source Source, through the journal, like every other fact: a replay sees
// what was seen then, and needs no clock to see it again.
//
// What it cannot tell: that the fold has stopped, because its alerts are folded
// like all others, and that the pager is unreachable, to whoever is reached by
// that pager alone. For these there are the heartbeat, /readyz and the Prometheus
// rules of 'signalbox snippets rules'.
//
// # Decisions
//
// 2026-11 Only changes are journaled: an alert of this source holds until it is
// resolved, so a quiet server writes nothing. What fires is read from the records
// at the start, so a restart neither repeats nor forgets.
//
// 2026-11 What has gone on is judged since the server became ready: while it was
// not, nobody could be heard.
package watch
