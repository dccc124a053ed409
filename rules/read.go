package rules

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// reader walks the YAML of one file and collects what is wrong with it.
type reader struct {
	file string
	rule string // id of the rule under way
	ps   *problems
}

// fail notes what is wrong at a place.
func (r *reader) fail(n *yaml.Node, field, format string, args ...any) {
	r.ps.add(Problem{File: r.file, Line: n.Line, Rule: r.rule, Field: field, Msg: fmt.Sprintf(format, args...)})
}

// key reads the value of one key of an object.
type key struct {
	name string
	read func(v *yaml.Node, field string)
}

// object reads a mapping: each key once, none that is not known.
func (r *reader) object(n *yaml.Node, field string, keys ...key) {
	n = resolved(n)
	if n.Kind != yaml.MappingNode {
		r.fail(n, field, "%s: expected keys and values: %s", shown(n), known(keys))
		return
	}
	seen := map[string]bool{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		name, v := n.Content[i].Value, resolved(n.Content[i+1])
		at := slices.IndexFunc(keys, func(k key) bool { return k.name == name })
		switch {
		case at < 0:
			r.fail(n.Content[i], join(field, name), "no such key%s; expected one of %s", nearest(name, keys), known(keys))
		case seen[name]:
			r.fail(n.Content[i], join(field, name), "given twice; keep one")
		default:
			seen[name] = true
			keys[at].read(v, join(field, name))
		}
	}
}

func join(field, name string) string {
	if field == "" {
		return name
	}
	return field + "." + name
}

func known(keys []key) string {
	names := make([]string, len(keys))
	for i, k := range keys {
		names[i] = k.name
	}
	return strings.Join(names, ", ")
}

// nearest suggests the key that was probably meant.
func nearest(name string, keys []key) string {
	names := make([]string, len(keys))
	for i, k := range keys {
		names[i] = k.name
	}
	if near := Nearest(name, names); near != "" {
		return fmt.Sprintf(" (did you mean %s?)", near)
	}
	return ""
}

// Nearest returns which of the names was probably meant by a mistyped one, ""
// when none is near.
func Nearest(name string, names []string) string {
	best, out := 3, ""
	for _, n := range names {
		if d := distance(strings.ToLower(name), n); d < best {
			best, out = d, n
		}
	}
	return out
}

// distance is the number of single-letter changes between two short words.
func distance(a, b string) int {
	if len(a) > 40 || len(b) > 40 {
		return 99
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j+1]+1, row[j]+1)
		}
	}
	return row[len(b)]
}

// resolved follows an alias to what it stands for.
func resolved(n *yaml.Node) *yaml.Node {
	if n.Kind == yaml.AliasNode && n.Alias != nil {
		return n.Alias
	}
	return n
}

// shown is a value as an error shows it.
func shown(n *yaml.Node) string {
	switch n.Kind {
	case yaml.ScalarNode:
		if n.Tag == "!!null" {
			return "nothing"
		}
		return quote(n.Value)
	case yaml.SequenceNode:
		return "a list"
	}
	return "keys and values"
}

// text reads a scalar as it is written.
func (r *reader) text(to *string) func(*yaml.Node, string) {
	return func(v *yaml.Node, field string) {
		switch {
		case v.Kind != yaml.ScalarNode || v.Tag == "!!null":
			r.fail(v, field, "%s: expected a text", shown(v))
		case len(v.Value) > ConditionMax:
			r.fail(v, field, "%d bytes: expected at most %d", len(v.Value), ConditionMax)
		default:
			*to = v.Value
		}
	}
}

// line reads a text of one line.
func (r *reader) line(to *string) func(*yaml.Node, string) {
	return func(v *yaml.Node, field string) {
		r.text(to)(v, field)
		if len(*to) > TextMax || strings.ContainsAny(strings.TrimRight(*to, "\n"), "\n\r") {
			r.fail(v, field, "%s: expected one line of at most %d bytes", quote(*to), TextMax)
		}
		*to = strings.TrimSpace(*to)
	}
}

