package desk

import (
	"encoding/binary"
	"errors"
	"slices"

	"github.com/klauspost/compress/s2"

	"signalbox/itsm"
	"signalbox/itsm/kv"
)

// packAlerts is how many new alerts, consecutive and aligned, share a pack when
// one batch raises them all. A pack is written once; what changes later is stored
// alone, and the columns say where an alert is.
const packAlerts = 32

// packBytesMax bounds what a damaged pack can claim to hold.
const packBytesMax = 256 << 20

const packVersion = 1

// groupOf says which pack an alert would be in. Numbers begin at 1.
func groupOf(n uint64) (group uint64, slot int) {
	return (n - 1) / packAlerts, int((n - 1) % packAlerts)
}

// packSlot is one alert of a pack and the evidence that was decided with it.
type packSlot struct {
	alert    *itsm.Alert
	evidence *itsm.Evidence // nil: none in this pack
}

// pack compresses the records of a group together: the alerts of a storm repeat
// one another's labels, and every byte that is saved here is saved four times
// on its way through the store.
func (b *buffer) pack(slots []packSlot) []byte {
	raw := &b.raw
	raw.b = raw.b[:0]
	for i := range slots {
		raw.sized(func() { raw.alert(slots[i].alert) })
		raw.sized(func() {
			if e := slots[i].evidence; e != nil {
				raw.uint(uint64(e.Incident))
				raw.uint(uint64(e.Episode))
				raw.evidence(e)
			}
		})
	}
	from := len(b.b)
	b.b = slices.Grow(b.b, 1+s2.MaxEncodedLen(len(raw.b)))
	out := b.b[from+1 : cap(b.b)]
	n := len(s2.Encode(out, raw.b))
	b.b = b.b[:from+1+n]
	b.b[from] = packVersion
	return b.b[from:len(b.b):len(b.b)]
}

// packLength is the room for the length of one part of a pack.
const packLength = 4

// sized writes the length of what encode writes before it.
func (b *rawBuffer) sized(encode func()) {
	from := len(b.b)
	b.b = append(b.b, make([]byte, packLength)...)
	encode()
	binary.LittleEndian.PutUint32(b.b[from:], uint32(len(b.b)-from-packLength))
}

// openPack is a decompressed pack: the stored form of each alert and its evidence.
type openPack struct {
	group    uint64
	alerts   [packAlerts][]byte
	evidence [packAlerts][]byte
}

// decodePack decompresses a pack and cuts it up without decoding its records: a
// reader wants one or two of them.
func decodePack(group uint64, value []byte) (*openPack, error) {
	damaged := func() error { return itsm.Errorf(itsm.Internal, "damaged pack %d of alerts", group) }
	if len(value) == 0 || value[0] != packVersion {
		return nil, damaged()
	}
	if n, err := s2.DecodedLen(value[1:]); err != nil || n > packBytesMax {
		return nil, damaged()
	}
	raw, err := s2.Decode(nil, value[1:])
	if err != nil {
		return nil, damaged()
	}
	p := &openPack{group: group}
	for i := range 2 * packAlerts {
		if len(raw) < packLength {
			return nil, damaged()
		}
		n := binary.LittleEndian.Uint32(raw)
		if raw = raw[packLength:]; uint64(n) > uint64(len(raw)) {
			return nil, damaged()
		}
		if i%2 == 0 {
			p.alerts[i/2] = raw[:n]
		} else {
			p.evidence[i/2] = raw[:n]
		}
		raw = raw[n:]
	}
	if len(raw) != 0 {
		return nil, damaged()
	}
	return p, nil
}

// packedEvidence decodes the evidence of a slot, if it is that of m.
func (p *openPack) packedEvidence(m memberRef) (e itsm.Evidence, err error) {
	_, slot := groupOf(uint64(m.alert))
	r := reader{s: string(p.evidence[slot])}
	incident, episode := itsm.IncidentNumber(r.uint()), r.uint32()
	if r.bad || incident != m.incident || episode != m.episode {
		return e, itsm.Errorf(itsm.Internal, "damaged pack %d of alerts: the evidence of %s is not in it", p.group, m.alert)
	}
	return decodeEvidence(m, []byte(r.s))
}

// records finds alerts in one transaction, wherever they are stored, and keeps
// the pages and packs it read last: neighbours are mostly asked for together.
type records struct {
	tx   kv.Tx
	buf  buffer
	page uint64
	cols *columns
	pack *openPack
}

// alert returns the stored form of an alert, or kv.ErrNotFound.
func (r *records) alert(n itsm.AlertNumber) ([]byte, error) {
	page, i := uint64(n)/columnAlerts, uint64(n)%columnAlerts
	if r.cols == nil || r.page != page {
		r.buf.reset()
		c, err := r.buf.getColumns(r.tx, page)
		if err != nil {
			return nil, err
		}
		r.page, r.cols = page, c
	}
	return r.located(n, r.cols[i])
}

// located is alert for a caller who knows the alert's word of the columns.
func (r *records) located(n itsm.AlertNumber, word uint32) ([]byte, error) {
	switch {
	case word&columnPresent == 0:
		return nil, kv.ErrNotFound
	case word&columnPacked == 0:
		r.buf.reset()
		return r.tx.Get(r.buf.alertKey(n))
	}
	group, slot := groupOf(uint64(n))
	p, err := r.openPack(group)
	if err != nil {
		return nil, err
	}
	return p.alerts[slot], nil
}

// openPack reads a pack unless it is the one that was read last.
func (r *records) openPack(group uint64) (*openPack, error) {
	if r.pack != nil && r.pack.group == group {
		return r.pack, nil
	}
	r.buf.reset()
	v, err := r.tx.Get(r.buf.packKey(group))
	if errors.Is(err, kv.ErrNotFound) {
		return nil, itsm.Errorf(itsm.Internal, "damaged view: pack %d of alerts is missing", group)
	}
	if err != nil {
		return nil, err
	}
	r.pack, err = decodePack(group, v)
	return r.pack, err
}
