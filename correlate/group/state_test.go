package group

import (
	"bytes"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"signalbox/itsm"
	"signalbox/itsm/cmdb"
)

// lab is a CMDB of two applications and what has no relations.
const lab = `
web calls api
web calls auth
api connects_to db
auth connects_to db
db runs_on host1
api has_instance api1
api has_instance api2
crm calls crmdb
crm runs_on host1
alone
` + "a1 connects_to bus\na2 connects_to bus\na3 connects_to bus\na4 connects_to bus\na5 connects_to bus\na6 connects_to bus\n" +
	"a7 connects_to bus\na8 connects_to bus\na9 connects_to bus\na10 connects_to bus\na11 connects_to bus\n"

// play drives a world with random calls, as a caller makes them.
func play(t *rapid.T, w *world, steps int, each func(i int)) {
	names := []string{"web", "api", "auth", "db", "host1", "api1", "crm", "crmdb", "alone", "?k1", "?k2", "a1", "a2", "a3", "a4", "a5", "bus"}
	at := time.Duration(0)
	for i := range steps {
		at += time.Duration(rapid.SampledFrom([]int{0, 1, 5, 30, 120, 400, 2000}).Draw(t, "wait")) * s
		alert := rapid.SampledFrom(names).Draw(t, "ci") + ":" + rapid.SampledFrom([]string{"A", "B"}).Draw(t, "rule")
		switch op := rapid.IntRange(0, 19).Draw(t, "op"); {
		case op < 12:
			w.fire(at, alert, func(p *Probe) {
				p.SenderGroup = rapid.SampledFrom([]string{"", "g"}).Draw(t, "group")
				p.Rule = rapid.SampledFrom([]string{"", "", "", "", "r"}).Draw(t, "key")
				p.Title = rapid.SampledFrom([]string{"", "x is down", "disk 93% full"}).Draw(t, "title")
				labels("host", rapid.SampledFrom([]string{"n1", "host1"}).Draw(t, "host"))(p)
			})
		case op < 15:
			w.end(at, alert)
		case w.next == 0:
		default:
			w.admin(t, op, at, alert)
		}
		each(i)
	}
}

// admin does what people and the lifecycle do to incidents.
func (w *world) admin(t *rapid.T, op int, at time.Duration, alert string) {
	n := itsm.IncidentNumber(rapid.IntRange(1, int(w.next)).Draw(t, "incident"))
	switch op {
	case 15:
		w.g.Resolve(n, epoch.Add(at))
	case 16:
		w.g.Reopen(n, epoch.Add(at))
	case 17:
		w.g.Close(n)
	case 18:
		o := itsm.IncidentNumber(rapid.IntRange(1, int(w.next)).Draw(t, "into"))
		w.g.Merge(o, n)
	case 19:
		w.g.Leave(w.in[alert], w.alerts[alert], 1)
	}
}

// TestIndexesAreWhatGroupsImply recomputes every index and count from scratch
// after each call.
func TestIndexesAreWhatGroupsImply(tt *testing.T) {
	rapid.Check(tt, func(t *rapid.T) {
		w := newWorld(tt, lab)
		play(t, w, 60, func(int) { checkIndexes(t, w.g) })
	})
}

func checkIndexes(t *rapid.T, g *Grouper) {
	byCI, byExplain := map[cmdb.Ref][]itsm.IncidentNumber{}, map[cmdb.Ref][]itsm.IncidentNumber{}
	byKey, bySender, byRule := map[string][]itsm.IncidentNumber{}, map[string][]itsm.IncidentNumber{}, map[string][]itsm.IncidentNumber{}
	for _, n := range g.numbers() {
		gr := g.groups[n]
		checkGroup(t, g, gr)
		if gr.joinable && !gr.warm {
			t.Fatalf("%s is joinable but not warm", n)
		}
		for _, y := range gr.cover.keys() {
			byExplain[y] = append(byExplain[y], n)
		}
		if !gr.warm {
			continue
		}
		for _, ci := range gr.cis.keys() {
			byCI[ci] = append(byCI[ci], n)
		}
		for _, k := range gr.keys.keys() {
			byKey[k] = append(byKey[k], n)
		}
		for _, k := range gr.senders {
			bySender[k] = append(bySender[k], n)
		}
		for _, k := range gr.ruleKeys {
			byRule[k] = append(byRule[k], n)
		}
	}
	same(t, "on CIs", localLists(g, func(at *local) []*group { return at.groups }), byCI)
	same(t, "explained by CIs", localLists(g, (*local).explainedGroups), byExplain)
	same(t, "byKey", g.byKey, byKey)
	same(t, "bySender", g.bySender, bySender)
	same(t, "byRule", g.byRule, byRule)
}

