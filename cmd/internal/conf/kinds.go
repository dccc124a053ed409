package conf

import (
	"reflect"
	"slices"
	"strings"
)

// ofKind reports the fields of a connector that its kind does not have.
func (r *reader) ofKind(path string, c Connector) {
	if !slices.Contains(connectorKinds, c.Kind) {
		return // reported already
	}
	v := reflect.ValueOf(c)
	for i := range v.NumField() {
		f := v.Type().Field(i)
		kinds := kindsOf(f)
		if kinds == nil || slices.Contains(kinds, c.Kind) || v.Field(i).IsZero() {
			continue
		}
		key, _, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		r.bad(path+"."+key, "not a key of kind "+c.Kind, "it at connectors of kind "+strings.Join(kinds, ", ")+" only")
	}
}

// kindsOf are the kinds of connector that have a field; nil: all of them.
func kindsOf(f reflect.StructField) []string {
	tag := f.Tag.Get("for")
	if tag == "" {
		return nil
	}
	return strings.Split(tag, ",")
}

// ConnectorKinds lists the kinds that a connector can have, sorted.
func ConnectorKinds() []string { return slices.Sorted(slices.Values(connectorKinds)) }
