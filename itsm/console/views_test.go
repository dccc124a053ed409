package console

import (
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"signalbox/itsm"
	"signalbox/itsm/desk"
)

func countsOf(incidents itsm.IncidentNumber) desk.Counts { return desk.Counts{Incidents: incidents} }

func TestIncidentFilter(t *testing.T) {
	for _, c := range []struct {
		in, states, priorities, address string
	}{
		{"", "new in_progress on_hold", "", "/"},
		{"state=open&q=", "new in_progress on_hold", "", "/"},
		{"state=resolved&priority=p1,P3", "resolved closed cancelled", "P1 P3", "/?priority=P1&priority=P3&state=resolved"},
		{"state=on_hold,new&priority=P2&priority=P2", "on_hold new", "P2", "/?priority=P2&state=on_hold%2Cnew"},
		{"state=all&service=a/b&ci=x&q=a+b&cursor=zz", "", "", "/?ci=x&q=a+b&service=a%2Fb&state=all"},
	} {
		v, err := url.ParseQuery(c.in)
		if err != nil {
			t.Fatal(err)
		}
		f, err := parseIncidentFilter(v)
		if err != nil {
			t.Errorf("%s: %v", c.in, err)
			continue
		}
		var states, priorities []string
		for _, s := range f.States {
			states = append(states, s.String())
		}
		for _, p := range f.Priorities {
			priorities = append(priorities, p.String())
		}
		got := []string{strings.Join(states, " "), strings.Join(priorities, " "), f.address(func(url.Values) {})}
		if diff := cmp.Diff([]string{c.states, c.priorities, c.address}, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.in, diff)
		}
	}
	for _, bad := range []string{"state=burning", "priority=P9", "state=open,x"} {
		v, _ := url.ParseQuery(bad)
		if _, err := parseIncidentFilter(v); itsm.CodeOf(err) != itsm.Invalid {
			t.Errorf("%s: error %v, want Invalid", bad, err)
		}
	}
}

