package engine_test

import (
	"fmt"
	"os"
	"runtime"
	"slices"
	"testing"
	"text/tabwriter"
	"time"

	"signalbox/correlate/engine"
	"signalbox/ingest/journal"
)

// Goals of the fold.
const (
	rateGoal = 100_000 // events a second of one core, with 10,000 CIs
	flatGoal = 1500    // cost of an event in much company by that in little, in thousandths
)

// TestFoldFigures prints what the fold reaches beside what it has to, on one core:
// make bench-fold. A machine may be slow, so a figure that falls short fails nothing.
func TestFoldFigures(t *testing.T) {
	if os.Getenv("SIGNALBOX_LONG") == "" {
		t.Skip("takes minutes; make bench-fold runs it")
	}
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	defer w.Flush()
	fmt.Fprintln(w, "events a second of processor time, 10,000 CIs\treached\tgoal\t")
	for _, m := range mixes {
		rate := m.rate(t)
		fmt.Fprintf(w, "%s\t%d\t%d\t%s\n", m.name, rate, rateGoal, verdict(rate >= rateGoal))
	}
	fmt.Fprintln(w, "cost of an event, times that of the first\treached\tgoal\t")
	for _, c := range [][2]company{
		{cisKnown(1000), cisKnown(10_000)}, {cisKnown(1000), cisKnown(100_000)}, {cisKnown(1000), cisKnown(1_000_000)},
		{incidentsOpen(10), incidentsOpen(1000)}, {incidentsOpen(10), incidentsOpen(100_000)},
		{daysPast(1), daysPast(365)},
	} {
		ratio := flatness(t, c[0], c[1])
		fmt.Fprintf(w, "%s to %s\t%d.%02d\t%d.%02d\t%s\n", c[0].name, c[1].name, ratio/1000, ratio%1000/10, flatGoal/1000, flatGoal%1000/10, verdict(ratio <= flatGoal))
	}
}

func verdict(ok bool) string {
	if ok {
		return "ok"
	}
	return "short"
}

// figureRounds is how often a figure is taken; the median counts.
const figureRounds = 5

// rate is how many events of the mix are folded in a second of processor time.
func (m *mix) rate(t *testing.T) int {
	const events = 100_000
	ready, recs := m.ready(t, 10_000, events)
	var took [figureRounds]time.Duration
	for n := range took {
		took[n] = fold(t, ready(), recs)
	}
	slices.Sort(took[:])
	return int(events * time.Second / took[figureRounds/2])
}

// flatness is what an event costs in the company of many by what it costs in that
// of few, in thousandths. Rounds alternate, so that whatever else the machine does
// meets both.
func flatness(t *testing.T, few, many company) int {
	const events = 10_000
	var folders [2]*engine.Folder
	var recs [2][]journal.Record
	for n, c := range []company{few, many} {
		folders[n], recs[n] = c.among(t, events*figureRounds)
	}
	var ratios [figureRounds]int
	for round := range ratios {
		var took [2]time.Duration
		for n := range folders {
			per := len(recs[n]) / figureRounds
			took[n] = fold(t, folders[n], recs[n][round*per:][:per])
		}
		ratios[round] = int(1000 * took[1] / took[0])
	}
	slices.Sort(ratios[:])
	a, b := folders[0].State.Totals().OpenIncidents-few.open, folders[1].State.Totals().OpenIncidents-many.open
	if a != b {
		t.Fatalf("the events opened %d incidents with %s and %d with %s: the ratio compares different work", a, few.name, b, many.name)
	}
	return ratios[figureRounds/2]
}
