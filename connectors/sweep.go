package connectors

import (
	"context"
	"time"

	"signalbox/itsm"
)

// SweepEveryDefault is how often a partner is compared.
const SweepEveryDefault = 5 * time.Minute

// Bounds of sweeps.
const (
	sweepFirst = 30 * time.Second // after the start: what was missed meanwhile is soon known
	sweepShare = 2                // one in so many calls of the rate is a sweep's
	lookedMax  = 20_000           // incidents of which it is remembered what was seen
)

// Wanted is what a partner should have of an incident.
type Wanted struct {
	Ref
	Record  Record // how its record should be
	Kept    bool   // an acknowledgement that was taken back elsewhere may still stand there
	Settled bool   // nothing is on its way, and the partner had time to show what it was told last

	RepairAt time.Time // not before is it told again; zero: at once
	Before   []uint32  // epochs of earlier records that no sweep has seen over
}

// Sweeps says what a sender compares its partner with. Without it, or when the
// connector is no Looker, nothing is compared.
type Sweeps struct {
	Every time.Duration // from the end of one to the next; 0: SweepEveryDefault
	// Incidents lists, newest first, what is open and what ended lately.
	Incidents func(ctx context.Context) ([]itsm.IncidentNumber, error)
	// Wanted says what the partner should have; false: it has nothing of it.
	Wanted func(itsm.IncidentNumber) (Wanted, bool)
}

// Looked is what was seen of an incident's record, and when.
type Looked struct {
	At      time.Time
	Record  Record
	Differs bool
	synced  int64 // version of the record that the fold was told of last
}

// SweepStatus is how comparing goes, for people.
type SweepStatus struct {
	Possible bool // the connector can be asked, and there is something to compare with
	Every    time.Duration
	BeganAt  time.Time // the last one, or the one that runs
	EndedAt  time.Time // zero while one runs
	Compared int       // records that were seen in it
	Differed int       // of them
	Differs  int       // records that differ as far as is known now
	Error    string    // why the partner could not be asked
}

// Looked says what was last seen of an incident's record; false: nothing yet.
func (s *Sender) Looked(n itsm.IncidentNumber) (Looked, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	l, ok := s.looked[n]
	return l, ok
}

// canSweep reports whether there is anything to compare.
func (s *Sender) canSweep() bool {
	_, ok := s.o.Connector.(Looker)
	return ok && s.o.Sweeps != nil
}

// sweeps compares again and again until ctx ends.
func (s *Sender) sweeps(ctx context.Context) {
	wait := min(sweepFirst, s.o.Sweeps.Every)
	for {
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
		wait = s.o.Sweeps.Every
		if s.isPaused() || s.closedIn() > 0 {
			continue
		}
		s.Sweep(ctx)
	}
}

// Sweep compares every record once and journals those that differ. It changes
// nothing at the partner.
func (s *Sender) Sweep(ctx context.Context) {
	if !s.canSweep() {
		return
	}
	numbers, err := s.o.Sweeps.Incidents(ctx)
	if err != nil {
		s.log.Error("incidents to compare cannot be read", "err", err)
		return
	}
	s.sweepBegins()
	live := make(map[itsm.IncidentNumber]bool, len(numbers))
	var batch []Wanted
	for _, n := range numbers {
		live[n] = true
		w, ok := s.o.Sweeps.Wanted(n)
		if !ok || !w.Settled {
			continue
		}
		if !s.compareBefore(ctx, w) {
			break
		}
		if batch = append(batch, w); len(batch) == s.lookBatch() {
			ok := s.compare(ctx, batch)
			if batch = batch[:0]; !ok {
				break
			}
		}
	}
	if len(batch) > 0 {
		s.compare(ctx, batch)
	}
	s.sweepEnds(live)
}

func (s *Sender) sweepBegins() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.swept = SweepStatus{BeganAt: time.Now()}
}

// sweepEnds forgets what was seen of incidents that are not compared any more.
func (s *Sender) sweepEnds(live map[itsm.IncidentNumber]bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.swept.EndedAt = time.Now()
	for n := range s.looked {
		if !live[n] {
			delete(s.looked, n)
		}
	}
}

