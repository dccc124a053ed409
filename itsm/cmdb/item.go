package cmdb

type itemKind uint8

const (
	itemCI itemKind = iota
	itemRelation
	itemLine // a line of NDJSON: either, or a document
)

// item is one object on its way in.
type item struct {
	kind       itemKind
	line       int
	fields     fields
	tier       string // as written, when it is no tier
	tierLine   int
	rel        [3][]byte // may share the memory of the input
	isCI       bool      // it has a field only a CI has
	isRelation bool      // it has a field only a relation has
	isDocument bool      // it held others
	bad        bool      // a field had the wrong type
}

// stringField returns the place of a field that is a plain string: in
// item.fields, or in item.rel; both are -1 for any other field.
func (it *item) stringField(name string) (ci, rel int) {
	if it.kind != itemRelation {
		for i := range fieldAttributes {
			if blobFieldNames[i] == name {
				it.isCI = true
				return i, -1
			}
		}
	}
	if it.kind != itemCI {
		for i, n := range endNames {
			if n == name {
				it.isRelation = true
				return -1, i
			}
		}
	}
	return -1, -1
}

// set stores a plain string at the place stringField found.
func (it *item) set(ci, rel int, v string) {
	if ci >= 0 {
		it.fields.strings[ci] = v
	} else {
		it.rel[rel] = []byte(v)
	}
}

// setTier reads a tier as written; null is no tier.
func (it *item) setTier(written string, line int, plain bool) {
	switch {
	case written == "null" || written == "":
	case plain && len(written) == 1 && written[0] >= '0' && written[0] <= '0'+TierMax:
		it.fields.tier = int(written[0] - '0')
	default:
		it.tier, it.tierLine = written, line
	}
}

// unknown warns about a field nobody reads.
func (b *builder) unknown(it *item, name string, line int) {
	of := "CI"
	if it.kind == itemRelation || it.isRelation {
		of = "relation"
	}
	b.warn(line, name, "", "unknown field of a "+of+"; it is left out")
}

// wrong reports a value of the wrong type, which makes the whole item unusable.
func (b *builder) wrong(it *item, line int, field, value, expected string) {
	it.bad = true
	b.fail(line, field, value, "expected %s", expected)
}

// add hands a complete item over.
func (b *builder) add(it *item) {
	switch {
	case it.bad:
		if id := it.fields.strings[fieldID]; id != "" && len(id) <= IDBytesMax {
			if i := b.intern([]byte(id)); b.doc.at[i] == docAbsent {
				b.doc.at[i] = docBroken
			}
		}
	case it.isDocument && !it.isCI && !it.isRelation:
	case it.kind == itemRelation, it.kind == itemLine && it.isRelation && it.fields.strings[fieldID] == "":
		b.relation(it.line, it.rel)
	case it.isRelation:
		b.fail(it.line, "id", it.fields.strings[fieldID], "both a CI and a relation; a line is one of them")
	default:
		if it.tier != "" {
			b.tier(it.tierLine, it.tier)
		}
		b.ci(it.line, &it.fields, it.tier != "")
	}
}
