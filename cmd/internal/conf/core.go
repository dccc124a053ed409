package conf

import (
	"maps"

	"signalbox/correlate"
	"signalbox/itsm"
	"signalbox/itsm/cmdb"
	"signalbox/itsm/sla"
)

// genericKind is the kind of source, and the built-in source of that name, whose
// alerts go stale by default.
const genericKind = "generic"

// slackKind is the kind of connector whose messages change only when they are told.
const slackKind = "slack"

// isPageless reports whether a connector's partner wakes nobody for what it is told.
func (c Connector) isPageless() bool {
	return c.Kind == alertmanagerKind || c.Kind == datadogKind && c.Keep == ""
}

// Core returns the part of the configuration that alters decisions; the engine
// journals it.
func (f *File) Core() correlate.Config {
	c := f.Correlation
	c.CMDB, c.SLA = f.CMDB.core(), f.SLA.core()
	c.Sources = maps.Clone(c.Sources)
	c.Connectors = []correlate.Connector{}
	stale := c.Sources[genericKind].StaleAfter
	for _, n := range SortedKeys(f.Sources) {
		s := f.Sources[n]
		core := c.Sources[n] // keeps a built-in source's default for what is not set
		if s.Kind == genericKind {
			core.StaleAfter = stale // senders by hand often never resolve
		}
		if s.StaleAfter != nil {
			core.StaleAfter = correlate.Duration(*s.StaleAfter)
		}
		if s.EpisodeGap != nil {
			core.EpisodeGap = correlate.Duration(*s.EpisodeGap)
		}
		if core != (correlate.Source{}) {
			c.Sources[n] = core
		}
	}
	for _, n := range SortedKeys(f.Connectors) {
		k := f.Connectors[n]
		p, _ := itsm.ParsePriority(k.MinPriority) // check refuses anything else, and a budget below 0
		c.Connectors = append(c.Connectors, correlate.Connector{Name: n, Kind: k.Kind, MinPriority: p, PageBudget: max(k.PageBudget, 0), Mirror: k.Kind == slackKind, Pageless: k.isPageless(), Routes: SortedKeys(k.RoutingKeys),
			ChangeEvents: k.ChangeEvents, ChangeRecords: changeTypes(k.Changes), Problems: k.Problems})
	}
	return c
}

func changeTypes(words []string) (out []itsm.ChangeType) {
	for _, w := range words {
		out = append(out, itsm.ChangeType(w)) // check refuses anything else
	}
	return out
}

// core is the section as the core knows it.
func (c CMDB) core() cmdb.Settings {
	var s cmdb.Settings
	for name, d := range c.RelationTypes {
		if s.RelationTypes == nil {
			s.RelationTypes = map[string]cmdb.Direction{}
		}
		s.RelationTypes[name] = cmdb.Direction(d)
	}
	for _, m := range c.Mappings {
		s.Mappings = append(s.Mappings, cmdb.Mapping(m))
	}
	return s
}

// core is the section as the core knows it. A priority that is none becomes one
// that the core refuses, with the place where it stands.
func (c SLA) core() sla.Settings {
	out := sla.Settings{PauseOn: c.PauseOn, Off: c.Off}
	priority := func(word string) itsm.Priority {
		p, err := itsm.ParsePriority(word)
		if err != nil || p == 0 {
			return itsm.P5 + 1
		}
		return p
	}
	if c.NotifyFrom != "" {
		out.NotifyFrom = priority(c.NotifyFrom)
	}
	for name, k := range c.Calendars {
		if out.Calendars == nil {
			out.Calendars = map[string]sla.Calendar{}
		}
		out.Calendars[name] = sla.Calendar(k)
	}
	for _, t := range c.Targets {
		to := sla.Target{Services: t.Services, Calendar: t.Calendar, Response: sla.Duration(t.Response), Resolution: sla.Duration(t.Resolution)}
		for _, p := range t.Priorities {
			to.Priorities = append(to.Priorities, priority(p))
		}
		out.Targets = append(out.Targets, to)
	}
	return out
}
