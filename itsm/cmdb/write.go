package cmdb

import (
	"bufio"
	"encoding/csv"
	"io"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"signalbox/itsm"
)

// Write exports the CIs and relations. CIs come by id, relations by the CI that
// depends: equal contents give equal bytes, however they came about.
func (g *Graph) Write(format Format, w io.Writer) error {
	out := &exporter{g: g, w: bufio.NewWriterSize(w, 1<<16)}
	switch format {
	case JSON:
		out.json()
	case NDJSON:
		out.ndjson()
	case YAML:
		out.yaml()
	case CSVCIs, CSVRelations:
		out.csv(format)
	default:
		return itsm.Errorf(itsm.Invalid, "format %q: expected json, ndjson, yaml, csv-cis or csv-relations", format)
	}
	return out.w.Flush() // bufio keeps the first error of any write
}

// exporter is one Write under way.
type exporter struct {
	g   *Graph
	w   *bufio.Writer
	buf []byte
}

// inOrder returns the CIs that are not retired, by id.
func (g *Graph) inOrder() []Ref { return slices.DeleteFunc(g.everyRef(), g.Retired) }

func (x *exporter) eachCI(fn func(b blob)) {
	for _, r := range x.g.inOrder() {
		fn(x.g.recs.at(int(r)).blob)
	}
}

// eachRelation calls fn in an order that depends on the contents only: places
// in the graph's table of types depend on its past.
func (x *exporter) eachRelation(fn func(from, typ, to string)) {
	g := x.g
	var list []half
	for _, r := range g.inOrder() {
		list = append(list[:0], *g.deps.at(int(r))...)
		slices.SortFunc(list, func(a, b half) int {
			if c := g.compare(a.to, b.to); c != 0 {
				return c
			}
			return strings.Compare(g.relTypes[a.typ].name, g.relTypes[b.typ].name)
		})
		for _, h := range list {
			from, to := g.written(r, h)
			fn(g.ID(from), g.relTypes[h.typ].name, g.ID(to))
		}
	}
}

func (x *exporter) json() {
	x.buf = append(x.buf, `{"cis": [`...)
	sep := "\n"
	x.eachCI(func(b blob) {
		x.buf = appendCI(append(x.buf, sep...), b, &jsonStyle)
		x.flush()
		sep = ",\n"
	})
	x.buf = append(x.buf, "\n], \"relations\": ["...)
	sep = "\n"
	x.eachRelation(func(from, typ, to string) {
		x.buf = appendRelation(append(x.buf, sep...), from, typ, to, &jsonStyle)
		x.flush()
		sep = ",\n"
	})
	x.buf = append(x.buf, "\n]}\n"...)
	x.flush()
}

// flush hands over what is in buf. An error stays in the bufio.Writer.
func (x *exporter) flush() {
	_, _ = x.w.Write(x.buf)
	x.buf = x.buf[:0]
}

func (x *exporter) ndjson() {
	x.eachCI(func(b blob) {
		x.buf = append(appendCI(x.buf, b, &jsonStyle), '\n')
		x.flush()
	})
	x.eachRelation(func(from, typ, to string) {
		x.buf = append(appendRelation(x.buf, from, typ, to, &jsonStyle), '\n')
		x.flush()
	})
}

func (x *exporter) yaml() {
	x.buf = append(x.buf, "cis:\n"...)
	x.eachCI(func(b blob) {
		x.buf = append(appendCI(append(x.buf, "- "...), b, &yamlStyle), '\n')
		x.flush()
	})
	x.buf = append(x.buf, "relations:\n"...)
	x.eachRelation(func(from, typ, to string) {
		x.buf = append(appendRelation(append(x.buf, "- "...), from, typ, to, &yamlStyle), '\n')
		x.flush()
	})
	x.flush()
}

// style is how strings and keys are written.
type style struct {
	text  func(dst []byte, s string) []byte
	open  string // before the first field
	key   func(dst []byte, name string) []byte
	next  string // between fields
	close string
}

var jsonStyle = style{
	text: appendJSON[string], open: "{", next: ", ", close: "}",
	key: func(dst []byte, name string) []byte { return append(append(append(dst, '"'), name...), "\": "...) },
}

var yamlStyle = style{
	text: appendYAML, next: "\n  ",
	key: func(dst []byte, name string) []byte { return append(append(dst, name...), ": "...) },
}

