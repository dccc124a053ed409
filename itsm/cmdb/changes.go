package cmdb

import (
	"encoding/binary"
	"hash/crc32"

	"signalbox/itsm"
)

// Changes is what an import does to a graph: the content itself, so that it can
// be journaled and applied again in a replay. Make it with Plan or DecodeChunks.
type Changes struct {
	source  string
	puts    []blob      // CIs to store, by id; the source lists them from now on
	drops   []string    // ids the source no longer lists, sorted
	ends    []string    // ids of relation ends that are not among puts
	types   []string    // relation types
	adds    []relChange // relations to store
	removes []relChange // relations the source no longer lists
}

// relChange names its ends by their place in puts and then ends, its type by
// its place in types.
type relChange struct {
	from, to uint32
	typ      uint32
}

// Empty reports whether the changes do nothing.
func (c *Changes) Empty() bool {
	return len(c.puts) == 0 && len(c.drops) == 0 && len(c.adds) == 0 && len(c.removes) == 0
}

// Source is the import source that made the changes.
func (c *Changes) Source() string { return c.source }

// ChunkBytesMax is the largest chunk a journal entry can take; Chunks stays
// below it whatever its argument.
const ChunkBytesMax = 1 << 20

// A chunk is: magic, its index, the number of chunks, records, CRC32C of all
// before it. A record is a kind byte and its fields. Records keep the order of
// Changes, so a relation follows everything it refers to.
const (
	chunkMagic    = "SBCM1"
	chunkOverhead = len(chunkMagic) + 2*binary.MaxVarintLen32 + 4
)

