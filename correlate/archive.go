package correlate

import (
	"encoding/binary"
	"maps"
	"math"
	"slices"
	"strings"
	"unsafe"

	"signalbox/itsm"
)

// archive walks the state once for writing and once for reading: each type says
// in one place what it consists of, so the two cannot drift apart. Numbers are
// varints, strings have a length, and maps are written in the order of their keys.
type archive struct {
	version byte     // of the encoding
	out     []byte   // what is being gathered
	pieces  []string // what was gathered before it
	chunk   int      // size of the memory taken last
	in      string
	reading bool
	bad     bool // what is read does not fit its own counts
}

// Sizes of an encoding's pieces. Memory is taken in chunks, each twice as large as the
// one before: a small state needs little, and clearing a megabyte for it would be most
// of the work. A text of pieceMin or more is not copied into one: texts never change.
const (
	pieceBytes      = 1 << 20
	pieceBytesFirst = 16 << 10
	pieceMin        = 256
)

// seal makes what is gathered a piece, to which nobody writes again; the rest of its
// chunk goes on being filled.
func (a *archive) seal() {
	if len(a.out) > 0 {
		a.pieces = append(a.pieces, unsafe.String(&a.out[0], len(a.out)))
	}
	a.out = a.out[len(a.out):]
	if cap(a.out) < binary.MaxVarintLen64+pieceMin {
		a.chunk = min(max(2*a.chunk, pieceBytesFirst), pieceBytes)
		a.out = make([]byte, 0, a.chunk)
	}
}

type integer interface {
	~int | ~int32 | ~int64 | ~uint8 | ~uint16 | ~uint32 | ~uint64
}

// num archives an integer.
func num[T integer](a *archive, v *T) {
	if !a.reading {
		if cap(a.out)-len(a.out) < binary.MaxVarintLen64 {
			a.seal()
		}
		a.out = binary.AppendVarint(a.out, int64(*v))
		return
	}
	*v = T(a.varint())
}

func (a *archive) varint() int64 {
	var u uint64
	for i := 0; i < len(a.in) && i < binary.MaxVarintLen64; i++ {
		c := a.in[i]
		u |= uint64(c&0x7f) << (7 * i)
		if c < 0x80 {
			a.in = a.in[i+1:]
			v := int64(u >> 1)
			if u&1 != 0 {
				v = ^v
			}
			return v
		}
	}
	a.bad, a.in = true, ""
	return 0
}

func (a *archive) flag(v *bool) {
	n := uint8(0)
	if *v {
		n = 1
	}
	num(a, &n)
	*v = n == 1
}

// text archives a string. What is read owns its memory.
func text[T ~string](a *archive, v *T) {
	n := len(*v)
	num(a, &n)
	if !a.reading {
		if n < pieceMin {
			if cap(a.out)-len(a.out) < n {
				a.seal()
			}
			a.out = append(a.out, *v...)
			return
		}
		a.seal()
		a.pieces = append(a.pieces, string(*v))
		return
	}
	if n < 0 || n > len(a.in) {
		a.bad, a.in = true, ""
		return
	}
	*v = T(strings.Clone(a.in[:n]))
	a.in = a.in[n:]
}

// list archives a slice; an empty one comes back nil.
func list[T any](a *archive, v *[]T, each func(*archive, *T)) {
	n := len(*v)
	num(a, &n)
	if a.reading {
		if n < 0 || n > len(a.in) {
			a.bad = true
			return
		}
		*v = nil
		if n > 0 {
			*v = make([]T, n)
		}
	}
	for i := range *v {
		each(a, &(*v)[i])
		if a.bad {
			return
		}
	}
}

// dict archives a map in the order of its keys.
func dict[V any](a *archive, m *map[string]V, each func(*archive, *V)) {
	var keys []string
	if !a.reading {
		keys = slices.Sorted(maps.Keys(*m))
	}
	list(a, &keys, text[string])
	if a.reading {
		*m = make(map[string]V, len(keys))
	}
	for _, k := range keys {
		v := (*m)[k]
		each(a, &v)
		(*m)[k] = v
	}
}

func texts[T ~[]string](a *archive, v *T) {
	l := []string(*v)
	list(a, &l, text[string])
	*v = l
}

func labels(a *archive, v *itsm.Labels) {
	l := []itsm.Label(*v)
	list(a, &l, func(a *archive, x *itsm.Label) { text(a, &x.Name); text(a, &x.Value) })
	*v = l
}

func cause(a *archive, c *itsm.Cause) {
	text(a, &c.CI)
	num(a, &c.ScoreMilli)
	text(a, &c.Because)
	list(a, &c.Paths, func(a *archive, p *itsm.CausePath) { texts(a, p) })
}

func incidentChange(a *archive, c *itsm.IncidentChange) {
	for _, v := range []*string{&c.Change, &c.Title, &c.Who, &c.URL, &c.CI, &c.Because} {
		text(a, v)
	}
	text(a, &c.State)
	num(a, &c.Hops)
	num(a, &c.At)
}

func candidate(a *archive, c *itsm.Candidate) {
	num(a, &c.Incident)
	num(a, &c.ScoreMilli)
	text(a, &c.Because)
}

func externalRef(a *archive, r *itsm.ExternalRef) {
	text(a, &r.Connector)
	text(a, &r.ID)
	text(a, &r.URL)
}

func outcome(a *archive, o *itsm.Outcome) {
	num(a, &o.Offset)
	num(a, &o.Incident)
	text(a, &o.Code)
	text(a, &o.Detail)
	a.flag(&o.NoOp)
	if a.version >= 5 {
		text(a, &o.Object)
	}
}

func (a *archive) fifo(f *fifo) {
	if !a.reading {
		f.items, f.head = slices.Clone(f.items[f.head:]), 0
	}
	list(a, &f.items, func(a *archive, x *fifoItem) { num(a, &x.id); num(a, &x.at) })
}

func (a *archive) repeats(r *repeats) {
	list(a, &r.order, func(a *archive, k *repeatKey) { text(a, &k.key); num(a, &k.at) })
	dict(a, &r.byKey, outcome)
}

// index archives a reference as its place in a list; -1 is none.
func index(a *archive, at int, n int) int {
	num(a, &at)
	if a.reading && (at < -1 || at >= n || at > math.MaxInt32) {
		a.bad = true
		return -1
	}
	return at
}