// appendCI writes the fields that are set, in the order of the documentation.
func appendCI(dst []byte, b blob, st *style) []byte {
	dst = append(dst, st.open...)
	for i := fieldID; i <= fieldEnv; i++ {
		dst = appendText(dst, blobFieldNames[i], b.field(i), i > fieldID, st)
	}
	if t := b.tier(); t > 0 {
		dst = strconv.AppendInt(st.key(append(dst, st.next...), "tier"), int64(t), 10)
	}
	dst = appendText(dst, "owner", b.field(fieldOwner), true, st)
	dst = appendText(dst, "support_group", b.field(fieldGroup), true, st)
	if list := b.aliases(); len(list) > 0 {
		dst = appendList(st.key(append(dst, st.next...), "aliases"), list, st)
	}
	if a := b.field(fieldAttributes); a != "" {
		dst = st.key(append(dst, st.next...), "attributes")
		if st == &yamlStyle {
			dst = appendFlow(dst, a)
		} else {
			dst = append(dst, a...)
		}
	}
	return append(dst, st.close...)
}

func appendText(dst []byte, name, value string, more bool, st *style) []byte {
	if value == "" {
		return dst
	}
	if more {
		dst = append(dst, st.next...)
	}
	return st.text(st.key(dst, name), value)
}

func appendList(dst []byte, list []string, st *style) []byte {
	dst = append(dst, '[')
	for i, s := range list {
		if i > 0 {
			dst = append(dst, ", "...)
		}
		dst = st.text(dst, s)
	}
	return append(dst, ']')
}

func appendRelation(dst []byte, from, typ, to string, st *style) []byte {
	dst = append(dst, st.open...)
	dst = appendText(dst, "from", from, false, st)
	dst = appendText(dst, "type", typ, true, st)
	dst = appendText(dst, "to", to, true, st)
	return append(dst, st.close...)
}

// appendYAML writes a double-quoted scalar. YAML allows fewer characters to
// stand for themselves than JSON, and folds some line breaks JSON does not know.
func appendYAML(dst []byte, s string) []byte {
	dst = append(dst, '"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			dst = append(dst, '\\', byte(r))
		case r < 0x20 || r >= 0x7f && r < 0xa0 || r == 0x2028 || r == 0x2029 || r == 0xfeff || r >= 0xfff0 && r <= 0xffff:
			dst = append(dst, '\\', 'u', hexDigits[r>>12&15], hexDigits[r>>8&15], hexDigits[r>>4&15], hexDigits[r&15])
		default:
			dst = utf8.AppendRune(dst, r)
		}
	}
	return append(dst, '"')
}

// yamlKeyMax is the longest key YAML takes without a mark in front of it.
const yamlKeyMax = 512

// appendFlow writes canonical JSON as a YAML flow collection.
func appendFlow(dst []byte, canonical string) []byte {
	s := scanner{b: []byte(canonical), line: 1}
	return s.flow(dst)
}

// flow writes the next value in YAML.
func (s *scanner) flow(dst []byte) []byte {
	first := true
	next := func() {
		if !first {
			dst = append(dst, ", "...)
		}
		first = false
	}
	switch s.peek() {
	case '"':
		return appendYAML(dst, string(s.str()))
	case '[':
		dst = append(dst, '[')
		s.each('[', ']', func() { next(); dst = s.flow(dst) })
		return append(dst, ']')
	case '{':
		dst = append(dst, '{')
		s.each('{', '}', func() {
			next()
			key := string(s.str())
			s.next(':')
			if len(key) > yamlKeyMax {
				dst = append(dst, "? "...)
			}
			dst = append(appendYAML(dst, key), ": "...)
			dst = s.flow(dst)
		})
		return append(dst, '}')
	}
	return append(dst, s.word()...)
}

func (x *exporter) csv(format Format) {
	out := csv.NewWriter(x.w)
	if format == CSVRelations {
		_ = out.Write(relationColumns) // errors stay in x.w, too
		x.eachRelation(func(from, typ, to string) { _ = out.Write([]string{guard(from), guard(typ), guard(to)}) })
		out.Flush()
		return
	}
	_ = out.Write(ciColumns)
	x.eachCI(func(b blob) {
		tier := ""
		if t := b.tier(); t > 0 {
			tier = strconv.Itoa(t)
		}
		row := []string{b.field(fieldID), b.field(fieldName), b.field(fieldClass), b.field(fieldEnv), tier,
			b.field(fieldOwner), b.field(fieldGroup), aliasesCell(b.aliases()), b.field(fieldAttributes)}
		for i := range row {
			row[i] = guard(row[i])
		}
		_ = out.Write(row)
	})
	out.Flush()
}

// aliasesCell is what csv.go reads: bars where that is unambiguous, else a list.
func aliasesCell(list []string) string {
	plain := strings.Join(list, "|")
	if strings.Count(plain, "|") > max(len(list)-1, 0) || strings.HasPrefix(plain, "[") {
		return string(appendList(nil, list, &jsonStyle))
	}
	return plain
}
