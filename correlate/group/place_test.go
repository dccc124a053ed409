package group

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"signalbox/itsm"
)

// shop is an application: web calls api and auth, both use db; db runs on host1.
// Crm is another one that has nothing to do with it.
const shop = `
web calls api
web calls auth
api connects_to db
auth connects_to db
db runs_on host1
crm calls crmdb
alone
`

// scene is one thing that happens in a scenario: an onset, with the incident it
// belongs to ("1"), or the end of an alert ("end"), or the resolving of an
// incident ("resolve 1").
type scene struct {
	at    time.Duration
	alert string
	want  string
	by    string // kind of evidence, "" when the scenario does not care
}

const (
	s = time.Second
	m = time.Minute
)

func TestPlace(t *testing.T) {
	for _, tc := range []struct {
		name  string
		cmdb  string
		steps []scene
	}{
		{"a dependant joins the incident of what it depends on", shop, []scene{
			{0, "db:Down", "1", "first"}, {1 * m, "api:Errors", "1", "topology"}, {2 * m, "web:Slow", "1", ""}}},
		{"dependants of a silent cause share it", shop, []scene{
			{0, "api:Errors", "1", "first"}, {30 * s, "auth:Errors", "1", ""}}},
		{"an unrelated application stays apart", shop, []scene{
			{0, "db:Down", "1", ""}, {5 * s, "crm:Down", "2", "first"}, {10 * s, "crmdb:Down", "2", ""}, {15 * s, "api:Errors", "1", ""}}},
		{"a CI without relations stays apart", shop, []scene{
			{0, "db:Down", "1", ""}, {5 * s, "alone:Down", "2", "first"}}},
		{"the quiet gap ends joins by topology", shop, []scene{
			{0, "db:Down", "1", ""}, {5*m + 1*s, "api:Errors", "2", "first"}}},
		{"each join starts the quiet gap anew", shop, []scene{
			{0, "db:Down", "1", ""}, {4 * m, "api:Errors", "1", ""}, {8 * m, "web:Slow", "1", ""}}},
		{"the lifetime ends joins by topology", shop, []scene{
			{0, "db:Down", "1", ""}, {4 * m, "api:A", "1", ""}, {8 * m, "api:B", "1", ""}, {12 * m, "api:C", "1", ""},
			{16 * m, "api:D", "1", ""}, {20 * m, "api:E", "1", ""}, {24 * m, "api:F", "1", ""}, {28 * m, "api:G", "1", ""},
			{30*m + 1*s, "web:Slow", "2", ""}}},
		{"next to several of which one still fires it joins after the quiet gap", shop, []scene{
			{0, "db:Down", "1", ""}, {10 * s, "api:Errors", "1", ""}, {9 * m, "web:Slow", "1", "near"}}},
		{"but not next to what has ended", shop, []scene{
			{0, "db:Down", "1", ""}, {10 * s, "api:Errors", "1", ""}, {4 * m, "api:Errors", "end", ""}, {9 * m, "web:Slow", "2", "first"}}},
		{"nor further away", shop, []scene{
			{0, "host1:Down", "1", ""}, {10 * s, "db:Down", "1", ""}, {6 * m, "web:Slow", "2", "first"}}},
		{"nor next to a lone alert that goes on", shop, []scene{
			{0, "db:Down", "1", ""}, {9 * m, "api:Errors", "2", "first"}}},
		{"nor a quarter of an hour later", shop, []scene{
			{0, "db:Down", "1", ""}, {10 * s, "api:Errors", "1", ""}, {15 * m, "web:Slow", "2", "first"}}},
		{"a firing CI keeps its incident for half an hour", shop, []scene{
			{0, "db:Down", "1", ""}, {29 * m, "db:Slow", "1", "same_ci"}}},
		{"after that a new one follows on", shop, []scene{
			{0, "db:Down", "1", ""}, {31 * m, "db:Slow", "2 after 1", "first"}}},
		{"a CI that no longer fires has the quiet gap only", shop, []scene{
			{0, "db:Down", "1", ""}, {1 * m, "db:Down", "end", ""}, {10 * m, "db:Slow", "2 after 1", ""}}},
		{"an alert that fires again soon after its incident resolved returns to it", shop, []scene{
			{0, "db:Down", "1", ""}, {1 * m, "db:Down", "end", ""}, {6 * m, "", "resolve 1", ""}, {15 * m, "db:Down", "1", "same_ci"}}},
		{"later it is a follow-on", shop, []scene{
			{0, "db:Down", "1", ""}, {1 * m, "db:Down", "end", ""}, {6 * m, "", "resolve 1", ""}, {17 * m, "db:Down", "2 after 1", ""}}},
		{"one of many alerts does not bring an incident back", shop, []scene{
			{0, "db:A", "1", ""}, {1 * s, "db:B", "1", ""}, {2 * s, "api:C", "1", ""}, {3 * s, "web:D", "1", ""},
			{6 * m, "", "resolve 1", ""}, {8 * m, "db:A", "2 after 1", ""}}},
		{"a resolved incident takes no other alert", shop, []scene{
			{0, "db:Down", "1", ""}, {10 * s, "", "resolve 1", ""}, {20 * s, "api:Errors", "2", ""}}},
		{"provisional CIs join by key", shop, []scene{
			{0, "?svc/x:Down", "1", "first"}, {10 * s, "?svc/x:Slow", "1", "provisional_ci"}, {20 * s, "?svc/y:Down", "2", "first"}}},
		{"of two incidents the nearer one is joined", "a calls b\nb calls c\nc calls d\nd calls e\ne calls f\nf calls g\n", []scene{
			{0, "a:Down", "1", ""}, {1 * s, "g:Down", "2", "first"}, {2 * s, "e:Down", "2", ""}, {3 * s, "c:Down", "1", ""}}},
		{"a hub does not bridge", "hub\n" + many(30, "app%d connects_to hub"), []scene{
			{0, "app1:Down", "1", ""}, {1 * s, "app2:Down", "2", "first"}}},
		{"a shared node of many does not bridge once the incident is elsewhere", shop + many(12, "pod%d runs_on host1"), []scene{
			{0, "web:Slow", "1", ""}, {1 * s, "api:Slow", "1", ""}, {2 * s, "auth:Slow", "1", ""}, {3 * s, "pod1:Down", "2", "first"}}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w := newWorld(t, tc.cmdb)
			for _, st := range tc.steps {
				w.step(t, st)
			}
		})
	}
}

