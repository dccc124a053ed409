//go:build !fault

package engine

// Planted faults show that the simulation finds what it is for: package
// correlate/sim turns them on in builds of its own. Here there are none.
const (
	faultGap = false // a missing entry is folded over
)
