package cmdb

import (
	"slices"

	"signalbox/itsm"
)

// Mapping says that a label of a source names a CI in a way its name does not
// tell: {Source: "datadog", Label: "team_service", Names: "service"}.
type Mapping struct {
	Source string `json:"source,omitempty"` // "" is every source
	Label  string `json:"label"`
	Names  string `json:"names"` // what the value is: ci, host, ip, pod, workload, service or namespace
}

// mappingKinds are the values of Mapping.Names and the role they give a label.
var mappingKinds = map[string]role{
	"ci": roleCI, "host": roleHost, "ip": roleAddress, "pod": rolePod,
	"workload": roleWorkload, "service": roleService, "namespace": roleNamespace,
}

// Validate reports what is wrong with a mapping.
func (m Mapping) Validate() error {
	if m.Label == "" {
		return itsm.Errorf(itsm.Invalid, "mapping: label is empty; name the label whose value names a CI")
	}
	if _, ok := mappingKinds[m.Names]; !ok {
		return itsm.Errorf(itsm.Invalid, "mapping of label %q: names %q: expected ci, host, ip, pod, workload, service or namespace", m.Label, m.Names)
	}
	return nil
}

// WithMappings returns the graph with another mapping table and the same
// revision. Invalid mappings are left out; see Mapping.Validate.
func (g *Graph) WithMappings(ms []Mapping) *Graph {
	next := *g
	next.mappings = slices.DeleteFunc(slices.Clone(ms), func(m Mapping) bool { return m.Validate() != nil })
	return &next
}

// Mappings returns the mapping table.
func (g *Graph) Mappings() []Mapping { return slices.Clone(g.mappings) }
