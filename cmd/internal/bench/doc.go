// Command bench measures the built binary from outside, over HTTP, beside a real
// Alertmanager that gets the same bytes in the same run. Its load generator is its
// own: raw keep-alive connections, requests made before they are timed, and for
// open loops intended send times, so that a stalled server cannot hide its stall.
//
//	bench                      alerts a second against Alertmanager, and latency
//	bench -scenario latency    accept-to-incident at 2,000 alerts a second
//	bench -scenario memory     memory of an open alert, and of an idle process
//	bench -scenario start      ready after a stop and after kill -9
//	bench -scenario pages      console and API lists with much in them
//	bench -scenario storm      100,000 alerts in a minute while the disk is busy
//
// A run prints a table and writes the same figures as JSON. It fails when it is
// invalid (the fold does not keep up, an answer is not 2xx, something acknowledged
// is missing), never because the machine is slow: figures are for reading.
//
// # Decisions
//
// 2026-11 Ratios are of rounds that alternate between the servers within one run,
// and the median of the rounds is taken: on a shared machine nothing else can be
// compared. CPU time an alert is printed beside, for it suffers less from company.
//
// 2026-11 A round's time ends when everything it brought is folded. Accepting
// faster than folding is then no gain, and cannot be mistaken for one.
package main
