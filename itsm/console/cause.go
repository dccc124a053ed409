package console

import (
	"slices"
)

// drawingOf gathers the walks to the first probable cause: those the decision
// stored, then those of all other alerting CIs and services in today's graph.
func drawingOf(f incidentFacts, inv inventory) (drawing, bool) {
	if len(f.Incident.Causes) == 0 {
		return drawing{}, false
	}
	cause := f.Incident.Causes[0]
	d := drawing{Cause: cause.CI, Word: "Probable cause", Firing: map[string]int{}, Part: f.MoreAl, Service: map[string]bool{},
		Name: inv.name, Class: inv.class, Href: inv.href, Tier: inv.tier}
	known := map[string]bool{cause.CI: true}
	for _, w := range cause.Paths {
		if len(w) > 0 {
			d.Walks = append(d.Walks, w)
			known[w[0]] = true
		}
	}
	for _, a := range f.firing() {
		id, _ := ciOf(*a)
		d.Firing[id]++
	}
	ids := append(slices.Clone(f.Incident.Services), f.Incident.CIs...)
	for _, id := range f.Incident.Services {
		d.Service[id] = true
	}
	to := inv.towards(cause.CI, pictureHopsMax)
	for k, id := range ids[:min(len(ids), pictureCIsMax)] {
		if known[id] {
			continue
		}
		known[id] = true
		if w := to.walk(id); len(w) > 1 {
			d.Walks = append(d.Walks, w)
		} else if k >= len(f.Incident.Services) {
			d.Apart++
		}
	}
	return d, true
}

// walksMax bounds the list that says the picture in words.
const walksMax = 12

func walkLinks(walks [][]string, inv inventory) [][]ciLink {
	var out [][]ciLink
	for _, w := range walks {
		if len(w) > 1 && len(out) < walksMax {
			out = append(out, inv.links(w, pictureHopsMax+2))
		}
	}
	return out
}
