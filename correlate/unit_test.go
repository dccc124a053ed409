package correlate

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math"
	"math/rand"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"signalbox/correlate/group"
	"signalbox/itsm"
	"signalbox/itsm/entry"
)

// wilson is the textbook formula that wilsonAtLeast avoids.
func wilson(k, n int) float64 {
	const z = 1.96
	p, m := float64(k)/float64(n), float64(n)
	return (p + z*z/(2*m) - z*math.Sqrt(p*(1-p)/m+z*z/(4*m*m))) / (1 + z*z/m)
}

func TestWilson(t *testing.T) {
	for n := 1; n <= seriesEpisodesMax; n++ {
		for k := 0; k <= n; k++ {
			for _, share := range []int{100, 500, 800, 950} {
				want := wilson(k, n)
				if math.Abs(want-float64(share)/1000) < 1e-9 {
					continue
				}
				if got := wilsonAtLeast(k, n, share); got != (want >= float64(share)/1000) {
					t.Errorf("%d of %d at least %d‰: got %v, the bound is %.4f", k, n, share, got, want)
				}
			}
		}
	}
}

func TestRoot(t *testing.T) {
	for _, v := range []int64{0, 1, 2, 3, 4, 8, 9, 15, 16, 1 << 20, 1<<40 - 1, 1 << 40, 1 << 60} {
		if r := root(v); r*r > v || (r+1)*(r+1) <= v {
			t.Errorf("root of %d: got %d", v, r)
		}
	}
}

// The storm threshold follows mean and deviation, as the float formula does.
func TestScopeThreshold(t *testing.T) {
	c := DefaultConfig()
	sc, mean, vari := scope{}, 0.0, 0.0
	rng := rand.New(rand.NewSource(1))
	for range 500 {
		x := 80 + rng.Intn(41)
		sc.x = int64(x)
		sc.closeMinute(&c)
		d := float64(x) - mean
		mean += 0.02 * d
		vari = 0.98 * (vari + 0.02*d*d)
	}
	want := math.Max(20, mean+6*math.Sqrt(max(vari, mean, 1)))
	if got := float64(sc.enterAbove(&c)) / fixed; math.Abs(got-want) > want*0.03 {
		t.Errorf("threshold: got %.1f, want %.1f within 3 %%", got, want)
	}
}

func TestTimerHeapIsTotallyOrdered(t *testing.T) {
	rng := rand.New(rand.NewSource(2))
	var want []timer
	for range 500 {
		want = append(want, timer{itsm.Time(rng.Intn(20)), wakeClass(1 + rng.Intn(4)), uint64(rng.Intn(50))})
	}
	for range 3 {
		var h timerHeap
		rng.Shuffle(len(want), func(i, j int) { want[i], want[j] = want[j], want[i] })
		for _, x := range want {
			h.push(x)
		}
		var got []timer
		for len(h) > 0 {
			got = append(got, h.pop())
		}
		if !slices.IsSortedFunc(got, func(a, b timer) int {
			switch {
			case a.before(b):
				return -1
			case b.before(a):
				return 1
			}
			return 0
		}) {
			t.Fatal("the heap does not give its timers in order")
		}
	}
}

func TestPackedText(t *testing.T) {
	e := itsm.Event{Title: strings.Repeat("long ", 60), SeverityWord: "page", GeneratorURL: "http://p", Labels: itsm.NewLabels([]itsm.Label{{Name: "a", Value: "1"}, {Name: "region", Value: "eu"}, {Name: "site", Value: "b"}}),
		Annotations: itsm.NewLabels([]itsm.Label{{Name: "summary", Value: strings.Repeat("x", 300)}})}
	text := string(packText(nil, &e))
	w := unpackText(text)
	if w.title != e.Title || w.word != e.SeverityWord || w.url != e.GeneratorURL || !w.labels.Equal(e.Labels) || !w.annotations.Equal(e.Annotations) {
		t.Errorf("got %+v", w)
	}
	if got := firstLabel(text, siteLabels); got != "b" {
		t.Errorf("site: got %q, want b: site comes before region", got)
	}
	for _, c := range []struct {
		name         string
		change       func(*itsm.Event)
		same, labels bool
	}{
		{"nothing", func(*itsm.Event) {}, true, true},
		{"title", func(e *itsm.Event) { e.Title = "x" }, false, true},
		{"word", func(e *itsm.Event) { e.SeverityWord = "x" }, false, true},
		{"url", func(e *itsm.Event) { e.GeneratorURL = "x" }, false, true},
		{"annotation", func(e *itsm.Event) { e.Annotations = nil }, false, true},
		{"label value", func(e *itsm.Event) { e.Labels = itsm.Labels{{Name: "a", Value: "2"}} }, false, false},
		{"label gone", func(e *itsm.Event) { e.Labels = nil }, false, false},
	} {
		o := e
		c.change(&o)
		if same, labels := sameText(text, &o); same != c.same || labels != c.labels {
			t.Errorf("%s changed: got same %v, labels %v", c.name, same, labels)
		}
	}
}

