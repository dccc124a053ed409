package console

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"signalbox/itsm"
	"signalbox/itsm/cmdb"
	"signalbox/itsm/entry"
)

// scriptOffsets is the journal position after the canned story.
const scriptOffsets = 500

// cannedServices are the services the outage hits, each with its application.
var cannedServices = []struct{ id, name, app string }{
	{"svc-checkout", "Checkout", "checkout-api"},
	{"svc-cart", "Shopping cart", "cart-api"},
	{"svc-order-history", "Order history", "orders-api"},
	{"svc-payments", "Payments", "payments-api"},
	{"svc-storefront", "Storefront", "storefront-web"},
	{"svc-returns", "Returns", "returns-api"},
	{"svc-inventory", "Inventory", "inventory-api"},
	{"svc-accounts", "Customer accounts", "accounts-api"},
	{"svc-shipping", "Shipping labels", "shipping-api"},
}

const (
	cannedDB   = "orders-db-1"
	cannedHost = "db-host-07.fra1.example.net"
)

// cannedGraph is a small shop: services, applications, their pods, one database.
func cannedGraph() (*cmdb.Graph, error) {
	cis := []itsm.CI{
		{ID: cannedDB, Name: cannedDB, Class: "Database", Env: "prod", Tier: 1, Owner: "data-platform", SupportGroup: "DBA on call",
			Aliases: []string{"orders-db", "pg-orders-primary"}, Attributes: map[string]any{"engine": "PostgreSQL 16.4", "port": 5432, "storage": "2 TiB NVMe"}},
		{ID: cannedHost, Name: cannedHost, Class: "Host", Env: "prod", SupportGroup: "Linux on call"},
		{ID: "edge-sw-2", Name: "edge-sw-2", Class: "Switch", Env: "prod", SupportGroup: "Network on call"},
		{ID: "mail-relay", Name: "mail-relay", Class: "Application", Env: "prod", Tier: 3},
		{ID: "ci-agent-3", Name: "ci-agent-3", Class: "Host", Env: "build", Tier: 4},
	}
	relations := []itsm.Relation{{From: cannedDB, Type: "runs_on", To: cannedHost}}
	for n, s := range cannedServices {
		cis = append(cis, itsm.CI{ID: s.id, Name: s.name, Class: "Service", Env: "prod", Tier: 1 + n/3, Owner: "shop"},
			itsm.CI{ID: s.app, Name: s.app, Class: "Application", Env: "prod", SupportGroup: "Shop on call"})
		relations = append(relations, itsm.Relation{From: s.id, Type: "depends_on", To: s.app})
		for pod := 1; pod <= 2; pod++ {
			id := fmt.Sprintf("%s-%d", s.app, pod)
			cis = append(cis, itsm.CI{ID: id, Name: id, Class: "Pod", Env: "prod"})
			relations = append(relations, itsm.Relation{From: s.app, Type: "has_instance", To: id}, itsm.Relation{From: id, Type: "depends_on", To: cannedDB})
		}
	}
	doc, problems := cmdb.NewDoc(cis, relations)
	if len(problems) > 0 {
		return nil, errors.New("storybook: " + problems[0].Msg)
	}
	g := cmdb.Empty(cmdb.DefaultRelationTypes())
	changes, _, problems := g.Plan(doc, "storybook", false)
	if len(problems) > 0 {
		return nil, errors.New("storybook: " + problems[0].Msg)
	}
	return g.Apply(changes), nil
}

// script writes the canned story as decisions, the way the core would.
type script struct {
	now    itsm.Time
	graph  *cmdb.Graph
	out    []itsm.Decision
	alerts itsm.AlertNumber
	off    itsm.Offset

	entries map[itsm.Offset]*entry.Delivery // what the canned deliveries held
}

func (s *script) ago(d time.Duration) itsm.Time { return s.now.Add(-d) }