// Kinds of record.
const (
	recSource byte = iota + 1
	recPut
	recDrop
	recEnd
	recType
	recAdd
	recRemove
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Chunks encodes the changes in pieces of at most maxBytes, and never more than
// ChunkBytesMax; one CI is never split. There is always at least one piece.
func (c *Changes) Chunks(maxBytes int) [][]byte {
	w := chunkWriter{room: min(max(maxBytes, 1), ChunkBytesMax) - chunkOverhead}
	w.text(recSource, c.source)
	for _, p := range c.puts {
		w.text(recPut, string(p))
	}
	for _, id := range c.drops {
		w.text(recDrop, id)
	}
	for _, id := range c.ends {
		w.text(recEnd, id)
	}
	for _, t := range c.types {
		w.text(recType, t)
	}
	w.relations(recAdd, c.adds)
	w.relations(recRemove, c.removes)
	return w.finish()
}

// chunkWriter packs records into chunks, in order.
type chunkWriter struct {
	room   int
	bodies [][]byte
	buf    []byte // record being written
}

func (w *chunkWriter) text(kind byte, s string) {
	w.buf = append(w.buf[:0], kind)
	w.buf = appendString(w.buf, s)
	w.put()
}

func (w *chunkWriter) relations(kind byte, list []relChange) {
	for _, r := range list {
		w.buf = append(w.buf[:0], kind)
		w.buf = binary.AppendUvarint(w.buf, uint64(r.from))
		w.buf = binary.AppendUvarint(w.buf, uint64(r.to))
		w.buf = binary.AppendUvarint(w.buf, uint64(r.typ))
		w.put()
	}
}

// put adds the record to the last chunk, or starts another when it is full.
func (w *chunkWriter) put() {
	n := len(w.bodies)
	if n == 0 || len(w.bodies[n-1])+len(w.buf) > w.room && len(w.bodies[n-1]) > 0 {
		w.bodies = append(w.bodies, nil)
		n++
	}
	w.bodies[n-1] = append(w.bodies[n-1], w.buf...)
}

// finish adds what only the whole knows: the number of chunks. It frees each
// body as it goes, so that an import is not held twice.
func (w *chunkWriter) finish() [][]byte {
	out := make([][]byte, len(w.bodies))
	for i, body := range w.bodies {
		b := append(make([]byte, 0, len(body)+chunkOverhead), chunkMagic...)
		b = binary.AppendUvarint(b, uint64(i))
		b = binary.AppendUvarint(b, uint64(len(w.bodies)))
		b = append(b, body...)
		out[i] = binary.LittleEndian.AppendUint32(b, crc32.Checksum(b, castagnoli))
		w.bodies[i] = nil
	}
	return out
}

// DecodeChunks puts together what Chunks took apart. All chunks must be there,
// in order. What it returns is safe to Apply, whoever wrote the chunks.
func DecodeChunks(chunks [][]byte) (Changes, error) {
	var d chunkReader
	for i, b := range chunks {
		body, err := openChunk(b, i, len(chunks))
		if err != nil {
			return Changes{}, err
		}
		if err := d.read(string(body)); err != nil {
			return Changes{}, itsm.Wrap(itsm.Invalid, err, "CMDB chunk %d of %d is damaged", i+1, len(chunks))
		}
	}
	if !d.started {
		return Changes{}, itsm.Errorf(itsm.Invalid, "CMDB changes: no chunk given")
	}
	return d.c, nil
}

// openChunk checks what surrounds the records of a chunk.
func openChunk(b []byte, index, count int) ([]byte, error) {
	bad := func(what string) ([]byte, error) {
		return nil, itsm.Errorf(itsm.Invalid, "CMDB chunk %d of %d: %s", index+1, count, what)
	}
	if len(b) < len(chunkMagic)+6 || string(b[:len(chunkMagic)]) != chunkMagic {
		return bad("not a chunk of CMDB changes")
	}
	body, sum := b[:len(b)-4], binary.LittleEndian.Uint32(b[len(b)-4:])
	if crc32.Checksum(body, castagnoli) != sum {
		return bad("the checksum does not match")
	}
	body = body[len(chunkMagic):]
	i, k := binary.Uvarint(body)
	if k <= 0 || i != uint64(index) {
		return bad("chunks are missing or out of order")
	}
	body = body[k:]
	if n, k := binary.Uvarint(body); k > 0 && n == uint64(count) {
		return body[k:], nil
	}
	return bad("chunks are missing or out of order")
}

// chunkReader rebuilds Changes and checks every rule Apply relies on.
type chunkReader struct {
	c       Changes
	started bool
	last    byte // kind of the previous record; kinds never go back
}

// read takes the records of one chunk.
func (d *chunkReader) read(body string) error {
	for body != "" {
		kind := body[0]
		body = body[1:]
		if kind < d.last || kind > recRemove || (kind == recSource) == d.started {
			return itsm.Errorf(itsm.Invalid, "record of kind %d is out of place", kind)
		}
		d.last, d.started = kind, true
		var ok bool
		if kind >= recAdd {
			body, ok = d.relation(kind, body)
		} else {
			var s string
			if s, body, ok = tryCut(body); ok {
				ok = d.text(kind, s)
			}
		}
		if !ok {
			return itsm.Errorf(itsm.Invalid, "record of kind %d is malformed", kind)
		}
	}
	return nil
}

// text takes a record that is one string. CIs and drops must be in order: Apply
// gives Refs in that order.
func (d *chunkReader) text(kind byte, s string) bool {
	c := &d.c
	switch kind {
	case recSource:
		c.source = s
	case recPut:
		if !validBlob(s) {
			return false
		}
		p, n := blob(s), len(c.puts)
		if n > 0 && c.puts[n-1].field(fieldID) >= p.field(fieldID) {
			return false
		}
		c.puts = append(c.puts, p)
	case recDrop:
		if n := len(c.drops); n > 0 && c.drops[n-1] >= s {
			return false
		}
		c.drops = append(c.drops, s)
	case recEnd:
		c.ends = append(c.ends, s)
	case recType:
		c.types = append(c.types, s)
		return len(c.types) <= RelationTypesMax
	}
	return true
}

// relation takes a record that names a relation by the places of its parts.
func (d *chunkReader) relation(kind byte, b string) (rest string, ok bool) {
	var v [3]uint64
	for i := range v {
		n, k := uvarint(b)
		if k <= 0 {
			return b, false
		}
		v[i], b = n, b[k:]
	}
	c := &d.c
	if ends := uint64(len(c.puts) + len(c.ends)); v[0] >= ends || v[1] >= ends || v[2] >= uint64(len(c.types)) {
		return b, false
	}
	r := relChange{uint32(v[0]), uint32(v[1]), uint32(v[2])}
	if kind == recAdd {
		c.adds = append(c.adds, r)
	} else {
		c.removes = append(c.removes, r)
	}
	return b, true
}
