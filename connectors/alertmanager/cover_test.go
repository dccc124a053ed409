package alertmanager

import (
	"fmt"
	"math/rand/v2"
	"regexp"
	"testing"

	"signalbox/itsm"
)

// TestCoverIsExact: of all the label sets that are possible, silences hide those
// asked for and no other, or say for how many there was no room.
func TestCoverIsExact(t *testing.T) {
	t.Parallel()
	values := []string{"a", "b.c", "x|y", `q"\`, "(", "[z]", "", "ü\n"}
	for seed := range uint64(15) {
		r := rand.New(rand.NewPCG(seed, 1))
		var all, asked []itsm.Labels
		for i := range 400 {
			ls := itsm.LabelsOf(map[string]string{"alertname": values[i%3], "instance": values[i/3%8], "zone": values[i/24%8], "x": values[i/192%2]})
			all = append(all, ls)
			if r.IntN(12) == 0 {
				asked = append(asked, ls)
			}
		}
		silences, left := cover(asked)
		if len(silences) > silencesMax {
			t.Fatalf("seed %d: %d silences", seed, len(silences))
		}
		hidden := map[string]bool{}
		for _, ls := range asked {
			hidden[fmt.Sprint(ls)] = true
		}
		found := map[string]bool{}
		for _, ls := range all {
			if !hides(silences, ls) {
				continue
			}
			// A set with more labels is hidden as well: it says all that was asked for, and more.
			sub := false
			for _, a := range asked {
				sub = sub || contains(ls, a)
			}
			if !sub {
				t.Fatalf("seed %d: %v is hidden and was not asked for", seed, ls)
			}
			found[fmt.Sprint(ls)] = true
		}
		missing := 0
		for k := range hidden {
			if !found[k] {
				missing++
			}
		}
		if missing > left {
			t.Fatalf("seed %d: %d are not hidden, and %d were said to be left out", seed, missing, left)
		}
	}
}

// TestCoverIsShort: what differs in one label takes one silence, up to its bounds.
func TestCoverIsShort(t *testing.T) {
	t.Parallel()
	var sets []itsm.Labels
	for i := range valuesMax * 3 {
		sets = append(sets, itsm.LabelsOf(map[string]string{"alertname": "Down", "instance": fmt.Sprintf("host-%d", i)}))
	}
	if silences, left := cover(sets); len(silences) != 3 || left != 0 {
		t.Errorf("%d silences, %d left out; want 3 and none", len(silences), left)
	}
	for i := range sets {
		sets[i] = itsm.LabelsOf(map[string]string{"a": fmt.Sprint(i), "b": fmt.Sprint(i)})
	}
	if silences, left := cover(sets); len(silences) != silencesMax || left != len(sets)-silencesMax {
		t.Errorf("%d silences, %d left out; want %d and the rest", len(silences), left, silencesMax)
	}
	if silences, left := cover(nil); silences != nil || left != 0 {
		t.Errorf("of nothing: %v, %d", silences, left)
	}
}

func contains(ls, part itsm.Labels) bool {
	for _, l := range part {
		if ls.Get(l.Name) != l.Value {
			return false
		}
	}
	return true
}

func hides(silences [][]matcher, ls itsm.Labels) bool {
	for _, ms := range silences {
		all := true
		for _, m := range ms {
			ok := ls.Get(m.Name) == m.Value
			if m.IsRegex {
				ok = regexp.MustCompile("^(?:" + m.Value + ")$").MatchString(ls.Get(m.Name))
			}
			all = all && ok
		}
		if all {
			return true
		}
	}
	return false
}
