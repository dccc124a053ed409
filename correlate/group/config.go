package group

import (
	"fmt"
	"time"

	"signalbox/itsm"
)

// Config holds every constant of grouping. Scores and shares are thousandths.
type Config struct {
	Hops       int           // H: how far down the dependencies a shared explanation is sought
	GammaMilli int           // γ: weight of an explanation for each hop
	ThetaMilli int           // θ: share of a group's CIs that one CI must explain
	BetaMilli  int           // β: how much a high fan-in lowers the prior of an explanation
	Tau        time.Duration // τ: how fast a group's claim on new alerts decays
	SelfMilli  int           // factor for a CI that alerts itself

	JoinMilli  int // S above which an onset joins
	MaybeMilli int // S from which an incident is listed as maybe related

	QuietGap    time.Duration // a join by topology needs a last join younger than this
	QuietGapMin time.Duration // what a fast sender's rhythm may shrink QuietGap to
	Lifetime    time.Duration // a join by topology needs an incident younger than this
	FollowOn    time.Duration // a firing CI keeps its incident for new alerts on it this long; later ones open a follow-on
	Reopen      time.Duration // an alert that fires again this soon after its incident resolved returns to it

	PaceMilli   int // quiet gap of a rule = its reporting interval × this
	PaceSamples int // intervals needed before a rule's rhythm is believed
	BusySlots   int // five-minute slots with changes that make a source busy, of the last 64,
	BusyMilli   int // and the share of the slots since its first change; only a busy source's gap shrinks
	MuteOnsets  int // onsets without one resolve after which a rule's alerts are taken never to resolve

	NearHops      int // undirected hops that count as near
	NearMax       int // CIs after which the walk ends
	NearDegreeMax int // CIs with more neighbours than this are not walked through
	BridgeFanIn   int // a shared dependency with more dependants than this bridges only as a shared explanation
	NearMilli     int // weight of nearness for each hop

	AppMax      int // CIs above which what the CMDB connects is taken for several applications
	OutageMilli int // weight of an outage of the same application: as that of the sender's own group
	EnvMin      int // CIs below which nothing can be said of an environment,
	EnvMilli    int // and the share of them that is connected when it is one application: most

	HotFanIn      int           // direct dependants from which a CI can turn hot
	HotMin        int           // of which so many must alert
	HotShareMilli int           // and this share
	HotWindow     time.Duration // within this
	HotYoung      time.Duration // groups younger than this become one when it turns hot

	WaveMin       int // onsets in a minute that make a wave
	WaveLullMilli int // share of the first wave's peak at which it counts as died down
	WaveRiseMilli int // share of the first wave's peak at which a rise counts as the second wave
	ChronicSlots  int // five-minute slots of the last two hours with onsets or firing that make a series chronic
	TagMilli      int // raise for the same service and environment
	DiceMilli     int // raise for similar titles
	LearnedMilli  int // raise for an approved learned relation
	ChangeMilli   int // raise for one change that covers both CIs
	SparseBind    int // share of bound alerts under which a source is sparse
	SparseMissing int // share of alerts that show a relation missing from the CMDB over which it is
	SparseSamples int // onsets of a source before either is believed
	SparseMilli   int // weight of nearness for each hop in sparse mode
	CandidatesMax int // open groups looked at for one explaining CI, newest first

	CauseGammaMilli int           // weight of an alert for each hop to a suspect
	CauseBetaMilli  int           // how much a high fan-in lowers a suspect
	CauseTau        time.Duration // how fast later alerts weigh less,
	CauseLateMilli  int           // and what remains of them
	CauseCallMilli  int           // weight of an alert about a call: it may be either end's fault
	CauseKinMilli   int           // share of its instances' weight that a service takes, without the heaviest

	CauseChangeMilli int           // raise of a suspect at the moment of a change on it,
	ChangeHalfLife   time.Duration // and how fast it halves, as the suspicion of a change does
	ChangeGammaMilli int           // suspicion of a change for each hop upstream of the cause
}

// DefaultConfig returns the constants that were tuned on recorded streams.
func DefaultConfig() Config {
	return Config{
		Hops: 3, GammaMilli: 800, ThetaMilli: 750, BetaMilli: 500, Tau: 10 * time.Minute, SelfMilli: 1600,
		JoinMilli: 500, MaybeMilli: 350,
		QuietGap: 5 * time.Minute, QuietGapMin: 2 * time.Minute, Lifetime: 30 * time.Minute,
		FollowOn: 30 * time.Minute, Reopen: 10 * time.Minute,
		PaceMilli: 2250, PaceSamples: 16, BusySlots: 4, BusyMilli: 250, MuteOnsets: 60,
		NearHops: 5, NearMax: 100, NearDegreeMax: 20, BridgeFanIn: 8, NearMilli: 750,
		AppMax: 80, OutageMilli: 590, EnvMin: 10, EnvMilli: 500,
		HotFanIn: 10, HotMin: 5, HotShareMilli: 300, HotWindow: 5 * time.Minute, HotYoung: 10 * time.Minute,
		WaveMin: 20, WaveLullMilli: 240, WaveRiseMilli: 250,
		ChronicSlots: 20,
		TagMilli:     500, DiceMilli: 400, LearnedMilli: 600,
		SparseBind: 800, SparseMissing: 200, SparseSamples: 50, SparseMilli: 900,
		CandidatesMax:   32,
		CauseGammaMilli: 500, CauseBetaMilli: 500, CauseTau: 90 * time.Second, CauseLateMilli: 300, CauseCallMilli: 350, CauseKinMilli: 800,
		ChangeMilli: 500, CauseChangeMilli: 500, ChangeHalfLife: 30 * time.Minute, ChangeGammaMilli: 800,
	}
}

