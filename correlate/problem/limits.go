package problem

import "time"

// What a test must show. What is called a chance that may be spent is shared by all the
// looks at a series, see spent.
const (
	excessMin  = 3
	excessIn   = 30 * day
	priorIn    = 90 * day
	unknownIn  = 3 * day // in which a series may bring one by chance while nothing is known of it
	excessMost = 0.011   // chance of a cluster that may be spent
	youngMost  = 0.032   // chance of so many since the watch began that may be spent

	periodicGaps   = 6
	periodicSpread = 0.2
	periodicStep   = 0.02             // spread that is allowed for each gap beyond periodicFree
	periodicFree   = 4                // gaps that are as regular by chance
	periodicLeast  = 10 * time.Minute // what comes oftener is one trouble, not a timetable

	seasonMin  = 5
	seasonMost = 0.001
	seasonAll  = 0.03 // chance of a season that may be spent

	reopensMin = 2
	backWithin = 7 * day
	backMost   = 0.013 // chance of coming back so soon that may be spent

	changesMin  = 3
	ChangeIn    = time.Hour // after a change an incident may be its fault
	changesMost = 0.015     // chance of as many after changes that may be spent

	fixesMin    = 3
	fixDice     = 0.7
	fixesLooked = 16 // newest close notes compared

	pairsMin = 3
	PairIn   = 30 * time.Minute // between the openings of two that come together
	pairMost = 0.015            // chance of coming together as often that may be spent, on all pairs

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
