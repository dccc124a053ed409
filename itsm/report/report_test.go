package report

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"signalbox/itsm"
	"signalbox/itsm/desk"
	"signalbox/itsm/kv"
)

// monday is the begin of the range of these tests: Monday, 2 November 2026.
var monday = itsm.TimeOf(time.Date(2026, 11, 2, 0, 0, 0, 0, time.UTC))

func on(day, hour, minute int) itsm.Time {
	return monday.Add(time.Duration(day)*24*time.Hour + time.Duration(hour)*time.Hour + time.Duration(minute)*time.Minute)
}

// story is a week with six incidents that count, and things beside them that do not.
func story(t testing.TB) *desk.Desk {
	t.Helper()
	d, err := desk.Open(kv.Mem())
	if err != nil {
		t.Fatal(err)
	}
	var ds []itsm.Decision
	incident := func(in itsm.Incident) {
		in.Version, in.Epoch = 1, max(in.Epoch, 1)
		if in.Title == "" {
			in.Title = in.Number.String()
		}
		ds = append(ds, itsm.Decision{Kind: itsm.PutIncident, Incident: &in})
	}
	cause := func(ci string) []itsm.Cause { return []itsm.Cause{{CI: ci}} }
	clock := func(breached bool, done itsm.Time) itsm.LevelClock {
		return itsm.LevelClock{Target: time.Hour, Breached: breached, DoneAt: done}
	}
	// Before the range: one that is open to this day, and the same trouble as 4.
	incident(itsm.Incident{Number: 2, State: itsm.Closed, Priority: itsm.P2, OpenedAt: on(-20, 0, 0), ResolvedAt: on(-20, 1, 0), Causes: cause("db-1"), AlertCount: 1, EventCount: 1, Services: []string{"shop"}})
	incident(itsm.Incident{Number: 1, State: itsm.OnHold, Priority: itsm.P4, OpenedAt: on(-90, 0, 0), Causes: cause("old-1"), AcknowledgedAt: on(-89, 0, 0), AcknowledgedBy: "console:ada"})
	// The range.
	incident(itsm.Incident{Number: 3, State: itsm.IncidentResolved, Priority: itsm.P1, OpenedAt: on(0, 9, 0), AcknowledgedAt: on(0, 9, 4), AcknowledgedBy: "pagerduty:Ada", ResolvedAt: on(0, 10, 0), ResolvedBy: "console:ada", CloseCode: "fixed",
		Causes: cause("web-1"), AlertCount: 4, EventCount: 40, Services: []string{"shop", "pay"}, SLA: itsm.ServiceLevel{Response: clock(false, on(0, 9, 4)), Resolution: clock(false, on(0, 10, 0))}})
	incident(itsm.Incident{Number: 4, State: itsm.Closed, Priority: itsm.P2, OpenedAt: on(1, 9, 0), AcknowledgedAt: on(1, 9, 10), AcknowledgedBy: "console:bob", ResolvedAt: on(1, 13, 0), ResolvedBy: "signalbox", Epoch: 2,
		Causes: cause("db-1"), AlertCount: 2, EventCount: 10, Services: []string{"shop"}, Group: "dba", SLA: itsm.ServiceLevel{Held: 3 * time.Hour, Response: clock(false, on(1, 9, 10)), Resolution: clock(true, on(1, 13, 0))}})
	incident(itsm.Incident{Number: 5, State: itsm.Closed, Priority: itsm.P2, OpenedAt: on(3, 9, 0), ResolvedAt: on(3, 9, 20), ResolvedBy: "signalbox",
		Causes: cause("db-1"), AlertCount: 1, EventCount: 30, Services: []string{"shop"}, Changes: []itsm.IncidentChange{{Change: "CHG0000002"}}, SLA: itsm.ServiceLevel{Response: clock(true, 0), Resolution: clock(false, on(3, 9, 20))}})
	incident(itsm.Incident{Number: 6, State: itsm.IncidentResolved, Priority: itsm.P3, OpenedAt: on(3, 21, 0), AcknowledgedAt: on(3, 21, 30), AcknowledgedBy: "console:bob", ResolvedAt: on(4, 0, 0), ResolvedBy: "console:bob", CloseCode: "no_action",
		Unbound: []string{"host=x"}, AlertCount: 1, EventCount: 10, Signature: "nightly"})
	incident(itsm.Incident{Number: 7, State: itsm.New, Priority: itsm.P3, OpenedAt: on(5, 0, 0), CIs: []string{"web-1"}, AlertCount: 2, EventCount: 10, SLA: itsm.ServiceLevel{Response: clock(false, 0)}})
	incident(itsm.Incident{Number: 8, State: itsm.Cancelled, Priority: itsm.P3, OpenedAt: on(5, 1, 0), MergedInto: 7, LastActivityAt: on(5, 2, 0), AlertCount: 1, EventCount: 1})
	incident(itsm.Incident{Number: 9, State: itsm.Cancelled, Priority: itsm.P5, OpenedAt: on(5, 3, 0), LastActivityAt: on(5, 3, 30)})
	// After it.
	incident(itsm.Incident{Number: 10, State: itsm.New, Priority: itsm.P1, OpenedAt: on(7, 0, 1), Causes: cause("db-1")})

	alert := func(a itsm.Alert) {
		a.Source, a.Key, a.Status, a.EventCount = "am", itsm.AlertKey(fmt.Sprint("am/", a.Number)), itsm.Resolved, max(a.EventCount, 1)
		a.Episode = max(a.Episode, 1)
		ds = append(ds, itsm.Decision{Kind: itsm.PutAlert, Alert: &a})
	}
	named := func(s string) itsm.Labels { return itsm.LabelsOf(map[string]string{"alertname": s}) }
	alert(itsm.Alert{Number: 1, Title: "a", Labels: named("DiskFull"), CI: "db-1", Incident: 4, StartsAt: on(1, 8, 50), RaisedAt: on(-20, 0, 0), LastSeenAt: on(1, 12, 0), Episode: 5, EventCount: 60})
	alert(itsm.Alert{Number: 2, Title: "b", Labels: named("DiskFull"), CI: "web-1", Incident: 3, StartsAt: on(0, 8, 58), RaisedAt: on(0, 9, 0), LastSeenAt: on(0, 9, 30), EventCount: 4})
	alert(itsm.Alert{Number: 3, Title: "c", Incident: 6, Provisional: "host=x", StartsAt: on(3, 20, 30), RaisedAt: on(3, 21, 0), LastSeenAt: on(3, 22, 0), Flapping: true, Episode: 3, EventCount: 9})
	alert(itsm.Alert{Number: 4, Title: "d", Incident: 3, CI: "web-2", StartsAt: on(0, 8, 56), RaisedAt: on(0, 9, 0), LastSeenAt: on(0, 9, 0), SuppressedBy: "info"})
	alert(itsm.Alert{Number: 5, Title: "e", Incident: 2, CI: "db-1", StartsAt: on(-20, 0, 0), RaisedAt: on(-20, 0, 0), LastSeenAt: on(-20, 0, 0)})

	page := func(connector string, n itsm.IncidentNumber, epoch uint32, kind itsm.Transition, at itsm.Time) {
		ds = append(ds, itsm.Decision{Kind: itsm.PutIntent, Intent: &itsm.Intent{Key: fmt.Sprint(n, epoch, kind), Connector: connector, Incident: n, Epoch: epoch, Transition: kind, At: at}})
	}
	page("pd", 3, 1, itsm.Trigger, on(0, 9, 0))
	page("og", 3, 1, itsm.Trigger, on(0, 9, 1)) // the same page at another pager
	page("pd", 3, 1, itsm.Acknowledge, on(0, 9, 4))
	page("pd", 4, 1, itsm.Trigger, on(1, 9, 0))
	page("pd", 4, 2, itsm.Trigger, on(1, 11, 0))
	page("pd", 5, 1, itsm.Trigger, on(3, 9, 0))
	page("pd", 6, 1, itsm.Trigger, on(3, 21, 0))
	page("pd", 7, 1, itsm.Trigger, on(5, 0, 0))
	page("pd", 1, 1, itsm.Trigger, on(-90, 0, 0))
	page("chat", 3, 1, itsm.Trigger, on(0, 9, 0)) // wakes nobody

	object := func(kind, id string, at itsm.Time, v any) {
		body, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		ds = append(ds, itsm.Decision{Kind: itsm.PutObject, Object: &itsm.Object{Kind: kind, ID: id, At: at, Body: body}})
	}
	for n, l := range []itsm.AuditLine{
		{At: on(-1, 0, 0), Actor: "console:ada", Act: "split", Object: "incident/INC0000002", Result: itsm.AuditDone},
		{At: on(5, 2, 0), Actor: "console:ada", Act: "merge", Object: "incident/INC0000008", Result: itsm.AuditDone},
		{At: on(5, 2, 1), Actor: "console:ada", Act: "merge", Object: "incident/INC0000004", Result: itsm.AuditRefused},
		{At: on(5, 2, 2), Actor: "console:ada", Act: "split", Object: "incident/INC0000003", Result: itsm.AuditDone},
		{At: on(5, 2, 3), Actor: "console:ada", Act: "unrelated", Object: "incident/INC0000003", Result: itsm.AuditDone},
		{At: on(5, 2, 4), Actor: "console:ada", Act: "note", Object: "incident/INC0000003", Result: itsm.AuditDone, Reason: `"act":"merge"`},
	} {
		l.Offset = itsm.Offset(n + 1)
		object(itsm.ObjectAudit, itsm.AuditID(l.Offset), l.At, l)
	}
	for n, p := range []itsm.Problem{
		{State: itsm.ProblemNew, CreatedBy: "signalbox", ProposedAt: on(1, 0, 0), AcceptedAt: on(2, 0, 0), Services: []string{"shop"}},
		{State: itsm.ProblemDismissed, CreatedBy: "signalbox", ProposedAt: on(1, 0, 0)},
		{State: itsm.ProblemCandidate, CreatedBy: "signalbox", ProposedAt: on(2, 0, 0)},
		{State: itsm.ProblemResolved, CreatedBy: "console:ada", ProposedAt: on(1, 0, 0), ResolvedAt: on(2, 0, 0), Effect: itsm.EffectNotEffective},
		{State: itsm.ProblemClosed, CreatedBy: "signalbox", ProposedAt: on(-9, 0, 0), ResolvedAt: on(2, 0, 0), Effect: itsm.EffectEffective},
		{State: itsm.ProblemResolved, CreatedBy: "signalbox", ProposedAt: on(-9, 0, 0), ResolvedAt: on(6, 0, 0), Effect: itsm.EffectWatching},
		{State: itsm.ProblemNew, CreatedBy: "signalbox", ProposedAt: on(-9, 0, 0)},
	} {
		p.Number, p.Title = itsm.ProblemNumber(n+1), "again"
		object("problem", p.Number.String(), monday, p)
	}
	for n, c := range []itsm.Change{
		{State: itsm.ChangeSuccessful, Type: itsm.StandardChange, EndedAt: on(1, 0, 0)}, {State: itsm.ChangeSuccessful, Type: itsm.NormalChange, EndedAt: on(3, 8, 0)}, // incident 5 names it
		{State: itsm.ChangeFailed, Type: itsm.NormalChange, EndedAt: on(4, 0, 0)}, {State: itsm.ChangeSuccessful, Type: itsm.StandardChange, EndedAt: on(4, 0, 0), Services: []string{"shop"}},
		{State: itsm.ChangeCancelled, Type: itsm.StandardChange, EndedAt: on(4, 0, 0)}, {State: itsm.ChangeFailed, Type: itsm.StandardChange, EndedAt: on(-4, 0, 0)},
	} {
		c.ID, c.Title = fmt.Sprintf("CHG%07d", n+1), "deploy"
		object("change", c.ID, monday, c)
	}
	if err := d.Apply(desk.Batch{Cursor: 1, At: on(7, 0, 1), Decisions: ds}); err != nil {
		t.Fatal(err)
	}
	return d
}

