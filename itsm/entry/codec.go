package entry

import (
	"encoding/binary"

	"signalbox/itsm"
)

// Bounds a damaged or hostile body cannot exceed; they are far above the door's own.
const (
	eventsMax = 1 << 20
	labelsMax = 1 << 16
)

// minimal encoded sizes, so that a claimed count can be checked before allocating
const (
	eventBytesMin = 12
	labelBytesMin = 2
	badBytesMin   = 3
)

type writer struct{ b []byte }

func (w *writer) uint(v uint64) { w.b = binary.AppendUvarint(w.b, v) }
func (w *writer) int(v int64)   { w.b = binary.AppendVarint(w.b, v) }
func (w *writer) str(s string)  { w.uint(uint64(len(s))); w.b = append(w.b, s...) }
func (w *writer) bytes(s []byte) {
	w.uint(uint64(len(s)))
	w.b = append(w.b, s...)
}

func (w *writer) labels(ls itsm.Labels) {
	w.uint(uint64(len(ls)))
	for i := range ls {
		w.str(ls[i].Name)
		w.str(ls[i].Value)
	}
}

// flags of an encoded event
const (
	flagNoData = 1 << iota
	flagPartial
)

func (w *writer) event(e *itsm.Event) {
	var flags uint64
	if e.NoData {
		flags |= flagNoData
	}
	if e.PartialGroup {
		flags |= flagPartial
	}
	w.uint(flags)
	w.uint(uint64(e.Status))
	w.uint(uint64(e.Severity))
	w.str(e.Identity)
	w.str(e.ID)
	w.str(e.Group)
	w.str(e.Origin)
	w.str(e.SeverityWord)
	w.str(e.Title)
	w.str(e.CIName)
	w.int(int64(e.StartsAt))
	w.int(int64(e.EndsAt))
	w.int(int64(e.EventAt))
	w.int(int64(e.LeaseUntil))
	w.labels(e.Labels)
	w.labels(e.Annotations)
	w.str(e.GeneratorURL)
}

// reader decodes from a string, so that every field is a substring of one
// allocation. The first fault sticks; callers check bad at the end. It moves a place
// and not the string: while the collector marks, every pointer that is written costs.
type reader struct {
	s    string
	at   int // of s is read
	bad  bool
	left int // events still to be read, this one included
	room itsm.LabelRoom
}

func (r *reader) uint() uint64 {
	var v uint64
	s := r.s[r.at:]
	for i := 0; i < len(s) && i < binary.MaxVarintLen64; i++ {
		c := s[i]
		if i == binary.MaxVarintLen64-1 && c > 1 {
			break
		}
		v |= uint64(c&0x7f) << (7 * i)
		if c < 0x80 {
			r.at += i + 1
			return v
		}
	}
	r.fail()
	return 0
}

// fail makes every later read answer zero at once.
func (r *reader) fail() { r.bad, r.at = true, len(r.s) }

// rest is how many bytes are still to be read.
func (r *reader) rest() uint64 { return uint64(len(r.s) - r.at) }

func (r *reader) int() int64 {
	u := r.uint()
	v := int64(u >> 1)
	if u&1 != 0 {
		v = ^v
	}
	return v
}

func (r *reader) str() string {
	n := r.uint()
	if n > r.rest() {
		r.fail()
		return ""
	}
	r.at += int(n)
	return r.s[r.at-int(n) : r.at]
}

// count reads a number of things that take at least size bytes each.
func (r *reader) count(limit, size int) int {
	n := r.uint()
	if n > uint64(limit) || n*uint64(size) > r.rest() {
		r.fail()
		return 0
	}
	return int(n)
}

func (r *reader) labels() itsm.Labels {
	n := r.count(labelsMax, labelBytesMin)
	if n == 0 {
		return nil
	}
	ls := r.room.Take(n, r.left)
	for i := range ls {
		ls[i].Name = r.str()
		ls[i].Value = r.str()
	}
	return ls
}

func (r *reader) event(source string, e *itsm.Event) {
	flags := r.uint()
	e.NoData, e.PartialGroup = flags&flagNoData != 0, flags&flagPartial != 0
	e.Source = source
	e.Status = itsm.Status(r.uint())
	e.Severity = itsm.Severity(r.uint())
	e.Identity = r.str()
	e.ID = r.str()
	e.Group = r.str()
	e.Origin = r.str()
	e.SeverityWord = r.str()
	e.Title = r.str()
	e.CIName = r.str()
	e.StartsAt = itsm.Time(r.int())
	e.EndsAt = itsm.Time(r.int())
	e.EventAt = itsm.Time(r.int())
	e.LeaseUntil = itsm.Time(r.int())
	e.Labels = r.labels()
	e.Annotations = r.labels()
	e.GeneratorURL = r.str()
}

// decodeDelivery cuts everything but the raw body out of one string.
func decodeDelivery(body string, withRaw bool) (*Delivery, error) {
	r := reader{s: body}
	d := &Delivery{Source: r.str(), Remote: r.str(), RetryOf: r.str()}
	if n := r.count(eventsMax, eventBytesMin); n > 0 {
		d.Events = make([]itsm.Event, n)
		for i := range d.Events {
			r.left = n - i
			r.event(d.Source, &d.Events[i])
		}
	}
	if n := r.count(eventsMax, badBytesMin); n > 0 {
		d.Bad = make([]Bad, n)
		for i := range d.Bad {
			d.Bad[i] = Bad{ID: r.str(), Error: r.str()}
			if s := r.str(); s != "" {
				d.Bad[i].Body = []byte(s)
			}
		}
	}
	raw := r.str()
	if r.bad {
		return nil, itsm.Errorf(itsm.Invalid, "entry delivery: damaged body of %d bytes", len(body))
	}
	if withRaw && raw != "" {
		d.Raw = []byte(raw)
	}
	return d, nil
}
