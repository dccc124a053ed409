package cmdb

import (
	"bufio"
	"encoding/binary"
	"hash/crc32"
	"io"
	"slices"
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

// tables writes what CIs and relations refer to by number, types in order.
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

// encoder writes numbers and strings into frames and keeps the first error.
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

// frameSum covers the number of the frame, so that a frame that is missing or in
// another place is noticed.
func frameSum(number uint32, b []byte) uint32 {
	var n [4]byte
	binary.LittleEndian.PutUint32(n[:], number)
	return crc32.Update(crc32.Checksum(n[:], castagnoli), castagnoli, b)
}