func reporter(d *desk.Desk) *Reporter {
	return New(d, func() []string { return []string{"og", "pd"} }, func() time.Time { return on(7, 0, 0).Std() })
}

// TestReports compares every report with numbers worked out by hand from the story.
func TestReports(t *testing.T) {
	t.Parallel()
	list, err := reporter(story(t)).All(Query{From: monday, To: on(7, 0, 0)})
	if err != nil {
		t.Fatal(err)
	}
	const hour, minute = 3600, 60
	figures := map[string]string{
		// acknowledged after 4, 10 and 30 minutes
		"mtta": fmt.Sprint("p50=", 10*minute, " p90=", 30*minute, " mean=", 44*minute/3.0, " incidents=3"),
		// 3: 08:56 to 09:00; 4: 08:50 to 09:00; 6: 20:30 to 21:00
		"mttd": fmt.Sprint("p50=", 10*minute, " p90=", 30*minute, " mean=", 44*minute/3.0, " incidents=3"),
		// 60, 240, 20 and 180 minutes; without three hours on hold 60, 60, 20 and 180
		"mttr":        fmt.Sprint("p50=", hour, " p90=", 4*hour, " mean=", 500*minute/4, " incidents=4 working_p50=", hour, " working_p90=", 3*hour, " working_mean=", 320*minute/4),
		"sla":         "response=0.6667 resolution=0.6667 response_breached=1 resolution_breached=1",
		"backlog":     fmt.Sprint("open=2 age_p50=", 48*hour, " age_p90=", 97*24*hour, " oldest=", 97*24*hour),
		"compression": "events_to_incidents=0.95 precision=0.8333 completeness=0.8333 splits=1 merges=1 unrelated=1",
		// useful: 3, both of 4; useless: 5 by itself, 6 no action; 7 is open
		"actionable": "actionable=0.6 pages=6 not_actionable=2 undecided=1",
		// shifts: Mon night (part), 7 days × 2
		"shifts": "per_shift=0.4 busiest=2 over=0 pages=6",
		// 4 as 2 was, 5 as 4 was; 7 of web-1 as 3 was
		"recurrence": "recurrence=0.6 incidents=5 recurring=3 signatures=3",
		"reopens":    "reopened=0.25 ended=4 reopened_count=1",
		"problems":   "conversion=0.5 effectiveness=0.5 proposed=3 waiting=1 resolved=3 watching=1",
		"changes":    "failure_rate=0.5 changes=4 failed=2 reported=1 standard=0 normal=1 emergency=-",
		// db-1: Tue 13:00 to Thu 09:00, 44 h; web-1: Mon 10:00 to Sat 00:00, 110 h
		"mtbf":     fmt.Sprint("mean=", 77*hour, " cis=2"),
		"noise":    "alerts=4 events=74 suppressed=0.25 flapping=1",
		"cis":      "incidents=5 names=3 worst=0.4",
		"services": "incidents=5 names=2 worst=0.6",
		"binding":  "bound=0.75 alerts=4 unbound=1 keys=1",
	}
	rows := map[string]string{
		"mtta":        "P1 1 240 240 240|P2 1 600 600 600|P3 1 1800 1800 1800|all 3 600 1800 880",
		"mttr":        "P1 1 3600 3600 3600 3600 3600 3600|P2 2 1200 14400 7800 1200 3600 2400|P3 1 10800 10800 10800 10800 10800 10800|all 4 3600 14400 7500 3600 10800 4800",
		"sla":         "P1 1 0 1 1 0 1|P2 1 1 0.5 1 1 0.5|P3 0 0 - 0 0 -|all 2 1 0.6667 2 1 0.6667",
		"backlog":     "P3 1 1 0 172800 172800 172800|P4 1 0 1 8380800 8380800 8380800|all 2 1 1 172800 8380800 8380800",
		"compression": "events to alerts 100 10 0.9|alerts to incidents 10 5 0.5|events to incidents 100 5 0.95",
		"actionable":  "db-1 3 2 1 0.6667|host=x 1 0 1 0|web-1 2 1 0 1",
		"shifts":      "console:bob 3 2 1.5 2 0|nobody 2 2 1 1 0|pagerduty:Ada 1 1 1 1 0",
		"recurrence":  "db-1 · any alert · any environment 2 2 INC0000005 -|web-1 · any alert · any environment 2 1 INC0000007 -",
		"reopens":     "P1 1 0 0|P2 2 1 0.5|P3 1 0 0|all 4 1 0.25",
		"changes":     "CHG0000003 deploy normal - 2026-11-06T00:00:00.000Z reported as failed -|CHG0000002 deploy normal - 2026-11-05T08:00:00.000Z an incident names it INC0000005",
		"mtbf":        "db-1 2 158400|web-1 2 396000",
		"noise":       "DiskFull am 6 64 2 0 0 2026-11-03T12:00:00.000Z|c am 3 9 1 0 1 2026-11-05T22:00:00.000Z|d am 1 1 1 1 0 2026-11-02T09:00:00.000Z",
		"cis":         "db-1 2 2 1 15600 1200 2026-11-05T09:00:00.000Z|web-1 2 1 0 3600 3600 2026-11-07T00:00:00.000Z|host=x 1 0 0 10800 10800 2026-11-05T21:00:00.000Z",
		"services":    "shop 3 3 1 19200 3600 2026-11-05T09:00:00.000Z|pay 1 1 0 3600 3600 2026-11-02T09:00:00.000Z",
		"binding":     "host=x 1 9 2026-11-05T22:00:00.000Z",
	}
	trends := map[string]string{
		"mtta": "240/240 600/600 -/- 1800/1800 -/- -/- -/-", "backlog": "1 1 1 1 1 2 2", "actionable": "1 1 - 0 - - -", "shifts": "1 2 0 2 0 1 0", "recurrence": "0 1 - 0.5 - 1 -",
		"changes": "- 0 - 1 0.5 - -", "compression": "0.975 0.9 - 0.95 - 0.9 -", "binding": "1 - - 0 - - -", "cis": "1 1 0 2 0 1 0", "reopens": "0 1 - 0 - - -",
	}
	for i := range list {
		r := &list[i]
		var fs, rs []string
		for _, f := range r.Figures {
			fs = append(fs, f.Name+"="+shown(f.Value))
		}
		if got := strings.Join(fs, " "); got != figures[r.Name] {
			t.Errorf("%s: figures\n %s, want\n %s", r.Name, got, figures[r.Name])
		}
		for _, row := range r.Rows {
			if len(row) != len(r.Columns) {
				t.Errorf("%s: %d cells in a row of %d columns", r.Name, len(row), len(r.Columns))
			}
			var cells []string
			for _, c := range row {
				cells = append(cells, shown(c))
			}
			rs = append(rs, strings.Join(cells, " "))
		}
		if want, ok := rows[r.Name]; ok && strings.Join(rs, "|") != want {
			t.Errorf("%s: rows\n %s, want\n %s", r.Name, strings.Join(rs, "|"), want)
		}
		if want, ok := trends[r.Name]; ok {
			var slots []string
			for _, s := range r.Trend.Slots {
				var values []string
				for _, v := range s.Values {
					values = append(values, shown(v))
				}
				slots = append(slots, strings.Join(values, "/"))
			}
			if got := strings.Join(slots, " "); got != want {
				t.Errorf("%s: trend\n %s, want\n %s", r.Name, got, want)
			}
		}
	}
}

