//go:build !fault

package connectors

// Planted faults show that the simulation finds what it is for: package
// correlate/sim turns them on in builds of its own. Here there are none.
const (
	faultNoDoubts = false // a new process believes that nothing was sent
)
