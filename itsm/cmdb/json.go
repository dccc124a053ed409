package cmdb

import (
	"bufio"
	"bytes"
	"errors"
	"io"
)

// json reads one document.
func (b *builder) json(r io.Reader) {
	b.doc.speaks = speaksCIs | speaksRelations
	raw, ok := b.readAll(r, JSONBytesMax)
	if !ok {
		return
	}
	p := jsonParser{b: b, scanner: scanner{b: raw, line: 1}}
	if p.peek() == 0 {
		b.fail(0, "", "", `the file is empty; expected {"cis": [...], "relations": [...]}`)
		return
	}
	p.document()
	if p.err == nil && p.peek() != 0 {
		p.failf("something follows the document")
	}
	if p.err != nil {
		b.fail(p.line, "", "", "not JSON: %v", p.err)
	}
}

// ndjson reads a value a line: a CI, a relation, or a whole document.
func (b *builder) ndjson(r io.Reader) {
	b.doc.speaks = speaksCIs | speaksRelations
	in := bufio.NewReaderSize(r, LineBytesMax)
	p := jsonParser{b: b}
	for line := 1; ; line++ {
		raw, err := in.ReadSlice('\n')
		if errors.Is(err, bufio.ErrBufferFull) {
			b.fail(line, "", "", "the line has more than %d bytes", LineBytesMax)
			for errors.Is(err, bufio.ErrBufferFull) {
				_, err = in.ReadSlice('\n')
			}
			raw = nil
		}
		if line == 1 {
			raw = bytes.TrimPrefix(raw, []byte("\xef\xbb\xbf"))
		}
		p.oneLine(raw, line)
		if err == io.EOF {
			return
		}
		if err != nil {
			b.fail(line, "", "", "reading stopped: %v", err)
			return
		}
	}
}

// oneLine reads a line of NDJSON. A line that cannot be read spoils no other.
func (p *jsonParser) oneLine(raw []byte, line int) {
	p.scanner = scanner{b: raw, line: line, text: p.text}
	if p.peek() == 0 && p.i == len(raw) {
		return
	}
	p.item(itemLine)
	if p.err == nil && p.peek() != 0 {
		p.failf("something follows the value")
	}
	if p.err != nil {
		p.b.fail(line, "", "", "not JSON: %v", p.err)
	}
}

// jsonParser reads CIs and relations out of JSON.
type jsonParser struct {
	scanner
	b     *builder
	attrs []byte
}

// document reads {"cis": [...], "relations": [...]}.
func (p *jsonParser) document() {
	p.each('{', '}', func() {
		line := p.line
		key := string(p.str())
		if p.next(':') && !p.list(key) {
			p.b.warn(line, key, "", "unknown field of the document; it is left out")
			p.skip()
		}
	})
}

// list reads the value of cis or relations.
func (p *jsonParser) list(key string) bool {
	kind := itemCI
	switch key {
	case "cis":
	case "relations":
		kind = itemRelation
	default:
		return false
	}
	if p.peek() == 'n' {
		p.skip()
		return true
	}
	p.each('[', ']', func() { p.item(kind) })
	return true
}

// skip passes over a value.
func (p *jsonParser) skip() { p.attrs = p.canonical(p.attrs[:0], 0) }

// item reads one object and hands it over.
func (p *jsonParser) item(kind itemKind) {
	it := item{kind: kind}
	p.peek()
	it.line = p.line
	if p.peek() != '{' {
		if p.skip(); p.err == nil {
			p.b.fail(it.line, "", "", "expected an object")
		}
		return
	}
	p.each('{', '}', func() {
		line := p.line
		key := p.str()
		name := internField(key)
		if name == "" {
			name = string(key)
		}
		if p.next(':') {
			p.field(&it, name, line)
		}
	})
	if p.err == nil {
		p.b.add(&it)
	}
}

// internField returns the name of a known field without allocating, or "".
func internField(key []byte) string {
	switch string(key) {
	case "id":
		return "id"
	case "name":
		return "name"
	case "class":
		return "class"
	case "env":
		return "env"
	case "tier":
		return "tier"
	case "owner":
		return "owner"
	case "support_group":
		return "support_group"
	case "aliases":
		return "aliases"
	case "attributes":
		return "attributes"
	case "from":
		return "from"
	case "type":
		return "type"
	case "to":
		return "to"
	}
	return ""
}

// field reads one value of an object.
func (p *jsonParser) field(it *item, name string, line int) {
	if ci, rel := it.stringField(name); ci >= 0 || rel >= 0 {
		p.plain(it, name, line, ci, rel)
		return
	}
	if it.kind != itemRelation {
		switch name {
		case "tier":
			it.isCI = true
			p.tierField(it, line)
			return
		case "aliases":
			it.isCI = true
			p.aliases(it, line)
			return
		case "attributes":
			it.isCI = true
			p.attributes(it, line)
			return
		}
	}
	if it.kind == itemLine {
		switch name {
		case "cis", "relations":
			it.isDocument = true
			p.list(name)
			return
		case "ci", "relation":
			it.isDocument = true
			p.item(map[string]itemKind{"ci": itemCI, "relation": itemRelation}[name])
			return
		}
	}
	p.b.unknown(it, name, line)
	p.skip()
}

// plain reads the value of a field that is a string.
func (p *jsonParser) plain(it *item, name string, line, ci, rel int) {
	c := p.peek()
	if c != '"' {
		if p.skip(); c != 'n' {
			p.b.wrong(it, line, name, string(p.attrs), "a string")
		}
		return
	}
	v := p.str()
	switch {
	case ci >= 0 && it.fields.strings[ci] != "" || rel >= 0 && it.rel[rel] != nil:
		p.b.wrong(it, line, name, string(v), "the field once")
	case ci >= 0:
		it.fields.strings[ci] = string(v)
	case len(p.scanner.text) > 0 && len(v) > 0 && &v[0] == &p.scanner.text[0]: // scratch memory
		it.rel[rel] = []byte(string(v))
	default:
		it.rel[rel] = v
	}
}

func (p *jsonParser) tierField(it *item, line int) {
	c := p.peek()
	p.skip()
	it.setTier(string(p.attrs), line, c != '"')
}

// aliases reads a list of strings or null.
func (p *jsonParser) aliases(it *item, line int) {
	if p.peek() != '[' {
		null := p.peek() == 'n'
		if p.skip(); !null {
			p.b.wrong(it, line, "aliases", string(p.attrs), "a list of strings")
		}
		return
	}
	p.each('[', ']', func() {
		if p.peek() == '"' {
			if len(it.fields.aliases) <= AliasesMax { // one too many is enough to report
				it.fields.aliases = append(it.fields.aliases, string(p.str()))
				return
			}
			p.str()
			return
		}
		p.skip()
		p.b.wrong(it, p.line, "aliases", string(p.attrs), "a list of strings")
	})
}

// attributes keeps an object in canonical form, so that equal attributes are
// equal bytes; an empty one is none.
func (p *jsonParser) attributes(it *item, line int) {
	c := p.peek()
	p.skip()
	switch {
	case c == '{' && string(p.attrs) != "{}":
		it.fields.strings[fieldAttributes] = string(p.attrs)
	case c != '{' && string(p.attrs) != "null":
		p.b.wrong(it, line, "attributes", string(p.attrs), "an object")
	}
}