func shown(c Cell) string {
	if c.IsNone() {
		return "-"
	}
	return c.String()
}

// TestFilters: a service or a team narrows everything that says what it is about.
func TestFilters(t *testing.T) {
	t.Parallel()
	rep := reporter(story(t))
	for _, c := range []struct {
		q    Query
		want map[string]string // report.figure
	}{
		{Query{Services: []string{"shop"}}, map[string]string{"cis.incidents": "3", "mtta.incidents": "2", "actionable.pages": "4", "noise.alerts": "3", "problems.proposed": "1", "changes.changes": "1", "compression.splits": "1", "compression.merges": "0"}},
		{Query{Services: []string{"pay", "nothing"}}, map[string]string{"cis.incidents": "1", "noise.alerts": "2", "backlog.open": "0"}},
		{Query{Team: "dba", Groups: []string{"dba"}}, map[string]string{"cis.incidents": "1", "reopens.reopened": "1"}},
		{Query{Team: "dba", Groups: []string{"dba"}, Owned: []string{"pay"}}, map[string]string{"cis.incidents": "2"}},
		{Query{Team: "dba", Groups: []string{"dba"}, Owned: []string{"pay"}, Services: []string{"pay"}}, map[string]string{"cis.incidents": "1"}},
		{Query{Team: "nobody"}, map[string]string{"cis.incidents": "0", "mttr.mean": "-", "sla.response": "-", "binding.bound": "-", "shifts.pages": "0"}},
	} {
		c.q.From, c.q.To = monday, on(7, 0, 0)
		list, err := rep.All(c.q)
		if err != nil {
			t.Fatal(err)
		}
		got := map[string]string{}
		for i := range list {
			for _, f := range list[i].Figures {
				got[list[i].Name+"."+f.Name] = shown(f.Value)
			}
		}
		for name, want := range c.want {
			if got[name] != want {
				t.Errorf("%+v: %s = %s, want %s", c.q, name, got[name], want)
			}
		}
	}
}

