package correlate

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"signalbox/itsm"
	"signalbox/itsm/cmdb"
)

// newTold is a world with a pager that hears of changes, one that hears of those of
// its service only, and an ITSM tool that keeps records.
func newTold(t *testing.T) *twoWay {
	t.Helper()
	t.Parallel()
	c := DefaultConfig()
	c.Connectors = []Connector{{Name: "pd", ChangeEvents: ChangesAll}, {Name: "mapped", ChangeEvents: ChangesMapped, Routes: []string{"shop"}},
		{Name: "snow", ChangeRecords: []itsm.ChangeType{itsm.NormalChange, itsm.EmergencyChange}, Problems: true}, {Name: "mail"}}
	w := &twoWay{newWorld(t, c), t, map[string]int{}}
	doc, problems := cmdb.NewDoc([]itsm.CI{{ID: "shop", Name: "shop", Class: "BusinessService"}}, nil)
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	ch, _, problems := w.s.graph.Plan(doc, "test", false)
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	w.do(Input{CMDB: w.s.graph.Apply(ch)})
	return w
}

// change says something of a change; source is where it comes from.
func (w *twoWay) change(source, object, body string) itsm.Outcome {
	w.t.Helper()
	return w.act(itsm.Act{Kind: itsm.ActChangePut, Origin: source, Actor: source + ":bot", Object: object, Body: json.RawMessage(body)})
}

// about lists what a partner was told of objects since it was asked about.
func (w *twoWay) about(connector string) (out []string) {
	for _, n := range w.intents[w.seen[connector]:] {
		if n.Connector == connector && n.Object != "" {
			out = append(out, n.Object+" "+n.Text)
		}
	}
	w.seen[connector] = len(w.intents)
	return out
}

func (w *twoWay) wantsAbout(connector string, want ...string) {
	w.t.Helper()
	if d := cmp.Diff(want, w.about(connector)); d != "" {
		w.t.Errorf("%s was told (-want +got):\n%s", connector, d)
	}
}

// took is the receipt of the last intent about an object.
func (w *twoWay) took(connector, id string, version int64) {
	w.t.Helper()
	last := w.intents[len(w.intents)-1]
	if last.Connector != connector {
		w.t.Fatalf("the last intent is for %s, not %s", last.Connector, connector)
	}
	a := itsm.Act{Kind: itsm.ActReceipt, Object: last.Object, Origin: connector, Actor: "signalbox", IntentKey: last.Key, PartnerVersion: version}
	if id != "" {
		a.Link = &itsm.ExternalRef{Connector: connector, ID: id, URL: "https://snow.example.com/" + id}
	}
	if o := w.act(a); o.Code != "" {
		w.t.Fatalf("receipt: %+v", o)
	}
}

func TestChangeEventsAreTold(t *testing.T) {
	w := newTold(t)
	w.change("github", "", `{"external_id":"1","title":"Deploy","state":"planned","cis":["shop"]}`)
	w.wantsAbout("pd") // nothing changed yet
	w.change("github", "", `{"external_id":"1","state":"in_progress"}`)
	w.change("github", "", `{"external_id":"1","description":"now with words"}`)
	w.change("github", "", `{"external_id":"1","state":"successful"}`)
	told := []string{"CHG0000001 in_progress: Deploy", "CHG0000001 successful: Deploy"}
	w.wantsAbout("pd", told...)
	w.wantsAbout("mapped", told...)
	w.change("argo", "", `{"external_id":"2","title":"Sync","state":"successful","cis":["elsewhere"]}`)
	w.wantsAbout("pd", "CHG0000002 successful: Sync")
	w.wantsAbout("mapped")
	w.change("pd", "", `{"external_id":"3","title":"Restart","state":"successful","cis":["shop"]}`)
	w.wantsAbout("pd") // it came from there
	w.wantsAbout("mapped", "CHG0000003 successful: Restart")
	w.change("api", "CHG0000003", `{"state":"failed"}`)
	w.wantsAbout("pd") // whoever changed it since
	w.wantsAbout("mapped", "CHG0000003 failed: Restart")
	w.change("api", "", `{"title":"Old","state":"successful","started_at":"2025-12-01T00:00:00Z","ended_at":"2025-12-01T01:00:00Z"}`)
	w.wantsAbout("pd") // long over
	w.change("api", "", `{"title":"Never","state":"cancelled"}`)
	w.wantsAbout("pd") // it changed nothing
	for _, c := range []string{"snow", "mail"} {
		w.wantsAbout(c) // deployments are standard changes
	}
	keys := map[string]bool{}
	for _, n := range w.intents {
		if keys[n.Key] {
			t.Errorf("the key of %s %s is used twice", n.Object, n.Text)
		}
		keys[n.Key] = true
	}
}

