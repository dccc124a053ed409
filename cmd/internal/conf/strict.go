package conf

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"signalbox/correlate"
)

// checkKeys walks a document beside the type it will be decoded into and reports
// every key the type does not have, with its line and what it could have been.
func checkKeys(file string, n *yaml.Node, into any) []error {
	return walkKeys(file, "", n, reflect.TypeOf(into))
}

var nodeType = reflect.TypeFor[yaml.Node]()

func walkKeys(file, path string, n *yaml.Node, t reflect.Type) (errs []error) {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	switch {
	case t == nodeType:
		return nil
	case n.Kind == yaml.MappingNode && t.Kind() == reflect.Struct:
		fields := yamlFields(t)
		for i := 0; i+1 < len(n.Content); i += 2 {
			k, v := n.Content[i], n.Content[i+1]
			ft, ok := fields[k.Value]
			if !ok {
				errs = append(errs, unknownKey(file, k.Line, join(path, k.Value), SortedKeys(fields)))
				continue
			}
			errs = append(errs, walkKeys(file, join(path, k.Value), v, ft)...)
		}
	case n.Kind == yaml.MappingNode && t.Kind() == reflect.Map:
		for i := 0; i+1 < len(n.Content); i += 2 {
			errs = append(errs, walkKeys(file, join(path, n.Content[i].Value), n.Content[i+1], t.Elem())...)
		}
	case n.Kind == yaml.SequenceNode && t.Kind() == reflect.Slice:
		for i, v := range n.Content {
			errs = append(errs, walkKeys(file, fmt.Sprintf("%s[%d]", path, i), v, t.Elem())...)
		}
	}
	return errs
}

func unknownKey(file string, line int, path string, known []string) error {
	return fmt.Errorf("%s:%d: unknown key %q; here are allowed: %s", file, line, path, strings.Join(known, ", "))
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

func yamlFields(t reflect.Type) map[string]reflect.Type {
	out := map[string]reflect.Type{}
	for f := range t.Fields() {
		if name, _, _ := strings.Cut(f.Tag.Get("yaml"), ","); name != "" && name != "-" {
			out[name] = f.Type
		}
	}
	return out
}

// decodeError puts the file's name before each line that yaml reports.
func decodeError(file string, err error) error {
	var te *yaml.TypeError
	if !errors.As(err, &te) {
		return fmt.Errorf("%s: %w", file, err)
	}
	errs := make([]error, len(te.Errors))
	for i, m := range te.Errors {
		errs[i] = fmt.Errorf("%s:%s", file, strings.TrimPrefix(m, "line "))
	}
	return errors.Join(errs...)
}

// decodeCorrelation reads the correlation block through the core's own JSON
// form, so that its keys are defined in one place.
func decodeCorrelation(file string, n *yaml.Node, into *correlate.Config) error {
	var m map[string]any
	if err := n.Decode(&m); err != nil {
		return decodeError(file, err)
	}
	b, err := json.Marshal(m)
	if err != nil {
		return fmt.Errorf("%s:%d: correlation: %w", file, n.Line, err)
	}
	known := jsonKeys(*into)
	for i := 0; i+1 < len(n.Content); i += 2 {
		if k := n.Content[i]; !slices.Contains(known, k.Value) {
			return unknownKey(file, k.Line, "correlation."+k.Value, known)
		}
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return fmt.Errorf("%s:%d: correlation: %w", file, n.Line, err)
	}
	if err := into.Validate(); err != nil {
		return fmt.Errorf("%s:%d: correlation: %w", file, n.Line, err)
	}
	return nil
}

func jsonKeys(v any) []string {
	b, err := json.Marshal(v)
	var m map[string]json.RawMessage
	if err != nil || json.Unmarshal(b, &m) != nil {
		return nil
	}
	return SortedKeys(m)
}

// SortedKeys returns the keys of m in order.
func SortedKeys[K cmp.Ordered, V any](m map[K]V) []K { return slices.Sorted(maps.Keys(m)) }
