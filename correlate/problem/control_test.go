package problem

import (
	"cmp"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"testing"
	"time"

	"signalbox/itsm"
)

// arrivals are the occurrences of a series that comes by chance alone. They last an hour
// on average.
func arrivals(r *rand.Rand, perMonth float64, in time.Duration) []Occurrence {
	var out []Occurrence
	for at := epoch; ; {
		at = at.Add(time.Duration(r.ExpFloat64() / perMonth * float64(month)))
		if at.Sub(epoch) > in {
			return out
		}
		lasts := time.Duration(r.ExpFloat64() * float64(time.Hour))
		out = append(out, Occurrence{Incident: itsm.IncidentNumber(len(out) + 1), Opened: at, Resolved: at.Add(lasts), People: 1})
	}
}

const epoch = itsm.Time(1_700_000_000_000)

// falseMost is the share of what comes by chance that may be proposed: of the series that
// had an incident, those that were proposed at any time from the first incident on.
const falseMost = 0.03

// controlDays are how long the controls run.
var controlDays = [...]int{30, 90, 365}

// tally counts what a control did to series that come by chance.
type tally struct {
	seen, proposed         [len(controlDays)]int // series with an incident so early, and those proposed so early
	months, proposedMonths int                   // months of series with an incident before they were proposed, and in which they were
	by                     map[string]int
}

// watch looks at a series after each of its incidents, until it is proposed.
func (c *tally) watch(list []Occurrence, from itsm.Time) {
	in := func(at itsm.Time, days int) bool { return at.Sub(from) <= time.Duration(days)*day }
	s, last, first := &Series{}, -1, true
	for _, o := range list {
		s.Put(o)
		if o.Opened < from {
			continue
		}
		found := s.Tests(Look{Now: o.Resolved, Watch: epoch})
		if m := int(o.Opened.Sub(from) / month); m != last {
			last = m
			c.months++
		}
		for i, days := range controlDays {
			if first && in(o.Opened, days) {
				c.seen[i]++
			}
			if len(found) > 0 && in(o.Opened, days) {
				c.proposed[i]++
			}
		}
		if first = false; len(found) > 0 {
			c.by[found[0].Test]++
			c.proposedMonths++
			return
		}
	}
}

// check prints the tally and fails when too many were proposed. A sample may be over by
// chance itself, by three standard deviations at most.
func (c *tally) check(t *testing.T, name string) {
	t.Helper()
	line := name + ":"
	for i, days := range controlDays {
		share := float64(c.proposed[i]) / float64(max(1, c.seen[i]))
		line += fmt.Sprintf(" %.2f %% in %d days,", 100*share, days)
		most := falseMost
		if os.Getenv("SIGNALBOX_LONG") == "" {
			most += 3 * math.Sqrt(falseMost/float64(max(1, c.seen[i])))
		}
		if share >= most {
			t.Errorf("%s: %.2f %% of the series that come by chance are proposed in %d days, want less than %.2f %%", name, 100*share, days, 100*most)
		}
	}
	t.Logf("%s %.2f %% of the months with incidents; of %d series %v", line, 100*float64(c.proposedMonths)/float64(max(1, c.months)), c.seen[len(c.seen)-1], c.by)
}

// controlled are the rates a month that a control tries, and how many incidents of each.
func controlled(all ...float64) (rates []float64, incidents float64) {
	if os.Getenv("SIGNALBOX_LONG") != "" {
		return all, 200_000
	}
	for i := 1; i < len(all); i += 2 {
		rates = append(rates, all[i])
	}
	return rates, 12_000
}

// TestRandomArrivals is the control from a cold start: series that come by chance,
// between once in ten months and ten times a month, of which nothing is known when the
// watch begins. They are looked at after each incident for a year. The share is taken
// strictly: of all series that had an incident, those that were proposed at any time. Of
// the months in which a series had one it is a fraction of that.
func TestRandomArrivals(t *testing.T) {
	t.Parallel()
	sum := &tally{by: map[string]int{}}
	rates, incidents := controlled(0.1, 0.2, 0.5, 1, 2, 3, 5, 10)
	for _, rate := range rates {
		r, c := rand.New(rand.NewPCG(uint64(10*rate), 11)), &tally{by: map[string]int{}}
		for range int(incidents / max(6, 12*rate)) {
			list := arrivals(r, rate, 365*day)
			c.watch(list, epoch)
			sum.watch(list, epoch)
		}
		c.check(t, fmt.Sprintf("%g a month", rate))
	}
	sum.check(t, "all")
}

// TestRandomArrivalsWarm is the control of series whose rate was known for half a year,
// from one in two months to two a day.
func TestRandomArrivalsWarm(t *testing.T) {
	t.Parallel()
	rates, incidents := controlled(0.5, 1, 2, 4, 8, 16, 30, 60)
	for _, rate := range rates {
		r, c := rand.New(rand.NewPCG(uint64(10*rate), 9)), &tally{by: map[string]int{}}
		for range int(incidents / max(6, 18*rate)) {
			c.watch(arrivals(r, rate, 545*day), epoch.Add(180*day))
		}
		c.check(t, fmt.Sprintf("%g a month, known", rate))
	}
}