// localLists are the lists of groups that CIs have.
func localLists(g *Grouper, of func(*local) []*group) map[cmdb.Ref][]*group {
	out := map[cmdb.Ref][]*group{}
	for _, ci := range g.locals.that(func(at *local) bool { return len(of(at)) > 0 }) {
		out[ci] = of(g.locals.of(ci))
	}
	return out
}

func (at *local) explainedGroups() (out []*group) {
	for _, e := range at.explains {
		out = append(out, e.gr)
	}
	return out
}

func same[K comparable](t *rapid.T, name string, got map[K][]*group, want map[K][]itsm.IncidentNumber) {
	have := map[K][]itsm.IncidentNumber{}
	for k, list := range got {
		for _, gr := range list {
			have[k] = append(have[k], gr.n)
		}
	}
	if !reflect.DeepEqual(have, want) {
		t.Fatalf("%s: got %v, want %v", name, have, want)
	}
}

// checkGroup recounts one group from its members.
func checkGroup(t *rapid.T, g *Grouper, gr *group) {
	firing, chronic := int32(0), int32(0)
	count, mass := map[string]int32{}, map[string]int64{}
	for _, kept := range gr.members.list {
		m := kept.val
		if gr.members.get(kept.key).ci != m.ci {
			t.Fatalf("%s: member %d is not found where it is kept", gr.n, kept.key)
		}
		if m.chronic {
			chronic++
		} else if m.firing {
			firing++
		}
		k := fmt.Sprint(m.ci, m.key)
		count[k]++
		mass[k] += m.mass
	}
	if firing != gr.firing || chronic != gr.chronic {
		t.Fatalf("%s: firing %d chronic %d, recounted %d %d", gr.n, gr.firing, gr.chronic, firing, chronic)
	}
	for _, ci := range gr.cis.keys() {
		sp := gr.cis.get(ci)
		if k := fmt.Sprint(ci, ""); sp.members != count[k] || sp.mass != mass[k] {
			t.Fatalf("%s: spot of %d %+v, recounted %d members of mass %d", gr.n, ci, *sp, count[k], mass[k])
		}
	}
	if gr.cis.len()+gr.keys.len() != len(count) {
		t.Fatalf("%s: %d CIs and %d keys, recounted %d", gr.n, gr.cis.len(), gr.keys.len(), len(count))
	}
	type cover struct {
		n   int32
		sum int64
	}
	want := map[cmdb.Ref]cover{}
	if gr.joinable {
		for _, ci := range gr.cis.keys() {
			for _, r := range g.cmdb.Explains(ci, g.c.Hops, nil) {
				c := want[r.Ref]
				want[r.Ref] = cover{c.n + 1, c.sum + int64(power(g.c.GammaMilli, r.Hops))}
			}
		}
	}
	have := map[cmdb.Ref]cover{}
	for _, y := range gr.cover.keys() {
		at := g.locals.of(y)
		i, found := findExplained(at.explains, gr)
		if !found {
			t.Fatalf("%s: CI %d covers some of it and does not list it", gr.n, y)
		}
		have[y] = cover{at.explains[i].n, at.explains[i].sum}
	}
	if !maps.Equal(have, want) {
		t.Fatalf("%s: cover %v, recounted %v", gr.n, have, want)
	}
}

// TestReplayAndResume: equal calls give equal placements, causes and encodings,
// with and without a detour over Encode and Decode at any point.
func TestReplayAndResume(tt *testing.T) {
	rapid.Check(tt, func(t *rapid.T) {
		cut := rapid.IntRange(0, 59).Draw(t, "cut")
		a, b := newWorld(tt, lab), newWorld(tt, lab)
		twin(t, a, b, 60, cut)
		if !bytes.Equal(a.encode(), b.encode()) {
			t.Fatalf("the states differ after a detour over an encoding at step %d", cut)
		}
		for n := itsm.IncidentNumber(1); n <= a.next; n++ {
			if x, y := a.g.Causes(n), b.g.Causes(n); !reflect.DeepEqual(x, y) {
				t.Fatalf("causes of %s: %v and %v", n, x, y)
			}
		}
	})
}