func (w *world) step(t *testing.T, st scene) {
	t.Helper()
	if st.want == "end" {
		w.end(st.at, st.alert)
		return
	}
	if n, ok := strings.CutPrefix(st.want, "resolve "); ok {
		var number itsm.IncidentNumber
		fmt.Sscan(n, &number)
		w.g.Resolve(number, epoch.Add(st.at))
		return
	}
	got := fmt.Sprint(uint64(w.fire(st.at, st.alert)))
	if w.last.Follows != 0 {
		got += fmt.Sprint(" after ", uint64(w.last.Follows))
	}
	if got != st.want || (st.by != "" && st.by != w.last.Evidence.By) {
		t.Fatalf("%s %s: got incident %s by %s, want %s by %s\nevidence %+v", st.at, st.alert, got, w.last.Evidence.By, st.want, st.by, w.last.Evidence)
	}
}

func TestSenderGroup(t *testing.T) {
	w := newWorld(t, shop)
	in := func(name string) func(*Probe) { return func(p *Probe) { p.SenderGroup = name } }
	w.fire(0, "?x:Down", in("g1"))
	if n := w.fire(10*s, "?y:Down", in("g1")); n != 1 || w.last.Evidence.By != "sender_group" {
		t.Errorf("unbound alerts of one sender group: incident %d by %s, want 1 by sender_group", n, w.last.Evidence.By)
	}
	if n := w.fire(20*s, "?z:Down", in("g2")); n != 2 {
		t.Errorf("another sender group: incident %d, want 2", n)
	}
	if n := w.fire(30*s, "db:Down", in("g1")); n != 3 {
		t.Errorf("a bound alert of the sender group: incident %d, want 3: the CMDB knows better", n)
	}
}

func TestRuleIsBinding(t *testing.T) {
	w := newWorld(t, shop)
	by := func(p *Probe) { p.Rule, p.RuleID, p.Revision = "batch", "nightly", 7 }
	w.fire(0, "crm:Down", by)
	w.fire(1*s, "db:Down")
	if n := w.fire(20*m, "api:Errors", by); n != 1 || w.last.Evidence.By != "rule" || w.last.Evidence.Rule != "nightly" || w.last.Evidence.Revision != 7 {
		t.Errorf("an alert of the rule: incident %d, evidence %+v, want 1 by rule nightly", n, w.last.Evidence)
	}
}

// TestLateIsNoCause: what an outage reaches a quiet gap later did not begin it, however
// much depends on it.
func TestLateIsNoCause(t *testing.T) {
	w := newWorld(t, shop)
	w.fire(0, "api:Errors")
	w.fire(10*s, "auth:Errors")
	if n := w.fire(9*m, "db:Slow"); n != 1 || w.last.Evidence.By != "near" || !strings.HasSuffix(w.last.Evidence.Because, ", which still fires") {
		t.Fatalf("the database that both use: incident %d, evidence %+v, want 1 next to what still fires", n, w.last.Evidence)
	}
	before := newWorld(t, shop)
	before.fire(0, "api:Errors")
	before.fire(10*s, "auth:Errors")
	a, b := w.g.Causes(1), before.g.Causes(1)
	for i := range b {
		if a[i].CI != b[i].CI || a[i].CI != "db" && a[i].ScoreMilli != b[i].ScoreMilli {
			t.Errorf("cause %d: %s %d after the late alert, %s %d before", i+1, a[i].CI, a[i].ScoreMilli, b[i].CI, b[i].ScoreMilli)
		}
	}
}

