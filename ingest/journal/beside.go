package journal

import (
	"errors"
	"io/fs"
	"path/filepath"

	"signalbox/itsm"
)

// IterateBeside is Iterate for a journal that a server may hold and write to: it takes no
// lock and changes nothing. It ends at the last frame that is readable when it gets there,
// which may not be durable yet. Entries that retention removes while it reads are
// itsm.NotFound.
func IterateBeside(o Options, from itsm.Offset, fn func(Record) error) error {
	o, err := o.withDefaults()
	if err != nil {
		return err
	}
	v := &survey{}
	if err := v.list(o.FS, o.Dir); err != nil {
		return err
	}
	if err := v.checkFormats(o.FS, o.Dir); err != nil {
		return besideError(err, 0)
	}
	next := itsm.Offset(0) // 0: none was read yet
	visit := func(h frameHead, raw []byte) error {
		if next != 0 && h.first != next {
			return removed(next, h.first)
		}
		next = h.first + itsm.Offset(h.count)
		return eachRecord(h, raw, from, fn)
	}
	for i, name := range v.names {
		last := i+1 == len(v.names)
		if !last {
			if after, _ := offsetOf(v.names[i+1], segExt); after <= from {
				continue
			}
		}
		sc, err := scanFile(o.FS, filepath.Join(o.Dir, name), name, visit)
		if err != nil {
			return besideError(err, next)
		}
		// Of the last segment a writer may be in the middle of a frame.
		if len(sc.damage) > 0 && !last {
			return refusal(sc.damage)
		}
	}
	return nil
}

// besideError says what a file that went away means.
func besideError(err error, next itsm.Offset) error {
	if errors.Is(err, fs.ErrNotExist) {
		return itsm.Wrap(itsm.NotFound, err, "journal offset %d was removed by retention while it was read; begin later", next)
	}
	return err
}
