package desk

import (
	"bytes"
	"encoding/base64"
	"errors"
	"slices"

	"signalbox/itsm"
	"signalbox/itsm/kv"
)

// Bounds of a list.
const (
	PageDefault = 50     // items of a page when none is asked for
	PageMax     = 500    // items of a page at most
	ListScanMax = 20_000 // records one call looks at; then it answers with what it found and a cursor
)

// Page is a part of a list. Next continues it and is empty at its end. A page may
// hold fewer items than asked for, even none, and still have a Next: the search
// looked at as many records as one call may.
type Page[T any] struct {
	Items []T
	Next  string
}

// pageLimit brings what was asked for within the bounds.
func pageLimit(n int) int {
	if n <= 0 {
		return PageDefault
	}
	return min(n, PageMax)
}

// encodeCursor makes the opaque cursor of the place after key. The kind byte at
// its front is checked when it comes back, so that the cursor of one list does
// not silently mean something in another.
func encodeCursor(key []byte) string { return base64.RawURLEncoding.EncodeToString(key) }

// decodeCursor takes only what encodeCursor made for the same list: a cursor comes
// back from outside.
func decodeCursor(kind byte, prefix []byte, cursor string) (key []byte, err error) {
	if cursor == "" {
		return nil, nil
	}
	key, err = base64.RawURLEncoding.DecodeString(cursor)
	if err != nil || !bytes.HasPrefix(key, prefix) || len(key) > cursorMax {
		return nil, badCursor(cursor)
	}
	if k, _, err := kv.Parts(key); err != nil || k != kind {
		return nil, badCursor(cursor)
	}
	return key, nil
}

func badCursor(cursor string) error {
	return itsm.Errorf(itsm.Invalid, "cursor %q: expected the next_cursor of an earlier page of this list", cursor)
}

// cursorMax bounds a cursor that a client sends back.
const cursorMax = 4 << 10

// pager says which keys a list walks.
type pager struct {
	kind    byte
	prefix  []byte
	limit   int
	scanMax int
}

// list walks the keys of a pager after cursor and keeps what pick says belongs to
// the list, until the page is full or the bound on looking is reached. Pick fills in
// the item that it keeps: most of what a search looks at it does not, and to hand a
// large record over costs more than to look.
func list[T any](d *Desk, p pager, cursor string, pick func(tx kv.Tx, key, value []byte, item *T) (bool, error)) (page Page[T], err error) {
	after, err := decodeCursor(p.kind, p.prefix, cursor)
	if err != nil {
		return page, err
	}
	limit, seen := pageLimit(p.limit), 0
	var last []byte
	var item T
	err = d.db.View(func(tx kv.Tx) error {
		r := kv.Range{Prefix: p.prefix}
		if after != nil {
			r.From = kv.After(after)
		}
		return tx.Scan(r, func(key, value []byte) error {
			if len(page.Items) == limit || seen == p.scanMax {
				page.Next = encodeCursor(last)
				return kv.Stop
			}
			seen++
			last = append(last[:0], key...)
			ok, err := pick(tx, key, value, &item)
			if err == nil && ok {
				page.Items = append(roomFor(page.Items, limit), item)
			}
			return err
		})
	})
	if err != nil {
		return Page[T]{}, err
	}
	return page, nil
}

// fewItems is how many items of a page are taken to be all that there will be.
const fewItems = 32

// roomFor makes room for the rest of a page once there are more items than a few:
// growing step by step would allocate large records two and a half times.
func roomFor[T any](items []T, limit int) []T {
	if len(items) == cap(items) && len(items) >= fewItems {
		return slices.Grow(items, max(1, limit-len(items)))
	}
	return items
}

// notFound turns a missing key into an error that names what was asked for.
func notFound(err error, format string, args ...any) error {
	if errors.Is(err, kv.ErrNotFound) {
		return itsm.Errorf(itsm.NotFound, format, args...)
	}
	return err
}
