package desk

import (
	"fmt"
	"testing"

	"signalbox/itsm"
	"signalbox/itsm/kv"
	"signalbox/itsm/kv/badgerkv"
)

func onDisk(t testing.TB) (*Desk, *badgerkv.DB) {
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
	d, err := Open(db)
	if err != nil {
		t.Fatal(err)
	}
	return d, db
}

// sampleAlert is an alert such as Alertmanager sends.
func sampleAlert(n int) *itsm.Alert {
	host := fmt.Sprintf("web-%d.eu.example.net", n%5000)
	return &itsm.Alert{
		Number: itsm.AlertNumber(n), Source: "alertmanager", Key: itsm.AlertKey(fmt.Sprintf("alertmanager/%016x", n*7919)),
		Status: itsm.Firing, Severity: itsm.Critical, SeverityWord: "critical",
		Title: "HighErrorRate on " + host,
		Labels: itsm.NewLabels([]itsm.Label{
			{Name: "alertname", Value: "HighErrorRate"}, {Name: "cluster", Value: "prod-eu-1"}, {Name: "env", Value: "prod"},
			{Name: "instance", Value: host + ":9100"}, {Name: "job", Value: "node"}, {Name: "namespace", Value: "shop"},
			{Name: "pod", Value: fmt.Sprintf("shop-%d", n)}, {Name: "service", Value: fmt.Sprintf("shop-%d", n%50)},
			{Name: "severity", Value: "critical"}, {Name: "team", Value: "payments"},
		}),
		Annotations: itsm.NewLabels([]itsm.Label{
			{Name: "description", Value: "more than 5% of requests answered with an error for ten minutes"},
			{Name: "runbook_url", Value: "https://runbooks.example.net/HighErrorRate"},
		}),
		GeneratorURL: "http://prometheus.example.net/graph?g0.expr=rate",
		CI:           host, BoundBy: "host", Trail: []string{"host: " + host},
		StartsAt: 1_790_000_000_000, RaisedAt: 1_790_000_004_000, LastSeenAt: 1_790_000_004_000, EventCount: 1, Episode: 1,
		Incident: itsm.IncidentNumber(n/20 + 1), ChangedAt: itsm.Offset(n),
	}
}

func sampleEvidence(a *itsm.Alert) *itsm.Evidence {
	return &itsm.Evidence{
		Incident: a.Incident, Alert: a.Number, Episode: 1, At: a.RaisedAt, Offset: a.ChangedAt, Decision: itsm.DecidedJoined, By: "topology",
		ScoreMilli: 870, ThresholdMilli: 600, Rule: "default", CMDBRevision: 4, CI: a.CI, Shared: "db-orders-1",
		Path: []string{a.CI, "shop-7", "db-orders-1"}, Coverage: "7 of 8 alerting CIs depend on db-orders-1",
		Because: a.CI + " depends on db-orders-1, which 7 of 8 alerting CIs share",
	}
}

func sampleIncident(n, alerts int) *itsm.Incident {
	in := &itsm.Incident{
		Number: itsm.IncidentNumber(n), Title: "db-orders-1: HighErrorRate", State: itsm.New, Priority: itsm.P2, Computed: itsm.P2, Impact: itsm.Medium, Urgency: itsm.High,
		ImpactBecause: "service shop has tier 2", UrgencyBecause: "worst severity is critical", OpenedAt: 1_790_000_004_000, Epoch: 1,
		AlertCount: alerts, FiringCount: alerts, EventCount: uint64(alerts), Services: []string{"shop"}, Severity: itsm.Critical, Version: 1,
		Labels: itsm.NewLabels([]itsm.Label{{Name: "env", Value: "prod"}, {Name: "cluster", Value: "prod-eu-1"}}), LastActivityAt: 1_790_000_004_000,
		Causes: []itsm.Cause{{CI: "db-orders-1", ScoreMilli: 900, Because: "7 of 8 alerting CIs depend on it"}},
	}
	for i := range min(alerts, itsm.IncidentCIsMax) {
		in.CIs = append(in.CIs, fmt.Sprintf("web-%d.eu.example.net", n+i))
	}
	return in
}