// TestQuantiles: a quantile is a member of the sample, so many of it do not exceed
// it, fewer are below it, and it does not depend on the order.
func TestQuantiles(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		list := rapid.SliceOfN(rapid.IntRange(0, 50), 1, 60).Draw(t, "list")
		s, shuffled := &sample{}, &sample{}
		for _, v := range list {
			s.add(time.Duration(v) * time.Second)
		}
		for _, v := range rapid.Permutation(list).Draw(t, "shuffled") {
			shuffled.add(time.Duration(v) * time.Second)
		}
		last := 0.0
		for _, p := range []int{1, 50, 90, 100} {
			q := s.quantile(p)
			if other := shuffled.quantile(p); q != other {
				t.Fatalf("p%d is %v, in another order %v", p, q, other)
			}
			var below, upTo int
			for _, v := range list {
				if float64(v) < q.Number {
					below++
				}
				if float64(v) <= q.Number {
					upTo++
				}
			}
			if !slices.Contains(list, int(q.Number)) || upTo*100 < p*len(list) || below*100 >= p*len(list) || q.Number < last {
				t.Fatalf("p%d of %v is %v", p, list, q)
			}
			last = q.Number
		}
		if m := s.mean(); m.Number < s.quantile(1).Number-1e-4 || m.Number > s.quantile(100).Number+1e-4 {
			t.Fatalf("the mean of %v is %v", list, m)
		}
	})
	if s := (&sample{}); !s.mean().IsNone() || !s.quantile(50).IsNone() {
		t.Error("nothing has a mean")
	}
}

