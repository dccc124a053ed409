package ruletest

import (
	"fmt"
	"time"

	"go.yaml.in/yaml/v3"

	"signalbox/correlate"
	"signalbox/itsm"
	"signalbox/itsm/cmdb"
)

// file is a test file as it was read.
type file struct {
	name       string
	rules      []string // nil: the directory of the file
	noRules    bool     // rules: []
	config     string
	connectors []correlate.Connector // nil: those of config
	cmdb       *inventory
	defaults   alert
	tests      []test
}

// inventory is a CMDB: files, or a document in the test file.
type inventory struct {
	line   int
	files  []string
	inline *yaml.Node
}

type test struct {
	name  string
	line  int
	start itsm.Time
	cmdb  *inventory // nil: that of the file
	steps []step
}

type step struct {
	line     int
	at       itsm.Time
	written  string   // at as a person wrote it
	order    []string // of what the step does, as it stands in the file
	clearAll bool
	clear    []pattern
	fire     []alert
	acts     []act
	changes  []act
	windows  []act
	want     *want
}

// defaultStart is a Monday at midnight.
var defaultStart = itsm.TimeOf(time.Date(2026, 1, 5, 0, 0, 0, 0, time.UTC))

// parse reads a test file; what is wrong with it is in the reader.
func parse(name string, b []byte) (*file, []error) {
	r := &reader{file: name}
	f := &file{name: name}
	doc := r.document(b)
	if doc == nil {
		return nil, r.errs
	}
	r.object(resolved(doc), "",
		key{"rules", func(v *yaml.Node, field string) {
			r.texts(&f.rules)(v, field)
			f.noRules = len(f.rules) == 0
		}},
		key{"config", r.text(&f.config)},
		key{"connectors", func(v *yaml.Node, field string) {
			f.connectors = []correlate.Connector{}
			r.list(connectorsMax, func(v *yaml.Node, field string) { r.connector(f, v, field) })(v, field)
		}},
		key{"cmdb", r.inventory(&f.cmdb)},
		key{"defaults", func(v *yaml.Node, field string) { r.longAlert(&f.defaults, v, field) }},
		key{"tests", r.list(TestsMax, func(v *yaml.Node, field string) { f.tests = append(f.tests, r.test(v, field)) })},
	)
	seen := map[string]int{}
	for _, t := range f.tests {
		if t.name != "" && seen[t.name] != 0 {
			r.fail(&yaml.Node{Line: t.line}, "tests", "the test %q is on line %d already; give it a name of its own", clip(t.name), seen[t.name])
		}
		seen[t.name] = t.line
	}
	if len(f.tests) == 0 && len(r.errs) == 0 {
		r.fail(doc, "tests", "missing: expected tests: [{name: …, steps: […]}]")
	}
	return f, r.errs
}

const connectorsMax = 32

func (r *reader) connector(f *file, v *yaml.Node, field string) {
	var c correlate.Connector
	if v.Kind == yaml.ScalarNode {
		r.text(&c.Name)(v, field)
	} else {
		var least string
		r.object(v, field, key{"name", r.text(&c.Name)}, key{"kind", r.text(&c.Kind)}, key{"min_priority", r.word(&least, isPriority)})
		c.MinPriority, _ = itsm.ParsePriority(least)
	}
	for _, o := range f.connectors {
		if o.Name == c.Name {
			r.fail(v, field, "%q is in the list twice", c.Name)
		}
	}
	if c.Name == "" {
		r.fail(v, field, "expected the name of a connector")
	}
	f.connectors = append(f.connectors, c)
}

func (r *reader) inventory(to **inventory) func(*yaml.Node, string) {
	return func(v *yaml.Node, field string) {
		in := &inventory{line: v.Line}
		*to = in
		if v.Kind != yaml.MappingNode {
			r.texts(&in.files)(v, field)
			return
		}
		in.inline = v
		keep := func(*yaml.Node, string) {}
		r.object(v, field, key{"cis", keep}, key{"relations", keep})
	}
}

// document is an inline CMDB as a file of its own.
func (in *inventory) document() ([]byte, error) { return yaml.Marshal(in.inline) }

