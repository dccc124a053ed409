package problem

import (
	"time"

	"signalbox/itsm"
)

// excess looks for the least likely cluster that ends with the newest incident.
func (s *Series) excess(on []Occurrence, l Look) (itsm.ProblemTest, bool) {
	all, last := s.onsets(0), on[len(on)-1].Opened
	if p, d := s.sinceWatch(all, l); len(all) >= excessMin && spent(p, float64(len(all))) < youngMost {
		return cluster(len(all), d, expectedAtMost(d.Hours()/unknownIn.Hours()), p), true
	}
	best, found := excessMost, itsm.ProblemTest{}
	for k := excessMin; k <= len(on); k++ {
		from := on[len(on)-k].Opened
		d := last.Sub(from)
		if d > excessIn {
			break
		}
		r := s.before(all, from, l)
		p := r.surprise(k-1, d)
		if c := r.spent(p, k-1); c < best {
			best, found = c, cluster(k, d, expected(r.in(d)), p)
		}
	}
	return found, best < excessMost
}

// cluster words so many in a time where so many were expected.
func cluster(n int, in time.Duration, expected string, p float64) itsm.ProblemTest {
	return itsm.ProblemTest{Test: Excess, Incidents: n, ChancePPM: ppm(p),
		Text: incidents(n) + " in " + span(in) + " where " + expected + " expected"}
}

// reopened looks for incidents that were reopened, and for a second one soon after the
// first, oftener and sooner than the rate of the series would have it.
func (s *Series) reopened(on []Occurrence, l Look) (itsm.ProblemTest, bool) {
	if f, ok := s.again(on, l); ok {
		return f, true
	}
	return s.back(on, l)
}

// again counts the reopenings of the last month. One comes by chance when the next incident
// is so early that it is taken for the same.
func (s *Series) again(on []Occurrence, l Look) (itsm.ProblemTest, bool) {
	again, of, looked := 0, 0, 0
	for _, o := range on {
		if l.Now.Sub(o.Opened) > excessIn {
			continue
		}
		looked++
		if o.Reopens > 0 {
			again += int(o.Reopens)
			of++
		}
	}
	if again < reopensMin {
		return itsm.ProblemTest{}, false
	}
	r := s.before(s.onsets(0), on[len(on)-1].Opened, l)
	p := r.surprise(again, time.Duration(looked)*max(apart, l.ReopenIn))
	return itsm.ProblemTest{Test: Reopened, Incidents: of, ChancePPM: ppm(p), Text: incidents(of) + " reopened " + times(again)}, r.spent(p, looked) < backMost
}

// back looks at how soon the newest came after the one before it.
func (s *Series) back(on []Occurrence, l Look) (itsm.ProblemTest, bool) {
	if len(on) < 2 {
		return itsm.ProblemTest{}, false
	}
	a, b := on[len(on)-2], on[len(on)-1]
	if a.Resolved == 0 || a.Resolved > b.Opened {
		return itsm.ProblemTest{}, false
	}
	all, gap := s.onsets(0), b.Opened.Sub(a.Resolved)
	back := "came back " + span(gap) + " after it was resolved, "
	if p, d := s.sinceWatch(all, l); len(all) == 2 && spent(p, float64(len(all))) < youngMost {
		return itsm.ProblemTest{Test: Reopened, Incidents: 2, ChancePPM: ppm(p),
			Text: back + "within the first " + span(d) + ", where at most one is expected every " + span(unknownIn)}, true
	}
	r := s.before(all, a.Opened, l)
	p := r.surprise(1, gap)
	return itsm.ProblemTest{Test: Reopened, Incidents: 2, ChancePPM: ppm(p),
		Text: back + "where one is expected every " + span(time.Duration(float64(time.Hour)/r.perHour))}, gap <= backWithin && r.spent(p, 1) < backMost
}