// What nobody took yet stands first and is not listed twice.
func TestUrgentFirst(t *testing.T) {
	inc := func(n itsm.IncidentNumber, p itsm.Priority) itsm.Incident {
		return itsm.Incident{Number: n, Priority: p, State: itsm.New, Title: "t"}
	}
	l := incidentLists{Urgent: []itsm.Incident{inc(2, itsm.P1)}, Counts: countsOf(3)}
	l.Page.Items = []itsm.Incident{inc(3, itsm.P4), inc(2, itsm.P1), inc(1, itsm.P5)}
	p := viewIncidents(incidentFilter{Which: "open"}, l, inventory{}, true, "", fixedNow)
	var got []string
	for _, g := range p.Groups {
		for _, r := range g.Rows {
			got = append(got, g.Head+" "+r.Number)
		}
	}
	want := []string{"Waiting for somebody INC0000002", "Also open INC0000003", "Also open INC0000001"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestMoves(t *testing.T) {
	for _, c := range []struct {
		state itsm.State
		acked bool
		want  moves
	}{
		{itsm.New, false, moves{Acknowledge: true, Resolve: true, Hold: true, Cancel: true, Merge: true, Split: true, Edit: true}},
		{itsm.InProgress, true, moves{TakeBack: true, Resolve: true, Hold: true, Cancel: true, Merge: true, Split: true, Edit: true}},
		{itsm.OnHold, true, moves{TakeBack: true, Resolve: true, Resume: true, Cancel: true, Merge: true, Split: true, Edit: true}},
		{itsm.IncidentResolved, true, moves{Reopen: true}},
		{itsm.Closed, true, moves{}},
		{itsm.Cancelled, false, moves{}},
	} {
		i := itsm.Incident{State: c.state, AlertCount: 2}
		if c.acked {
			i.AcknowledgedAt = 1
		}
		if diff := cmp.Diff(c.want, movesOf(i, true)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.state, diff)
		}
		if got := movesOf(i, false); got != (moves{}) {
			t.Errorf("%s: a viewer is offered %+v", c.state, got)
		}
	}
}

func TestSummarise(t *testing.T) {
	ev := func(n int, by, shared string) (out []*itsm.Evidence) {
		for range n {
			out = append(out, &itsm.Evidence{By: by, Shared: shared})
		}
		return out
	}
	all := append(append(append(ev(1, "first", ""), ev(1, "same_ci", "a")...), ev(4, "topology", "db")...), ev(1, "same_ci", "b")...)
	want := []string{"4 alerts share a dependency: db.", "2 alerts are on a CI that was already part of it."}
	if diff := cmp.Diff(want, summarise(all, inventory{})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for by, want := range map[string]string{"topology": "1 alert shares a dependency: x.", "rule": "1 alert matches a correlation rule.", "person": "1 alert was put here by a person.", "odd": "1 alert was joined by odd."} {
		if got := summarise(ev(1, by, "x"), inventory{}); len(got) != 1 || got[0] != want {
			t.Errorf("%s: %q, want %q", by, got, want)
		}
	}
}

func TestDeeds(t *testing.T) {
	s := signedIn(t, fixedClock)
	who, err := s.console.o.Gate.Bearer("Bearer " + StorybookToken)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		deed deed
		form string
		want itsm.Act
		code itsm.Code
	}{
		{"acknowledge", acknowledge, "key=k1", itsm.Act{IdempotencyKey: "api:admin/acknowledge/k1"}, ""},
		{"acknowledge ignores the version", acknowledge, "version=3", itsm.Act{}, ""},
		{"resolve", resolve, "version=3&close_code=workaround&text=+a%0D%0Ab+", itsm.Act{IfVersion: 3, CloseCode: "workaround", Text: "a\nb"}, ""},
		{"resolve by default", resolve, "version=3", itsm.Act{IfVersion: 3, CloseCode: "fixed"}, ""},
		{"resolve with a strange code", resolve, "version=3&close_code=magic", itsm.Act{}, itsm.Invalid},
		{"resolve without a version", resolve, "", itsm.Act{}, itsm.Invalid},
		{"hold", hold, "version=3&reason=vendor", itsm.Act{IfVersion: 3, Reason: "vendor"}, ""},
		{"hold for no reason", hold, "version=3&reason=", itsm.Act{}, itsm.Invalid},
		{"assign", assign, "version=3&assignee=mira%00&group=", itsm.Act{IfVersion: 3, Assignee: "mira"}, ""},
		{"assign nobody", assign, "version=3", itsm.Act{}, itsm.Invalid},
		{"priority", priority, "version=3&priority=P2", itsm.Act{IfVersion: 3, Priority: itsm.P2}, ""},
		{"priority back to computed", priority, "version=3&priority=", itsm.Act{IfVersion: 3}, ""},
		{"priority six", priority, "version=3&priority=P6", itsm.Act{}, itsm.Invalid},
		{"merge", merge, "version=3&into=+inc0000009", itsm.Act{IfVersion: 3, Into: 9}, ""},
		{"merge into itself", merge, "version=3&into=INC0000004", itsm.Act{}, itsm.Invalid},
		{"merge into nonsense", merge, "version=3&into=9", itsm.Act{}, itsm.Invalid},
		{"split", split, "version=3&alert=ALR0000007&alert=ALR0000009", itsm.Act{IfVersion: 3, Alerts: []itsm.AlertNumber{7, 9}}, ""},
		{"split nothing", split, "version=3", itsm.Act{}, itsm.Invalid},
		{"note", note, "text=seen", itsm.Act{Text: "seen"}, ""},
		{"empty note", note, "text=+", itsm.Act{}, itsm.Invalid},
	} {
		f, err := url.ParseQuery(c.form)
		if err != nil {
			t.Fatal(err)
		}
		got, err := c.deed.actOf(4, who, "192.0.2.7", f)
		if c.code != "" {
			if itsm.CodeOf(err) != c.code {
				t.Errorf("%s: error %v, want %s", c.name, err, c.code)
			}
			continue
		}
		c.want.Kind, c.want.Incident, c.want.Actor, c.want.RemoteIP = c.deed.kind, 4, "api:admin", "192.0.2.7"
		if diff := cmp.Diff(c.want, got); err != nil || diff != "" {
			t.Errorf("%s: %v (-want +got):\n%s", c.name, err, diff)
		}
	}
}

// The list shows all that a saved view says, however long that is.
func TestAViewIsNotCut(t *testing.T) {
	t.Parallel()
	var services []string
	for n := range 20 {
		services = append(services, fmt.Sprintf("svc-payments-region-%02d", n))
	}
	f := itsm.IncidentFilter{Service: services}
	if why := f.Fault(); why != "" {
		t.Fatal(why)
	}
	got, err := parseIncidentFilter(f.Values())
	if err != nil || got.Service != strings.Join(services, ",") {
		t.Errorf("%v: %s", err, got.Service)
	}
}
