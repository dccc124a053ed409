package itsm

import (
	"regexp"
	"strings"
)

// Silence is a silence that people made at a partner of the monitoring, such as
// Alertmanager: until it ends nobody is paged for the alerts it matches.
type Silence struct {
	ID       string           `json:"id"`
	By       string           `json:"by"` // who made it, in the partner's words
	Comment  string           `json:"comment"`
	URL      string           `json:"url"`
	StartsAt Time             `json:"starts_at"`
	EndsAt   Time             `json:"ends_at"`
	Matchers []SilenceMatcher `json:"matchers"`
}

// SilenceMatcher is one condition of a silence; all of them must hold. A label
// that is missing has the empty value. A regular expression covers the whole value.
type SilenceMatcher struct {
	Name    string `json:"name"`
	Value   string `json:"value"`
	Regex   bool   `json:"regex,omitempty"`
	Negated bool   `json:"negated,omitempty"`
}

// Silences is the body of ActSilences: every silence a connector knows of.
type Silences struct {
	Sources  []string  `json:"sources"` // whose alerts they are about
	Silences []Silence `json:"silences"`
}

// Bounds of the silences of one connector.
const (
	SilencesMax        = 500
	SilenceMatchersMax = 32
	SilenceSourcesMax  = 50
)

// Hides returns the test of a silence, false when one of its expressions is none.
func (s *Silence) Hides() (func(Labels) bool, bool) {
	tests := make([]func(string) bool, len(s.Matchers))
	for i, m := range s.Matchers {
		test := func(v string) bool { return v == m.Value }
		if m.Regex {
			re, err := regexp.Compile("^(?:" + m.Value + ")$")
			if err != nil {
				return nil, false
			}
			test = re.MatchString
		}
		if m.Negated {
			is := test
			test = func(v string) bool { return !is(v) }
		}
		tests[i] = test
	}
	return func(ls Labels) bool {
		for i, m := range s.Matchers {
			if !tests[i](ls.Get(m.Name)) {
				return false
			}
		}
		return len(s.Matchers) > 0
	}, true
}

// Equal reports whether two silences say the same.
func (s *Silence) Equal(o *Silence) bool {
	if s.ID != o.ID || s.By != o.By || s.Comment != o.Comment || s.URL != o.URL || s.StartsAt != o.StartsAt || s.EndsAt != o.EndsAt || len(s.Matchers) != len(o.Matchers) {
		return false
	}
	for i := range s.Matchers {
		if s.Matchers[i] != o.Matchers[i] {
			return false
		}
	}
	return true
}

// String describes a silence in one line.
func (s *Silence) String() string {
	t := "silence " + s.ID + " of " + s.By + " until " + s.EndsAt.String()
	if s.Comment != "" {
		t += ": " + strings.TrimSpace(s.Comment)
	}
	return t
}
