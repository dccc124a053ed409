package desk_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"signalbox/itsm"
	"signalbox/itsm/desk"
	"signalbox/itsm/kv"
)

// TestObjects compares the desk with a map: what is stored last counts, what is
// removed is gone, and every list holds what it should, the last id first.
func TestObjects(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		d, err := desk.Open(kv.Mem())
		if err != nil {
			t.Fatal(err)
		}
		model := map[string]itsm.Object{}
		kinds, refs := []string{"change", "change.log"}, []string{"incident/INC0000001", "ci/db", "ci/db-1"}
		for off := range itsm.Offset(rapid.IntRange(1, 30).Draw(t, "entries")) {
			o := itsm.Object{Kind: rapid.SampledFrom(kinds).Draw(t, "kind"), ID: fmt.Sprintf("CHG%03d", rapid.IntRange(1, 12).Draw(t, "id")),
				Version: uint64(off), At: itsm.Time(1000 + off), Offset: off + 1}
			if rapid.IntRange(0, 4).Draw(t, "remove") > 0 {
				o.Body = json.RawMessage(fmt.Sprintf(`{"n":%d}`, off))
				for _, r := range refs {
					if rapid.Bool().Draw(t, r) {
						o.Refs = append(o.Refs, r)
					}
				}
				model[o.Kind+o.ID] = o
			} else {
				delete(model, o.Kind+o.ID)
			}
			if err := d.Apply(desk.Batch{Cursor: off + 1, At: o.At, Decisions: []itsm.Decision{{Kind: itsm.PutObject, Object: &o}}}); err != nil {
				t.Fatal(err)
			}
		}
		check := func(what string, q desk.ObjectQuery, in func(itsm.Object) bool) {
			var want, got []itsm.Object
			for _, k := range slices.Backward(slices.Sorted(maps.Keys(model))) {
				if o := model[k]; o.Kind == q.Kind && in(o) {
					want = append(want, o)
				}
			}
			for q.Limit = 4; ; {
				p, err := d.Objects(q)
				if err != nil {
					t.Fatal(err)
				}
				got = append(got, p.Items...)
				if q.Cursor = p.Next; q.Cursor == "" {
					break
				}
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Fatalf("%s (-want +got):\n%s", what, diff)
			}
		}
		for _, k := range kinds {
			check(k, desk.ObjectQuery{Kind: k}, func(itsm.Object) bool { return true })
			check(k+" CHG00…", desk.ObjectQuery{Kind: k, Prefix: "CHG00"}, func(o itsm.Object) bool { return o.ID < "CHG010" })
			for _, r := range refs {
				check(k+" of "+r, desk.ObjectQuery{Kind: k, Ref: r}, func(o itsm.Object) bool { return slices.Contains(o.Refs, r) })
			}
		}
		for _, o := range model {
			if got, err := d.Object(o.Kind, o.ID); err != nil || !cmp.Equal(o, got) {
				t.Fatalf("%s: %+v, %v", o.ID, got, err)
			}
		}
		if _, err := d.Object("change", "CHG999"); itsm.CodeOf(err) != itsm.NotFound {
			t.Fatalf("an unknown object: %v", err)
		}
	})
}

// TestObjectBounds: what is out of bounds is refused and moves nothing.
func TestObjectBounds(t *testing.T) {
	d, err := desk.Open(kv.Mem())
	if err != nil {
		t.Fatal(err)
	}
	for want, o := range map[string]itsm.Object{
		"kind": {ID: "x", Body: []byte("{}")}, "id": {Kind: "change"}, "refs": {Kind: "change", ID: "x", Refs: []string{""}},
		"body": {Kind: "change", ID: "x", Body: make([]byte, itsm.ObjectBodyMax+1)},
	} {
		if got := o.Fault(); got != want {
			t.Errorf("fault %q, want %q", got, want)
		}
		if err := d.Apply(desk.Batch{Cursor: 1, Decisions: []itsm.Decision{{Kind: itsm.PutObject, Object: &o}}}); err == nil {
			t.Errorf("%s: stored", want)
		}
	}
	if at, _ := d.Cursor(); at != 0 {
		t.Errorf("the cursor moved to %d", at)
	}
}