// TestSlots: the slots are the range, and each moment of it is in the one that has it.
func TestSlots(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		q := Query{From: monday, To: monday + itsm.Time(rapid.Int64Range(1, RangeMax.Milliseconds()).Draw(t, "to"))}
		slots := q.slots()
		at := q.From + itsm.Time(rapid.Int64Range(0, int64(q.To-q.From)-1).Draw(t, "at"))
		i := slotOf(slots, at)
		begin := q.From
		if i > 0 {
			begin = slots[i-1]
		}
		if at < begin || at >= slots[i] || slots[len(slots)-1] != q.To || len(slots) > 31 {
			t.Fatalf("%s is in slot %d of %v", at, i, slots)
		}
	})
}

func TestRange(t *testing.T) {
	t.Parallel()
	now := on(2, 15, 30)
	for _, c := range []struct{ from, to, a, b, fault string }{
		{"", "", "2026-10-06T00:00:00.000Z", "2026-11-04T15:31:00.000Z", ""},
		{"2026-11-01", "2026-11-02", "2026-11-01T00:00:00.000Z", "2026-11-03T00:00:00.000Z", ""},
		{"2026-11-01T12:00:00Z", "", "2026-11-01T12:00:00.000Z", "2026-11-04T15:31:00.000Z", ""},
		{"", "2026-03-31", "2026-03-02T00:00:00.000Z", "2026-04-01T00:00:00.000Z", ""},
		{"2026-11-03", "2026-11-01", "", "", "expected a time after from"},
		{"2024-01-01", "", "", "", "at most 400 days"},
		{"yesterday", "", "", "", `from "yesterday": expected a day such as`},
		{"", "=1+1", "", "", `to "=1+1": expected a day such as`},
	} {
		a, b, err := Range(c.from, c.to, now)
		if (err == nil) != (c.fault == "") || err != nil && (!strings.Contains(err.Error(), c.fault) || itsm.CodeOf(err) != itsm.Invalid) {
			t.Errorf("%s to %s: %v, want %q", c.from, c.to, err, c.fault)
		}
		if err == nil && (a.String() != c.a || b.String() != c.b) {
			t.Errorf("%s to %s: %s to %s, want %s to %s", c.from, c.to, a, b, c.a, c.b)
		}
	}
	if from, to := Days(7, now); from != on(-4, 0, 0) || to != on(2, 15, 31) {
		t.Errorf("seven days are %s to %s", from, to)
	}
}

