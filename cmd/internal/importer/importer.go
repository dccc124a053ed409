// Package importer turns what other tools are configured with into rules: the
// routes, inhibitions and muting times of an Alertmanager configuration, and
// group_by lists.
//
// What is imported decides nothing until somebody wants it to: unless asked for
// otherwise, rules start in shadow mode. What cannot be said in rules is listed,
// never guessed at and never left out in silence. Equal input gives equal files.
//
// The configuration is read with structs of our own: the library's config package
// brings every notifier, the gossip and a Kafka client into the binary. Matchers
// and time intervals are the library's, so that they mean here what they mean there.
package importer

import (
	"fmt"
	"regexp"
	"strings"

	"signalbox/itsm"
	"signalbox/rules"
)

// Options say how rules are made.
type Options struct {
	Live   bool   // they decide at once instead of starting in shadow mode
	Source string // they are for alerts of this source only; "": of all
}

// Result is an imported rule file.
type Result struct {
	File  rules.File
	Rules int
	Left  []string // what was not translated, one sentence each
}

// set collects rules on their way into a file.
type set struct {
	opts  Options
	rules []rule
	left  []string
	ids   map[string]int
}

// rule is one rule to be written.
type rule struct {
	id, about string
	stage     rules.Stage
	hours     *span
	when      string
	body      string // what stands after the stage's key
}

func newSet(o Options) *set { return &set{opts: o, ids: map[string]int{}} }

func (s *set) leave(line int, format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	if line > 0 {
		text = fmt.Sprintf("line %d: %s", line, text)
	}
	s.left = append(s.left, text)
}

func (s *set) add(r rule) {
	r.id = s.unique(r.id)
	s.rules = append(s.rules, r)
}

var notOfIDs = regexp.MustCompile(`[^a-z0-9._-]+`)

// idBytesMax leaves room for a number behind an id, which may have 64 bytes.
const idBytesMax = 56

// unique makes an id that rules may have and no rule before has.
func (s *set) unique(id string) string {
	id = strings.Trim(notOfIDs.ReplaceAllString(strings.ToLower(id), "-"), "-")
	id = strings.TrimRight(id[:min(len(id), idBytesMax)], "-")
	base := id
	for n := 2; s.ids[id] > 0; n++ {
		id = fmt.Sprintf("%s-%d", base, n)
	}
	s.ids[id]++
	return id
}

// result writes the file. Rules that the language refuses, for what they would
// cost or for their length, become entries of the list of what is left.
func (s *set) result(name, from string) (*Result, error) {
	for {
		f := rules.File{Name: name, Body: s.text(from)}
		_, ps := rules.Compile([]rules.File{f})
		if !rules.Blocking(ps) {
			return &Result{File: f, Rules: len(s.rules), Left: s.left}, nil
		}
		before := len(s.rules)
		for _, p := range ps {
			if !p.Warning {
				s.refuse(p)
			}
		}
		if len(s.rules) == before {
			return nil, itsm.Errorf(itsm.Internal, "the imported rules cannot be used: %s", ps[0])
		}
	}
}

func (s *set) refuse(p rules.Problem) {
	for i, r := range s.rules {
		if r.id == p.Rule {
			s.leave(0, "rule %s (%s): %s: %s; later rules now see what it would have matched", r.id, r.about, p.Field, p.Msg)
			s.rules = append(s.rules[:i:i], s.rules[i+1:]...)
			return
		}
	}
}
