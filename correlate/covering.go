package correlate

import (
	"slices"
	"strings"

	"signalbox/itsm"
	"signalbox/itsm/cmdb"
)

// covering returns the open window that covers an alert, nil for none: of several
// the one that is open longest, so that an alert is not handed on more often than
// it has to be.
func (s *State) covering(a *alert) *maintenance {
	if s.windows.open == 0 {
		return nil
	}
	s.look(a.ci)
	return s.coveringCI(a.ci, labelsOf(a.text))
}

func (s *State) coveringCI(c *ci, labels itsm.Labels) (best *maintenance) {
	w := &s.windows
	offer := func(list []*maintenance) {
		for _, m := range list {
			if m.Scope.MatchesLabels(labels) && (best == nil || m.at.End > best.at.End || m.at.End == best.at.End && m.number < best.number) {
				best = m
			}
		}
	}
	if c.ref == cmdb.NoRef {
		if len(w.byName) > 0 {
			offer(w.byName[c.id])
			_, name, _ := strings.Cut(c.id, ":")
			offer(w.byName[name])
		}
	} else {
		offer(w.byCI[c.ref])
		if len(w.byClass) > 0 {
			offer(w.byClass[strings.ToLower(s.graph.Class(c.ref))])
		}
		if s.servesOnlyMaintained(c) {
			for _, v := range c.services {
				offer(w.byService[v.id])
			}
		}
	}
	if len(w.byLabel) > 0 {
		for _, l := range labels {
			offer(w.byLabel[l])
		}
	}
	return best
}

// servesOnlyMaintained reports whether every service that a CI affects is under
// maintenance: a shared database stays loud while only one of its services is.
func (s *State) servesOnlyMaintained(c *ci) bool {
	if len(c.services) == 0 || len(s.windows.byService) == 0 {
		return false
	}
	return !slices.ContainsFunc(c.services, func(v *service) bool { return len(s.windows.byService[v.id]) == 0 })
}

// find finds the CI of a name that a person or a partner gave: its id, else an
// alias, a host name or an address.
func (s *State) find(name string) (cmdb.Ref, bool) {
	if r, ok := s.graph.Lookup(name); ok {
		return r, true
	}
	b := s.graph.Identify(cmdb.Sighting{CIName: name})
	return b.Ref, b.Ref != cmdb.NoRef
}

// unknownTo lists what the scope of m names and the CMDB does not know.
func (s *State) unknownTo(m *maintenance) []string {
	out := []string{}
	for _, name := range slices.Concat(m.Scope.CIs, m.Scope.Services) {
		if _, ok := s.find(name); !ok {
			out = append(out, name)
		}
	}
	return out
}

// indexWindow makes an open window found by what it covers.
func (s *State) indexWindow(m *maintenance) {
	w := &s.windows
	m.open = true
	w.open++
	seen := map[cmdb.Ref]bool{}
	cover := func(r cmdb.Ref) {
		if !seen[r] && len(m.covers) < windowCIsMax {
			seen[r] = true
			m.covers = append(m.covers, r)
		}
	}
	for _, name := range slices.Concat(m.Scope.CIs, m.Scope.Services) {
		if r, ok := s.find(name); ok {
			cover(r)
		} else {
			indexAs(w.byName, strings.ToLower(name), m)
		}
	}
	var next []cmdb.Ref
	for i := 0; i < len(m.covers); i++ { // what depends on them, nearest first
		next = s.graph.AppendDependants(next[:0], m.covers[i])
		for _, r := range next {
			cover(r)
		}
	}
	for _, r := range m.covers {
		indexAs(w.byCI, r, m)
	}
	for _, name := range m.Scope.Services {
		if r, ok := s.find(name); ok {
			indexAs(w.byService, s.graph.ID(r), m)
		}
	}
	for _, class := range m.Scope.Classes {
		indexAs(w.byClass, strings.ToLower(class), m)
	}
	if len(m.Scope.CIs)+len(m.Scope.Services)+len(m.Scope.Classes) == 0 {
		indexAs(w.byLabel, m.Scope.Labels[0], m)
	}
}

// unindex takes a window out of the index, whether it was open or not. It is done
// before its scope or the CMDB change, with what it was indexed under.
func (s *State) unindex(m *maintenance) {
	if !m.open {
		return
	}
	w := &s.windows
	m.open = false
	w.open--
	for _, r := range m.covers {
		unindexAs(w.byCI, r, m)
	}
	m.covers = nil
	for _, name := range slices.Concat(m.Scope.CIs, m.Scope.Services) {
		unindexAs(w.byName, strings.ToLower(name), m)
	}
	// A service may have been named by an alias that another CMDB knows no more.
	for id := range w.byService { // any order: each list is looked through alone
		unindexAs(w.byService, id, m)
	}
	for _, class := range m.Scope.Classes {
		unindexAs(w.byClass, strings.ToLower(class), m)
	}
	for _, l := range m.Scope.Labels {
		unindexAs(w.byLabel, l, m)
	}
}

func indexAs[K comparable](in map[K][]*maintenance, key K, m *maintenance) {
	if !slices.Contains(in[key], m) {
		in[key] = append(in[key], m)
	}
}

func unindexAs[K comparable](in map[K][]*maintenance, key K, m *maintenance) {
	list := in[key]
	at := slices.Index(list, m)
	if at < 0 {
		return
	}
	if len(list) == 1 {
		delete(in, key)
		return
	}
	in[key] = slices.Delete(slices.Clone(list), at, at+1)
}
