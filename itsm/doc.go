// Package itsm holds the nouns of Signalbox and the rules that are true of them
// wherever they are used: events, alerts, incidents, CIs, acts, decisions,
// lifecycles, the priority matrix and the error codes. It is pure: no clock, no
// I/O, no goroutine, and it imports nothing else of ours. Everything else is an
// adapter to it.
//
// The vocabulary is that of ITIL 4 and of SRE practice. An Event is an immutable
// observation; an Alert is the stateful, deduplicated condition built from
// events; an Incident is what people work on. An Act is what a person or a
// partner did; a Decision is what the core wants recorded or done.
//
// # Decisions
//
// 2026-11 Time is milliseconds since the epoch in an int64. A time.Time carries
// a zone and a monotonic reading, which would make two equal states encode
// differently, and costs three times the memory in a hundred thousand alerts.
//
// 2026-11 Labels are a slice sorted by name, not a map: iteration order is part
// of every hash and every decision, and a sorted slice costs a third of a map.
package itsm
