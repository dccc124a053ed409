package ruletest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"signalbox/cmd/internal/conf"
	"signalbox/correlate"
	"signalbox/itsm/cmdb"
	"signalbox/rules"
)

// Suffix ends the name of a test file; such files are no part of a rule set.
const Suffix = "_test.yaml"

// FilesMax bounds the test files of one run.
const FilesMax = 10_000

// Options says what to test and how the program reads what is beside the tests.
type Options struct {
	Run      *regexp.Regexp // only tests with such a name; nil: all
	Warnings io.Writer      // takes what is odd but no error
	Rules    func(paths []string) ([]rules.File, error)
	CMDB     func(warnings io.Writer, files []string, s cmdb.Settings) (*cmdb.Changes, error)
}

// Find lists the test files that the paths name: files as they are, of
// directories all test files below them.
func Find(paths []string) ([]string, error) {
	var out []string
	for _, p := range paths {
		st, err := os.Stat(p)
		if err != nil {
			return nil, err
		}
		if !st.IsDir() {
			out = append(out, filepath.Clean(p))
			continue
		}
		n := len(out)
		err = filepath.WalkDir(p, func(f string, d fs.DirEntry, err error) error {
			switch {
			case err != nil:
				return err
			case d.IsDir() && strings.HasPrefix(d.Name(), ".") && f != p:
				return filepath.SkipDir
			case !d.IsDir() && strings.HasSuffix(f, Suffix):
				out = append(out, filepath.Clean(f))
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
		if len(out) == n {
			return nil, fmt.Errorf("%s: no test files below it: expected names such as shop%s", p, Suffix)
		}
	}
	slices.Sort(out)
	out = slices.Compact(out)
	if len(out) > FilesMax {
		return nil, fmt.Errorf("%d test files: expected at most %d", len(out), FilesMax)
	}
	return out, nil
}

// Run runs the tests of files, one after the other.
func Run(files []string, o Options) *Report {
	rep := &Report{hits: hits{}}
	for _, name := range files {
		rep.Files = append(rep.Files, o.file(name, rep.hits))
	}
	rep.count()
	return rep
}

// file runs the tests of one file.
func (o *Options) file(name string, h hits) FileResult {
	res := FileResult{File: filepath.ToSlash(name), Tests: []TestResult{}}
	f, s, errs := o.load(name)
	if len(errs) > 0 {
		for _, err := range errs {
			res.Errors = append(res.Errors, strings.Split(err.Error(), "\n")...)
		}
		return res
	}
	from := h.declare(f.rulePaths(), s.set)
	for i := range f.tests {
		t := &f.tests[i]
		if o.Run != nil && !o.Run.MatchString(t.name) {
			continue
		}
		if err := o.setUp(&s, f, t); err != nil {
			res.Errors = append(res.Errors, strings.Split(err.Error(), "\n")...)
			return res
		}
		w := newWorld(f, t, s)
		if err := w.run(); err != nil {
			res.Errors = append(res.Errors, strings.Split(err.Error(), "\n")...)
			return res
		}
		h.add(from, w.play.State().RuleCounts())
		res.Tests = append(res.Tests, TestResult{Name: t.name, Line: t.line, Failures: w.failures})
	}
	return res
}

// load reads a test file and what its tests share.
func (o *Options) load(name string) (f *file, s setup, errs []error) {
	b, err := readBounded(name)
	if err != nil {
		return nil, s, []error{err}
	}
	if f, errs = parse(filepath.ToSlash(name), b); len(errs) > 0 {
		return nil, s, errs
	}
	if s.config, err = f.core(); err != nil {
		return nil, s, []error{err}
	}
	if f.noRules {
		return f, s, nil
	}
	if s.rules, err = o.Rules(f.rulePaths()); err != nil {
		return nil, s, []error{fmt.Errorf("%s: rules: %w", f.name, err)}
	}
	set, ps := rules.Compile(s.rules)
	s.set = set
	for _, p := range ps {
		switch {
		case !p.Warning:
			errs = append(errs, fmt.Errorf("%s: rules: %s", f.name, p))
		default:
			fmt.Fprintln(o.Warnings, p)
		}
	}
	return f, s, errs
}

// readBounded reads a file that may be too long by one byte.
func readBounded(name string) ([]byte, error) {
	r, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return io.ReadAll(io.LimitReader(r, FileBytesMax+1))
}

// beside is a path as a test file names it.
func (f *file) beside(p string) string {
	if filepath.IsAbs(p) {
		return p
	}
	return filepath.Join(filepath.Dir(filepath.FromSlash(f.name)), filepath.FromSlash(p))
}

func (f *file) rulePaths() []string {
	if f.rules == nil {
		return []string{filepath.Dir(filepath.FromSlash(f.name))}
	}
	out := make([]string, len(f.rules))
	for i, p := range f.rules {
		out[i] = f.beside(p)
	}
	return out
}

// core is the configuration of the fold. The environment is not read: a test must
// not depend on where it runs.
func (f *file) core() (correlate.Config, error) {
	c := correlate.DefaultConfig()
	if f.config != "" {
		path := f.beside(f.config)
		b, err := os.ReadFile(path)
		if err != nil {
			return c, fmt.Errorf("%s: config: %w", f.name, err)
		}
		cf, err := conf.Parse(path, b)
		if err != nil {
			return c, err
		}
		c = cf.Core()
	}
	if f.connectors != nil {
		c.Connectors = f.connectors
	}
	return c, c.Validate()
}

// setUp reads the CMDB of a test.
func (o *Options) setUp(s *setup, f *file, t *test) error {
	in := t.cmdb
	if in == nil {
		in = f.cmdb
	}
	if in == s.from {
		return nil
	}
	s.cmdb, s.from = nil, in
	switch {
	case in == nil:
		return nil
	case in.inline == nil:
		files := make([]string, len(in.files))
		for i, p := range in.files {
			files[i] = f.beside(p)
		}
		changes, err := o.CMDB(o.Warnings, files, s.config.CMDB)
		if err != nil {
			return fmt.Errorf("%s:%d: cmdb: %w", f.name, in.line, err)
		}
		s.cmdb = changes
		return nil
	}
	b, err := in.document()
	if err != nil {
		return err
	}
	doc, problems := cmdb.Parse(cmdb.YAML, bytes.NewReader(b))
	changes, _, more := cmdb.Empty(s.config.CMDB.Types()).Plan(doc, "test", false)
	var errs []error
	for _, p := range append(problems, more...) {
		text := in.problem(f.name, p)
		if p.Warning {
			fmt.Fprintln(o.Warnings, text)
			continue
		}
		errs = append(errs, errors.New(text))
	}
	s.cmdb = &changes
	return errors.Join(errs...)
}
