package journal

import (
	"bytes"
	"path/filepath"
	"strings"
	"testing"

	"signalbox/itsm"
)

// testFrame is a sealed frame of some bodies.
func testFrame(seed uint32, bodies ...string) []byte {
	b := make([]byte, frameHeadSize)
	for _, s := range bodies {
		b = appendRecord(b, []byte(s))
	}
	b = padded(b)
	seal(b, frameHead{first: 7, at: 1000, count: uint32(len(bodies)), prev: Hash{1, 2}}, seed)
	return b
}

// TestFrameBytes pins the format, which is a promise.
func TestFrameBytes(t *testing.T) {
	got := testFrame(0, "ab", "")
	want := "SBF\x01\x10\x00\x00\x00\x07\x00\x00\x00\x00\x00\x00\x00\xe8\x03\x00\x00\x00\x00\x00\x00\x02\x00\x00\x00" +
		"CRC1" + "\x01\x02" + string(make([]byte, 14)) + "\x00\x00\x00\x00" + "CRC2" +
		"\x02\x00\x00\x00ab\x00\x00\x00\x00" + string(make([]byte, 6))
	if len(got) != len(want) {
		t.Fatalf("%d bytes, want %d", len(got), len(want))
	}
	for i := range got {
		if (i < 28 || i >= 32) && (i < 52 || i >= 56) && got[i] != want[i] {
			t.Errorf("byte %d: %#x, want %#x", i, got[i], want[i])
		}
	}
	h := segmentHead{place: place{next: 3, at: 4, chain: Hash{5}}, size: 8192}
	b := h.encode()
	if string(b[:8]) != "SIGBOXJ\n" || b[8] != 1 || b[16] != 3 || b[25] != 0x20 || b[32] != 4 || b[40] != 5 {
		t.Errorf("segment header %x", b)
	}
	if back, v, ok := decodeSegmentHead(b); !ok || v != 1 || back != h {
		t.Errorf("segment header read back: %+v, %d, %v", back, v, ok)
	}
}

// TestEachBitCounts flips every bit of a frame.
func TestEachBitCounts(t *testing.T) {
	good := testFrame(9, "some body", "another", "")
	read := func(b []byte) bool {
		w := &window{r: bytes.NewReader(b), size: int64(len(b))}
		_, _, ok, err := w.frame(0, 9)
		return ok && err == nil
	}
	if !read(good) {
		t.Fatal("the frame does not read back")
	}
	for bit := range len(good) * 8 {
		good[bit/8] ^= 1 << (bit % 8)
		if read(good) {
			t.Errorf("bit %d flipped, the frame is still accepted", bit)
		}
		good[bit/8] ^= 1 << (bit % 8)
	}
}

// TestBodyIsNoFrame stores a body that looks like the next frame: without the seed it is none.
func TestBodyIsNoFrame(t *testing.T) {
	inner := testFrame(0, "forged")
	outer := testFrame(12345, "8 bytes!", string(inner)) // the inner one is aligned
	w := &window{r: bytes.NewReader(outer), size: int64(len(outer))}
	for seed, want := range map[uint32]bool{0: true, 12345: false} {
		if _, _, found, _ := w.next(0, seed, 1); found != want {
			t.Errorf("seed %d: found %v", seed, found)
		}
	}
}

// segmentOf builds a segment's bytes from frames, and its header.
func segmentOf(frames ...[]byte) ([]byte, segmentHead) {
	h := segmentHead{place: place{next: 7, at: 1000, chain: Hash{1, 2}}, size: 8192}
	b := make([]byte, h.size)
	copy(b, h.encode())
	at := dataStart
	for _, f := range frames {
		at += copy(b[at:], f)
	}
	return b, h
}

