package correlate

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"signalbox/itsm"
	"signalbox/itsm/cmdb"
	"signalbox/itsm/entry"
	"signalbox/rules"
)

// checkInvariants recomputes from alerts and members everything the state keeps
// count of, and compares the records with it.
func checkInvariants(tb fataler, w *world) {
	tb.Helper()
	s := w.s
	firing, open := 0, 0
	refs := map[*ci]int32{}
	type tally struct{ firing, flapping int32 }
	tallies := map[*incident]*tally{}
	homes := map[evidenceKey]int{} // incidents by episode
	for k := range w.evidence {
		homes[evidenceKey{a: k.a, e: k.e}]++
	}
	for n, i := range s.incidents {
		tallies[i] = &tally{}
		if i.state.IsOpen() {
			open++
		}
		for _, c := range i.cis.list {
			refs[c.ci]++
		}
		if i.number != n {
			tb.Fatalf("%s is filed under %s", i.number, n)
		}
	}
	for _, n := range s.alertNumbers() {
		a := s.alerts.Get(n)
		refs[a.ci]++
		if a.src.alerts[a.identity] != a {
			tb.Fatalf("%s is not the alert of its key", n)
		}
		if a.flapsIn != nil {
			tallies[a.flapsIn].flapping++
		}
		if a.status == itsm.Firing {
			firing++
			checkFiring(tb, w, a, homes[evidenceKey{a: n, e: a.episode}])
		}
		if a.member && a.inc != nil {
			if m := a.inc.members[a.at]; m.alert != n || m.episode != a.episode {
				tb.Fatalf("%s says it is member %d of %s, there is %s episode %d", n, a.at, a.inc.number, m.alert, m.episode)
			}
			if a.status == itsm.Firing {
				tallies[a.inc].firing++
			}
		}
	}
	for i, t := range tallies {
		if i.firing != t.firing || i.flapping != t.flapping {
			tb.Fatalf("%s counts %d firing and %d flapping, has %d and %d", i.number, i.firing, i.flapping, t.firing, t.flapping)
		}
		checkIncident(tb, w, i)
	}
	for k, c := range s.cis {
		if c.refs != refs[c] {
			tb.Fatalf("CI %v is held %d times, counts %d", k, refs[c], c.refs)
		}
	}
	if len(refs) != len(s.cis) {
		tb.Fatalf("%d CIs are held, %d are known", len(refs), len(s.cis))
	}
	if firing != s.firing || open != s.openIncidents {
		tb.Fatalf("counts %d firing and %d open, has %d and %d", s.firing, s.openIncidents, firing, open)
	}
}

// checkFiring: what fires is in exactly one open incident, or it says why not.
func checkFiring(tb fataler, w *world, a *alert, homes int) {
	tb.Helper()
	r := w.alerts[a.number]
	if r.Status != itsm.Firing || r.Incident != a.incident {
		tb.Fatalf("the record of %s is not what it is: %+v", a.number, r)
	}
	if r.SuppressedBy != "" {
		return
	}
	i := a.inc
	if !a.member || i == nil || !i.state.IsOpen() && !i.stillFires {
		tb.Fatalf("%s fires, is in no open incident and says no reason", a.number)
	}
	if homes != 1 {
		tb.Fatalf("%s episode %d is a member of %d incidents by the evidence", a.number, a.episode, homes)
	}
}

