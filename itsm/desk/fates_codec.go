package desk

import (
	"slices"

	"signalbox/itsm"
)

// Deliveries that one batch folds share a key, so that a delivery of one alert
// does not cost a write of its own. A chunk is cut when it holds this much.
const (
	chunkDeliveries = 512
	chunkEvents     = 8192
)

// A chunk without acts is written as version 1, which costs no byte a delivery.
const (
	fatesVersion     = 1
	fatesActsVersion = 2 // after the events of each delivery, its act or none
)

// The head of an encoded event is its fate and what needs no further bytes. In a
// storm of new alerts an event is its head alone.
const (
	fateMask     = 1<<3 - 1
	fateNoAlert  = 1 << 3
	fateNext     = 1 << 4 // the alert after that of the event before
	fateEpisode1 = 1 << 5
	fateSameInc  = 1 << 6 // the incident of the event before
)

// fatesCoder holds what the next event is written or read relative to.
type fatesCoder struct {
	offset   itsm.Offset
	at       itsm.Time
	alert    itsm.AlertNumber
	incident itsm.IncidentNumber
	words    []string // sources and reasons so far; there are few
}

// fates writes deliveries in the order of their entries. The key says the offset
// of the first.
func (b *rawBuffer) fates(list []*itsm.Fates) []byte {
	version := byte(fatesVersion)
	if slices.ContainsFunc(list, func(f *itsm.Fates) bool { return f.Act != nil }) {
		version = fatesActsVersion
	}
	return b.value(version, func() {
		c := fatesCoder{offset: list[0].Offset}
		b.uint(uint64(len(list)))
		for _, f := range list {
			b.uint(uint64(f.Offset - c.offset))
			b.int(int64(f.At - c.at))
			c.offset, c.at = f.Offset, f.At
			c.write(b, f.Source)
			b.uint(uint64(len(f.Events)))
			for i := range f.Events {
				c.event(b, &f.Events[i])
			}
			if version == fatesActsVersion {
				c.act(b, f.Act)
			}
		}
	})
}

// write refers to a word, and spells it out when it is new.
func (c *fatesCoder) write(b *rawBuffer, word string) {
	i := slices.Index(c.words, word)
	b.uint(uint64(i + 1))
	if i < 0 {
		b.str(word)
		c.words = append(c.words, word)
	}
}

func (c *fatesCoder) event(b *rawBuffer, e *itsm.EventFate) {
	head := uint64(e.Fate)
	switch e.Alert {
	case 0:
		head |= fateNoAlert
	case c.alert + 1:
		head |= fateNext
	}
	if e.Episode == 1 {
		head |= fateEpisode1
	}
	if e.Incident == c.incident {
		head |= fateSameInc
	}
	b.uint(head)
	if e.Fate == itsm.FateSuppressed {
		c.write(b, e.Reason)
	}
	if e.Alert == 0 {
		return
	}
	if head&fateNext == 0 {
		b.int(int64(e.Alert - c.alert))
	}
	if head&fateEpisode1 == 0 {
		b.uint(uint64(e.Episode))
	}
	if head&fateSameInc == 0 {
		b.int(int64(e.Incident - c.incident))
	}
	c.alert, c.incident = e.Alert, e.Incident
}

// act writes an act; a kind that is empty is none.
func (c *fatesCoder) act(b *rawBuffer, a *itsm.ActFate) {
	if a == nil {
		c.write(b, "")
		return
	}
	c.write(b, string(a.Kind))
	c.write(b, a.Actor)
	b.uint(uint64(a.Incident))
	b.uint(uint64(a.Result))
	c.write(b, a.Reason)
}

func (c *fatesCoder) readAct(r *reader) *itsm.ActFate {
	kind := c.read(r)
	if kind == "" {
		return nil
	}
	return &itsm.ActFate{Kind: itsm.ActKind(kind), Actor: c.read(r), Incident: itsm.IncidentNumber(r.uint()), Result: itsm.ActResult(r.uint()), Reason: c.read(r)}
}

// openFates opens a chunk of either version.
func openFates(value []byte) (r reader, acts bool, err error) {
	version := byte(fatesVersion)
	if acts = len(value) > 0 && value[0] == fatesActsVersion; acts {
		version = fatesActsVersion
	}
	r, err = open(value, version)
	return r, acts, err
}

// decodeFates reads a chunk whose first entry is known from its key.
func decodeFates(first itsm.Offset, value []byte) ([]itsm.Fates, error) {
	r, acts, err := openFates(value)
	if err != nil {
		return nil, err
	}
	c := fatesCoder{offset: first}
	list := make([]itsm.Fates, r.count(4))
	for i := range list {
		f := &list[i]
		c.offset += itsm.Offset(r.uint())
		c.at += itsm.Time(r.int())
		f.Offset, f.At, f.Source = c.offset, c.at, c.read(&r)
		if n := r.count(1); n > 0 {
			f.Events = make([]itsm.EventFate, n)
		}
		for k := range f.Events {
			c.readEvent(&r, &f.Events[k])
		}
		if acts {
			f.Act = c.readAct(&r)
		}
	}
	return list, r.end()
}

// firstAt reads no more of a chunk than the time of its first entry.
func firstAt(value []byte) (itsm.Time, error) {
	r, _, err := openFates(value)
	if err != nil {
		return 0, err
	}
	r.uint()
	r.uint()
	at := itsm.Time(r.int())
	if r.bad {
		return 0, r.end()
	}
	return at, nil
}

func (c *fatesCoder) read(r *reader) string {
	i := r.uint()
	if i == 0 {
		c.words = append(c.words, r.str())
		i = uint64(len(c.words))
	}
	if i > uint64(len(c.words)) {
		r.fail()
		return ""
	}
	return c.words[i-1]
}

func (c *fatesCoder) readEvent(r *reader, e *itsm.EventFate) {
	head := r.uint()
	e.Fate = itsm.Fate(head & fateMask)
	if e.Fate == itsm.FateSuppressed {
		e.Reason = c.read(r)
	}
	if head&fateNoAlert != 0 {
		return
	}
	e.Alert, e.Episode, e.Incident = c.alert+1, 1, c.incident
	if head&fateNext == 0 {
		e.Alert = c.alert + itsm.AlertNumber(r.int())
	}
	if head&fateEpisode1 == 0 {
		e.Episode = r.uint32()
	}
	if head&fateSameInc == 0 {
		e.Incident += itsm.IncidentNumber(r.int())
	}
	c.alert, c.incident = e.Alert, e.Incident
}