func (s *script) write() []itsm.Decision {
	s.resolved()
	s.certificate()
	s.flapping()
	s.outage()
	s.exportLate()
	s.merged()
	s.stillFiring()
	s.quarantine()
	s.deliveries()
	s.outboxes()
	return s.out
}

func (s *script) alert(a itsm.Alert) itsm.AlertNumber {
	s.alerts++
	s.off++
	a.Number, a.ChangedAt = s.alerts, s.off
	if a.Status == 0 {
		a.Status = itsm.Firing
	}
	a.SeverityWord, a.RaisedAt, a.EventCount, a.Episode = a.Severity.String(), a.StartsAt, max(a.EventCount, 4), max(a.Episode, 1)
	a.LastSeenAt = max(a.EndsAt, s.ago(20*time.Second))
	if a.Source == "" {
		a.Source = "alertmanager"
	}
	a.Key = itsm.KeyOf(a.Source, fmt.Sprintf("%016x", 0x9e3779b97f4a7c15*uint64(a.Number)))
	s.out = append(s.out, itsm.Decision{Kind: itsm.PutAlert, Alert: &a})
	return a.Number
}

func (s *script) incident(i itsm.Incident) {
	s.off++
	i.ChangedAt, i.Version, i.Epoch = scriptOffsets, max(i.Version, 3), max(i.Epoch, 1)
	if i.Computed == 0 {
		i.Computed = itsm.PriorityOf(i.Impact, i.Urgency)
	}
	if i.Priority == 0 {
		i.Priority = i.Computed
	}
	i.LastActivityAt = max(i.LastActivityAt, i.OpenedAt)
	i.SLA = cannedLevel(&i, s.now)
	s.out = append(s.out, itsm.Decision{Kind: itsm.PutIncident, Incident: &i})
}

func (s *script) evidence(e itsm.Evidence) {
	s.off++
	e.Offset, e.Rule, e.CMDBRevision, e.Episode = s.off, "default", 1, 1
	s.out = append(s.out, itsm.Decision{Kind: itsm.PutEvidence, Evidence: &e})
}

func (s *script) line(n itsm.IncidentNumber, at itsm.Time, kind, actor, text string) {
	s.off++
	s.out = append(s.out, itsm.Decision{Kind: itsm.AddTimeline, Timeline: &itsm.TimelineEntry{Incident: n, At: at, Offset: s.off, Kind: kind, Actor: actor, Text: text}})
}

// single opens an incident of one alert.
func (s *script) single(i itsm.Incident, a itsm.Alert) {
	a.Incident, a.BoundBy, a.CI = i.Number, "host name", i.CIs[0]
	i.AlertCount, i.Severity = 1, a.Severity
	if a.Status != itsm.Resolved {
		i.FiringCount = 1
	}
	n := s.alert(a)
	s.evidence(itsm.Evidence{Incident: i.Number, Alert: n, At: i.OpenedAt, Decision: itsm.DecidedOpened, By: "first", CI: a.CI,
		Because: "No open incident explains an alert on " + a.CI + ", so it opened one."})
	s.line(i.Number, i.OpenedAt, "opened", "signalbox", a.Title)
	s.incident(i)
}

func (s *script) resolved() {
	opened, ended := s.ago(3*time.Hour), s.ago(2*time.Hour+20*time.Minute)
	s.single(itsm.Incident{Number: 1, Title: "Disk of ci-agent-3 is 96 % full", State: itsm.IncidentResolved, Impact: itsm.Low, Urgency: itsm.Medium,
		ImpactBecause: "no service depends on ci-agent-3", UrgencyBecause: "severity major", OpenedAt: opened, AcknowledgedAt: opened.Add(9 * time.Minute),
		AcknowledgedBy: "console:mira", ResolvedAt: ended, ResolvedBy: "console:mira", CloseCode: "workaround", CIs: []string{"ci-agent-3"}},
		itsm.Alert{Title: "Disk of ci-agent-3 is 96 % full", Severity: itsm.Major, Status: itsm.Resolved, StartsAt: opened, EndsAt: ended, EndedBy: "sender"})
	s.line(1, opened.Add(9*time.Minute), "acknowledged", "console:mira", "")
	s.line(1, ended, "resolved", "console:mira", "Removed the build cache. It grows back in about a month: the cache needs a limit.")
}

