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
// Invariants: no text, however hostile, makes Compile or an evaluation panic,
// run without bound or grow without bound (costs are limited before and while a
// condition runs, and all rules together have deadlines, see Meter); a condition
// that fails or is late is false, counted, and reported, and never stops another
// rule; a rule in shadow mode answers nothing but that it would have answered.
//
// # The language
//
// Every rule has these keys and one stage:
//
//	id        needed: a-z, 0-9, dot, dash, underscore; unique in the set
//	about     needed: one line that says what the rule is for
//	owner     who to ask; none
//	enabled   true or false; true
//	mode      live, or shadow: decides and is counted, changes nothing; live
//	from      in force from this time on, as in 2026-11-27T08:00:00Z; always
//	until     and until this time; for ever
//	hours     in force only then: {days: [mon-fri], from: "08:00", to: "18:00", zone: Europe/Berlin};
//	          days, from, to and zone default to every day, 00:00, 24:00 and UTC
//	sources   list of sources; all
//	when      condition; every alert
//
// Durations are such as 90s, 5m, 2h or 7d, from 1s to 31d. Where a list is expected
// one value will do. Anchors of YAML are refused.
//
// A condition is CEL over the variables that 'signalbox rules vars' lists. Labels
// and annotations are texts: labels.job, or labels["app-name"] when the name has
// other letters. Besides operators there are startsWith, endsWith, contains,
// matches (RE2, in quotes), in, size, has, lowerAscii, upperAscii, trim, indexOf,
// lastIndexOf, substring, charAt, int, double, string, duration, timestamp, the
// parts of a time, and the loops all, exists, exists_one, filter and map. Two are
// ours: at_least(severity, "major") and glob(labels.pod, "web-*").
//
// A template is a text with ${expression} in it; $${ is ${ itself.
//
// # Stage normalise
//
// Changes what an event says before anything else looks at it, in this order:
//
//	rename    {old: new}, labels
//	extract   list of {from: title|labels.NAME|annotations.NAME, pattern}: a label for each named group
//	lookup    list of {table, match: {column: template}, set: {labels.NAME: column}}: first row of table.csv
//	severity  {sender's word: critical|major|minor|warning|info}
//	set       {labels.NAME|annotations.NAME|severity|title|ci|group: template}; an empty text takes a label away
//	drop      list of labels; NAME* for all that begin so
//	key       list of labels that identify the alert in place of the sender's identity
//
// Example:
//
//	id: host-from-instance
//	about: The instance without its port is the host
//	when: labels.instance != ""
//	normalise:
//	  extract:
//	    - {from: labels.instance, pattern: '^(?P<host>[^:]+):\d+$'}
//	  severity: {page: critical, ticket: minor}
//	  drop: [prometheus_*]
//
// # Stage bind
//
// Names the CI of an alert, before the ordinary ways are tried:
//
//	ci        needed: templates of an id, alias, FQDN, host or IP; the first that the CMDB knows
//
// Example:
//
//	id: bind-databases
//	about: Database alerts name their host in db_host
//	sources: [datadog]
//	when: has(labels.db_host)
//	bind: {ci: ["${labels.db_host}"]}
//
// # Stage suppress
//
// Keeps an alert from opening anything; one of:
//
//	drop            nothing is kept of it but the count
//	mute            it is kept and listed
//	{hold: 5m}      it opens nothing unless it still fires then
//	{inhibited_by}  {when: condition on another firing alert, equal: [labels both have],
//	                upstream: hops that the other's CI is upstream of this one's}
//
// Example:
//
//	id: node-hides-pods
//	about: While a node is down, its pods are no news
//	when: labels.pod != ""
//	suppress:
//	  inhibited_by:
//	    when: labels.alertname == "KubeNodeNotReady"
//	    equal: [node]
//
// # Stage correlate
//
// Says which alerts are one incident: apart keeps what matches from joining by the
// default; else group_by or scope is needed:
//
//	group_by     expressions; equal values belong together
//	scope        same_ci, same_service, same_environment or upstream
//	upstream     hops of scope upstream, 1 to 5
//	window       how long a group takes members; as long as its incident is open
//	window_from  first or last member; first
//	count        open from so many alerts on; 1
//	distinct     expression: count counts its values, not alerts
//	ratio        open when this share of an affected service's CIs alert, as in 50%
//	then         sequence: open when this is met after when, within
//	absent       absence: open unless this is met within
//	within       of then and absent
//	heartbeat    alone: open when an alert that fires is not sent again for so long,
//	             as in 10m; recovers when it is; one that its sender resolves is over
//	hold         wait so long before opening
//	follow_on    after the window: link, join or new; link
//
// Example:
//
//	id: namespace
//	about: One incident a namespace, from three pods on
//	when: labels.namespace != ""
//	correlate:
//	  group_by: [labels.namespace]
//	  window: 30m
//	  count: 3
//	  distinct: labels.pod
//
// # Stage incident
//
// How an incident looks and lives; of several rules the first that sets a key wins:
//
//	title, group, runbook          templates
//	impact, urgency                high, medium or low
//	delay                          tell nobody before
//	resolve_after, reopen_within   durations; resolve_after may be never
//	labels                         {NAME: template}
//
// Example:
//
//	id: shop-title
//	about: Say which part of the shop it is
//	when: '"shop" in ci.services'
//	incident:
//	  title: "Shop: ${labels.alertname} on ${ci.name}"
//	  impact: high
//
// # Stage problem
//
// Says which incidents are the same trouble coming back:
//
//	signature   needed: template
//	incidents   propose a problem from so many on
//	within      in this time, 1d to 255d; needed with incidents
//
// Example:
//
//	id: full-disks
//	about: A disk that fills up three times a month is a problem
//	when: labels.alertname == "NodeFilesystemAlmostOutOfSpace"
//	problem: {signature: "disk/${ci.id}", incidents: 3, within: 30d}
//
// # Stage route
//
// Says who learns of an incident; without a rule every connector does. Either none
// or:
//
//	to         needed: connectors
//	delay      so long after it opened
//	hours      then, else when the next such time begins
//	priority   P1 to P5: at this priority or a more important one
//
// Example:
//
//	id: office
//	about: What can wait is told in office hours
//	when: incident.priority >= "P3"
//	route:
//	  to: [pagerduty]
//	  hours: {days: [mon-fri], from: "08:00", to: "18:00", zone: Europe/Berlin}
//
// # Decisions
//
// 2026-11 A label that an alert does not have is "" in conditions, as in
// Prometheus. Rejected: CEL's own error for a missing key, the first mistake of
// every newcomer; has(labels.x) still tells.
//
// 2026-11 Deadlines are counted in cost, and their minutes are the journal's:
// those of a wall clock would make a replay on a slower machine decide differently.
// Rejected: suspending a rule that was seen to be slow by an entry of the journal;
// in a storm that entry stands behind everything that waits. A rule with a key
// that is late leaves the alert its sender's identity: conditions of such rules are
// best comparisons of labels, which are never late.
//
// 2026-11 One rule, one stage. A rule that renames, groups and routes at once
// cannot be reordered, counted or rolled back in parts.
package rules
