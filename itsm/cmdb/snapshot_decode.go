package cmdb

import (
	"bufio"
	"encoding/binary"
	"io"
	"slices"

	"signalbox/itsm"
)

// Decode reads what Encode wrote. Whoever wrote it, the result is a sound graph
// or an error.
func Decode(r io.Reader) (*Graph, error) {
	d := decoder{r: bufio.NewReaderSize(r, 1<<16)}
	magic := make([]byte, len(snapshotMagic))
	if _, err := io.ReadFull(d.r, magic); err != nil || string(magic) != snapshotMagic {
		return nil, itsm.Errorf(itsm.Invalid, "CMDB snapshot: it does not begin like one; it may be of another version")
	}
	g := &Graph{revision: d.uint()}
	d.tables(g)
	g.ordered = Ref(d.max(CIsMax))
	recs := d.records(g)
	deps := d.relations(g, recs.n)
	if d.err == nil && d.load() && len(d.buf) > 0 {
		d.fail("something follows the graph")
	}
	if d.err != nil {
		return nil, d.err
	}
	g.recs, g.deps = recs.vec, deps.vec
	g = g.WithMappings(g.mappings)
	if !g.sound() {
		return nil, itsm.Errorf(itsm.Invalid, "CMDB snapshot is damaged: CIs or relations are out of order")
	}
	g.index()
	g.turn()
	return g, nil
}

// decoder reads numbers and strings out of frames and keeps the first error;
// after one it returns zeros, so that callers check once a loop.
type decoder struct {
	r     *bufio.Reader
	frame []byte // memory of the current frame
	buf   []byte // what is left of it
	count uint32
	ended bool
	err   error
}

func (d *decoder) fail(what string) {
	if d.err == nil {
		d.err = itsm.Errorf(itsm.Invalid, "CMDB snapshot is damaged in frame %d: %s", d.count, what)
	}
}

// load makes sure there is something to read, and reports whether there is.
func (d *decoder) load() bool {
	if len(d.buf) > 0 || d.err != nil || d.ended {
		return len(d.buf) > 0 && d.err == nil
	}
	n, err := binary.ReadUvarint(d.r)
	if err != nil || n > frameMax {
		d.fail("its length is missing or too large")
		return false
	}
	d.frame = slices.Grow(d.frame[:0], int(n)+4)[:int(n)+4]
	if _, err := io.ReadFull(d.r, d.frame); err != nil {
		d.fail("it is cut short")
		return false
	}
	d.buf = d.frame[:n]
	if frameSum(d.count, d.buf) != binary.LittleEndian.Uint32(d.frame[n:]) {
		d.fail("the checksum does not match")
		return false
	}
	d.count++
	d.ended = n == 0
	return n > 0
}

func (d *decoder) uint() uint64 {
	if !d.load() {
		d.fail("the graph is not complete")
		return 0
	}
	v, k := binary.Uvarint(d.buf)
	if k <= 0 {
		d.fail("a number is malformed")
		return 0
	}
	d.buf = d.buf[k:]
	return v
}

// max reads a number that may not be above limit.
func (d *decoder) max(limit int) int {
	v := d.uint()
	if limit < 0 || v > uint64(limit) {
		d.fail("a number is out of range")
		return 0
	}
	return int(v)
}

// bytes reads a string that is valid until the next frame.
func (d *decoder) bytes() []byte {
	n := d.max(frameMax)
	if n > len(d.buf) {
		d.fail("a string is cut short")
		return nil
	}
	b := d.buf[:n]
	d.buf = d.buf[n:]
	return b
}

func (d *decoder) str() string { return string(d.bytes()) }

// tables reads what encoder.tables wrote.
func (d *decoder) tables(g *Graph) {
	n := d.max(RelationTypesMax)
	g.types = make(RelationTypes, n)
	for range n {
		name := d.str()
		g.types[name] = Direction(d.max(int(FromAffectsTo)))
	}
	for range d.max(frameMax) {
		if d.err != nil {
			return
		}
		g.mappings = append(g.mappings, Mapping{d.str(), d.str(), d.str()})
	}
	for range d.max(SourceSetsMax) {
		var set []string
		for range d.max(SourceSetsMax) {
			if d.err != nil {
				return
			}
			set = append(set, d.str())
		}
		g.srcSets = append(g.srcSets, set)
	}
	if len(g.srcSets) == 0 || g.srcSets[0] != nil {
		d.fail("the table of sources is malformed")
	}
	for range d.max(RelationTypesMax) {
		g.relTypes = append(g.relTypes, relType{d.str(), Direction(d.max(int(FromAffectsTo)))})
	}
}

// records reads CIs. Many go into one string, as packBlobs would make them.
func (d *decoder) records(g *Graph) vecEditor[rec] {
	var recs vecEditor[rec]
	n := d.max(CIsMax)
	if int(g.ordered) > n {
		d.fail("more CIs in order than there are")
	}
	batch := make([]blob, 0, 512)
	for i := 0; i < n && d.err == nil; i++ {
		recs.grow(i + 1)
		o := recs.ref(i)
		o.flags = uint8(d.max(int(flagRetired)))
		o.src = uint16(d.max(len(g.srcSets) - 1))
		b := d.str()
		if d.err == nil && !validBlob(b) {
			d.fail("a CI is malformed")
			break
		}
		batch = append(batch, blob(b))
		if len(batch) == cap(batch) || i == n-1 {
			packBlobs(batch)
			for k, p := range batch {
				recs.ref(i - len(batch) + 1 + k).blob = p
			}
			batch = batch[:0]
		}
	}
	if recs.n < n {
		d.fail("CIs are missing")
	}
	return recs
}

// relations reads the lists of dependencies. A list grows as its relations arrive:
// its length alone, which may be a lie, allocates next to nothing.
func (d *decoder) relations(g *Graph, n int) vecEditor[[]half] {
	var lists vecEditor[[]half]
	lists.grow(n)
	var room []half
	for i := 0; i < n && d.err == nil; i++ {
		k := d.max(1 << 30)
		list := room[len(room):]
		for range k {
			if d.err != nil {
				break
			}
			h := half{Ref(d.max(n - 1)), uint16(d.max(len(g.relTypes) - 1)), uint16(d.max(len(g.srcSets) - 1))}
			if cap(list) == len(list) && cap(list) < k {
				list = append(make([]half, 0, max(min(k, 2*len(list)+8), min(roomHalves, 64*k))), list...)
			}
			list = append(list, h)
		}
		room = list
		*lists.ref(i) = list[:len(list):len(list)]
		g.edges += len(list)
	}
	return lists
}
