package itsm

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
)

// Label is one name and value.
type Label struct{ Name, Value string }

// Labels are sorted by name, each name once. Make them with NewLabels or
// LabelsOf; every function here relies on the order.
type Labels []Label

// NewLabels sorts ls in place and keeps the first of each name, so that
// duplicate JSON keys have one rule: first wins. Empty values are dropped: in
// Prometheus a label with an empty value is the same as no label.
func NewLabels(ls []Label) Labels {
	if !slices.IsSortedFunc(ls, func(a, b Label) int { return strings.Compare(a.Name, b.Name) }) {
		slices.SortStableFunc(ls, func(a, b Label) int { return strings.Compare(a.Name, b.Name) })
	}
	out := ls[:0]
	for i, l := range ls {
		if l.Value == "" || (i > 0 && len(out) > 0 && out[len(out)-1].Name == l.Name) {
			continue
		}
		out = append(out, l)
	}
	return Labels(out)
}

// LabelsOf makes Labels from a map.
func LabelsOf(m map[string]string) Labels {
	ls := make([]Label, 0, len(m))
	for k, v := range m {
		ls = append(ls, Label{k, v})
	}
	return NewLabels(ls)
}

// Get returns the value of name, or "".
func (ls Labels) Get(name string) string {
	// Label sets are small; a linear scan beats a binary search below about 30.
	for i := range ls {
		if ls[i].Name == name {
			return ls[i].Value
		}
	}
	return ""
}

// First returns the value of the first of names that is present, and that name.
func (ls Labels) First(names ...string) (value, name string) {
	for _, n := range names {
		if v := ls.Get(n); v != "" {
			return v, n
		}
	}
	return "", ""
}

// Equal reports whether both hold the same labels.
func (ls Labels) Equal(o Labels) bool { return slices.Equal(ls, o) }

// LabelRoom hands out memory for labels, so that one allocation serves several
// alerts. The zero value is ready.
type LabelRoom struct{ free Labels }

// labelRoomTimes is for how many alerts room is made at once.
const labelRoomTimes = 16

// Take returns n labels to fill in; alerts is how many are still to come, this one
// included, with about as many each.
func (m *LabelRoom) Take(n, alerts int) Labels {
	if len(m.free) < n {
		m.free = make(Labels, n*min(max(alerts, 1), labelRoomTimes))
	}
	out := m.free[:n:n]
	m.free = m.free[n:]
	return out
}

// Map returns the labels as a map.
func (ls Labels) Map() map[string]string {
	m := make(map[string]string, len(ls))
	for _, l := range ls {
		m[l.Name] = l.Value
	}
	return m
}

// Clone returns a copy that owns its memory.
func (ls Labels) Clone() Labels {
	if ls == nil {
		return nil
	}
	out := make(Labels, len(ls))
	for i, l := range ls {
		out[i] = Label{strings.Clone(l.Name), strings.Clone(l.Value)}
	}
	return out
}

// MarshalJSON writes an object with keys in order; no labels is {}.
func (ls Labels) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	b.WriteByte('{')
	for i, l := range ls {
		if i > 0 {
			b.WriteByte(',')
		}
		k, err := json.Marshal(l.Name)
		if err != nil {
			return nil, err
		}
		v, err := json.Marshal(l.Value)
		if err != nil {
			return nil, err
		}
		b.Write(k)
		b.WriteByte(':')
		b.Write(v)
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

// UnmarshalJSON reads an object of strings.
func (ls *Labels) UnmarshalJSON(b []byte) error {
	var m map[string]string
	if err := json.Unmarshal(b, &m); err != nil {
		return Errorf(Invalid, "labels: expected an object of strings")
	}
	*ls = LabelsOf(m)
	return nil
}
