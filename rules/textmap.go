package rules

import (
	"fmt"
	"reflect"

	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/common/types/traits"

	"signalbox/itsm"
)

// textMap shows labels to CEL as a map of texts in which a missing key is "".
// It is an indexer and not a CEL map on purpose: for a map CEL answers a missing
// key with an error.
type textMap struct{ ls itsm.Labels }

var (
	_ traits.Indexer     = textMap{}
	_ traits.FieldTester = textMap{}
	_ traits.Container   = textMap{}
	_ traits.Sizer       = textMap{}
	_ traits.Iterable    = textMap{}
)

// Get implements traits.Indexer.
func (m textMap) Get(index ref.Val) ref.Val {
	k, ok := index.(types.String)
	if !ok {
		return types.MaybeNoSuchOverloadErr(index)
	}
	return types.String(m.ls.Get(string(k)))
}

// IsSet implements traits.FieldTester, for has().
func (m textMap) IsSet(field ref.Val) ref.Val { return m.Contains(field) }

// Contains implements traits.Container, for in.
func (m textMap) Contains(value ref.Val) ref.Val {
	k, ok := value.(types.String)
	if !ok {
		return types.MaybeNoSuchOverloadErr(value)
	}
	return types.Bool(m.ls.Get(string(k)) != "")
}

// Size implements traits.Sizer.
func (m textMap) Size() ref.Val { return types.Int(len(m.ls)) }

// Iterator implements traits.Iterable: it goes over the names.
func (m textMap) Iterator() traits.Iterator { return &nameIterator{ls: m.ls} }

// ConvertToNative implements ref.Val.
func (m textMap) ConvertToNative(t reflect.Type) (any, error) {
	if t == reflect.TypeFor[map[string]string]() {
		return m.ls.Map(), nil
	}
	return nil, fmt.Errorf("labels cannot become %v", t)
}

// ConvertToType implements ref.Val.
func (m textMap) ConvertToType(t ref.Type) ref.Val {
	switch t {
	case types.MapType:
		return m
	case types.TypeType:
		return types.MapType
	}
	return types.NewErr("labels cannot become %s", t.TypeName())
}

// Equal implements ref.Val.
func (m textMap) Equal(other ref.Val) ref.Val {
	o, ok := other.(textMap)
	return types.Bool(ok && m.ls.Equal(o.ls))
}

// Type implements ref.Val.
func (m textMap) Type() ref.Type { return types.MapType }

// Value implements ref.Val.
func (m textMap) Value() any { return m.ls.Map() }

type nameIterator struct {
	nameIteratorVal
	ls itsm.Labels
	at int
}

// HasNext implements traits.Iterator.
func (it *nameIterator) HasNext() ref.Val { return types.Bool(it.at < len(it.ls)) }

// Next implements traits.Iterator.
func (it *nameIterator) Next() ref.Val {
	if it.at >= len(it.ls) {
		return nil
	}
	it.at++
	return types.String(it.ls[it.at-1].Name)
}

// nameIteratorVal is the part of a CEL value that nobody asks an iterator for.
type nameIteratorVal struct{}

func (nameIteratorVal) ConvertToNative(t reflect.Type) (any, error) {
	return nil, fmt.Errorf("an iterator cannot become %v", t)
}
func (nameIteratorVal) ConvertToType(ref.Type) ref.Val {
	return types.NewErr("an iterator is no value")
}
func (nameIteratorVal) Equal(ref.Val) ref.Val { return types.False }
func (nameIteratorVal) Type() ref.Type        { return types.IteratorType }
func (nameIteratorVal) Value() any            { return nil }
