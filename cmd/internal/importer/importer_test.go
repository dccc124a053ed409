package importer

import (
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"signalbox/itsm"
	"signalbox/rules"
)

var update = flag.Bool("update", false, "write the golden files anew")

func TestConfigurations(t *testing.T) {
	paths, err := filepath.Glob("testdata/*.yml")
	if err != nil || len(paths) == 0 {
		t.Fatal(paths, err)
	}
	for _, p := range paths {
		b, err := os.ReadFile(p)
		if err != nil {
			t.Fatal(err)
		}
		name := filepath.Base(p)
		got, err := Alertmanager(b, name, Options{})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		again, err := Alertmanager(b, name, Options{})
		if err != nil || got.File.Body != again.File.Body {
			t.Errorf("%s: imported twice comes out differently (%v)", name, err)
		}
		set := compiled(t, got)
		for _, r := range set.Rules() {
			if !r.Shadow {
				t.Errorf("%s: rule %s is live", name, r.ID)
			}
		}
		for _, l := range got.Left {
			if !strings.Contains(got.File.Body, "# * "+l+"\n") {
				t.Errorf("%s: the file does not say %q", name, l)
			}
		}
		golden := strings.TrimSuffix(p, ".yml") + ".golden"
		if *update {
			if err := os.WriteFile(golden, []byte(got.File.Body), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(golden)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(string(want), got.File.Body); d != "" {
			t.Errorf("%s: %s", name, d)
		}
	}
}

func compiled(t rapid.TB, r *Result) *rules.Set {
	t.Helper()
	set, ps := rules.Compile([]rules.File{r.File})
	if len(ps) > 0 {
		t.Fatalf("%v\n%s", ps, r.File.Body)
	}
	if len(set.Rules()) != r.Rules {
		t.Fatalf("%d rules, said to be %d", len(set.Rules()), r.Rules)
	}
	return set
}

func live(t rapid.TB, text string) (*config, *rules.Set, *Result) {
	t.Helper()
	c, err := parseConfig([]byte(text))
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	r, err := Alertmanager([]byte(text), "test", Options{Live: true})
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	return c, compiled(t, r), r
}

// begin has a run look at an alert with labels at a time.
func begin(s *rules.Set, ls map[string]string, now itsm.Time) *rules.Run {
	e := &itsm.Event{Source: "am", Identity: "x", Status: itsm.Firing, Severity: itsm.Warning}
	for n, v := range ls {
		if v != "" {
			e.Labels = append(e.Labels, itsm.Label{Name: n, Value: v})
		}
	}
	e.Labels = itsm.NewLabels(e.Labels)
	run := s.NewRun()
	run.Begin(&rules.Facts{Now: now, Event: e, Incident: &rules.IncidentFacts{Priority: itsm.P3}})
	return run
}

// told lists the connectors that learn of an alert by the rules.
func told(t rapid.TB, s *rules.Set, ls map[string]string) []string {
	t.Helper()
	r := begin(s, ls, 0).Route()
	if r == nil {
		t.Fatalf("no route rule for %v", ls)
	}
	to := slices.Clone(r.Route.To)
	slices.Sort(to)
	return to
}

// TestAlertmanagersOwnAnswers compares with what amtool config routes test says of
// the same configurations; receivers without any configuration tell nobody.
func TestAlertmanagersOwnAnswers(t *testing.T) {
	for _, name := range []string{"shop", "platform", "calendar"} {
		b, err := os.ReadFile("testdata/" + name + ".yml")
		if err != nil {
			t.Fatal(err)
		}
		answers, err := os.ReadFile("testdata/" + name + ".answers")
		if err != nil {
			t.Fatal(err)
		}
		c, set, _ := live(t, string(b))
		lines := strings.Split(strings.TrimSpace(string(answers)), "\n")
		if len(lines) < 20 {
			t.Fatalf("%s: only %d answers", name, len(lines))
		}
		for _, line := range lines {
			asked, receivers, _ := strings.Cut(line, " -> ")
			ls := map[string]string{}
			for _, l := range strings.Split(asked, "; ") {
				n, v, _ := strings.Cut(l, "=")
				ls[n] = v
			}
			want := distinct(strings.Split(receivers, ","))
			want = slices.DeleteFunc(want, func(r string) bool { return c.receiver(r).empty })
			slices.Sort(want)
			if got := told(t, set, ls); !slices.Equal(got, want) {
				t.Errorf("%s: %s: told %v, want %v", name, asked, got, want)
			}
		}
	}
}

func TestBadInput(t *testing.T) {
	const tail = "\nreceivers: [{name: a}]\n"
	for text, want := range map[string]string{
		"receivers: []":                                                            "route: missing",
		"route: {group_by: [x]}" + tail:                                            "line 1: route: receiver: missing",
		"route: {receiver: b}" + tail:                                              `line 1: route: receiver "b": there is none`,
		"route: {receiver: a, matchers: [a=b]}" + tail:                             "may have none",
		"route: {receiver: a, reciever: b}" + tail:                                 `line 1: no such key "reciever"`,
		"route:\n  receiver: a\n  routes: [{matchers: ['=']}]" + tail:              `line 3: route: matcher "="`,
		"route:\n  receiver: a\n  routes: [{match_re: {x: '('}}]" + tail:           "line 3: route: matcher of label \"x\"",
		"route:\n  receiver: a\n  routes: [{mute_time_intervals: [never]}]" + tail: `line 3: route: time interval "never"`,
		"route: {receiver: a, group_wait: soon}" + tail:                            `group_wait "soon": expected a duration`,
		"route: {receiver: a, group_by: ['...', x]}" + tail:                        "expected it alone",
		"route: {receiver: a, routes: [~]}" + tail:                                 "empty route",
		"route: [" + tail:                                                          "not an Alertmanager configuration: line",
		"route: {receiver: a}\ntime_intervals: [{name: n, time_intervals: [{weekdays: [someday]}]}]" + tail:               "someday is not a valid weekday",
		"route: {receiver: a}\ntime_intervals: [{name: n, time_intervals: [{location: Mars/Base}]}]" + tail:               "Mars/Base",
		"route: {receiver: a}\ninhibit_rules: [{source_matchers: ['x=~(']}]" + tail:                                       "line 2: inhibit rule: source: matcher",
		strings.Repeat("#", configBytesMax+1):                                                                             "bytes: expected",
		"route: &r {receiver: a, routes: [*r]}" + tail:                                                                    "200 levels",
		"route: {receiver: a" + ", routes: [" + strings.Repeat("{routes: [", 40) + strings.Repeat("]}", 40) + "]}" + tail: "30 deep",
	} {
		_, err := Alertmanager([]byte(text), "bad.yml", Options{})
		if err == nil || !strings.Contains(err.Error(), want) || itsm.CodeOf(err) != itsm.Invalid {
			t.Errorf("%.80s: %v, want %q", text, err, want)
		}
	}
}

// TestOneSource imports for the alerts of one source: neither side of an
// inhibition may be another's.
func TestOneSource(t *testing.T) {
	r, err := Alertmanager([]byte("route: {receiver: a}\nreceivers: [{name: a}]\ninhibit_rules: [{equal: [x], target_matchers: [y=a]}, {equal: [x], source_matchers: [y=b], target_matchers: [y=a]}]\n"), "one.yml", Options{Source: "am"})
	if err != nil {
		t.Fatal(err)
	}
	var by []string
	for _, rule := range compiled(t, r).Rules() {
		if !slices.Equal(rule.Sources, []string{"am"}) {
			t.Errorf("%s is for %v", rule.ID, rule.Sources)
		}
		if rule.Suppress != nil {
			by = append(by, rule.Suppress.InhibitedBy.When)
		}
	}
	if d := cmp.Diff([]string{`source == "am" && labels.y != "a"`, `source == "am" && labels.y == "b"`}, by); d != "" {
		t.Error(d)
	}
}

func TestGroupBy(t *testing.T) {
	r, err := GroupBy([]string{"cluster", " app.kubernetes.io/name"}, `labels.team == 'it"s'`, Options{Source: "am"})
	if err != nil {
		t.Fatal(err)
	}
	rule := compiled(t, r).Rules()[0]
	if d := cmp.Diff([]string{"labels.cluster", `labels["app.kubernetes.io/name"]`}, rule.Correlate.GroupBy); d != "" || !rule.Shadow || rule.When != `labels.team == 'it"s'` || !slices.Equal(rule.Sources, []string{"am"}) {
		t.Errorf("%+v\n%s", rule, d)
	}
	for _, bad := range []struct {
		names string
		when  string
		want  string
	}{
		{"", "", "different names"},
		{"a,a", "", "different names"},
		{"a,b,c,d,e,f,g,h,i", "", "9 labels: expected 1 to 8"},
		{"a", "lables.x == ''", "when: column 1: there is no lables"},
	} {
		if _, err := GroupBy(strings.Split(bad.names, ","), bad.when, Options{}); err == nil || !strings.Contains(err.Error(), bad.want) {
			t.Errorf("%+v: %v", bad, err)
		}
	}
}

// TestRefusedRule imports a matcher that costs more than a condition may.
func TestRefusedRule(t *testing.T) {
	long := strings.Repeat("[a-f]+x", 700)
	_, set, r := live(t, "route: {receiver: a, routes: [{receiver: b, matchers: ['x=~\""+long+"\"']}]}\nreceivers: [{name: a, m_configs: [1]}, {name: b, m_configs: [1]}]\n")
	if !slices.ContainsFunc(r.Left, func(l string) bool { return strings.Contains(l, "rule am-route-b") }) || told(t, set, map[string]string{"x": "y"})[0] != "a" {
		t.Errorf("%q", r.Left)
	}
}
