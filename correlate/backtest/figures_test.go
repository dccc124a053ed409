package backtest_test

import (
	"fmt"
	"os"
	"runtime"
	"testing"
	"time"

	"signalbox/itsm"
	"signalbox/itsm/cmdb"
	"signalbox/itsm/cputest"
	"signalbox/itsm/entry"
)

// busy is a month of a busy organisation: a thousand services on ten thousand hosts,
// and on most of them something that fires, is repeated and clears.
type busy struct {
	days, events int
	cis          int
}

// month is what the goal names.
var month = busy{days: 30, events: 860_000, cis: 10_000}

// secondsGoal is how long both sides may take together, on one core.
const secondsGoal = 60

// tape makes the history: five of eight events repeat what fires, and most
// of what is new belongs to an outage of one host.
func (b busy) tape(tb testing.TB) *tape {
	h := newTape(tb)
	b.estate(h)
	const perDelivery = 8
	step := time.Duration(b.days) * 24 * time.Hour / time.Duration(b.events/perDelivery)
	x := uint64(1)
	next := func(n int) int {
		x = x*6364136223846793005 + 1442695040888963407
		return int(x >> 33 % uint64(n))
	}
	var firing []itsm.Event
	for sent := 0; sent < b.events; {
		h.at = h.at.Add(step)
		var es []itsm.Event
		host, outage := next(b.cis), next(4) != 0
		for range perDelivery {
			switch kind := next(8); {
			case kind < 5 && len(firing) > 50: // Alertmanager says it again
				es = append(es, firing[len(firing)-1-next(50)])
			case kind == 5 && len(firing) > 0:
				e := firing[0]
				firing = firing[1:]
				e.Status, e.EndsAt = itsm.Resolved, h.at
				es = append(es, e)
			default:
				if !outage {
					host = next(b.cis)
				}
				e := b.alert(h.at, host, next(20))
				firing = append(firing, e)
				es = append(es, e)
			}
		}
		h.deliver(es...)
		sent += len(es)
	}
	return h
}

func (b busy) alert(at itsm.Time, host, rule int) itsm.Event {
	name, sev := fmt.Sprintf("h%05d", host), []string{"warning", "warning", "minor", "major", "critical"}[rule%5]
	return itsm.Event{Source: "main", Identity: fmt.Sprintf("%s/%d", name, rule), Title: fmt.Sprintf("Rule%d of %s", rule, name), CIName: name, Status: itsm.Firing,
		Severity: itsm.SeverityOf(sev), SeverityWord: sev, StartsAt: at, GeneratorURL: "http://prometheus:9090/graph?g0.expr=up",
		Labels: itsm.NewLabels([]itsm.Label{{Name: "alertname", Value: fmt.Sprint("Rule", rule)}, {Name: "instance", Value: name + ":9100"}, {Name: "job", Value: "node"},
			{Name: "namespace", Value: fmt.Sprint("ns", host/40)}, {Name: "cluster", Value: "prod-eu-1"}, {Name: "severity", Value: sev}}),
		Annotations: itsm.NewLabels([]itsm.Label{{Name: "summary", Value: "Something of " + name + " is full"}, {Name: "description", Value: "It fills up. It fills up."}})}
}

// estate imports the hosts, a service on each ten of them.
func (b busy) estate(h *tape) {
	var cis []itsm.CI
	var rels []itsm.Relation
	for n := range b.cis {
		host, svc := fmt.Sprintf("h%05d", n), fmt.Sprintf("svc%04d", n/10)
		cis = append(cis, itsm.CI{ID: host, Name: host, Class: "Host"})
		if n%10 == 0 {
			cis = append(cis, itsm.CI{ID: svc, Name: svc, Class: "Service", Tier: n / 10 % 4, SupportGroup: fmt.Sprint("team", n/10%20)})
		}
		rels = append(rels, itsm.Relation{From: svc, Type: "depends_on", To: host})
	}
	doc, problems := cmdb.NewDoc(cis, rels)
	changes, _, more := cmdb.Empty(cmdb.DefaultRelationTypes()).Plan(doc, "busy", false)
	if len(problems)+len(more) > 0 {
		h.t.Fatal(problems, more)
	}
	chunks := changes.Chunks(1 << 19)
	for i, c := range chunks {
		h.put(entry.EncodeCMDBChunk(&entry.CMDBChunk{ImportID: "busy", Seq: i, Body: c}))
	}
	h.put(entry.EncodeCMDBCommit(&entry.CMDBCommit{ImportID: "busy", Chunks: len(chunks)}))
}

// busyRules are rules of most stages, as an organisation might try.
const busyRules = `id: team
about: says whose it is
when: labels.namespace != ""
normalise: {set: {labels.team: "${labels.namespace}"}}
---
id: noise
about: nobody acts on it
when: labels.alertname == "Rule1" && severity == "warning"
suppress: mute
---
id: namespace
about: one incident a namespace
when: labels.alertname == "Rule7"
correlate: {group_by: [labels.namespace], window: 30m}
---
id: later
about: minor things can wait
when: incident.severity == "minor"
incident: {delay: 10m}
`

// TestBacktestFigures prints how long the goal's month takes on one core: make
// backtest-bench. A machine may be slow, so falling short fails nothing.
func TestBacktestFigures(t *testing.T) {
	if os.Getenv("SIGNALBOX_LONG") == "" {
		t.Skip("takes minutes; make backtest-bench runs it")
	}
	h := month.tape(t)
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	runtime.GC()
	began, cpu := time.Now(), cputest.Used(t)
	r := h.run("", busyRules)
	took, spent := time.Since(began), cputest.Used(t)-cpu
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	fmt.Printf("%d days, %d events, %d deliveries, both sides on one core: %.1f s, processor %.1f s, goal %d s\n", month.days, r.Span.Events, r.Span.Deliveries, took.Seconds(), spent.Seconds(), secondsGoal)
	fmt.Printf("memory of the process %d MB, of which the history %d MB\n%s\n", m.Sys>>20, h.bytes()>>20, counts(r))
}

func (h *tape) bytes() (n int) {
	for _, e := range h.entries {
		n += len(e.Body)
	}
	return n
}

// A small month has differences of most kinds, and the same report again.
func TestBusyMonth(t *testing.T) {
	small := busy{days: 2, events: 6000, cis: 400}
	a, b := small.tape(t).run("", busyRules), small.tape(t).run("", busyRules)
	if counts(a) != counts(b) || a.Incidents.Suppressed.Count == 0 || a.Incidents.Same == 0 || a.Alerts.Suppressed == 0 {
		t.Errorf("%s\n%s", counts(a), counts(b))
	}
}
