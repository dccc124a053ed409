package conf

import (
	"bytes"
	"cmp"
	"encoding"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"signalbox/connectors"
	"signalbox/correlate"
	"signalbox/itsm"
)

// Bounds of a document. Aliases can make a small file an enormous one.
const (
	nodesMax    = 200_000
	shownMax    = 60  // bytes of a value that an error shows
	mistakesMax = 100 // reported at once
)

// reader puts a YAML document into Go values and collects everything wrong with
// it: an unknown or repeated key, a value of another kind. It remembers the line
// of each key for what is checked later.
type reader struct {
	file  string
	lines map[string]int
	errs  []error
	nodes int
}

// readDocument reads b into the struct that into points to.
func readDocument(file string, b []byte, into any) *reader {
	r := &reader{file: file, lines: map[string]int{}}
	d := yaml.NewDecoder(bytes.NewReader(b))
	var doc, second yaml.Node
	if err := d.Decode(&doc); err != nil {
		if !errors.Is(err, io.EOF) { // an empty document is the empty configuration
			r.notYAML(err)
		}
		return r
	}
	if err := d.Decode(&second); err == nil {
		r.at(second.Line, "", "a second document", "one; what follows --- would not be read")
	} else if !errors.Is(err, io.EOF) {
		r.notYAML(err)
		return r
	}
	if len(doc.Content) > 0 {
		r.value("", doc.Content[0], reflect.ValueOf(into).Elem())
	}
	return r
}

// notYAML reports what yaml cannot parse, with the line it names.
func (r *reader) notYAML(err error) {
	text := strings.TrimPrefix(err.Error(), "yaml: ")
	if rest, ok := strings.CutPrefix(text, "line "); ok {
		if n, why, ok := strings.Cut(rest, ": "); ok {
			r.errs = append(r.errs, fmt.Errorf("%s:%s: not YAML: %s", r.file, n, why))
			return
		}
	}
	r.errs = append(r.errs, fmt.Errorf("%s: not YAML: %s", r.file, text))
}

// at reports one mistake as file:line: key: value: expected.
func (r *reader) at(line int, path, value, expected string) {
	parts := []string{r.file}
	if line > 0 {
		parts[0] += ":" + strconv.Itoa(line)
	}
	for _, p := range []string{path, value} {
		if p != "" {
			parts = append(parts, p)
		}
	}
	r.errs = append(r.errs, errors.New(strings.Join(append(parts, "expected "+expected), ": ")))
}

// bad reports a mistake at the line of a key, or of the nearest key above it that
// the document has.
func (r *reader) bad(path, value, expected string) {
	for p := path; ; {
		if line := r.lines[p]; line > 0 || p == "" {
			r.at(line, path, value, expected)
			return
		}
		p = p[:max(0, strings.LastIndexAny(p, ".["))]
	}
}

// err joins what was found.
func (r *reader) err() error {
	if n := len(r.errs); n > mistakesMax {
		r.errs = append(r.errs[:mistakesMax:mistakesMax], fmt.Errorf("%s: and %d more", r.file, n-mistakesMax))
	}
	return errors.Join(r.errs...)
}

// value reads one node. A key without a value leaves the default.
func (r *reader) value(path string, n *yaml.Node, v reflect.Value) {
	if n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	if r.nodes++; r.nodes > nodesMax {
		if r.nodes == nodesMax+1 {
			r.at(n.Line, path, "", fmt.Sprintf("at most %d values in all, aliases counted where they are used", nodesMax))
		}
		return
	}
	if n.Kind == yaml.ScalarNode && n.Tag == "!!null" {
		return
	}
	for v.Kind() == reflect.Pointer {
		v.Set(reflect.New(v.Type().Elem()))
		v = v.Elem()
	}
	if list, ok := v.Addr().Interface().(listed); ok && n.Kind == yaml.SequenceNode {
		v = list.list() // a bare list stands for the rest of its keys' defaults
	}
	_, isText := v.Addr().Interface().(encoding.TextUnmarshaler)
	_, isJSON := v.Addr().Interface().(json.Unmarshaler)
	switch {
	case isText || isJSON:
		r.word(path, n, v)
	case v.Kind() == reflect.Struct && n.Kind == yaml.MappingNode:
		r.keys(path, n, v)
	case v.Kind() == reflect.Map && n.Kind == yaml.MappingNode:
		r.names(path, n, v)
	case v.Kind() == reflect.Slice && n.Kind == yaml.SequenceNode:
		v.Set(reflect.MakeSlice(v.Type(), len(n.Content), len(n.Content)))
		for i, item := range n.Content {
			p := fmt.Sprintf("%s[%d]", path, i)
			r.lines[p] = item.Line
			r.value(p, item, v.Index(i))
		}
	default:
		r.word(path, n, v)
	}
}

// listed is a mapping that may also be written as the list of its first key.
type listed interface{ list() reflect.Value }

// each calls use for every key of a mapping that comes for the first time.
func (r *reader) each(path string, n *yaml.Node, use func(key *yaml.Node, path string, value *yaml.Node)) {
	first := map[string]int{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		k := n.Content[i]
		p := join(path, k.Value)
		if line, twice := first[k.Value]; twice {
			r.at(k.Line, p, "given twice", fmt.Sprintf("it once; the first is in line %d", line))
			continue
		}
		first[k.Value] = k.Line
		use(k, p, n.Content[i+1])
	}
}

