package conf

import (
	"signalbox/correlate"
	"signalbox/itsm"
)

// Core returns the part of the configuration that alters decisions; the engine
// journals it.
func (f *File) Core() correlate.Config {
	c := f.correlation
	for _, n := range SortedKeys(f.Sources) {
		s := f.Sources[n]
		if s.StaleAfter == nil && s.EpisodeGap == nil {
			continue
		}
		core := c.Sources[n] // keeps a built-in source's default for what is not set
		if s.StaleAfter != nil {
			core.StaleAfter = correlate.Duration(*s.StaleAfter)
		}
		if s.EpisodeGap != nil {
			core.EpisodeGap = correlate.Duration(*s.EpisodeGap)
		}
		c.Sources[n] = core
	}
	for _, n := range SortedKeys(f.Connectors) {
		k := f.Connectors[n]
		p, _ := itsm.ParsePriority(k.MinPriority) // validate has refused anything else
		c.Connectors = append(c.Connectors, correlate.Connector{Name: n, Kind: k.Kind, MinPriority: p})
	}
	return c
}
