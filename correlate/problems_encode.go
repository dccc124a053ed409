package correlate

import (
	"encoding/json"
	"time"

	"signalbox/correlate/problem"
	"signalbox/itsm"
)

// archiveProblems archives the histories in the order of their signatures, and what
// was made of them. What follows from them is found again when it is read.
func (s *State) archiveProblems(a *archive) {
	p := &s.problems
	num(a, &p.last)
	num(a, &p.watch)
	dict(a, &p.series, archiveRecurrence)
	numbers := sortedKeys(p.list)
	list(a, &numbers, num[itsm.ProblemNumber])
	for _, n := range numbers {
		t := p.list[n]
		if a.reading {
			t = &trouble{}
		}
		archiveTrouble(a, t)
		if a.bad {
			return
		}
		p.list[n] = t
	}
	incidents := sortedKeys(p.of)
	list(a, &incidents, num[itsm.IncidentNumber])
	for _, n := range incidents {
		r := p.of[n]
		if a.reading {
			r = &recurring{}
			p.of[n] = r
		}
		text(a, &r.key)
		num(a, &r.problem)
		a.flag(&r.pinned)
		text(a, &r.fix)
		list(a, (*[]uint64)(&r.print), num[uint64])
		a.bad = a.bad || len(r.print) > problem.PrintMax
	}
	archiveCommon(a, &p.common)
	if a.reading {
		s.restoreProblems()
	}
}

// restoreProblems makes what follows from the rest.
func (s *State) restoreProblems() {
	for _, key := range sortedKeys(s.problems.series) {
		rec := s.problems.series[key]
		if rec == nil { // cut short; the caller sees bad
			return
		}
		for _, cause := range rec.causes {
			s.indexCause(rec, cause)
		}
	}
	for _, t := range s.problems.list { // any order: only counted, and each has its name
		if t.State.Known() {
			s.problems.known++
		}
		if t.Source != "" {
			s.problems.byName[changeName{t.Source, t.ExternalID}] = t.Number
		}
	}
}

func archiveRecurrence(a *archive, p **recurrence) {
	if a.reading {
		*p = &recurrence{}
	}
	rec := *p
	g := &rec.Signature
	for _, v := range []*string{&g.Cause, &g.Class, &g.Env, &g.Rule} {
		text(a, v)
	}
	num(a, &rec.Count)
	num(a, &rec.First)
	num(a, &rec.number)
	num(a, &rec.since)
	num(a, &rec.asked)
	num(a, &rec.within)
	list(a, &rec.Kept, func(a *archive, o *problem.Occurrence) {
		num(a, &o.Incident)
		num(a, &o.Opened)
		num(a, &o.Resolved)
		num(a, &o.Reopens)
		num(a, &o.People)
		text(a, &o.Fix)
		text(a, &o.Change)
		ms := o.ChangeBefore.Milliseconds()
		num(a, &ms)
		o.ChangeBefore = time.Duration(ms) * time.Millisecond
	})
	texts(a, &rec.causes)
	num(a, &rec.profile.Prints)
	list(a, &rec.profile.Kinds, archiveKind)
	a.bad = a.bad || len(rec.causes) > causesKept || len(rec.Kept) > problem.KeptMax || len(rec.profile.Kinds) > problem.ProfileMax
}

func archiveKind(a *archive, k *problem.Kind) {
	num(a, &k.Hash)
	num(a, &k.Count)
}

// archiveCommon archives how common each kind of alert is, by its hash.
func archiveCommon(a *archive, c *problem.Common) {
	num(a, &c.Incidents)
	var kinds []problem.Kind
	for _, h := range sortedKeys(c.In) {
		kinds = append(kinds, problem.Kind{Hash: h, Count: c.In[h]})
	}
	list(a, &kinds, archiveKind)
	if a.reading {
		c.In = make(map[uint64]uint32, len(kinds))
		for _, k := range kinds {
			c.In[k.Hash] = k.Count
		}
	}
}

// archiveTrouble archives the record as the JSON that the desk has of it.
func archiveTrouble(a *archive, t *trouble) {
	var body string
	if !a.reading {
		b, err := json.Marshal(&t.Problem)
		if err != nil {
			a.bad = true // plain data: it cannot happen
			return
		}
		body = string(b)
	}
	text(a, &body)
	if a.reading && json.Unmarshal([]byte(body), &t.Problem) != nil {
		a.bad = true
	}
	num(a, &t.lines)
	num(a, &t.answered)
	num(a, &t.returnsAt)
	num(a, &t.wake)
}