// TestForgery has frames whose checksums are right and whose place is not: someone with the
// file's header can compute them, but not without touching everything that follows.
func TestForgery(t *testing.T) {
	_, h := segmentOf()
	seed := h.seed()
	first := testFrame(seed, "first")
	after := place{next: 8, at: 1000, chain: hashOf(first)}
	follow := func(p place) []byte {
		b := padded(appendRecord(make([]byte, frameHeadSize), []byte("second")))
		seal(b, frameHead{first: p.next, at: p.at, count: 1, prev: p.chain}, seed)
		return b
	}
	for _, c := range []struct {
		name   string
		second []byte
		third  []byte
		says   string
	}{
		{"as it should be", follow(after), nil, ""},
		{"another predecessor", follow(place{8, 1000, Hash{9}}), nil, "hash of its predecessor"},
		{"an offset left out", follow(place{9, 1000, after.chain}), nil, "begins with offset 9, expected 8"},
		{"time running back", follow(place{8, 999, after.chain}), nil, "is before its predecessor's"},
		{"a mark of another end", noteFrame(kindMark, place{8, 1000, Hash{9}}, seed), nil, "hash of its predecessor"},
		{"a frame behind the mark", noteFrame(kindMark, after, seed), follow(after), "follows the mark"},
		{"a mark behind nothing readable", make([]byte, 64), noteFrame(kindMark, after, seed), "checksum does not match"},
	} {
		b, h := segmentOf(first, c.second, c.third)
		sc, err := scan(bytes.NewReader(b), newSegment("x.seg", h), nil)
		if err != nil {
			t.Fatal(err)
		}
		if got := sc.damage; (c.says == "") != (len(got) == 0) || c.says != "" && !strings.Contains(got[0].Why, c.says) {
			t.Errorf("%s: damage %+v, want %q", c.name, got, c.says)
		}
	}
}

// TestFillReserves covers file systems without reservation, and the look at free space.
func TestFillReserves(t *testing.T) {
	name := filepath.Join(t.TempDir(), "f")
	f, err := OS().Create(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := f.(osFile).fill(zeroChunk + 1); err != nil {
		t.Fatal(err)
	}
	if n, err := f.Size(); n != zeroChunk+1 || err != nil {
		t.Errorf("size %d, %v", n, err)
	}
	if n, err := OS().FreeBytes(filepath.Dir(name)); n <= 0 || err != nil {
		t.Errorf("free %d, %v", n, err)
	}
	if _, err := OS().FreeBytes(name + "/none"); err == nil {
		t.Error("free space of nothing: no error")
	}
}

// FuzzFrame decodes any payload under a header whose checksums are right, and any bytes as they are.
func FuzzFrame(f *testing.F) {
	for _, b := range [][]byte{testFrame(0, "a body"), testFrame(0, "", "", "three"), noteFrame(kindMark, place{next: 4}, 0)} {
		f.Add(b, uint32(1))
		f.Add(b[frameHeadSize:], uint32(3))
	}
	f.Fuzz(func(t *testing.T, b []byte, count uint32) {
		checkFrame(t, b)
		sealed := padded(append(make([]byte, frameHeadSize), b...))
		seal(sealed, frameHead{first: 1, at: 2, count: count}, 0)
		checkFrame(t, sealed)
	})
}

// checkFrame reads a frame; an accepted one must encode to the same bytes.
func checkFrame(t *testing.T, b []byte) {
	w := &window{r: bytes.NewReader(b), size: int64(len(b))}
	h, raw, ok, err := w.frame(0, 0)
	if err != nil {
		t.Fatal(err)
	}
	if !ok || h.kind != kindEntries {
		return
	}
	c := &batch{room: int(h.count), roomSize: len(b)}
	if !c.frame(h, raw[frameHeadSize:], 0) || len(c.records) != int(h.count) {
		t.Fatalf("%d of %d entries decoded", len(c.records), h.count)
	}
	again := make([]byte, frameHeadSize)
	for i, r := range c.records {
		if r.Offset != h.first+itsm.Offset(i) {
			t.Fatalf("entry %d has offset %d", i, r.Offset)
		}
		again = appendRecord(again, r.Body)
	}
	again = padded(again)
	seal(again, h, 0)
	if !bytes.Equal(again, raw) {
		t.Fatalf("encoded again: %x, was %x", again, raw)
	}
}