// keys reads a mapping whose keys are the fields of a struct.
func (r *reader) keys(path string, n *yaml.Node, v reflect.Value) {
	fields := fieldsOf(v.Type())
	r.each(path, n, func(k *yaml.Node, p string, value *yaml.Node) {
		index, ok := fields[k.Value]
		if !ok {
			r.unknown(k, p, v.Type(), SortedKeys(fields))
			return
		}
		r.lines[p] = k.Line
		r.value(p, value, v.FieldByIndex(index))
	})
}

// names reads a mapping whose keys people choose.
func (r *reader) names(path string, n *yaml.Node, v reflect.Value) {
	v.Set(reflect.MakeMap(v.Type()))
	r.each(path, n, func(k *yaml.Node, p string, value *yaml.Node) {
		r.lines[p] = k.Line
		item := reflect.New(v.Type().Elem()).Elem()
		r.value(p, value, item)
		v.SetMapIndex(reflect.ValueOf(k.Value), item)
	})
}

func (r *reader) unknown(k *yaml.Node, path string, in reflect.Type, known []string) {
	if where := elsewhere[in][k.Value]; where != "" {
		r.at(k.Line, path, "not a key of this section", where)
		return
	}
	r.errs = append(r.errs, fmt.Errorf("%s:%d: unknown key %q; here are allowed: %s", r.file, k.Line, path, strings.Join(known, ", ")))
}

// word reads a value that is one word.
func (r *reader) word(path string, n *yaml.Node, v reflect.Value) {
	if n.Kind != yaml.ScalarNode || !setWord(v, n) {
		r.at(n.Line, path, shown(n, v.Type()), expectation(v.Type()))
	}
}

func setWord(v reflect.Value, n *yaml.Node) bool {
	switch into := v.Addr().Interface().(type) {
	case encoding.TextUnmarshaler:
		return into.UnmarshalText([]byte(n.Value)) == nil
	case json.Unmarshaler:
		b, err := json.Marshal(n.Value)
		return err == nil && into.UnmarshalJSON(b) == nil
	case *string:
		*into = n.Value
		return true
	case *int, *bool:
		return n.Decode(into) == nil
	}
	return false
}

// shown is a value as an error may show it: never one that could be a secret.
func shown(n *yaml.Node, t reflect.Type) string {
	switch {
	case n.Kind == yaml.SequenceNode:
		return "a list"
	case n.Kind == yaml.MappingNode:
		return "keys and values"
	case mayBeSecret(t):
		return "a value not shown"
	}
	return strconv.Quote(cut(n.Value))
}

func cut(s string) string {
	if len(s) > shownMax {
		return s[:shownMax] + "…"
	}
	return s
}

func mayBeSecret(t reflect.Type) bool {
	for t.Kind() == reflect.Slice || t.Kind() == reflect.Map || t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	return t == reflect.TypeFor[Secret]() || t == reflect.TypeFor[URL]() || t == reflect.TypeFor[HMAC]() || t == reflect.TypeFor[SourceAuth]()
}

// expectations say what a value looks like, by its type.
var expectations = map[reflect.Type]string{
	reflect.TypeFor[Duration]():           durationForm,
	reflect.TypeFor[correlate.Duration](): durationForm,
	reflect.TypeFor[Size]():               sizeForm,
	reflect.TypeFor[Secret]():             "env:NAME or file:PATH, where the secret is, and not the secret itself",
	reflect.TypeFor[HMAC]():               "a list of secrets, or the keys " + strings.Join(SortedKeys(fieldsOf(reflect.TypeFor[HMAC]())), ", "),
	reflect.TypeFor[URL]():                "a URL such as https://hc-ping.com/…, or env:NAME or file:PATH that holds one",
	reflect.TypeFor[connectors.Place]():   connectors.PlaceForm,
	reflect.TypeFor[Direction]():          "from_affects_to (to is affected when from fails) or to_affects_from (the reverse)",
	reflect.TypeFor[itsm.Priority]():      "P1, P2, P3, P4 or P5",
	reflect.TypeFor[itsm.Role]():          "viewer, responder, problem_manager or admin",
}

func expectation(t reflect.Type) string {
	if e, ok := expectations[t]; ok {
		return e
	}
	switch t.Kind() {
	case reflect.Slice:
		return "a list, of " + expectation(t.Elem())
	case reflect.Map:
		return "names, each with " + expectation(t.Elem())
	case reflect.Struct:
		return "the keys " + strings.Join(SortedKeys(fieldsOf(t)), ", ")
	case reflect.Bool:
		return "true or false"
	case reflect.Int:
		return "a whole number"
	}
	return "text"
}

// elsewhere are the fields of the core's configuration that a person writes
// somewhere else.
var elsewhere = map[reflect.Type]map[string]string{reflect.TypeFor[correlate.Config](): {
	"sources":    "it under sources, beside this section",
	"connectors": "it under connectors, beside this section",
	"cmdb":       "it under cmdb, beside this section",
	"sla":        "it under sla, beside this section",
}}

// fieldsOf finds the fields of a struct by their names in the file: those of our
// own types have a yaml tag, those of the core a json tag.
func fieldsOf(t reflect.Type) map[string][]int {
	out := map[string][]int{}
	for _, f := range reflect.VisibleFields(t) {
		tag := cmp.Or(f.Tag.Get("yaml"), f.Tag.Get("json"))
		name, _, _ := strings.Cut(tag, ",")
		if name != "" && name != "-" && elsewhere[t][name] == "" {
			out[name] = f.Index
		}
	}
	return out
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

// SortedKeys returns the keys of m in order.
func SortedKeys[K cmp.Ordered, V any](m map[K]V) []K { return slices.Sorted(maps.Keys(m)) }
