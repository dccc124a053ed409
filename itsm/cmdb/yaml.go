package cmdb

import (
	"bytes"
	"io"
	"math"
	"strconv"

	"go.yaml.in/yaml/v3"
)

// yaml reads a document through its nodes, which know their lines. Aliases are
// followed within YAMLNodesMax, so a small file cannot grow without bound.
func (b *builder) yaml(r io.Reader) {
	b.doc.speaks = speaksCIs | speaksRelations
	raw, ok := b.readAll(r, YAMLBytesMax)
	if !ok {
		return
	}
	var root yaml.Node
	d := yaml.NewDecoder(bytes.NewReader(raw))
	if err := d.Decode(&root); err != nil {
		if err == io.EOF {
			b.fail(0, "", "", "the file is empty; expected cis: and relations:")
			return
		}
		b.fail(0, "", "", "not YAML: %v", err)
		return
	}
	if err := d.Decode(new(yaml.Node)); err != io.EOF {
		b.fail(0, "", "", "expected one YAML document; something follows it")
	}
	p := yamlParser{b: b, left: YAMLNodesMax}
	if len(root.Content) == 1 {
		p.document(root.Content[0])
	}
	if p.left <= 0 {
		b.fail(0, "", "", "more than %d values; use ndjson, which is read line by line", YAMLNodesMax)
	}
}

// yamlParser reads CIs and relations out of YAML nodes.
type yamlParser struct {
	b    *builder
	left int // nodes that may still be visited
}

// resolve follows an alias and spends one visit; nil when none are left.
func (p *yamlParser) resolve(n *yaml.Node) *yaml.Node {
	p.left--
	for n.Kind == yaml.AliasNode && p.left > 0 {
		n = n.Alias
		p.left--
	}
	if p.left <= 0 {
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!null", Line: n.Line}
	}
	return n
}

func (p *yamlParser) document(n *yaml.Node) {
	if n = p.resolve(n); n.Kind != yaml.MappingNode {
		p.b.fail(n.Line, "", "", "expected cis: and relations:")
		return
	}
	p.pairs(n, func(key string, line int, v *yaml.Node) {
		kind := itemCI
		switch key {
		case "cis":
		case "relations":
			kind = itemRelation
		default:
			p.b.warn(line, key, "", "unknown field of the document; it is left out")
			return
		}
		switch {
		case isNull(v):
		case v.Kind != yaml.SequenceNode:
			p.b.fail(v.Line, key, "", "expected a list")
		default:
			for _, e := range v.Content {
				p.item(p.resolve(e), kind)
			}
		}
	})
}

// pairs calls fn for every key of a mapping; a key stands once.
func (p *yamlParser) pairs(n *yaml.Node, fn func(key string, line int, v *yaml.Node)) {
	seen := make(map[string]bool, len(n.Content)/2)
	for i := 0; i+1 < len(n.Content); i += 2 {
		k := p.resolve(n.Content[i])
		if k.Kind != yaml.ScalarNode {
			p.b.fail(k.Line, "", "", "expected a plain key")
			continue
		}
		if seen[k.Value] {
			p.b.fail(k.Line, k.Value, "", "expected the field once")
			continue
		}
		seen[k.Value] = true
		fn(k.Value, k.Line, p.resolve(n.Content[i+1]))
	}
}

