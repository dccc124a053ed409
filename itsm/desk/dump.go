package desk

import (
	"bufio"
	"encoding/binary"
	"errors"
	"hash"
	"io"

	"github.com/cespare/xxhash/v2"

	"signalbox/itsm"
	"signalbox/itsm/kv"
)

// A dump is dumpMagic, then every key and value with their lengths, then a zero
// length, the number of pairs and the xxHash64 of everything before it. The
// checksum finds damage; it does not prove who wrote the dump.
const dumpMagic = "signalbox view 1\n"

// Bounds of a dump, so that a damaged length cannot ask for memory.
const (
	dumpKeyMax   = 1 << 16
	dumpValueMax = 256 << 20
	loadPortion  = 1 << 20 // bytes stored at once while loading
)

// Dump writes the whole view as it is at this moment, while writing goes on. It
// answers the cursor of what it wrote.
func (d *Desk) Dump(w io.Writer) (at itsm.Offset, err error) {
	sum := xxhash.New()
	out := bufio.NewWriterSize(io.MultiWriter(w, sum), 256<<10)
	out.WriteString(dumpMagic) // a bufio.Writer keeps its first error for Flush
	pairs := uint64(0)
	err = d.db.View(func(tx kv.Tx) error {
		c, err := readCursor(tx)
		if err != nil {
			return err
		}
		at = c.offset
		var head []byte
		return tx.Scan(kv.Range{}, func(key, value []byte) error {
			pairs++
			head = binary.AppendUvarint(head[:0], uint64(len(key)))
			out.Write(head)
			out.Write(key)
			head = binary.AppendUvarint(head[:0], uint64(len(value)))
			out.Write(head)
			_, err := out.Write(value)
			return err
		})
	})
	if err != nil {
		return 0, err
	}
	out.Write(binary.AppendUvarint([]byte{0}, pairs))
	if err := out.Flush(); err != nil {
		return 0, err
	}
	_, err = w.Write(binary.BigEndian.AppendUint64(nil, sum.Sum64()))
	return at, err
}

// Load fills an empty store from a dump. A store in which a load did not end is
// refused by Open, so a damaged dump or a crash leaves nothing half restored.
func Load(db kv.DB, r io.Reader) error {
	if err := beginLoad(db); err != nil {
		return err
	}
	l := &loader{in: bufio.NewReaderSize(r, 256<<10), sum: xxhash.New()}
	if err := l.magic(); err != nil {
		return err
	}
	for !l.done {
		if err := db.UpdateLarge(l.portion); err != nil {
			return err
		}
	}
	if err := db.Sync(); err != nil {
		return err
	}
	return db.Update(func(tx kv.Tx) error { return tx.Delete(metaKey(metaLoad)) })
}

// VerifyDump reads a dump to its end and checks it without storing anything.
func VerifyDump(r io.Reader) error {
	l := &loader{in: bufio.NewReaderSize(r, 256<<10), sum: xxhash.New()}
	if err := l.magic(); err != nil {
		return err
	}
	for !l.done {
		if _, _, err := l.pair(); err != nil {
			return err
		}
	}
	return nil
}

// beginLoad marks an empty store as being loaded.
func beginLoad(db kv.DB) error {
	return db.Update(func(tx kv.Tx) error {
		err := tx.Scan(kv.Range{KeysOnly: true}, func([]byte, []byte) error {
			return itsm.Errorf(itsm.Conflict, "the view to restore into is not empty: remove its directory first")
		})
		if err != nil {
			return err
		}
		return tx.Set(metaKey(metaLoad), []byte{1})
	})
}

// loader reads a dump and sums what it read.
type loader struct {
	in    *bufio.Reader
	sum   hash.Hash64
	pairs uint64
	done  bool
}

func damagedDump(what string) error {
	return itsm.Errorf(itsm.Invalid, "damaged dump of the view: %s", what)
}

func (l *loader) magic() error {
	b, err := l.bytes(uint64(len(dumpMagic)))
	if err != nil || string(b) != dumpMagic {
		return damagedDump("it does not begin as one that this program can read")
	}
	return nil
}

// portion stores some pairs; the load ends with the portion that meets the end.
func (l *loader) portion(tx kv.Tx) error {
	for size := 0; size < loadPortion; {
		key, value, err := l.pair()
		if err != nil || l.done {
			return err
		}
		if err := tx.Set(key, value); err != nil {
			return err
		}
		size += len(key) + len(value)
	}
	return nil
}

// pair reads the next key and value, or the end of the dump.
func (l *loader) pair() (key, value []byte, err error) {
	if key, err = l.sized(dumpKeyMax); err != nil {
		return nil, nil, err
	}
	if len(key) == 0 {
		l.done = true
		return nil, nil, l.end()
	}
	l.pairs++
	value, err = l.sized(dumpValueMax)
	return key, value, err
}

// end compares what was read with what the dump says about itself.
func (l *loader) end() error {
	n, err := l.uint()
	if err != nil || n != l.pairs {
		return damagedDump("its number of records is wrong")
	}
	want := l.sum.Sum64()
	var tail [8]byte
	if _, err := io.ReadFull(l.in, tail[:]); err != nil {
		return damagedDump("it is cut short")
	}
	if binary.BigEndian.Uint64(tail[:]) != want {
		return damagedDump("its checksum is wrong")
	}
	if _, err := l.in.ReadByte(); !errors.Is(err, io.EOF) {
		return damagedDump("something follows its end")
	}
	return nil
}

func (l *loader) sized(limit uint64) ([]byte, error) {
	n, err := l.uint()
	if err != nil {
		return nil, err
	}
	if n > limit {
		return nil, damagedDump("a length is out of bounds")
	}
	return l.bytes(n)
}

// bytes reads n bytes. A large claim is believed only as far as bytes follow.
func (l *loader) bytes(n uint64) ([]byte, error) {
	b := make([]byte, 0, min(n, loadPortion))
	for uint64(len(b)) < n {
		part := min(n-uint64(len(b)), loadPortion)
		from := len(b)
		b = append(b, make([]byte, part)...)
		if _, err := io.ReadFull(l.in, b[from:]); err != nil {
			return nil, damagedDump("it is cut short")
		}
	}
	l.sum.Write(b)
	return b, nil
}

// uint reads a varint byte by byte, because the sum must not see what follows it.
func (l *loader) uint() (uint64, error) {
	var raw []byte
	for range binary.MaxVarintLen64 {
		c, err := l.in.ReadByte()
		if err != nil {
			return 0, damagedDump("it is cut short")
		}
		raw = append(raw, c)
		if c < 0x80 {
			break
		}
	}
	l.sum.Write(raw)
	v, n := binary.Uvarint(raw)
	if n <= 0 {
		return 0, damagedDump("a length is out of bounds")
	}
	return v, nil
}
