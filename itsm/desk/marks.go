package desk

import (
	"signalbox/itsm"
	"signalbox/itsm/kv"
)

// markSlots is how many batches leave a trace. What Badger has not yet written
// to a checksummed table is less than 64 MiB, and a batch is rarely smaller than
// a kilobyte, so the marks reach back further than anything that can be torn.
const markSlots = 1 << 16

// mark is the trace of one batch.
type mark struct {
	serial        uint64
	before, after itsm.Offset
}

const markVersion = 1

func (b *rawBuffer) mark(m mark) []byte {
	return b.value(markVersion, func() {
		b.uint(m.serial)
		b.uint(uint64(m.before))
		b.uint(uint64(m.after))
	})
}

func decodeMark(value []byte) (m mark, err error) {
	r, err := open(value, markVersion)
	if err != nil {
		return m, err
	}
	m.serial, m.before, m.after = r.uint(), itsm.Offset(r.uint()), itsm.Offset(r.uint())
	return m, r.end()
}

// checkMarks verifies that the batches up to the cursor follow one another. A
// gap means that the store lost what lay between without noticing.
func (d *Desk) checkMarks() error {
	return d.db.View(func(tx kv.Tx) error {
		c, err := readCursor(tx)
		if err != nil || c.serial == 0 {
			return err
		}
		marks := make(map[uint64]mark, min(c.serial, markSlots))
		err = tx.Scan(kv.Range{Prefix: prefix(kindMark)}, func(_, value []byte) error {
			m, err := decodeMark(value)
			marks[m.serial] = m
			return err
		})
		if err != nil {
			return err
		}
		return c.follow(marks)
	})
}

// follow walks the marks back from the cursor.
func (c cursor) follow(marks map[uint64]mark) error {
	oldest := c.serial - min(c.serial, markSlots) + 1
	after := c.offset
	for s := c.serial; s >= oldest; s-- {
		m, ok := marks[s]
		if !ok || m.after != after {
			return itsm.Errorf(itsm.Internal, "the view is damaged: of its batches up to entry %d, the one that ends at entry %d is missing; rebuild it from a snapshot and the journal", c.offset, after)
		}
		after = m.before
	}
	return nil
}
