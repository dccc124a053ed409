// Package problem tells trouble that keeps coming back from trouble that came by
// chance. It is pure: a Series is the bounded history of one Signature, the
// incidents with one probable cause, one class of alert and one environment, and
// Series.Tests answers with those of the seven tests that it passes, each with its
// numbers in plain words.
//
// Invariants: the same history gives the same findings; adding an incident and
// testing cost the same however long the history was, because a series keeps its
// KeptMax newest occurrences and counts the rest; arrivals by chance alone propose less
// than three in a hundred series: at up to one a month in half a year from a cold start,
// at up to two a day in a month once their rate is known (tests hold that).
//
// # Decisions
//
// 2026-11 How many are expected is the series' own rate in the 90 days before the
// cluster, with the floor of a quarter a month, and what is not known of that rate
// counts: the count is compared with a negative binomial and not with a Poisson
// distribution. Rejected: the plain Poisson tail, which takes the lucky silence of a
// quiet quarter for the truth and proposes a seventh of all series that come by
// chance twice in four months.
//
// 2026-11 Every suffix of the history is looked at, each time an incident resolves;
// the thresholds are those that hold for looking that often. Five in twelve days and
// three in two hours are thus both found by one test.
//
// 2026-11 Which incidents are the same trouble is said by a rule, else by the
// footprint: the kinds of alert they raised, the rare ones weighing most, under one of
// their likeliest causes; else by the signature. The likeliest cause alone changes from
// one outage to the next and splits one trouble over several candidates. Rejected: the
// footprint without a cause, which finds more and takes every outage of one crowded
// application for the same.
//
// 2026-11 A series that comes oftener is looked at oftener, so a chance counts for more
// in it, and from three incidents on its own rate is never taken for less than it was.
// What is no longer kept counts for that rate, too: a series that fills what is kept in
// a month has been busy before it.
//
// 2026-11 What chance may propose is spent on the same trouble twice within hours rather
// than on three within days: of real recurrences more are found by that, in every
// recorded stream. Rejected: comparing a series with the others of its environment,
// which finds nothing where everything recurs.
//
// 2026-11 Coming back soon is judged by the chance of it at the series' own rate:
// within seven days of resolving is what a series at one a week always does.
//
// 2026-11 A fix is effective when a silence as long has less than one chance in twenty
// at a rate that is only estimated. Rejected: three times one over the rate, which calls
// one in ten fixes effective that changed nothing when three incidents are known.
//
// 2026-11 A season needs as many different days or weeks as it needs incidents: one
// bad night is no habit of the night. Each counts with the mean of its incidents.
// Rejected: with the first of them, which is early in the day in every series that has
// several a day, and calls most of these seasonal.
package problem
