package console

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"time"

	"signalbox/itsm"
)

// whyShown is how many members' reasons stand open; the others fold away.
const whyShown = 5

// whyView answers why these alerts are one incident.
type whyView struct {
	Head    string
	Counted string // what Summary is about when not all members
	Summary []said // "36 of 40 joined because they share a dependency: orders-db-1"
	First   []whyLine
	Rest    []whyLine
	Partial string
	Single  bool // there is nothing to belong together with
}

// whyLine is one member's evidence: a sentence, and the numbers behind it.
type whyLine struct {
	Alert   alertRef
	CI      ciLink
	When    when
	Verb    string
	Because said
	Facts   []fact
	Path    []ciLink
	Score   int // percent, 0 when no score was needed
	Limit   int
}

var verbs = map[itsm.EvidenceDecision]string{
	itsm.DecidedOpened: "opened it", itsm.DecidedJoined: "joined", itsm.DecidedMerged: "came by merge",
	itsm.DecidedSplit: "was split off", itsm.DecidedReopened: "reopened it",
}

var kinds = map[string]string{
	"topology":       "share a dependency",
	"same_ci":        "are on a CI that was already part of it",
	"provisional_ci": "name the same host or service, which the CMDB does not know",
	"sender_group":   "came in one group of the sender",
	"outage":         "is in the same outage of its application",
	"rule":           "match a correlation rule",
	"two_hops":       "are close neighbours in the CMDB",
	"first":          "opened it",
	"person":         "were put here by a person",
}

func viewWhy(f incidentFacts, inv inventory, now time.Time) whyView {
	alerts := make(map[itsm.AlertNumber]*itsm.Alert, len(f.Alerts))
	for k := range f.Alerts {
		alerts[f.Alerts[k].Number] = &f.Alerts[k]
	}
	evidence := make([]*itsm.Evidence, len(f.Evidence))
	for k := range f.Evidence {
		evidence[k] = &f.Evidence[k]
	}
	slices.SortStableFunc(evidence, func(a, b *itsm.Evidence) int { return cmp.Compare(a.Offset, b.Offset) })
	v := whyView{Head: "Why these alerts belong together", Summary: inv.saidAll(summarise(evidence, inv))}
	if f.MoreEv {
		v.Counted = "Of the newest " + thousands(countedMax) + " members:"
	}
	if f.Incident.AlertCount < 2 {
		v.Single = true
		v.Head = "Why this is an incident of its own"
	}
	for k, e := range evidence[:min(len(evidence), membersMax)] {
		a := alerts[e.Alert]
		w := viewWhyLine(e, a, inv, now)
		if a != nil && a.Incident != f.Incident.Number && a.Incident != 0 {
			w.Facts = append([]fact{{Name: "Now", Said: inv.said("it is in " + a.Incident.String() + " and no longer here.")}}, w.Facts...)
		}
		if k < whyShown {
			v.First = append(v.First, w)
		} else {
			v.Rest = append(v.Rest, w)
		}
	}
	if f.MoreEv {
		v.Partial = "Reasons of " + thousands(membersMax) + " members are listed here."
	} else if more := len(evidence) - membersMax; more > 0 {
		v.Partial = "Reasons of the first " + thousands(membersMax) + " of " + thousands(len(evidence)) + " members are listed here."
	}
	return v
}

// summarise counts the members by kind of evidence, the most frequent first.
func summarise(evidence []*itsm.Evidence, inv inventory) []string {
	type tally struct {
		kind, shared string
		n            int
	}
	var all []tally
	for _, e := range evidence {
		shared := ""
		if e.By == "topology" || e.By == "two_hops" {
			shared = e.Shared
		}
		i := slices.IndexFunc(all, func(t tally) bool { return t.kind == e.By && t.shared == shared })
		if i < 0 {
			i = len(all)
			all = append(all, tally{kind: e.By, shared: shared})
		}
		all[i].n++
	}
	slices.SortStableFunc(all, func(a, b tally) int { return cmp.Compare(b.n, a.n) })
	var out []string
	for _, t := range all[:min(len(all), 4)] {
		if t.kind == "first" {
			continue // the list below begins with it
		}
		words, ok := kinds[t.kind]
		if !ok {
			words = "were joined by " + line(t.kind, 60)
		}
		s := plural(t.n, "alert", "alerts") + " " + singular(t.n, words)
		if t.shared != "" {
			s += ": " + inv.name(t.shared)
		}
		out = append(out, s+".")
	}
	return out
}

// singular adjusts the verb of a kind for one alert.
func singular(n int, words string) string {
	if n != 1 {
		return words
	}
	verb, rest, _ := strings.Cut(words, " ")
	one := map[string]string{"share": "shares", "are": "is", "name": "names", "came": "came", "match": "matches", "were": "was"}[verb]
	if one == "" {
		return words
	}
	return one + " " + rest
}

// viewWhyLine words the evidence of a member; a is nil when its alert was not read.
func viewWhyLine(e *itsm.Evidence, a *itsm.Alert, inv inventory, now time.Time) whyLine {
	w := whyLine{CI: inv.link(e.CI), When: at(e.At, now), Verb: verbs[e.Decision], Because: inv.said(line(e.Because, lineRunesMax)),
		Path: inv.links(e.Path, pictureHopsMax+2), Score: percent(e.ScoreMilli), Limit: percent(e.ThresholdMilli)}
	if w.Verb == "" {
		w.Verb = words(string(e.Decision))
	}
	if a != nil {
		w.Alert = viewAlertRef(*a, now)
	} else {
		w.Alert = alertRef{Href: "/alerts/" + e.Alert.String(), Title: e.Alert.String()}
	}
	add := func(name, text string) {
		if text != "" {
			w.Facts = append(w.Facts, fact{Name: name, Said: inv.said(line(text, lineRunesMax))})
		}
	}
	if e.ScoreMilli > 0 {
		add("Score", decimal(e.ScoreMilli)+", needed more than "+decimal(e.ThresholdMilli))
	}
	add("Coverage", e.Coverage)
	add("Runner-up", e.RunnerUp)
	add("Would be separate if", e.WouldSplit)
	rule := "built-in grouping"
	if e.Rule != "" && e.Rule != "default" {
		rule = e.Rule
	}
	if e.Revision > 0 {
		rule += ", revision " + strconv.FormatUint(e.Revision, 10)
	}
	add("Rule", rule)
	if e.CMDBRevision > 0 {
		add("CMDB revision", strconv.FormatUint(e.CMDBRevision, 10))
	}
	return w
}

// decimal writes thousandths as 0.71.
func decimal(milli int) string { return strconv.FormatFloat(float64(milli)/1000, 'f', 2, 64) }
