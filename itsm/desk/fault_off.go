//go:build !fault

package desk

// Planted faults show that the simulation finds what it is for: package
// correlate/sim turns them on in builds of its own. Here there are none.
const (
	faultOutboxApart = false // intents are stored after the transaction of their state
	faultCursorFirst = false // the cursor is stored before what it covers
)

func (*application) putApart() error { return nil }