// problem says what is wrong with an inline CMDB, without the line of a file
// that nobody sees.
func (in *inventory) problem(file string, p cmdb.Problem) string {
	p.Line = 0
	return fmt.Sprintf("%s:%d: cmdb: %s", file, in.line, p)
}

func (r *reader) test(v *yaml.Node, field string) test {
	t := test{line: v.Line, start: defaultStart}
	var steps *yaml.Node
	var at string
	r.object(v, field,
		key{"name", r.text(&t.name)},
		key{"start", func(v *yaml.Node, field string) {
			var s string
			r.text(&s)(v, field)
			start, err := itsm.ParseTime(s)
			if err != nil || start <= 0 {
				r.fail(v, field, "%s: expected a moment such as 2026-01-05T09:00:00+01:00", shown(v))
				return
			}
			t.start = start
		}},
		key{"cmdb", r.inventory(&t.cmdb)},
		key{"steps", func(v *yaml.Node, field string) { steps, at = v, field }},
	)
	if steps != nil { // last, for they count from the start
		r.list(StepsMax, func(v *yaml.Node, field string) { t.steps = append(t.steps, r.step(&t, v, field)) })(steps, at)
	}
	if v.Kind != yaml.MappingNode {
		return t
	}
	if t.name == "" {
		r.fail(v, join(field, "name"), "missing: say in a few words what must be so")
	}
	wants := 0
	for _, s := range t.steps {
		if s.want != nil {
			wants++
		}
	}
	if wants == 0 {
		r.fail(v, join(field, "steps"), "the test wants nothing: expected a step with want: {incidents: […]} or another want")
	}
	return t
}

func (r *reader) step(t *test, v *yaml.Node, field string) step {
	s := step{line: v.Line, at: t.start}
	if n := len(t.steps); n > 0 {
		s.at = t.steps[n-1].at
	}
	last, before := s.at, "the start"
	if len(t.steps) > 0 {
		before = "the step before"
	}
	does := func(name string, read func(*yaml.Node, string)) key {
		return key{name, func(v *yaml.Node, field string) { s.order = append(s.order, name); read(v, field) }}
	}
	r.object(v, field,
		key{"at", func(v *yaml.Node, field string) {
			r.text(&s.written)(v, field)
			at, err := moment(t.start, s.written)
			switch {
			case err != nil:
				r.fail(v, field, "%s", err)
			case at < last:
				r.fail(v, field, "%s is before %s, %s", s.written, before, last)
			case at > t.start.Add(spanMax):
				r.fail(v, field, "%s: expected at most 366d after the start, %s", s.written, t.start)
			default:
				s.at = at
			}
		}},
		does("clear", func(v *yaml.Node, field string) {
			if v.Kind == yaml.ScalarNode && v.Value == "all" {
				s.clearAll = true
				return
			}
			r.list(AlertsMax, func(v *yaml.Node, field string) { s.clear = append(s.clear, r.pattern(v, field)) })(v, field)
		}),
		does("fire", r.list(AlertsMax, func(v *yaml.Node, field string) { s.fire = append(s.fire, r.alert(v, field)) })),
		does("act", r.list(AlertsMax, func(v *yaml.Node, field string) { s.acts = append(s.acts, r.act(v, field)) })),
		does("change", r.list(AlertsMax, func(v *yaml.Node, field string) { s.changes = append(s.changes, r.change(v, field)) })),
		does("maintenance", r.list(AlertsMax, func(v *yaml.Node, field string) {
			s.windows = append(s.windows, r.window(v, field))
		})),
		does("want", func(v *yaml.Node, field string) { s.want = r.want(v, field) }),
	)
	if v.Kind != yaml.MappingNode {
		return s
	}
	if s.written == "" {
		r.fail(v, join(field, "at"), "missing: say when, such as at: 5m")
	}
	if len(s.order) == 0 {
		r.fail(v, field, "does nothing: expected clear, fire, act, change, maintenance or want")
	}
	return s
}

func moment(start itsm.Time, s string) (itsm.Time, error) {
	if t, err := itsm.ParseTime(s); err == nil {
		return t, nil
	}
	d, err := span(s)
	return start.Add(d), err
}
