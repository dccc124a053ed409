//go:build fault

package sim

import (
	"signalbox/connectors"
	"signalbox/correlate"
	"signalbox/correlate/engine"
	"signalbox/itsm/desk"
)

var faultAckEarly bool

// Plant turns on the fault of that name wherever it lives, and every other one
// off; "" is none. It reports whether there is one.
func Plant(name string) (found bool) {
	faultAckEarly = name == "acknowledged early"
	found = faultAckEarly || name == ""
	for _, plant := range []func(string) bool{correlate.Plant, engine.Plant, desk.Plant, connectors.Plant} {
		found = plant(name) || found
	}
	return found
}
