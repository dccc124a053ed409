package report

import (
	"sync"
	"time"

	"signalbox/itsm"
	"signalbox/itsm/desk"
)

// Bounds of what is kept.
const (
	keepFor = time.Minute // what was computed
	keepMax = 32          // answers
)

// Reporter answers reports. It is safe for concurrent use; one pass over the
// records runs at a time, and who waits for it is answered by it.
type Reporter struct {
	records Records
	pagers  func() []string
	clock   func() time.Time

	mu   sync.Mutex
	kept map[string]answer // guarded by mu
}

type answer struct {
	at   itsm.Time
	list []Report
}

// New makes a reporter. The pagers are the names of the connectors whose partner
// wakes people; clock says what time it is.
func New(r Records, pagers func() []string, clock func() time.Time) *Reporter {
	return &Reporter{records: r, pagers: pagers, clock: clock, kept: map[string]answer{}}
}

// Now is the moment to which ranges are relative.
func (r *Reporter) Now() itsm.Time { return itsm.TimeOf(r.clock()) }

// Kind says what a report is, or NotFound.
func (r *Reporter) Kind(name string) (*Kind, error) { return of(name) }

// Empty reports whether there never was an incident.
func (r *Reporter) Empty() (bool, error) {
	p, err := r.records.Incidents(desk.IncidentQuery{Limit: 1})
	return len(p.Items) == 0, err
}

// All computes every report, in the order of Kinds. What it answers is shared and
// must not be changed.
func (r *Reporter) All(q Query) ([]Report, error) {
	if len(q.Services) > ServicesMax {
		return nil, itsm.Errorf(itsm.TooLarge, "service: %d values; at most %d", len(q.Services), ServicesMax)
	}
	q.Now = r.Now()
	r.mu.Lock()
	defer r.mu.Unlock()
	if a, ok := r.kept[q.key()]; ok && q.Now.Sub(a.at).Abs() < keepFor {
		return a.list, nil
	}
	f, err := gather(r.records, r.pagers(), q)
	if err != nil {
		return nil, err
	}
	list := make([]Report, len(kinds))
	for i := range kinds {
		list[i] = kinds[i].report(f)
	}
	for k, a := range r.kept { // which goes first does not matter
		if q.Now.Sub(a.at).Abs() >= keepFor || len(r.kept) >= keepMax {
			delete(r.kept, k)
		}
	}
	r.kept[q.key()] = answer{q.Now, list}
	return list, nil
}

// One computes a report by its name, or answers NotFound.
func (r *Reporter) One(name string, q Query) (Report, error) {
	if _, err := of(name); err != nil {
		return Report{}, err
	}
	list, err := r.All(q)
	if err != nil {
		return Report{}, err
	}
	for i := range list {
		if list[i].Name == name {
			return list[i], nil
		}
	}
	return Report{}, itsm.Errorf(itsm.Internal, "report %s was not computed", name)
}
