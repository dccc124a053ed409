package report

import (
	"encoding/csv"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"signalbox/itsm"
	"signalbox/itsm/desk"
	"signalbox/itsm/kv"
)

// TestCSVInjection: no text of an alert, an incident, a problem, a change or a person
// becomes a formula in any report, whatever it begins with.
func TestCSVInjection(t *testing.T) {
	t.Parallel()
	for _, bad := range []string{"=cmd|' /C calc'!A0", "+1+cmd", "-2+3+cmd", "@SUM(1)", "\t=1+1", "\r=1+1", " =1", "＝1+1", "a\",\"=1+1", "x\r\n=1+1"} {
		d, err := desk.Open(kv.Mem())
		if err != nil {
			t.Fatal(err)
		}
		var ds []itsm.Decision
		for n := range 2 {
			in := itsm.Incident{Number: itsm.IncidentNumber(n + 1), Title: bad, State: itsm.IncidentResolved, OpenedAt: on(0, n, 0), ResolvedAt: on(0, n, 30), ResolvedBy: bad, AcknowledgedAt: on(0, n, 1), AcknowledgedBy: bad,
				Causes: []itsm.Cause{{CI: bad}}, Services: []string{bad}, Signature: bad, Problem: bad, Epoch: 1, Version: 1, Changes: []itsm.IncidentChange{{Change: bad}}}
			a := itsm.Alert{Number: itsm.AlertNumber(n + 1), Source: bad, Key: itsm.AlertKey(bad + string(rune('0'+n))), Title: bad, Provisional: bad, Incident: in.Number, RaisedAt: on(0, 0, 0), LastSeenAt: on(0, 1, 0), StartsAt: on(0, 0, 0)}
			intent := itsm.Intent{Key: in.Number.String(), Connector: "pd", Incident: in.Number, Epoch: 1, Transition: itsm.Trigger, At: in.OpenedAt}
			ds = append(ds, itsm.Decision{Kind: itsm.PutIncident, Incident: &in}, itsm.Decision{Kind: itsm.PutAlert, Alert: &a}, itsm.Decision{Kind: itsm.PutIntent, Intent: &intent})
		}
		put := func(kind string, v any) {
			body, err := json.Marshal(v)
			if err != nil {
				t.Fatal(err)
			}
			ds = append(ds, itsm.Decision{Kind: itsm.PutObject, Object: &itsm.Object{Kind: kind, ID: "x", At: monday, Body: body}})
		}
		put("problem", itsm.Problem{Number: 1, Title: bad, State: itsm.ProblemState(bad), Effect: bad, ProposedAt: on(0, 0, 0)})
		put("change", itsm.Change{ID: bad, Title: bad, Who: bad, Type: itsm.ChangeType(bad), State: itsm.ChangeFailed, EndedAt: on(0, 0, 0)})
		if err := d.Apply(desk.Batch{Cursor: 1, At: on(1, 0, 0), Decisions: ds}); err != nil {
			t.Fatal(err)
		}
		list, err := reporter(d).All(Query{From: monday, To: on(1, 0, 0)})
		if err != nil {
			t.Fatal(err)
		}
		found := 0
		for i := range list {
			var b strings.Builder
			if err := list[i].CSV(&b); err != nil {
				t.Fatal(err)
			}
			found += check(t, list[i].Name, b.String())
		}
		if found < 10 {
			t.Errorf("%q: only %d texts were made safe", bad, found)
		}
	}
}

// check fails on a cell that a spreadsheet takes for a formula, and counts those
// that were kept from it.
func check(t *testing.T, name, body string) (quoted int) {
	t.Helper()
	rows, err := csv.NewReader(strings.NewReader(body)).ReadAll()
	if err != nil {
		t.Fatalf("%s: %v\n%s", name, err, body)
	}
	for _, row := range rows {
		for _, c := range row {
			if first := strings.TrimLeft(c, " "); first != "" && strings.ContainsRune("=+-@\t\r＝", []rune(first)[0]) {
				t.Errorf("%s: the cell %q is a formula", name, c)
			}
			if strings.HasPrefix(c, "'") || strings.ContainsAny(c, "\n\"") {
				quoted++
			}
		}
	}
	return quoted
}

func TestCSV(t *testing.T) {
	t.Parallel()
	rep := reporter(story(t))
	r, err := rep.One("sla", Query{From: monday, To: on(7, 0, 0)})
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	if err := r.CSV(&b); err != nil {
		t.Fatal(err)
	}
	want := "priority,response_met,response_breached,response_share,resolution_met,resolution_breached,resolution_share\r\nP1,1,0,1,1,0,1\r\nP2,1,1,0.5,1,1,0.5\r\nP3,0,0,,0,0,\r\nall,2,1,0.6667,2,1,0.6667\r\n"
	if b.String() != want {
		t.Errorf("%q, want %q", b.String(), want)
	}
	list, err := rep.All(Query{From: monday, To: on(7, 0, 0)})
	if err != nil {
		t.Fatal(err)
	}
	b.Reset()
	if err := FiguresCSV(&b, list); err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(b.String(), "report,figure,unit,value,from,to,definition\r\nmtta,p50,seconds,600,2026-11-02T00:00:00.000Z,") {
		t.Errorf("%.200q", b.String())
	}
}

// TestJSON: what is not known is null, lists are lists.
func TestJSON(t *testing.T) {
	t.Parallel()
	rep := New(story(t), func() []string { return nil }, func() time.Time { return on(7, 0, 0).Std() })
	r, err := rep.One("actionable", Query{From: monday, To: on(1, 0, 0), Team: "dba"})
	if err != nil {
		t.Fatal(err)
	}
	b, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"name":"actionable"`, `"services":[]`, `"team":"dba"`, `"rows":[]`, `"value":null`, `"left_out":0`, `"slots":[{"from":"2026-11-02T00:00:00.000Z","to":"2026-11-03T00:00:00.000Z","values":[null]}]`} {
		if !strings.Contains(string(b), want) {
			t.Errorf("%s lacks %s", b, want)
		}
	}
}