func (r *reader) flag(to *bool) func(*yaml.Node, string) {
	return func(v *yaml.Node, field string) {
		b, err := strconv.ParseBool(v.Value)
		if v.Kind != yaml.ScalarNode || v.Tag != "!!bool" || err != nil {
			r.fail(v, field, "%s: expected true or false", shown(v))
		}
		*to = b
	}
}

func (r *reader) number(to *int, low, high int) func(*yaml.Node, string) {
	return func(v *yaml.Node, field string) {
		n, err := strconv.Atoi(v.Value)
		if v.Kind != yaml.ScalarNode || err != nil || n < low || n > high {
			r.fail(v, field, "%s: expected a whole number from %d to %d", shown(v), low, high)
			return
		}
		*to = n
	}
}

// durationMax keeps waiting times sane: nothing here waits for longer than a month.
const durationMax = 31 * 24 * time.Hour

func (r *reader) duration(to *time.Duration) func(*yaml.Node, string) {
	return func(v *yaml.Node, field string) {
		d, ok := parseDuration(v.Value)
		if v.Kind != yaml.ScalarNode || !ok || d <= 0 || d > durationMax {
			r.fail(v, field, "%s: expected a duration from 1s to 31d, such as 90s, 5m, 2h or 7d", shown(v))
			return
		}
		*to = d
	}
}

func parseDuration(s string) (time.Duration, bool) {
	if days, ok := strings.CutSuffix(s, "d"); ok {
		n, err := strconv.ParseUint(days, 10, 8)
		return time.Duration(n) * 24 * time.Hour, err == nil
	}
	d, err := time.ParseDuration(s)
	return d, err == nil && d%time.Second == 0
}

// list reads a sequence, or one value for a sequence of it.
func (r *reader) list(each func(v *yaml.Node, field string)) func(*yaml.Node, string) {
	return func(v *yaml.Node, field string) {
		if v.Kind != yaml.SequenceNode {
			each(v, field)
			return
		}
		if len(v.Content) > ListMax {
			r.fail(v, field, "%d entries: expected at most %d", len(v.Content), ListMax)
			return
		}
		for i, e := range v.Content {
			each(resolved(e), fmt.Sprintf("%s[%d]", field, i))
		}
	}
}

// texts reads a list of one-line texts, none empty and none twice.
func (r *reader) texts(to *[]string) func(*yaml.Node, string) {
	return r.list(func(v *yaml.Node, field string) {
		var s string
		r.line(&s)(v, field)
		switch {
		case s == "":
			r.fail(v, field, "empty: expected a text")
		case slices.Contains(*to, s):
			r.fail(v, field, "%s is in the list twice", quote(s))
		default:
			*to = append(*to, s)
		}
	})
}

// assigns reads a mapping of field to text, in the order it is written.
func (r *reader) assigns(to *[]Assign, check func(v *yaml.Node, field, name string)) func(*yaml.Node, string) {
	return func(v *yaml.Node, field string) {
		if v.Kind != yaml.MappingNode {
			r.fail(v, field, "%s: expected keys and values", shown(v))
			return
		}
		if len(v.Content)/2 > ListMax {
			r.fail(v, field, "%d entries: expected at most %d", len(v.Content)/2, ListMax)
			return
		}
		for i := 0; i+1 < len(v.Content); i += 2 {
			a := Assign{Field: v.Content[i].Value}
			check(v.Content[i], join(field, a.Field), a.Field)
			r.text(&a.Value)(resolved(v.Content[i+1]), join(field, a.Field))
			*to = append(*to, a)
		}
	}
}

// word reads one of the given words and hands its place to set.
func (r *reader) word(set func(int), words ...string) func(*yaml.Node, string) {
	return func(v *yaml.Node, field string) {
		at := slices.Index(words, v.Value)
		if v.Kind != yaml.ScalarNode || at < 0 {
			r.fail(v, field, "%s: expected %s", shown(v), strings.Join(words, ", "))
			return
		}
		set(at)
	}
}