func TestRaisingAloneNeverJoins(t *testing.T) {
	w := newWorld(t, shop)
	same := func(p *Probe) { labels("service", "checkout", "env", "prod")(p); p.Title = "checkout is slow" }
	w.fire(0, "db:Slow", same)
	if n := w.fire(5*s, "crm:Slow", same); n != 2 {
		t.Errorf("same service, environment and title on unrelated CIs: incident %d, want 2", n)
	}
}

func TestHubIsNotRaised(t *testing.T) {
	w := newWorld(t, many(30, "app%d connects_to hub"))
	same := func(p *Probe) { p.Title = "service is down" }
	w.fire(0, "app1:Down", same)
	if n := w.fire(5*s, "app2:Down", same); n != 2 {
		t.Errorf("two users of a hub with one title: incident %d by %s, want 2", n, w.last.Evidence.By)
	}
	if n := w.fire(10*s, "hub:Down", same); n == 0 || w.in["hub:Down"] > 2 {
		t.Errorf("the hub itself: incident %d, want that of one of its users", n)
	}
}

func TestLearnedRelationJoins(t *testing.T) {
	w := newWorld(t, shop)
	w.fire(0, "db:Slow")
	ref, _ := w.cmdb.Lookup("db")
	if n := w.fire(5*s, "crm:Slow", func(p *Probe) { p.Learned = append(p.Learned, ref) }); n != 1 || w.last.Evidence.By != "learned" {
		t.Errorf("an approved relation: incident %d by %s, want 1 by learned", n, w.last.Evidence.By)
	}
}

func TestObservedRelation(t *testing.T) {
	w := newWorld(t, "prod/a\nprod/b\nprod/c\nother/d\n")
	w.fire(0, "prod/b:Slow")
	if n := w.fire(5*s, "prod/a:Slow", labels("caller", "b")); n != 1 || w.last.Evidence.By != "observed" {
		t.Errorf("an alert that names b as its caller: incident %d by %s, want 1 by observed", n, w.last.Evidence.By)
	}
	w.fire(5*m+30*s, "other/d:Slow")
	if n := w.fire(5*m+31*s, "prod/c:Slow", labels("caller", "d")); n != 3 {
		t.Errorf("an alert that names a CI of another environment: incident %d, want 3", n)
	}
	w.fire(50*m, "prod/c:Slow", labels("node", "n1"))
	if n := w.fire(50*m+5*s, "?n1:Full", labels("node", "n1", "env", "prod")); n != 4 {
		t.Errorf("an unknown node that c was named with: incident %d, want 4", n)
	}
	if n := w.fire(50*m+6*s, "?n1x:Full", labels("node", "n1", "env", "other")); n != 5 {
		t.Errorf("a node of that name in another environment: incident %d, want 5", n)
	}
}

func TestHotMerges(t *testing.T) {
	w := newWorld(t, many(24, "app%d connects_to bus"))
	for i := range 5 {
		w.fire(time.Duration(i)*10*s, fmt.Sprintf("app%d:Down", i))
	}
	if w.next != 5 {
		t.Fatalf("%d incidents before the bus turned hot, want 5", w.next)
	}
	for i := range 5 {
		w.fire(60*s+time.Duration(i)*s, fmt.Sprintf("app%d:Down", 5+i))
	}
	for a, n := range w.in {
		if n != 1 {
			t.Errorf("%s is in incident %d, want 1: the bus is hot", a, n)
		}
	}
}

func TestSecondWave(t *testing.T) {
	w := newWorld(t, many(18, "core calls s%d"))
	storm := func(at time.Duration) (last itsm.IncidentNumber) {
		for i := range 40 {
			last = w.fire(at+time.Duration(i)*s, fmt.Sprintf("s%d:A%d", i%18, i))
		}
		return last
	}
	storm(0)
	for i := range 4 { // the tail: nearly still, but never a quiet gap
		w.fire(2*m+time.Duration(i)*m, fmt.Sprintf("s%d:Tail%d", i, i))
	}
	if n := storm(6 * m); n != 2 {
		t.Errorf("the end of the second storm is in incident %d, want 2", n)
	}
	if w.next != 2 || w.g.groups[2] == nil || w.g.groups[2].members.len() < 25 {
		t.Errorf("%d incidents, want 2, the second with most of the second storm", w.next)
	}
	w = newWorld(t, many(18, "core calls s%d"))
	for i := range 80 { // one storm that swells
		w.fire(time.Duration(i*i/40)*s, fmt.Sprintf("s%d:A%d", i%18, i))
	}
	if w.next != 1 {
		t.Errorf("one swelling storm made %d incidents, want 1", w.next)
	}
}

