package journal

import (
	"hash/crc32"
	"testing"
)

// sealed is b, cut or filled up to n bytes, with the checksum it should have.
func sealed(b []byte, n int) []byte {
	out := make([]byte, n)
	copy(out, b)
	le.PutUint32(out[n-4:], crc32.Checksum(out[:n-4], castagnoli))
	return out
}

// FuzzSegmentHead reads any bytes as a segment's header, as they are and under a
// right checksum: what is accepted says again what it said.
func FuzzSegmentHead(f *testing.F) {
	f.Add(segmentHead{place: place{next: 7, at: 9, chain: Hash{1, 2}}, size: 1 << 20}.encode())
	f.Add([]byte(segmentMagic))
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, b := range [][]byte{b, sealed(b, segmentHeadSize)} {
			h, version, ok := decodeSegmentHead(b)
			if !ok {
				continue
			}
			again, _, ok := decodeSegmentHead(h.encode())
			if !ok || again != h || h.size < dataStart {
				t.Fatalf("version %d: read %+v, then %+v (%v)", version, h, again, ok)
			}
		}
	})
}

// FuzzMeta reads any bytes as a slot of journal.meta, likewise.
func FuzzMeta(f *testing.F) {
	f.Add(meta{generation: 3, oldest: 77}.encode())
	f.Add([]byte(metaMagic))
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, b := range [][]byte{b, sealed(b, metaSlot)} {
			m, version, ok := decodeMeta(b)
			if !ok {
				continue
			}
			again, _, ok := decodeMeta(m.encode())
			if !ok || again != m {
				t.Fatalf("version %d: read %+v, then %+v (%v)", version, m, again, ok)
			}
		}
	})
}
