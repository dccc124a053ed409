package rules

import (
	"regexp"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"signalbox/itsm"
)

// File is one file of a rule set as a person wrote it: NAME.yaml holds rules, one
// a document, NAME.csv a table.
type File struct {
	Name string `json:"name"`
	Body string `json:"body"`
}

var idForm = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]{0,63}$`)

// parseFile reads the rules of one YAML file.
func parseFile(f File, ps *problems) []*Rule {
	if line := invalidText(f.Body); line > 0 {
		ps.add(Problem{File: f.Name, Line: line, Msg: "not UTF-8: save the file as UTF-8"})
		return nil
	}
	var out []*Rule
	for _, d := range documents(f.Body) {
		r := &reader{file: f.Name, ps: ps}
		n, err := d.decode()
		switch {
		case err != nil:
			line, msg := d.explainYAML(err)
			ps.add(Problem{File: f.Name, Line: line, Msg: msg})
		case n == nil: // only comments between two ---
		case aliased(n):
			r.fail(n.Content[0], "", "uses YAML anchors; write each rule out, it is what people read")
		case len(out) >= RulesMax:
			r.fail(n.Content[0], "", "the file has more than %d rules", RulesMax)
			return out
		default:
			out = append(out, r.readRule(n.Content[0]))
		}
	}
	return out
}

var yamlLine = regexp.MustCompile(`line (\d+)`)

func lineOf(err error) int {
	n := 0
	if m := yamlLine.FindStringSubmatch(err.Error()); m != nil {
		for _, c := range m[1] {
			if n = n*10 + int(c-'0'); n > 1<<30 {
				return 0
			}
		}
	}
	return n
}

func aliased(n *yaml.Node) bool {
	if n.Kind == yaml.AliasNode || n.Anchor != "" {
		return true
	}
	for _, c := range n.Content {
		if aliased(c) {
			return true
		}
	}
	return false
}

func (r *reader) readRule(n *yaml.Node) *Rule {
	out := &Rule{Enabled: true, File: r.file, Line: n.Line}
	out.places = map[string]place{}
	r.places = out.places
	if n.Kind == yaml.SequenceNode {
		r.fail(n, "", "a list: expected one rule a document; put a line --- between two rules and take the leading dashes away")
		return out
	}
	if n.Kind == yaml.MappingNode { // the id first, so that every problem can name the rule
		for i := 0; i+1 < len(n.Content); i += 2 {
			if n.Content[i].Value == "id" {
				r.rule = clipText(n.Content[i+1].Value)
			}
		}
	}
	stage := func(s Stage, read func(*yaml.Node, string)) key {
		return key{s.String(), func(v *yaml.Node, field string) {
			if out.Stage != 0 {
				r.fail(v, field, "the rule is of stage %s already; one rule has one stage, make two rules", out.Stage)
				return
			}
			out.Stage = s
			read(v, field)
		}}
	}
	ok := r.object(n, "",
		key{"id", func(v *yaml.Node, field string) {
			if r.line(&out.ID)(v, field); v.Kind == yaml.ScalarNode && !idForm.MatchString(out.ID) {
				r.fail(v, field, "%s: expected 1 to 64 of a-z, 0-9, dot, dash and underscore, the first a letter or digit", quote(out.ID))
			}
		}},
		key{"about", r.about(&out.About)},
		key{"owner", r.line(&out.Owner)},
		key{"enabled", r.flag(&out.Enabled)},
		key{"mode", r.word(func(i int) { out.Shadow = i == 1 }, "live", "shadow")},
		key{"from", r.time(&out.From)},
		key{"until", r.time(&out.Until)},
		key{"hours", r.hours(&out.Hours)},
		key{"sources", r.texts(&out.Sources)},
		key{"when", r.expression(&out.When)},
		stage(Normalise, func(v *yaml.Node, f string) { out.Normalise = r.normalise(v, f) }),
		stage(Bind, func(v *yaml.Node, f string) { out.Bind = r.bind(v, f) }),
		stage(Suppress, func(v *yaml.Node, f string) { out.Suppress = r.suppress(v, f) }),
		stage(Correlate, func(v *yaml.Node, f string) { out.Correlate = r.correlate(v, f) }),
		stage(Incident, func(v *yaml.Node, f string) { out.Incident = r.incident(v, f) }),
		stage(ProblemStage, func(v *yaml.Node, f string) { out.Problem = r.problem(v, f) }),
		stage(Route, func(v *yaml.Node, f string) { out.Route = r.route(v, f) }),
	)
	if n.Kind != yaml.MappingNode {
		return out
	}
	if _, given := r.places["id"]; !given {
		r.fail(n, "id", "missing: every rule needs an id, such as id: k8s-namespace")
	}
	if _, given := r.places["about"]; !given {
		r.fail(n, "about", "missing: say in one line what the rule is for")
	}
	if ok && out.Stage == 0 {
		r.fail(n, "", "does nothing: expected one of normalise, bind, suppress, correlate, incident, problem or route")
	}
	if out.From != 0 && out.Until != 0 && out.Until <= out.From {
		r.failAt("until", "%s is not after from, %s", out.Until, out.From)
	}
	return out
}

func clipText(s string) string {
	if len(s) > 64 {
		return s[:64]
	}
	return s
}

func (r *reader) time(to *itsm.Time) func(*yaml.Node, string) {
	return func(v *yaml.Node, field string) {
		t, err := time.Parse(time.RFC3339, v.Value)
		if v.Kind != yaml.ScalarNode || err != nil || t.Year() < 2000 || t.Year() > 9999 {
			r.fail(v, field, "%s: expected a time such as 2026-11-27T08:00:00+01:00", shown(v))
			return
		}
		*to = itsm.TimeOf(t)
	}
}

var dayWords = [7]string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}

// hours reads {days: [mon-fri], from: "08:00", to: "18:00", zone: Europe/Berlin}.
func (r *reader) hours(to **Hours) func(*yaml.Node, string) {
	return func(v *yaml.Node, field string) {
		h := &Hours{Zone: "UTC", To: 24 * 60}
		var days []string
		r.object(v, field,
			key{"days", r.texts(&days)},
			key{"from", r.clock(&h.From)},
			key{"to", r.clock(&h.To)},
			key{"zone", r.line(&h.Zone)},
		)
		for _, d := range days {
			if !h.addDays(d) {
				r.failAt(field+".days", "%s: expected days such as mon, mon-fri or sat", quote(d))
			}
		}
		if len(days) == 0 {
			h.Days = [7]bool{true, true, true, true, true, true, true}
		}
		loc, err := time.LoadLocation(h.Zone)
		if err != nil || h.Zone == "Local" || h.Zone == "" {
			r.failAt(field+".zone", "%s: expected a time zone of the IANA database such as Europe/Berlin, or UTC", quote(h.Zone))
			return
		}
		h.loc = loc
		*to = h
	}
}

func (h *Hours) addDays(word string) bool {
	day := func(w string) int {
		for i, d := range dayWords {
			if d == w {
				return i
			}
		}
		return -1
	}
	from, to, isRange := strings.Cut(strings.ToLower(word), "-")
	a := day(from)
	b := a
	if isRange {
		b = day(to)
	}
	if a < 0 || b < 0 {
		return false
	}
	for d := a; ; d = (d + 1) % 7 {
		h.Days[d] = true
		if d == b {
			return true
		}
	}
}

// clock reads minutes after midnight. YAML 1.1 readers take 08:00 for a number in
// base sixty, this one does not.
func (r *reader) clock(to *int) func(*yaml.Node, string) {
	return func(v *yaml.Node, field string) {
		h, m, ok := strings.Cut(v.Value, ":")
		if ok && len(h) == 2 && len(m) == 2 && digits(h) && digits(m) {
			n := (int(h[0]-'0')*10+int(h[1]-'0'))*60 + int(m[0]-'0')*10 + int(m[1]-'0')
			if m < "60" && n <= 24*60 {
				*to = n
				return
			}
		}
		r.fail(v, field, "%s: expected a time of day from 00:00 to 24:00", shown(v))
	}
}

func digits(s string) bool {
	return strings.Trim(s, "0123456789") == ""
}
