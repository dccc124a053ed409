package correlate

import (
	"encoding/json"
	"testing"

	"signalbox/itsm"
)

// sees lets a sweep of ServiceNow see the record of an object: what it says, and where it
// differs.
func (w *twoWay) sees(object string, seen itsm.PartnerRecord, rec itsm.ObjectRecord) itsm.Outcome {
	w.t.Helper()
	body, err := json.Marshal(&rec)
	if err != nil {
		w.t.Fatal(err)
	}
	v, _ := w.s.ObjectSyncWith(object, "snow")
	return w.act(itsm.Act{Kind: itsm.ActSync, Object: object, Origin: "snow", Actor: "snow:sweep", Seen: &seen, Body: body, IfVersion: v.Version})
}

func (w *twoWay) state(change string) itsm.ChangeState {
	w.t.Helper()
	var c itsm.Change
	if err := json.Unmarshal(w.objects["change "+change].Body, &c); err != nil {
		w.t.Fatal(err)
	}
	return c.State
}

// saysOfChange is what the record of a change says.
func saysOfChange(body string) []itsm.Act {
	return []itsm.Act{{Kind: itsm.ActChangePut, Actor: "servicenow:Jo", Body: json.RawMessage(body)}}
}

var differsInState = []itsm.Difference{{Field: itsm.AuthorityChange, Has: "state -5", Want: "state -1"}}

func TestR7ASweepTakesOverWhatPeopleDidToARecordOfAChange(t *testing.T) {
	w := newTold(t)
	w.change("api", "", `{"title":"Move the SAN","type":"normal"}`)
	w.took("snow", "sys1", 1000)
	w.about("snow")
	w.sees("CHG0000001", itsm.PartnerRecord{Status: itsm.RecordOpen, Version: 1500, By: "jo"}, itsm.ObjectRecord{Said: saysOfChange(`{"state":"in_progress"}`), Differs: differsInState})
	if got := w.state("CHG0000001"); got != itsm.ChangeInProgress {
		t.Errorf("it is %s", got)
	}
	w.wantsAbout("snow")
	// What was said before that is old now.
	if o := w.act(itsm.Act{Kind: itsm.ActChangePut, Object: "CHG0000001", Origin: "snow", PartnerVersion: 1400, Body: json.RawMessage(`{"state":"planned"}`)}); !o.NoOp {
		t.Errorf("an older report came to %+v", o)
	}
	if d := w.s.Drifts(); len(d) != 1 || d[0].Found != 1 || d[0].Adopted != 1 || d[0].Repaired != 0 {
		t.Errorf("counted %+v", d)
	}
}

func TestR7ASweepTellsARecordOfAChangeAgain(t *testing.T) {
	w := newTold(t)
	w.change("api", "", `{"title":"Move the SAN","type":"normal"}`)
	w.took("snow", "sys1", 1000)
	w.about("snow")
	wrong := itsm.ObjectRecord{Said: saysOfChange(`{"state":"in_progress"}`), Differs: differsInState}
	known := itsm.PartnerRecord{Status: itsm.RecordOpen, Version: 1000, By: "jo"}
	v, _ := w.s.ObjectSyncWith("CHG0000001", "snow")
	body, _ := json.Marshal(&wrong)
	for name, a := range map[string]itsm.Act{"read only": {ReadOnly: true}, "compared with what is no more": {IfVersion: v.Version + 1}} {
		a.Kind, a.Object, a.Origin, a.Seen, a.Body = itsm.ActSync, "CHG0000001", "snow", &known, body
		if o := w.act(a); !o.NoOp {
			t.Errorf("%s came to %+v", name, o)
		}
		w.wantsAbout("snow")
	}
	w.sees("CHG0000001", known, wrong) // nobody changed it since: it was not told, or it was lost
	w.wantsAbout("snow", "CHG0000001 told again: snow has state -5, wanted state -1")
	if got := w.state("CHG0000001"); got != itsm.ChangePlanned {
		t.Errorf("it is %s", got)
	}
	if o := w.sees("CHG0000001", known, wrong); !o.NoOp {
		t.Errorf("while it waits: %+v", o)
	}
	w.took("snow", "sys1", 0)
	w.sees("CHG0000001", known, wrong)
	w.wantsAbout("snow") // not at once again
	w.at += 2 * minuteMS
	w.sees("CHG0000001", known, wrong)
	w.wantsAbout("snow", "CHG0000001 told again: snow has state -5, wanted state -1")
	last := w.lastIntent("snow")
	w.act(itsm.Act{Kind: itsm.ActReceipt, Object: last.Object, Origin: "snow", Actor: "signalbox", IntentKey: last.Key, Failure: "refused"})
	w.at += 60 * minuteMS
	w.sees("CHG0000001", known, wrong)
	w.wantsAbout("snow") // a dead letter is a person's to send again
	w.sees("CHG0000001", itsm.PartnerRecord{}, itsm.ObjectRecord{Differs: []itsm.Difference{{Has: "no record"}}})
	w.wantsAbout("snow")
	if d := w.s.Drifts(); len(d) != 1 || d[0].Repaired != 2 || d[0].Adopted != 0 {
		t.Errorf("counted %+v", d)
	}
}

