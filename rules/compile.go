package rules

import (
	"cmp"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"cel.dev/cel-go/cel"
)

// compiled is a rule ready to run.
type compiled struct {
	*Rule
	at      int32 // its place in the order of the set
	when    *condition
	extract []extraction
	lookup  []lookup
	set     []setter
	bind    []*template
	by      *condition   // of Suppress.InhibitedBy
	groupBy []*condition // of Correlate
	count   *condition   // of Correlate.Distinct
	second  *condition   // of Correlate.Then or Absent
	title   *template
	group   *template
	runbook *template
	labels  []setter
	sign    *template
}

type setter struct {
	field string
	value *template
}

type lookup struct {
	table *Table
	match []*template
	index map[string]int
	set   []string // fields
	from  []int    // columns
}

// Known names what rules may speak of. What is nil is not checked.
type Known struct {
	Sources    []string
	Connectors []string
}

// Compile checks a rule set and makes it ready to run. With blocking problems the
// Set is nil. A name of a source or connector that is not among those known is a
// warning: the rules of an organisation may be ahead of its servers.
func Compile(files []File, known ...Known) (*Set, []Problem) {
	c := &compiler{ps: &problems{}, ids: map[string]*Rule{}, tables: map[string]*Table{}}
	lang, err := newLanguage()
	if err != nil {
		return nil, []Problem{{Msg: err.Error()}}
	}
	c.lang = lang
	c.read(files)
	for _, k := range known {
		c.checkNames(k)
	}
	set := &Set{files: slices.Clone(files), lang: lang}
	for s := Normalise; s < stages; s++ {
		for _, r := range c.rules {
			if r.Stage == s {
				set.rules = append(set.rules, c.compile(r, int32(len(set.rules))))
				set.counts[s]++
			}
		}
	}
	ps := c.ps.all()
	if Blocking(ps) {
		return nil, ps
	}
	set.index()
	return set, ps
}

type compiler struct {
	ps     *problems
	lang   *language
	rules  []*Rule // in the order of the files
	ids    map[string]*Rule
	tables map[string]*Table
}

func (c *compiler) read(files []File) {
	if len(files) > FilesMax {
		c.ps.add(Problem{File: files[FilesMax].Name, Msg: fmt.Sprintf("%d files: expected at most %d", len(files), FilesMax)})
		return
	}
	total, names := 0, map[string]bool{}
	for _, f := range files {
		if total += len(f.Body); len(f.Body) > FileBytesMax || total > SetBytesMax {
			c.ps.add(Problem{File: f.Name, Msg: fmt.Sprintf("too large: expected at most %d bytes a file and %d together", FileBytesMax, SetBytesMax)})
			return
		}
		if names[f.Name] {
			c.ps.add(Problem{File: f.Name, Msg: "given twice"})
			continue
		}
		names[f.Name] = true
		switch {
		case strings.HasSuffix(f.Name, ".csv"):
			c.table(f)
		case strings.HasSuffix(f.Name, ".yaml") || strings.HasSuffix(f.Name, ".yml"):
			c.file(f)
		default:
			c.ps.add(Problem{File: f.Name, Msg: "unknown kind of file: expected .yaml for rules or .csv for a table"})
		}
	}
}

func (c *compiler) table(f File) {
	t := parseTable(f, c.ps)
	switch {
	case t == nil:
	case c.tables[t.Name] != nil:
		c.ps.add(Problem{File: f.Name, Msg: fmt.Sprintf("table %s is given twice", quote(t.Name))})
	case len(c.tables) >= TablesMax:
		c.ps.add(Problem{File: f.Name, Msg: fmt.Sprintf("more than %d tables", TablesMax)})
	default:
		c.tables[t.Name] = t
	}
}

