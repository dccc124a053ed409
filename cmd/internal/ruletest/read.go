package ruletest

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"signalbox/cmd/internal/conf"
	"signalbox/rules"
)

// Bounds of a test file.
const (
	FileBytesMax = 1 << 20
	TestsMax     = 1000 // a file
	StepsMax     = 1000 // a test
	AlertsMax    = 1000 // a step
	nodesMax     = 200_000
	mistakesMax  = 50 // reported at once
	shownMax     = 60 // bytes of a value that an error shows
	spanMax      = 366 * 24 * time.Hour
)

// reader walks the YAML of a test file and collects what is wrong with it.
type reader struct {
	file  string
	errs  []error
	nodes int
}

// document returns the one document of a file, nil when it has none.
func (r *reader) document(b []byte) *yaml.Node {
	if len(b) > FileBytesMax {
		r.errs = append(r.errs, fmt.Errorf("%s: %d bytes: expected at most %d", r.file, len(b), FileBytesMax))
		return nil
	}
	d := yaml.NewDecoder(strings.NewReader(string(b)))
	var doc, second yaml.Node
	if err := decode(d, &doc); err != nil {
		if errors.Is(err, io.EOF) {
			err = errors.New("the file is empty")
		}
		text := strings.TrimPrefix(err.Error(), "yaml: ")
		at := &yaml.Node{}
		if line, why, ok := strings.Cut(text, ": "); ok {
			if n, bad := strconv.Atoi(strings.TrimPrefix(line, "line ")); bad == nil {
				at.Line, text = n, why
			}
		}
		r.fail(at, "", "not a test file: %s", text)
		return nil
	}
	if err := decode(d, &second); !errors.Is(err, io.EOF) {
		r.fail(&second, "", "a second document or what is not YAML after ---: expected one document")
	}
	return doc.Content[0]
}

// decode turns a panic of the parser into an error.
func decode(d *yaml.Decoder, n *yaml.Node) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("the parser gave up: %v", p)
		}
	}()
	return d.Decode(n)
}

func (r *reader) fail(n *yaml.Node, field, format string, args ...any) {
	at := r.file
	if n.Line > 0 {
		at += ":" + strconv.Itoa(n.Line)
	}
	if field != "" {
		at += ": " + field
	}
	if len(r.errs) < mistakesMax {
		r.errs = append(r.errs, errors.New(at+": "+fmt.Sprintf(format, args...)))
	}
}

// key reads the value of one key of an object.
type key struct {
	name string
	read func(v *yaml.Node, field string)
}

// object reads a mapping: each key once, none that is not known.
func (r *reader) object(n *yaml.Node, field string, keys ...key) {
	names := make([]string, len(keys))
	for i, k := range keys {
		names[i] = k.name
	}
	if n.Kind != yaml.MappingNode {
		r.fail(n, field, "%s: expected keys and values: %s", shown(n), strings.Join(names, ", "))
		return
	}
	seen := map[string]bool{}
	r.pairs(n, field, func(k, v *yaml.Node) {
		name, at := k.Value, slices.Index(names, k.Value)
		switch {
		case at < 0:
			meant := ""
			if near := rules.Nearest(name, names); near != "" {
				meant = fmt.Sprintf(" (did you mean %s?)", near)
			}
			r.fail(k, join(field, name), "no such key%s; expected one of %s", meant, strings.Join(names, ", "))
		case seen[name]:
			r.fail(k, join(field, name), "given twice; keep one")
		default:
			seen[name] = true
			keys[at].read(v, join(field, name))
		}
	})
}

// pairs walks the pairs of a mapping. What aliases stand for counts again.
func (r *reader) pairs(n *yaml.Node, field string, each func(k, v *yaml.Node)) {
	for i := 0; i+1 < len(n.Content) && r.spend(n, field); i += 2 {
		each(n.Content[i], resolved(n.Content[i+1]))
	}
}

// spend counts a value against what a file may hold.
func (r *reader) spend(n *yaml.Node, field string) bool {
	if r.nodes++; r.nodes == nodesMax {
		r.fail(n, field, "the file has over %d values, aliases counted where they are used", nodesMax)
	}
	return r.nodes < nodesMax
}

// list reads a sequence of at most limit, or one value for a sequence of it.
func (r *reader) list(limit int, each func(v *yaml.Node, field string)) func(*yaml.Node, string) {
	return func(v *yaml.Node, field string) {
		switch {
		case v.Kind != yaml.SequenceNode:
			each(v, field)
		case len(v.Content) > limit:
			r.fail(v, field, "%d entries: expected at most %d", len(v.Content), limit)
		default:
			for i, e := range v.Content {
				if r.spend(e, field) {
					each(resolved(e), fmt.Sprintf("%s[%d]", field, i))
				}
			}
		}
	}
}

func (r *reader) text(to *string) func(*yaml.Node, string) {
	return func(v *yaml.Node, field string) {
		switch {
		case v.Kind != yaml.ScalarNode || v.Tag == "!!null":
			r.fail(v, field, "%s: expected a text", shown(v))
		case len(v.Value) > rules.ConditionMax:
			r.fail(v, field, "%d bytes: expected at most %d", len(v.Value), rules.ConditionMax)
		default:
			*to = v.Value
		}
	}
}

// word reads a text that a parser takes.
func (r *reader) word(to *string, parse func(string) error) func(*yaml.Node, string) {
	return func(v *yaml.Node, field string) {
		r.text(to)(v, field)
		if *to == "" {
			return
		}
		if err := parse(*to); err != nil {
			r.fail(v, field, "%s", err)
		}
	}
}

func (r *reader) texts(to *[]string) func(*yaml.Node, string) {
	return r.list(rules.ListMax, func(v *yaml.Node, field string) {
		var s string
		r.text(&s)(v, field)
		*to = append(*to, s)
	})
}

func (r *reader) flag(to *bool) func(*yaml.Node, string) {
	return func(v *yaml.Node, field string) {
		if v.Kind != yaml.ScalarNode || v.Tag != "!!bool" {
			r.fail(v, field, "%s: expected true or false", shown(v))
		}
		*to = v.Value == "true"
	}
}

// span reads a time from the start.
func span(s string) (time.Duration, error) {
	d, err := conf.ParseDuration(s)
	if s == "0" {
		d, err = 0, nil
	}
	if err != nil || d < 0 || d > spanMax {
		return 0, fmt.Errorf("%q: expected a time from the start such as 0s, 90s, 5m, 1h30m or 2d, at most 366d, or a moment such as 2026-01-05T09:00:00Z", clip(s))
	}
	return d, nil
}

func resolved(n *yaml.Node) *yaml.Node {
	if n.Kind == yaml.AliasNode && n.Alias != nil {
		return n.Alias
	}
	return n
}

func join(field, name string) string {
	if field == "" {
		return clip(name)
	}
	return field + "." + clip(name)
}

// shown is a value as an error shows it.
func shown(n *yaml.Node) string {
	switch {
	case n.Kind == yaml.ScalarNode && n.Tag == "!!null":
		return "nothing"
	case n.Kind == yaml.ScalarNode:
		return strconv.Quote(clip(n.Value))
	case n.Kind == yaml.SequenceNode:
		return "a list"
	}
	return "keys and values"
}

func clip(s string) string {
	if len(s) > shownMax {
		return s[:shownMax] + "…"
	}
	return s
}
