package journal

import (
	"encoding/hex"
	"fmt"
	"path/filepath"

	"signalbox/itsm"
)

// Seal is the hash that stands for everything up to an entry. Kept in another place,
// it proves later that nothing of that was changed or cut off: the hashes of a
// journal that somebody wrote anew fit each other, but not this one.
type Seal struct {
	Offset itsm.Offset `json:"offset"`
	At     itsm.Time   `json:"at"` // of the entry
	Hash   Hash        `json:"hash"`
}

// MarshalText implements encoding.TextMarshaler.
func (h Hash) MarshalText() ([]byte, error) { return hex.AppendEncode(nil, h[:]), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (h *Hash) UnmarshalText(b []byte) error {
	if n, err := hex.Decode(h[:], b[:min(len(b), 2*len(h))]); err != nil || n != len(h) || len(b) != 2*len(h) {
		return itsm.Errorf(itsm.Invalid, "hash %q: expected %d hexadecimal digits", b[:min(len(b), 80)], 2*len(h))
	}
	return nil
}

// Sealed returns the seal of the last frame whose hash is known, which is that of
// the head or of the moment before it.
func (l *Log) Sealed() Seal {
	l.mu.Lock()
	defer l.mu.Unlock()
	return Seal{Offset: l.sealed.next - 1, At: l.sealed.at, Hash: l.sealed.chain}
}

// SealFault is a seal that a journal does not bear out.
type SealFault struct {
	Seal Seal
	Why  string
}

// Error implements error.
func (f SealFault) Error() string {
	return fmt.Sprintf("the head noted at offset %d (%s, %x): %s", f.Seal.Offset, f.Seal.At, f.Seal.Hash[:], f.Why)
}

// CheckSeals holds seals against a journal that no server has open. It returns those
// that are not borne out, and how many are of entries that retention has removed,
// which nothing can be said about.
func CheckSeals(o Options, seals []Seal) (faults []SealFault, older int, err error) {
	o, err = o.withDefaults()
	if err != nil {
		return nil, 0, err
	}
	v, err := inspect(o)
	if err != nil {
		return nil, 0, err
	}
	asked := map[itsm.Offset]bool{}
	for _, s := range seals {
		asked[s.Offset] = true
	}
	hashes, err := v.hashes(o, asked)
	if err != nil {
		return nil, 0, err
	}
	oldest, head := itsm.Offset(1), itsm.Offset(0)
	if len(v.segs) > 0 {
		oldest, head = v.segs[0].head.next, v.segs[len(v.segs)-1].next-1
	}
	for _, s := range seals {
		got, known := hashes[s.Offset]
		switch {
		case known && got == s.Hash:
		case known:
			faults = append(faults, SealFault{s, "the journal has another hash there: something up to it was changed"})
		case s.Offset+1 < oldest:
			older++
		case s.Offset > head:
			faults = append(faults, SealFault{s, fmt.Sprintf("the journal ends at offset %d: its end was cut off", head)})
		default:
			faults = append(faults, SealFault{s, "no frame of the journal ends there: something up to it was changed"})
		}
	}
	return faults, older, nil
}

// hashes finds the hashes after the entries asked for, where a frame ends with one.
func (v *survey) hashes(o Options, asked map[itsm.Offset]bool) (map[itsm.Offset]Hash, error) {
	out := map[itsm.Offset]Hash{}
	note := func(after itsm.Offset, h Hash) {
		if asked[after] {
			out[after] = h
		}
	}
	for _, s := range v.segs {
		note(s.head.next-1, s.head.chain)
		_, err := scanFile(o.FS, filepath.Join(o.Dir, s.name), s.name, func(h frameHead, _ []byte) error {
			note(h.first-1, h.prev)
			return nil
		})
		if err != nil {
			return nil, err
		}
		note(s.next-1, s.chain)
	}
	return out, nil
}
