package problem

import (
	"math"
	"strings"
	"time"

	"signalbox/itsm"
)

// Look is what the tests need besides the series.
type Look struct {
	Now   itsm.Time
	Watch itsm.Time // when history begins; 0: unknown, and every series is as new as it can be
	Since itsm.Time // only what opened from here on counts: a closed problem's past is answered for

	// ChangesADay is how many changes the CI sees a day, for telling by chance from
	// because.
	ChangesADay float64
	ChangeTitle string // of the last change that an incident followed
	Pairs       []Pair

	RuleIncidents int           // a rule's own threshold in place of the tests of frequency; 0: none
	RuleWithin    time.Duration // time it has to come in
}

// Pair is another series whose CI the CMDB relates to this one's.
type Pair struct {
	Other   *Series
	Because string // how the two are related
}

// Names of the tests.
const (
	Excess       = "excess"
	Periodic     = "periodic"
	Seasonal     = "seasonal"
	Reopened     = "reopened"
	ChangeLinked = "change_linked"
	SameFix      = "same_fix"
	Together     = "pair"
	ByRule       = "rule"
)

// Tests returns the tests that the series passes, in the order of their names in
// the documentation. A rule that gives a threshold decides instead of the tests that
// count and time incidents; what they have in common is told all the same.
func (s *Series) Tests(l Look) []itsm.ProblemTest {
	on := s.onsets(l.Since)
	if len(on) == 0 {
		return nil
	}
	var out []itsm.ProblemTest
	add := func(t itsm.ProblemTest, ok bool) {
		if ok {
			out = append(out, t)
		}
	}
	if l.RuleIncidents > 0 {
		add(byRule(on, l))
	} else {
		add(s.excess(on, l))
		add(periodic(on))
		add(seasonal(on))
		add(s.reopened(on, l))
	}
	add(changeLinked(on, l))
	add(sameFix(on))
	add(s.pair(on, l))
	if l.RuleIncidents > 0 && (len(out) == 0 || out[0].Test != ByRule) {
		return nil
	}
	return out
}

func byRule(on []Occurrence, l Look) (itsm.ProblemTest, bool) {
	n := 0
	for _, o := range on {
		if l.Now.Sub(o.Opened) <= l.RuleWithin {
			n++
		}
	}
	return itsm.ProblemTest{Test: ByRule, Incidents: n, Text: incidents(n) + " within " + span(l.RuleWithin) + ", where a rule asks for " + count(l.RuleIncidents)}, n >= l.RuleIncidents
}

// expected is how many are expected in a time: the series' own rate in the 90 days
// before a cluster that begins at from, and how many events that rate rests on.
func (s *Series) expected(all []Occurrence, from itsm.Time, in time.Duration, l Look) (mean, shape float64) {
	before := 0
	for _, o := range all {
		if o.Opened < from && from.Sub(o.Opened) <= priorIn {
			before++
		}
	}
	seen := time.Duration(0)
	if before > 0 {
		if seen = priorIn; l.Watch != 0 {
			seen = min(seen, from.Sub(l.Watch))
		}
		if older := s.Count - uint64(len(s.Kept)); older > 0 { // the 90 days reach beyond what is kept
			seen = min(seen, from.Sub(s.Kept[0].Opened))
		}
	}
	shape = unknownness + float64(before)
	exposure := unknownness/floorCount*floorIn.Hours() + seen.Hours()
	perHour := shape / exposure
	if before >= ownRate { // enough to go by, whatever is usual of others
		perHour = max(perHour, float64(before)/seen.Hours())
	}
	return perHour * in.Hours(), shape
}

