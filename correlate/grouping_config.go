package correlate

import (
	"time"

	"signalbox/correlate/group"
)

// Grouping is the part of the configuration that decides which incident explains
// an alert, in the JSON form of the correlation block. Package group says what
// each constant does; scores and shares are thousandths.
type Grouping struct {
	Hops            int      `json:"hops"`              // H: how far down the dependencies a shared explanation is sought
	GammaMilli      int      `json:"gamma_milli"`       // γ: weight of an explanation for each hop
	ThetaMilli      int      `json:"theta_milli"`       // θ: share of a group's CIs that one CI must explain
	BetaMilli       int      `json:"beta_milli"`        // β: how much a high fan-in lowers the prior of an explanation
	Tau             Duration `json:"tau"`               // τ: how fast a group's claim on new alerts decays
	SelfMilli       int      `json:"self_milli"`        // factor for a CI that alerts itself
	JoinMilli       int      `json:"join_milli"`        // S above which an onset joins
	MaybeMilli      int      `json:"maybe_milli"`       // S from which an incident is listed as maybe related
	QuietGap        Duration `json:"quiet_gap"`         // a join by topology needs a last join younger than this
	QuietGapMin     Duration `json:"quiet_gap_min"`     // what a fast sender's rhythm may shrink QuietGap to
	Lifetime        Duration `json:"lifetime"`          // a join by topology needs an incident younger than this
	FollowOn        Duration `json:"follow_on"`         // a firing CI keeps its incident for new alerts on it this long; later ones open a follow-on
	PaceMilli       int      `json:"pace_milli"`        // quiet gap of a rule = its reporting interval × this
	PaceSamples     int      `json:"pace_samples"`      // intervals needed before a rule's rhythm is believed
	BusySlots       int      `json:"busy_slots"`        // five-minute slots with changes that make a source busy, of the last 64,
	BusyMilli       int      `json:"busy_milli"`        // and the share of the slots since its first change; only a busy source's gap shrinks
	MuteOnsets      int      `json:"mute_onsets"`       // onsets without one resolve after which a rule's alerts are taken never to resolve
	NearHops        int      `json:"near_hops"`         // undirected hops that count as near
	NearMax         int      `json:"near_max"`          // CIs after which the walk ends
	NearDegreeMax   int      `json:"near_degree_max"`   // CIs with more neighbours than this are not walked through
	BridgeFanIn     int      `json:"bridge_fan_in"`     // a shared dependency with more dependants than this bridges only as a shared explanation
	NearMilli       int      `json:"near_milli"`        // weight of nearness for each hop
	AppMax          int      `json:"app_max"`           // CIs above which what the CMDB connects is taken for several applications
	OutageMilli     int      `json:"outage_milli"`      // weight of an outage of the same application
	EnvMin          int      `json:"env_min"`           // CIs below which nothing can be said of an environment,
	EnvMilli        int      `json:"env_milli"`         // and the share of them that is connected when it is one application
	HotFanIn        int      `json:"hot_fan_in"`        // direct dependants from which a CI can turn hot
	HotMin          int      `json:"hot_min"`           // of which so many must alert
	HotShareMilli   int      `json:"hot_share_milli"`   // and this share
	HotWindow       Duration `json:"hot_window"`        // within this
	HotYoung        Duration `json:"hot_young"`         // groups younger than this become one when it turns hot
	WaveMin         int      `json:"wave_min"`          // onsets in a minute that make a wave
	WaveLullMilli   int      `json:"wave_lull_milli"`   // share of the first wave's peak at which it counts as died down
	WaveRiseMilli   int      `json:"wave_rise_milli"`   // share of the first wave's peak at which a rise counts as the second wave
	ChronicSlots    int      `json:"chronic_slots"`     // five-minute slots of the last two hours with onsets or firing that make a series chronic
	TagMilli        int      `json:"tag_milli"`         // raise for the same service and environment
	DiceMilli       int      `json:"dice_milli"`        // raise for similar titles
	LearnedMilli    int      `json:"learned_milli"`     // raise for an approved learned relation
	SparseBind      int      `json:"sparse_bind"`       // share of bound alerts under which a source is sparse
	SparseMissing   int      `json:"sparse_missing"`    // share of alerts that show a relation missing from the CMDB over which it is
	SparseSamples   int      `json:"sparse_samples"`    // onsets of a source before either is believed
	SparseMilli     int      `json:"sparse_milli"`      // weight of nearness for each hop in sparse mode
	CandidatesMax   int      `json:"candidates_max"`    // open groups looked at for one explaining CI, newest first
	CauseGammaMilli int      `json:"cause_gamma_milli"` // weight of an alert for each hop to a suspect
	CauseBetaMilli  int      `json:"cause_beta_milli"`  // how much a high fan-in lowers a suspect
	CauseTau        Duration `json:"cause_tau"`         // how fast later alerts weigh less,
	CauseLateMilli  int      `json:"cause_late_milli"`  // and what remains of them
	CauseCallMilli  int      `json:"cause_call_milli"`  // weight of an alert about a call: it may be either end's fault
	CauseKinMilli   int      `json:"cause_kin_milli"`   // share of its instances' weight that a service takes, without the heaviest

	ChangeMilli      int      `json:"change_milli"`       // raise for one change that covers both CIs
	CauseChangeMilli int      `json:"cause_change_milli"` // raise of a suspect at the moment of a change on it,
	ChangeHalfLife   Duration `json:"change_half_life"`   // and how fast it halves, as the suspicion of a change does
	ChangeGammaMilli int      `json:"change_gamma_milli"` // suspicion of a change for each hop upstream of the cause
}

