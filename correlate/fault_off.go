//go:build !fault

package correlate

import "signalbox/itsm/entry"

// Planted faults show that the simulation finds what it is for: package
// correlate/sim turns them on in builds of its own. Here there are none.
const (
	faultWallClock   = false // order of events is when they came, not when they happened
	faultNoVersion   = false // a partner's report is taken as a change, whatever its version
	faultTTLEcho     = false // a partner is spared what it was told lately, not what came from it
	faultMapOrder    = false // sorted keys are not sorted
	faultLostTimers  = false // a decoded state has no timers
	faultLostRepeats = false // an encoded state forgets outcomes of acts
	faultTruncated   = false // what a delivery of a group leaves out is cleared
	faultNoTombstone = false // the clear of an unknown alert is forgotten
	faultRepeat      = false // a repeat begins the next episode
	faultMergeLoses  = false // a merge leaves the last member behind
	faultUncounted   = false // undecodable parts are not counted
	faultKeyReused   = false // an intent's key names neither epoch nor serial
	faultDelta       = false // what a partner delivers again is applied again
	faultOldRecord   = false // what a partner says of an old record is taken for the present one
	faultEchoCounts  = false // a priority come back is a person's
)

func (*State) clearAbsent(*source, *entry.Delivery) {}