// excess looks for the least likely cluster that ends with the newest incident.
func (s *Series) excess(on []Occurrence, l Look) (itsm.ProblemTest, bool) {
	last := on[len(on)-1].Opened
	all, best, size := s.onsets(0), 1.0, 0
	var in time.Duration
	var mean float64
	for k := excessMin; k <= len(on); k++ {
		from := on[len(on)-k].Opened
		d := last.Sub(from)
		if d > excessIn {
			break
		}
		m, shape := s.expected(all, from, d, l)
		looks := busy(m, d)
		if p := surprise(k-1, m, shape) * looks; p < best {
			best, size, in, mean = p, k, d, m
		}
	}
	if best >= excessMost {
		return itsm.ProblemTest{}, false
	}
	return itsm.ProblemTest{Test: Excess, Incidents: size, ChancePPM: ppm(best),
		Text: incidents(size) + " in " + span(in) + " where " + expected(mean) + " expected"}, true
}

// busy is by how much a chance counts for more than it is in a series of which mean are
// expected in a time: it is looked at after each incident, and each look at more of
// its clusters. What comes less often than every seven weeks is what the thresholds are made for.
func busy(mean float64, in time.Duration) float64 {
	aMonth := mean * month.Hours() / max(in.Hours(), 1)
	return max(1, 3*aMonth*aMonth)
}

func periodic(on []Occurrence) (itsm.ProblemTest, bool) {
	if len(on) <= periodicGaps {
		return itsm.ProblemTest{}, false
	}
	gaps := make([]float64, len(on)-1)
	for i := range gaps {
		gaps[i] = on[i+1].Opened.Sub(on[i].Opened).Minutes()
	}
	med, rel := spread(gaps)
	if rel > periodicSpread || med < periodicLeast.Minutes() {
		return itsm.ProblemTest{}, false
	}
	return itsm.ProblemTest{Test: Periodic, Incidents: len(on),
		Text: incidents(len(on)) + ", one every " + span(minutes(med)) + " give or take " + span(minutes(rel*med))}, true
}

// seasonal looks for an hour of the day and of the week. Of several in one day or
// week the first counts.
func seasonal(on []Occurrence) (itsm.ProblemTest, bool) {
	best := itsm.ProblemTest{Test: Seasonal}
	chance := seasonMost
	for _, cycle := range []time.Duration{day, 7 * day} {
		var phases []float64
		was := int64(-1)
		for _, o := range on {
			ms := int64(o.Opened) + weekShift
			if turn := ms / cycle.Milliseconds(); turn != was {
				phases = append(phases, float64(ms%cycle.Milliseconds())/float64(cycle.Milliseconds()))
				was = turn
			}
		}
		if len(phases) < seasonMin {
			continue
		}
		p, mean := rayleigh(phases)
		if p >= chance {
			continue
		}
		off := 0.0 // distances from the mean
		var far []float64
		for _, x := range phases {
			d := math.Abs(x - mean)
			far = append(far, min(d, 1-d))
		}
		off = median(far)
		chance = p
		best.Incidents, best.ChancePPM = len(phases), ppm(p)
		best.Text = incidents(len(phases)) + " on as many different " + turns(cycle) + ", half of them within " + span(minutes(off*cycle.Minutes())) + " of " + clock(mean, cycle)
	}
	return best, best.Incidents > 0
}

// weekShift moves the epoch, a Thursday, to a Monday.
const weekShift = int64(3 * day / time.Millisecond)

func (s *Series) reopened(on []Occurrence, l Look) (itsm.ProblemTest, bool) {
	again, of := 0, 0
	for _, o := range on {
		if o.Reopens > 0 && l.Now.Sub(o.Opened) <= excessIn {
			again += int(o.Reopens)
			of++
		}
	}
	if again >= reopensMin {
		return itsm.ProblemTest{Test: Reopened, Incidents: of, Text: incidents(of) + " reopened " + times(again)}, true
	}
	if len(on) < 2 {
		return itsm.ProblemTest{}, false
	}
	a, b := on[len(on)-2], on[len(on)-1]
	from, word := a.Opened, "opened"
	if a.Resolved != 0 && a.Resolved <= b.Opened {
		from, word = a.Resolved, "resolved"
	}
	gap := b.Opened.Sub(from)
	mean, shape := s.expected(s.onsets(0), a.Opened, gap, l)
	p := surprise(1, mean, shape) * busy(mean, gap)
	if gap > backWithin || p >= backMost {
		return itsm.ProblemTest{}, false
	}
	return itsm.ProblemTest{Test: Reopened, Incidents: 2, ChancePPM: ppm(p),
		Text: "came back " + span(gap) + " after it was " + word + ", where one is expected every " + span(time.Duration(float64(gap)/mean))}, true
}

