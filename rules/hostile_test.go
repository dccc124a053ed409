package rules

import (
	"fmt"
	"runtime"
	"strings"
	"testing"

	"signalbox/itsm"
)

// hostile are conditions that mean harm. refused: the compiler has to say no;
// otherwise they may run, within bounds.
var hostile = []struct {
	name, text string
	refused    bool
}{
	{"three loops", "labels.all(a, labels.all(b, labels.all(c, labels[a] == labels[b] || c == a)))", true},
	{"four loops", "labels.exists(a, labels.exists(b, labels.exists(c, labels.exists(d, a + b + c == d))))", true},
	{"two loops", "labels.all(a, labels.all(b, labels[a] == labels[b]))", true},
	{"a loop over a list of lists", "[[1,2,3],[4,5,6]].all(a, a.all(b, [[1],[2]].all(c, c.all(d, d < b))))", false},
	{"loops over services", "ci.services.all(a, ci.services.all(b, ci.services.all(c, a == b || b == c)))", true},
	{"map of map", "labels.map(a, labels.map(b, labels.map(c, a + b + c))).size() > 0", true},
	{"growing lists", "labels.map(a, labels.map(b, title + annotations.x)).size() > 0", true},
	{"text doubling", "(((title+title)+(title+title))+((title+title)+(title+title))).contains('x')", false},
	{"text doubling in a loop", "labels.all(a, labels.all(b, (annotations.x + annotations.x + annotations.x).contains(a + b)))", true},
	{"replace everything", "title.replace('', title).replace('', title).size() > 0", true},
	{"join", "labels.map(a, title).join(annotations.x).size() > 0", true},
	{"split", "annotations.x.split('').size() > 0", true},
	{"format", "'%1000000000d'.format([1]) == ''", true},
	{"reverse", "annotations.x.reverse() == title", true},
	{"quote", "strings.quote(annotations.x) == title", true},
	{"substring", "annotations.x.substring(1000000000) == ''", false},
	{"substring before the beginning", "title.substring(-1) == ''", false},
	{"charAt far off", "title.charAt(9223372036854775807) == ''", false},
	{"many characters", "annotations.x.lowerAscii().upperAscii().trim().lowerAscii() == title", false},
	{"a large repetition", "title.matches('(a{1000}){1000}')", true},
	{"repetitions within", "title.matches('((((a{30}){30}){30}){30})')", true},
	{"the classic", "title.matches('(a+)+$')", false},
	{"alternatives", "annotations.x.matches('(a|aa|aaa|aaaa)*b')", false},
	{"a pattern of the alert", "title.matches(annotations.x)", true},
	{"a pattern put together", "title.matches('(' + title + ')*')", true},
	{"a broken pattern", "title.matches('(?P<')", true},
	{"many classes", "title.matches('" + strings.Repeat(`[\\pL\\pN]`, 400) + "')", false},
	{"a long list", "labels.x in [" + strings.Repeat("'aaaa',", 580) + "'b']", false},
	{"a longer list", "labels.x in [" + strings.Repeat("'aaaa',", 5800) + "'b']", true},
	{"a list in a loop", "labels.all(a, labels.all(b, a in [" + strings.Repeat("'a',", 500) + "b]))", true},
	{"deep parentheses", strings.Repeat("(", 2000) + "true" + strings.Repeat(")", 2000), true},
	{"deep lists", strings.Repeat("[", 1500) + "1" + strings.Repeat("]", 1500) + ".size() > 0", true},
	{"deep not", strings.Repeat("!", 4000) + "true", false},
	{"deep minus", strings.Repeat("-", 4000) + "1 == 1", false},
	{"deep conditional", strings.Repeat("true ? ", 500) + "true" + strings.Repeat(" : false", 500), true},
	{"deep fields", "labels" + strings.Repeat(".a", 1500) + " == ''", true},
	{"deep indexes", "labels" + strings.Repeat("['a']", 700) + " == ''", true},
	{"many ands", strings.Repeat("no_data && ", 360) + "no_data", false},
	{"many ors", strings.Repeat("no_data || ", 360) + "no_data", false},
	{"many calls", "title" + strings.Repeat(".trim()", 550) + " == ''", true},
	{"a giant number", strings.Repeat("9", 4000) + " > 1", true},
	{"more than 64 bits", "9223372036854775808 > 1", true},
	{"overflow", "9223372036854775807 + int(labels.x) > 1", false},
	{"division by zero", "1 / 0 > 1", false},
	{"division by a label", "1 / int(labels.zero) > 1", false},
	{"the least number", "-9223372036854775808 / -1 > 0", false},
	{"a giant float", "1e999 > 1.0", true},
	{"a long duration", "duration('99999999999h') > duration('1h')", true},
	{"a wrong time", "timestamp(title) > now", false},
	{"the last time", "now + duration('2540400h') > now", false},
	{"bytes", "b'\\xff\\xfe' == bytes(title)", true},
	{"a zero byte", "title == '\\000'", false},
	{"half a surrogate", `title == '\ud800'`, true},
	{"an emoji", `title == '\U0001F600'`, false},
	{"beyond unicode", `title == '\U00110000'`, true},
	{"invalid UTF-8", "title == '\xff'", false},
	{"many stars", "glob(annotations.x, '" + strings.Repeat("*a", 1000) + "b')", true},
	{"stars of the alert", "glob(annotations.x, annotations.x)", true},
	{"some stars", "glob(title, '*a*a*a*a*b')", false},
	{"types", "type(type(type(title))) == type", true},
	{"dyn", "dyn(title) == 1", true},
	{"a proto message", "google.protobuf.Struct{fields: {'a': title}} == null", true},
	{"an any", "google.protobuf.Any{} == null", true},
	{"optional", "labels.?x.orValue('') == ''", true},
	{"a binding", "cel.bind(x, title + title, x + x) == ''", true},
	{"a backtick", "labels.`a-b` == ''", false},
	{"comments", "true // " + strings.Repeat("x", 3000), false},
	{"only comments", "// " + strings.Repeat("x", 3000), true},
	{"an open text", "title == '" + strings.Repeat("x", 3000), true},
	{"three quotes", `title == """` + strings.Repeat("x", 3000), true},
	{"blanks", strings.Repeat(" ", 4000) + "true", false},
	{"line breaks", strings.Repeat("\n", 4000) + "true", false},
	{"nothing but operators", strings.Repeat("&&", 2000), true},
	{"every character", func() string {
		var b strings.Builder
		for c := range 256 {
			b.WriteByte(byte(c))
		}
		return b.String()
	}(), true},
}