func (s *script) certificate() {
	opened := s.ago(26 * time.Hour)
	s.single(itsm.Incident{Number: 2, Title: "Certificate of mail-relay expires in 6 days", State: itsm.InProgress, Impact: itsm.Low, Urgency: itsm.Medium,
		ImpactBecause: "mail-relay is tier 3", UrgencyBecause: "severity major", OpenedAt: opened, AcknowledgedAt: opened.Add(time.Hour), AcknowledgedBy: "console:jonas",
		Assignee: "console:jonas", Group: "Mail", CIs: []string{"mail-relay"}, Links: []itsm.ExternalRef{{Connector: "jira", ID: "OPS-412", URL: "https://jira.example.org/browse/OPS-412"}}},
		itsm.Alert{Title: "Certificate of mail-relay expires in 6 days", Severity: itsm.Major, StartsAt: opened})
	s.line(2, opened.Add(time.Hour), "acknowledged", "console:jonas", "")
	s.line(2, opened.Add(2*time.Hour), "note", "console:jonas", "Ordered. The CA answers by tomorrow noon.")
}

func (s *script) flapping() {
	opened := s.ago(5*time.Hour + 10*time.Minute)
	s.single(itsm.Incident{Number: 3, Title: "Link of edge-sw-2 port 14 flaps", State: itsm.OnHold, HoldReason: "vendor", Impact: itsm.Medium, Urgency: itsm.Medium,
		ImpactBecause: "redundancy of the edge is lost", UrgencyBecause: "severity major, flapping", OpenedAt: opened, AcknowledgedAt: opened.Add(4 * time.Minute),
		AcknowledgedBy: "pagerduty:Ada Bergström", Group: "Network on call", Parent: 4, CIs: []string{"edge-sw-2"}},
		itsm.Alert{Title: "Link of edge-sw-2 port 14 is down", Severity: itsm.Major, Flapping: true, Reopened: 11, EventCount: 24, StartsAt: s.ago(90 * time.Second),
			Source: "datadog", Labels: itsm.LabelsOf(map[string]string{"host": "edge-sw-2", "port": "14", "site": "fra1"})})
	s.line(3, opened.Add(4*time.Minute), "acknowledged", "pagerduty:Ada Bergström", "")
	s.line(3, opened.Add(31*time.Minute), "on hold", "console:ada", "waiting for vendor: new transceiver, case 88213")
}

