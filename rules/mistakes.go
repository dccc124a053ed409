package rules

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"cel.dev/cel-go/cel"
)

// inText is an error at a line of a text, counted from 1.
type inText struct {
	line int
	msg  string
}

func (e inText) Error() string { return e.msg }

// explainIssues turns what CEL found into a sentence for people.
func explainIssues(iss *cel.Issues, s Stage, text string) error {
	errs := iss.Errors()
	if len(errs) == 0 {
		return errors.New(firstLine(iss.Err().Error()))
	}
	e := errs[0]
	msg := firstLine(e.Message)
	if better := habit(text); better != "" {
		msg = better
	} else if rest, ok := strings.CutPrefix(msg, "undeclared reference to '"); ok {
		name, _, _ := strings.Cut(rest, "'")
		msg = unknownName(name, s, text)
	} else if name, ok := strings.CutPrefix(msg, "reserved identifier: "); ok {
		msg = unknownName(name, s, text)
	} else if rest, ok := strings.CutPrefix(msg, "found no matching overload for "); ok {
		msg = "no matching overload: " + rest + noOverload(rest)
	}
	return inText{e.Location.Line(), fmt.Sprintf("column %d: %s", e.Location.Column()+1, cut(msg, issueShown))}
}

// issueShown bounds what is shown of CEL's own words, in bytes.
const issueShown = 300

// habits are what people bring along from other languages; the first that a
// broken condition shows is probably what is wrong with it.
var habits = []struct {
	form   *regexp.Regexp
	remedy string
}{
	{regexp.MustCompile(`\$\{`), "a condition is an expression already: write it without ${ and }"},
	{regexp.MustCompile(`=~|!~`), `=~ is unknown: write labels.NAME.matches("regular expression"), with ! in front for the opposite`},
	{regexp.MustCompile(`(^|[^=!<>])=([^=]|$)`), "= compares nothing: write =="},
	{regexp.MustCompile(`(?i)\s(and|or|not\s+in|is)\s|^not\s`), "words do not join conditions: write && for and, || for or, ! for not"},
	{regexp.MustCompile(`labels\.\w+[-/][A-Za-z]|labels(\.\w+){2}`), `a label whose name has more than letters, digits and _ is written labels["NAME"]`},
	{regexp.MustCompile(`\{\{`), "{{ }} is for templates of other tools: write labels.NAME"},
	{regexp.MustCompile(`\$\w`), "$ is unknown: write labels.NAME"},
}

// habit finds a foreign habit in a condition, outside of its texts.
func habit(text string) string {
	bare := unquoted(text)
	for _, h := range habits {
		if h.form.MatchString(bare) {
			return h.remedy
		}
	}
	if strings.Count(text, `"`)%2 == 1 && !strings.Contains(text, "'") {
		return `a text has no closing ": when YAML cut it at a #, put the condition in single quotes`
	}
	return ""
}

// unquoted blanks the texts in quotes.
func unquoted(text string) string {
	b := []byte(text)
	quote := byte(0)
	for i := 0; i < len(b); i++ {
		switch c := b[i]; {
		case quote != 0 && c == '\\' && i+1 < len(b):
			b[i], b[i+1] = '_', '_'
			i++
		case quote != 0 && c == quote:
			quote = 0
		case quote != 0:
			b[i] = '_'
		case c == '"' || c == '\'':
			quote = c
		}
	}
	return string(b)
}

// noOverload says what to do when an operator or a function does not take what
// stands beside it.
func noOverload(what string) string {
	switch {
	case strings.Contains(what, "string") && (strings.Contains(what, "int") || strings.Contains(what, "double")):
		return `; a label is a text: put the number in quotes, or convert the label as in int(labels.NAME) > 3`
	case strings.HasPrefix(what, "'_&&_'"), strings.HasPrefix(what, "'_||_'"), strings.HasPrefix(what, "'!_'"):
		return "; each side has to be true or false, such as a comparison"
	case strings.Contains(what, "timestamp") || strings.Contains(what, "duration"):
		return `; a length of time is written duration("5m")`
	}
	return ""
}

// unknownName says what is wrong with a name: not known yet, misspelt, a function
// or a label.
func unknownName(name string, s Stage, text string) string {
	if i := variableAt(name); i >= 0 {
		return fmt.Sprintf("%s is not known at stage %s, only from stage %s on", name, s, variables[i].from)
	}
	if regexp.MustCompile(`(^|\W)` + regexp.QuoteMeta(name) + `\s*\(`).MatchString(text) {
		return fmt.Sprintf("there is no function %s; there are %s", name, strings.Join(functionNames(), ", "))
	}
	later := Stage(0)
	best, guess := 3, ""
	for _, v := range variables {
		if strings.HasPrefix(v.name, name+".") {
			later = v.from
		}
		if d := distance(name, v.name); d < best {
			best, guess = d, v.name
		}
	}
	switch {
	case later > s:
		return fmt.Sprintf("%s is not known at stage %s, only from stage %s on", name, s, later)
	case later != 0:
		return fmt.Sprintf("%s has no such field; 'signalbox rules vars' lists what there is", name)
	case guess != "":
		return fmt.Sprintf("there is no %s; did you mean %s?", name, guess)
	}
	return fmt.Sprintf("there is no %s; a label is written labels.%s, a text %q", name, name, name)
}

var labelPath = regexp.MustCompile(`^(labels|annotations)\.\w+$`)
