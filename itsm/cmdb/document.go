package cmdb

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"signalbox/itsm"
)

// Doc is what an import lists, checked as far as that goes without a graph.
type Doc struct {
	cis       []docCI
	relations []docRelation
	ids       []string // of CIs and relation ends
	at        []int32  // for each id: its place in cis, docAbsent or docBroken
	types     []string
	speaks    uint8 // what the document is about: with prune, only that is compared
	broken    bool  // it has errors and cannot be imported
}

const (
	speaksCIs uint8 = 1 << iota
	speaksRelations
)

const (
	docAbsent = -1 // named by relations only
	docBroken = -2 // listed, but with errors
)

// docCI is a CI as listed.
type docCI struct {
	blob blob
	id   uint32 // index into Doc.ids
	line int32
}

// docRelation is a relation as listed.
type docRelation struct {
	from, to uint32 // index into Doc.ids
	typ      uint16
	line     int32
}

// CIs is the number of CIs listed.
func (d *Doc) CIs() int { return len(d.cis) }

// Relations is the number of relations listed.
func (d *Doc) Relations() int { return len(d.relations) }

// RelationList returns the relations listed, in order.
func (d *Doc) RelationList() []itsm.Relation {
	out := make([]itsm.Relation, len(d.relations))
	for i, r := range d.relations {
		out[i] = itsm.Relation{From: d.ids[r.from], Type: d.types[r.typ], To: d.ids[r.to]}
	}
	return out
}

// Lines returns where each CI, by id, and each relation, in the order of
// RelationList, stands in the file.
func (d *Doc) Lines() (cis map[string]int, relations []int) {
	cis, relations = make(map[string]int, len(d.cis)), make([]int, len(d.relations))
	for _, c := range d.cis {
		cis[d.ids[c.id]] = int(c.line)
	}
	for i, r := range d.relations {
		relations[i] = int(r.line)
	}
	return cis, relations
}

// NewDoc makes a document of values, for callers that have no file. The line of
// a problem is the place in cis and then relations, from 1.
func NewDoc(cis []itsm.CI, relations []itsm.Relation) (Doc, []Problem) {
	b := newBuilder()
	for i := range cis {
		b.addCI(i+1, &cis[i])
	}
	for i, r := range relations {
		b.relation(len(cis)+i+1, [3][]byte{[]byte(r.From), []byte(r.Type), []byte(r.To)})
	}
	b.doc.speaks = speaksCIs | speaksRelations
	return b.finish()
}

// builder collects a document and everything wrong with it.
type builder struct {
	problems
	doc   Doc
	index map[string]uint32 // id → place in doc.ids
	types map[string]uint16
	last  [3]uint32 // place of the last from and to
	buf   []byte
}

func newBuilder() *builder {
	return &builder{index: make(map[string]uint32), types: make(map[string]uint16)}
}

func (b *builder) finish() (Doc, []Problem) {
	b.doc.broken = b.errors > 0
	return b.doc, b.all()
}

// intern returns the place of an id, a new one if need be.
func (b *builder) intern(id []byte) uint32 {
	if i, ok := b.index[string(id)]; ok {
		return i
	}
	i := uint32(len(b.doc.ids))
	text := string(id)
	b.index[text] = i
	b.doc.ids = append(b.doc.ids, text)
	b.doc.at = append(b.doc.at, docAbsent)
	return i
}

// end interns an end of a relation. Relations mostly come sorted by one of
// their ends, and a look-up among a million ids is what costs most here.
func (b *builder) end(k int, id []byte) uint32 {
	if last := b.last[k]; int(last) < len(b.doc.ids) && b.doc.ids[last] == string(id) {
		return last
	}
	b.last[k] = b.intern(id)
	return b.last[k]
}

// addCI adds a CI that is a value already.
func (b *builder) addCI(line int, c *itsm.CI) {
	f := fields{aliases: slices.Clone(c.Aliases), tier: c.Tier}
	f.strings = [blobStrings]string{fieldID: c.ID, fieldName: c.Name, fieldClass: c.Class, fieldEnv: c.Env, fieldOwner: c.Owner, fieldGroup: c.SupportGroup}
	if len(c.Attributes) > 0 {
		raw, err := json.Marshal(c.Attributes)
		if err == nil {
			raw, err = canonicalJSON(raw)
		}
		if err != nil {
			b.fail(line, "attributes", "", "expected values that JSON can hold: %v", err)
			return
		}
		f.strings[fieldAttributes] = string(raw)
	}
	if f.tier < 0 || f.tier > TierMax {
		b.tier(line, strconv.Itoa(f.tier))
		b.ci(line, &f, true)
		return
	}
	b.ci(line, &f, false)
}

func (b *builder) tier(line int, written string) {
	b.fail(line, "tier", written, "expected a number from 1 (most important) to %d, or no tier", TierMax)
}

// ci checks and adds one CI; bad says that a problem of it is reported already.
func (b *builder) ci(line int, f *fields, bad bool) {
	before := b.errors
	id := f.strings[fieldID]
	b.checkFields(line, f)
	if id == "" || len(id) > IDBytesMax {
		return
	}
	i := b.intern([]byte(id))
	b.buf = b.buf[:0]
	if bad || b.errors > before {
		if b.doc.at[i] == docAbsent {
			b.doc.at[i] = docBroken
		}
		return
	}
	b.buf = appendBlob(b.buf, f)
	if at := b.doc.at[i]; at >= 0 {
		if first := &b.doc.cis[at]; string(first.blob) == string(b.buf) {
			b.warn(line, "id", id, "listed twice with the same content; the second is left out")
		} else {
			b.fail(line, "id", id, "listed before, on line %d, with other content; an id names one CI", first.line)
		}
		return
	}
	b.doc.at[i] = int32(len(b.doc.cis))
	b.doc.cis = append(b.doc.cis, docCI{blob: blob(b.buf), id: i, line: int32(line)})
}

