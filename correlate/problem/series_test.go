package problem

import (
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"signalbox/itsm"
)

// seriesOf opens one incident at each time after the epoch; each lasts 30 minutes.
func seriesOf(at ...time.Duration) *Series {
	s := &Series{Signature: Signature{Cause: "orders-db", Class: "DiskFull", Env: "prod"}}
	for i, d := range at {
		s.Put(Occurrence{Incident: itsm.IncidentNumber(i + 1), Opened: epoch.Add(d), Resolved: epoch.Add(d + 30*time.Minute), People: 2})
	}
	return s
}

func find(list []itsm.ProblemTest, test string) *itsm.ProblemTest {
	if i := slices.IndexFunc(list, func(f itsm.ProblemTest) bool { return f.Test == test }); i >= 0 {
		return &list[i]
	}
	return nil
}

// TestWords holds what people read of each test.
func TestWords(t *testing.T) {
	t.Parallel()
	noted := func(s *Series, note string) *Series {
		for i := range s.Kept {
			s.Kept[i].Fix = NormalFix(note)
		}
		return s
	}
	changed := func(s *Series, before time.Duration) *Series {
		for i := range s.Kept {
			s.Kept[i].Change, s.Kept[i].ChangeBefore = "CHG0000007", before
		}
		return s
	}
	reopened := seriesOf(0)
	reopened.Kept[0].Reopens = 3
	other := seriesOf(100*day+2*time.Minute, 140*day+3*time.Minute, 190*day+time.Minute)
	for _, c := range []struct {
		test string
		s    *Series
		look Look
		want string
	}{
		{Excess, seriesOf(120*day, 123*day, 126*day, 129*day, 132*day), Look{}, "5 incidents in 12 days where 0.1 were expected"},
		{Excess, seriesOf(0, time.Hour, 2*time.Hour), Look{}, "3 incidents in 2 h where at most 0.03 were expected"},
		{Periodic, seriesOf(0, 9*day, 18*day+time.Hour, 27*day, 36*day, 45*day, 54*day+2*time.Hour), Look{}, "7 incidents, one every 9 days give or take 44 min"},
		{Seasonal, seriesOf(0, 8*day, 14*day, 40*day, 63*day, 90*day), Look{}, "6 incidents on as many different days, half of them within 1 min of 22:13 UTC"},
		{Reopened, reopened, Look{}, "1 incident reopened 3 times"},
		{Reopened, seriesOf(90*day, 90*day+2*time.Hour), Look{}, "came back 90 min after it was resolved, where one is expected every 90 days"},
		{Excess, seriesOf(90*day, 90*day+2*time.Hour, 90*day+5*time.Hour), Look{}, "3 incidents in 5 h where less than 0.01 was expected"},
		{Reopened, seriesOf(time.Hour, 2*time.Hour), Look{}, "came back 30 min after it was resolved, within the first 2 h, where at most one is expected every 3 days"},
		{ChangeLinked, changed(seriesOf(0, 20*day, 50*day), 20*time.Minute), Look{ChangesADay: 1, ChangeTitle: "deploy orders"}, "every one of 3 incidents within 20 min after a change on the CI, the last after CHG0000007 deploy orders"},
		{SameFix, noted(seriesOf(0, 20*day, 50*day), "Restarted pod web-12"), Look{}, "3 of 3 were closed with the same words: restarted pod web-#"},
		{Together, seriesOf(100*day, 140*day, 190*day), Look{Pairs: []Pair{{other, "shop depends on orders-db"}}}, "3 times within 3 min of orders-db | DiskFull | prod; shop depends on orders-db"},
		{ByRule, seriesOf(0, 10*day, 20*day), Look{RuleIncidents: 3, RuleWithin: month}, "3 incidents within 30 days, where a rule asks for 3"},
	} {
		c.look.Now, c.look.Watch = c.s.Last().Add(30*time.Minute), epoch
		f := find(c.s.Tests(c.look), c.test)
		if f == nil {
			t.Errorf("%s: not passed; %+v", c.test, c.s.Tests(c.look))
		} else if f.Text != c.want {
			t.Errorf("%s: %q\nwant %q", c.test, f.Text, c.want)
		}
	}
}