func checkIncident(tb fataler, w *world, i *incident) {
	tb.Helper()
	r, ok := w.incidents[i.number]
	if !ok || r.AlertCount != len(i.members) || r.FiringCount != int(i.firing) || r.State != i.state || r.Priority != i.priority() {
		tb.Fatalf("the record of %s is not what it is: %+v", i.number, r)
	}
	cis := map[*ci]int32{}
	for _, m := range i.members {
		cis[m.ci]++
		if _, ok := w.evidence[evidenceKey{i.number, m.alert, m.episode}]; !ok {
			tb.Fatalf("no evidence that %s episode %d is a member of %s", m.alert, m.episode, i.number)
		}
	}
	for _, c := range i.cis.list {
		if cis[c.ci] != c.n {
			tb.Fatalf("%s counts %d members on %s, has %d", i.number, c.n, c.ci.id, cis[c.ci])
		}
	}
	if len(cis) != len(i.cis.list) {
		tb.Fatalf("%s counts %d CIs, has %d", i.number, len(i.cis.list), len(cis))
	}
	for _, t := range i.told {
		if !i.state.IsOpen() && t.epoch == i.epoch && !t.resolved {
			tb.Fatalf("%s is %s and %s was not told", i.number, i.state, t.connector)
		}
	}
}

// checkIntents: keys are unique, serials dense, and within an epoch a partner
// sees a trigger first and nothing but notes after the resolve. What a sweep finds
// is told again, the resolve too, but not more often than every repairWait.
func checkIntents(tb fataler, w *world) {
	tb.Helper()
	type lane struct {
		connector string
		incident  itsm.IncidentNumber
	}
	type seen struct {
		serial, epoch uint32
		resolved      bool
		repaired      itsm.Offset // by the last sweep after which it was told again
	}
	keys, lanes := map[string]bool{}, map[lane]*seen{}
	for _, n := range w.intents {
		if keys[n.Key] {
			tb.Fatalf("the key of %s %d for %s was used before", n.Transition, n.Serial, n.Incident)
		}
		keys[n.Key] = true
		l := lane{n.Connector, n.Incident}
		if lanes[l] == nil {
			lanes[l] = &seen{}
		}
		v := lanes[l]
		if n.Serial != v.serial+1 {
			tb.Fatalf("%s to %s: serial %d follows %d", n.Incident, n.Connector, n.Serial, v.serial)
		}
		v.serial++
		swept := sweptBy(w, n)
		if swept && v.repaired != n.Offset {
			if v.repaired != 0 && w.steps[n.Offset-1].At-w.steps[v.repaired-1].At < repairWait {
				tb.Fatalf("%s to %s: told again at entry %d, and again at entry %d", n.Incident, n.Connector, v.repaired, n.Offset)
			}
			v.repaired = n.Offset
		}
		switch {
		case n.Transition == itsm.Trigger:
			if n.Epoch <= v.epoch {
				tb.Fatalf("%s to %s: a second trigger of epoch %d", n.Incident, n.Connector, n.Epoch)
			}
			v.epoch, v.resolved = n.Epoch, false
		case n.Transition == itsm.Note:
		case n.Epoch != v.epoch && n.Transition != itsm.Acknowledge && n.Transition != itsm.Update && n.Transition != itsm.Resolve:
			tb.Fatalf("%s to %s: %s of epoch %d without a trigger", n.Incident, n.Connector, n.Transition, n.Epoch)
		case v.epoch == n.Epoch && v.resolved && swept && n.Transition == itsm.Resolve:
		case v.epoch == n.Epoch && v.resolved && !reopenedThere(w, n):
			tb.Fatalf("%s to %s: %s after the resolve of epoch %d", n.Incident, n.Connector, n.Transition, n.Epoch)
		case n.Transition == itsm.Resolve && n.Epoch == v.epoch: // that of an earlier epoch ends an old record
			v.resolved = true
		}
	}
}

// sweptBy reports whether an intent tells a partner again what a sweep of it found
// to differ. What a timer tells that ran before the sweep was folded has its entry,
// too, and is none: so the words of a repair decide.
func sweptBy(w *world, n itsm.Intent) bool {
	a := w.steps[n.Offset-1].Act
	return a != nil && a.Kind == itsm.ActSync && a.Origin == n.Connector && a.Incident == n.Incident && n.Transition != itsm.Note &&
		(strings.HasPrefix(n.Text, "told again: ") || strings.HasPrefix(n.Text, "the work goes on in the record of "))
}

