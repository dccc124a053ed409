package connectors

import (
	"context"

	"signalbox/itsm"
)

// Inventory is a Connector whose partner keeps CIs and what depends on what. It is
// found by type assertion; 'signalbox cmdb pull' imports what it lists.
type Inventory interface {
	// Inventory reads everything the partner lists. It returns all of it or an
	// error: an import that prunes takes what is missing for gone. Ids are stable
	// from call to call and begin with the kind of partner, as in "datadog:service/checkout".
	Inventory(ctx context.Context) (Estate, error)
}

// Estate is what an Inventory lists, as an import takes it.
type Estate struct {
	CIs       []itsm.CI       `json:"cis"`
	Relations []itsm.Relation `json:"relations"`
	LeftOut   []string        `json:"-"` // what the partner has and no CI can be made of, one line each, for people
}

// EstateMax bounds the CIs and, apart, the relations that one Inventory reads.
const EstateMax = 200_000