// Validate reports every constant that cannot work, by the name it has in the
// configuration.
func (c Config) Validate() []itsm.FieldError {
	var out []itsm.FieldError
	bad := func(field string, v any, expected string) {
		out = append(out, itsm.FieldError{Field: field, Value: fmt.Sprint(v), Expected: expected})
	}
	for _, b := range c.numbers() {
		if b.v < b.lo || b.v > b.hi {
			bad(b.name, b.v, fmt.Sprintf("%d to %d", b.lo, b.hi))
		}
	}
	if c.MaybeMilli > c.JoinMilli {
		bad("maybe_milli", c.MaybeMilli, fmt.Sprintf("at most join_milli, %d", c.JoinMilli))
	}
	for _, b := range c.times() {
		if b.v < b.min || b.v > timeMax {
			bad(b.name, b.v, fmt.Sprintf("%v to %v", b.min, timeMax))
		}
	}
	for _, b := range []struct {
		name string
		v    time.Duration
	}{{"lifetime", c.Lifetime}, {"follow_on", c.FollowOn}} {
		if b.v < c.QuietGap {
			bad(b.name, b.v, fmt.Sprintf("at least quiet_gap, %v", c.QuietGap))
		}
	}
	return out
}

// Bounds that only keep arithmetic far from overflow.
const (
	timeMax  = 10 * 365 * 24 * time.Hour
	countMax = 1 << 20
	milliMax = 100_000
)

type number struct {
	name      string
	v, lo, hi int
}

// numbers lists the whole numbers with their bounds; scores and shares are thousandths.
func (c *Config) numbers() []number {
	return []number{
		{"hops", c.Hops, 1, 8}, {"gamma_milli", c.GammaMilli, 1, 1000}, {"theta_milli", c.ThetaMilli, 1, 1000},
		{"beta_milli", c.BetaMilli, 0, 10000}, {"self_milli", c.SelfMilli, 0, milliMax},
		{"join_milli", c.JoinMilli, 1, 999}, {"maybe_milli", c.MaybeMilli, 1, 999},
		{"pace_milli", c.PaceMilli, 0, milliMax}, {"pace_samples", c.PaceSamples, 0, countMax},
		{"busy_slots", c.BusySlots, 0, countMax}, {"busy_milli", c.BusyMilli, 0, milliMax}, {"mute_onsets", c.MuteOnsets, 0, countMax},
		{"near_hops", c.NearHops, 1, 8}, {"near_max", c.NearMax, 1, 4096}, {"app_max", c.AppMax, 0, 4096}, {"outage_milli", c.OutageMilli, 1, 1000},
		{"env_min", c.EnvMin, 1, 1 << 20}, {"env_milli", c.EnvMilli, 1, 1000}, {"near_degree_max", c.NearDegreeMax, 0, countMax},
		{"bridge_fan_in", c.BridgeFanIn, 0, countMax}, {"near_milli", c.NearMilli, 0, 1000},
		{"hot_fan_in", c.HotFanIn, 0, countMax}, {"hot_min", c.HotMin, 0, countMax}, {"hot_share_milli", c.HotShareMilli, 0, milliMax},
		{"wave_min", c.WaveMin, 0, countMax}, {"wave_lull_milli", c.WaveLullMilli, 0, milliMax}, {"wave_rise_milli", c.WaveRiseMilli, 0, milliMax},
		{"chronic_slots", c.ChronicSlots, 0, countMax},
		{"tag_milli", c.TagMilli, 0, 1000}, {"dice_milli", c.DiceMilli, 0, 1000}, {"learned_milli", c.LearnedMilli, 0, 1000},
		{"change_milli", c.ChangeMilli, 0, 1000}, {"cause_change_milli", c.CauseChangeMilli, 0, milliMax}, {"change_gamma_milli", c.ChangeGammaMilli, 0, 1000},
		{"sparse_bind", c.SparseBind, 0, 1001}, {"sparse_missing", c.SparseMissing, 0, 1001},
		{"sparse_samples", c.SparseSamples, 0, countMax}, {"sparse_milli", c.SparseMilli, 0, 1000},
		{"candidates_max", c.CandidatesMax, 1, 1024},
		{"cause_gamma_milli", c.CauseGammaMilli, 0, 1000}, {"cause_beta_milli", c.CauseBetaMilli, 0, 10000},
		{"cause_late_milli", c.CauseLateMilli, 0, milliMax}, {"cause_call_milli", c.CauseCallMilli, 0, milliMax}, {"cause_kin_milli", c.CauseKinMilli, 0, milliMax},
	}
}

type interval struct {
	name   string
	v, min time.Duration
}

func (c *Config) times() []interval {
	return []interval{
		{"tau", c.Tau, time.Second}, {"quiet_gap", c.QuietGap, time.Second}, {"quiet_gap_min", c.QuietGapMin, time.Second},
		{"lifetime", c.Lifetime, time.Second}, {"follow_on", c.FollowOn, time.Second}, {"reopen_within", c.Reopen, 0},
		{"hot_window", c.HotWindow, 0}, {"hot_young", c.HotYoung, 0}, {"cause_tau", c.CauseTau, time.Second},
		{"change_half_life", c.ChangeHalfLife, time.Second},
	}
}