// reopenedThere reports whether the partner opened its record again: then nothing
// triggers it, and it is told of its next epochs under the record it has. A sweep
// may have found it so.
func reopenedThere(w *world, n itsm.Intent) bool {
	for _, in := range w.steps {
		a := in.Act
		if a == nil || a.Origin != n.Connector || a.Incident != n.Incident || in.Offset >= n.Offset {
			continue
		}
		if a.Kind == itsm.ActReopen || a.Kind == itsm.ActSync && a.Seen.By != "" && (a.Seen.Status == itsm.RecordOpen || a.Seen.Status == itsm.RecordAcknowledged) {
			return true
		}
	}
	return false
}

var randomVerbs = []itsm.ActKind{itsm.ActAcknowledge, itsm.ActUnacknowledge, itsm.ActResolve, itsm.ActReopen, itsm.ActHold, itsm.ActResume,
	itsm.ActPriority, itsm.ActNote, itsm.ActMerge, itsm.ActSplit, itsm.ActUndo, itsm.ActCancel, itsm.ActAssign}

// randomGraph relates CIs c0..c(n-1) at random, with a few services.
func randomGraph(t *rapid.T, g *cmdb.Graph, n int) *cmdb.Graph {
	var cis []itsm.CI
	var rels []itsm.Relation
	for k := range n {
		class := "host"
		if k%5 == 0 {
			class = "Service"
		}
		cis = append(cis, itsm.CI{ID: fmt.Sprint("c", k), Name: fmt.Sprint("c", k), Class: class, Tier: rapid.IntRange(0, 3).Draw(t, "tier")})
		if k > 0 && rapid.Bool().Draw(t, "related") {
			rels = append(rels, itsm.Relation{From: fmt.Sprint("c", rapid.IntRange(0, k-1).Draw(t, "from")), Type: "depends_on", To: fmt.Sprint("c", k)})
		}
	}
	doc, problems := cmdb.NewDoc(cis, rels)
	ch, _, more := g.Plan(doc, "random", true)
	if len(problems)+len(more) > 0 {
		t.Fatalf("graph: %v %v", problems, more)
	}
	return g.Apply(ch)
}

func randomEvent(t *rapid.T, w *world, cis int) itsm.Event {
	e := itsm.Event{Source: "am", CIName: fmt.Sprint("c", rapid.IntRange(0, cis-1).Draw(t, "ci")), Title: "T", Status: itsm.Firing,
		Severity: itsm.Severity(rapid.IntRange(1, 5).Draw(t, "severity"))}
	e.Identity = e.CIName + rapid.SampledFrom([]string{"/a", "/b"}).Draw(t, "rule")
	if rapid.IntRange(0, 2).Draw(t, "clear") == 0 {
		e.Status = itsm.Resolved
	}
	switch rapid.IntRange(0, 5).Draw(t, "times") {
	case 0:
		e.StartsAt = w.at - itsm.Time(rapid.IntRange(-100, 7200).Draw(t, "start")*1000)
	case 1:
		e.EventAt = w.at - itsm.Time(rapid.IntRange(-100, 600).Draw(t, "event")*1000)
	case 2:
		e.LeaseUntil = w.at + itsm.Time(rapid.IntRange(-100, 600).Draw(t, "lease")*1000)
	case 3:
		e.Labels = itsm.NewLabels([]itsm.Label{{Name: "v", Value: rapid.SampledFrom([]string{"1", "2"}).Draw(t, "label")}})
	}
	return e
}