// groupingOf is the inverse of Config.grouping.
func groupingOf(c group.Config) Grouping {
	return Grouping{
		Hops:            c.Hops,
		GammaMilli:      c.GammaMilli,
		ThetaMilli:      c.ThetaMilli,
		BetaMilli:       c.BetaMilli,
		Tau:             Duration(c.Tau),
		SelfMilli:       c.SelfMilli,
		JoinMilli:       c.JoinMilli,
		MaybeMilli:      c.MaybeMilli,
		QuietGap:        Duration(c.QuietGap),
		QuietGapMin:     Duration(c.QuietGapMin),
		Lifetime:        Duration(c.Lifetime),
		FollowOn:        Duration(c.FollowOn),
		PaceMilli:       c.PaceMilli,
		PaceSamples:     c.PaceSamples,
		BusySlots:       c.BusySlots,
		BusyMilli:       c.BusyMilli,
		MuteOnsets:      c.MuteOnsets,
		NearHops:        c.NearHops,
		NearMax:         c.NearMax,
		NearDegreeMax:   c.NearDegreeMax,
		BridgeFanIn:     c.BridgeFanIn,
		NearMilli:       c.NearMilli,
		AppMax:          c.AppMax,
		OutageMilli:     c.OutageMilli,
		EnvMin:          c.EnvMin,
		EnvMilli:        c.EnvMilli,
		HotFanIn:        c.HotFanIn,
		HotMin:          c.HotMin,
		HotShareMilli:   c.HotShareMilli,
		HotWindow:       Duration(c.HotWindow),
		HotYoung:        Duration(c.HotYoung),
		WaveMin:         c.WaveMin,
		WaveLullMilli:   c.WaveLullMilli,
		WaveRiseMilli:   c.WaveRiseMilli,
		ChronicSlots:    c.ChronicSlots,
		TagMilli:        c.TagMilli,
		DiceMilli:       c.DiceMilli,
		LearnedMilli:    c.LearnedMilli,
		SparseBind:      c.SparseBind,
		SparseMissing:   c.SparseMissing,
		SparseSamples:   c.SparseSamples,
		SparseMilli:     c.SparseMilli,
		CandidatesMax:   c.CandidatesMax,
		CauseGammaMilli: c.CauseGammaMilli,
		CauseBetaMilli:  c.CauseBetaMilli,
		CauseTau:        Duration(c.CauseTau),
		CauseLateMilli:  c.CauseLateMilli,
		CauseCallMilli:  c.CauseCallMilli,
		CauseKinMilli:   c.CauseKinMilli,

		ChangeMilli:      c.ChangeMilli,
		CauseChangeMilli: c.CauseChangeMilli,
		ChangeHalfLife:   Duration(c.ChangeHalfLife),
		ChangeGammaMilli: c.ChangeGammaMilli,
	}
}

// grouping is what package group is made with.
func (c *Config) grouping() group.Config {
	g := &c.Grouping
	return group.Config{
		Reopen:          time.Duration(c.ReopenWithin),
		Hops:            g.Hops,
		GammaMilli:      g.GammaMilli,
		ThetaMilli:      g.ThetaMilli,
		BetaMilli:       g.BetaMilli,
		Tau:             time.Duration(g.Tau),
		SelfMilli:       g.SelfMilli,
		JoinMilli:       g.JoinMilli,
		MaybeMilli:      g.MaybeMilli,
		QuietGap:        time.Duration(g.QuietGap),
		QuietGapMin:     time.Duration(g.QuietGapMin),
		Lifetime:        time.Duration(g.Lifetime),
		FollowOn:        time.Duration(g.FollowOn),
		PaceMilli:       g.PaceMilli,
		PaceSamples:     g.PaceSamples,
		BusySlots:       g.BusySlots,
		BusyMilli:       g.BusyMilli,
		MuteOnsets:      g.MuteOnsets,
		NearHops:        g.NearHops,
		NearMax:         g.NearMax,
		NearDegreeMax:   g.NearDegreeMax,
		BridgeFanIn:     g.BridgeFanIn,
		NearMilli:       g.NearMilli,
		AppMax:          g.AppMax,
		OutageMilli:     g.OutageMilli,
		EnvMin:          g.EnvMin,
		EnvMilli:        g.EnvMilli,
		HotFanIn:        g.HotFanIn,
		HotMin:          g.HotMin,
		HotShareMilli:   g.HotShareMilli,
		HotWindow:       time.Duration(g.HotWindow),
		HotYoung:        time.Duration(g.HotYoung),
		WaveMin:         g.WaveMin,
		WaveLullMilli:   g.WaveLullMilli,
		WaveRiseMilli:   g.WaveRiseMilli,
		ChronicSlots:    g.ChronicSlots,
		TagMilli:        g.TagMilli,
		DiceMilli:       g.DiceMilli,
		LearnedMilli:    g.LearnedMilli,
		SparseBind:      g.SparseBind,
		SparseMissing:   g.SparseMissing,
		SparseSamples:   g.SparseSamples,
		SparseMilli:     g.SparseMilli,
		CandidatesMax:   g.CandidatesMax,
		CauseGammaMilli: g.CauseGammaMilli,
		CauseBetaMilli:  g.CauseBetaMilli,
		CauseTau:        time.Duration(g.CauseTau),
		CauseLateMilli:  g.CauseLateMilli,
		CauseCallMilli:  g.CauseCallMilli,
		CauseKinMilli:   g.CauseKinMilli,

		ChangeMilli:      g.ChangeMilli,
		CauseChangeMilli: g.CauseChangeMilli,
		ChangeHalfLife:   time.Duration(g.ChangeHalfLife),
		ChangeGammaMilli: g.ChangeGammaMilli,
	}
}
