package correlate

import (
	"bytes"
	"encoding/json"
	"fmt"
	"testing"

	"signalbox/itsm"
	"signalbox/itsm/cmdb"
)

// viewActs is a state with the acts applied, and their outcomes.
func viewActs(t *testing.T, s *State, acts ...itsm.Act) (out []itsm.Outcome) {
	t.Helper()
	for n := range acts {
		acts[n].Actor = "api:ann"
		for _, d := range s.Step(Input{Offset: s.off + 1, At: s.now + 1000, Act: &acts[n]}) {
			if d.Kind == itsm.SettleOutcome {
				out = append(out, *d.Outcome)
			}
		}
	}
	return out
}

func viewAct(kind itsm.ActKind, object string, body any) itsm.Act {
	b, err := json.Marshal(body)
	if err != nil {
		panic(err)
	}
	return itsm.Act{Kind: kind, Object: "view/" + object, Body: b}
}

func TestViews(t *testing.T) {
	text := func(s string) *string { return &s }
	put := func(object, owner, name, team string) itsm.Act {
		return viewAct(itsm.ActViewPut, object, itsm.ViewChange{Owner: owner, Name: text(name), Team: text(team), Filter: &itsm.IncidentFilter{State: []itsm.State{itsm.New}, Q: "db"}})
	}
	s := New(DefaultConfig(), cmdb.Empty(cmdb.DefaultRelationTypes()))
	team := itsm.Act{Kind: itsm.ActTeamPut, Object: "team/dba", Body: []byte(`{}`)}
	for n, o := range viewActs(t, s, team, put("new", "ann", "Mine", ""), put("new", "ann", "Mine", ""), put("new", "bob", "Mine", "dba"), put("new", "bob", "x", "none"), put("new", "bob", " ", ""), put("VIW0000009", "", "y", ""),
		viewAct(itsm.ActViewPut, "new", itsm.ViewChange{Owner: "ann", Name: text("z"), Filter: &itsm.IncidentFilter{CI: []string{"a,b"}}}),
		viewAct(itsm.ActViewDefault, "VIW0000001", itsm.ViewDefault{Who: "ann", On: true}), viewAct(itsm.ActViewDefault, "VIW0000002", itsm.ViewDefault{Who: "ann", On: true}), viewAct(itsm.ActViewDefault, "VIW0000002", itsm.ViewDefault{Who: "ann", On: true})) {
		want := []itsm.Code{"", "", itsm.Conflict, "", itsm.Invalid, itsm.Invalid, itsm.NotFound, itsm.Invalid, "", "", ""}[n]
		if o.Code != want || o.NoOp != (n == 10) {
			t.Errorf("act %d: %+v, want %q", n, o, want)
		}
	}
	if a, b := s.views.all["VIW0000001"], s.views.all["VIW0000002"]; len(a.Defaults) != 0 || len(b.Defaults) != 1 || b.Team != "dba" {
		t.Errorf("a list begins with one view: %+v %+v", a, b)
	}
	viewActs(t, s, itsm.Act{Kind: itsm.ActTeamRemove, Object: "team/dba"}, viewAct(itsm.ActViewRemove, "VIW0000001", nil))
	if len(s.views.all) != 1 || s.views.all["VIW0000002"].Team != "" {
		t.Errorf("after the team went: %+v", s.views.all)
	}
	var b bytes.Buffer
	if err := s.Encode(&b); err != nil {
		t.Fatal(err)
	}
	r, err := Decode(&b, s.graph)
	if err != nil || r.views.last != 2 || r.views.all["VIW0000002"].Name != "Mine" {
		t.Errorf("read back: %v %+v", err, r)
	}
	for n := range itsm.ViewsOfOneMax {
		viewActs(t, s, put("new", "cay", fmt.Sprint(n), ""))
	}
	if o := viewActs(t, s, put("new", "cay", "more", ""))[0]; o.Code != itsm.TooLarge {
		t.Errorf("one more than there may be: %+v", o)
	}
}

// What JSON says with null is no state and no priority: it would be written as a word
// that is not read back.
func TestViewsOfNoStateAreRefused(t *testing.T) {
	s := New(DefaultConfig(), cmdb.Empty(cmdb.DefaultRelationTypes()))
	for filter, want := range map[string]itsm.Code{`{"state":[null]}`: itsm.Invalid, `{"priority":[null]}`: itsm.Invalid, `{"priority":[""]}`: itsm.Invalid, `{"state":["new","cancelled"],"priority":["P1","P5"]}`: ""} {
		a := itsm.Act{Kind: itsm.ActViewPut, Object: "view/new", Body: []byte(`{"owner":"ann","name":"` + fmt.Sprint(len(s.views.all)) + `","filter":` + filter + `}`)}
		if o := viewActs(t, s, a)[0]; o.Code != want {
			t.Errorf("%s came to %+v, want %q", filter, o, want)
		}
	}
	var b bytes.Buffer
	if err := s.Encode(&b); err != nil {
		t.Fatal(err)
	}
	if r, err := Decode(&b, s.graph); err != nil || len(r.views.all) != 1 {
		t.Errorf("read back: %v", err)
	}
}