func randomAct(t *rapid.T, w *world) *itsm.Act {
	last := int(w.s.lastIncident)
	a := &itsm.Act{Kind: rapid.SampledFrom(randomVerbs).Draw(t, "verb"), Actor: "console:ann", Text: "x", Reason: "vendor", Assignee: "bob"}
	a.Incident = itsm.IncidentNumber(rapid.IntRange(1, last+1).Draw(t, "incident"))
	a.Into = itsm.IncidentNumber(rapid.IntRange(1, last+1).Draw(t, "into"))
	a.Priority = itsm.Priority(rapid.IntRange(0, 5).Draw(t, "priority"))
	a.Alerts = []itsm.AlertNumber{itsm.AlertNumber(rapid.IntRange(1, int(w.s.lastAlert)+1).Draw(t, "alert"))}
	if rapid.IntRange(0, 3).Draw(t, "partner") == 0 {
		a.Origin, a.Actor = "pd", "pagerduty:jane"
		a.PartnerVersion = int64(rapid.IntRange(0, 20).Draw(t, "version"))
	}
	return a
}

// randomSync is a sweep that sees anything at a partner, mostly of a record that we
// know of.
func randomSync(t *rapid.T, w *world) *itsm.Act {
	a := &itsm.Act{Kind: itsm.ActSync, Origin: rapid.SampledFrom([]string{"pd", "jira"}).Draw(t, "swept"), ReadOnly: rapid.IntRange(0, 5).Draw(t, "read only") == 0}
	a.Actor = a.Origin + ":sweep"
	a.Incident = itsm.IncidentNumber(rapid.IntRange(1, int(w.s.lastIncident)+1).Draw(t, "incident"))
	v, _ := w.s.SyncWith(a.Incident, a.Origin)
	a.Epoch = rapid.SampledFrom(append(v.Before, v.Epoch, v.Epoch, 0, 1)).Draw(t, "epoch")
	a.Seen = &itsm.PartnerRecord{Status: rapid.SampledFrom([]itsm.RecordStatus{itsm.RecordNone, itsm.RecordOpen, itsm.RecordAcknowledged, itsm.RecordResolved}).Draw(t, "status"),
		Version: rapid.SampledFrom([]int64{0, 1, 10, int64(w.at) - 1000, int64(w.at)}).Draw(t, "version"), Knows: itsm.SyncFields(rapid.IntRange(0, 15).Draw(t, "knows")),
		Assignee: rapid.SampledFrom([]string{"", "bob", "eve"}).Draw(t, "assignee"), Group: rapid.SampledFrom([]string{"", "sre"}).Draw(t, "group"),
		Priority: itsm.Priority(rapid.IntRange(0, 5).Draw(t, "priority")), Title: rapid.SampledFrom([]string{"T", "other"}).Draw(t, "title"), By: rapid.SampledFrom([]string{"", "jane"}).Draw(t, "by")}
	switch rapid.IntRange(0, 3).Draw(t, "who") {
	case 0:
		a.Seen.Ours = true
	case 1:
		a.Seen.Automatic = true
	}
	return a
}

// Whatever happens in whatever order, what the state counts is so, what fires is
// somewhere to be seen, partners hear a story that makes sense, and a decoded
// state goes on the same way.
func TestRandom(t *testing.T) {
	sets := randomSets(t)
	rapid.Check(t, func(t *rapid.T) {
		const cis = 12
		c := DefaultConfig()
		c.Connectors = []Connector{{Name: "pd", MinPriority: itsm.P3, PageBudget: 3}, {Name: "jira"}}
		c.StormMin, c.HoldEpisodesMin, c.HoldShareMilli, c.EvictAfter = 5, 2, 300, Duration(3600e9)
		w := newWorld(t, c)
		w.do(Input{CMDB: randomGraph(t, w.s.graph, cis)})
		for range rapid.IntRange(1, 120).Draw(t, "steps") {
			w.at += itsm.Time(rapid.SampledFrom([]int{0, 1, 1, 10, 30, 60, 301, 601, 1200, 4000, 700000}).Draw(t, "seconds") * 1000)
			switch rapid.IntRange(0, 13).Draw(t, "what") {
			case 12, 13:
				w.do(Input{Act: randomSync(t, w)})
			case 0:
				w.do(Input{Tick: true})
			case 1, 2:
				w.do(Input{Act: randomAct(t, w)})
			case 3:
				if rapid.IntRange(0, 3).Draw(t, "import") == 0 {
					w.do(Input{CMDB: randomGraph(t, w.s.graph, cis)})
				} else if n := rapid.IntRange(0, 3*len(sets)).Draw(t, "rules"); n < len(sets) {
					w.do(Input{Rules: &Rules{Revision: w.s.rules.Revision + 1, Set: sets[n]}})
				}
			case 4:
				again(t, w)
			default:
				d := &entry.Delivery{Source: "am"}
				for range rapid.IntRange(1, 4).Draw(t, "events") {
					d.Events = append(d.Events, randomEvent(t, w, cis))
				}
				w.do(Input{Delivery: d})
			}
			checkInvariants(t, w)
		}
		checkIntents(t, w)
	})
}

