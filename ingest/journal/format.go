package journal

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"hash/crc32"

	"signalbox/itsm"
)

// FormatVersion is the newest on-disk format this code reads, and the one it writes.
const FormatVersion = 1

// Sizes of the format.
const (
	dataStart       = 4096 // where frames begin in a segment
	segmentHeadSize = 64
	frameHeadSize   = 56
	frameAlign      = 8
	recordHeadSize  = 4
)

// Kinds of frames.
const (
	kindEntries = 1
	kindMark    = 2
	kindEnd     = 3
)

const segmentMagic = "SIGBOXJ\n"

var (
	castagnoli = crc32.MakeTable(crc32.Castagnoli)
	frameMagic = []byte("SBF")
	le         = binary.LittleEndian
)

// Hash links a frame to its predecessor.
type Hash [16]byte

// hashOf returns the hash of a whole frame.
func hashOf(frame []byte) Hash {
	sum := sha256.Sum256(frame)
	return Hash(sum[:len(Hash{})])
}

// place is where a log stands between two frames: what the next one must continue.
type place struct {
	next  itsm.Offset
	at    itsm.Time
	chain Hash
}

// segmentHead is a segment's header: the place it starts from and its size.
type segmentHead struct {
	place
	size int64
}

func (h segmentHead) encode() []byte {
	b := make([]byte, segmentHeadSize)
	copy(b, segmentMagic)
	le.PutUint32(b[8:], FormatVersion)
	le.PutUint32(b[12:], dataStart)
	le.PutUint64(b[16:], uint64(h.next))
	le.PutUint64(b[24:], uint64(h.size))
	le.PutUint64(b[32:], uint64(h.at))
	copy(b[40:], h.chain[:])
	le.PutUint32(b[60:], crc32.Checksum(b[:60], castagnoli))
	return b
}

// seed is what the CRCs of the segment's frames start from.
func (h segmentHead) seed() uint32 {
	first := le.AppendUint64(nil, uint64(h.next))
	return crc32.Update(crc32.Checksum(first, castagnoli), castagnoli, h.chain[:])
}

// decodeSegmentHead reads a header. The version is looked at before the checksum,
// because a newer format may keep its checksum elsewhere.
func decodeSegmentHead(b []byte) (h segmentHead, version uint32, ok bool) {
	if len(b) < segmentHeadSize || string(b[:8]) != segmentMagic {
		return h, 0, false
	}
	version = le.Uint32(b[8:])
	h.next = itsm.Offset(le.Uint64(b[16:]))
	h.size = int64(le.Uint64(b[24:]))
	h.at = itsm.Time(le.Uint64(b[32:]))
	copy(h.chain[:], b[40:56])
	ok = crc32.Checksum(b[:60], castagnoli) == le.Uint32(b[60:]) && le.Uint32(b[12:]) == dataStart && h.size >= dataStart
	return h, version, ok
}

// frameHead is a frame's header.
type frameHead struct {
	kind   byte
	length uint32
	first  itsm.Offset
	at     itsm.Time
	count  uint32
	crc    uint32
	prev   Hash
}

// size is that of the whole frame.
func (h frameHead) size() int64 { return frameHeadSize + int64(h.length) }

// encode writes the header to the first bytes of b.
func (h frameHead) encode(b []byte, seed uint32) {
	copy(b, frameMagic)
	b[3] = h.kind
	le.PutUint32(b[4:], h.length)
	le.PutUint64(b[8:], uint64(h.first))
	le.PutUint64(b[16:], uint64(h.at))
	le.PutUint32(b[24:], h.count)
	le.PutUint32(b[28:], h.crc)
	copy(b[32:48], h.prev[:])
	le.PutUint32(b[48:], 0)
	le.PutUint32(b[52:], crc32.Update(seed, castagnoli, b[:52]))
}

// decodeFrameHead reads a header and reports whether it is one.
func decodeFrameHead(b []byte, seed uint32) (h frameHead, ok bool) {
	if len(b) < frameHeadSize || !bytes.Equal(b[:3], frameMagic) {
		return h, false
	}
	if crc32.Update(seed, castagnoli, b[:52]) != le.Uint32(b[52:]) || le.Uint32(b[48:]) != 0 {
		return h, false
	}
	h = frameHead{
		kind:   b[3],
		length: le.Uint32(b[4:]),
		first:  itsm.Offset(le.Uint64(b[8:])),
		at:     itsm.Time(le.Uint64(b[16:])),
		count:  le.Uint32(b[24:]),
		crc:    le.Uint32(b[28:]),
	}
	copy(h.prev[:], b[32:48])
	return h, h.shaped()
}

// shaped reports whether kind, length and count go together.
func (h frameHead) shaped() bool {
	if h.length%frameAlign != 0 || h.first == 0 {
		return false
	}
	switch h.kind {
	case kindEntries:
		return h.count > 0 && uint64(h.length) >= uint64(h.count)*recordHeadSize
	case kindMark, kindEnd:
		return h.count == 0 && h.length == 0
	}
	return false
}

// payloadOK checks the payload's CRC and that its entries fill it exactly.
func payloadOK(h frameHead, payload []byte, seed uint32) bool {
	if uint32(len(payload)) != h.length || crc32.Update(seed, castagnoli, payload) != h.crc {
		return false
	}
	for range h.count {
		_, rest, ok := cutRecord(payload)
		if !ok {
			return false
		}
		payload = rest
	}
	return len(payload) < frameAlign && len(bytes.Trim(payload, "\x00")) == 0
}

// cutRecord splits the first entry off a payload. The body aliases it, without
// room to grow into its neighbour.
func cutRecord(payload []byte) (body, rest []byte, ok bool) {
	if len(payload) < recordHeadSize {
		return nil, nil, false
	}
	n := uint64(le.Uint32(payload))
	payload = payload[recordHeadSize:]
	if n > uint64(len(payload)) {
		return nil, nil, false
	}
	return payload[:n:n], payload[n:], true
}

// appendRecord adds an entry to a payload under construction.
func appendRecord(b, body []byte) []byte {
	b = le.AppendUint32(b, uint32(len(body)))
	return append(b, body...)
}

// padded fills a frame under construction up to its full length.
func padded(b []byte) []byte {
	for len(b)%frameAlign != 0 {
		b = append(b, 0)
	}
	return b
}

// seal writes the header of a frame whose payload is complete.
func seal(b []byte, h frameHead, seed uint32) {
	payload := b[frameHeadSize:]
	h.kind, h.length, h.crc = kindEntries, uint32(len(payload)), crc32.Update(seed, castagnoli, payload)
	h.encode(b, seed)
}

// noteFrame returns a mark or an end at a place.
func noteFrame(kind byte, p place, seed uint32) []byte {
	b := make([]byte, frameHeadSize)
	frameHead{kind: kind, first: p.next, at: p.at, crc: seed, prev: p.chain}.encode(b, seed)
	return b
}
