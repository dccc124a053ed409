package rules

import (
	"strings"
	"testing"
)

// mistakes are what people write who are new to the language: each is answered
// with exactly one problem, at the line where it stands.
var mistakes = []struct {
	name, text string
	line       int
	want       string
}{
	{"one =", "id: a\nabout: x\nwhen: labels.x = 'a'\nbind: {ci: x}", 3, "= compares nothing: write =="},
	{"and", "id: a\nabout: x\nwhen: labels.x == 'a' and labels.y == 'b'\nbind: {ci: x}", 3, "write && for and"},
	{"not in", "id: a\nabout: x\nwhen: labels.x not in ['a']\nbind: {ci: x}", 3, "words do not join conditions"},
	{"=~", "id: a\nabout: x\nwhen: labels.x =~ 'a.*'\nbind: {ci: x}", 3, "labels.NAME.matches("},
	{"braces in a condition", "id: a\nabout: x\nwhen: ${labels.x} == 'a'\nbind: {ci: x}", 3, "without ${ and }"},
	{"two braces", "id: a\nabout: x\nwhen: \"{{ labels.x }} == 'a'\"\nbind: {ci: x}", 3, "write labels.NAME"},
	{"a dollar", "id: a\nabout: x\nwhen: $labels.x == 'a'\nbind: {ci: x}", 3, "$ is unknown"},
	{"a dash in a label", "id: a\nabout: x\nwhen: labels.kube-app == 'a'\nbind: {ci: x}", 3, `labels["NAME"]`},
	{"a path in a label", "id: a\nabout: x\nwhen: labels.app.kubernetes.io/name == 'a'\nbind: {ci: x}", 3, `labels["NAME"]`},
	{"a bare label", "id: a\nabout: x\nwhen: namespace == 'x'\nbind: {ci: x}", 3, "a label is written labels.namespace"},
	{"a text without quotes", "id: a\nabout: x\nwhen: labels.env == prod\nbind: {ci: x}", 3, `a text "prod"`},
	{"a number", "id: a\nabout: x\nwhen: labels.x == 1\nbind: {ci: x}", 3, "put the number in quotes"},
	{"a label as a number", "id: a\nabout: x\nwhen: labels.replicas > 3\nbind: {ci: x}", 3, "int(labels.NAME) > 3"},
	{"a variable misspelt", "id: a\nabout: x\nwhen: severty == 'x'\nbind: {ci: x}", 3, "did you mean severity?"},
	{"a severity misspelt", "id: a\nabout: x\nwhen: severity == 'critcal'\nbind: {ci: x}", 3, `severity is never "critcal"`},
	{"a severity of others", "id: a\nabout: x\nwhen: severity in ['critical', 'page']\nbind: {ci: x}", 3, `severity is never "page"`},
	{"severities in order", "id: a\nabout: x\nwhen: severity >= 'major'\nbind: {ci: x}", 3, "write at_least(severity"},
	{"at_least of nothing", "id: a\nabout: x\nwhen: at_least(severity, 'high')\nbind: {ci: x}", 3, `at_least: "high": expected critical`},
	{"a status", "id: a\nabout: x\nwhen: status == 'fired'\nbind: {ci: x}", 3, `status is never "fired"`},
	{"a function of others", "id: a\nabout: x\nwhen: lower(labels.x) == 'a'\nbind: {ci: x}", 3, "there is no function lower"},
	{"a function that grows", "id: a\nabout: x\nwhen: title.replace('a', 'b') == 'a'\nbind: {ci: x}", 3, "there is no function replace"},
	{"a pattern from an alert", "id: a\nabout: x\nwhen: title.matches(labels.x)\nbind: {ci: x}", 3, "not one from an alert"},
	{"a broken pattern", "id: a\nabout: x\nwhen: title.matches('(')\nbind: {ci: x}", 3, "missing closing )"},
	{"too early", "id: a\nabout: x\nwhen: ci.class == 'Host'\nbind: {ci: x}", 3, "only from stage suppress on"},
	{"not a condition", "id: a\nabout: x\nwhen: title\nbind: {ci: x}", 3, "comes to a text: expected true or false"},
	{"a list of conditions", "id: a\nabout: x\nwhen: ['true', 'false']\nbind: {ci: x}", 3, "a list: expected a text"},
	{"an exclamation mark", "id: a\nabout: x\nwhen: !has(labels.x)\nbind: {ci: x}", 3, "put the text in quotes"},
	{"an empty condition", "id: a\nabout: x\nwhen: ''\nbind: {ci: x}", 3, "leave the key out"},
	{"cut at a #", "id: a\nabout: x\nwhen: labels.x == \"a #1\"\nbind: {ci: x}", 3, "cut it at a #"},
	{"in the second line", "id: a\nabout: x\nwhen: |\n  labels.x == 'a' &&\n  lables.y == 'b'\nbind: {ci: x}", 5, "column 1: there is no lables"},
	{"a colon", "id: a\nabout: x: y\nbind: {ci: x}", 2, "single quotes"},
	{"a tab", "id: a\nabout: x\nbind:\n\tci: x", 4, "YAML takes no tabs"},
	{"a key misspelt", "id: a\nabout: x\nwen: 'true'\nbind: {ci: x}", 3, "did you mean when?"},
	{"a stage misspelt", "id: a\nabout: x\ncorelate: {group_by: labels.x}", 3, "did you mean correlate?"},
	{"a key twice", "id: a\nabout: x\nabout: y\nbind: {ci: x}", 3, "given twice; keep one"},
	{"no ---", "id: a\nabout: x\nbind: {ci: x}\nid: b\nabout: y\nbind: {ci: y}", 4, "begins after a line ---"},
	{"a list of rules", "- id: a\n  about: x\n  bind: {ci: x}", 1, "put a line --- between two rules"},
	{"an anchor", "id: a\nabout: &x x\nbind: {ci: *x}", 1, "uses YAML anchors"},
	{"a bad id", "id: A B\nabout: x\nbind: {ci: x}", 1, "expected 1 to 64 of a-z"},
	{"no id", "about: x\nbind: {ci: x}", 1, "every rule needs an id"},
	{"no about", "id: a\nbind: {ci: x}", 1, "say in one line"},
	{"an empty about", "id: a\nabout: ''\nbind: {ci: x}", 2, "say in one line"},
	{"nothing to do", "id: a\nabout: x", 1, "does nothing"},
	{"two stages", "id: a\nabout: x\nbind: {ci: x}\nroute: none", 4, "one rule has one stage"},
	{"an id twice", "id: a\nabout: x\nbind: {ci: x}\n---\nid: a\nabout: y\nbind: {ci: x}", 5, "is used already, in x.yaml line 1"},
	{"yes for true", "id: a\nabout: x\nenabled: yes\nbind: {ci: x}", 3, "expected true or false"},
	{"a mode", "id: a\nabout: x\nmode: test\nbind: {ci: x}", 3, `"test": expected live, shadow`},
	{"a day", "id: a\nabout: x\nfrom: tomorrow\nbind: {ci: x}", 3, "expected a time such as"},
	{"an end before the beginning", "id: a\nabout: x\nfrom: 2026-02-01T00:00:00Z\nuntil: 2026-01-01T00:00:00Z\nbind: {ci: x}", 4, "is not after from"},
	{"a weekday", "id: a\nabout: x\nhours:\n  days: [monday]\nbind: {ci: x}", 4, "expected days such as mon"},
	{"an hour", "id: a\nabout: x\nhours:\n  from: 8am\nbind: {ci: x}", 4, "expected a time of day"},
	{"a zone", "id: a\nabout: x\nhours:\n  zone: CEST\nbind: {ci: x}", 4, "such as Europe/Berlin"},
	{"no group", "id: a\nabout: x\ncorrelate: {count: 3, window: 5m}", 3, "expected group_by"},
	{"no window", "id: a\nabout: x\ncorrelate:\n  group_by: labels.x\n  count: 3", 3, "window: missing"},
	{"a window without unit", "id: a\nabout: x\ncorrelate:\n  group_by: labels.x\n  window: 10", 5, "such as 90s, 5m"},
	{"a count in words", "id: a\nabout: x\ncorrelate:\n  group_by: labels.x\n  window: 10m\n  count: three", 6, "expected a whole number"},
	{"a ratio of 50", "id: a\nabout: x\ncorrelate:\n  group_by: labels.x\n  window: 10m\n  ratio: 50", 6, "such as 0.5 or 50%"},
	{"a ratio of two dots", "id: a\nabout: x\ncorrelate:\n  group_by: labels.x\n  window: 10m\n  ratio: 0.5.5", 6, "such as 0.5 or 50%"},
	{"count and ratio", "id: a\nabout: x\ncorrelate: {group_by: labels.x, window: 10m, count: 3, ratio: 0.5}", 3, "make a rule for each"},
	{"then without within", "id: a\nabout: x\ncorrelate: {group_by: labels.x, then: 'true'}", 3, "together with then or absent"},
	{"a group misspelt", "id: a\nabout: x\ncorrelate:\n  group_by:\n    - labels.x\n    - namespace", 6, "a label is written labels.namespace"},
	{"a scope misspelt", "id: a\nabout: x\ncorrelate: {scope: service}", 3, "same_service"},
	{"an open template", "id: a\nabout: x\nincident:\n  title: '${labels.x'", 4, "a ${ has no }"},
	{"a template of nothing", "id: a\nabout: x\nincident:\n  title: 'Down: ${namespace}'", 4, "a label is written labels.namespace"},
	{"an impact", "id: a\nabout: x\nincident: {impact: huge}", 3, "expected high, medium, low"},
	{"hiding all", "id: a\nabout: x\nsuppress: {inhibited_by: {when: 'true'}}", 3, "hide every alert"},
	{"two ways to suppress", "id: a\nabout: x\nsuppress: [drop, mute]", 3, "expected drop, mute"},
	{"a wrong field", "id: a\nabout: x\nnormalise: {set: {namespace: x}}", 3, "expected labels.NAME"},
	{"a field twice", "id: a\nabout: x\nnormalise:\n  set:\n    labels.x: a\n    labels.x: b", 6, "given twice"},
	{"a pattern without a name", "id: a\nabout: x\nnormalise:\n  extract:\n    - {from: title, pattern: 'x(.*)'}", 5, "(?P<label>…)"},
	{"a severity that is none", "id: a\nabout: x\nnormalise: {severity: {page: high}}", 3, "expected critical, major"},
	{"no such table", "id: a\nabout: x\nnormalise: {lookup: [{table: t, match: {a: b}, set: {labels.x: c}}]}", 3, "add the file t.csv"},
	{"no such connector", "id: a\nabout: x\nroute: {to: []}", 3, "expected the names of connectors"},
	{"a signature", "id: a\nabout: x\nproblem: {incidents: 3, within: 30d}", 3, "signature: missing"},
	{"bytes that are no text", "id: a\nabout: \"\xff\"\nbind: {ci: x}", 2, "save the file as UTF-8"},
}

