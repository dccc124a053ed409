package cmdb

import (
	"encoding/csv"
	"errors"
	"io"
	"slices"
	"strings"
)

// Columns of the two CSV files. The first row names them, in any order.
var (
	ciColumns       = []string{"id", "name", "class", "env", "tier", "owner", "support_group", "aliases", "attributes"}
	relationColumns = []string{"from", "type", "to"}
)

func (b *builder) csvCIs(r io.Reader) {
	b.doc.speaks = speaksCIs
	b.csv(r, itemCI, ciColumns, ciColumns[:3])
}

func (b *builder) csvRelations(r io.Reader) {
	b.doc.speaks = speaksRelations
	b.csv(r, itemRelation, relationColumns, relationColumns)
}

// csv reads one file: the names of its columns, then a CI or relation a row.
func (b *builder) csv(r io.Reader, kind itemKind, columns, required []string) {
	limited := &io.LimitedReader{R: r, N: CSVBytesMax + 1}
	in := csv.NewReader(limited)
	in.FieldsPerRecord, in.ReuseRecord = -1, true
	head, err := in.Read()
	if err != nil {
		b.csvError(err)
		if errors.Is(err, io.EOF) {
			b.fail(0, "", "", "the file is empty; expected the columns %s", strings.Join(columns, ", "))
		}
		return
	}
	names := b.header(head, columns, required)
	for names != nil {
		row, err := in.Read()
		if limited.N <= 0 {
			b.fail(0, "", "", "more than %d MiB; use ndjson, which is read line by line", CSVBytesMax>>20)
			return
		}
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			if !b.csvError(err) {
				return
			}
			continue
		}
		line, _ := in.FieldPos(0)
		b.row(row, names, kind, line)
	}
}

// csvError reports an error and whether reading can go on after it.
func (b *builder) csvError(err error) bool {
	var p *csv.ParseError
	switch {
	case errors.Is(err, io.EOF):
		return false
	case errors.As(err, &p):
		b.fail(p.Line, "", "", "not CSV: %v", p.Err)
		return true
	}
	b.fail(0, "", "", "reading stopped: %v", err)
	return false
}

// header returns the column names in the order of the file, "" for one that is
// left out; nil when the file cannot be read.
func (b *builder) header(head, columns, required []string) []string {
	names := make([]string, len(head))
	for i, h := range head {
		name := strings.ToLower(strings.TrimSpace(strings.TrimPrefix(h, "\ufeff")))
		switch {
		case slices.Contains(names[:i], name) && name != "":
			b.fail(1, name, "", "the column stands twice")
		case slices.Contains(columns, name):
			names[i] = name
		default:
			b.warn(1, strings.TrimSpace(h), "", "unknown column; it is left out")
		}
	}
	for _, name := range required {
		if !slices.Contains(names, name) {
			b.fail(1, name, "", "the column is missing; expected %s", strings.Join(columns, ", "))
		}
	}
	if b.errors > 0 {
		return nil
	}
	return names
}

// row reads one row; an empty cell is no value.
func (b *builder) row(row, names []string, kind itemKind, line int) {
	it := item{kind: kind, line: line}
	if len(row) != len(names) {
		b.wrong(&it, line, "", strings.Join(row, ","), "as many cells as the first row has")
	}
	for i := range min(len(row), len(names)) {
		v := unguard(row[i])
		switch ci, rel := it.stringField(names[i]); {
		case names[i] == "" || v == "":
		case ci >= 0 || rel >= 0:
			it.set(ci, rel, v)
		case names[i] == "tier":
			it.setTier(v, line, true)
		case names[i] == "aliases":
			b.aliasesCell(&it, line, v)
		case names[i] == "attributes":
			b.attributesCell(&it, line, v)
		}
	}
	b.add(&it)
}

// aliasesCell reads "a|b", or a JSON list where an alias has a bar in it.
func (b *builder) aliasesCell(it *item, line int, v string) {
	if !strings.HasPrefix(v, "[") {
		it.fields.aliases = strings.Split(v, "|")
		return
	}
	p := jsonParser{b: b, scanner: scanner{b: []byte(v), line: line}}
	p.aliases(it, line)
	if p.err != nil || p.peek() != 0 {
		b.wrong(it, line, "aliases", v, "names with | between them, or a JSON list")
	}
}

func (b *builder) attributesCell(it *item, line int, v string) {
	p := jsonParser{b: b, scanner: scanner{b: []byte(v), line: line}}
	p.attributes(it, line)
	if p.err != nil || p.peek() != 0 {
		b.wrong(it, line, "attributes", v, "a JSON object")
	}
}

// A spreadsheet takes a cell that begins with one of these for a formula. On
// export such a cell gets an apostrophe, and one that has apostrophes there
// already gets one more; on import one is taken away.
const formulaStarts = "=+-@\t\r"

func isFormula(s string) bool {
	s = strings.TrimLeft(s, "'")
	return s != "" && strings.IndexByte(formulaStarts, s[0]) >= 0
}

func guard(s string) string {
	if isFormula(s) {
		return "'" + s
	}
	return s
}

func unguard(s string) string {
	if strings.HasPrefix(s, "'") && isFormula(s) {
		return s[1:]
	}
	return s
}
