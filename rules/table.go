package rules

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// Table is a CSV file that rules look things up in: the first line names its columns.
type Table struct {
	Name    string
	Columns []string
	rows    [][]string
}

// parseTable reads NAME.csv.
func parseTable(f File, ps *problems) *Table {
	t := &Table{Name: strings.TrimSuffix(baseName(f.Name), ".csv")}
	in := csv.NewReader(strings.NewReader(f.Body))
	in.FieldsPerRecord = -1 // reported by our own sentence
	fail := func(line int, format string, args ...any) *Table {
		ps.add(Problem{File: f.Name, Line: line, Msg: fmt.Sprintf(format, args...)})
		return nil
	}
	for {
		rec, err := in.Read()
		line := 0
		if len(rec) > 0 {
			line, _ = in.FieldPos(0) // panics when there is no record
		}
		switch {
		case errors.Is(err, io.EOF):
			if t.Columns == nil {
				return fail(1, "empty: expected a first line that names the columns")
			}
			return t
		case err != nil:
			var pe *csv.ParseError
			if errors.As(err, &pe) {
				return fail(pe.Line, "not CSV: %v", pe.Err)
			}
			return fail(0, "not CSV: %v", err)
		case t.Columns == nil:
			if t.Columns = slices.Clone(rec); len(rec) > TableColsMax {
				return fail(line, "%d columns: expected at most %d", len(rec), TableColsMax)
			}
			for i, c := range t.Columns {
				if t.Columns[i] = strings.TrimSpace(strings.TrimPrefix(c, "\ufeff")); t.Columns[i] == "" || slices.Contains(t.Columns[:i], t.Columns[i]) {
					return fail(line, "column %d %s: expected a name that no other column has", i+1, quote(c))
				}
			}
		case len(rec) != len(t.Columns):
			return fail(line, "%d fields: the first line names %d columns", len(rec), len(t.Columns))
		case len(t.rows) >= TableRowsMax:
			return fail(line, "more than %d rows", TableRowsMax)
		default:
			t.rows = append(t.rows, rec)
		}
	}
}

func baseName(path string) string { return path[strings.LastIndexByte(path, '/')+1:] }

// index maps the values of some columns to the first row that has them.
func (t *Table) index(columns []int) map[string]int {
	out := make(map[string]int, len(t.rows))
	var b []byte
	for n, row := range t.rows {
		b = b[:0]
		for _, c := range columns {
			b = appendField(b, row[c])
		}
		if _, ok := out[string(b)]; !ok {
			out[string(b)] = n
		}
	}
	return out
}

// appendField appends a value so that no two lists of values come out alike.
func appendField(b []byte, v string) []byte {
	for i := range len(v) {
		if v[i] == 0 || v[i] == 1 {
			b = append(b, 1)
		}
		b = append(b, v[i])
	}
	return append(b, 0)
}
