package engine_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"signalbox/itsm"
	"signalbox/itsm/desk"
	"signalbox/itsm/entry"
	"signalbox/itsm/kv"
	"signalbox/rules"
	"signalbox/rules/book"
)

func ruleFile(id string) []rules.File {
	return []rules.File{{Name: "a.yaml", Body: "id: " + id + "\nabout: names the team\nincident: {labels: {team: " + id + "}}\n"}}
}

func (r *rig) save(files []rules.File) book.Revision {
	r.t.Helper()
	rev, err := r.e.SaveRules(r.t.Context(), files, "api:ann", "because")
	if err != nil {
		r.t.Fatal(err)
	}
	return rev
}

func (r *rig) activate(n uint64) {
	r.t.Helper()
	rev, err := r.e.ActivateRules(r.t.Context(), n, "api:bob", "go")
	if err != nil || rev.State != book.Active {
		r.t.Fatalf("activate %d: %v, state %s", n, err, rev.State)
	}
}

func TestRevisionsOfRules(t *testing.T) {
	r := newRig(t)
	r.run()
	first := r.save(ruleFile("one"))
	broken := r.save([]rules.File{{Name: "a.yaml", Body: "id: x\n"}})
	if first.Number != 1 || first.State != book.Checked || first.Rules != 1 || broken.Number != 2 || broken.State != book.Draft || len(broken.Problems) == 0 {
		t.Fatalf("first %+v\nbroken %+v", first, broken)
	}
	if _, err := r.e.ActivateRules(t.Context(), 2, "api:bob", ""); itsm.CodeOf(err) != itsm.Conflict {
		t.Errorf("a broken revision was activated: %v", err)
	}
	if _, err := r.e.ActivateRules(t.Context(), 9, "api:bob", ""); itsm.CodeOf(err) != itsm.NotFound {
		t.Errorf("a revision that is not there was activated: %v", err)
	}
	r.activate(1)
	r.save(ruleFile("three"))
	r.activate(3)
	r.activate(1) // rolled back
	if got := r.e.Rules(); got.Revision != 1 || got.Set.Rule("one") == nil {
		t.Errorf("active %d, want 1", got.Revision)
	}
	revs, err := r.e.Book().Revisions(0, 10)
	if err != nil {
		t.Fatal(err)
	}
	var states []string
	for _, v := range revs {
		states = append(states, fmt.Sprintf("%d %s", v.Number, v.State))
	}
	if d := cmp.Diff([]string{"3 retired", "2 draft", "1 active"}, states); d != "" {
		t.Error(d)
	}
	as, err := r.e.Book().Activations(0, 10)
	if err != nil || len(as) != 3 || as[0].Revision != 1 || as[0].Before != 3 || as[0].Actor != "api:bob" || as[0].At == 0 {
		t.Errorf("activations %+v, %v", as, err)
	}
}

// What is active and what was saved survives a restart from a snapshot, one
// without, and a rebuild from the journal.
func TestRulesSurvive(t *testing.T) {
	r := newRig(t)
	r.run()
	r.save(ruleFile("one"))
	r.activate(1)
	r.wait(r.append(delivery(fire("shop", 1, 1000))))
	want := revisions(r)
	check := func(how string) {
		t.Helper()
		if got := r.e.Rules(); got.Revision != 1 || got.Set == nil || got.Set.Rule("one") == nil {
			t.Fatalf("%s: active %+v", how, got)
		}
		if d := cmp.Diff(want, revisions(r)); d != "" {
			t.Errorf("%s: %s", how, d)
		}
		if rev := r.save(ruleFile("two")); rev.Number < 2 {
			t.Errorf("%s: a number was given twice: %d", how, rev.Number)
		}
		want = revisions(r)
	}
	again := func() { r.close(); r.open(); r.run() }
	again()
	check("with a snapshot")
	r.close()
	if err := os.RemoveAll(filepath.Join(r.dir, "snapshots")); err != nil {
		t.Fatal(err)
	}
	r.open()
	r.run()
	check("without a snapshot")
	r.close()
	r.db = kv.Mem()
	if err := os.RemoveAll(filepath.Join(r.dir, "snapshots")); err != nil {
		t.Fatal(err)
	}
	r.open()
	r.run()
	head, _ := r.j.Head()
	r.wait(head)
	check("rebuilt")
}

func revisions(r *rig) []book.Revision {
	r.t.Helper()
	out, err := r.e.Book().Revisions(0, 10)
	if err != nil {
		r.t.Fatal(err)
	}
	return out
}

func TestLargeRuleSetIsJournaledInParts(t *testing.T) {
	r := newRig(t)
	r.run()
	var b strings.Builder
	b.WriteString("service,team\n")
	for i := range 60_000 {
		fmt.Fprintf(&b, "service-%d,team-%d\n", i, i%100)
	}
	files := append(ruleFile("big"), rules.File{Name: "teams.csv", Body: b.String()})
	before, _ := r.j.Head()
	rev := r.save(files)
	r.activate(rev.Number)
	after, _ := r.j.Head()
	if after-before < 6 {
		t.Errorf("%d entries for %d bytes twice", after-before, b.Len())
	}
	got, err := r.e.Book().Revision(rev.Number)
	if err != nil || cmp.Diff(files, got.Files) != "" || got.Hash != rules.Hash(files) {
		t.Errorf("the content changed on the way: %v", err)
	}
	if _, err := r.e.SaveRules(t.Context(), []rules.File{{Name: "a.yaml", Body: strings.Repeat("#", rules.SetBytesMax+1)}}, "a", ""); itsm.CodeOf(err) != itsm.TooLarge {
		t.Errorf("a set over the bound: %v", err)
	}
}

// Chunks whose last entry never came block neither snapshots nor what follows.
func TestHalfJournaledRulesAreDropped(t *testing.T) {
	r := newRig(t)
	r.run()
	lone := entry.EncodeRulesChunk(&entry.RulesChunk{SetID: "gone", Seq: 0, Body: []byte("[")})
	r.wait(r.append(lone, delivery(fire("shop", 1, 1000))))
	r.close() // the stop writes a snapshot
	names, err := filepath.Glob(filepath.Join(r.dir, "snapshots", "state-*"))
	if err != nil || len(names) == 0 {
		t.Errorf("no snapshot was written: %v", err)
	}
	r.open()
	r.run()
	r.activate(r.save(ruleFile("one")).Number)
}

// A revision that this program can no longer read leaves the last one active.
func TestLastActiveRulesGoOn(t *testing.T) {
	r := newRig(t)
	r.run()
	r.activate(r.save(ruleFile("one")).Number)
	r.wait(r.append(entry.EncodeRulesChunk(&entry.RulesChunk{SetID: "s", Body: []byte(`[{"name":"a.yaml","body":"id: x"}]`)}),
		entry.EncodeRulesActivate(&entry.RulesActivate{SetID: "s", Chunks: 1, Revision: 7})))
	if got := r.e.Rules(); got.Revision != 1 {
		t.Errorf("active %d, want 1", got.Revision)
	}
}

func TestBookOfAnEmptyDesk(t *testing.T) {
	d, err := desk.Open(kv.Mem())
	if err != nil {
		t.Fatal(err)
	}
	b := book.Open(d)
	revs, err := b.Revisions(0, 10)
	if err != nil || len(revs) != 0 {
		t.Errorf("%v, %v", revs, err)
	}
}
