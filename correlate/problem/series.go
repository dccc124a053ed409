package problem

import (
	"cmp"
	"math"
	"slices"
	"strings"
	"time"

	"signalbox/itsm"
)

// Signature says which incidents are the same trouble.
type Signature struct {
	Cause string // id of the probable cause, or of the service when nothing is likelier
	Class string // of alert
	Env   string
	Rule  string // what a rule says instead; the rest is then for people to read
}

// String is the signature as a key and for people.
func (g Signature) String() string {
	if g.Rule != "" {
		return g.Rule
	}
	parts := []string{g.Cause, g.Class}
	if g.Env != "" {
		parts = append(parts, g.Env)
	}
	return strings.Join(parts, " | ")
}

// Occurrence is one incident of a series.
type Occurrence struct {
	Incident     itsm.IncidentNumber
	Opened       itsm.Time
	Resolved     itsm.Time // 0 while it is open
	Reopens      uint32
	People       uint32 // who acted on it
	Fix          string // close note of a person, as NormalFix writes it
	Change       string // id of a change on the same CI in the ChangeIn before it
	ChangeBefore time.Duration
}

// Series is the history of one signature.
type Series struct {
	Signature Signature
	Count     uint64    // of all, also those no longer kept
	First     itsm.Time // opening of the very first
	Kept      []Occurrence
}

// Put adds an occurrence, or replaces what is known of its incident.
func (s *Series) Put(o Occurrence) {
	if i := slices.IndexFunc(s.Kept, func(k Occurrence) bool { return k.Incident == o.Incident }); i >= 0 {
		s.Kept[i] = o
		return
	}
	at, _ := slices.BinarySearchFunc(s.Kept, o, func(a, b Occurrence) int {
		return cmp.Or(cmp.Compare(a.Opened, b.Opened), cmp.Compare(a.Incident, b.Incident))
	})
	s.Kept = slices.Insert(s.Kept, at, o)
	if len(s.Kept) > KeptMax {
		s.Kept = slices.Delete(s.Kept, 0, 1)
	}
	s.Count++
	if s.First == 0 || o.Opened < s.First {
		s.First = o.Opened
	}
}

// Remove forgets an incident that turned out to be no occurrence.
func (s *Series) Remove(n itsm.IncidentNumber) bool {
	i := slices.IndexFunc(s.Kept, func(k Occurrence) bool { return k.Incident == n })
	if i < 0 {
		return false
	}
	s.Kept = slices.Delete(s.Kept, i, i+1)
	s.Count--
	return true
}

// Last is the opening of the newest; 0 of none.
func (s *Series) Last() itsm.Time {
	if len(s.Kept) == 0 {
		return 0
	}
	return s.Kept[len(s.Kept)-1].Opened
}

// onsets are the occurrences from since on that are trouble of their own: what opens
// within apart of the one before goes on with it.
func (s *Series) onsets(since itsm.Time) []Occurrence {
	var out []Occurrence
	for i, o := range s.Kept {
		if o.Opened >= since && (i == 0 || o.Opened.Sub(s.Kept[i-1].Opened) >= apart) {
			out = append(out, o)
		}
	}
	return out
}

// Cost is what a series is expected to cost.
type Cost struct {
	RateMilli int64 // thousandths of an incident a month
	Minutes   int64 // median duration of one
	People    int64 // involved in one at the median, at least 1
}

// Monthly is the product: person-minutes a month.
func (c Cost) Monthly() int64 { return c.RateMilli * c.Minutes * c.People / 1000 }

// CostOf tells what the incidents cost as of now. The rate is that of the last 90
// days, and nothing younger than a month is projected onto one.
func CostOf(list []Occurrence, now itsm.Time) Cost {
	var minutes, people []float64
	n, first := 0, now
	for _, o := range list {
		if now.Sub(o.Opened) > priorIn {
			continue
		}
		n++
		first = min(first, o.Opened)
		people = append(people, float64(max(1, o.People)))
		if o.Resolved > o.Opened {
			minutes = append(minutes, o.Resolved.Sub(o.Opened).Minutes())
		}
	}
	span := max(month, now.Sub(first))
	return Cost{RateMilli: int64(float64(n)*1000*month.Hours()/span.Hours() + 0.5), Minutes: int64(median(minutes) + 0.5), People: max(1, int64(median(people)+0.5))}
}

// EffectiveAt is when silence since a fix will have lasted too long for chance at the
// old rate, which is known from the incidents of the 90 days before the fix, beginning
// with the first of them, and no better than they tell: P(0 in T) is (1+T/span)^-n for
// a rate estimated from n, which comes near e^(-rate·T), and T near 3/rate, when there
// are many. The first incident only begins the span and counts half.
func EffectiveAt(list []Occurrence, fixed itsm.Time) (at itsm.Time, before int, span time.Duration) {
	first := fixed
	for _, o := range list {
		if o.Opened <= fixed && fixed.Sub(o.Opened) <= priorIn {
			before++
			first = min(first, o.Opened)
		}
	}
	if before == 0 {
		return 0, 0, 0
	}
	span = max(rateLeast, fixed.Sub(first))
	silence := float64(span) * (math.Pow(1/effectiveMost, 1/max(1, float64(before)-0.5)) - 1)
	return fixed.Add(time.Duration(silence).Round(time.Minute)), before, span
}
