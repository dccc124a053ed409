package problem

import (
	"cmp"
	"time"

	"signalbox/itsm"
)

// spent is what a chance counts for at one of many looks. There is one after each incident,
// and what comes oftener is looked at oftener: with n incidents in what is looked at, a
// look may spend 1/n² of what chance may propose.
func spent(p, n float64) float64 { return p * n * n }

// rate is how many incidents come in an hour as far as is known from shape of them.
type rate struct {
	perHour, shape float64
	known          float64 // share of what could be known; a look that knows less may spend less
}

// spent is what the chance p of n more incidents counts for in a series of this rate.
func (r rate) spent(p float64, n int) float64 { return spent(p, r.shape+float64(n)) / r.known }

func (r rate) in(d time.Duration) float64 { return r.perHour * d.Hours() }

// surprise is the chance of n or more incidents in d.
func (r rate) surprise(n int, d time.Duration) float64 { return surprise(n, r.in(d), r.shape) }

// before is the series' own rate in the 90 days before a cluster that begins at from, or
// since the watch began. The first of the cluster ends the last of the gaps that the rate
// is known from, so that there is one gap more than incidents before it: with that, the
// chance of a cluster does not depend on the rate that nobody knows. Of what is no longer
// kept, how many there were is still known.
func (s *Series) before(all []Occurrence, from itsm.Time, l Look) rate {
	n := 0.0
	for _, o := range all {
		if o.Opened < from && from.Sub(o.Opened) <= priorIn {
			n++
		}
	}
	begin := from.Add(-priorIn)
	if older, until := s.Count-uint64(len(s.Kept)), s.Kept[0].Opened; older > 0 && begin < until && s.First < until {
		lost := until.Sub(max(begin, s.First))
		n += float64(older) * lost.Hours() / until.Sub(s.First).Hours()
		begin = max(begin, s.First)
	}
	seen := max(unknownIn, from.Sub(max(begin, cmp.Or(l.Watch, s.First))))
	return rate{perHour: (1 + n) / seen.Hours(), shape: 1 + n, known: min(1, seen.Hours()/priorIn.Hours())}
}

// sinceWatch is the chance of all incidents of a series since the watch began, if they came
// as often as chance is taken to bring them at most. In the first days of a watch that
// tells more than the rate of a series, of which nothing is known; later it tells nothing,
// and is 1.
func (s *Series) sinceWatch(all []Occurrence, l Look) (p float64, in time.Duration) {
	in = all[len(all)-1].Opened.Sub(l.Watch)
	if l.Watch == 0 || l.Since != 0 || s.Count > uint64(len(s.Kept)) || in > unknownIn {
		return 1, in
	}
	n := 0
	for _, o := range all {
		if o.Opened > l.Watch { // the first of all incidents begins the watch
			n++
		}
	}
	return poisson(n, in.Hours()/unknownIn.Hours()), in
}