func TestNamesKeepTheFirst(t *testing.T) {
	var n names
	for _, k := range rand.New(rand.NewSource(3)).Perm(2000) {
		n.add(fmt.Sprintf("%04d", k))
		n.add(fmt.Sprintf("%04d", k))
	}
	if l := n.list; len(l) != itsm.IncidentCIsMax || l[0] != "0000" || l[len(l)-1] != fmt.Sprintf("%04d", itsm.IncidentCIsMax-1) || !slices.IsSorted(l) {
		t.Errorf("got %d names from %s to %s", len(l), l[0], l[len(l)-1])
	}
}

// A list that a record has stays as it was.
func TestNamesThatAreShownStay(t *testing.T) {
	var n names
	var shown, copies [][]string
	for _, k := range rand.New(rand.NewSource(4)).Perm(2000) {
		n.add(fmt.Sprintf("%04d", k))
		if k%3 == 0 {
			shown, copies = append(shown, n.show()), append(copies, slices.Clone(n.list))
		}
	}
	for at := range shown {
		if !slices.Equal(shown[at], copies[at]) {
			t.Fatalf("list %d of %d names changed after it was shown", at, len(copies[at]))
		}
	}
}

func TestConfig(t *testing.T) {
	if err := DefaultConfig().Validate(); err != nil {
		t.Fatalf("the defaults are refused: %v", err)
	}
	a, err := DefaultConfig().Canonical()
	if err != nil {
		t.Fatal(err)
	}
	c, err := ParseConfig(a)
	if err != nil {
		t.Fatal(err)
	}
	b, _ := c.Canonical()
	if string(a) != string(b) {
		t.Errorf("canonical form is not stable:\n%s\n%s", a, b)
	}
	c, err = ParseConfig([]byte(`{"quiet_gap": "4m", "resolve_after": "2m", "close_after": "30d", "sources": {}}`))
	if err != nil || c.QuietGap.Std() != 4*time.Minute || c.ResolveAfter.Std() != 2*time.Minute || c.CloseAfter.Std() != 30*24*time.Hour || len(c.Sources) != 0 || c.Hops != 3 {
		t.Errorf("got %+v, %v", c, err)
	}
	for body, want := range map[string]string{
		`{"resolve_after": "-1m"}`:                          "resolve_after: -1m0s: expected",
		`{"resolve_after": 5}`:                              `duration 5: expected a string such as "5m"`,
		`{"resolve_after": "soon"}`:                         "expected a number and a unit",
		`{"flap_settled": 9}`:                               "flap_settled: 9: expected fewer than flap_transitions",
		`{"hold_share_milli": 1000}`:                        "hold_share_milli: 1000: expected 1 to 999",
		`{"storm_pages_from": ""}`:                          "storm_pages_from",
		`{"connectors": [{"name": "a"}, {"name": "a"}]}`:    `connectors[1].name: "a": expected a name no other connector has`,
		`{"connectors": [{"name": "a", "page_budget":-1}]}`: "connectors[0].page_budget: -1: expected 0 or more",
		`{"sources": {"x": {"stale_after": "-5m"}}}`:        "sources.x",
		`{"lease_min": "2h", "lease_max": "1h"}`:            "lease_max: 1h0m0s: expected at least lease_min",
		`{"hops": 99}`:                                      "hops",
	} {
		if _, err := ParseConfig([]byte(body)); err == nil || !strings.Contains(err.Error(), want) && !strings.Contains(fmt.Sprint(unwrapped(err)), want) {
			t.Errorf("%s: got %v, want %q", body, err, want)
		}
	}
}

func unwrapped(err error) error {
	if e, ok := err.(*itsm.Error); ok && e.Err != nil {
		return e.Err
	}
	return err
}

// Every constant of package group can be set from the configuration.
func TestGroupingIsComplete(t *testing.T) {
	var g group.Config
	v := reflect.ValueOf(&g).Elem()
	for i := range v.NumField() {
		v.Field(i).SetInt(int64(i+1) * 1000)
	}
	c := Config{Grouping: groupingOf(g), ReopenWithin: Duration(g.Reopen)}
	if got := c.grouping(); got != g {
		t.Errorf("got %+v, want %+v", got, g)
	}
}

// What is remembered to recognise repeats is bounded, the oldest goes first.
func TestRepeatsAreBounded(t *testing.T) {
	var r repeats
	for k := range repeatsMax + 10 {
		r.put(fmt.Sprint(k), itsm.Time(k), itsm.Outcome{})
		r.forget(itsm.Time(k), idempotencyKept)
	}
	if _, ok := r.byKey["9"]; ok || len(r.byKey) != repeatsMax || len(r.order) != repeatsMax {
		t.Errorf("%d keys in order, %d by key, want %d and the oldest gone", len(r.order), len(r.byKey), repeatsMax)
	}
	r.forget(itsm.Time(repeatsMax+9)+idempotencyKept+1, idempotencyKept)
	if len(r.byKey)+len(r.order) != 0 {
		t.Errorf("%d keys are left after a day", len(r.byKey))
	}
}

