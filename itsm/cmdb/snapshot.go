package cmdb

import (
	"bufio"
	"encoding/binary"
	"hash/crc32"
	"io"
	"slices"

	"signalbox/itsm"
)

// A snapshot is the magic and frames: a length, that many bytes, and the CRC32C
// of the frame's number and bytes. An empty frame ends it. No number or string
// crosses a frame, so damage is found before it is read.
const (
	snapshotMagic = "SBCG1\n"
	frameBytes    = 64 << 10  // a frame is cut when it is longer
	frameMax      = 512 << 10 // and is never longer than this
)

// Encode writes the whole graph, Refs included.
func (g *Graph) Encode(w io.Writer) error {
	e := encoder{w: bufio.NewWriterSize(w, 1<<16)}
	e.raw([]byte(snapshotMagic))
	e.uint(g.revision)
	e.tables(g)
	e.uint(uint64(g.ordered))
	e.uint(uint64(g.recs.n))
	for i := range g.recs.n {
		r := g.recs.at(i)
		e.uint(uint64(r.flags & flagRetired))
		e.uint(uint64(r.src))
		e.str(string(r.blob))
	}
	for i := range g.recs.n {
		list := *g.deps.at(i)
		e.uint(uint64(len(list)))
		for _, h := range list {
			e.uint(uint64(h.to))
			e.uint(uint64(h.typ))
			e.uint(uint64(h.src))
		}
	}
	e.frame()
	e.frame() // the empty one
	if e.err == nil {
		e.err = e.w.Flush()
	}
	return e.err
}

func (e *encoder) tables(g *Graph) {
	names := make([]string, 0, len(g.types))
	for name := range g.types {
		names = append(names, name)
	}
	slices.Sort(names)
	e.uint(uint64(len(names)))
	for _, name := range names {
		e.str(name)
		e.uint(uint64(g.types[name]))
	}
	e.uint(uint64(len(g.mappings)))
	for _, m := range g.mappings {
		e.str(m.Source)
		e.str(m.Label)
		e.str(m.Names)
	}
	e.uint(uint64(len(g.srcSets)))
	for _, set := range g.srcSets {
		e.uint(uint64(len(set)))
		for _, s := range set {
			e.str(s)
		}
	}
	e.uint(uint64(len(g.relTypes)))
	for _, t := range g.relTypes {
		e.str(t.name)
		e.uint(uint64(t.dir))
	}
}

type encoder struct {
	w     *bufio.Writer
	buf   []byte
	count uint32 // frames written
	err   error
}

func (e *encoder) uint(v uint64) {
	e.buf = binary.AppendUvarint(e.buf, v)
	e.cut()
}

func (e *encoder) str(s string) {
	e.buf = appendString(e.buf, s)
	e.cut()
}

func (e *encoder) cut() {
	if len(e.buf) > frameBytes {
		e.frame()
	}
}

func (e *encoder) frame() {
	var head [binary.MaxVarintLen64]byte
	e.raw(head[:binary.PutUvarint(head[:], uint64(len(e.buf)))])
	e.raw(e.buf)
	e.raw(binary.LittleEndian.AppendUint32(nil, frameSum(e.count, e.buf)))
	e.buf = e.buf[:0]
	e.count++
}

func (e *encoder) raw(b []byte) {
	if e.err == nil {
		_, e.err = e.w.Write(b)
	}
}

func frameSum(number uint32, b []byte) uint32 {
	var n [4]byte
	binary.LittleEndian.PutUint32(n[:], number)
	return crc32.Update(crc32.Checksum(n[:], castagnoli), castagnoli, b)
}

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

// sound checks what the rest of the package relies on.
func (g *Graph) sound() bool {
	for r := range Ref(g.recs.n) {
		if r > 0 && r < g.ordered && g.ID(r-1) >= g.ID(r) || g.Retired(r) != (g.recs.at(int(r)).src == 0) {
			return false
		}
		list := *g.deps.at(int(r))
		for i, h := range list {
			if h.to == r || h.src == 0 || i > 0 && g.order(list[i-1], h) >= 0 || g.Retired(r) || g.Retired(h.to) {
				return false
			}
		}
	}
	order := g.everyRef()
	for i, r := range order {
		if i > 0 && g.ID(order[i-1]) == g.ID(r) {
			return false
		}
	}
	return true
}

// everyRef returns all Refs by id.
func (g *Graph) everyRef() []Ref {
	order := make([]Ref, g.recs.n)
	for i := range order {
		order[i] = Ref(i)
	}
	if g.ordered < Ref(g.recs.n) {
		slices.SortFunc(order, g.compare)
	}
	return order
}

// index makes the indexes of a graph that has its CIs only.
func (g *Graph) index() {
	a := applier{g: g, keys: make([]keyChange, 0, g.recs.n*3)}
	for i := range g.recs.n {
		o := g.recs.at(i)
		o.kind = kindOf(o.blob.field(fieldClass))
		if isScoped(o.blob) {
			o.flags |= flagScoped
		}
		if !o.retired() {
			g.live++
		}
		a.rekey(Ref(i), &rec{}, o)
	}
	g.names = index{}.apply(a.keys)
	g.scopes = scopeCounts{}.apply(a.scopes)
}

// turn makes the lists of dependants out of those of dependencies.
func (g *Graph) turn() {
	counts := make([]int32, g.recs.n)
	for i := range g.recs.n {
		for _, h := range *g.deps.at(i) {
			counts[h.to]++
		}
	}
	var lists vecEditor[[]half]
	lists.grow(g.recs.n)
	room := make([]half, g.edges)
	for i, k := range counts {
		*lists.ref(i), room = room[:0:k], room[k:]
	}
	for _, r := range g.everyRef() { // by id, so that every list comes out by id
		for _, h := range *g.deps.at(int(r)) {
			list := lists.ref(int(h.to))
			*list = append(*list, half{r, h.typ, h.src})
		}
	}
	g.dependants = lists.vec
	var fanIn vecEditor[int32]
	fanIn.grow(g.recs.n)
	for i := range g.recs.n {
		*fanIn.ref(i) = int32(ends(*lists.at(i)))
	}
	g.fanIn = fanIn.vec
}

// WithTypes returns the graph with other directions of failure and the same
// revision. It turns relations round where their type's direction changed.
func (g *Graph) WithTypes(types RelationTypes) *Graph {
	next := *g
	next.types = types
	next.relTypes = slices.Clone(g.relTypes)
	turned := false
	for i := range next.relTypes {
		t := &next.relTypes[i]
		d, _ := types.Direction(t.name)
		turned = turned || d != t.dir
		t.dir = d
	}
	if turned {
		a := applier{g: &next}
		for i := range g.recs.n {
			for _, h := range *g.deps.at(i) {
				from, to := g.written(Ref(i), h)
				if next.relTypes[h.typ].dir == FromAffectsTo {
					from, to = to, from
				}
				a.ops = append(a.ops, edgeOp{node: from, half: half{to, h.typ, h.src}, act: edgeKeep})
			}
		}
		next.deps = vec[[]half]{}
		a.merge(&next.deps, nil)
		next.turn()
	}
	return &next
}