// TestRealRecurrence is the other side of the controls: what really recurs is found,
// however its owner would put it, in the midst of incidents of the same signature that
// come by chance once in five months.
func TestRealRecurrence(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 1))
	jitter := func(d time.Duration) time.Duration { return time.Duration(r.NormFloat64() * float64(d)) }
	nights := func(i int) time.Duration { return time.Duration(i)*day + jitter(20*time.Minute) }
	for _, c := range []struct {
		name  string
		tests []string // one of which has to find it
		n     int
		at    func(i int) time.Duration
	}{
		{"three in half a day", []string{Excess}, 3, func(i int) time.Duration { return time.Duration(i) * 6 * time.Hour }},
		{"five in five days", []string{Excess}, 5, func(i int) time.Duration { return time.Duration(i)*30*time.Hour + jitter(6*time.Hour) }},
		{"seven in twelve days", []string{Excess}, 7, func(i int) time.Duration { return time.Duration(i)*2*day + jitter(6*time.Hour) }},
		{"again within the hour", []string{Reopened}, 2, func(i int) time.Duration { return time.Duration(i) * 70 * time.Minute }},
		{"every nine days", []string{Periodic}, 12, func(i int) time.Duration { return time.Duration(i)*9*day + jitter(10*time.Hour) }},
		{"some nights at ten", []string{Seasonal}, 13, func(i int) time.Duration { return time.Duration(i*i)*2*day + jitter(20*time.Minute) }},
		{"every night at ten", []string{Seasonal, Periodic}, 14, nights},
	} {
		found := 0
		for range 100 {
			var list []Occurrence
			for _, o := range arrivals(r, 0.2, 200*day) {
				list = append(list, Occurrence{Opened: o.Opened})
			}
			for i := range c.n {
				list = append(list, Occurrence{Opened: epoch.Add(100*day + c.at(i))})
			}
			s, hit := &Series{}, false
			for i, o := range slices.SortedFunc(slices.Values(list), func(a, b Occurrence) int { return cmp.Compare(a.Opened, b.Opened) }) {
				s.Put(Occurrence{Incident: itsm.IncidentNumber(i + 1), Opened: o.Opened, Resolved: o.Opened.Add(20 * time.Minute)})
				for _, f := range s.Tests(Look{Now: o.Opened.Add(20 * time.Minute), Watch: epoch}) {
					hit = hit || slices.Contains(c.tests, f.Test)
				}
			}
			if hit {
				found++
			}
		}
		t.Logf("%s: found in %d of 100 series", c.name, found)
		if found < 90 {
			t.Errorf("%s: found in %d of 100 series", c.name, found)
		}
	}
}

// TestEffectiveByChance: fixes that change nothing. Fewer than one in twenty may be
// called effective, however often or seldom the trouble came.
func TestEffectiveByChance(t *testing.T) {
	t.Parallel()
	n := 12_000
	if os.Getenv("SIGNALBOX_LONG") != "" {
		n = 100_000
	}
	for _, rate := range []float64{0.5, 1, 2, 4, 10} {
		r := rand.New(rand.NewPCG(uint64(10*rate), 5))
		fixes, called := 0, 0
		for range n {
			fixed := epoch.Add(100 * day)
			before := arrivals(r, rate, 100*day)
			next := fixed.Add(time.Duration(r.ExpFloat64() / rate * float64(month)))
			at, seen, _ := EffectiveAt(before, fixed)
			if seen == 0 {
				continue // there was nothing to fix
			}
			fixes++
			if next > at {
				called++
			}
		}
		share := float64(called) / float64(fixes)
		t.Logf("%g a month: %d of %d fixes that change nothing are called effective: %.2f %%", rate, called, fixes, 100*share)
		if share >= 0.05 {
			t.Errorf("%g a month: %.2f %% of the fixes that change nothing are called effective, want less than 5 %%", rate, 100*share)
		}
	}
}

func BenchmarkIncident(b *testing.B) {
	r := rand.New(rand.NewPCG(3, 3))
	s := &Series{}
	for i, o := range arrivals(r, 20, 300*day) {
		o.Fix = NormalFix("restarted the pod web-7d9f8b after the disk of node 12 filled up")
		s.Put(o)
		_ = i
	}
	last := s.Last()
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		last = last.Add(6 * time.Hour)
		s.Put(Occurrence{Incident: itsm.IncidentNumber(1000 + i), Opened: last, Resolved: last.Add(time.Hour)})
		s.Tests(Look{Now: last.Add(time.Hour), Watch: epoch, ChangesADay: 3})
	}
}
