package importer

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/prometheus/alertmanager/pkg/labels"

	"signalbox/rules"
)

// lackMax bounds the labels of one inhibition that are tried as missing: each
// doubles the rules.
const lackMax = 3

// inhibitRules translates one inhibition. To Alertmanager a label that both
// alerts lack is equal, to a rule it is not: that takes a rule of its own.
func (s *set) inhibitRules(n int, in *inhibitRule) {
	equal := distinct(in.Equal)
	if len(equal) == 0 {
		s.leave(in.line, "inhibit rule without equal: one alert would hide every target of the estate; say which labels both must have, or use upstream: hops in the CMDB")
		return
	}
	var lackable []string
	for _, name := range equal {
		if in.source.mayLack(name) && in.target.mayLack(name) {
			lackable = append(lackable, name)
		}
	}
	if len(lackable) == len(equal) {
		s.leave(in.line, "inhibit rule: alerts that lack all of %v hide one another in Alertmanager; in rules they do not", equal)
	}
	if len(lackable) > lackMax {
		s.leave(in.line, "inhibit rule: hides only alerts that have all of %v; Alertmanager takes labels that both lack for equal", equal)
		lackable = nil
	}
	before := len(s.rules)
	for mask := range 1 << len(lackable) {
		var lacks conj
		kept := slices.Clone(equal)
		for i, name := range lackable {
			if mask&(1<<i) != 0 {
				lacks = append(lacks, &labels.Matcher{Type: labels.MatchEqual, Name: name})
				kept = slices.DeleteFunc(kept, func(k string) bool { return k == name })
			}
		}
		if len(kept) > 0 {
			s.inhibit(n, in, kept, lacks)
		}
	}
	if len(s.rules) == before {
		s.leave(in.line, "inhibit rule: hides nothing: an alert that is source and target is not hidden by others that are")
	}
}

// inhibit makes the rules for alerts that lack some of the labels. An alert that
// is both source and target is hidden only by one that is not both.
func (s *set) inhibit(n int, in *inhibitRule, equal []string, lacks conj) {
	source, ok := in.source.and(lacks)
	target, okToo := in.target.and(lacks)
	if !ok || !okToo {
		return
	}
	both, overlap := target.and(source)
	if when, ok := target.unless([]conj{source}); ok {
		s.addInhibit(n, in, when, source.cel(), equal, lacks)
	}
	if by, ok := source.unless([]conj{target}); overlap && ok {
		s.addInhibit(n, in, both.cel(), by, equal, lacks)
	}
}

func (s *set) addInhibit(n int, in *inhibitRule, when, by string, equal []string, lacks conj) {
	id, about := fmt.Sprintf("am-inhibit-%d", n), fmt.Sprintf("Hidden by another alert: Alertmanager inhibit rule at line %d", in.line)
	if in.Name != "" {
		id, about = "am-inhibit-"+in.Name, about+fmt.Sprintf(" (%q)", in.Name)
	}
	for i, m := range lacks {
		about += []string{", where both lack ", " and "}[min(i, 1)] + m.Name
	}
	if from := s.opts.Source; from != "" { // the rule's sources are asked of the alert that is hidden only
		by = strings.TrimSuffix("source == "+strconv.Quote(from)+" && "+by, " && ")
	}
	if by == "" {
		by = "true"
	}
	s.add(rule{id: id, about: about, stage: rules.Suppress, when: when, body: fmt.Sprintf("{inhibited_by: {when: %s, equal: %s}}", quoted(by), quotedList(equal))})
}

// distinct keeps the first of equal texts.
func distinct(list []string) []string {
	var out []string
	for _, s := range list {
		if s != "" && !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	return out
}
