package cmdb

import "strings"

// Direction says which way failure travels along a relation.
type Direction uint8

// Directions.
const (
	ToAffectsFrom Direction = iota // depends_on: from fails when to fails
	FromAffectsTo                  // used_by: to fails when from fails
)

// RelationTypes maps a relation type to its direction of failure. Keys are
// looked up without regard to case and to how words are joined, so dependsOn,
// "depends on" and depends_on are one type.
type RelationTypes map[string]Direction

// DefaultRelationTypes returns the types that work without configuration.
func DefaultRelationTypes() RelationTypes {
	t := RelationTypes{"used_by": FromAffectsTo, "part_of": FromAffectsTo}
	for _, name := range []string{"depends_on", "runs_on", "hosted_on", "connects_to", "calls", "control_flow",
		"data_flow", "registers_with", "has_instance", "propagation"} {
		t[name] = ToAffectsFrom
	}
	return t
}

// Direction returns the direction of a type; an unknown type travels like
// depends_on.
func (t RelationTypes) Direction(name string) (d Direction, known bool) {
	if d, known = t[name]; known {
		return d, true
	}
	d, known = t[snake(name)]
	return d, known
}

// snake rewrites dependsOn, "Depends on" and depends-on as depends_on.
func snake(s string) string {
	var b strings.Builder
	lower := false // the previous byte was a lower-case letter
	for _, c := range []byte(s) {
		switch {
		case c == ' ' || c == '-':
			c = '_'
		case c >= 'A' && c <= 'Z':
			if lower {
				b.WriteByte('_')
			}
			c |= 0x20
			lower = false
			b.WriteByte(c)
			continue
		}
		lower = c >= 'a' && c <= 'z'
		b.WriteByte(c)
	}
	return b.String()
}

// half is one end of a relation as seen from the other end.
type half struct {
	to  Ref
	typ uint16 // index into Graph.relTypes
	src uint16 // index into Graph.srcSets: who lists it
}

// relType is a type as the graph knows it.
type relType struct {
	name string
	dir  Direction
}

// Edge is one direct dependency or dependant.
type Edge struct {
	To   Ref
	Type string
}
