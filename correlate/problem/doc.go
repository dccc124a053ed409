// Package problem tells trouble that keeps coming back from trouble that came by
// chance. It is pure: a Series is the bounded history of one Signature, the
// incidents with one probable cause, one class of alert and one environment, and
// Series.Tests answers with those of the seven tests that it passes, each with its
// numbers in plain words.
//
// Invariants: the same history gives the same findings; adding an incident and
// testing cost the same however long the history was, because a series keeps its
// KeptMax newest occurrences and counts the rest; of the series that come by chance alone
// less than three in a hundred are proposed in a year, whether they come once in ten
// months or ten times a month and nothing is known of them when the watch begins, or up
// to twice a day once their rate is known (tests hold that).
//
// # Decisions
//
// 2026-11 The three in a hundred are a share of the series, or CIs, that had an incident,
// and count every one that was proposed at any time of the year. That is the strict
// reading: of the months in which a series had an incident it is a tenth of that.
//
// 2026-11 How many are expected is what the series' own 90 days before the cluster tell,
// or the time since the watch began, and no more: the count is compared with a negative
// binomial and not with a Poisson distribution, and one gap more is counted than there
// were incidents before. With that the chance is exact whatever the rate is. After 90
// silent days it is one in three months, which is never below the floor of a quarter a
// month. Rejected: the floor as what is expected of a series never seen before, which
// proposes most series that come three times a month in their first months.
//
// 2026-11 In the first three days of a watch nothing is known of any series, and only what
// even ten a month would hardly bring is proposed: two in the first nine hours, three in
// the first 21.
//
// 2026-11 Every suffix of the history is looked at, each time an incident resolves, and
// all looks share what chance may propose: one counts with the square of the incidents
// that it looks at. Two in an hour and five in five days are thus both found. The price is
// that three in two days are found in a series that was silent for two months, and not in
// a new one.
//
// 2026-11 A CI that is new in an old watch was silent before, as far as is known, so that
// a new CI which fails several times a month from its first day on is proposed.
//
// 2026-11 Which incidents are the same trouble is said by a rule, else by the
// footprint: the kinds of alert they raised, the rare ones weighing most, under one of
// their likeliest causes; else by the signature. The likeliest cause alone changes from
// one outage to the next and splits one trouble over several candidates. Rejected: the
// footprint without a cause, which finds more and takes every outage of one crowded
// application for the same.
//
// 2026-11 What is no longer kept counts for the rate of a series, too: one that fills what
// is kept in a month has been busy before it. Rejected: comparing a series with the others
// of its environment, which finds nothing where everything recurs.
//
// 2026-11 Coming back soon is judged by the chance of it at the series' own rate:
// within seven days of resolving is what a series at one a week always does. What opened
// before the other was over did not come back. Being reopened is judged likewise: two
// reopenings in a month are chance when there were ten incidents.
//
// 2026-11 Six gaps have to be more alike than sixteen to be a timetable: a spread of a fifth,
// which tells sixteen from chance, is what one of sixty series has at six.
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
