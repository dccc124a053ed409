package main

import (
	"fmt"
	"testing"
	"time"

	"signalbox/itsm"
	"signalbox/itsm/cmdb"
	"signalbox/itsm/desk"
	"signalbox/itsm/kv"
)

// Each clock of an open incident is counted once, by what is left of its target now.
func TestClocksAreCounted(t *testing.T) {
	doc, problems := cmdb.NewDoc([]itsm.CI{{ID: "shop", Name: "shop", Class: "Service", Tier: 1}, {ID: "blog", Name: "blog", Class: "Service", Tier: 3}, {ID: "odd", Name: "odd", Class: "Service"}}, nil)
	changes, _, more := cmdb.Empty(cmdb.DefaultRelationTypes()).Plan(doc, "test", false)
	if len(problems)+len(more) > 0 {
		t.Fatal(problems, more)
	}
	g := cmdb.Empty(cmdb.DefaultRelationTypes()).Apply(changes)
	d, err := desk.Open(kv.Mem())
	if err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 11, 3, 9, 0, 0, 0, time.UTC)
	due := func(in time.Duration) itsm.LevelClock {
		return itsm.LevelClock{Target: time.Hour, DueAt: itsm.TimeOf(now.Add(in))}
	}
	met, late := due(time.Hour), due(-time.Hour)
	met.DoneAt, late.Breached = 1, true
	var ds []itsm.Decision
	for n, in := range []itsm.Incident{
		{Priority: itsm.P1, Services: []string{"blog", "shop"}, SLA: itsm.ServiceLevel{Response: due(14 * time.Minute), Resolution: due(16 * time.Minute)}},
		{Priority: itsm.P1, Services: []string{"shop"}, SLA: itsm.ServiceLevel{Response: met, Resolution: late}},
		{Priority: itsm.P2, Services: []string{"blog"}, SLA: itsm.ServiceLevel{Response: due(-time.Second), Resolution: itsm.LevelClock{Target: time.Hour}}},
		{Priority: itsm.P5, Services: []string{"odd", "gone"}, SLA: itsm.ServiceLevel{Response: due(time.Hour)}},
		{Priority: itsm.P1, State: itsm.Closed, SLA: itsm.ServiceLevel{Response: late, Resolution: late}},
	} {
		in.Number = itsm.IncidentNumber(n + 1)
		if in.State == 0 {
			in.State = itsm.New
		}
		ds = append(ds, itsm.Decision{Kind: itsm.PutIncident, Incident: &in})
	}
	if err := d.Apply(desk.Batch{Cursor: 1, Decisions: ds}); err != nil {
		t.Fatal(err)
	}
	var r levelReader
	l, err := r.read(d, g, now)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]int{}
	for clock := range l.n {
		for p := range l.n[clock] {
			for class := range l.n[clock][p] {
				for s, n := range l.n[clock][p][class] {
					if n > 0 {
						got[fmt.Sprint(clockNames[clock], " ", itsm.Priority(p), " ", serviceClasses[class], " ", clockStates[s])] = n
					}
				}
			}
		}
	}
	want := map[string]int{"response P1 tier1 at_risk": 1, "resolution P1 tier1 running": 1, "resolution P1 tier1 breached": 1, "response P2 tier3 breached": 1, "resolution P2 tier3 paused": 1, "response P5 none running": 1}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got %v\nwant %v", got, want)
	}
	if again, _ := r.read(d, cmdb.Empty(cmdb.DefaultRelationTypes()), now.Add(time.Second)); again != l {
		t.Error("what was read a second ago was read again")
	}
	if later, _ := r.read(d, g, now.Add(time.Hour)); later == l {
		t.Error("what was read an hour ago is still told")
	}
}
