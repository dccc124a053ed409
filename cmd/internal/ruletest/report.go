package ruletest

import (
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"strings"
)

// Report is what a run came to. It holds no times: the same files give the same report.
type Report struct {
	Files    []FileResult `json:"files"`
	Passed   int          `json:"passed"`
	Failed   int          `json:"failed"`
	Broken   int          `json:"broken"` // files that could not be read
	Coverage *Coverage    `json:"coverage,omitempty"`
	hits     hits
}

// FileResult is what the tests of one file came to.
type FileResult struct {
	File   string       `json:"file"`
	Errors []string     `json:"errors,omitempty"` // why it could not be read or run
	Tests  []TestResult `json:"tests"`
}

// TestResult is what one test came to; it passed when it has no failures.
type TestResult struct {
	Name     string    `json:"name"`
	Line     int       `json:"line"`
	Failures []Failure `json:"failures,omitempty"`
}

// Failure is one thing that is not as a test wants it.
type Failure struct {
	Line    int      `json:"line"`
	At      string   `json:"at"`    // of the step, as it is written
	Check   string   `json:"check"` // key of the want or step
	Message string   `json:"message"`
	Diff    []string `json:"diff,omitempty"` // YAML, with - for what is wanted and + for what is
	Why     []string `json:"why,omitempty"`  // what the fold says of the alerts concerned
}

func (r *Report) count() {
	for _, f := range r.Files {
		if len(f.Errors) > 0 {
			r.Broken++
		}
		for _, t := range f.Tests {
			if len(t.Failures) > 0 {
				r.Failed++
			} else {
				r.Passed++
			}
		}
	}
}

// WriteText writes the report for people; with all also the tests that passed.
func (r *Report) WriteText(w io.Writer, all bool) {
	for i := range r.Files {
		r.Files[i].write(w, all)
	}
	if r.Passed+r.Failed+r.Broken == 0 {
		fmt.Fprintln(w, "no tests to run")
	}
	if r.Coverage != nil {
		r.Coverage.write(w)
	}
}

func (f *FileResult) write(w io.Writer, all bool) {
	failed := 0
	for _, t := range f.Tests {
		switch {
		case len(t.Failures) > 0:
			failed++
			fmt.Fprintf(w, "--- FAIL: %s\n", t.Name)
			for _, x := range t.Failures {
				x.write(w, f.File)
			}
		case all:
			fmt.Fprintf(w, "--- PASS: %s\n", t.Name)
		}
	}
	for _, e := range f.Errors {
		fmt.Fprintln(w, e)
	}
	switch {
	case len(f.Errors) > 0:
		fmt.Fprintf(w, "FAIL  %s  [cannot be run]\n", f.File)
	case failed > 0:
		fmt.Fprintf(w, "FAIL  %s  %d of %s failed\n", f.File, failed, plural(len(f.Tests), "test"))
	default:
		fmt.Fprintf(w, "ok    %s  %s\n", f.File, plural(len(f.Tests), "test"))
	}
}

func (x *Failure) write(w io.Writer, file string) {
	fmt.Fprintf(w, "    %s:%d: at %s: %s: %s\n", file, x.Line, x.At, x.Check, x.Message)
	for _, l := range x.Diff {
		fmt.Fprintf(w, "        %s\n", l)
	}
	for _, l := range x.Why {
		fmt.Fprintf(w, "      why: %s\n", l)
	}
}

// WriteJSON writes the report for programs.
func (r *Report) WriteJSON(w io.Writer) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(r)
}

// JUnit XML as CI servers read it: https://github.com/testmoapp/junitxml
type junitSuites struct {
	XMLName  xml.Name     `xml:"testsuites"`
	Tests    int          `xml:"tests,attr"`
	Failures int          `xml:"failures,attr"`
	Errors   int          `xml:"errors,attr"`
	Suites   []junitSuite `xml:"testsuite"`
}

type junitSuite struct {
	Name     string      `xml:"name,attr"`
	Tests    int         `xml:"tests,attr"`
	Failures int         `xml:"failures,attr"`
	Errors   int         `xml:"errors,attr"`
	Cases    []junitCase `xml:"testcase"`
}

type junitCase struct {
	Name    string      `xml:"name,attr"`
	Class   string      `xml:"classname,attr"`
	File    string      `xml:"file,attr"`
	Line    int         `xml:"line,attr,omitempty"`
	Failure *junitFault `xml:"failure,omitempty"`
	Error   *junitFault `xml:"error,omitempty"`
}

type junitFault struct {
	Message string `xml:"message,attr"`
	Text    string `xml:",chardata"`
}

// WriteJUnit writes the report as JUnit XML, a suite a file.
func (r *Report) WriteJUnit(w io.Writer) error {
	all := junitSuites{Tests: r.Passed + r.Failed + r.Broken, Failures: r.Failed, Errors: r.Broken}
	for i := range r.Files {
		all.Suites = append(all.Suites, r.Files[i].junit())
	}
	b, err := xml.MarshalIndent(all, "", "  ")
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(w, "%s%s\n", xml.Header, b)
	return err
}

func (f *FileResult) junit() junitSuite {
	s := junitSuite{Name: f.File}
	for _, t := range f.Tests {
		c := junitCase{Name: t.Name, Class: f.File, File: f.File, Line: t.Line}
		if len(t.Failures) > 0 {
			s.Failures++
			var text strings.Builder
			for _, x := range t.Failures {
				x.write(&text, f.File)
			}
			first := t.Failures[0]
			c.Failure = &junitFault{Message: first.Check + ": " + first.Message, Text: text.String()}
		}
		s.Cases = append(s.Cases, c)
	}
	if len(f.Errors) > 0 {
		s.Errors++
		s.Cases = append(s.Cases, junitCase{Name: "read", Class: f.File, File: f.File,
			Error: &junitFault{Message: f.Errors[0], Text: strings.Join(f.Errors, "\n")}})
	}
	s.Tests = len(s.Cases)
	return s
}