var fieldMax = [blobStrings]int{fieldID: IDBytesMax, fieldName: NameBytesMax, fieldClass: ClassBytesMax, fieldEnv: WordBytesMax,
	fieldOwner: WordBytesMax, fieldGroup: WordBytesMax, fieldAttributes: AttributesMax}

// checkFields reports everything wrong with the fields of one CI.
func (b *builder) checkFields(line int, f *fields) {
	for i := range f.strings {
		name := blobFieldNames[i]
		if i != fieldID && i != fieldAttributes {
			b.trim(line, name, &f.strings[i])
		}
		s := f.strings[i]
		switch {
		case s == "" && i <= fieldClass:
			b.fail(line, name, f.strings[fieldID], "every CI needs id, name and class; %s is missing", name)
		case len(s) > fieldMax[i]:
			b.fail(line, name, s, "%d bytes; at most %d are allowed", len(s), fieldMax[i])
		case i != fieldAttributes:
			b.checkText(line, name, s)
		}
	}
	if len(f.aliases) > AliasesMax {
		b.fail(line, "aliases", f.strings[fieldID], "%d aliases; at most %d are allowed", len(f.aliases), AliasesMax)
	}
	for i := range f.aliases {
		b.trim(line, "aliases", &f.aliases[i])
		a := f.aliases[i]
		switch {
		case a == "":
			b.fail(line, "aliases", f.strings[fieldID], "an alias is empty")
		case len(a) > NameBytesMax:
			b.fail(line, "aliases", a, "%d bytes; at most %d are allowed", len(a), NameBytesMax)
		default:
			b.checkText(line, "aliases", a)
		}
	}
}

// trim takes blanks from the ends of what people typed. An id keeps its own:
// other systems refer to it.
func (b *builder) trim(line int, field string, s *string) {
	if isPlain(*s) {
		return
	}
	if t := strings.TrimSpace(*s); t != *s {
		b.warn(line, field, "", "blanks at the ends of the text are left out")
		*s = t
	}
}

// checkText refuses what no label can carry and no terminal should show.
func (b *builder) checkText(line int, field, s string) {
	if !isPlain(s) {
		b.reportText(line, field, s)
	}
}

// isPlain reports whether s is printable ASCII without blanks at its ends, as
// nearly everything is.
func isPlain[T string | []byte](s T) bool {
	for i := 0; i < len(s); i++ {
		if s[i] < 0x20 || s[i] >= 0x7f {
			return false
		}
	}
	return len(s) == 0 || s[0] != ' ' && s[len(s)-1] != ' '
}

// reportText says what is wrong with a text, if anything is.
func (b *builder) reportText(line int, field, s string) {
	switch {
	case !utf8.ValidString(s):
		b.fail(line, field, strings.ToValidUTF8(s, "\ufffd"), "expected UTF-8 text")
	case strings.ContainsFunc(s, func(r rune) bool { return r < 0x20 || r >= 0x7f && r < 0xa0 }):
		b.fail(line, field, s, "expected text without control characters")
	case strings.TrimSpace(s) != s:
		b.fail(line, field, s, "expected text without blanks at its ends")
	}
}

// Places of the parts of a relation.
const (
	endFrom = iota
	endType
	endTo
)

var endNames = [3]string{endFrom: "from", endType: "type", endTo: "to"}

// relation checks and adds one relation. It keeps none of the memory of rel.
func (b *builder) relation(line int, rel [3][]byte) {
	before := b.errors
	for i, v := range rel {
		limit := IDBytesMax
		if i == endType {
			limit = WordBytesMax
		}
		switch {
		case len(v) == 0:
			b.fail(line, endNames[i], "", "every relation needs from, type and to; %s is missing", endNames[i])
		case len(v) > limit:
			b.fail(line, endNames[i], string(v), "%d bytes; at most %d are allowed", len(v), limit)
		case !isPlain(v):
			b.reportText(line, endNames[i], string(v))
		}
	}
	if b.errors > before {
		return
	}
	if string(rel[endFrom]) == string(rel[endTo]) {
		b.warn(line, "to", string(rel[endTo]), "a CI cannot depend on itself; the relation is left out")
		return
	}
	if t, ok := b.typeOf(line, rel[endType]); ok {
		b.doc.relations = append(b.doc.relations, docRelation{b.end(endFrom, rel[endFrom]), b.end(endTo, rel[endTo]), t, int32(line)})
	}
}

// typeOf returns the place of a relation type, a new one if need be.
func (b *builder) typeOf(line int, name []byte) (uint16, bool) {
	t, ok := b.types[string(name)]
	if !ok {
		if len(b.doc.types) >= RelationTypesMax {
			b.fail(line, "type", string(name), "more than %d relation types", RelationTypesMax)
			return 0, false
		}
		t = uint16(len(b.doc.types))
		b.types[string(name)] = t
		b.doc.types = append(b.doc.types, string(name))
	}
	return t, true
}

// sortedCIs returns the places of the CIs in the order of their ids.
func (d *Doc) sortedCIs() []int32 {
	order := make([]int32, len(d.cis))
	for i := range order {
		order[i] = int32(i)
	}
	byID := func(a, b int32) int { return strings.Compare(d.ids[d.cis[a].id], d.ids[d.cis[b].id]) }
	if !slices.IsSortedFunc(order, byID) {
		slices.SortFunc(order, byID)
	}
	return order
}
