package pagerduty

import (
	"sync"
	"time"

	pd "github.com/PagerDuty/go-pagerduty"
)

// sights are what was seen of our records at PagerDuty, by their keys.
type sights struct {
	mu     sync.Mutex
	byKey  map[string]*sight
	forgot time.Time // when all of it was forgotten, there being too much
}

// sight is what was seen of one record.
type sight struct {
	id     string       // of its incident; "": not known
	over   *pd.Incident // the incident, resolved; nil: it was not seen so
	toldAt time.Time    // when it was told something last: a listing from before is old news
}

func (s *sights) of(key string) *sight {
	if v := s.byKey[key]; v != nil {
		return v
	}
	if len(s.byKey) >= sightsMax {
		s.byKey, s.forgot = nil, time.Now()
	}
	if s.byKey == nil {
		s.byKey = map[string]*sight{}
	}
	v := &sight{}
	s.byKey[key] = v
	return v
}

// told notes that a record is told something now.
func (s *sights) told(key string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	v := s.of(key)
	v.toldAt, v.over = time.Now(), nil
}

// saw notes the incident of a record, which was asked for.
func (s *sights) saw(key string, in *pd.Incident) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.of(key).saw(in)
}

func (v *sight) saw(in *pd.Incident) {
	v.id, v.over = in.ID, nil
	if in.Status == "resolved" {
		v.over = in
	}
}

// in is the incident of a record as a listing has it, or as it was seen over if all
// that is open was listed and it is not in that; nil: it has to be asked for.
func (s *sights) in(l *listing, key string) *pd.Incident {
	s.mu.Lock()
	defer s.mu.Unlock()
	v := s.of(key)
	if v.toldAt.After(l.at) || s.forgot.After(l.at) {
		return nil
	}
	if in := l.open.find(key, v.id); in != nil {
		v.saw(in)
		return in
	}
	if !l.complete {
		return nil
	}
	if v.over == nil {
		if in := l.over.find(key, v.id); in != nil && in.ResolveReason.Incident.ID == "" { // one that was merged goes on in another
			v.saw(in)
		}
	}
	return v.over
}