// randomSets are rule sets with every kind of rule, and none.
func randomSets(tb testing.TB) []*rules.Set {
	sets := []*rules.Set{nil}
	for _, text := range []string{
		`{id: drop, about: x, when: 'severity == "info"', suppress: drop}
---
{id: mute, about: x, when: 'severity == "warning"', hours: {days: [mon, tue, wed, thu, fri, sat, sun], from: "00:00", to: "00:30", zone: UTC}, suppress: mute}
---
{id: hold, about: x, when: 'labels.v == "1"', suppress: {hold: 1m}}
---
{id: up, about: x, when: 'severity == "minor"', suppress: {inhibited_by: {when: 'severity == "critical"', upstream: 2}}}
---
{id: same, about: x, suppress: {inhibited_by: {when: 'severity == "major"', equal: [v]}}}`,
		`{id: set, about: x, normalise: {set: {labels.w: "${labels.v}${severity}"}, key: [v]}}
---
{id: three, about: x, when: 'labels.v == "1"', correlate: {group_by: [labels.v], count: 3, window: 5m, hold: 30s}}
---
{id: follows, about: x, when: 'severity == "major"', correlate: {group_by: [title], then: 'severity == "minor"', within: 2m}}
---
{id: absent, about: x, when: 'severity == "warning"', correlate: {group_by: [title], absent: 'severity == "info"', within: 2m}}
---
{id: beats, about: x, when: 'severity == "critical" && labels.v == "1"', correlate: {heartbeat: 3m}}
---
{id: apart, about: x, when: 'ci.id == "c3"', correlate: apart}
---
{id: up, about: x, correlate: {scope: upstream, upstream: 1, window: 10m, follow_on: link}}`,
		`{id: half, about: x, when: 'ci.id != "c1"', correlate: {scope: same_service, ratio: 40%, window: 10m}}
---
{id: look, about: x, when: 'incident.alerts > 1', incident: {title: "${incident.alerts} alerts", impact: high, delay: 1m, resolve_after: 1m, reopen_within: 1h}}
---
{id: never, about: x, when: 'incident.severity == "critical"', incident: {resolve_after: never}}
---
{id: jira, about: x, when: 'incident.severity == "warning"', route: {to: [jira], delay: 2m}}
---
{id: none, about: x, when: 'incident.severity == "info"', route: none}`,
	} {
		set, ps := rules.Compile([]rules.File{{Name: "random.yaml", Body: text}})
		if rules.Blocking(ps) {
			tb.Fatal(ps)
		}
		sets = append(sets, set)
	}
	return sets
}

// again replaces the state by its own copy.
func again(t *rapid.T, w *world) {
	b := w.encode()
	s, err := Decode(bytes.NewReader(b), w.s.graph)
	if err != nil {
		t.Fatal(err)
	}
	w.s = s
	if !bytes.Equal(b, w.encode()) {
		t.Fatal("a decoded state encodes differently")
	}
}
