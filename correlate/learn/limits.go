package learn

import "time"

// What a suggestion must show. The first four are those of learned relations.
const (
	PairWindow  = 5 * time.Minute
	HalfLife    = 14 * 24 * time.Hour // after which an occurrence counts half
	countMin    = 4                   // occurrences together, by weight
	liftMin     = 5.0                 // times as often as chance
	confidence  = 0.4                 // of one, given the other
	chanceMax   = 1e-4                // probability of as many by chance
	joinedShare = 0.8                 // already in one incident: nothing to propose

	ClearWithin  = 5 * time.Minute
	clearMin     = 10   // episodes that ended
	clearWilson  = 0.8  // lower bound of the share that cleared by itself
	untouchedMin = 3    // incidents that need not have been
	noisyMin     = 20   // episodes that opened an incident
	noisyActed   = 0.05 // share of them that people acted on, at most
	actedMin     = 10   // episodes that people acted on in all, to know that they do
	holdMax      = 15 * time.Minute

	everywhereMin   = 10  // partners of a kind that goes off with everything
	everywhereShare = 0.3 // of all kinds that are frequent enough

	bindMin   = 3   // alerts that would bind
	bindShare = 0.5 // of the different values of the label
)

// Bounds.
const (
	SuggestionsMax   = 50 // of each kind
	ExamplesMax      = 3  // of each suggestion
	partnersMax      = 3  // suggestions that one kind of alert takes part in
	templatesMax     = 20_000
	alertsMax        = 300_000
	episodesMax      = 1_000_000
	pairsMax         = 400_000
	pairIdle         = 7 * 24 * time.Hour // a pair seen once is forgotten after it, when there are too many
	sweepEvery       = 24 * time.Hour
	pairEpisodes     = 8     // episodes kept of a pair
	stormTemplates   = 100   // kinds that begin within one window: too many to tell who goes with whom
	labelValuesMax   = 1_000 // values kept of one label of one source
	labelSourcesMax  = 2_000 // labels of all sources
	sharedLabelsKept = 2     // labels that a drafted rule groups by
	nameMax          = 120   // bytes of a name in a sentence
)
