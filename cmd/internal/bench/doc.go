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
//	bench -scenario year       every page after a year: 100,000 alerts, 20,000 incidents, 1,000 problems
//	bench -scenario storm      100,000 alerts in a minute while the disk is busy
//
// A run prints a table and writes the same figures as JSON. It fails when it is
// invalid (the fold does not keep up, an answer is not 2xx, something acknowledged
// is missing), never because the machine is slow: figures are for reading.
//
// # Where we stand
//
// Of one run of "bench -rounds 2 -round 2s" on two cores of a virtual machine where a
// system call costs a microsecond and the first touch of a page twelve, generator
// included, in 2026-11; beside it the ratios of such a run on another host, before waits
// went by what is going to be late. No goal is reached on the first, those of one and of
// five repeated on the second; the fold keeps up on the first only:
//
//	case         alertmanager  signalbox  ratio  goal  highest lag  there  highest lag there
//	1 distinct          6,707      7,015   1.05     2       0.14 s   1.79             0.23 s
//	1 repeated          6,601      7,796   1.18     2       0.08 s   2.15             0.13 s
//	5 distinct         15,767     22,793   1.45     2       0.29 s   1.83             0.52 s
//	5 repeated         15,851     25,689   1.62     3       0.16 s   3.45             0.22 s
//	50 distinct        22,554     35,155   1.56     3       0.58 s   1.62             1.68 s
//	50 repeated        26,593     92,658   3.48     5       0.36 s   4.93             0.29 s
//
// With 256 connections instead of sixteen (-connections 256), which is how many senders
// there are where anybody needs such rates, on the first host, two runs. A sync is shared
// by more requests, and all goals but that of fifty distinct are reached or nearly so:
//
//	case         alertmanager  signalbox  ratio  goal  highest lag  earlier run
//	1 distinct          7,761     15,577   2.01     2       0.23 s         1.86
//	1 repeated          8,609     20,291   2.36     2       0.15 s         2.34
//	5 distinct         14,359     28,648   2.00     2       0.56 s         1.64
//	5 repeated         20,078     60,307   3.00     3       0.21 s         2.73
//	50 distinct        22,420     37,864   1.69     3       1.11 s         1.59
//	50 repeated        20,439     98,559   4.82     5       0.50 s         4.94
//
// How much of it is the fold's ('make bench-door'): a build that journals every delivery
// and folds none reaches 1.0 to 1.3 times Alertmanager at one alert a request and sixteen
// connections, 2.1 to 2.6 at 64 (65 µs of processor time a request, half of it the
// kernel's), 2.4 at five, 7.9 at fifty distinct and 6.8 at fifty repeated. With sixteen
// connections the disk alone forbids the goal of one alert a request on that host.
//
// Alertmanager's own figures drift to twice these between runs on a shared
// machine, and ratios by a quarter: compare builds in alternation only.
//
// Profiles (-cpuprofile) say what bounds us. One alert a request: on the second host
// some 86 µs of processor time an alert, a third of it in the fold, a third at the door with
// its system calls and syncs, a fifth in Badger's tables; on the first twice that, and
// sixteen connections wait for the disk nine tenths of the time (six requests a sync, which
// takes 0.7 ms under load and 0.25 alone). A server that only answers gets 40,000 a
// second there from the same generator. Fifty distinct: the fold's one goroutine, most
// of it in steps that wait for memory, and before the heap had huge pages a fifth of
// all processor time in first touches; the lag is what is on its way, and senders wait
// when that would take more than 0.4 s.
//
// After a year (100,000 alerts, 20,000 incidents, 1,100 problems) on the same machine
// with load of 12, processor time a page: most take 0.3 to 5 ms; the incident of 2,000
// alerts 37, a text that is nowhere in all incidents 20, in all alerts 22 and in all
// problems 11, the board of problems 26, the reports of the year 1,000 when they are
// made and 2 when they are kept, and explaining 50 members by the API 39.
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
