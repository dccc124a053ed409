// Package sla computes how much of the time is left in which somebody has to take
// up an incident (response) and end it (resolution). It is pure.
//
// Nothing ticks. An incident has a beginning, spans in which its clock stood, and
// maybe an end; everything else is computed from those, the target of its priority
// and services, and a calendar. So a priority that is raised late counts from the
// opening, a target that is changed counts for what is open, and a replay comes to
// the same.
//
// A calendar says which time counts, in a zone: from and to on some days of the
// week, without holidays. A day with a change of the clock has an hour more or
// less, and hours that the clock skips or shows twice count as often as they
// pass. Without a calendar all time counts.
package sla
