// Package rules is the rule language: how an ops team says how its alerts become
// incidents. It is pure: it reads texts, checks and compiles them, and answers
// what the rules say about an alert; what follows from the answer is the fold's.
//
// A rule set is a list of files: YAML documents, one rule each, and CSV tables
// that rules look things up in. Compile turns it into a Set or into Problems, each
// with file, line, field, what was found and what was expected. A Set never
// changes and gives equal answers for equal Facts.
//
// Rules run in one order: normalise, bind, suppress, correlate, incident, problem,
// route; within a stage as they stand in their files. Conditions and the ${…} of
// templates are CEL (https://github.com/google/cel-spec). What a condition can ask
// for grows with the stages: the event, then also the CI it is bound to, then also
// the incident.
//
// examples holds a rule set of each kind and its tests; 'signalbox rules test' runs them.
//
// Invariants: no text, however hostile, makes Compile or an evaluation panic, run
// without bound or grow without bound (costs are limited before and while a
// condition runs); a condition that fails is false, counted, and reported, and
// never stops another rule; a rule in shadow mode answers nothing but that it
// would have answered.
//
// # Decisions
//
// 2026-11 A label that an alert does not have is "" in conditions, as in
// Prometheus. Rejected: CEL's own error for a missing key, the first mistake of
// every newcomer; has(labels.x) still tells.
//
// 2026-11 Evaluation is bounded by cost, not by a clock: a deadline would make a
// replay on a slower machine decide differently.
//
// 2026-11 One rule, one stage. A rule that renames, groups and routes at once
// cannot be reordered, counted or rolled back in parts.
package rules