// outage is the story's main incident: forty alerts over nine services.
func (s *script) outage() {
	const n = 4
	opened := s.ago(14 * time.Minute)
	i := itsm.Incident{Number: n, Title: "orders-db-1 refuses connections; 9 services affected", State: itsm.New, Impact: itsm.High, Urgency: itsm.High,
		ImpactBecause: "9 services are affected, 3 of them tier 1 (Checkout, Shopping cart, Order history)", UrgencyBecause: "critical alerts on services that customers use",
		OpenedAt: opened, AlertCount: 40, FiringCount: 38, EventCount: 211, Severity: itsm.Critical, Group: "DBA on call", Version: 41, LastActivityAt: s.ago(40 * time.Second),
		Labels: itsm.LabelsOf(map[string]string{"env": "prod", "region": "fra1"}), Links: []itsm.ExternalRef{{Connector: "pagerduty", ID: "Q2X7KD", URL: "https://example.pagerduty.com/incidents/Q2X7KD"}}}
	cause := itsm.Cause{CI: cannedDB, ScoreMilli: 918, Because: "All 19 alerting CIs depend on orders-db-1 or are it, and it alerts itself."}
	members := 0
	add := func(ci, title string, sev itsm.Severity, after time.Duration, resolved bool) {
		s.outageAlert(n, members, ci, title, sev, opened.Add(after), resolved)
		members++
	}
	for k, svc := range cannedServices {
		i.Services = append(i.Services, svc.id)
		for pod := 1; pod <= 2; pod++ {
			id := fmt.Sprintf("%s-%d", svc.app, pod)
			i.CIs = append(i.CIs, id)
			if len(cause.Paths) < itsm.CausePathsMax {
				cause.Paths = append(cause.Paths, itsm.CausePath{id, cannedDB})
			}
			after := time.Duration(k*11+pod*3) * time.Second
			add(id, svc.app+" answers 5xx for more than 5 % of requests", itsm.Major, after, k == 8)
			add(id, svc.app+" p99 latency above 2 s", itsm.Minor, after+20*time.Second, false)
		}
	}
	add(cannedDB, "PostgreSQL on orders-db-1 refuses connections", itsm.Critical, 41*time.Second, false)
	add(cannedDB, "orders-db-1: 500 of 500 connections in use", itsm.Critical, 43*time.Second, false)
	add(cannedDB, "Replication from orders-db-1 is 340 s behind", itsm.Major, 2*time.Minute, false)
	add(cannedDB, "orders-db-1: disk latency above 80 ms", itsm.Warning, 3*time.Minute, false)
	i.CIs = append(i.CIs, cannedDB)
	slices.Sort(i.CIs)
	slices.Sort(i.Services)
	i.Causes = []itsm.Cause{cause, {CI: cannedHost, ScoreMilli: 402, Because: "orders-db-1 runs on it, but nothing on the host itself alerts."}}
	i.Changes = []itsm.IncidentChange{{Change: "CHG0000001", Title: "Deploy acme/orders-db v16.4 to production", State: itsm.ChangeSuccessful, Who: "mira", CI: cannedDB, At: opened.Add(-8 * time.Minute),
		Because: "on orders-db-1, a probable cause: ended 8m before the first alert"}}
	i.Major = itsm.MajorIncident{State: itsm.MajorAccepted, By: "console:mika", At: opened.Add(6 * time.Minute), Because: "Customers cannot order; the press has asked.", ProposedBy: "signalbox", ProposedAt: opened.Add(41 * time.Second), ProposedBecause: "it is P1"}
	i.Children, i.Watchers = []itsm.IncidentNumber{3}, []string{"ada", "mira"}
	i.Attachments = []itsm.Attachment{{Title: "Connections of orders-db-1", URL: "https://grafana.example.org/d/orders-db?from=now-1h", By: "console:mira", At: opened.Add(5 * time.Minute)},
		{Title: "Call of everybody who helps", URL: "https://meet.example.org/orders-db", By: "console:mira", At: opened.Add(7 * time.Minute)}}
	i.MaybeRelated = []itsm.Candidate{{Incident: 5, ScoreMilli: 420, Because: "The night batch reads from orders-db-1, but the CMDB has no relation that says so."}}
	s.incident(i)
	s.outageTimeline(n, opened)
}

