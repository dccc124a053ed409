package correlate

import (
	"signalbox/itsm"
	"signalbox/rules"
)

// Rules is a revision of the rule set.
type Rules struct {
	Revision uint64
	Set      *rules.Set // nil: no rules
}

// Rules returns the active rule set.
func (s *State) Rules() Rules { return s.rules }

// archiveRules archives the rule set as its files: a state can be decoded without
// the book.
func (s *State) archiveRules(a *archive) error {
	if a.version < 3 {
		return nil
	}
	var files []rules.File
	if s.rules.Set != nil {
		files = s.rules.Set.Files()
	}
	num(a, &s.rules.Revision)
	list(a, &files, func(a *archive, f *rules.File) {
		text(a, &f.Name)
		text(a, &f.Body)
	})
	if !a.reading || a.bad || s.rules.Revision == 0 {
		return nil
	}
	set, ps := rules.Compile(files)
	if rules.Blocking(ps) {
		return itsm.Errorf(itsm.Invalid, "state: its rule set, revision %d, cannot be used by this Signalbox: %s; use the version that wrote it, or activate another revision there first", s.rules.Revision, ps[0])
	}
	s.rules.Set = set
	return nil
}
