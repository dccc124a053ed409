package desk

import (
	"encoding/binary"
	"slices"

	"signalbox/itsm"
)

// listMax bounds every list of a stored record, far above what the fold writes,
// so that a damaged length cannot ask for memory.
const listMax = 1 << 20

// buffer is the memory of one Apply: keys and values are cut from it and stay
// valid until reset. Growing it leaves earlier slices where they were.
type buffer struct {
	rawBuffer
	raw rawBuffer // of a pack before it is compressed
}

// rawBuffer appends fields.
type rawBuffer struct {
	b    []byte
	base itsm.Time // times of a record are stored relative to it
}

// bufferKeep bounds what an unusually large batch leaves allocated.
const bufferKeep = 4 << 20

// reset makes the memory free for the next batch; nothing cut from it may be used
// afterwards.
func (b *buffer) reset() {
	if cap(b.b) > bufferKeep {
		b.b = nil
	}
	if cap(b.raw.b) > bufferKeep {
		b.raw.b = nil
	}
	b.b = b.b[:0]
}

// key cuts out what build appends. The capacity ends with the slice, so that an
// append to it by mistake cannot overwrite its neighbour.
func (b *rawBuffer) key(build func([]byte) []byte) []byte {
	from := len(b.b)
	b.b = build(b.b)
	return b.b[from:len(b.b):len(b.b)]
}

// value cuts out what encode writes after a version byte.
func (b *rawBuffer) value(version byte, encode func()) []byte {
	from := len(b.b)
	b.b, b.base = append(b.b, version), 0
	encode()
	return b.b[from:len(b.b):len(b.b)]
}

// uint is binary.AppendUvarint, written out as appends in place: while the collector
// marks, every pointer that is written costs, and these write none.
func (b *rawBuffer) uint(v uint64) {
	for ; v >= 0x80; v >>= 7 {
		b.b = append(b.b, byte(v)|0x80)
	}
	b.b = append(b.b, byte(v))
}

func (b *rawBuffer) int(v int64) { b.uint(uint64(v)<<1 ^ uint64(v>>63)) }

func (b *rawBuffer) str(s string) {
	b.uint(uint64(len(s)))
	at := len(b.b)
	if cap(b.b)-at < len(s) {
		b.b = slices.Grow(b.b, len(s))
	}
	b.b = b.b[:at+len(s)]
	copy(b.b[at:], s)
}

func (b *rawBuffer) strs(list []string) {
	b.uint(uint64(len(list)))
	for _, s := range list {
		b.str(s)
	}
}

func (b *rawBuffer) labels(ls itsm.Labels) {
	b.uint(uint64(len(ls)))
	for i := range ls {
		b.str(ls[i].Name)
		b.str(ls[i].Value)
	}
}

// time stores an unknown time as 0 and any other as its distance from the
// record's first, which is nearly always small.
func (b *rawBuffer) time(t itsm.Time) {
	if t == 0 {
		b.uint(0)
		return
	}
	d := int64(t - b.base)
	b.uint(1)
	b.int(d)
	if b.base == 0 {
		b.base = t
	}
}

// reader decodes from a string, so that every field is a substring of one
// allocation. The first fault sticks; end reports it.
type reader struct {
	s    string
	base itsm.Time
	bad  bool
}

// open checks the version byte and returns a reader of the rest.
func open(value []byte, version byte) (r reader, err error) {
	if len(value) == 0 {
		return r, itsm.Errorf(itsm.Internal, "damaged record: it is empty")
	}
	if value[0] != version {
		return r, itsm.Errorf(itsm.Internal, "record of version %d: this program reads version %d", value[0], version)
	}
	return reader{s: string(value[1:])}, nil
}

// openOlder is open for a form that earlier versions of are still read.
func openOlder(value []byte, newest byte) (r reader, version byte, err error) {
	if len(value) > 0 && value[0] > 0 && value[0] < newest {
		return reader{s: string(value[1:])}, value[0], nil
	}
	r, err = open(value, newest)
	return r, newest, err
}

// end reports a record that was cut short or is longer than what it holds.
func (r *reader) end() error {
	if r.bad || len(r.s) != 0 {
		return itsm.Errorf(itsm.Internal, "damaged record")
	}
	return nil
}

// fail makes every later read answer zero at once.
func (r *reader) fail() {
	r.bad, r.s = true, ""
}

// uint reads a varint and refuses one that overflows 64 bits.
func (r *reader) uint() uint64 {
	var v uint64
	for i := 0; i < len(r.s) && i < binary.MaxVarintLen64; i++ {
		c := r.s[i]
		if i == binary.MaxVarintLen64-1 && c > 1 {
			break
		}
		v |= uint64(c&0x7f) << (7 * i)
		if c < 0x80 {
			r.s = r.s[i+1:]
			return v
		}
	}
	r.fail()
	return 0
}

func (r *reader) int() int64 {
	u := r.uint()
	v := int64(u >> 1)
	if u&1 != 0 {
		v = ^v
	}
	return v
}

func (r *reader) byte() uint8 {
	v := r.uint()
	if v > 0xFF {
		r.fail()
	}
	return uint8(v)
}

func (r *reader) uint32() uint32 {
	v := r.uint()
	if v > 1<<32-1 {
		r.fail()
	}
	return uint32(v)
}

func (r *reader) str() string {
	n := r.uint()
	if n > uint64(len(r.s)) {
		r.fail()
		return ""
	}
	out := r.s[:n]
	r.s = r.s[n:]
	return out
}

// count reads a number of things that take at least size bytes each.
func (r *reader) count(size int) int {
	n := r.uint()
	if n > listMax || n*uint64(size) > uint64(len(r.s)) {
		r.fail()
		return 0
	}
	return int(n)
}

func (r *reader) strs() []string {
	n := r.count(1)
	if n == 0 {
		return nil
	}
	out := make([]string, n)
	for i := range out {
		out[i] = r.str()
	}
	return out
}

func (r *reader) labels() itsm.Labels {
	n := r.count(2)
	if n == 0 {
		return nil
	}
	ls := make(itsm.Labels, n)
	for i := range ls {
		ls[i] = itsm.Label{Name: r.str(), Value: r.str()}
	}
	return ls
}

// time undoes rawBuffer.time; any marker but 0 and 1 is damage.
func (r *reader) time() itsm.Time {
	switch r.uint() {
	case 0:
		return 0
	case 1:
		t := itsm.Time(r.int()) + r.base
		if r.base == 0 {
			r.base = t
		}
		return t
	}
	r.fail()
	return 0
}