// What only the machine closed stays closed, whatever the record says; and what nobody
// here may say of another object is not said through a sweep.
func TestR7ASweepOfAProblem(t *testing.T) {
	w := newTold(t)
	w.fire("db1")
	w.act(itsm.Act{Kind: itsm.ActProblemCreate, Body: json.RawMessage(`{"incidents":["INC0000001"],"title":"Disks fill up"}`)})
	w.took("snow", "sys9", 1000)
	w.about("snow")
	report := func(kind itsm.ActKind, body string) itsm.Act {
		return itsm.Act{Kind: kind, Object: "PRB0000009", Actor: "servicenow:Jo", Body: json.RawMessage(body)}
	}
	reports := []itsm.Act{report(itsm.ActProblemRootCause, `{"text":"no rotation"}`), report(itsm.ActProblemState, `{"state":"root_cause_analysis"}`), report(itsm.ActNote, `{}`)}
	differs := []itsm.Difference{{Field: itsm.AuthorityProblem, Has: "state 103", Want: "state 101"}}
	w.sees("PRB0000001", itsm.PartnerRecord{Status: itsm.RecordOpen, Version: 2000, By: "jo"}, itsm.ObjectRecord{Said: reports, Differs: differs})
	p, _ := w.s.Problem(1)
	if p.RootCause != "no rotation" || p.State != itsm.ProblemAnalysis {
		t.Errorf("it is %s, %q", p.State, p.RootCause)
	}
	w.wantsAbout("snow")
	for _, st := range []string{"fix_in_progress", "resolved", "closed"} {
		w.act(itsm.Act{Kind: itsm.ActProblemState, Object: "PRB0000001", Body: json.RawMessage(`{"state":"` + st + `"}`)})
		w.took("snow", "sys9", 0)
	}
	w.about("snow")
	w.sees("PRB0000001", itsm.PartnerRecord{Status: itsm.RecordOpen, Version: 3000, By: "jo"}, itsm.ObjectRecord{Said: reports[1:], Differs: differs})
	if p, _ = w.s.Problem(1); p.State != itsm.ProblemClosed {
		t.Errorf("it is %s", p.State)
	}
	w.wantsAbout("snow", "PRB0000001 told again: snow has state 103, wanted state 101")
}

func TestObjectsToCompare(t *testing.T) {
	w := newTold(t)
	w.change("api", "", `{"title":"Move the SAN","type":"normal"}`)
	w.change("api", "", `{"title":"A deployment"}`) // of a type that is not kept
	w.change("api", "CHG0000001", `{"state":"successful"}`)
	w.change("snow", "", `{"external_id":"CHG0030192","title":"Theirs","type":"normal"}`)
	w.fire("db1")
	w.act(itsm.Act{Kind: itsm.ActProblemCreate, Body: json.RawMessage(`{"incidents":["INC0000001"]}`)})
	for since, want := range map[itsm.Time]int{0: 3, w.at + 1: 2} {
		if got := w.s.ObjectsOf("snow", since); len(got) != want {
			t.Errorf("since %s: %q, want %d", since, got, want)
		}
	}
	if v, ok := w.s.ObjectSyncWith("CHG0000003", "snow"); !ok || !v.Theirs || !v.Kept {
		t.Errorf("%+v, %t", v, ok)
	}
	for _, object := range []string{"CHG0000002", "CHG0000009", "PRB0000009", "x"} {
		if v, ok := w.s.ObjectSyncWith(object, "snow"); ok {
			t.Errorf("%s: %+v", object, v)
		}
	}
}

