package rules

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// FuzzCompile reads any text as a rule file: it never panics, its problems are
// few and short, what compiles runs, and formatting it changes nothing.
func FuzzCompile(f *testing.F) {
	for _, m := range mistakes {
		f.Add(m.text)
	}
	for _, h := range hostile {
		f.Add("id: a\nabout: x\nwhen: |\n  " + h.text + "\nroute: none\n")
	}
	f.Add(typicalSet(10)[0].Body)
	facts := largest()
	f.Fuzz(func(t *testing.T, text string) {
		files := []File{{"x.yaml", text}}
		s, ps := Compile(files)
		if len(ps) > ProblemsMax+1 || s == nil && !Blocking(ps) {
			t.Fatalf("%d problems, set %v", len(ps), s != nil)
		}
		for _, p := range ps {
			if len(p.String()) > 4*TextMax {
				t.Fatalf("a problem of %d bytes", len(p.String()))
			}
		}
		if s == nil {
			return
		}
		r, g := s.NewRun(), *facts
		all(r, &g)
		if d := Diff(files, files); len(d) > 0 {
			t.Fatalf("differs from itself: %v", d)
		}
		checkFormat(t, text, s)
	})
}

// FuzzEvaluate runs any condition on any alert: what compiles gives an answer or
// an error, the same twice, and as without short cuts.
func FuzzEvaluate(f *testing.F) {
	for _, h := range hostile {
		f.Add(h.text, "shop", "web-7 is down")
	}
	f.Add(`labels.x == "shop" && at_least(severity, "major") && ci.tier < 2`, "shop", "")
	f.Add(`labels["x"] in ["a", "b"] || glob(title, "web-*")`, "a", "web-1")
	lang, err := newLanguage()
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text, label, title string) {
		c, err := lang.compile(Route, text, nil)
		if err != nil {
			return
		}
		label, title = cut(label, labelMax), cut(title, labelMax)
		facts := Facts{Event: event("x", label, "y", title), Incident: &IncidentFacts{}}
		facts.Event.Title = title
		v := &view{}
		v.reset(&facts)
		fast, ferr := c.asText(v)
		again, _ := c.asText(v)
		slow := *c
		slow.plain, slow.first, slow.field = nil, nil, nil
		plain, perr := slow.asText(v)
		if fast != again || (ferr == nil) != (perr == nil) || fast != plain {
			t.Fatalf("%q, %q and %q (%v, %v)", fast, again, plain, ferr, perr)
		}
		if c.plain != nil || c.first != nil {
			a, _ := c.holds(v)
			if b, _ := slow.holds(v); a != b {
				t.Fatalf("%v, without short cuts %v", a, b)
			}
		}
	})
}

// checkFormat formats a file that compiles.
func checkFormat(t *testing.T, text string, s *Set) {
	t.Helper()
	out, err := Format(text)
	if err != nil {
		return // said, and nothing was changed
	}
	again, err := Format(out)
	if err != nil || again != out {
		t.Fatalf("formatted twice: %v\n%s", err, cmp.Diff(out, again))
	}
	next, ps := Compile([]File{{"x.yaml", out}})
	if next == nil {
		t.Fatalf("formatted: %v\n%s", ps, out)
	}
	if d := cmp.Diff(meaning(s), meaning(next)); d != "" {
		t.Fatalf("formatted to another meaning: %s", d)
	}
	if strings.Count(out, "#") < strings.Count(text, "\n#") {
		t.Fatalf("comments are lost:\n%s", out)
	}
}
