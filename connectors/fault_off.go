//go:build !fault

package connectors

// Planted faults show that the simulation finds what it is for: package
// correlate/sim turns them on in builds of its own. Here there are none.
const (
	faultNoDoubts   = false // a new process believes that nothing was sent
	faultNoLookUp   = false // a create is repeated although an earlier one may have been carried out
	faultNoOrder    = false // what follows a failure of the same incident is sent before it
	faultBlindSweep = false // a sweep finds nothing
	faultNoEarlier  = false // a sweep looks at the present record of an incident only
)