// TestKept: what was computed answers for a minute, and not longer.
func TestKept(t *testing.T) {
	t.Parallel()
	d := story(t)
	now := on(7, 0, 0)
	rep := New(d, func() []string { return nil }, func() time.Time { return now.Std() })
	q := Query{From: monday, To: on(14, 0, 0)}
	open := func() string {
		r, err := rep.One("backlog", q)
		if err != nil {
			t.Fatal(err)
		}
		return r.Figures[0].Value.String()
	}
	before := open()
	in := itsm.Incident{Number: 11, Title: "more", State: itsm.New, OpenedAt: on(6, 0, 0), Epoch: 1, Version: 1}
	if err := d.Apply(desk.Batch{Cursor: 2, At: now, Decisions: []itsm.Decision{{Kind: itsm.PutIncident, Incident: &in}}}); err != nil {
		t.Fatal(err)
	}
	if again := open(); again != before {
		t.Errorf("within the minute %s became %s", before, again)
	}
	if now = now.Add(keepFor); open() == before {
		t.Error("after the minute it is what it was")
	}
	for n := range 3 * keepMax {
		q.To = on(14, 0, n)
		open()
	}
	if len(rep.kept) > keepMax {
		t.Errorf("%d answers are kept, at most %d", len(rep.kept), keepMax)
	}
	if _, err := rep.One("mttx", q); itsm.CodeOf(err) != itsm.NotFound || !strings.Contains(err.Error(), "mtta, mttd, mttr") {
		t.Errorf("a report that does not exist: %v", err)
	}
	if _, err := rep.All(Query{From: monday, To: on(1, 0, 0), Services: make([]string, ServicesMax+1)}); itsm.CodeOf(err) != itsm.TooLarge {
		t.Errorf("too many services: %v", err)
	}
}

