package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

	"signalbox/itsm/cmdb"
)

var cmdbTypes = map[cmdb.Format]string{cmdb.YAML: "application/yaml", cmdb.JSON: "application/json", cmdb.NDJSON: "application/x-ndjson", cmdb.CSVCIs: "text/csv", cmdb.CSVRelations: "text/csv"}

// cmdbInput is one import: a file of any kind, or a pair of CSV files as NDJSON,
// so that a pair is one import and nothing of it is half applied.
type cmdbInput struct {
	body     []byte
	format   cmdb.Format
	file     string   // of a single file
	lines    []place  // of a pair: where each line of body stands in its file
	warnings []string // of the files of a pair, already told
}

// place is a line of a file.
type place struct {
	file string
	line int
}

// readCMDB reads one file, whose format its name tells unless it is given, or a
// pair of CSV files.
func readCMDB(stdin io.Reader, files []string, format string) (*cmdbInput, error) {
	if len(files) == 1 {
		return readCMDBFile(stdin, files[0], cmdb.Format(format))
	}
	in := &cmdbInput{format: cmdb.NDJSON}
	for _, want := range []cmdb.Format{cmdb.CSVCIs, cmdb.CSVRelations} {
		i := slices.IndexFunc(files, func(f string) bool { got, _ := cmdb.FormatOf(f); return got == want })
		if i < 0 || len(files) != 2 || format != "" {
			return nil, errors.New("several files make one import only as CSV: one of CIs and one of relations, the latter with \"relation\" in its name, and without --format; import the others one by one")
		}
		if err := in.addCSV(want, files[i]); err != nil {
			return nil, err
		}
	}
	return in, nil
}

func readCMDBFile(stdin io.Reader, file string, format cmdb.Format) (*cmdbInput, error) {
	byName, ok := cmdb.FormatOf(file)
	switch {
	case format == "" && file == "-":
		format = cmdb.NDJSON
	case format == "" && !ok:
		return nil, fmt.Errorf("%s: unknown kind of file; expected a name that ends in .yaml, .json, .ndjson or .csv, or --format", file)
	case format == "":
		format = byName
	case cmdbTypes[format] == "":
		return nil, fmt.Errorf("--format %q: expected yaml, json, ndjson, csv-cis or csv-relations", format)
	}
	in := &cmdbInput{format: format, file: file}
	var err error
	if file == "-" {
		in.file = "standard input"
		in.body, err = io.ReadAll(stdin)
	} else {
		in.body, err = os.ReadFile(file)
	}
	return in, err
}

// addCSV appends a CSV file as NDJSON and remembers where each line was.
func (in *cmdbInput) addCSV(f cmdb.Format, path string) error {
	b, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	doc, problems := cmdb.Parse(f, bytes.NewReader(b))
	var errs []error
	for _, p := range problems {
		if p.Warning {
			in.warnings = append(in.warnings, path+": "+p.String())
		}
		errs = append(errs, fmt.Errorf("%s: %s", path, p))
	}
	if cmdb.Blocking(problems) {
		return errors.Join(errs...)
	}
	out := bytes.NewBuffer(in.body)
	cis, relations := doc.Lines()
	if f == cmdb.CSVRelations {
		enc := json.NewEncoder(out)
		for i, r := range doc.RelationList() {
			if err := enc.Encode(r); err != nil {
				return err
			}
			in.lines = append(in.lines, place{path, relations[i]})
		}
		in.body = out.Bytes()
		return nil
	}
	start := out.Len()
	empty := cmdb.Empty(cmdb.DefaultRelationTypes())
	changes, _, _ := empty.Plan(doc, "csv", false)
	if err := empty.Apply(changes).Write(cmdb.NDJSON, out); err != nil {
		return err
	}
	in.body = out.Bytes()
	for line := range bytes.Lines(in.body[start:]) {
		var ci struct {
			ID string `json:"id"`
		}
		if err := json.Unmarshal(line, &ci); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		in.lines = append(in.lines, place{path, cis[ci.ID]})
	}
	return nil
}

// tell renders a problem of the import with the file and line it is about.
func (in *cmdbInput) tell(p cmdb.Problem) string {
	at := in.file
	if n := p.Line; len(in.lines) > 0 && n > 0 && n <= len(in.lines) {
		at, p.Line = in.lines[n-1].file, in.lines[n-1].line
	}
	if at == "" {
		return p.String()
	}
	return at + ": " + p.String()
}