// largest is the largest alert that the door accepts, and more.
func largest() *Facts {
	long := strings.Repeat("a", labelMax)
	e := &itsm.Event{Source: "am", Status: itsm.Firing, Severity: itsm.Warning, SeverityWord: long, Title: long, Identity: long, CIName: long}
	for i := range labelsMax {
		e.Labels = append(e.Labels, itsm.Label{Name: fmt.Sprintf("l%02d", i), Value: long})
		e.Annotations = append(e.Annotations, itsm.Label{Name: fmt.Sprintf("a%02d", i), Value: long})
	}
	e.Annotations = append(e.Annotations, itsm.Label{Name: "x", Value: strings.Repeat("a", annotationMax)})
	ids := make([]string, idsMax)
	for i := range ids {
		ids[i] = long
	}
	return &Facts{Event: e, CI: CI{ID: long, Services: ids, Attributes: e.Labels}, Incident: &IncidentFacts{CIs: ids, Services: ids, Labels: e.Labels}}
}

// allocated is what do takes from the heap.
func allocated(do func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	do()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

const (
	compileBytesMax = 64 << 20 // the language itself is some MB
	runBytesMax     = 16 << 20
)

func TestHostileConditions(t *testing.T) {
	f := largest()
	for _, h := range hostile {
		t.Run(h.name, func(t *testing.T) {
			lang, err := newLanguage()
			if err != nil {
				t.Fatal(err)
			}
			var c *condition
			if n := allocated(func() { c, err = lang.compile(Route, h.text, nil) }); n > compileBytesMax {
				t.Errorf("compiling took %d bytes", n)
			}
			if (err != nil) != h.refused {
				t.Fatalf("refused: %v, want %v", err, h.refused)
			}
			if err != nil {
				if len(err.Error()) > 1000 {
					t.Errorf("an error of %d bytes", len(err.Error()))
				}
				return
			}
			v := &view{}
			v.reset(f)
			if n := allocated(func() { _, _ = c.value(v) }); n > runBytesMax {
				t.Errorf("running took %d bytes", n)
			}
		})
	}
}

// TestCostStops runs a condition that the estimate let pass and whose values are
// larger than the door lets through: the limit while it runs has to stop it.
func TestCostStops(t *testing.T) {
	lang, err := newLanguage()
	if err != nil {
		t.Fatal(err)
	}
	c, err := lang.compile(Route, "labels.all(a, labels.all(b, size(b) > 0))", nil)
	if err != nil {
		t.Fatal(err)
	}
	f := largest()
	for i := range 2000 {
		f.Event.Labels = append(f.Event.Labels, itsm.Label{Name: fmt.Sprintf("more%04d", i), Value: "x"})
	}
	v := &view{}
	v.reset(f)
	if _, err := c.value(v); err != errCost {
		t.Errorf("got %v, want %v", err, errCost)
	}
}

func TestHostileFiles(t *testing.T) {
	rule := func(rest string) string { return "id: a\nabout: x\n" + rest }
	many := func(n int, each string) string { return strings.Repeat(each, n) }
	for name, files := range map[string][]File{
		"laughs":               {{"x.yaml", "a: &a [x,x]\nb: &b [*a,*a]\nc: &c [*b,*b]\nd: [*c,*c]"}},
		"an alias of itself":   {{"x.yaml", "id: &a [*a]"}},
		"a merge":              {{"x.yaml", "<<: {id: a}\nabout: x"}},
		"a binary":             {{"x.yaml", rule("when: !!binary aGVsbG8=\nroute: none")}},
		"a tag":                {{"x.yaml", rule("route: !!python/object:os.system x")}},
		"a set":                {{"x.yaml", rule("sources: !!set {a, b}\nroute: none")}},
		"many names":           {{"x.yaml", rule("sources: [" + many(3000, "a,") + "]\nroute: none")}},
		"many keys":            {{"x.yaml", rule("normalise: {set: {" + many(3000, "labels.x: a,") + "}}")}},
		"a long key":           {{"x.yaml", rule(many(50000, "k") + ": x")}},
		"a key of keys":        {{"x.yaml", rule("? {a: b}\n: c\nroute: none")}},
		"a zone of the disk":   {{"x.yaml", rule("hours: {zone: ../../../../etc/passwd}\nroute: none")}},
		"a pattern that grows": {{"x.yaml", rule("normalise: {extract: [{from: title, pattern: '(?P<a>(x{100}){10})'}]}")}},
		"a pattern of parens":  {{"x.yaml", rule("normalise: {extract: [{from: title, pattern: '" + many(500, "(") + many(500, ")") + "'}]}")}},
		"a template of open":   {{"x.yaml", rule("incident: {title: '" + many(2000, "${") + "'}")}},
		"a template of texts":  {{"x.yaml", rule("incident: {title: '" + many(1000, `${"`) + "'}")}},
		"a giant count":        {{"x.yaml", rule("correlate: {group_by: labels.x, window: 1m, count: " + many(1000, "9") + "}")}},
		"a giant ratio":        {{"x.yaml", rule("correlate: {group_by: labels.x, window: 1m, ratio: " + many(1000, "9") + "}")}},
		"a giant duration":     {{"x.yaml", rule("suppress: {hold: " + many(1000, "9") + "h}")}},
		"a negative duration":  {{"x.yaml", rule("suppress: {hold: -5m}")}},
		"a giant date":         {{"x.yaml", rule("from: 99999-01-01T00:00:00Z\nroute: none")}},
		"wide columns":         {{"t.csv", many(2000, "a,") + "\n"}},
		"open quotes":          {{"t.csv", "a\n\"" + many(1<<20, "x")}},
		"no columns":           {{"t.csv", ""}},
		"uneven rows":          {{"t.csv", "a,b\n1\n"}},
		"no name":              {{"", "x"}},
		"another kind":         {{"x.json", "{}"}},
		"one name twice":       {{"x.yaml", rule("route: none")}, {"x.yaml", rule("route: none")}},
		"one table twice":      {{"a/t.csv", "a\n1\n"}, {"b/t.csv", "a\n1\n"}},
		"too many files":       make([]File, FilesMax+1),
	} {
		t.Run(name, func(t *testing.T) {
			var s *Set
			var ps []Problem
			if n := allocated(func() { s, ps = Compile(files) }); n > compileBytesMax {
				t.Errorf("compiling took %d bytes", n)
			}
			if s != nil || len(ps) == 0 || len(ps) > ProblemsMax+1 {
				t.Errorf("got %d problems, want a refusal", len(ps))
			}
			for _, p := range ps {
				if len(p.String()) > 2000 {
					t.Errorf("a problem of %d bytes", len(p.String()))
				}
			}
		})
	}
}

// TestHostileTemplates runs what compiles; the result stays within its bound.
func TestHostileTemplates(t *testing.T) {
	lang, err := newLanguage()
	if err != nil {
		t.Fatal(err)
	}
	v := &view{}
	v.reset(largest())
	for _, text := range []string{
		strings.Repeat("${title}", 500), strings.Repeat("$${", 1300), strings.Repeat("${annotations.x}", 200),
		"${'}'}${\"${\"}", "${labels.map(a, a).size()}", "${now}${starts_at}", "${no_data}", "${1.0/3.0}", "${-1}", "${duration('1h')}", "$", "${'é'}" + strings.Repeat("é", 1000),
	} {
		c, err := lang.template(Route, text)
		if err != nil {
			t.Errorf("%.40s: %v", text, err)
			continue
		}
		var out string
		if n := allocated(func() { out, err = c.text(v) }); n > runBytesMax || err != nil || len(out) > TemplateResult {
			t.Errorf("%.40s: %v, %d bytes from %d", text, err, len(out), n)
		}
	}
}