// sampleBatch is alerts first..first+n-1, each new, twenty to an incident.
func sampleBatch(first, n int) Batch {
	b := Batch{Cursor: itsm.Offset(first + n), At: 1_790_000_004_000}
	for i := first; i < first+n; i++ {
		a := sampleAlert(i)
		b.Decisions = append(b.Decisions, itsm.Decision{Kind: itsm.PutAlert, Alert: a}, itsm.Decision{Kind: itsm.PutEvidence, Evidence: sampleEvidence(a)})
		if i%20 == 0 {
			b.Decisions = append(b.Decisions,
				itsm.Decision{Kind: itsm.PutIncident, Incident: sampleIncident(i/20+1, 20)},
				itsm.Decision{Kind: itsm.AddTimeline, Timeline: &itsm.TimelineEntry{Incident: a.Incident, At: a.RaisedAt, Offset: a.ChangedAt, Kind: "opened", Actor: "signalbox", Text: "opened by " + a.Title}})
		}
	}
	return b
}

func fillDesk(t testing.TB, d *Desk, alerts int) {
	t.Helper()
	for first := 1; first <= alerts; first += 1000 {
		if err := d.Apply(sampleBatch(first, min(1000, alerts-first+1))); err != nil {
			t.Fatal(err)
		}
	}
}

func BenchmarkApply(b *testing.B) {
	for _, size := range []int{1, 50, 1000} {
		b.Run(fmt.Sprint(size), func(b *testing.B) { benchmarkApply(b, size) })
	}
}

func benchmarkApply(b *testing.B, size int) {
	d, db := onDisk(b)
	batches := make([]Batch, 64) // made before, numbered anew for each round
	for i := range batches {
		batches[i] = sampleBatch(1+i*size, size)
	}
	n := 0
	b.ReportAllocs()
	for b.Loop() {
		batch := &batches[n%len(batches)]
		if n >= len(batches) {
			shift(batch, len(batches)*size)
		}
		if err := d.Apply(*batch); err != nil {
			b.Fatal(err)
		}
		n++
	}
	b.ReportMetric(float64(n*size)/b.Elapsed().Seconds(), "alerts/s")
	if bytes, err := db.Size(); err == nil {
		b.ReportMetric(float64(bytes)/float64(n*size), "disk-B/alert")
	}
}

// shift moves a batch to numbers that are not used yet.
func shift(b *Batch, by int) {
	b.Cursor += itsm.Offset(by)
	for i := range b.Decisions {
		switch d := &b.Decisions[i]; d.Kind {
		case itsm.PutAlert:
			d.Alert.Number += itsm.AlertNumber(by)
			d.Alert.ChangedAt += itsm.Offset(by)
		case itsm.PutEvidence:
			d.Evidence.Alert += itsm.AlertNumber(by)
			d.Evidence.Incident += itsm.IncidentNumber(by / 20)
		case itsm.PutIncident:
			d.Incident.Number += itsm.IncidentNumber(by / 20)
		case itsm.AddTimeline:
			d.Timeline.Incident += itsm.IncidentNumber(by / 20)
		}
	}
}

// BenchmarkEncode is the part of Apply that is not the store.
func BenchmarkEncode(b *testing.B) {
	d, err := Open(kv.Mem())
	if err != nil {
		b.Fatal(err)
	}
	a := sampleAlert(7)
	e := sampleEvidence(a)
	b.ReportAllocs()
	for b.Loop() {
		d.buf.reset()
		d.buf.alert(a)
		d.buf.evidence(e)
	}
	b.ReportMetric(float64(len(d.buf.b)), "B")
}

