package cmdb

import (
	"slices"
	"strconv"
	"strings"

	"signalbox/itsm"
)

// Diff says what an import would change or changed. Totals are exact; each list
// holds at most ListingMax entries.
type Diff struct {
	Revision           uint64 `json:"revision"` // of the graph the document was compared with
	Source             string `json:"source"`
	CIsAdded           int    `json:"cis_added"`
	CIsChanged         int    `json:"cis_changed"`
	CIsRetired         int    `json:"cis_retired"`
	CIsUnchanged       int    `json:"cis_unchanged"`
	CIsUnlisted        int    `json:"cis_unlisted"` // not listed by this source any more, but by another
	RelationsAdded     int    `json:"relations_added"`
	RelationsRemoved   int    `json:"relations_removed"`
	RelationsUnchanged int    `json:"relations_unchanged"`

	Added            []string        `json:"added"`
	Changed          []CIChange      `json:"changed"`
	Retired          []string        `json:"retired"`
	AddedRelations   []itsm.Relation `json:"added_relations"`
	RemovedRelations []itsm.Relation `json:"removed_relations"`
	Truncated        bool            `json:"truncated"` // a list is shorter than its total
}

// CIChange is what differs in one CI.
type CIChange struct {
	ID     string        `json:"id"`
	Fields []FieldChange `json:"fields"`
}

// FieldChange is one field before and after; an attribute is "attributes.NAME"
// with its values in JSON.
type FieldChange struct {
	Field  string `json:"field"`
	Before string `json:"before"`
	After  string `json:"after"`
}

// Empty reports whether nothing would change for a reader of the CMDB.
func (d *Diff) Empty() bool {
	return d.CIsAdded+d.CIsChanged+d.CIsRetired+d.RelationsAdded+d.RelationsRemoved == 0
}

func (d *Diff) addCI(id string) {
	d.CIsAdded++
	if len(d.Added) < ListingMax {
		d.Added = append(d.Added, strings.Clone(id))
	}
}

func (d *Diff) retireCI(id string) {
	d.CIsRetired++
	if len(d.Retired) < ListingMax {
		d.Retired = append(d.Retired, strings.Clone(id))
	}
}

func (d *Diff) changeCI(id string, before, after blob) {
	d.CIsChanged++
	if len(d.Changed) < ListingMax {
		d.Changed = append(d.Changed, CIChange{ID: strings.Clone(id), Fields: fieldChanges(before, after)})
	}
}

func (d *Diff) addRelation(from, typ, to string) {
	d.RelationsAdded++
	if len(d.AddedRelations) < ListingMax {
		d.AddedRelations = append(d.AddedRelations, itsm.Relation{From: from, Type: typ, To: to})
	}
}

func (d *Diff) removeRelation(from, typ, to string) {
	d.RelationsRemoved++
	if len(d.RemovedRelations) < ListingMax {
		d.RemovedRelations = append(d.RemovedRelations, itsm.Relation{From: from, Type: typ, To: to})
	}
}

// finish sets what depends on the totals and makes empty lists [] in JSON.
func (d *Diff) finish() {
	d.Truncated = len(d.Added) < d.CIsAdded || len(d.Changed) < d.CIsChanged || len(d.Retired) < d.CIsRetired ||
		len(d.AddedRelations) < d.RelationsAdded || len(d.RemovedRelations) < d.RelationsRemoved
	d.Added, d.Retired = append([]string{}, d.Added...), append([]string{}, d.Retired...)
	d.Changed = append([]CIChange{}, d.Changed...)
	d.AddedRelations = append([]itsm.Relation{}, d.AddedRelations...)
	d.RemovedRelations = append([]itsm.Relation{}, d.RemovedRelations...)
}

// fieldChanges compares two versions of a CI field by field.
func fieldChanges(before, after blob) []FieldChange {
	var out []FieldChange
	add := func(field, a, b string) {
		if a != b {
			out = append(out, FieldChange{field, a, b})
		}
	}
	for i := fieldName; i < fieldAttributes; i++ {
		add(blobFieldNames[i], before.field(i), after.field(i))
	}
	tier := func(b blob) string {
		if b.tier() == 0 {
			return ""
		}
		return strconv.Itoa(b.tier())
	}
	add("tier", tier(before), tier(after))
	add("aliases", strings.Join(before.aliases(), ", "), strings.Join(after.aliases(), ", "))
	return append(out, attributeChanges(before.field(fieldAttributes), after.field(fieldAttributes))...)
}

// attributeChanges walks two canonical objects, whose keys are in order.
func attributeChanges(before, after string) []FieldChange {
	var out []FieldChange
	a, b := members(before), members(after)
	for len(a) > 0 || len(b) > 0 {
		c := FieldChange{}
		switch {
		case len(b) == 0 || len(a) > 0 && a[0][0] < b[0][0]:
			c.Field, c.Before, a = a[0][0], a[0][1], a[1:]
		case len(a) == 0 || b[0][0] < a[0][0]:
			c.Field, c.After, b = b[0][0], b[0][1], b[1:]
		default:
			c.Field, c.Before, c.After = a[0][0], a[0][1], b[0][1]
			a, b = a[1:], b[1:]
		}
		if c.Before != c.After {
			c.Field = "attributes." + c.Field
			out = append(out, c)
		}
	}
	return out
}

// members splits a canonical object into keys and raw values.
func members(object string) [][2]string {
	var out [][2]string
	if object == "" {
		return nil
	}
	s := scanner{b: []byte(object), line: 1}
	s.each('{', '}', func() {
		key := string(s.str())
		s.next(':')
		out = append(out, [2]string{key, string(s.canonical(nil, 1))})
	})
	slices.SortStableFunc(out, func(a, b [2]string) int { return strings.Compare(a[0], b[0]) })
	return out
}