func TestChangeRecordsBothWays(t *testing.T) {
	w := newTold(t)
	w.change("api", "", `{"title":"Move the SAN","type":"normal","cis":["shop"]}`)
	w.wantsAbout("snow", "CHG0000001 planned: Move the SAN")
	w.took("snow", "sys1", 1000)
	var c itsm.Change
	if err := json.Unmarshal(w.objects["change CHG0000001"].Body, &c); err != nil || len(c.Links) != 1 || c.Links[0].ID != "sys1" {
		t.Errorf("the record %+v (%v) does not name its partner's", c, err)
	}
	w.wantsAbout("snow") // knowing where it is, is no news
	at := int64(w.at) + 5000
	theirs := func(version int64, body string) itsm.Outcome {
		return w.act(itsm.Act{Kind: itsm.ActChangePut, Origin: "snow", Actor: "servicenow:Jo", Object: "CHG0000001", PartnerVersion: version, Body: json.RawMessage(body)})
	}
	theirs(at, `{"state":"in_progress"}`)
	w.wantsAbout("snow") // it is not told back
	w.wantsAbout("pd", "CHG0000001 in_progress: Move the SAN")
	if o := theirs(at, `{"state":"planned"}`); !o.NoOp || o.Detail != itsm.ReasonOldReport {
		t.Errorf("an equal version came to %+v", o)
	}
	w.change("api", "CHG0000001", `{"state":"successful"}`)
	w.wantsAbout("snow", "CHG0000001 successful: Move the SAN")
	if o := theirs(int64(w.at)-2000, `{"state":"in_progress"}`); !o.NoOp {
		t.Errorf("a report from before what is on its way came to %+v", o)
	}
	if o := theirs(int64(w.at)+60_000, `{"state":"failed"}`); o.Code != "" || o.NoOp {
		t.Errorf("a later report came to %+v", o)
	}
	// What is on its way says successful: it is followed by how it is now.
	w.wantsAbout("snow", "CHG0000001 failed: Move the SAN")
}

// A dead letter about an object is sent again only while nothing later was told: the
// record would be put back.
func TestOnlyTheLatestOfAnObjectIsSentAgain(t *testing.T) {
	w := newTold(t)
	var keys []string
	for _, body := range []string{`{"title":"Move the SAN","type":"normal"}`, `{"state":"in_progress"}`} {
		object := ""
		if len(keys) > 0 {
			object = "CHG0000001"
		}
		w.change("api", object, body)
		in := w.lastIntent("snow")
		keys = append(keys, in.Key)
		w.act(itsm.Act{Kind: itsm.ActReceipt, Object: in.Object, Origin: "snow", Actor: "signalbox", IntentKey: in.Key, Failure: "refused"})
	}
	for n, c := range []struct {
		code    itsm.Code
		revived []string
		waiting int32
	}{{itsm.Conflict, nil, 0}, {"", keys[1:], 1}} {
		w.off++
		a := itsm.Act{Kind: itsm.ActRetry, Object: "CHG0000001", Origin: "snow", Actor: "console:ann", IntentKey: keys[n]}
		var revived []string
		for _, d := range append(slices.Clone(w.s.Step(Input{Offset: w.off, At: w.at, Act: &a})), w.s.Flush()...) {
			if d.Kind == itsm.ReviveIntent {
				revived = append(revived, d.Settled.Key)
			}
			if d.Outcome != nil {
				w.outcome = *d.Outcome
			}
		}
		if got := w.s.tellingOf("CHG0000001", "snow").exchange.waiting; w.outcome.Code != c.code || !slices.Equal(revived, c.revived) || got != c.waiting {
			t.Errorf("letter %d came to %+v, sent %q again, %d wait", n, w.outcome, revived, got)
		}
	}
}