// twin plays the same calls on both worlds; b goes over an encoding once.
func twin(t *rapid.T, a, b *world, steps, cut int) {
	type call struct {
		at    time.Duration
		alert string
		end   bool
	}
	var calls []call
	at := time.Duration(0)
	for range steps {
		at += time.Duration(rapid.SampledFrom([]int{0, 1, 5, 30, 120, 400, 2000}).Draw(t, "wait")) * s
		ci := rapid.SampledFrom([]string{"web", "api", "auth", "db", "crm", "alone", "?k1", "a1", "a2", "a3", "a4", "a5", "a6", "bus"}).Draw(t, "ci")
		calls = append(calls, call{at, ci + ":A", rapid.IntRange(0, 3).Draw(t, "end") == 0})
	}
	for i, c := range calls {
		if i == cut {
			g, err := Decode(bytes.NewReader(b.encode()), b.g.c, b.cmdb)
			if err != nil {
				t.Fatal(err)
			}
			b.g = g
		}
		for _, w := range []*world{a, b} {
			if c.end {
				w.end(c.at, c.alert)
			} else {
				w.fire(c.at, c.alert, labels("host", "n1"))
			}
		}
		if !c.end && !reflect.DeepEqual(a.last, b.last) {
			t.Fatalf("step %d %s: placed %+v and %+v", i, c.alert, a.last, b.last)
		}
	}
}

// TestRetiredCISurvivesASnapshot: what is retired while it alerts keeps its place.
func TestRetiredCISurvivesASnapshot(t *testing.T) {
	w := newWorld(t, lab)
	w.fire(0, "db:Down")
	w.fire(1*s, "api:Down")
	doc, problems := cmdb.Parse(cmdb.JSON, strings.NewReader(`{"cis":[{"id":"api","name":"api","class":"Service"}],"relations":[]}`))
	changes, _, more := w.cmdb.Plan(doc, "test", true)
	next := w.cmdb.Apply(changes)
	if _, ok := next.Lookup("db"); ok {
		t.Fatalf("db was not retired: %v %v", problems, more)
	}
	w.cmdb = next
	w.g.SetGraph(next)
	before := w.encode()
	g, err := Decode(bytes.NewReader(before), w.g.c, next)
	if err != nil {
		t.Fatal(err)
	}
	w.g = g
	if !bytes.Equal(before, w.encode()) {
		t.Error("the state differs after a snapshot with a retired CI")
	}
	if n := w.fire(2*s, "api:Slow"); n != 1 {
		t.Errorf("next onset: incident %d, want 1", n)
	}
}

func TestDecodeRefusesDamage(t *testing.T) {
	w := newWorld(t, lab)
	w.fire(0, "db:Down")
	w.fire(1*s, "?k1:Down")
	whole := w.encode()
	for n := range whole {
		if _, err := Decode(bytes.NewReader(whole[:n]), w.g.c, w.cmdb); itsm.CodeOf(err) != itsm.Invalid {
			t.Fatalf("an encoding cut to %d of %d bytes: %v, want invalid", n, len(whole), err)
		}
	}
	newer := slices.Clone(whole)
	newer[0]++
	if _, err := Decode(bytes.NewReader(newer), w.g.c, w.cmdb); itsm.CodeOf(err) != itsm.Invalid {
		t.Fatalf("an encoding of a newer version: %v, want invalid", err)
	}
}

// TestRevisionProposes: a relation that comes late moves nobody and proposes.
func TestRevisionProposes(t *testing.T) {
	w := newWorld(t, shop)
	w.fire(0, "db:Down")
	w.fire(1*s, "crm:Down")
	next := relate(t, w.cmdb, "crm calls crmdb\ncrm connects_to db\n")
	got := w.g.SetGraph(next)
	if len(got) != 1 || got[0].Incident != 2 || got[0].Candidate.Incident != 1 || got[0].Because == "" {
		t.Errorf("proposals %+v, want incident 2 into 1", got)
	}
	w.cmdb = next
	if len(w.g.groups) != 2 {
		t.Errorf("%d incidents after the revision, want 2: it only proposes", len(w.g.groups))
	}
	if n := w.fire(2*s, "crmdb:Down"); n != 2 {
		t.Errorf("next onset: incident %d, want 2", n)
	}
}

func TestConfigValidate(t *testing.T) {
	if faults := DefaultConfig().Validate(); len(faults) > 0 {
		t.Fatalf("the default: %v", faults)
	}
	for field, breakIt := range map[string]func(*Config){
		"hops": func(c *Config) { c.Hops = 0 }, "join_milli": func(c *Config) { c.JoinMilli = 1000 }, "maybe_milli": func(c *Config) { c.MaybeMilli = 501 },
		"tau": func(c *Config) { c.Tau = 0 }, "lifetime": func(c *Config) { c.Lifetime = time.Minute }, "near_max": func(c *Config) { c.NearMax = 0 },
		"hot_window": func(c *Config) { c.HotWindow = -1 }, "gamma_milli": func(c *Config) { c.GammaMilli = 5000 },
	} {
		c := DefaultConfig()
		breakIt(&c)
		if faults := c.Validate(); len(faults) != 1 || faults[0].Field != field {
			t.Errorf("got %v, want one about %s", faults, field)
		}
	}
}
