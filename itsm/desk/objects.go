package desk

import (
	"errors"
	"slices"

	"signalbox/itsm"
	"signalbox/itsm/kv"
)

const objectVersion = 1

func objectKey(kind, id string) []byte         { return kv.Key(kindObject, kind, id) }
func objectRefKey(ref, kind, id string) []byte { return kv.Key(kindObjectRef, ref, kind, id) }

// putObject stores an object and lists it under its refs, or removes both.
func (a *application) putObject(o *itsm.Object) error {
	if part := o.Fault(); part != "" {
		return itsm.Errorf(itsm.Internal, "object %q %q: its %s is out of bounds", o.Kind, o.ID, part)
	}
	key := objectKey(o.Kind, o.ID)
	was, err := getObject(a.tx, o.Kind, o.ID)
	if err != nil && !errors.Is(err, kv.ErrNotFound) {
		return err
	}
	refs := o.Refs
	if len(o.Body) == 0 {
		refs = nil
	}
	for _, r := range was.Refs {
		if !slices.Contains(refs, r) {
			if err := a.tx.Delete(objectRefKey(r, o.Kind, o.ID)); err != nil {
				return err
			}
		}
	}
	// The refs are written whether or not the record had them: a batch that was
	// interrupted may have stored the one and not the other.
	for _, r := range refs {
		if err := a.tx.Set(objectRefKey(r, o.Kind, o.ID), nil); err != nil {
			return err
		}
	}
	if len(o.Body) == 0 {
		return a.tx.Delete(key)
	}
	return a.tx.Set(key, a.buf.object(o))
}

func (b *rawBuffer) object(o *itsm.Object) []byte {
	return b.value(objectVersion, func() {
		b.uint(o.Version)
		b.time(o.At)
		b.uint(uint64(o.Offset))
		b.strs(o.Refs)
		b.str(string(o.Body))
	})
}

func decodeObject(kind, id string, value []byte) (o itsm.Object, err error) {
	r, err := open(value, objectVersion)
	if err != nil {
		return o, err
	}
	o.Kind, o.ID = kind, id
	o.Version, o.At, o.Offset = r.uint(), r.time(), itsm.Offset(r.uint())
	o.Refs, o.Body = r.strs(), []byte(r.str())
	return o, r.end()
}

func getObject(tx kv.Tx, kind, id string) (itsm.Object, error) {
	v, err := tx.Get(objectKey(kind, id))
	if err != nil {
		return itsm.Object{}, err
	}
	return decodeObject(kind, id, v)
}

// Object returns one object, or NotFound.
func (d *Desk) Object(kind, id string) (o itsm.Object, err error) {
	err = d.db.View(func(tx kv.Tx) (err error) {
		o, err = getObject(tx, kind, id)
		return err
	})
	return o, notFound(err, "there is no %s %q", kind, id)
}

// ObjectQuery says which objects a list holds.
type ObjectQuery struct {
	Kind   string
	Prefix string // only ids that begin with it
	Ref    string // only those found by it; Prefix does not go with it
	Keep   func(*itsm.Object) bool
	Cursor string
	Limit  int
}

// Objects pages through the objects of a kind, the last id first, so that what
// was numbered last is seen first.
func (d *Desk) Objects(q ObjectQuery) (page Page[itsm.Object], err error) {
	kind := byte(kindObject)
	prefix := kv.AppendString(kv.Begin(nil, kindObject), q.Kind)
	if q.Prefix != "" {
		p := kv.AppendString(prefix, q.Prefix)
		prefix = p[:len(p)-1] // without the end of the string
	}
	if q.Ref != "" {
		kind = kindObjectRef
		prefix = kv.AppendString(kv.AppendString(kv.Begin(nil, kindObjectRef), q.Ref), q.Kind)
	}
	after, err := decodeCursor(kind, prefix, q.Cursor)
	if err != nil {
		return page, err
	}
	limit, seen := pageLimit(q.Limit), 0
	var last []byte
	err = d.db.View(func(tx kv.Tx) error {
		r := kv.Range{Prefix: prefix, Reverse: true}
		if after != nil {
			r.From = after
		}
		return tx.Scan(r, func(key, value []byte) error {
			if after != nil && string(key) == string(after) {
				return nil
			}
			if len(page.Items) == limit || seen == ListScanMax {
				page.Next = encodeCursor(last)
				return kv.Stop
			}
			seen++
			last = append(last[:0], key...)
			o, err := objectAt(tx, kind, key, value)
			if errors.Is(err, kv.ErrNotFound) {
				return nil // a ref that an interrupted batch left
			}
			if err == nil && (q.Keep == nil || q.Keep(&o)) {
				page.Items = append(roomFor(page.Items, limit), o)
			}
			return err
		})
	})
	if err != nil {
		return Page[itsm.Object]{}, err
	}
	return page, nil
}

// objectAt reads the object that a key of either list leads to.
func objectAt(tx kv.Tx, kind byte, key, value []byte) (itsm.Object, error) {
	var ref, of, id string
	if kind == kindObjectRef {
		if !kv.Strings(key, &ref, &of, &id) {
			return itsm.Object{}, damagedKey(key)
		}
		return getObject(tx, of, id)
	}
	if !kv.Strings(key, &of, &id) {
		return itsm.Object{}, damagedKey(key)
	}
	return decodeObject(of, id, value)
}

func (x *exporter) objects() error {
	decode := func(key, value []byte) (itsm.Object, error) { return objectAt(x.tx, kindObject, key, value) }
	return each(x, kindObject, decode, lines[itsm.Object](x, "object"))
}