// TestNotPassed: what looks like a test's subject and is none of it.
func TestNotPassed(t *testing.T) {
	t.Parallel()
	busy := seriesOf(0, 20*day, 50*day)
	for i := range busy.Kept {
		busy.Kept[i].Change, busy.Kept[i].ChangeBefore = "CHG0000001", 50*time.Minute
	}
	long := seriesOf(90*day, 90*day+2*time.Hour)
	long.Kept[0].Resolved = epoch.Add(91 * day)
	often := seriesOf(60*day, 63*day, 66*day, 70*day, 71*day, 73*day, 77*day, 80*day, 83*day, 88*day)
	often.Kept[2].Reopens, often.Kept[7].Reopens = 1, 1
	for _, c := range []struct {
		test string
		s    *Series
		look Look
		why  string
	}{
		{Excess, seriesOf(0, 13*day, 29*day), Look{}, "three spread over a month may be chance"},
		{Excess, seriesOf(0, 5*time.Minute, 10*time.Minute), Look{}, "one outage in three pieces is one"},
		{Seasonal, seriesOf(0, time.Minute*20, time.Minute*40, time.Minute*60, time.Minute*80, time.Minute*100, time.Minute*120), Look{}, "one bad night is no habit"},
		{Reopened, seriesOf(90*day, 95*day), Look{}, "five days later may be chance"},
		{Excess, seriesOf(0, 20*time.Hour, 40*time.Hour), Look{}, "nothing is known yet of how often it comes"},
		{Excess, seriesOf(0, 2*day, 5*day, 9*day, 10*day, 14*day, 17*day, 18*day, 18*day+6*time.Hour), Look{}, "of many that come in a month some are close together"},
		{Periodic, seriesOf(0, 9*day, 19*day, 27*day, 36*day, 44*day, 54*day), Look{}, "six gaps are as alike by chance"},
		{Reopened, long, Look{}, "what was not over did not come back"},
		{Reopened, often, Look{}, "two of many are reopened by chance"},
		{ChangeLinked, busy, Look{ChangesADay: 24}, "a change an hour is close to everything"},
		{Excess, seriesOf(0, time.Hour, 2*time.Hour), Look{Since: epoch.Add(day)}, "what was answered for does not count again"},
		{Excess, seriesOf(0, time.Hour, 2*time.Hour), Look{RuleIncidents: 4, RuleWithin: month}, "a rule's threshold stands above the tests"},
	} {
		c.look.Now, c.look.Watch = c.s.Last().Add(30*time.Minute), epoch
		if f := find(c.s.Tests(c.look), c.test); f != nil {
			t.Errorf("%s passed (%s), but %s", c.test, f.Text, c.why)
		}
	}
}

// TestSeriesLaws: whatever comes in whatever order, the history is bounded, sorted,
// counted, and the same for every order.
func TestSeriesLaws(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		at := rapid.SliceOfNDistinct(rapid.Int64Range(0, 365*24*60), 0, KeptMax, func(m int64) int64 { return m }).Draw(t, "minutes")
		a, b := &Series{}, &Series{}
		put := func(s *Series, i int) {
			s.Put(Occurrence{Incident: itsm.IncidentNumber(i + 1), Opened: epoch.Add(time.Duration(at[i]) * time.Minute)})
		}
		for i := range at {
			put(a, i)
			put(b, len(at)-1-i)
			put(b, len(at)-1-i) // known already
		}
		if !slices.Equal(a.Kept, b.Kept) || a.Count != b.Count || a.First != b.First || a.Count != uint64(len(at)) {
			t.Fatalf("the order counts: %+v and %+v", a, b)
		}
		if !slices.IsSortedFunc(a.Kept, func(x, y Occurrence) int { return int(x.Opened - y.Opened) }) {
			t.Fatalf("not sorted: %+v", a.Kept)
		}
		l := Look{Now: a.Last().Add(time.Hour), Watch: epoch}
		one, two := a.Tests(l), b.Tests(l)
		if !slices.Equal(one, two) {
			t.Fatalf("not the same findings: %v and %v", one, two)
		}
		for _, f := range one {
			if f.Incidents > len(at) || f.Text == "" || strings.Contains(f.Text, "NaN") || strings.Contains(f.Text, "Inf") {
				t.Fatalf("finding %+v of %d incidents", f, len(at))
			}
		}
	})
}

func TestSeriesBound(t *testing.T) {
	t.Parallel()
	s := &Series{}
	for i := range 3 * KeptMax {
		s.Put(Occurrence{Incident: itsm.IncidentNumber(i + 1), Opened: epoch.Add(time.Duration(i) * time.Hour)})
	}
	if len(s.Kept) != KeptMax || s.Count != 3*KeptMax || s.First != epoch {
		t.Errorf("kept %d, counted %d since %v", len(s.Kept), s.Count, s.First)
	}
}

func TestCost(t *testing.T) {
	t.Parallel()
	s := seriesOf(60*day, 70*day, 80*day)
	c := CostOf(s.Kept, epoch.Add(90*day))
	if c != (Cost{RateMilli: 3000, Minutes: 30, People: 2}) || c.Monthly() != 180 {
		t.Errorf("three a month of 30 min with two people: %+v, %d person-minutes a month", c, c.Monthly())
	}
}

// TestEffective: the silence after which chance is less than one in twenty.
func TestEffective(t *testing.T) {
	t.Parallel()
	s := seriesOf(0, 10*day, 20*day, 30*day)
	fixed := epoch.Add(40 * day)
	at, n, in := EffectiveAt(s.Kept, fixed)
	if n != 4 || in != 40*day {
		t.Fatalf("%d incidents in %v before the fix", n, in)
	}
	if d := at.Sub(fixed); d < 56*day || d > 58*day {
		t.Errorf("effective after %v, want 57 days: 40 × (0.045^(-1/3.5) − 1)", d)
	}
	if at, _, _ := EffectiveAt(nil, fixed); at != 0 {
		t.Errorf("without incidents there is nothing to wait for, got %v", at)
	}
}