func TestChronicStaysApart(t *testing.T) {
	w := newWorld(t, shop)
	at := time.Duration(0)
	for range 40 { // fires every four minutes for hours
		w.fire(at, "api:Noise")
		w.end(at+2*m, "api:Noise")
		at += 4 * m
	}
	noise := w.in["api:Noise"]
	first := w.fire(at, "db:Down")
	if first == noise {
		t.Errorf("an outage joined the incident of a chronic alert")
	}
	if n := w.fire(at+1*m, "api:Noise"); n != noise || !w.last.Chronic {
		t.Errorf("a chronic alert during an outage: incident %d, chronic %v, want its own, %d", n, w.last.Chronic, noise)
	}
	for range 4 {
		at += 4 * m
		w.fire(at, "api:Noise")
		w.end(at+2*m, "api:Noise")
	}
	if second := w.fire(at+1*m, "web:Slow"); second == first {
		t.Errorf("a chronic alert kept the quiet gap of incident %d open", first)
	}
}

func TestMaybeRelated(t *testing.T) {
	w := newWorld(t, "a calls b\nb calls c\nc calls d\nd calls e\ne calls f\n")
	w.fire(0, "a:Down")
	if n := w.fire(1*m, "f:Down"); n != 2 || len(w.last.Maybe) != 1 || w.last.Maybe[0].Incident != 1 || w.last.Maybe[0].Because == "" {
		t.Errorf("a far neighbour: incident %d, maybe %+v, want 2 and maybe 1", n, w.last.Maybe)
	}
}

func TestEvidence(t *testing.T) {
	w := newWorld(t, shop)
	w.fire(0, "db:Down")
	w.fire(10*s, "api:Errors")
	e := w.last.Evidence
	if e.Shared != "db" || strings.Join(e.Path, ">") != "api>db" || e.Coverage != "2 of 2 alerting CIs depend on db" ||
		e.ScoreMilli <= e.ThresholdMilli || e.Decision != itsm.DecidedJoined || e.CMDBRevision == 0 || e.WouldSplit == "" || e.Because == "" {
		t.Errorf("evidence of a join by topology is incomplete: %+v", e)
	}
}

// TestPaceFollowsRhythm: a busy source that reports every minute has a quiet gap
// of two and a quarter minutes, a new source five.
func TestPaceFollowsRhythm(t *testing.T) {
	w := newWorld(t, shop+many(60, "x%d calls y%[1]d"))
	for i := range 50 {
		w.fire(time.Duration(i)*m, fmt.Sprintf("x%d:Busy", i))
	}
	if got := w.g.paceOf(w.g.ruleOf[ruleKey{"s", "Busy"}]); got != 135_000 {
		t.Errorf("quiet gap of a rule that reports every minute: %d ms, want 135000", got)
	}
	if got := w.g.paceOf(0); got != 300_000 {
		t.Errorf("quiet gap of an unknown rule: %d ms, want 300000", got)
	}
	w.fire(50*m, "db:Busy")
	w.fire(50*m+1*s, "auth:Busy")
	if n := w.fire(54*m, "api:Busy"); n == w.in["db:Busy"] {
		t.Errorf("next to what still fires, of a rule that reports every minute: joined %d after four minutes, want another", n)
	}
	slow := newWorld(t, many(60, "x%d calls y%[1]d"))
	for i := range 30 {
		slow.fire(time.Duration(i)*5*m, fmt.Sprintf("x%d:Slow", i))
	}
	if got := slow.g.paceOf(slow.g.ruleOf[ruleKey{"s", "Slow"}]); got != 360_000 {
		t.Errorf("quiet gap of a rule that reports every five minutes: %d ms, want 360000: the next report may be late", got)
	}
}

// TestSparse: where alerts show that relations are missing, nearness reaches
// farther in time.
func TestSparse(t *testing.T) {
	chain := "a calls b\nb calls c\nc calls d\nd calls e\n" + many(60, "lone%d")
	w := newWorld(t, chain)
	w.fire(100*m, "a:Down")
	if n := w.fire(104*m, "e:Down"); n != 2 {
		t.Fatalf("complete CMDB: four hops and four minutes: incident %d, want 2", n)
	}
	w = newWorld(t, chain)
	for i := range 60 {
		w.fire(time.Duration(i)*s, fmt.Sprintf("lone%d:Down", i))
	}
	before := w.fire(100*m, "a:Down")
	if n := w.fire(104*m, "e:Down"); n != before {
		t.Errorf("sparse CMDB: four hops and four minutes: incident %d, want %d", n, before)
	}
}
