package source

import (
	"strconv"
	"strings"

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

// FlattenOnly reads of an object the scalars at the wanted paths and below them, for
// senders whose deliveries are large and mostly of no interest. The length of a list
// is kept under its path and ".#".
func FlattenOnly(body []byte, b Bounds, wanted ...string) (Flat, error) {
	r := NewReader(body, b)
	if k := r.Peek(); k != Object {
		if err := r.Err(); err != nil {
			return nil, err
		}
		return nil, itsm.Errorf(itsm.Invalid, "expected an object, got %s", k)
	}
	f := Flat{}
	f.only(r, "", wanted)
	return f, r.End()
}

func (f Flat) only(r *Reader, path string, wanted []string) {
	switch r.Peek() {
	case Object:
		for r.Enter(); ; {
			key, ok := r.Key()
			if !ok {
				return
			}
			if p := join(path, key); leads(p, wanted) {
				f.only(r, p, wanted)
			} else {
				r.Skip()
			}
		}
	case Array:
		n := 0
		for r.Enter(); r.Next(); n++ {
			if n < flatListMax {
				f.only(r, join(path, strconv.Itoa(n)), wanted)
			} else {
				r.Skip()
			}
		}
		f.put(path+".#", strconv.Itoa(n))
	default:
		f.value(r, path)
	}
}

// leads reports whether a path is on the way to a wanted one, or below one.
func leads(path string, wanted []string) bool {
	for _, w := range wanted {
		if path == w || strings.HasPrefix(w, path) && w[len(path)] == '.' || strings.HasPrefix(path, w) && path[len(w)] == '.' {
			return true
		}
	}
	return false
}
