package journal

import (
	"encoding/json"
	"strings"
	"testing"
)

// filled makes a journal with a few entries and returns the seals after each.
func filled(t *testing.T, dir string, bodies ...string) []Seal {
	t.Helper()
	l, err := Open(Options{Dir: dir, SegmentBytes: MinSegmentBytes})
	if err != nil {
		t.Fatal(err)
	}
	var out []Seal
	for _, b := range bodies {
		if _, _, err := l.Append(t.Context(), []byte(b)); err != nil {
			t.Fatal(err)
		}
		for off, _ := l.Head(); ; { // its hash follows what wakes the caller
			if s := l.Sealed(); s.Offset == off {
				out = append(out, s)
				break
			}
		}
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	return out
}

func TestSealsHold(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	seals := filled(t, dir, "one", "two", "three")
	seals = append(seals, filled(t, dir, "four")...)
	if faults, older, err := CheckSeals(Options{Dir: dir, SegmentBytes: MinSegmentBytes}, seals); err != nil || len(faults) != 0 || older != 0 {
		t.Errorf("CheckSeals = %v, %d, %v, want all to hold", faults, older, err)
	}
	b, err := json.Marshal(seals[0])
	var back Seal
	if err != nil || json.Unmarshal(b, &back) != nil || back != seals[0] {
		t.Errorf("a seal and its JSON %s = %+v, want %+v", b, back, seals[0])
	}
	if err := json.Unmarshal([]byte(`{"hash":"00ff"}`), &back); err == nil {
		t.Error("a short hash is taken")
	}
}

// TestSealsFindAForgery: a journal written anew, whose own chain is whole, is not
// the one that was sealed.
func TestSealsFindAForgery(t *testing.T) {
	t.Parallel()
	seals := filled(t, t.TempDir(), "one", "two", "three")
	forged, cut := t.TempDir(), t.TempDir()
	filled(t, forged, "one", "2", "three")
	filled(t, cut, "one")
	for dir, word := range map[string]string{forged: "changed", cut: "cut off"} {
		if r, err := Verify(Options{Dir: dir, SegmentBytes: MinSegmentBytes}); err != nil || len(r.Damage) != 0 {
			t.Fatalf("the forgery is damaged: %v, %v", r.Damage, err)
		}
		faults, _, err := CheckSeals(Options{Dir: dir, SegmentBytes: MinSegmentBytes}, seals)
		if err != nil || len(faults) != 3 || !strings.Contains(faults[2].Error(), word) {
			t.Errorf("CheckSeals of a forgery = %v, %v, want three faults, the last with %q", faults, err, word)
		}
	}
}