func isNull(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null" }

// item reads one mapping and hands it over.
func (p *yamlParser) item(n *yaml.Node, kind itemKind) {
	if p.left <= 0 {
		return
	}
	it := item{kind: kind, line: n.Line}
	if n.Kind != yaml.MappingNode {
		p.b.fail(n.Line, "", "", "expected fields such as id: and name:")
		return
	}
	p.pairs(n, func(key string, line int, v *yaml.Node) { p.field(&it, key, line, v) })
	p.b.add(&it)
}

func (p *yamlParser) field(it *item, key string, line int, v *yaml.Node) {
	if ci, rel := it.stringField(key); ci >= 0 || rel >= 0 {
		switch {
		case isNull(v):
		case v.Kind != yaml.ScalarNode:
			p.b.wrong(it, line, key, "", "a text")
		default:
			it.set(ci, rel, v.Value) // 10262 is a fine id without quotes
		}
		return
	}
	switch {
	case it.kind == itemCI && key == "tier":
		if v.Kind != yaml.ScalarNode {
			p.b.wrong(it, line, key, "", "a number")
		} else if !isNull(v) {
			it.setTier(v.Value, line, v.ShortTag() == "!!int")
		}
	case it.kind == itemCI && key == "aliases":
		p.aliases(it, line, v)
	case it.kind == itemCI && key == "attributes":
		p.attributes(it, line, v)
	default:
		p.b.unknown(it, key, line)
	}
}

func (p *yamlParser) aliases(it *item, line int, v *yaml.Node) {
	if isNull(v) {
		return
	}
	if v.Kind != yaml.SequenceNode {
		p.b.wrong(it, line, "aliases", v.Value, "a list of texts")
		return
	}
	for _, e := range v.Content {
		if e = p.resolve(e); e.Kind != yaml.ScalarNode || isNull(e) {
			p.b.wrong(it, e.Line, "aliases", "", "a list of texts")
			return
		}
		it.fields.aliases = append(it.fields.aliases, e.Value)
	}
}

// attributes become JSON, the one form the graph keeps.
func (p *yamlParser) attributes(it *item, line int, v *yaml.Node) {
	if isNull(v) {
		return
	}
	if v.Kind != yaml.MappingNode {
		p.b.wrong(it, line, "attributes", v.Value, "a mapping")
		return
	}
	raw, problem := p.json(nil, v, 0)
	if problem == "" && p.left > 0 {
		var err error
		if raw, err = canonicalJSON(raw); err != nil {
			problem = err.Error()
		}
	}
	switch {
	case problem != "":
		p.b.wrong(it, line, "attributes", "", "values that JSON can hold: "+problem)
	case string(raw) != "{}":
		it.fields.strings[fieldAttributes] = string(raw)
	}
}

// json appends a node as JSON, or says why that is not possible.
func (p *yamlParser) json(dst []byte, n *yaml.Node, depth int) ([]byte, string) {
	if n = p.resolve(n); depth > AttributeDepthMax {
		return dst, "nested too deep"
	}
	if len(dst) > 2*AttributesMax {
		return dst, "too large"
	}
	var problem string
	switch n.Kind {
	case yaml.SequenceNode:
		dst = append(dst, '[')
		for i, e := range n.Content {
			if i > 0 {
				dst = append(dst, ',')
			}
			if dst, problem = p.json(dst, e, depth+1); problem != "" {
				return dst, problem
			}
		}
		return append(dst, ']'), ""
	case yaml.MappingNode:
		dst = append(dst, '{')
		for i := 0; i+1 < len(n.Content); i += 2 {
			k := p.resolve(n.Content[i])
			if k.Kind != yaml.ScalarNode {
				return dst, "a key is not plain"
			}
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = append(appendJSON(dst, k.Value), ':')
			if dst, problem = p.json(dst, n.Content[i+1], depth+1); problem != "" {
				return dst, problem
			}
		}
		return append(dst, '}'), ""
	}
	return scalarJSON(dst, n)
}

// scalarJSON keeps a number as it is written where JSON writes it the same way.
func scalarJSON(dst []byte, n *yaml.Node) ([]byte, string) {
	switch n.ShortTag() {
	case "!!null":
		return append(dst, "null"...), ""
	case "!!bool":
		var v bool
		if err := n.Decode(&v); err != nil {
			return dst, err.Error()
		}
		return strconv.AppendBool(dst, v), ""
	case "!!int", "!!float":
		if isNumber([]byte(n.Value)) {
			return append(dst, n.Value...), ""
		}
		var i int64
		if n.Decode(&i) == nil {
			return strconv.AppendInt(dst, i, 10), ""
		}
		var f float64
		if err := n.Decode(&f); err != nil || math.IsNaN(f) || math.IsInf(f, 0) {
			return dst, n.Value + " is no number of JSON"
		}
		return strconv.AppendFloat(dst, f, 'g', -1, 64), ""
	}
	return appendJSON(dst, n.Value), "" // texts, times and binary as written
}
