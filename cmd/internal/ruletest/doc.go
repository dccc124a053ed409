// Package ruletest runs unit tests of rule sets: a file tells a small story of
// alerts in time, and which incidents must come of it. It folds the story with the
// fold of serve and reads no clock, so that every run comes to the same.
//
// # Files
//
// A test file ends in _test.yaml and is strict: an unknown key is an error with
// its line.
//
//	rules: [.]                 # rule files and directories, relative to this file; its directory when missing, [] for none
//	config: ../signalbox.yml   # whose sources, correlation and cmdb settings count; the defaults when missing
//	connectors: [pager]        # who can be told, also {name: pager, min_priority: P3}; those of config when missing
//	cmdb: ../cmdb.yaml         # a file, [cis.csv, relations.csv], or {cis: […], relations: […]} here
//	defaults: {source: alertmanager, severity: warning, labels: {cluster: prod}}
//	tests:
//	  - name: pods of one namespace are one incident
//	    start: 2026-01-05T00:00:00Z   # what at counts from: this Monday when missing
//	    cmdb: …                       # instead of that of the file
//	    steps:
//	      - at: 0s
//	        fire: [{alertname: PodDown, namespace: shop, pod: web-1}]
//	      - at: 5m
//	        want: {incidents: [{priority: P3, alerts: 1, members: [{pod: web-1}]}]}
//
// A step happens at a time from the start (5m, 1h30m, 2d) or at a moment (RFC
// 3339), never before the step above it, and does any of these, in the order in
// which it says them:
//
//	clear: [{pod: web-1}]     every firing alert with all these labels; all clears everything
//	fire:  [{…}, {…}]         labels, as Alertmanager sends them: severity: critical is a label that says how bad it is
//	act:   {acknowledge: INC0000001, by: ann}
//	change: {id: release-7, state: in_progress, cis: [db-1]}   what a sender says of a change; also title, type, services, environment, who
//	maintenance: {reason: patch, for: 2h, cis: [db-1]}         a window; also after: 1h, services, classes, labels, zone, rrule
//	want:  {…}                what is so now
//
// An alert is its labels, or, when it has a key labels that holds labels,
// {labels: {…}, annotations: {…}, severity, title, ci, source, key, group}; key is
// the sender's identity of it, its labels and ci when missing. Firing what fires
// already is a repetition.
//
// Acts are acknowledge, unacknowledge, resolve, reopen, hold, resume, cancel,
// assign (with assignee, group), priority (with to), note (with text), unrelated and merge
// (with into), parent (with into, none takes it away), major.propose, major.accept,
// major.reject and major.demote (with reason). The incident is a number or a title, of
// several the newest. By their numbers: maintenance.end, maintenance.cancel,
// change.cancel, and problem.accept (with owner, team), problem.dismiss (with reason),
// problem.assign, problem.state (with state), problem.root_cause and
// problem.workaround (with text), problem.known_error and problem.communicate.
//
// # Wants
//
//	incidents:   [{…}]   in the order they opened, without those merged into others
//	none: true           there is no incident
//	suppressed:  [{…}]   labels of alerts that are held back; by: what the reason contains
//	dropped: 3           events that rules dropped since the start
//	told: {pager: [trigger, resolve]}   since told last named the connector; [] for nothing
//	problems: [{…}]      candidates and problems, in the order they were proposed; [] for none
//	more: true           there may be more incidents, problems and suppressed alerts than listed
//
// An incident states any of number, title, state, priority, severity, impact,
// urgency, alerts and firing (how many), cause, cis, services, group, assignee,
// acknowledged, labels, runbook, signature, follows (number), parent (number), children
// (numbers), major (none, proposed, accepted, rejected, demoted, reviewed), hold (its
// reason), close_code, problem (number), changes (numbers of what may have caused it),
// response and resolution (its clocks: none, running, paused, met, breached), notices
// (all that were told of them, such as "response 50%" and "resolution 100%"), rule (ids of rules that spoke
// of it, default for the built-in grouping) and members (labels of its alerts;
// all of them, unless more: true stands in the incident). In texts and labels *
// stands for any text; an empty text is one that is not set. A problem states any of
// number, title, state, signature, cause, owner, team, workaround, known_error, effect,
// tests (that it passed, among others) and incidents (all of them).
//
// # Decisions
//
// 2026-11 A list is whole unless more: true is said: the incident that nobody
// expected is what a rule test is for.
package ruletest