func BenchmarkDecodeAlert(b *testing.B) {
	v := new(buffer).alert(sampleAlert(7))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := decodeAlert(7, v); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkQueries(b *testing.B) {
	d, _ := onDisk(b)
	fillDesk(b, d, 100_000) // and 5,000 open incidents
	open := []itsm.State{itsm.New, itsm.InProgress, itsm.OnHold}
	cis := []string{"web-4321.eu.example.net"}
	for _, bb := range []struct {
		name string
		run  func() (int, error)
		want int
	}{
		{"open incidents", func() (int, error) { p, err := d.Incidents(IncidentQuery{States: open}); return len(p.Items), err }, 50},
		{"open incidents, none of this priority", func() (int, error) {
			p, err := d.Incidents(IncidentQuery{States: open, Priorities: []itsm.Priority{itsm.P5}})
			return len(p.Items), err
		}, 0},
		{"open incidents of a CI", func() (int, error) {
			p, err := d.Incidents(IncidentQuery{States: open, CI: cis})
			return len(p.Items), err
		}, 20},
		{"open incidents with a text nowhere", func() (int, error) {
			p, err := d.Incidents(IncidentQuery{States: open, Q: "nowhere"})
			return len(p.Items), err
		}, 0},
		{"incidents of an assignee who has none", func() (int, error) {
			p, err := d.Incidents(IncidentQuery{Assignee: []string{"nobody"}})
			return len(p.Items), err
		}, 0},
		{"alerts", func() (int, error) { p, err := d.Alerts(AlertQuery{}); return len(p.Items), err }, 50},
		{"alerts of a CI", func() (int, error) { p, err := d.Alerts(AlertQuery{CI: cis}); return len(p.Items), err }, 20},
		{"alerts with a text nowhere", func() (int, error) { p, err := d.Alerts(AlertQuery{Q: "nowhere"}); return len(p.Items), err }, 0},
		{"alerts of an incident", func() (int, error) { p, err := d.IncidentAlerts(7, "", 50); return len(p.Items), err }, 20},
	} {
		b.Run(bb.name, func(b *testing.B) {
			for b.Loop() {
				if n, err := bb.run(); err != nil || n != bb.want {
					b.Fatalf("%d items, %v; want %d", n, err, bb.want)
				}
			}
		})
	}
}

// BenchmarkOpen is how long a restart waits for the desk.
func BenchmarkOpen(b *testing.B) {
	dir := b.TempDir()
	db, err := badgerkv.Open(badgerkv.Options{Dir: dir})
	if err != nil {
		b.Fatal(err)
	}
	d, err := Open(db)
	if err != nil {
		b.Fatal(err)
	}
	fillDesk(b, d, 100_000)
	if err := db.Close(); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if db, err = badgerkv.Open(badgerkv.Options{Dir: dir}); err != nil {
			b.Fatal(err)
		}
		if _, err := Open(db); err != nil {
			b.Fatal(err)
		}
		if err := db.Close(); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkObjects passes over objects as a report does and keeps none.
func BenchmarkObjects(b *testing.B) {
	d, _ := onDisk(b)
	const n = 5000
	batch := Batch{Cursor: 1, At: 1_790_000_004_000}
	for i := range n {
		batch.Decisions = append(batch.Decisions, itsm.Decision{Kind: itsm.PutObject, Object: &itsm.Object{Kind: "audit", ID: fmt.Sprintf("%016x", i), Version: 1, At: 1_790_000_004_000,
			Refs: []string{"actor/console:ada", fmt.Sprintf("object/incident/INC%07d", i)}, Body: []byte(`{"at":"2026-11-27T22:00:00Z","actor":"console:ada","act":"note","object":"incident/INC0000001","result":"done","detail":"Looked at the device."}`)}})
	}
	if err := d.Apply(batch); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		seen := 0
		if _, err := d.Objects(ObjectQuery{Kind: "audit", Keep: func(*itsm.Object) bool { seen++; return false }}); err != nil || seen != n {
			b.Fatal(seen, err)
		}
	}
}