func TestMistakes(t *testing.T) {
	for _, m := range mistakes {
		_, ps := Compile([]File{{"x.yaml", m.text}})
		if len(ps) != 1 || ps[0].Warning || ps[0].Line != m.line || !strings.Contains(ps[0].String(), m.want) {
			t.Errorf("%s\n got %v\nwant one in line %d with %q", m.name, ps, m.line, m.want)
		}
	}
}

func TestWarnings(t *testing.T) {
	set, ps := Compile([]File{{"x.yaml", "id: a\nabout: x\nsources: [am, other]\nroute:\n  to: [pagerduty, slak]\n---\nid: b\nabout: x\nbind: {ci: labels.host}\n"}},
		Known{Sources: []string{"am"}, Connectors: []string{"pagerduty", "slack"}})
	var got []string
	for _, p := range ps {
		got = append(got, p.String())
	}
	want := []string{
		`x.yaml:3: rule a: sources: no source "other" is configured; there is am (warning)`,
		`x.yaml:5: rule a: route.to: no connector "slak" is configured; there is pagerduty, slack (warning)`,
		`x.yaml:9: rule b: bind.ci[0]: "labels.host" is taken as it stands; did you mean ${labels.host}? (warning)`,
	}
	if set == nil || strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got %s", strings.Join(got, "\n"))
	}
}

