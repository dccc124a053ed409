package console

import (
	"fmt"
	"html/template"
	"strings"

	"signalbox/rules"
)

// Bounds of the rule texts that one page shows.
const (
	ruleLinesMax   = 400       // of one rule
	filesShownMax  = 768 << 10 // bytes of all files together, as HTML
	aroundLines    = 2         // lines shown before and after one with a problem
	sourceRunesMax = 400       // of one shown line
)

// sourceLine is a line of a rule file.
type sourceLine struct {
	N    int
	Text string
	Bad  bool
}

// problemLine is something wrong with a rule set, with the lines it is about.
type problemLine struct {
	File    string
	Line    int
	Rule    string
	Field   string
	Msg     string
	Warning bool
	Around  []sourceLine
}

func viewProblem(p rules.Problem, body string) problemLine {
	return problemLine{File: line(p.File, titleRunesMax), Line: p.Line, Rule: line(p.Rule, 64), Field: line(p.Field, titleRunesMax),
		Msg: line(p.Msg, 2*lineRunesMax), Warning: p.Warning, Around: around(body, p.Line)}
}

// around returns the lines at and next to line n, which is marked.
func around(body string, n int) []sourceLine {
	lines := strings.Split(body, "\n")
	if n < 1 || n > len(lines) {
		return nil
	}
	from, to := max(1, n-aroundLines), min(len(lines), n+aroundLines)
	var out []sourceLine
	for k := from; k <= to; k++ {
		if k == n || strings.TrimSpace(lines[k-1]) != "" {
			out = append(out, sourceLine{N: k, Text: sourceText(lines[k-1]), Bad: k == n})
		}
	}
	return out
}

// sourceText keeps the indentation that line would take away.
func sourceText(s string) string { return block(strings.TrimRight(s, "\r\n"), sourceRunesMax) }

func viewProblems(ps []rules.Problem, files []rules.File) []problemLine {
	bodies := map[string]string{}
	for _, f := range files {
		bodies[f.Name] = f.Body
	}
	out := make([]problemLine, 0, len(ps))
	for _, p := range ps {
		out = append(out, viewProblem(p, bodies[p.File]))
	}
	return out
}

// verdict says in one sentence what checking a set came to.
func verdict(set *rules.Set, ps []rules.Problem, files int) (text string, good bool) {
	wrong := 0
	for _, p := range ps {
		if !p.Warning {
			wrong++
		}
	}
	in := plural(files, "file", "files")
	switch {
	case set == nil:
		return plural(wrong, "problem", "problems") + " in " + in + ": the set cannot be used yet.", false
	case len(ps) > 0:
		return fmt.Sprintf("%s in %s can be used, with %s.", plural(len(set.Rules()), "rule", "rules"), in, plural(len(ps), "warning", "warnings")), true
	}
	return plural(len(set.Rules()), "rule", "rules") + " in " + in + ": nothing is wrong.", true
}

// ruleLines returns the text of a rule with its place in its file: from the
// document mark before it to the next.
func ruleLines(files []rules.File, r *rules.Rule) []sourceLine {
	for _, f := range files {
		if f.Name == r.File {
			return document(strings.Split(f.Body, "\n"), r.Line)
		}
	}
	return nil
}

// document cuts the lines of the YAML document around line n.
func document(lines []string, n int) []sourceLine {
	if n < 1 || n > len(lines) {
		return nil
	}
	mark := func(s string) bool { return strings.TrimRight(s, " \t\r") == "---" }
	from, to := n-1, n
	for from > 0 && !mark(lines[from-1]) {
		from--
	}
	for to < len(lines) && !mark(lines[to]) {
		to++
	}
	for from < to && strings.TrimSpace(lines[from]) == "" {
		from++
	}
	for to > from && strings.TrimSpace(lines[to-1]) == "" {
		to--
	}
	var out []sourceLine
	for k := from; k < min(to, from+ruleLinesMax); k++ {
		out = append(out, sourceLine{N: k + 1, Text: sourceText(lines[k])})
	}
	return out
}

// htmlBytes is how much files take on a page.
func htmlBytes(files []rules.File) int {
	n := 0
	for _, f := range files {
		n += len(template.HTMLEscapeString(f.Name)) + len(template.HTMLEscapeString(f.Body))
	}
	return n
}

// hides reports whether a page would leave characters of a text out.
func hides(s string) bool {
	return strings.ContainsFunc(s, func(r rune) bool { return !printable(r) && r != '\r' })
}
