package correlate

import (
	"strconv"

	"signalbox/itsm"
)

// because is the reason of a level, kept as data and written out when a record
// is made.
type because struct {
	kind reason
	name string
	n, m int32
}

// reason says which sentence it is.
type reason uint8

const (
	whyTier1Service reason = iota + 1
	whyManyServices
	whyShare
	whyTier2Service
	whyUnknownTierService
	whyLowTier
	whyTier1CI
	whyTier2CI
	whyUnknown
	whyUnknownInfo
	whyCriticalFacing
	whyCriticalUnknown
	whyCriticalGrowing
	whyCriticalInside
	whyMajorGrowing
	whyMajor
	whyFlappingTier1
	whyLesser
	whyRule
)

// String writes the sentence.
func (b because) String() string {
	w := b.words()
	return w[0] + w[1] + w[2] + w[3] + w[4]
}

// append adds the sentence to others.
func (b because) append(to []byte) []byte {
	w := b.words()
	for n := range w {
		to = append(to, w[n]...)
	}
	return to
}

// sentenceUsual is the room that nearly every sentence fits in, in bytes.
const sentenceUsual = 192

// words are the parts of the sentence. It is in every page and every record of an
// incident, so it is put together without fmt.
func (b because) words() [5]string {
	switch b.kind {
	case whyTier1Service:
		return [5]string{"tier-1 service ", b.name, " is affected"}
	case whyManyServices:
		return [5]string{itoa(b.n), " services are affected"}
	case whyShare:
		return [5]string{itoa(b.n), " of the ", itoa(b.m) + " CIs of service ", b.name, " alert"}
	case whyTier2Service:
		return [5]string{"tier-2 service ", b.name, " is affected"}
	case whyUnknownTierService:
		return [5]string{"service ", b.name, " is affected; the CMDB gives no tier, which counts as tier 2"}
	case whyLowTier:
		return [5]string{"nothing of tier 1 or 2 is affected"}
	case whyTier1CI:
		return [5]string{"a tier-1 CI is affected"}
	case whyTier2CI:
		return [5]string{"a tier-2 CI is affected"}
	case whyUnknown:
		return [5]string{"the CMDB does not say what depends on it, which counts as tier 2"}
	case whyUnknownInfo:
		return [5]string{"the CMDB does not say what depends on it, and the alert is for information"}
	case whyCriticalFacing:
		return [5]string{"critical, and service ", b.name, " depends on it"}
	case whyCriticalUnknown:
		return [5]string{"critical, and the CMDB does not rule out that users notice"}
	case whyCriticalGrowing:
		return [5]string{"critical and growing: ", itoa(b.n), " CIs, twice as many as at the start of the window"}
	case whyCriticalInside:
		return [5]string{"critical, but nothing that users see depends on it and it does not grow"}
	case whyMajorGrowing:
		return [5]string{"major and growing: ", itoa(b.n), " CIs, twice as many as at the start of the window"}
	case whyMajor:
		return [5]string{"major"}
	case whyFlappingTier1:
		return [5]string{"something of tier 1 is flapping"}
	case whyRule:
		return [5]string{"rule ", b.name, " says so"}
	case whyLesser:
		return [5]string{"nothing worse than ", b.name}
	}
	return [5]string{}
}

func itoa(n int32) string { return strconv.Itoa(int(n)) }

// effectiveTier is the tier a CI counts with; an unknown one counts as 2.
func effectiveTier(tier int) int {
	if tier == 0 {
		return 2
	}
	return tier
}

// Limits of the impact rules.
const (
	manyServices   = 3 // services from which impact is high
	shareOfService = 4 // impact is high above one in so many CIs of a service
	shareAlertsMin = 2 // one CI is never a share, however small the service
)

// assess computes impact, urgency and priority of i from what its members hit.
// The worst severity of the epoch counts, so a priority does not fall and rise
// again as single alerts clear; a person's override is kept beside it.
func (s *State) assess(i *incident) {
	i.impact, i.impactWhy = i.assessImpact()
	i.urgency, i.urgencyWhy = i.assessUrgency()
	i.computed = itsm.PriorityOf(i.impact, i.urgency)
	s.govern(i)
}

func (i *incident) priority() itsm.Priority {
	if i.override != 0 {
		return i.override
	}
	return i.computed
}

func (i *incident) assessImpact() (itsm.Level, because) {
	best, share := i.weighServices()
	var v affected // the affected service of the best tier
	if best >= 0 {
		v = i.services[best]
	}
	switch {
	case v.tier == 1:
		return itsm.High, because{kind: whyTier1Service, name: v.id}
	case i.bestTier == 1:
		return itsm.High, because{kind: whyTier1CI}
	case len(i.services) >= manyServices:
		return itsm.High, because{kind: whyManyServices, n: int32(len(i.services))}
	case share >= 0:
		w := i.services[share]
		return itsm.High, because{kind: whyShare, name: w.id, n: int32(w.hit), m: int32(w.cis)}
	case v.tier == 2:
		return itsm.Medium, because{kind: whyTier2Service, name: v.id}
	case i.bestTier == 2:
		return itsm.Medium, because{kind: whyTier2CI}
	case i.worst == itsm.Info && (i.unknown || best >= 0 && v.tier == 0):
		return itsm.Low, because{kind: whyUnknownInfo}
	case best >= 0 && v.tier == 0:
		return itsm.Medium, because{kind: whyUnknownTierService, name: v.id}
	case i.unknown:
		return itsm.Medium, because{kind: whyUnknown}
	}
	return itsm.Low, because{kind: whyLowTier}
}

// weighServices returns the affected service of the best tier, and the first of
// which a large share alerts; -1: none.
func (i *incident) weighServices() (best, share int) {
	best, share = -1, -1
	for n := range i.services {
		v := &i.services[n]
		if best < 0 || effectiveTier(v.tier) < effectiveTier(i.services[best].tier) {
			best = n
		}
		if share < 0 && v.hit >= shareAlertsMin && v.hit*shareOfService > v.cis {
			share = n
		}
	}
	return best, share
}

func (i *incident) assessUrgency() (itsm.Level, because) {
	n := int32(len(i.cis.list))
	switch i.worst {
	case itsm.Critical:
		switch {
		case len(i.services) > 0:
			return itsm.High, because{kind: whyCriticalFacing, name: i.worstService()}
		case i.unknown || i.bestTier == 1 || i.bestTier == 2:
			return itsm.High, because{kind: whyCriticalUnknown}
		case i.grown:
			return itsm.High, because{kind: whyCriticalGrowing, n: n}
		}
		return itsm.Medium, because{kind: whyCriticalInside}
	case itsm.Major:
		if i.grown {
			return itsm.High, because{kind: whyMajorGrowing, n: n}
		}
		return itsm.Medium, because{kind: whyMajor}
	}
	if i.flapping > 0 && (i.impactWhy.kind == whyTier1CI || i.impactWhy.kind == whyTier1Service) {
		return itsm.Medium, because{kind: whyFlappingTier1}
	}
	return itsm.Low, because{kind: whyLesser, name: i.worst.String()}
}

// noteGrowth is called when a CI came to i. With n CIs, the count was at most
// n/2 when the window began exactly if the CI in the middle came within it.
func (s *State) noteGrowth(i *incident) {
	n := len(i.cis.list)
	if !i.grown && n >= 2*s.cfg.GrowthCIsMin && s.now.Sub(i.cis.list[n/2].at) < s.cfg.GrowthWindow.Std() {
		i.grown = true
	}
}