// TestWaysToWrite compiles what editors and other systems make of a file.
func TestWaysToWrite(t *testing.T) {
	for name, text := range map[string]string{
		"windows":           "id: a\r\nabout: x\r\nwhen: |\r\n  labels.x == 'a' &&\r\n  labels.y == 'b'\r\nroute: none\r\n---\r\nid: b\r\nabout: y\r\nroute: none\r\n",
		"byte order mark":   "\ufeffid: a\nabout: x\nroute: none\n--- # and\nid: b\nabout: y\nroute: none\n",
		"many marks":        "---\n# nothing\n---\nid: a\nabout: x\nroute: none\n...\n---\nid: b\nabout: y\nroute: none\n---\n",
		"JSON":              "--- {\"id\": \"a\", \"about\": \"x\", \"route\": \"none\"}\n---\n{\"id\": \"b\", \"about\": \"y\", \"route\": \"none\"}\n",
		"unicode":           "id: a\nabout: Größe ünd 世界\nwhen: labels.x == '世界'\nroute: none\n---\nid: b\nabout: y\nroute: none\n",
		"folded and folded": "id: a\nabout: >-\n  x\n  y\nwhen: >-\n  labels.x == 'a' &&\n  labels.y == 'b'\nroute: none\n---\nid: b\nabout: y\nroute: none\n",
	} {
		s, ps := Compile([]File{{"x.yaml", text}})
		if s == nil || len(ps) > 0 || len(s.Rules()) != 2 || s.Rules()[1].ID != "b" {
			t.Errorf("%s: %v", name, ps)
		}
	}
}