func TestProblemsAreTold(t *testing.T) {
	w := newTold(t)
	w.fire("db1")
	w.act(itsm.Act{Kind: itsm.ActProblemCreate, Body: json.RawMessage(`{"incidents":["INC0000001"],"title":"Disks fill up"}`)})
	w.wantsAbout("snow", "PRB0000001 new: Disks fill up")
	w.wantsAbout("pd")
	w.took("snow", "sys9", 0)
	ours := func(kind itsm.ActKind, body string) {
		t.Helper()
		if o := w.act(itsm.Act{Kind: kind, Object: "PRB0000001", Body: json.RawMessage(body)}); o.Code != "" {
			t.Fatalf("%s: %+v", kind, o)
		}
	}
	ours(itsm.ActProblemNote, `{"text":"hm"}`)
	w.wantsAbout("snow") // notes stay here
	ours(itsm.ActProblemWorkaround, `{"text":"delete logs"}`)
	w.wantsAbout("snow", "PRB0000001 new: Disks fill up")
	w.took("snow", "sys9", int64(w.at))
	var told itsm.Problem
	if err := json.Unmarshal(w.intents[len(w.intents)-1].Body, &told); err != nil || told.Workaround != "delete logs" || len(told.Incidents) != 1 || told.Incidents[0].Number != 1 {
		t.Errorf("told %+v (%v)", told, err)
	}
	theirs := func(kind itsm.ActKind, body string) itsm.Outcome {
		return w.act(itsm.Act{Kind: kind, Object: "PRB0000001", Origin: "snow", Actor: "servicenow:Jo", PartnerVersion: int64(w.at) + 1000, Body: json.RawMessage(body)})
	}
	if o := theirs(itsm.ActProblemRootCause, `{"text":"no rotation"}`); o.Code != "" || o.NoOp {
		t.Errorf("root cause: %+v", o)
	}
	if o := theirs(itsm.ActProblemState, `{"state":"resolved"}`); o.Code != "" || o.NoOp { // a step that people here do not have
		t.Errorf("state: %+v", o)
	}
	w.wantsAbout("snow")
	ours(itsm.ActProblemState, `{"state":"closed"}`)
	w.wantsAbout("snow", "PRB0000001 closed: Disks fill up")
	w.took("snow", "sys9", int64(w.at))
	if o := theirs(itsm.ActProblemState, `{"state":"assess"}`); o.Code != itsm.Conflict {
		t.Errorf("a closed problem was opened again: %+v", o)
	}
}

// TestTellingsAreKept: a state that was written and read goes on as it would have, and
// one from before there were any still reads.
func TestTellingsAreKept(t *testing.T) {
	w := newTold(t)
	w.change("api", "", `{"title":"Move the SAN","type":"normal"}`)
	w.took("snow", "sys1", 7)
	b := w.encode()
	s, err := Decode(bytes.NewReader(b), w.s.graph)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(w.s.tellings, s.tellings, cmp.AllowUnexported(telling{}, exchange{}, repairs{})); d != "" || len(s.tellings) == 0 {
		t.Errorf("(-want +got):\n%s", d)
	}
	w.s = s
	w.change("api", "CHG0000001", `{"title":"Move the SAN"}`)
	if n := len(w.about("snow")); n != 1 {
		t.Errorf("told %d times, expected once", n)
	}
	if !strings.HasPrefix(string(b), stateMagic) || b[len(stateMagic)] != stateVersion {
		t.Errorf("an encoded state begins %q", b[:len(stateMagic)+1])
	}
}

// TestTellingsOfBefore: version 11 knew nothing of comparing them.
func TestTellingsOfBefore(t *testing.T) {
	was := New(DefaultConfig(), cmdb.Empty(nil))
	was.tellings["CHG0000001"] = []telling{{connector: "snow", serial: 2, digest: 3, at: 4, exchange: exchange{waiting: 1, version: 5}}}
	out := &archive{version: 11}
	out.seal()
	was.archiveTellings(out)
	out.seal()
	is := New(DefaultConfig(), cmdb.Empty(nil))
	in := &archive{reading: true, version: 11, in: strings.Join(out.pieces, "")}
	is.archiveTellings(in)
	if d := cmp.Diff(was.tellings, is.tellings, cmp.AllowUnexported(telling{}, exchange{}, repairs{})); d != "" || in.bad || in.in != "" {
		t.Errorf("(-want +got), bad %t, left %q:\n%s", in.bad, in.in, d)
	}
}

// TestStatesOfBefore: each version had everything but what came later, at its end.
func TestStatesOfBefore(t *testing.T) {
	w := newTwoWay(t)
	b := w.encode()
	for _, old := range []struct {
		version byte
		later   int // bytes of what came later, of which there is none
	}{{9, 3}, {7, 4}, {6, 6}, {5, 7}} { // a minute and two counts of what rules cost; the count of what can be undone; the count of views and the last one's number; the count of tellings
		s, err := Decode(bytes.NewReader(older(b, old.version, old.later, 0)), w.s.graph)
		if err != nil {
			t.Fatalf("version %d: %v", old.version, err)
		}
		w.s = s
		if got := w.encode(); !bytes.Equal(got, b) {
			t.Errorf("version %d does not come to the same state as one of today", old.version)
		}
	}
}