func TestQuarantineAndTombstonesAreBounded(t *testing.T) {
	s := newWorld(t, DefaultConfig()).s
	for k := range quarantineMax + 5 {
		s.Step(Input{Offset: itsm.Offset(k + 1), At: epoch, Delivery: &entry.Delivery{Source: "am", Bad: []entry.Bad{{ID: fmt.Sprint(k)}},
			Events: []itsm.Event{{Source: "am", Identity: fmt.Sprint(k), Status: itsm.Resolved}}}})
	}
	if len(s.quarantines) != quarantineMax || len(s.quarantineIDs) != quarantineMax {
		t.Errorf("%d in quarantine, want %d", len(s.quarantines), quarantineMax)
	}
	if n := len(s.sources["am"].tombs); n != quarantineMax+5 {
		t.Errorf("%d tombstones, want %d", n, quarantineMax+5)
	}
	s.Step(Input{Offset: 99999, At: epoch + 11*minuteMS, Delivery: &entry.Delivery{Source: "am"}})
	if n := len(s.sources["am"].tombs) + len(s.sources["am"].tombFIF); n != 0 {
		t.Errorf("%d tombstones are left after ten minutes", n)
	}
}

// Dead alerts and closed incidents are forgotten, and with them the CIs.
func TestForgetting(t *testing.T) {
	w := newWorld(t, DefaultConfig())
	fire := func(id string, st itsm.Status) {
		w.do(Input{Delivery: &entry.Delivery{Source: "am", Events: []itsm.Event{{Source: "am", Identity: id, CIName: id, Status: st, Severity: itsm.Major, StartsAt: epoch}}}})
	}
	fire("a", itsm.Firing)
	fire("b", itsm.Firing)
	w.at += minuteMS
	fire("a", itsm.Resolved)
	w.until(w.at + 8*24*60*minuteMS)
	fire("b", itsm.Firing)
	if w.s.alerts.Len() != 1 || w.s.alerts.Get(2) == nil {
		t.Fatalf("%d alerts have state, want only b, which fires", w.s.alerts.Len())
	}
	w.until(w.at + 8*24*60*minuteMS)
	w.do(Input{Tick: true})
	if len(w.s.incidents) != 1 || len(w.s.cis) != 1 {
		t.Fatalf("%d incidents and %d CIs have state, want b's alone", len(w.s.incidents), len(w.s.cis))
	}
	w.do(Input{Act: &itsm.Act{Kind: itsm.ActNote, Incident: 1, Actor: "x", Text: "late"}})
	if w.outcome.Code != itsm.Conflict {
		t.Errorf("a note on a forgotten incident: got %+v, want a conflict", w.outcome)
	}
	fire("a", itsm.Firing)
	if w.alerts[3].Status != itsm.Firing {
		t.Error("a forgotten alert that fires again is a new one")
	}
	checkInvariants(t, w)
}

// An incident of a forgotten alert that turns up again keeps its numbers dense.
func TestNumbersAreDense(t *testing.T) {
	sc := runScenario(t, "testdata/merge_split.txt")
	for n := range sc.s.lastIncident {
		if _, ok := sc.incidents[n+1]; !ok {
			t.Errorf("there is no record of incident %d of %d", n+1, sc.s.lastIncident)
		}
	}
}

func TestIntentKey(t *testing.T) {
	k := intentKey(7, 1, itsm.Trigger, 1, "pd")
	if len(k) != 32 || k != intentKey(7, 1, itsm.Trigger, 1, "pd") {
		t.Errorf("key %q: want 32 hex digits, always the same", k)
	}
	for _, o := range []string{intentKey(8, 1, itsm.Trigger, 1, "pd"), intentKey(7, 2, itsm.Trigger, 1, "pd"), intentKey(7, 1, itsm.Update, 1, "pd"),
		intentKey(7, 1, itsm.Trigger, 2, "pd"), intentKey(7, 1, itsm.Trigger, 1, "jira")} {
		if o == k {
			t.Errorf("two intents share the key %s", k)
		}
	}
	sum := sha256.Sum256([]byte("INC0000007/4000000000/acknowledge/12/pd eu")) // partners were given keys like this
	if got, want := intentKey(7, 4_000_000_000, itsm.Acknowledge, 12, "pd eu"), hex.EncodeToString(sum[:16]); got != want {
		t.Errorf("key %s, want %s", got, want)
	}
}

func TestTopUnbound(t *testing.T) {
	s := newWorld(t, DefaultConfig()).s
	count := func(id string) { s.countBinding(&alert{ci: &ci{id: id, provisional: true}}) }
	for k := range 5000 {
		count("often")
		count(fmt.Sprint("rare", k))
	}
	if got := s.topUnbound(); len(s.unbound) > unboundKept || len(got) > unboundShown || got[0].Name != "often" || got[0].N < 5000 {
		t.Errorf("%d keys kept, the first is %+v", len(s.unbound), got[0])
	}
}
