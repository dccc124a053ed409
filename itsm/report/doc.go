// Package report computes the figures by which people judge how incidents, problems
// and changes go: how soon somebody takes up an incident, how long one lasts, what
// keeps coming back. Each figure is computed once, here, from the records, and its
// definition stands beside its computation; the API, the command line and the
// console show both.
//
// One pass over the records of a range gathers what all reports need. A pass is
// bounded by the range (RangeMax) and by what it looks back to (Lookback), and not
// by how long the server has run, but for the intents, which are kept by key. A
// year with 20,000 incidents and 100,000 alerts takes about half a second on two cores (BenchmarkYear);
// what was computed is kept for a minute.
//
// It reads the records of the desk and nothing else: no clock (who asks says what
// time it is), no journal, no CMDB. It changes nothing and owns no keys.
//
// # Decisions
//
// 2026-11 The records are read anew rather than tallied day by day in the fold. A
// tally would be state in every snapshot, would be right only for events after it
// was introduced, and could not be asked by service or team. Rejected as long as a
// year is read in less than a second.
//
// 2026-11 Quantiles are by nearest rank: what is shown as p90 is a duration that
// some incident had.
package report
