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
	ReopenIn    time.Duration // how soon after its end an incident is the same again; at least apart is assumed
	ChangeTitle string        // of the last change that an incident followed
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

// periodic looks for gaps of one length. The fewer there are, the more alike they have
// to be: six are within a fifth of their median in one of sixty series that come by chance.
func periodic(on []Occurrence) (itsm.ProblemTest, bool) {
	if len(on) <= periodicGaps {
		return itsm.ProblemTest{}, false
	}
	gaps := make([]float64, len(on)-1)
	for i := range gaps {
		gaps[i] = on[i+1].Opened.Sub(on[i].Opened).Minutes()
	}
	med, rel := spread(gaps)
	if rel > min(periodicSpread, periodicStep*float64(len(gaps)-periodicFree)) || med < periodicLeast.Minutes() {
		return itsm.ProblemTest{}, false
	}
	return itsm.ProblemTest{Test: Periodic, Incidents: len(on),
		Text: incidents(len(on)) + ", one every " + span(minutes(med)) + " give or take " + span(minutes(rel*med))}, true
}

// seasonal looks for an hour of the day and of the week. Each day or week counts once,
// with the mean of its incidents: the first of several is early more often than not,
// also when they come by chance.
func seasonal(on []Occurrence) (itsm.ProblemTest, bool) {
	best := itsm.ProblemTest{Test: Seasonal}
	chance := min(seasonMost, seasonAll/spent(1, float64(len(on))))
	for _, cycle := range []time.Duration{day, 7 * day} {
		means := perTurn(on, cycle)
		if len(means) < seasonMin {
			continue
		}
		p, mean := rayleigh(means)
		if p >= chance {
			continue
		}
		var far []float64 // distances from the mean
		for _, m := range means {
			d := math.Abs(m.phase() - mean)
			far = append(far, min(d, 1-d))
		}
		off := median(far)
		chance = p
		best.Incidents, best.ChancePPM = len(means), ppm(p)
		best.Text = incidents(len(means)) + " on as many different " + turns(cycle) + ", half of them within " + span(minutes(off*cycle.Minutes())) + " of " + clock(mean, cycle)
	}
	return best, best.Incidents > 0
}

// perTurn is where in each day or week that had incidents they lie on average.
func perTurn(on []Occurrence, cycle time.Duration) (means []arrow) {
	turn, n := int64(-1), 0.0
	for _, o := range on {
		ms := int64(o.Opened) + weekShift
		if t := ms / cycle.Milliseconds(); t != turn {
			turn, n = t, 0
			means = append(means, arrow{})
		}
		n++
		m, a := &means[len(means)-1], arrowTo(float64(ms%cycle.Milliseconds())/float64(cycle.Milliseconds()))
		m.x, m.y = m.x+(a.x-m.x)/n, m.y+(a.y-m.y)/n
	}
	return means
}

// weekShift moves the epoch, a Thursday, to a Monday.
const weekShift = int64(3 * day / time.Millisecond)

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
	if spent(p, float64(len(on))) >= changesMost {
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
		if spent(chance, float64(len(on)))*float64(len(l.Pairs)) >= pairMost {
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
