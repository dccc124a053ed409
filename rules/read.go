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

	places map[string]place // of the rule's fields
}

// place is where a field of a rule stands.
type place struct {
	line int // of its key
	text int // first line of a text that is written below its key, after a |; else 0
}

// mark notes where a field stands.
func (r *reader) mark(field string, key, v *yaml.Node) {
	p := place{line: key.Line}
	if v.Kind == yaml.ScalarNode && v.Style&yaml.LiteralStyle != 0 {
		p.text = v.Line + 1
	}
	if r.places != nil && len(r.places) < placesMax {
		r.places[field] = p
	}
}

// placesMax bounds the fields of a rule whose places are kept.
const placesMax = 1000

// failAt notes what is wrong with a field that was read.
func (r *reader) failAt(field, format string, args ...any) {
	r.ps.add(Problem{File: r.file, Line: placeOf(r.places, field).line, Rule: r.rule, Field: field, Msg: fmt.Sprintf(format, args...)})
}

// placeOf finds the place of a field, or of the nearest one around it.
func placeOf(places map[string]place, field string) place {
	for {
		if p, ok := places[field]; ok {
			return p
		}
		at := strings.LastIndexAny(field, ".[")
		if at < 0 {
			return place{}
		}
		field = field[:at]
	}
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

// object reads a mapping: each key once, none that is not known. It reports
// whether all was well, so that one mistake is told once.
func (r *reader) object(n *yaml.Node, field string, keys ...key) bool {
	n = resolved(n)
	before := r.ps.count()
	if n.Kind != yaml.MappingNode {
		r.fail(n, field, "%s: expected keys and values: %s", shown(n), known(keys))
		return false
	}
	seen := map[string]bool{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		name, v := n.Content[i].Value, resolved(n.Content[i+1])
		at := slices.IndexFunc(keys, func(k key) bool { return k.name == name })
		switch {
		case at < 0:
			r.fail(n.Content[i], join(field, clipText(name)), "no such key%s; expected one of %s", nearest(name, keys), known(keys))
		case seen[name] && field == "" && name == "id":
			r.fail(n.Content[i], name, "given twice; a second rule begins after a line ---")
			return false
		case seen[name]:
			r.fail(n.Content[i], join(field, name), "given twice; keep one")
		default:
			seen[name] = true
			r.mark(join(field, name), n.Content[i], v)
			keys[at].read(v, join(field, name))
		}
	}
	return r.ps.count() == before
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
		case v.Kind == yaml.ScalarNode && !strings.HasPrefix(v.Tag, "!!"):
			r.fail(v, field, "%s: YAML takes what begins with ! for a tag; put the text in quotes, such as '!has(labels.x)'", quote(v.Tag))
		case v.Kind == yaml.ScalarNode && v.Tag == "!!null" && v.Value == "" && v.LineComment != "":
			r.fail(v, field, "nothing: # begins a comment; put the text in quotes")
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
		if r.text(to)(v, field); *to == "" {
			return
		}
		if len(*to) > TextMax || strings.ContainsAny(strings.TrimRight(*to, "\n"), "\n\r") {
			r.fail(v, field, "%s: expected one line of at most %d bytes", quote(*to), TextMax)
		}
		*to = strings.TrimSpace(*to)
	}
}

// about reads a line that says something.
func (r *reader) about(to *string) func(*yaml.Node, string) {
	return func(v *yaml.Node, field string) {
		if r.line(to)(v, field); *to == "" && v.Kind == yaml.ScalarNode && v.Tag != "!!null" {
			r.fail(v, field, "empty: say in one line what the rule is for")
		}
	}
}

// expression reads a condition; one that is there says something.
func (r *reader) expression(to *string) func(*yaml.Node, string) {
	return func(v *yaml.Node, field string) {
		r.text(to)(v, field)
		if v.Kind == yaml.ScalarNode && strings.HasPrefix(v.Tag, "!!") && v.Tag != "!!null" && strings.TrimSpace(v.Value) == "" {
			r.fail(v, field, "empty: expected a condition such as labels.namespace == \"shop\"; leave the key out for every alert")
			*to = ""
		}
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
			at := fmt.Sprintf("%s[%d]", field, i)
			r.mark(at, e, e)
			each(resolved(e), at)
		}
	}
}

// texts reads a list of one-line texts, none empty and none twice.
func (r *reader) texts(to *[]string) func(*yaml.Node, string) {
	return r.list(func(v *yaml.Node, field string) {
		var s string
		r.line(&s)(v, field)
		switch {
		case v.Kind != yaml.ScalarNode || v.Tag == "!!null" || !strings.HasPrefix(v.Tag, "!!"):
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
			at := join(field, a.Field)
			if len(a.Field) > TextMax {
				r.fail(v.Content[i], field, "a name of %d bytes: expected at most %d", len(a.Field), TextMax)
				return
			}
			if slices.ContainsFunc(*to, func(o Assign) bool { return o.Field == a.Field }) {
				r.fail(v.Content[i], at, "given twice; keep one")
				continue
			}
			r.mark(at, v.Content[i], v.Content[i+1])
			check(v.Content[i], at, a.Field)
			r.text(&a.Value)(resolved(v.Content[i+1]), at)
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