func (s *script) outageAlert(n itsm.IncidentNumber, k int, ci, title string, sev itsm.Severity, at itsm.Time, resolved bool) {
	a := itsm.Alert{Title: title, Severity: sev, CI: ci, BoundBy: "Kubernetes workload", StartsAt: at, Incident: n, GeneratorURL: "https://prometheus.example.org/graph?g0.expr=up",
		Trail:  []string{"explicit CI id: none in the event", "mapping rules: no match", "host name: " + ci + " is no host", "Kubernetes cluster/namespace/workload: " + ci},
		Labels: itsm.LabelsOf(map[string]string{"alertname": strings.ReplaceAll(title, " ", ""), "env": "prod", "region": "fra1", "namespace": "shop", "pod": ci, "severity": sev.String()}),
		Annotations: itsm.LabelsOf(map[string]string{"summary": title, "runbook_url": "https://runbooks.example.org/shop/" + ci,
			"description": "The condition holds for more than one minute.\nCompare with the dashboard before restarting anything."})}
	if resolved {
		a.Status, a.EndsAt, a.EndedBy = itsm.Resolved, s.ago(2*time.Minute), "sender"
	}
	a.Rules = []string{"normalise:severity-words", "normalise:pod-app", "correlate:shop-namespace", "route:page-tier-one"}
	if strings.Contains(title, "latency") {
		a.Rules = append(a.Rules, "suppress:latency-behind-5xx (shadow)")
	}
	num := s.alert(a)
	e := itsm.Evidence{Incident: n, Alert: num, At: at, CI: ci, Decision: itsm.DecidedJoined, By: "topology", ScoreMilli: 700 + 5*k, ThresholdMilli: 500, Shared: cannedDB,
		Path: []string{ci, cannedDB}, Coverage: fmt.Sprintf("%d of %d alerting CIs depend on orders-db-1", min(k, 18), min(k, 18)), RunnerUp: "INC0000003 with 0.08",
		WouldSplit: ci + " did not depend on orders-db-1, or the alert had come more than 5 min after the last one",
		Because:    fmt.Sprintf("%s depends on orders-db-1, as do all %d other alerting CIs.", ci, min(k, 18))}
	switch {
	case k == 0:
		e.Decision, e.By, e.ScoreMilli, e.ThresholdMilli, e.Path, e.Coverage, e.RunnerUp, e.WouldSplit = itsm.DecidedOpened, "first", 0, 0, nil, "", "", ""
		e.Because = "No open incident explained an alert on " + ci + ", so it opened this one."
	case k%2 == 1 && ci != cannedDB:
		e.By, e.ScoreMilli, e.ThresholdMilli, e.Path, e.Shared = "same_ci", 0, 0, nil, ci
		e.Because = ci + " was already part of this incident."
	case ci == cannedDB:
		e.Path, e.Because = []string{cannedDB}, "It alerts on orders-db-1 itself, which all other alerting CIs depend on."
	}
	s.evidence(e)
}

func (s *script) outageTimeline(n itsm.IncidentNumber, opened itsm.Time) {
	s.line(n, opened, "opened", "signalbox", "checkout-api answers 5xx for more than 5 % of requests")
	s.line(n, opened.Add(15*time.Second), "joined", "signalbox", "11 alerts, all on CIs that depend on orders-db-1")
	s.line(n, opened.Add(41*time.Second), "priority", "signalbox", "P3 → P1: 9 services are affected, 3 of them tier 1")
	s.line(n, opened.Add(42*time.Second), "notified", "signalbox", "PagerDuty: triggered Q2X7KD for DBA on call")
	s.line(n, opened.Add(3*time.Minute), "joined", "signalbox", "28 more alerts; the probable cause is orders-db-1")
	s.line(n, s.ago(9*time.Minute), "merged", "console:mira", "INC0000006 came in with 1 alert episode")
	s.line(n, opened.Add(6*time.Minute), "note", "console:mira", "Storefront shows the maintenance page. Orders in progress are kept in the queue.")
}

func (s *script) exportLate() {
	opened := s.ago(11 * time.Minute)
	n := s.alert(itsm.Alert{Title: "Night batch: export of orders is late", Severity: itsm.Critical, Provisional: "service:prod/night-batch", BoundBy: "provisional",
		StartsAt: opened, Incident: 5, Source: "generic", Trail: []string{"explicit CI id: none", "service label: night-batch is not in the CMDB"}})
	s.evidence(itsm.Evidence{Incident: 5, Alert: n, At: opened, Decision: itsm.DecidedOpened, By: "first", CI: "service:prod/night-batch", ScoreMilli: 420, ThresholdMilli: 500,
		RunnerUp: "INC0000004 with 0.42", Because: "No open incident explains an alert on night-batch; INC0000004 came close."})
	s.line(5, opened, "opened", "signalbox", "Night batch: export of orders is late")
	s.incident(itsm.Incident{Number: 5, Title: "Night batch: export of orders is late", State: itsm.New, Impact: itsm.Medium, Urgency: itsm.High,
		ImpactBecause: "unknown tier counts as 2", UrgencyBecause: "severity critical", OpenedAt: opened, AlertCount: 1, FiringCount: 1, Severity: itsm.Critical,
		Major:   itsm.MajorIncident{State: itsm.MajorProposed, By: "console:jonas", At: s.ago(4 * time.Minute), Because: "Finance closes the month with it in two hours.", ProposedBy: "console:jonas", ProposedAt: s.ago(4 * time.Minute)},
		Unbound: []string{"service:prod/night-batch"}, MaybeRelated: []itsm.Candidate{{Incident: 4, ScoreMilli: 420, Because: "It came 3 min after orders-db-1 began to fail."}}})
}

