package problem

import (
	"math"
	"math/rand/v2"
	"os"
	"testing"
	"time"

	"signalbox/itsm"
)

// arrivals are the occurrences of a series that comes by chance alone.
func arrivals(r *rand.Rand, perMonth float64, in time.Duration) []Occurrence {
	var out []Occurrence
	for at := epoch; ; {
		at = at.Add(time.Duration(r.ExpFloat64() / perMonth * float64(month)))
		if at.Sub(epoch) > in {
			return out
		}
		out = append(out, Occurrence{Incident: itsm.IncidentNumber(len(out) + 1), Opened: at, Resolved: at.Add(time.Hour), People: 1})
	}
}

const epoch = itsm.Time(1_700_000_000_000)

// TestRandomArrivals is the control: series that come by chance, between once in 20
// months and once a month, looked at after each incident for half a year from a
// cold start. Less than three in a hundred may be proposed.
func TestRandomArrivals(t *testing.T) {
	t.Parallel()
	n := 1500
	if os.Getenv("SIGNALBOX_LONG") != "" {
		n = 50_000
	}
	for _, seed := range []uint64{1, 2, 3} {
		r := rand.New(rand.NewPCG(seed, 7))
		seen, proposed, by := 0, 0, map[string]int{}
		for range n {
			list := arrivals(r, 0.05*math.Pow(20, r.Float64()), 180*day)
			if len(list) == 0 {
				continue
			}
			seen++
			if test := firstProposed(list); test != "" {
				proposed++
				by[test]++
			}
		}
		share := float64(proposed) / float64(seen)
		t.Logf("seed %d: %d of %d series that come by chance are proposed: %.2f %% %v", seed, proposed, seen, 100*share, by)
		if share >= 0.03 {
			t.Errorf("seed %d: %.2f %% false candidates, want less than 3 %%", seed, 100*share)
		}
	}
}

// TestRandomArrivalsWarm is the control of busier series, one to four a month, whose
// rate was known for half a year: of those that come by chance less than three in a
// hundred may be proposed in a month.
func TestRandomArrivalsWarm(t *testing.T) {
	t.Parallel()
	n := 1500
	if os.Getenv("SIGNALBOX_LONG") != "" {
		n = 50_000
	}
	for _, rate := range []float64{1, 2, 4} {
		r := rand.New(rand.NewPCG(uint64(rate), 9))
		proposed, by := 0, map[string]int{}
		for range n {
			if test := firstProposedFrom(arrivals(r, rate, 210*day), epoch.Add(180*day)); test != "" {
				proposed++
				by[test]++
			}
		}
		share := float64(proposed) / float64(n)
		t.Logf("%.0f a month: %d of %d series that come by chance are proposed in a month: %.2f %% %v", rate, proposed, n, 100*share, by)
		if share >= 0.03 {
			t.Errorf("%.0f a month: %.2f %% false candidates, want less than 3 %%", rate, 100*share)
		}
	}
}

// firstProposed is the first test that a series passes as its incidents come.
func firstProposed(list []Occurrence) string { return firstProposedFrom(list, epoch) }

// firstProposedFrom looks only at what resolves after warm.
func firstProposedFrom(list []Occurrence, warm itsm.Time) string {
	s := &Series{}
	for _, o := range list {
		s.Put(o)
		if o.Resolved < warm {
			continue
		}
		if f := s.Tests(Look{Now: o.Resolved, Watch: epoch}); len(f) > 0 {
			return f[0].Test
		}
	}
	return ""
}

// TestRealRecurrence: what really recurs is found, however its owner would put it.
func TestRealRecurrence(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 1))
	jitter := func(d time.Duration) time.Duration { return time.Duration(r.NormFloat64() * float64(d)) }
	kinds := map[string]func(i int) time.Duration{
		Excess:   func(i int) time.Duration { return time.Duration(i) * 17 * time.Hour * time.Duration(1+i%2) },
		Periodic: func(i int) time.Duration { return time.Duration(i)*9*day + jitter(10*time.Hour) },
		Seasonal: func(i int) time.Duration { return time.Duration(i*i)*7*day + jitter(20*time.Minute) },
	}
	for want, at := range kinds {
		found := 0
		for range 50 {
			s := &Series{}
			hit := false
			for i := range 9 {
				opened := epoch.Add(200*day + at(i))
				s.Put(Occurrence{Incident: itsm.IncidentNumber(i + 1), Opened: opened, Resolved: opened.Add(20 * time.Minute)})
				for _, f := range s.Tests(Look{Now: opened.Add(20 * time.Minute), Watch: epoch}) {
					hit = hit || f.Test == want
				}
			}
			if hit {
				found++
			}
		}
		if found < 45 {
			t.Errorf("%s: found in %d of 50 series", want, found)
		}
	}
}

// TestEffectiveByChance: fixes that change nothing. Fewer than one in twenty may be
// called effective, however often or seldom the trouble came.
func TestEffectiveByChance(t *testing.T) {
	t.Parallel()
	n := 4000
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
