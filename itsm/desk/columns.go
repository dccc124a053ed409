package desk

import (
	"encoding/binary"
	"errors"

	"github.com/cespare/xxhash/v2"

	"signalbox/itsm"
	"signalbox/itsm/kv"
)

// columnAlerts is how many alerts share a page of columns.
const columnAlerts = 256

// A word of the columns: what a query can decide without the record. A hash that
// fits proves nothing, a hash that differs proves that the record does not match.
const (
	columnPresent = 1 << 0
	columnFiring  = 1 << 1
	columnPacked  = 1 << 2 // the record is in the pack of its group, not under a key of its own
	columnSource  = 8      // bits 8 to 15: hash of the source
	columnCI      = 16     // bits 16 to 31: hash of the CI, or of the provisional key
)

type columns [columnAlerts]uint32

// columnOf is the word of an alert that is stored alone.
func columnOf(a *itsm.Alert) uint32 {
	w := uint32(columnPresent)
	if a.Status == itsm.Firing {
		w |= columnFiring
	}
	ci := a.CI
	if ci == "" {
		ci = a.Provisional
	}
	return w | sourceBits(a.Source) | ciBits(ci)
}

func sourceBits(source string) uint32 {
	return uint32(xxhash.Sum64String(source)&0xFF) << columnSource
}

func ciBits(ci string) uint32 {
	return uint32(xxhash.Sum64String(ci)&0xFFFF) << columnCI
}

const columnsVersion = 1

func (b *rawBuffer) columns(c *columns) []byte {
	return b.value(columnsVersion, func() {
		for _, w := range c {
			b.b = binary.LittleEndian.AppendUint32(b.b, w)
		}
	})
}

func decodeColumns(value []byte) (*columns, error) {
	if len(value) != 1+4*columnAlerts || value[0] != columnsVersion {
		return nil, itsm.Errorf(itsm.Internal, "damaged page of alert columns of %d bytes", len(value))
	}
	c := new(columns)
	for i := range c {
		c[i] = binary.LittleEndian.Uint32(value[1+4*i:])
	}
	return c, nil
}

// getColumns reads a page; one that was never written holds no alerts.
func (b *buffer) getColumns(tx kv.Tx, page uint64) (*columns, error) {
	v, err := tx.Get(b.columnKey(page))
	if errors.Is(err, kv.ErrNotFound) {
		return new(columns), nil
	}
	if err != nil {
		return nil, err
	}
	return decodeColumns(v)
}

// columnFilter is a query as far as the columns can decide it.
type columnFilter struct {
	status  uint8 // bit 0: resolved wanted, bit 1: firing wanted; 0: any
	sources []uint32
	cis     []uint32
}

func filterOf(q *AlertQuery) (f columnFilter) {
	for _, s := range q.Statuses {
		if s == itsm.Firing {
			f.status |= 2
		} else {
			f.status |= 1
		}
	}
	for _, s := range q.Source {
		f.sources = append(f.sources, sourceBits(s))
	}
	for _, c := range q.CI {
		f.cis = append(f.cis, ciBits(c))
	}
	return f
}

// matches reports whether the record is worth reading.
func (f *columnFilter) matches(w uint32) bool {
	switch {
	case w&columnPresent == 0:
		return false
	case f.status == 1 && w&columnFiring != 0, f.status == 2 && w&columnFiring == 0:
		return false
	}
	return anyBits(f.sources, w, 0xFF<<columnSource) && anyBits(f.cis, w, 0xFFFF<<columnCI)
}

func anyBits(want []uint32, w, mask uint32) bool {
	for _, bits := range want {
		if w&mask == bits {
			return true
		}
	}
	return len(want) == 0
}
