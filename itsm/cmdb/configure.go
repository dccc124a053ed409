package cmdb

import (
	"fmt"
	"maps"
	"slices"

	"signalbox/itsm"
)

// Settings is what people configure about the CMDB: which way failure travels
// along relations of their own types, and which of their labels name a CI.
type Settings struct {
	RelationTypes map[string]Direction `json:"relation_types,omitempty"` // over the defaults
	Mappings      []Mapping            `json:"mappings,omitempty"`       // the first that fits an alert counts
}

// IsZero reports whether nothing is configured, so that no settings and empty ones
// are journaled alike.
func (s Settings) IsZero() bool { return len(s.RelationTypes)+len(s.Mappings) == 0 }

// Bounds of the settings.
const (
	settingTypesMax = 1024
	mappingsMax     = 1024 // every alert walks through the table
	settingBytesMax = 256  // a type's, label's or source's name
)

// Validate reports everything that cannot work, each with its field.
func (s Settings) Validate() []itsm.FieldError {
	var out []itsm.FieldError
	bad := func(field, value, expected string, args ...any) {
		if value == "" {
			value = "missing"
		}
		out = append(out, itsm.FieldError{Field: field, Value: value, Expected: fmt.Sprintf(expected, args...)})
	}
	if n := len(s.RelationTypes); n > settingTypesMax {
		bad("relation_types", fmt.Sprint(n), "at most %d types", settingTypesMax)
	}
	seen := map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(s.RelationTypes)) {
		field, as := "relation_types."+name, snake(name)
		if name == "" || len(name) > settingBytesMax {
			bad(field, name, "a name of 1 to %d bytes", settingBytesMax)
		}
		if other, twice := seen[as]; twice {
			bad(field, name, "one line for each type; %q and this are one, %s", other, as)
		}
		seen[as] = name
	}
	if n := len(s.Mappings); n > mappingsMax {
		bad("mappings", fmt.Sprint(n), "at most %d mappings", mappingsMax)
	}
	for i, m := range s.Mappings {
		field := fmt.Sprintf("mappings[%d]", i)
		if m.Label == "" || len(m.Label) > settingBytesMax {
			bad(field+".label", m.Label, "the name of the label whose value names a CI, 1 to %d bytes", settingBytesMax)
		}
		if _, ok := mappingKinds[m.Names]; !ok {
			bad(field+".names", m.Names, "what the label's value is: ci, host, ip, pod, workload, service or namespace")
		}
		if len(m.Source) > settingBytesMax {
			bad(field+".source", m.Source, "at most %d bytes", settingBytesMax)
		}
	}
	return out
}

// Types returns the defaults with the configured directions over them.
func (s Settings) Types() RelationTypes {
	t := DefaultRelationTypes()
	for name, d := range s.RelationTypes {
		t[snake(name)] = d
	}
	return t
}

// Configure returns the graph as the settings have it: itself when that is what
// it is, else the next revision, so that a revision always walks and binds alike.
func (g *Graph) Configure(s Settings) *Graph {
	types := s.Types()
	if maps.Equal(types, g.types) && slices.Equal(s.Mappings, g.mappings) {
		return g
	}
	next := g.WithTypes(types).WithMappings(s.Mappings)
	next.revision++
	return next
}

// Direction returns which way failure travels along relations of a type; an
// unknown type travels like depends_on.
func (g *Graph) Direction(typ string) Direction {
	d, _ := g.types.Direction(typ)
	return d
}

// directionWords are the names of the directions in a configuration.
var directionWords = [...]string{ToAffectsFrom: "to_affects_from", FromAffectsTo: "from_affects_to"}

// String returns the configuration's word.
func (d Direction) String() string { return directionWords[d] }

// MarshalText implements encoding.TextMarshaler.
func (d Direction) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (d *Direction) UnmarshalText(b []byte) error {
	i := slices.Index(directionWords[:], string(b))
	if i < 0 {
		return itsm.Errorf(itsm.Invalid, "expected from_affects_to (to is affected when from fails) or to_affects_from (the reverse)")
	}
	*d = Direction(i)
	return nil
}
