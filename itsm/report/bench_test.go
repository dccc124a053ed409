package report

import (
	"encoding/json"
	"fmt"
	"os"
	"testing"
	"time"

	"signalbox/itsm"
	"signalbox/itsm/desk"
	"signalbox/itsm/kv/badgerkv"
)

// year is a desk on disk with a year: so many incidents, five alerts each, with four
// intents, two lines of audit, and a problem and a change for each twenty.
func year(t testing.TB, incidents int) *desk.Desk {
	t.Helper()
	db, err := badgerkv.Open(badgerkv.Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	d, err := desk.Open(db)
	if err != nil {
		t.Fatal(err)
	}
	step := 365 * 24 * time.Hour / time.Duration(incidents)
	var b desk.Batch
	put := func(kind, id string, at itsm.Time, v any) {
		body, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		b.Decisions = append(b.Decisions, itsm.Decision{Kind: itsm.PutObject, Object: &itsm.Object{Kind: kind, ID: id, At: at, Body: body}})
	}
	for n := 1; n <= incidents; n++ {
		at := monday.Add(time.Duration(n) * step)
		host := fmt.Sprintf("web-%d.eu.example.net", n%700)
		in := itsm.Incident{Number: itsm.IncidentNumber(n), Title: host + ": HighErrorRate", State: itsm.Closed, Priority: itsm.Priority(1 + n%5), Computed: itsm.P2, ImpactBecause: "service shop has tier 2", UrgencyBecause: "worst severity is critical",
			OpenedAt: at, AcknowledgedAt: at.Add(time.Duration(n%30) * time.Minute), AcknowledgedBy: fmt.Sprintf("pagerduty:Person %d", n%12), ResolvedAt: at.Add(time.Duration(n%300) * time.Minute), ResolvedBy: "signalbox", CloseCode: "fixed", Epoch: 1,
			AlertCount: 5, EventCount: 30, CIs: []string{host, "db-orders-1"}, Services: []string{fmt.Sprintf("shop-%d", n%40)}, Causes: []itsm.Cause{{CI: host, ScoreMilli: 900, Because: "7 of 8 alerting CIs depend on it", Paths: []itsm.CausePath{{"a", "b", "c"}}}},
			Links: []itsm.ExternalRef{{Connector: "pagerduty", ID: "Q1W2E3R4T5Y6U7", URL: "https://example.pagerduty.com/incidents/Q1W2E3R4T5Y6U7"}}, Version: 9, Labels: itsm.LabelsOf(map[string]string{"alertname": "HighErrorRate", "env": "prod"}),
			SLA: itsm.ServiceLevel{Response: itsm.LevelClock{Target: time.Hour, DoneAt: at}, Resolution: itsm.LevelClock{Target: time.Hour, Breached: n%9 == 0, DoneAt: at}}}
		b.Decisions = append(b.Decisions, itsm.Decision{Kind: itsm.PutIncident, Incident: &in})
		for k := range 5 {
			a := itsm.Alert{Number: itsm.AlertNumber(5*(n-1) + k + 1), Source: "alertmanager", Key: itsm.AlertKey(fmt.Sprintf("alertmanager/%016x", 5*n+k)), Status: itsm.Resolved, Severity: itsm.Critical, SeverityWord: "critical", Title: "HighErrorRate on " + host,
				Labels: itsm.LabelsOf(map[string]string{"alertname": fmt.Sprintf("Alert%d", n%90), "cluster": "prod-eu-1", "env": "prod", "instance": host + ":9100", "job": "node", "namespace": "shop", "pod": fmt.Sprintf("shop-%d", n), "severity": "critical"}),
				CI:     host, BoundBy: "host", StartsAt: at, RaisedAt: at, LastSeenAt: at, EventCount: 6, Episode: 1, Incident: in.Number}
			b.Decisions = append(b.Decisions, itsm.Decision{Kind: itsm.PutAlert, Alert: &a})
		}
		for serial, kind := range []itsm.Transition{itsm.Trigger, itsm.Acknowledge, itsm.Update, itsm.Resolve} {
			b.Decisions = append(b.Decisions, itsm.Decision{Kind: itsm.PutIntent, Intent: &itsm.Intent{Key: fmt.Sprintf("%064x", 4*n+serial), Connector: "pagerduty", Incident: in.Number, Epoch: 1, Transition: kind, At: at, Serial: uint32(serial),
				Snapshot: itsm.IncidentSnapshot{Title: in.Title, CIs: in.CIs, Services: in.Services, OpenedAt: at, Because: in.ImpactBecause}}})
		}
		for k := range 2 {
			l := itsm.AuditLine{Offset: itsm.Offset(10*n + k), At: at, Actor: "console:ada", Act: "note", Object: "incident/" + in.Number.String(), Result: itsm.AuditDone, Detail: "noted"}
			put(itsm.ObjectAudit, itsm.AuditID(l.Offset), at, l)
		}
		if n%20 == 0 {
			put("problem", fmt.Sprintf("PRB%07d", n/20), at, itsm.Problem{Number: itsm.ProblemNumber(n / 20), Title: "again", State: itsm.ProblemNew, ProposedAt: at, CreatedBy: "signalbox"})
			put("change", fmt.Sprintf("CHG%07d", n/20), at, itsm.Change{ID: fmt.Sprintf("CHG%07d", n/20), Title: "deploy", Type: itsm.StandardChange, State: itsm.ChangeSuccessful, EndedAt: at})
		}
		if len(b.Decisions) > 4000 || n == incidents {
			b.Cursor, b.At = itsm.Offset(n), at
			if err := d.Apply(b); err != nil {
				t.Fatal(err)
			}
			b = desk.Batch{}
		}
	}
	return d
}

// BenchmarkYear computes all reports of a year with 20,000 incidents and 100,000 alerts.
func BenchmarkYear(b *testing.B) {
	d := year(b, 20_000)
	end := monday.Add(366 * 24 * time.Hour)
	for b.Loop() {
		rep := New(d, func() []string { return []string{"pagerduty"} }, func() time.Time { return end.Std() })
		list, err := rep.All(Query{From: monday, To: end})
		if err != nil {
			b.Fatal(err)
		}
		if n := list[0].Figures[3].Value.Number; n != 20_000 {
			b.Fatalf("%v incidents", n)
		}
	}
}

// TestYear holds the bound of a second for the whole year when SIGNALBOX_LONG asks
// for it, and otherwise that a part of it is counted in full.
func TestYear(t *testing.T) {
	t.Parallel()
	n := 1000
	full := os.Getenv("SIGNALBOX_LONG") != ""
	if full {
		n = 20_000
	}
	rep := New(year(t, n), func() []string { return []string{"pagerduty"} }, func() time.Time { return monday.Add(366 * 24 * time.Hour).Std() })
	begin := time.Now()
	list, err := rep.All(Query{From: monday, To: monday.Add(366 * 24 * time.Hour)})
	took := time.Since(begin)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for i := range list {
		for _, f := range list[i].Figures {
			got[list[i].Name+"."+f.Name] = shown(f.Value)
		}
	}
	for name, want := range map[string]int{"mtta.incidents": n, "noise.alerts": 5 * n, "actionable.pages": n, "problems.proposed": n / 20, "changes.changes": n / 20} {
		if got[name] != fmt.Sprint(want) {
			t.Errorf("%s = %s, want %d", name, got[name], want)
		}
	}
	if full && took > time.Second {
		t.Errorf("%d incidents and %d alerts took %v, want less than a second", n, 5*n, took)
	}
}
