package source

import (
	"strconv"

	"signalbox/itsm"
)

// Bounds of a flattened document; what exceeds them is checked but not kept.
const (
	FlatFieldsMax = 500
	flatListMax   = 20
)

// Flat holds the scalars of a small document by path, such as "event.data.id" or
// "event.data.assignees.0.summary". Null is absent, numbers and booleans are text.
type Flat map[string]string

// Flatten reads an object into a Flat, for senders whose deliveries are one event
// of loosely known fields.
func Flatten(body []byte, b Bounds) (Flat, error) {
	r := NewReader(body, b)
	if k := r.Peek(); k != Object {
		if err := r.Err(); err != nil {
			return nil, err
		}
		return nil, itsm.Errorf(itsm.Invalid, "expected an object, got %s", k)
	}
	f := Flat{}
	f.value(r, "")
	return f, r.End()
}

func (f Flat) value(r *Reader, path string) {
	switch r.Peek() {
	case Object:
		for r.Enter(); ; {
			key, ok := r.Key()
			if !ok {
				return
			}
			f.value(r, join(path, key))
		}
	case Array:
		r.Enter()
		for i := 0; r.Next(); i++ {
			if i < flatListMax {
				f.value(r, join(path, strconv.Itoa(i)))
			} else {
				r.Skip()
			}
		}
	case String:
		f.put(path, r.Str())
	case Number, Bool:
		f.put(path, r.Literal())
	case Null:
		r.Literal()
	}
}

func (f Flat) put(path, value string) {
	if _, ok := f[path]; !ok && len(f) < FlatFieldsMax {
		f[path] = value
	}
}

// First returns the first of paths that holds something.
func (f Flat) First(paths ...string) string {
	for _, p := range paths {
		if v := f[p]; v != "" {
			return v
		}
	}
	return ""
}

func join(path, key string) string {
	const pathBytesMax = 512 // a hostile nest of long keys must not cost the square of its size
	if path == "" {
		return key
	}
	if len(path)+len(key) > pathBytesMax {
		return path
	}
	return path + "." + key
}
