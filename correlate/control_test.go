package correlate

import (
	"cmp"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"testing"
	"time"

	"signalbox/itsm"
	"signalbox/itsm/cmdb"
	"signalbox/itsm/entry"
)

// happening is an alert of a CI that comes or goes, or a change of it.
type happening struct {
	at itsm.Time
	ci int
	in Input
}

const controlDay = 24 * time.Hour

// byChance are alerts on each of n CIs that come so often a month by chance and last an
// hour on average, and two changes a month of each, in the order in which they are told.
func byChance(r *rand.Rand, cis int, perMonth float64, days int) (out []happening) {
	next := func(at itsm.Time, perMonth float64) itsm.Time {
		return at.Add(time.Duration(r.ExpFloat64() / perMonth * float64(30*controlDay)))
	}
	end := epoch.Add(time.Duration(days) * controlDay)
	for ci := range cis {
		for at := next(epoch, perMonth); at < end; at = next(at, perMonth) {
			e := benchEvent(ci, cis)
			e.StartsAt = at
			out = append(out, happening{at, ci, Input{Delivery: &entry.Delivery{Source: "am", Events: []itsm.Event{e}}}})
			e.Status = itsm.Resolved
			at = at.Add(time.Duration(r.ExpFloat64() * float64(time.Hour)))
			out = append(out, happening{at, ci, Input{Delivery: &entry.Delivery{Source: "am", Events: []itsm.Event{e}}}})
		}
		for at := next(epoch, 2); at < end; at = next(at, 2) {
			body := fmt.Sprintf(`{"title": "deploy", "state": "successful", "cis": ["host-%05d"]}`, ci)
			out = append(out, happening{at, ci, Input{Act: &itsm.Act{Kind: "change.put", Actor: "console:ann", Body: json.RawMessage(body)}}})
		}
	}
	slices.SortStableFunc(out, func(a, b happening) int { return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.ci, b.ci)) })
	return out
}

// chained has applications of eight CIs, each of which depends on the next.
func chained(tb testing.TB, cis int) *cmdb.Graph {
	var list []itsm.CI
	var rels []itsm.Relation
	for k := range cis {
		list = append(list, itsm.CI{ID: fmt.Sprintf("host-%05d", k), Name: fmt.Sprintf("host-%05d", k), Class: "Host"})
		if k%8 != 0 {
			rels = append(rels, itsm.Relation{From: list[k-1].ID, Type: "depends_on", To: list[k].ID})
		}
	}
	return graphOf(tb, list, rels)
}

// proposals are the tests that the first candidate of each CI rests on.
func proposals(t *testing.T, cis int, list []happening) map[string]string {
	w := newWorld(t, DefaultConfig())
	w.s = New(DefaultConfig(), chained(t, cis))
	for _, h := range list {
		w.until(h.at)
		w.do(h.in)
		w.steps, w.timeline, w.fates = nil, nil, nil
	}
	out := map[string]string{}
	for _, k := range sortedKeys(w.objects) {
		var p itsm.Problem
		if o := w.objects[k]; o.Kind != problemKind {
			continue
		} else if err := json.Unmarshal(o.Body, &p); err != nil {
			t.Fatal(err)
		}
		if out[p.Cause] == "" {
			out[p.Cause] = p.Tests[0].Test
		}
	}
	return out
}

// randomWorld is one size of world in which everything comes by chance.
type randomWorld struct {
	cis, days int
	perMonth  float64
}

func (v randomWorld) incidents() float64 { return float64(v.cis*v.days) * v.perMonth / 30 }

// try counts the CIs that had an incident in n such worlds, and those that had a candidate.
func (v randomWorld) try(t *testing.T, n int) (seen, proposed int) {
	by := map[string]int{}
	for seed := range n {
		list := byChance(rand.New(rand.NewPCG(uint64(v.cis)*1000+uint64(v.perMonth*10), uint64(seed))), v.cis, v.perMonth, v.days)
		had := map[int]bool{}
		for _, h := range list {
			if h.in.Delivery != nil {
				had[h.ci] = true
			}
		}
		seen += len(had)
		for _, test := range proposals(t, v.cis, list) {
			proposed++
			by[test]++
		}
	}
	t.Logf("%d CIs, %d days, %g a month: %.2f %% of %d CIs %v", v.cis, v.days, v.perMonth, 100*float64(proposed)/float64(max(1, seen)), seen, by)
	return seen, proposed
}

// TestRandomWorlds is the control of the whole fold: of the CIs whose alerts come by chance,
// beside others that they depend on, and that are changed now and then, less than three
// in a hundred may have had a candidate at any time from the first alert on.
func TestRandomWorlds(t *testing.T) {
	t.Parallel()
	worlds, incidents, long := []randomWorld{{10, 90, 1}, {10, 90, 10}, {100, 90, 1}, {100, 30, 3}}, 800.0, os.Getenv("SIGNALBOX_LONG") != ""
	if long {
		worlds, incidents = nil, 40_000
		for _, cis := range []int{10, 100, 1000} {
			for _, days := range []int{30, 90, 365} {
				for _, rate := range []float64{0.1, 1, 3, 10} {
					if v := (randomWorld{cis, days, rate}); v.incidents() < 2*incidents { // more tells no more, for hours
						worlds = append(worlds, v)
					}
				}
			}
		}
	}
	const most = 0.03
	seen, proposed := 0, 0
	for _, v := range worlds {
		had, falsely := v.try(t, max(1, int(incidents/v.incidents())))
		seen, proposed = seen+had, proposed+falsely
		if long && float64(falsely) >= most*float64(had) {
			t.Errorf("%+v: %d of %d CIs have a candidate by chance, want less than %.0f %%", v, falsely, had, 100*most)
		}
	}
	if float64(proposed) >= most*float64(seen) {
		t.Errorf("%d of %d CIs have a candidate by chance, want less than %.0f %%", proposed, seen, 100*most)
	}
}
