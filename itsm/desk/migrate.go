package desk

import (
	"errors"

	"signalbox/itsm"
	"signalbox/itsm/kv"
)

// migrations brings a stored view to the next format, in order: migrations[i]
// takes format i+1 to i+2. What one writes is stored before the new number and may
// be stored in part: it is then made again.
var migrations = []func(kv.Tx) error{indexPast, partsMayCome}

// partsMayCome changes nothing: records without parts are read as they are. A program
// that knows of none must not read a view that has some.
func partsMayCome(kv.Tx) error { return nil }

// format is the version of the layout that this program writes.
func format() uint64 { return uint64(len(migrations)) + 1 }

const formatVersion = 1

// migrate gives an empty store the present format, brings an older one up to
// date and refuses a newer one without touching it.
func migrate(db kv.DB) error {
	stored, err := readFormat(db)
	if err != nil {
		return err
	}
	if stored > format() {
		return itsm.Errorf(itsm.Conflict, "the view has format %d, this program knows up to %d: use the newer program, or rebuild the view with this one", stored, format())
	}
	for stored < format() {
		err := db.UpdateLarge(func(tx kv.Tx) error {
			next := format()
			if stored > 0 {
				if err := migrations[stored-1](tx); err != nil {
					return err
				}
				next = stored + 1
			}
			stored = next
			b := new(buffer)
			return tx.Set(metaKey(metaFormat), b.value(formatVersion, func() { b.uint(next) }))
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// readFormat answers 0 for an empty store.
func readFormat(db kv.DB) (n uint64, err error) {
	err = db.View(func(tx kv.Tx) error {
		if _, err := tx.Get(metaKey(metaLoad)); err == nil {
			return itsm.Errorf(itsm.Conflict, "the view was being restored and is incomplete: remove its directory and restore it again")
		}
		v, err := tx.Get(metaKey(metaFormat))
		if errors.Is(err, kv.ErrNotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		r, err := open(v, formatVersion)
		if err != nil {
			return err
		}
		n = r.uint()
		return r.end()
	})
	return n, err
}
