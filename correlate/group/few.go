package group

// few keeps values by key: in a list while there are few, with an index beyond.
// Most groups have one member on one CI, and maps would be most of what they cost.
// The order of the list means nothing.
type few[K comparable, V any] struct {
	list  []pair[K, V]
	index map[K]int32 // position in list; made when the list outgrows a scan
}

type pair[K comparable, V any] struct {
	key K
	val V
}

// fewScan is how many keys are looked through before an index is made.
const fewScan = 8

func (f *few[K, V]) len() int { return len(f.list) }

func (f *few[K, V]) find(key K) int {
	if f.index != nil {
		if i, ok := f.index[key]; ok {
			return int(i)
		}
		return -1
	}
	for i := range f.list {
		if f.list[i].key == key {
			return i
		}
	}
	return -1
}

func (f *few[K, V]) has(key K) bool { return f.find(key) >= 0 }

// get returns the value of key, nil when there is none. It is valid until the
// next put or drop.
func (f *few[K, V]) get(key K) *V {
	if i := f.find(key); i >= 0 {
		return &f.list[i].val
	}
	return nil
}

// put adds a key that is not there and returns its value, valid until the next
// put or drop.
func (f *few[K, V]) put(key K, val V) *V {
	f.list = append(f.list, pair[K, V]{key, val})
	switch n := len(f.list); {
	case f.index != nil:
		f.index[key] = int32(n - 1)
	case n > fewScan:
		f.index = make(map[K]int32, 2*n)
		for i := range f.list {
			f.index[f.list[i].key] = int32(i)
		}
	}
	return &f.list[len(f.list)-1].val
}

// drop takes a key out; the last of the list takes its place.
func (f *few[K, V]) drop(key K) {
	i, last := f.find(key), len(f.list)-1
	if i < 0 {
		return
	}
	f.list[i] = f.list[last]
	f.list[last] = pair[K, V]{}
	f.list = f.list[:last]
	if f.index != nil {
		delete(f.index, key)
		if i < last {
			f.index[f.list[i].key] = int32(i)
		}
	}
}

// keys returns the keys, in no order that means anything.
func (f *few[K, V]) keys() []K {
	out := make([]K, len(f.list))
	for i := range f.list {
		out[i] = f.list[i].key
	}
	return out
}
