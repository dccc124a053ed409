package correlate

import (
	"slices"
	"strings"

	"github.com/cespare/xxhash/v2"

	"signalbox/correlate/problem"
)

// Bounds of the comparison of footprints.
const (
	printLooked  = 256 // members of an incident whose kinds are its footprint
	printLeast   = 2   // kinds of alert of a footprint that can be compared at all
	causesLooked = 3   // likeliest causes of an incident under which histories are looked for
	causesKept   = 8   // causes under which a history is found
	alikeLooked  = 16  // histories of one cause that are compared, those first in order
)

// printOf is the footprint of i: which workloads raised which alerts.
func (s *State) printOf(i *incident) problem.Print {
	var kinds []uint64
	for _, m := range i.members[:min(len(i.members), printLooked)] {
		if a := s.alerts.Get(m.alert); a != nil {
			kinds = append(kinds, xxhash.Sum64String(s.causeName(m.ci.id)+"\x00"+classOfAlert(a)+"\x00"+problem.NormalFix(titleOf(a.text))))
		}
	}
	return problem.NewPrint(kinds)
}

// causeName is the name under which a CI is counted as a cause.
func (s *State) causeName(id string) string {
	if r, ok := s.graph.Lookup(id); ok {
		return s.workloadOf(id, r)
	}
	return id
}

// sameTrouble finds the history that an incident goes on: what a rule says, else one
// whose alerts were most like its own and that had one of its likeliest causes, though
// another may have looked likeliest, else the one of its signature. nil: there is none.
func (s *State) sameTrouble(i *incident, sig problem.Signature, f problem.Print) *recurrence {
	if sig.Rule == "" && len(f) >= printLeast {
		if rec := s.alike(i, sig, f); rec != nil {
			return rec
		}
	}
	return s.problems.series[sig.String()]
}

// alike finds the history whose profile is most like f, and like enough; of equals
// the one of the likelier cause, then the one whose signature sorts first.
func (s *State) alike(i *incident, sig problem.Signature, f problem.Print) (best *recurrence) {
	most := int64(problem.AlikeMin - 1)
	look := func(cause string) {
		list := s.problems.byCause[cause]
		for _, rec := range list[:min(len(list), alikeLooked)] {
			if rec.Signature.Env != sig.Env || rec.Signature.Rule != "" {
				continue
			}
			if n := s.problems.common.Alike(f, &rec.profile); n > most {
				best, most = rec, n
			}
		}
	}
	look(sig.Cause)
	for _, c := range i.causes[:min(len(i.causes), causesLooked)] {
		if name := s.causeName(c.CI); name != sig.Cause {
			look(name)
		}
	}
	return best
}

// alsoCaused lists rec under one more cause.
func (s *State) alsoCaused(rec *recurrence, cause string) {
	if len(rec.causes) < causesKept && !slices.Contains(rec.causes, cause) {
		rec.causes = append(rec.causes, cause)
		s.indexCause(rec, cause)
	}
}

// indexCause lists rec under a cause, in the order of the signatures.
func (s *State) indexCause(rec *recurrence, cause string) {
	list := s.problems.byCause[cause]
	n, _ := slices.BinarySearchFunc(list, rec, func(a, b *recurrence) int { return strings.Compare(a.Signature.String(), b.Signature.String()) })
	s.problems.byCause[cause] = slices.Insert(list, n, rec)
}