func (s *Sender) lookBatch() int {
	if _, ok := s.o.Connector.(ManyLooker); ok {
		return LookManyMax
	}
	return 1
}

// compare looks at one batch, in turn with what is sent. False ends the sweep: the
// partner cannot be asked now.
func (s *Sender) compare(ctx context.Context, batch []Wanted) bool {
	for range sweepShare { // leaves room for what is to be sent
		if s.take(ctx) != nil {
			return false
		}
	}
	if s.isPaused() || s.closedIn() > 0 {
		return false
	}
	records, err := s.lookMany(ctx, batch)
	if err != nil {
		s.sweepFailed(ctx, err)
		return false
	}
	for n := range batch {
		s.saw(ctx, batch[n].Incident, records[n])
	}
	return ctx.Err() == nil
}

func (s *Sender) lookMany(ctx context.Context, batch []Wanted) ([]Record, error) {
	m, ok := s.o.Connector.(ManyLooker)
	if !ok {
		r, err := s.look(ctx, batch[0].Incident, batch[0].Epoch)
		return []Record{r}, err
	}
	refs := make([]Ref, len(batch))
	for n := range batch {
		refs[n] = batch[n].Ref
	}
	ctx, cancel := context.WithTimeout(ctx, pushTimeout)
	defer cancel()
	out, err := m.LookMany(ctx, refs)
	if err == nil && len(out) != len(refs) {
		err = itsm.Errorf(itsm.Internal, "connector %s was asked about %d records and answered about %d", s.o.Connector.Name(), len(refs), len(out))
	}
	return out, err
}

func (s *Sender) sweepFailed(ctx context.Context, err error) {
	if ctx.Err() != nil {
		return
	}
	s.log.Warn("the partner could not be compared", "err", err)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.swept.Error = bounded(err.Error())
}

// saw takes down what was seen, and journals it when it is not as wanted. What is
// wanted is read after the answer came: it may have changed meanwhile.
func (s *Sender) saw(ctx context.Context, n itsm.IncidentNumber, r Record) {
	w, ok := s.o.Sweeps.Wanted(n)
	if !ok || !w.Settled {
		return
	}
	differs := len(itsm.Differences(&w.Record, &r, w.Kept)) > 0 && !faultBlindSweep
	tell := s.noteLooked(w, r, differs)
	if !tell {
		return
	}
	name := s.o.Connector.Name()
	r.Assignee, r.Group, r.Title, r.By = Head(r.Assignee, seenBytesMax), Head(r.Group, seenBytesMax), Head(r.Title, seenBytesMax), Head(r.By, seenBytesMax)
	a := itsm.Act{Kind: itsm.ActSync, Incident: n, Epoch: w.Epoch, Actor: name + ":sweep", Origin: name, Seen: &r, ReadOnly: s.o.Restored.isQuiet(n)}
	if _, err := s.o.Actor.Do(ctx, a); err != nil && ctx.Err() == nil {
		s.log.Warn("what a sweep saw could not be journaled", "incident", n, "err", err)
	}
}

// seenBytesMax bounds what is journaled of a text of the partner's.
const seenBytesMax = 1024

// noteLooked remembers what was seen. It reports whether the fold has to know: not
// again what it knows and waits to tell again.
func (s *Sender) noteLooked(w Wanted, r Record, differs bool) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.swept.Compared++
	if differs {
		s.swept.Differed++
	}
	if s.looked == nil {
		s.looked = map[itsm.IncidentNumber]Looked{}
	}
	was, known := s.looked[w.Incident]
	l := Looked{At: time.Now(), Record: r, Differs: differs, synced: was.synced}
	tell := differs && (time.Now().After(w.RepairAt) || r.Version != was.synced)
	if tell {
		l.synced = r.Version
	}
	if known || len(s.looked) < lookedMax {
		s.looked[w.Incident] = l
	}
	return tell
}

// isQuiet reports whether nothing may be repaired yet of an incident from before a
// restore.
func (r *Restored) isQuiet(n itsm.IncidentNumber) bool {
	return r != nil && n <= r.Known && time.Now().Before(r.QuietUntil)
}