func (s *script) merged() {
	opened := s.ago(13 * time.Minute)
	s.line(6, opened, "opened", "signalbox", "Synthetic check: checkout fails")
	s.line(6, s.ago(9*time.Minute), "merged", "console:mira", "into INC0000004")
	s.incident(itsm.Incident{Number: 6, Title: "Synthetic check: checkout fails", State: itsm.Cancelled, Impact: itsm.Medium, Urgency: itsm.Medium,
		OpenedAt: opened, MergedInto: 4, Severity: itsm.Major, Undo: itsm.Undoable{Of: itsm.ActMerge, With: 4, By: "console:mira", At: s.ago(9 * time.Minute)}})
}

func (s *script) stillFiring() {
	opened := s.ago(52 * time.Minute)
	s.single(itsm.Incident{Number: 7, Title: "Disk of ci-agent-3 is 97 % full", State: itsm.IncidentResolved, Impact: itsm.Low, Urgency: itsm.Medium, StillFiring: true, Storm: true,
		Follows: 1, OpenedAt: opened, AcknowledgedAt: opened.Add(time.Minute), AcknowledgedBy: "console:mira", ResolvedAt: s.ago(20 * time.Minute), ResolvedBy: "console:mira",
		CloseCode: "no_action", CIs: []string{"ci-agent-3"}},
		itsm.Alert{Title: "Disk of ci-agent-3 is 97 % full", Severity: itsm.Major, StartsAt: opened})
	s.alert(itsm.Alert{Title: "Backup of ci-agent-3 took longer than usual", Severity: itsm.Info, CI: "ci-agent-3", BoundBy: "host name", StartsAt: s.ago(4 * time.Hour), SuppressedBy: "info"})
	s.alert(itsm.Alert{Title: "DNS answers slowly in fra1", Severity: itsm.Warning, Provisional: "host:ns1", BoundBy: "provisional", StartsAt: s.ago(time.Minute),
		SuppressedBy: "hold: 46 of the last 50 cleared within 3 min"})
}

func (s *script) quarantine() {
	for _, q := range []itsm.Quarantined{
		{ID: "5f0c77a1be22d940", Source: "generic", Offset: cannedOffset, Error: "severity: expected a word such as critical, got a number (events[0].severity)", Count: 14,
			Body: []byte("{\n  \"status\": \"firing\",\n  \"severity\": 3,\n  \"title\": \"Kühlung: Lüfter 2 ausgefallen\",\n  \"ci\": \"rack-14\"\n}\n"), FirstAt: s.ago(7 * time.Hour), LastAt: s.ago(6 * time.Minute)},
		{ID: "a90b31c2d4e5f607", Source: "alertmanager", Error: "not JSON: unexpected \"<\" at byte 0", Count: 1, Body: []byte("<html><body><h1>502 Bad Gateway</h1></body></html>"),
			FirstAt: s.ago(26 * time.Hour), LastAt: s.ago(26 * time.Hour)},
	} {
		s.off++
		q.Offset = max(q.Offset, s.off)
		s.out = append(s.out, itsm.Decision{Kind: itsm.PutQuarantine, Quarantine: &q})
	}
}