// TestEmpty: without records every figure is zero or nothing, and nothing breaks.
func TestEmpty(t *testing.T) {
	t.Parallel()
	d, err := desk.Open(kv.Mem())
	if err != nil {
		t.Fatal(err)
	}
	rep := reporter(d)
	list, err := rep.All(Query{From: monday, To: on(7, 0, 0)})
	if err != nil {
		t.Fatal(err)
	}
	for i := range list {
		r := &list[i]
		for _, f := range r.Figures {
			if f.Value.Number != 0 || f.Value.Text != "" {
				t.Errorf("%s: %s is %s of nothing", r.Name, f.Name, f.Value)
			}
		}
		if len(r.Rows) > 0 {
			t.Errorf("%s has rows of nothing", r.Name)
		}
	}
	if empty, err := rep.Empty(); !empty || err != nil {
		t.Errorf("empty is %v, %v", empty, err)
	}
}

// TestKinds: names are for programs, and every report says what it is.
func TestKinds(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, k := range Kinds() {
		if seen[k.Name] || strings.ToLower(k.Name) != k.Name || k.Title == "" || len(k.Definition) < 60 || !strings.HasSuffix(k.Definition, ".") {
			t.Errorf("%+v", k)
		}
		seen[k.Name] = true
	}
	list, err := reporter(story(t)).All(Query{From: monday, To: on(7, 0, 0)})
	if err != nil {
		t.Fatal(err)
	}
	for i := range list {
		columns := map[string]bool{}
		for _, c := range list[i].Columns {
			if columns[c.Name] || c.Label == "" {
				t.Errorf("%s: column %q is there twice or has no label", list[i].Name, c.Name)
			}
			columns[c.Name] = true
		}
		if len(list[i].Columns) == 0 || len(list[i].Figures) == 0 {
			t.Errorf("%s has no table or no figure", list[i].Name)
		}
	}
}