// A change that was made there is told there what people here may decide of it; the
// rest of it is not theirs to change.
func TestAChangeOfThePartnersIsToldWhatPeopleHereDecide(t *testing.T) {
	w := newTold(t)
	theirs := func(version int64, body string) itsm.Outcome {
		return w.act(itsm.Act{Kind: itsm.ActChangePut, Origin: "snow", Actor: "servicenow:Jo", PartnerVersion: version, Body: json.RawMessage(body)})
	}
	theirs(int64(w.at), `{"external_id":"CHG0030192","title":"Move the SAN","type":"normal","state":"planned"}`)
	w.wantsAbout("snow")
	if o := w.change("api", "CHG0000001", `{"title":"Other","state":"in_progress"}`); o.Code != itsm.Conflict || w.state("CHG0000001") != itsm.ChangePlanned {
		t.Errorf("another title came to %+v", o)
	}
	if o := w.change("api", "CHG0000001", `{"title":"Move the SAN","cis":["shop"]}`); o.Code != "" {
		t.Errorf("its CIs are ours to say: %+v", o)
	}
	w.wantsAbout("snow")
	w.change("api", "CHG0000001", `{"state":"in_progress"}`)
	w.wantsAbout("snow", "CHG0000001 in_progress: Move the SAN")
	if o := theirs(int64(w.at)-1, `{"external_id":"CHG0030192","state":"planned"}`); !o.NoOp {
		t.Errorf("a report from before what is on its way came to %+v", o)
	}
	wrote := int64(w.at) + 10_000
	w.took("snow", "CHG0030192", wrote)
	if o := theirs(wrote, `{"external_id":"CHG0030192","state":"planned"}`); !o.NoOp {
		t.Errorf("our own write came to %+v", o)
	}
	theirs(wrote+10, `{"external_id":"CHG0030192","title":"Move both","state":"successful"}`)
	if got := w.state("CHG0000001"); got != itsm.ChangeSuccessful {
		t.Errorf("it is %s", got)
	}
	w.wantsAbout("snow")
	// A sweep takes over what nobody here may decide, and tells nothing of a record that is gone.
	w.sees("CHG0000001", itsm.PartnerRecord{Status: itsm.RecordResolved, Version: wrote + 20, By: "jo"}, itsm.ObjectRecord{Said: saysOfChange(`{"external_id":"CHG0030192","title":"Move all"}`)})
	var c itsm.Change
	if err := json.Unmarshal(w.objects["change CHG0000001"].Body, &c); err != nil || c.Title != "Move all" {
		t.Errorf("%+v, %v", c, err)
	}
	w.at += 60 * minuteMS
	if o := w.sees("CHG0000001", itsm.PartnerRecord{}, itsm.ObjectRecord{Differs: differsInState}); !o.NoOp {
		t.Errorf("a record that is gone came to %+v", o)
	}
	w.wantsAbout("snow")
	// One of a type that is not kept both ways is edited as one of any source, and not told.
	theirs(int64(w.at), `{"external_id":"CHG0030200","title":"Patch","type":"standard","state":"planned"}`)
	if o := w.change("api", "CHG0000002", `{"title":"Patch it","state":"in_progress"}`); o.Code != "" {
		t.Errorf("%+v", o)
	}
	w.wantsAbout("snow")
	if v, _ := w.s.ObjectSyncWith("CHG0000002", "snow"); v.Kept {
		t.Errorf("%+v", v)
	}
}

func TestAChangeThatSaysNothingNewIsNoChange(t *testing.T) {
	w := newTold(t)
	w.change("github", "", `{"external_id":"1","title":"Deploy"}`)
	if o := w.change("github", "", `{"external_id":"1","title":"Deploy"}`); !o.NoOp || o.Object != "CHG0000001" {
		t.Errorf("it came to %+v", o)
	}
	if got := w.objects["change CHG0000001"].Version; got != 1 {
		t.Errorf("version %d", got)
	}
}
