package correlate

import (
	"encoding/json"
	"strings"
	"testing"

	"signalbox/itsm"
)

// TestProblemsOfThePartners: a problem that was made there is one here, follows what
// people do there, and what people here decide of it is told there; nothing comes back.
func TestProblemsOfThePartners(t *testing.T) {
	w := newTold(t)
	w.fire("db1")
	theirs := func(version int64, body string) itsm.Outcome {
		return w.act(itsm.Act{Kind: itsm.ActProblemPut, Origin: "snow", Actor: "servicenow:Jo", PartnerVersion: version, Body: json.RawMessage(body)})
	}
	at := int64(w.at) + 3_600_000
	if o := theirs(at, `{"external_id":"PRB0040001","title":"Old","state":"closed"}`); !o.NoOp {
		t.Errorf("one that is over came to %+v", o)
	}
	if o := theirs(at, `{"external_id":"PRB0040123","title":"Disks fill up","state":"assess","owner":"Jo","ci":"shop","incidents":["INC0000001","INC0000099"]}`); o.Code != "" || o.Object != "PRB0000001" {
		t.Fatalf("it came to %+v", o)
	}
	w.wantsAbout("snow")
	is := func() itsm.Problem {
		p, _ := w.s.Problem(1)
		return p
	}
	if p := is(); p.State != itsm.ProblemAssess || p.Owner != "Jo" || p.Cause != "shop" || p.Source != "snow" || len(p.Incidents) != 1 || w.s.recurs(w.s.incidents[1]).problem != 1 {
		t.Errorf("%+v", p)
	}
	if o := theirs(at, `{"external_id":"PRB0040123","title":"Another","state":"new"}`); !o.NoOp {
		t.Errorf("the same version again came to %+v", o)
	}
	theirs(at+100, `{"external_id":"PRB0040123","title":"All disks fill up","state":"root_cause_analysis","root_cause":"no rotation","known_error":true,"owner":"Jo"}`)
	if p := is(); p.Title != "All disks fill up" || p.State != itsm.ProblemAnalysis || p.RootCause != "no rotation" || !p.KnownError {
		t.Errorf("%+v", p)
	}
	w.wantsAbout("snow")
	if o := w.act(itsm.Act{Kind: itsm.ActProblemAssign, Object: "PRB0000001", Body: json.RawMessage(`{"owner":"ada"}`)}); o.Code != itsm.Conflict {
		t.Errorf("its owner is theirs: %+v", o)
	}
	w.act(itsm.Act{Kind: itsm.ActProblemWorkaround, Object: "PRB0000001", Body: json.RawMessage(`{"text":"delete logs"}`)})
	w.wantsAbout("snow", "PRB0000001 root cause analysis: All disks fill up")
	var told itsm.Problem
	if err := json.Unmarshal(w.lastIntent("snow").Body, &told); err != nil || told.ExternalID != "PRB0040123" || told.Workaround != "delete logs" {
		t.Errorf("told %+v, %v", told, err)
	}
	w.took("snow", "PRB0040123", at+200)
	s, err := Decode(strings.NewReader(string(w.encode())), w.s.graph)
	if err != nil {
		t.Fatal(err)
	}
	w.s = s
	theirs(at+300, `{"external_id":"PRB0040123","title":"All disks fill up","state":"closed","root_cause":"no rotation","workaround":"delete logs"}`)
	theirs(at+400, `{"external_id":"PRB0040123","title":"All disks fill up","state":"root_cause_analysis","root_cause":"no rotation","workaround":"delete logs"}`)
	if p := is(); p.State != itsm.ProblemAnalysis || p.ClosedAt != 0 || w.s.problems.last != 1 || w.s.problems.known != 1 {
		t.Errorf("opened again there it is %s here, %d problems", p.State, w.s.problems.last)
	}
	w.wantsAbout("snow")
	if o := w.act(itsm.Act{Kind: itsm.ActProblemPut, Actor: "api:ada", Body: json.RawMessage(`{"external_id":"x","title":"x","state":"new"}`)}); o.Code != itsm.Invalid {
		t.Errorf("nobody but a partner: %+v", o)
	}
}