func (c *compiler) file(f File) {
	for _, r := range parseFile(f, c.ps) {
		if old := c.ids[r.ID]; old != nil && r.ID != "" {
			c.ps.add(Problem{File: f.Name, Line: r.Line, Rule: r.ID, Field: "id", Msg: fmt.Sprintf("is used already, in %s line %d", old.File, old.Line)})
			continue
		}
		if len(c.rules) >= RulesMax {
			c.ps.add(Problem{File: f.Name, Line: r.Line, Rule: r.ID, Msg: fmt.Sprintf("more than %d rules", RulesMax)})
			return
		}
		c.ids[r.ID] = r
		c.rules = append(c.rules, r)
	}
}

// fail notes what is wrong with a field, at the line where it stands.
func (c *compiler) fail(r *Rule, field string, err error) {
	p := placeOf(r.places, field)
	line := p.line
	var in inText
	if errors.As(err, &in) && p.text > 0 {
		line = p.text + in.line - 1
	}
	if line == 0 {
		line = r.Line
	}
	c.ps.add(Problem{File: r.File, Line: line, Rule: r.ID, Field: field, Msg: err.Error()})
}

// warn notes what probably is not meant.
func (c *compiler) warn(r *Rule, field, format string, args ...any) {
	c.ps.add(Problem{File: r.File, Line: max(placeOf(r.places, field).line, r.Line), Rule: r.ID, Field: field, Msg: fmt.Sprintf(format, args...), Warning: true})
}

// checkNames warns of sources and connectors that nobody configured.
func (c *compiler) checkNames(k Known) {
	for _, r := range c.rules {
		if k.Sources != nil {
			c.checkList(r, "sources", r.Sources, k.Sources, "source")
		}
		if k.Connectors != nil && r.Route != nil {
			c.checkList(r, "route.to", r.Route.To, k.Connectors, "connector")
		}
	}
}

func (c *compiler) checkList(r *Rule, field string, names, known []string, what string) {
	for _, n := range names {
		if !slices.Contains(known, n) {
			c.warn(r, field, "no %s %s is configured; there is %s", what, quote(n), cmp.Or(strings.Join(known, ", "), "none"))
		}
	}
}

// condition compiles an expression of a rule; "" is none.
func (c *compiler) condition(r *Rule, s Stage, field, text string, want *cel.Type) *condition {
	if text == "" {
		return nil
	}
	out, err := c.lang.compile(s, text, want)
	if err != nil {
		c.fail(r, field, err)
	}
	return out
}

func (c *compiler) template(r *Rule, field, text string) *template {
	if text == "" {
		return nil
	}
	out, err := c.lang.template(r.Stage, text)
	if err != nil {
		c.fail(r, field, err)
	}
	if bare := strings.TrimSpace(text); isField(bare) {
		c.warn(r, field, "%s is taken as it stands; did you mean ${%s}?", quote(bare), bare)
	}
	return out
}

func (c *compiler) setters(r *Rule, field string, as []Assign) []setter {
	out := make([]setter, len(as))
	for i, a := range as {
		out[i] = setter{a.Field, c.template(r, join(field, a.Field), a.Value)}
		if out[i].value == nil {
			out[i].value = &template{} // set to nothing: the field is emptied
		}
	}
	return out
}

func (c *compiler) compile(r *Rule, at int32) *compiled {
	out := &compiled{Rule: r, at: at, when: c.condition(r, r.Stage, "when", r.When, cel.BoolType)}
	switch r.Stage {
	case Normalise:
		c.normalise(r, out)
	case Bind:
		for i, t := range r.Bind.CI {
			out.bind = append(out.bind, c.template(r, fmt.Sprintf("bind.ci[%d]", i), t))
		}
	case Suppress:
		if in := r.Suppress.InhibitedBy; in != nil {
			out.by = c.condition(r, r.Stage, "suppress.inhibited_by.when", in.When, cel.BoolType)
		}
	case Correlate:
		c.correlate(r, out)
	case Incident:
		in := r.Incident
		out.title, out.group, out.runbook = c.template(r, "incident.title", in.Title), c.template(r, "incident.group", in.Group), c.template(r, "incident.runbook", in.Runbook)
		out.labels = c.setters(r, "incident.labels", in.Labels)
	case ProblemStage:
		out.sign = c.template(r, "problem.signature", r.Problem.Signature)
	}
	return out
}

