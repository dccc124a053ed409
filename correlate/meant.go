package correlate

import (
	"slices"
	"strings"

	"signalbox/itsm"
	"signalbox/itsm/cmdb"
)

// boundByNeighbours is the step that binds an alert whose name several CIs have to
// the one that something happens around.
const boundByNeighbours = "neighbours"

// meantMax bounds the CIs of one name of which one may be picked: where more have
// it, it is a kind of thing and no name.
const meantMax = 8

// meant decides, of an onset that names several CIs, which it is on; where nothing
// tells, nothing is guessed.
func (s *State) meant(b cmdb.Binding) cmdb.Binding {
	if b.Ref != cmdb.NoRef || len(b.Ambiguous) < 2 || len(b.Ambiguous) > meantMax {
		return b
	}
	cis := make([]cmdb.Ref, 0, meantMax)
	for _, id := range b.Ambiguous {
		if r, ok := s.graph.Lookup(id); ok {
			cis = append(cis, r)
		}
	}
	ref, why := s.group.g.Meant(cis, b.Provisional, s.now)
	if ref == cmdb.NoRef {
		return b
	}
	b.Trail = append(slices.Clip(b.Trail), severalFit(b.Ambiguous), why)
	b.Ref, b.By, b.Provisional, b.Ambiguous = ref, boundByNeighbours, "", nil
	return b
}

func severalFit(ids []string) string { return "several fit: " + strings.Join(ids, ", ") }

// staysMeant reports whether an alert stays on the CI that it was taken to be on:
// its words still fit that one among others.
func (a *alert) staysMeant(b *cmdb.Binding) bool {
	return a.boundBy == boundByNeighbours && b.Ref == cmdb.NoRef && slices.Contains(b.Ambiguous, a.ci.id)
}

// identifyAnew binds an alert for an episode that begins: what was bound to nothing,
// or to one of several CIs by what happened around them then. Where grouping was
// asked already what happens there has been taken into account.
func (s *State) identifyAnew(a *alert, e *itsm.Event) {
	placed := s.group.last.Alert == a.number
	if a.ci.bound() && (placed || a.boundBy != boundByNeighbours) {
		return
	}
	b := s.identifyEvent(e)
	if !placed {
		b = s.meant(b)
	}
	s.bindTo(a, b)
}
