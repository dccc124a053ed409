package ruletest

import (
	"fmt"
	"io"
	"maps"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"signalbox/correlate"
	"signalbox/rules"
)

// Coverage says which rules the tests hit.
type Coverage struct {
	Rules []RuleHits `json:"rules"` // enabled ones, as they run
	Hit   int        `json:"hit"`
}

// RuleHits is how often a rule spoke in the tests, in shadow mode too.
type RuleHits struct {
	Rule  string `json:"rule"`
	Stage string `json:"stage"`
	About string `json:"about"`
	File  string `json:"file"`
	Line  int    `json:"line"`
	Hits  uint64 `json:"hits"`
}

// hits counts for each rule set, named by where it was read from.
type hits map[string][]RuleHits

// declare lists the rules of a set, so that those nobody hits are known.
func (h hits) declare(paths []string, set *rules.Set) (from string) {
	from = strings.Join(paths, "\n")
	if h[from] != nil || set == nil {
		return from
	}
	h[from] = []RuleHits{}
	for _, r := range set.Rules() {
		if r.Enabled {
			h[from] = append(h[from], RuleHits{Rule: r.ID, Stage: r.Stage.String(), About: r.About, File: place(paths, r.File), Line: r.Line})
		}
	}
	return from
}

// place is where a file of a rule set is, as far as one path tells.
func place(paths []string, name string) string {
	if len(paths) != 1 {
		return name
	}
	p := filepath.ToSlash(paths[0])
	if path.Base(p) == name {
		return p
	}
	return path.Join(p, name)
}

// add counts what spoke in a test.
func (h hits) add(from string, counts []correlate.RuleCount) {
	for _, c := range counts {
		at := slices.IndexFunc(h[from], func(r RuleHits) bool { return r.Rule == c.ID })
		if at >= 0 {
			h[from][at].Hits += c.Hits + c.ShadowHits
		}
	}
}

// Cover adds to the report which rules its tests hit.
func (r *Report) Cover() {
	c := &Coverage{Rules: []RuleHits{}}
	for _, from := range slices.Sorted(maps.Keys(r.hits)) {
		c.Rules = append(c.Rules, r.hits[from]...)
	}
	for _, h := range c.Rules {
		if h.Hits > 0 {
			c.Hit++
		}
	}
	r.Coverage = c
}

func (c *Coverage) write(w io.Writer) {
	fmt.Fprintf(w, "coverage: %d of %s hit\n", c.Hit, plural(len(c.Rules), "rule"))
	for _, h := range c.Rules {
		if h.Hits == 0 {
			fmt.Fprintf(w, "    never hit: %s:%d: rule %s (%s): %s\n", h.File, h.Line, h.Rule, h.Stage, h.About)
		}
	}
}
