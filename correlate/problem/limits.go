package problem

import "time"

// What a test must show.
const (
	excessMin   = 3
	excessIn    = 30 * day
	priorIn     = 90 * day
	floorCount  = 0.25 // incidents expected in floorIn of a series never seen before
	floorIn     = 30 * day
	unknownness = 0.5    // events that the floor is worth as knowledge: less is vaguer
	ownRate     = 3      // events from which on a series' own rate is never taken for less
	excessMost  = 0.0015 // chance of a cluster, looked for after each incident
	busyness    = 4      // times the square of the incidents a month: how much more a chance counts in a busy series

	periodicGaps   = 6
	periodicSpread = 0.2
	periodicLeast  = 10 * time.Minute // what comes oftener is one trouble, not a timetable

	seasonMin  = 5
	seasonMost = 0.001

	reopensMin = 2
	backWithin = 7 * day
	backMost   = 0.004

	changesMin  = 3
	ChangeIn    = time.Hour // after a change an incident may be its fault
	changesMost = 0.01

	fixesMin    = 3
	fixDice     = 0.7
	fixesLooked = 16 // newest close notes compared

	pairsMin = 3
	PairIn   = 30 * time.Minute // between the openings of two that come together
	pairMost = 0.01

	// AlikeMin is how alike in thousandths the footprint of an incident and the profile
	// of a series are when they are the same trouble.
	AlikeMin = 250
)

// Bounds.
const (
	KeptMax     = 64 // occurrences of a series
	FixBytesMax = 200
	PrintMax    = 64     // kinds of alert of a footprint
	ProfileMax  = 160    // of the footprints of a series
	commonMax   = 50_000 // kinds whose rarity is known
	nameMax     = 120    // bytes of a name in a sentence

	// apart is how long after the opening of one incident another of its signature
	// is trouble of its own, and not the same outage in two pieces.
	apart = 15 * time.Minute

	effectiveMost = 0.045   // chance of so long a silence at the old rate; below 0.05 with what the estimate leaves out
	rateLeast     = 7 * day // no rate is taken from a shorter time
	day           = 24 * time.Hour
	month         = 30 * day
)