func (c *compiler) normalise(r *Rule, out *compiled) {
	for i, x := range r.Normalise.Extract {
		field := fmt.Sprintf("normalise.extract[%d]", i)
		re, err := pattern(x)
		if err != nil {
			c.fail(r, field, err)
			continue
		}
		out.extract = append(out.extract, extraction{re, weightOf(x.Pattern)})
	}
	for i, l := range r.Normalise.Lookup {
		out.lookup = append(out.lookup, c.lookup(r, fmt.Sprintf("normalise.lookup[%d]", i), l))
	}
	out.set = c.setters(r, "normalise.set", r.Normalise.Set)
}

// patternMax bounds the compiled size of a regular expression: RE2 is linear in
// the text, and this bounds the factor.
const patternMax = 1000

func pattern(x Extract) (*regexp.Regexp, error) {
	if x.From != "title" && !strings.HasPrefix(x.From, "labels.") && !strings.HasPrefix(x.From, "annotations.") {
		return nil, fmt.Errorf("from: %s: expected title, labels.NAME or annotations.NAME", quote(x.From))
	}
	if len(x.Pattern) > TextMax {
		return nil, fmt.Errorf("pattern: %d bytes: expected at most %d", len(x.Pattern), TextMax)
	}
	re, err := regexp.Compile(x.Pattern)
	if err != nil {
		return nil, fmt.Errorf("pattern: %s: %v", quote(x.Pattern), err)
	}
	if steps, ok := stepsOf(x.Pattern); !ok || steps > patternMax {
		return nil, fmt.Errorf("pattern: %s: too large; expected at most %d steps", quote(x.Pattern), patternMax)
	}
	named := 0
	for _, n := range re.SubexpNames() {
		if n != "" {
			named++
		}
	}
	if named == 0 {
		return nil, fmt.Errorf("pattern: %s: has no named group; write (?P<label>…) for each label to set", quote(x.Pattern))
	}
	return re, nil
}

func (c *compiler) lookup(r *Rule, field string, l Lookup) lookup {
	out := lookup{table: c.tables[l.Table]}
	if out.table == nil {
		c.fail(r, field+".table", fmt.Errorf("there is no table %s: add the file %s.csv to the rule set", quote(l.Table), l.Table))
		return out
	}
	column := func(part, name string) int {
		i := slices.Index(out.table.Columns, name)
		if i < 0 {
			c.fail(r, join(field, part), fmt.Errorf("table %s has no column %s; it has %s", l.Table, quote(name), strings.Join(out.table.Columns, ", ")))
		}
		return i
	}
	var by []int
	for _, m := range l.Match {
		by = append(by, column("match", m.Field))
		out.match = append(out.match, c.template(r, join(field, "match."+m.Field), m.Value))
	}
	for _, s := range l.Set {
		out.set = append(out.set, s.Field)
		out.from = append(out.from, column("set", s.Value))
	}
	if !slices.Contains(by, -1) {
		out.index = out.table.index(by)
	}
	return out
}

func (c *compiler) correlate(r *Rule, out *compiled) {
	k := r.Correlate
	for i, g := range k.GroupBy {
		out.groupBy = append(out.groupBy, c.condition(r, r.Stage, fmt.Sprintf("correlate.group_by[%d]", i), g, nil))
	}
	out.count = c.condition(r, r.Stage, "correlate.distinct", k.Distinct, nil)
	out.second = c.condition(r, r.Stage, "correlate.then", k.Then, cel.BoolType)
	if k.Absent != "" {
		out.second = c.condition(r, r.Stage, "correlate.absent", k.Absent, cel.BoolType)
	}
}
