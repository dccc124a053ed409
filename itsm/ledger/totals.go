package ledger

// Totals says what became of everything that was ever accepted, overall and for
// each source.
type Totals struct {
	Sum
	Sources []SourceSum // by name
}

// Sum counts fates. Accepted is the sum of the others.
type Sum struct {
	Accepted     uint64
	Folded       uint64
	Deduplicated uint64
	Suppressed   uint64
	SuppressedBy []Reason // by name
	Quarantined  uint64
}

// Reason is why events were suppressed, and how many.
type Reason struct {
	Name  string
	Count uint64
}

// SourceSum counts the fates of one source.
type SourceSum struct {
	Source string
	Sum
}

// Balanced reports whether everything accepted is accounted for exactly once.
func (s *Sum) Balanced() bool {
	return s.Accepted == s.Folded+s.Deduplicated+s.Suppressed+s.Quarantined && s.Suppressed == s.reasons()
}

func (s *Sum) reasons() (n uint64) {
	for _, r := range s.SuppressedBy {
		n += r.Count
	}
	return n
}

// Balanced reports whether every sum is, and whether the sources make up the whole.
func (t *Totals) Balanced() bool {
	ok := t.Sum.Balanced()
	var all Sum
	for i := range t.Sources {
		s := &t.Sources[i].Sum
		ok = ok && s.Balanced()
		all.Accepted += s.Accepted
		all.Folded += s.Folded
		all.Deduplicated += s.Deduplicated
		all.Suppressed += s.Suppressed
		all.Quarantined += s.Quarantined
	}
	return ok && all.Accepted == t.Accepted && all.Folded == t.Folded && all.Deduplicated == t.Deduplicated &&
		all.Suppressed == t.Suppressed && all.Quarantined == t.Quarantined
}
