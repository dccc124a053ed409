package alertmanager

import (
	"cmp"
	"regexp"
	"slices"
	"strings"

	"signalbox/itsm"
)

// Bounds of the silences of one incident.
const (
	silencesMax    = 20      // what is beyond them keeps notifying
	membersMax     = 2000    // alerts of an incident that are looked at
	valuesMax      = 200     // values that one matcher names
	valueBytesMax  = 8 << 10 // bytes of one matcher
	alertnamesMax  = 20      // names that Alertmanager is asked for one by one; beyond them for everything
	commentBytes   = 1000
	incidentsFound = 10_000 // silences of ours that are looked at in a list
)

// cover makes the matchers of as few silences as it can that hide exactly these
// label sets, and alerts that have more labels than they. left counts those for
// which there was no room.
//
// Sets that differ in the value of one label alone share a silence, whose matcher
// names the values; no product of two lists is ever made, for that would hide
// alerts that nobody acknowledged.
func cover(sets []itsm.Labels) (silences [][]matcher, left int) {
	sets = slices.Clone(sets)
	slices.SortFunc(sets, compareLabels)
	sets = slices.CompactFunc(sets, itsm.Labels.Equal)
	sets = slices.DeleteFunc(sets, func(ls itsm.Labels) bool { return len(ls) == 0 })
	if len(sets) == 0 {
		return nil, 0
	}
	name, groups := bestLabel(sets)
	slices.SortStableFunc(groups, func(a, b []itsm.Labels) int { return cmp.Compare(len(b), len(a)) })
	for _, g := range groups {
		for len(g) > 0 {
			n := fits(g, name)
			if len(silences) == silencesMax {
				left += len(g)
				break
			}
			silences = append(silences, matchersOf(g[:n], name))
			g = g[n:]
		}
	}
	return silences, left
}

// bestLabel finds the label whose values, when they are left out, leave the
// fewest different sets, and the sets that are then equal.
func bestLabel(sets []itsm.Labels) (best string, groups [][]itsm.Labels) {
	var names []string
	for _, ls := range sets {
		for _, l := range ls {
			names = append(names, l.Name)
		}
	}
	slices.Sort(names)
	for _, name := range slices.Compact(names) {
		if g := without(sets, name); groups == nil || len(g) < len(groups) {
			best, groups = name, g
		}
	}
	return best, groups
}

// without groups the sets by everything but one label, in the order they come.
func without(sets []itsm.Labels, name string) [][]itsm.Labels {
	at := map[string]int{}
	var out [][]itsm.Labels
	for _, ls := range sets {
		var key strings.Builder
		has := "-"
		for _, l := range ls {
			if l.Name == name {
				has = "+"
				continue
			}
			key.WriteString(l.Name + "\xff" + l.Value + "\xff")
		}
		k := has + key.String()
		i, ok := at[k]
		if !ok {
			i = len(out)
			at[k] = i
			out = append(out, nil)
		}
		out[i] = append(out[i], ls)
	}
	return out
}

// fits is how many of a group one matcher can name.
func fits(g []itsm.Labels, name string) int {
	size := 0
	for i, ls := range g {
		if size += len(regexp.QuoteMeta(ls.Get(name))) + 1; i == valuesMax || i > 0 && size > valueBytesMax {
			return i
		}
	}
	return len(g)
}

// matchersOf matches the sets of a group, which differ in one label alone.
func matchersOf(g []itsm.Labels, name string) []matcher {
	equal := true
	out := make([]matcher, 0, len(g[0]))
	for _, l := range g[0] {
		m := matcher{Name: l.Name, Value: l.Value, IsEqual: &equal}
		if l.Name == name && len(g) > 1 {
			values := make([]string, len(g))
			for i := range g {
				values[i] = regexp.QuoteMeta(g[i].Get(name))
			}
			m.Value, m.IsRegex = strings.Join(values, "|"), true
		}
		out = append(out, m)
	}
	return out
}

func compareLabels(a, b itsm.Labels) int {
	return slices.CompareFunc(a, b, func(x, y itsm.Label) int {
		return cmp.Or(strings.Compare(x.Name, y.Name), strings.Compare(x.Value, y.Value))
	})
}

// drop leaves labels out.
func drop(ls itsm.Labels, names []string) itsm.Labels {
	return slices.DeleteFunc(slices.Clone(ls), func(l itsm.Label) bool { return slices.Contains(names, l.Name) })
}

// sameMatchers reports whether two silences hide the same.
func sameMatchers(a, b []matcher) bool {
	key := func(ms []matcher) []string {
		out := make([]string, len(ms))
		for i, m := range ms {
			out[i] = m.Name + "\xff" + m.Value
			if m.IsRegex {
				out[i] += "\xff~"
			}
			if m.negated() {
				out[i] += "\xff!"
			}
		}
		slices.Sort(out)
		return out
	}
	return slices.Equal(key(a), key(b))
}
