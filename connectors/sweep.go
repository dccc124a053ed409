package connectors

import (
	"context"
	"maps"
	"time"

	"signalbox/itsm"
)

// SweepEveryDefault is how often a partner is compared.
const SweepEveryDefault = 5 * time.Minute

// Bounds of sweeps.
const (
	sweepFirst = 30 * time.Second // after the start: what was missed meanwhile is soon known
	sweepShare = 2                // one in so many calls of the rate is a sweep's
	lookFails  = 5                // looks that fail in a row end it for that kind of record
	lookedMax  = 20_000           // incidents of which it is remembered what was seen
)

// Wanted is what a partner should have of an incident.
type Wanted struct {
	Ref
	Record  Record // how its record should be
	Kept    bool   // an acknowledgement that was taken back elsewhere may still stand there
	Settled bool   // nothing is on its way, and the partner had time to show what it was told last

	RepairAt time.Time // not before is it told again; zero: at once
	Before   []uint32  // epochs of earlier records, which have to be over
}

// Sweeps says what a sender compares its partner with. Without it, or when the
// connector is no Looker, nothing is compared.
type Sweeps struct {
	Every time.Duration // from the end of one to the next; 0: SweepEveryDefault
	// Incidents lists, newest first, what is open and what ended lately.
	Incidents func(ctx context.Context) ([]itsm.IncidentNumber, error)
	// Wanted says what the partner should have; false: it has nothing of it.
	Wanted func(itsm.IncidentNumber) (Wanted, bool)
	// Objects lists the changes and problems of which the partner has records; nil, or a
	// connector that is no ObjectLooker: none is compared.
	Objects func(ctx context.Context) ([]string, error)
	// WantedObject says how the record of one should be; false: there is none.
	WantedObject func(id string) (WantedObject, bool)
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
	Failed   int       // records that the partner could not be asked about in it
	Error    string    // why
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
// nothing at the partner. What the partner cannot be asked about is left for the
// next sweep, which asks about it last.
func (s *Sender) Sweep(ctx context.Context) {
	if !s.canSweep() {
		return
	}
	numbers, err := s.o.Sweeps.Incidents(ctx)
	if err != nil {
		s.log.Error("incidents to compare cannot be read", "err", err)
		return
	}
	objects, err := s.objectsToCompare(ctx)
	if err != nil {
		s.log.Error("changes and problems to compare cannot be read", "err", err)
		return
	}
	s.sweepBegins()
	w := sweep{Sender: s}
	w.compareAll(ctx, troublesLast(numbers, s.unseen))
	w.compareObjects(ctx, troublesLast(objects, s.unseenObjects))
	s.sweepEnds(&w, numbers, objects)
}

// troublesLast puts what the last sweep could not look at behind all else, so that it
// keeps nothing from being compared.
func troublesLast[K comparable](list []K, unseen map[K]bool) []K {
	if len(unseen) == 0 {
		return list
	}
	out := make([]K, 0, len(list))
	var last []K
	for _, k := range list {
		if unseen[k] {
			last = append(last, k)
		} else {
			out = append(out, k)
		}
	}
	return append(out, last...)
}

func (s *Sender) sweepBegins() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.swept = SweepStatus{BeganAt: time.Now()}
}

// sweepEnds forgets what was seen of what is not compared any more.
func (s *Sender) sweepEnds(w *sweep, numbers []itsm.IncidentNumber, objects []string) {
	live, liveObjects := setOf(numbers), setOf(objects)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.swept.EndedAt, s.unseen, s.unseenObjects = time.Now(), w.failed, w.failedObjects
	maps.DeleteFunc(s.looked, func(n itsm.IncidentNumber, _ Looked) bool { return !live[n] })
	maps.DeleteFunc(s.lookedObjects, func(id string, _ LookedObject) bool { return !liveObjects[id] })
	maps.DeleteFunc(s.earlier, func(r Ref, _ int64) bool { return !live[r.Incident] })
}

func setOf[K comparable](list []K) map[K]bool {
	set := make(map[K]bool, len(list))
	for _, k := range list {
		set[k] = true
	}
	return set
}

// saw takes down what was seen, and journals it when it is not as wanted. What is
// wanted is read after the answer came: it may have changed meanwhile.
func (s *Sender) saw(ctx context.Context, n itsm.IncidentNumber, r Record) {
	w, ok := s.o.Sweeps.Wanted(n)
	if !ok || !w.Settled {
		return
	}
	if r.AckUnknown && r.Status.IsOpen() && w.Record.Status.IsOpen() {
		r.Status = w.Record.Status
	}
	differs := len(itsm.Differences(&w.Record, &r, w.Kept)) > 0 && !faultBlindSweep
	tell := s.noteLooked(w, r, differs)
	if !tell {
		return
	}
	r.Assignee, r.Group, r.Title, r.By = Head(r.Assignee, seenBytesMax), Head(r.Group, seenBytesMax), Head(r.Title, seenBytesMax), Head(r.By, seenBytesMax)
	s.tellSeen(ctx, w.Ref, &r)
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
// restore; 0: of what is none.
func (r *Restored) isQuiet(n itsm.IncidentNumber) bool {
	return r != nil && n <= r.Known && time.Now().Before(r.QuietUntil)
}