func TestTooLong(t *testing.T) {
	for name, text := range map[string]string{
		"10 MB":            "id: a\nabout: " + strings.Repeat("x", 10<<20) + "\nroute: none",
		"one long rule":    "id: a\nabout: x\nroute: {to: [" + strings.Repeat("a,", RuleBytesMax) + "]}",
		"deep lists":       "id: a\nabout: x\nroute: " + strings.Repeat("[", 20000),
		"deep objects":     "id: a\nabout: x\nroute: " + strings.Repeat("{a: ", 10000) + strings.Repeat("}", 10000),
		"many problems":    strings.Repeat("---\nx: 1\n", 10000),
		"a long condition": "id: a\nabout: x\nwhen: title == '" + strings.Repeat("x", 5000) + "'\nroute: none",
	} {
		s, ps := Compile([]File{{"x.yaml", text}})
		if s != nil || len(ps) == 0 || len(ps) > ProblemsMax+1 || len(ps[0].String()) > 2000 {
			t.Errorf("%s: %.500v", name, ps)
		}
	}
}

// TestProblemsInOrder: whatever finds a mistake, they are told as the files run.
func TestProblemsInOrder(t *testing.T) {
	b := File{"b.yaml", "id: a\nabout: x\nwhen: ci.teir == 1\nsuppress: mute\nid: b\n"}
	c := File{"c.yaml", "id: c\nabout: x\nwhen: nope == 1\nsuppress: mute\n"}
	_, ps := Compile([]File{b, c})
	if len(ps) != 3 || ps[0].Line != 3 || ps[1].Line != 5 || ps[2].File != "c.yaml" {
		t.Errorf("got %v, want b.yaml line 3, b.yaml line 5, c.yaml", ps)
	}
}