func changeLinked(on []Occurrence, l Look) (itsm.ProblemTest, bool) {
	n, far, name := 0, time.Duration(0), ""
	for _, o := range on {
		if o.Change != "" {
			n++
			far = max(far, o.ChangeBefore)
			name = o.Change
		}
	}
	if n < changesMin {
		return itsm.ProblemTest{}, false
	}
	covered := math.Min(1, l.ChangesADay*far.Hours()/24) // share of the day so soon after a change
	p := atLeast(n, len(on), covered)
	if p >= changesMost {
		return itsm.ProblemTest{}, false
	}
	who := count(n) + " of " + incidents(len(on))
	if n == len(on) {
		who = "every one of " + incidents(n)
	}
	return itsm.ProblemTest{Test: ChangeLinked, Incidents: n, ChancePPM: ppm(p), Text: who + " within " + span(far) + " after a change on the CI, the last after " + clip(strings.TrimSpace(name+" "+l.ChangeTitle))}, true
}

// sameFix looks for the close note that most others repeat.
func sameFix(on []Occurrence) (itsm.ProblemTest, bool) {
	var notes []string
	for i := len(on) - 1; i >= 0 && len(notes) < fixesLooked; i-- {
		if on[i].Fix != "" {
			notes = append(notes, on[i].Fix)
		}
	}
	if len(notes) < fixesMin {
		return itsm.ProblemTest{}, false
	}
	sets := make([][]uint32, len(notes))
	for i, n := range notes {
		sets[i] = shingles(n)
	}
	most, which := 0, ""
	for i := range sets {
		n := 0
		for k := range sets {
			if i == k || notes[i] == notes[k] || dice(sets[i], sets[k]) >= fixDice {
				n++
			}
		}
		if n > most {
			most, which = n, notes[i]
		}
	}
	return itsm.ProblemTest{Test: SameFix, Incidents: most, Text: count(most) + " of " + count(len(notes)) + " were closed with the same words: " + clip(which)}, most >= fixesMin
}

// pair looks for another series that opens together with this one.
func (s *Series) pair(on []Occurrence, l Look) (best itsm.ProblemTest, found bool) {
	for _, p := range l.Pairs {
		other := p.Other.onsets(l.Since)
		n, far := 0, time.Duration(0)
		for _, o := range on {
			for _, x := range other {
				if d := o.Opened.Sub(x.Opened).Abs(); d <= PairIn {
					n, far = n+1, max(far, d)
					break
				}
			}
		}
		if n < pairsMin || n <= best.Incidents {
			continue
		}
		window := l.Now.Sub(min(s.Kept[0].Opened, p.Other.Kept[0].Opened))
		covered := math.Min(1, float64(len(other))*2*PairIn.Hours()/math.Max(window.Hours(), day.Hours()))
		chance := atLeast(n, len(on), covered)
		if chance >= pairMost {
			continue
		}
		best = itsm.ProblemTest{Test: Together, Incidents: n, ChancePPM: ppm(chance),
			Text: times(n) + " within " + span(far) + " of " + clip(p.Other.Signature.String()) + "; " + p.Because}
		found = true
	}
	return best, found
}

// Named reports whether a finding of the test pair is about p.
func (p Pair) Named(f itsm.ProblemTest) bool {
	return f.Test == Together && strings.Contains(f.Text, " of "+clip(p.Other.Signature.String())+"; "+p.Because)
}
