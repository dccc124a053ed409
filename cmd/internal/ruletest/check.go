package ruletest

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"signalbox/itsm"
)

// Bounds of what a failure shows.
const (
	whyMax     = 5
	membersMax = 5 // of an incident that nobody expected
	diffMax    = 200
)

func (w *world) check(s *step) {
	if s.want.incidents != nil {
		w.checkIncidents(s)
	}
	if s.want.suppressed != nil {
		w.checkSuppressed(s)
	}
	if s.want.dropped != nil {
		w.checkDropped(s)
	}
	if s.want.problems != nil {
		w.checkProblems(s)
	}
	for i := range s.want.told {
		w.checkTold(s, &s.want.told[i])
	}
}

func (w *world) checkIncidents(s *step) {
	wants, more := s.want.incidents.list, s.want.more
	got := w.seen.incidents()
	costs := make([][]int, len(wants))
	for i := range wants {
		costs[i] = make([]int, len(got))
		for j := range got {
			for k := range wants[i].fields {
				costs[i][j] += wants[i].fields[k].misses(&got[j])
			}
		}
	}
	extra := 1
	if more {
		extra = 0
	}
	pairs := align(len(wants), len(got), func(i, j int) int { return costs[i][j] }, func(i int) int { return wants[i].weight() }, extra)
	d := incidentDiff{world: w}
	line := 0
	for _, p := range pairs {
		switch {
		case p.want >= 0 && p.got >= 0:
			if costs[p.want][p.got] > 0 && line == 0 {
				line = wants[p.want].line
			}
			d.both(&wants[p.want], &got[p.got])
		case p.want >= 0:
			if line == 0 {
				line = wants[p.want].line
			}
			d.missing(&wants[p.want])
		case !more:
			d.extra(&got[p.got])
		}
	}
	if !d.bad {
		return
	}
	if line == 0 {
		line = s.want.incidents.line
	}
	msg := "an incident is not as wanted"
	if n := len(wants); n > len(got) || n < len(got) && !more {
		msg = fmt.Sprintf("%s, want %s", plural(len(got), "incident"), plural(n, "incident"))
	}
	w.fail(line, s, "incidents", msg, bounded(d.lines, diffMax), bounded(d.why, whyMax))
}

// weight is what it costs to find nothing for a wanted incident: more than to find
// one of which nothing is as wanted.
func (w *wantIncident) weight() int {
	n := 1
	for _, f := range w.fields {
		n += 1 + 2*len(f.members)
	}
	return n
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return strconv.Itoa(n) + " " + what + "s"
}

// bounded is list with what exceeds limit counted.
func bounded(list []string, limit int) []string {
	if n := len(list) - limit; n > 0 {
		return append(list[:limit:limit], fmt.Sprintf("… and %d more", n))
	}
	return list
}

func (w *world) checkSuppressed(s *step) {
	wants, got := s.want.suppressed.list, w.seen.suppressed()
	pairs := assign(len(wants), len(got), func(i, j int) bool {
		return wants[i].matches(got[j].Labels) && strings.Contains(got[j].SuppressedBy, wants[i].by)
	})
	var diff, why []string
	bad := false
	for i, j := range pairs {
		line := "- " + labelFlow(wants[i].labels)
		if wants[i].by != "" {
			line += " by " + scalar(wants[i].by)
		}
		if j >= 0 {
			diff = append(diff, "  "+line)
			continue
		}
		bad = true
		diff = append(diff, "- "+line)
		for _, n := range slices.Sorted(maps.Keys(w.seen.alerts)) {
			if a := w.seen.alerts[n]; wants[i].matches(a.Labels) {
				why = append(why, w.seen.whereabouts(a))
			}
		}
	}
	for j, a := range got {
		if !s.want.more && !slices.Contains(pairs, j) {
			bad = true
			diff = append(diff, "+ - "+labelFlow(a.Labels))
			why = append(why, w.seen.whereabouts(a))
		}
	}
	if bad {
		w.fail(s.want.suppressed.line, s, "suppressed", fmt.Sprintf("%s held back, want %d", plural(len(got), "alert"), len(wants)),
			bounded(diff, diffMax), bounded(dedupe(why), whyMax))
	}
}

func dedupe(list []string) []string {
	var out []string
	for _, s := range list {
		if !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	return out
}

func (w *world) checkDropped(s *step) {
	n := 0
	var why []string
	for _, reason := range slices.Sorted(maps.Keys(w.seen.dropped)) {
		n += w.seen.dropped[reason]
		why = append(why, fmt.Sprintf("%s: %d", reason, w.seen.dropped[reason]))
	}
	if n == s.want.dropped.n {
		return
	}
	w.fail(s.want.dropped.line, s, "dropped", fmt.Sprintf("%s dropped, want %d", plural(n, "event"), s.want.dropped.n),
		[]string{fmt.Sprintf("- dropped: %d", s.want.dropped.n), fmt.Sprintf("+ dropped: %d", n)}, bounded(why, whyMax))
}

func (w *world) checkTold(s *step, t *wantTold) {
	var got, why []string
	for _, in := range w.seen.told[w.seen.asked[t.connector]:] {
		if in.Connector == t.connector {
			got = append(got, string(in.Transition))
			why = append(why, toldLine(in))
		}
	}
	w.seen.asked[t.connector] = len(w.seen.told)
	if slices.Equal(got, t.list) || len(got)+len(t.list) == 0 {
		return
	}
	w.fail(t.line, s, "told", fmt.Sprintf("%s was told other things", scalar(t.connector)),
		[]string{fmt.Sprintf("- %s: %s", scalar(t.connector), flow(t.list)), fmt.Sprintf("+ %s: %s", scalar(t.connector), flow(got))}, bounded(why, whyMax))
}

func toldLine(in *itsm.Intent) string {
	s := fmt.Sprintf("%s of %s (%s)", in.Transition, in.Incident, in.Snapshot.Priority)
	if in.Text != "" {
		s += ": " + in.Text
	}
	return s
}
