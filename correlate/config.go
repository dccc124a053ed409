package correlate

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"signalbox/correlate/group"
	"signalbox/itsm"
	"signalbox/itsm/cmdb"
	"signalbox/itsm/sla"
	"signalbox/rules"
)

// Duration is a time.Duration written "300ms", "5m", "24h" or "30d" in JSON.
type Duration time.Duration

// MarshalJSON implements json.Marshaler.
func (d Duration) MarshalJSON() ([]byte, error) { return json.Marshal(time.Duration(d).String()) }

// UnmarshalJSON implements json.Unmarshaler.
func (d *Duration) UnmarshalJSON(b []byte) error {
	var s string
	if err := json.Unmarshal(b, &s); err != nil {
		return itsm.Errorf(itsm.Invalid, "duration %s: expected a string such as \"5m\"", b)
	}
	if days, ok := strings.CutSuffix(s, "d"); ok {
		if n, err := strconv.ParseUint(days, 10, 16); err == nil {
			*d = Duration(time.Duration(n) * 24 * time.Hour)
			return nil
		}
	}
	v, err := time.ParseDuration(s)
	if err != nil {
		return itsm.Errorf(itsm.Invalid, "duration %q: expected a number and a unit such as 90s, 5m, 24h or 30d", s)
	}
	*d = Duration(v)
	return nil
}

// Std converts to time.Duration.
func (d Duration) Std() time.Duration { return time.Duration(d) }

// Config holds every constant of the core that alters a decision. It is
// journaled with its content, so that a replay uses what was active then.
type Config struct {
	Grouping // hops, weights, thresholds and windows of grouping

	// Identity and time.
	EpisodeGap     Duration `json:"episode_gap"`     // silence after which a newer startsAt is a new episode
	RefireWithin   Duration `json:"refire_within"`   // firing again so soon after resolving continues the episode
	TombstoneKept  Duration `json:"tombstone_kept"`  // how long a clear of an unknown alert is remembered
	LeaseMin       Duration `json:"lease_min"`       // a lease never runs out sooner after its event, whatever the sender's clock says
	LeaseMax       Duration `json:"lease_max"`       // and never later
	ClockTolerance Duration `json:"clock_tolerance"` // EventTime is used for grouping only within this of At

	// Incident lifecycle.
	ResolveAfter Duration `json:"resolve_after"` // hold between the last clear and the resolve
	ReopenWithin Duration `json:"reopen_within"` // an episode of a member so soon after the resolve reopens
	FiringGrace  Duration `json:"firing_grace"`  // resolved by a person while firing: reopens after this
	CloseAfter   Duration `json:"close_after"`   // resolved to closed
	EvictAfter   Duration `json:"evict_after"`   // state of dead alerts and closed incidents is forgotten

	// Transient hold.
	HoldEpisodesMin int      `json:"hold_episodes_min"`
	HoldShareMilli  int      `json:"hold_share_milli"` // Wilson 95 % lower bound of the self-cleared share
	HoldWithin      Duration `json:"hold_within"`      // what counts as cleared by itself, and the longest hold

	// Flapping.
	FlapTransitions int      `json:"flap_transitions"` // at least so many in flap_window
	FlapSettled     int      `json:"flap_settled"`     // at most so many to leave
	FlapWindow      Duration `json:"flap_window"`
	FlapQuiet       Duration `json:"flap_quiet"`
	FlapNotifyEvery Duration `json:"flap_notify_every"`

	// Storms.
	StormMin        int           `json:"storm_min"` // new episodes a minute below which nothing is a storm
	StormAlphaMilli int           `json:"storm_alpha_milli"`
	StormEnterSigma int           `json:"storm_enter_sigma"`
	StormLeaveSigma int           `json:"storm_leave_sigma"`
	StormLeave      Duration      `json:"storm_leave"`
	StormPagesFrom  itsm.Priority `json:"storm_pages_from"` // in a storm nothing less important is told to partners

	// What rules may cost before they are late, in units of CEL.
	RulesAlertCost  int `json:"rules_alert_cost"`  // all of them about one alert
	RuleMinuteCost  int `json:"rule_minute_cost"`  // one of them in a minute
	RulesMinuteCost int `json:"rules_minute_cost"` // all of them in a minute

	// What changed.
	ChangeWindow   Duration `json:"change_window"`   // how long before the first alert a change can be the cause
	ChangeTogether Duration `json:"change_together"` // how long after a change what it covers is taken to have failed by it together
	ChangeHops     int      `json:"change_hops"`     // how far upstream of a probable cause changes are looked for

	// Urgency and telling partners.
	GrowthWindow Duration `json:"growth_window"`
	GrowthCIsMin int      `json:"growth_cis_min"` // CIs at the start of the window below which doubling is no growth
	UpdateEvery  Duration `json:"update_every"`   // at most one update an incident and connector

	Sources    map[string]Source `json:"sources"`
	Connectors []Connector       `json:"connectors"`

	CMDB cmdb.Settings `json:"cmdb,omitzero"` // absent in what older versions journaled
	SLA  sla.Settings  `json:"sla,omitzero"`
}

// Source is what the core has to know about a configured sender.
type Source struct {
	StaleAfter Duration `json:"stale_after"` // an alert not heard of for so long is over; 0: never
	EpisodeGap Duration `json:"episode_gap"` // 0: the general one
}

// Connector is a partner that is told about incidents.
type Connector struct {
	Name        string        `json:"name"`
	Kind        string        `json:"kind"`
	MinPriority itsm.Priority `json:"min_priority"`       // least important priority told; 0: all
	PageBudget  int           `json:"page_budget"`        // triggers a minute; P1 is never held back; 0: pageBudgetDefault
	Mirror      bool          `json:"mirror,omitempty"`   // it shows what it is told and nothing else: what people do through it is told back to it, too
	Pageless    bool          `json:"pageless,omitempty"` // it wakes nobody: budgets, storms and silences hold nothing back from it
	Routes      []string      `json:"routes,omitempty"`   // ids of the services whose incidents it is told apart, the first that is affected counts

	ChangeEvents  string            `json:"change_events,omitempty"`  // of which changes it is told as they happen: "", ChangesAll or ChangesMapped
	ChangeRecords []itsm.ChangeType `json:"change_records,omitempty"` // types of change of which it keeps a record
	Problems      bool              `json:"problems,omitempty"`       // it keeps records of problems
}

// Values of Connector.ChangeEvents.
const (
	ChangesAll    = "all"
	ChangesMapped = "mapped" // those that name one of its routes
)

// pageBudgetDefault stays under PagerDuty's 120 events a minute and key with
// room for the resolves.
const pageBudgetDefault = 60

// connectorsMax bounds the partners, and with them the intents of one change.
const connectorsMax = 32

// routesMax bounds the services that one partner tells apart.
const routesMax = 1024

// What rules may cost: at least a few conditions, at most more than any core does
// in a minute.
const (
	ruleCostMin = 100
	ruleCostMax = 1_000_000_000_000
)

// sourcesMax bounds the sources of the configuration.
const sourcesMax = 1024

// DefaultConfig returns the values of the specification.
func DefaultConfig() Config {
	const m, h = Duration(time.Minute), Duration(time.Hour)
	budget := rules.DefaultBudget()
	return Config{
		Grouping:   groupingOf(group.DefaultConfig()),
		EpisodeGap: 15 * m, RefireWithin: 10 * m, TombstoneKept: 10 * m, LeaseMin: m, LeaseMax: 24 * h, ClockTolerance: m,
		ResolveAfter: 5 * m, ReopenWithin: 10 * m, FiringGrace: 10 * m, CloseAfter: 7 * 24 * h, EvictAfter: 7 * 24 * h,
		HoldEpisodesMin: 10, HoldShareMilli: 800, HoldWithin: 5 * m,
		FlapTransitions: 5, FlapSettled: 2, FlapWindow: h, FlapQuiet: 15 * m, FlapNotifyEvery: 30 * m,
		StormMin: 20, StormAlphaMilli: 20, StormEnterSigma: 6, StormLeaveSigma: 2, StormLeave: 5 * m, StormPagesFrom: itsm.P2,
		RulesAlertCost: int(budget.Alert), RuleMinuteCost: int(budget.Minute), RulesMinuteCost: int(budget.Total),
		ChangeWindow: 24 * h, ChangeTogether: 2 * h, ChangeHops: 3,
		GrowthWindow: 10 * m, GrowthCIsMin: 4, UpdateEvery: m,
		Sources:    map[string]Source{"generic": {StaleAfter: 24 * h}},
		Connectors: []Connector{},
	}
}

// ParseConfig reads the canonical form over the defaults.
func ParseConfig(b []byte) (Config, error) {
	c := DefaultConfig()
	defaults := c.Sources
	c.Sources = nil // or a source of the defaults could never be taken away
	if err := json.Unmarshal(b, &c); err != nil {
		return c, itsm.Wrap(itsm.Invalid, err, "correlation configuration: expected a JSON object")
	}
	if c.Sources == nil {
		c.Sources = defaults
	}
	return c, c.Validate()
}

// Canonical returns the one JSON form of c: equal configurations have equal bytes.
func (c Config) Canonical() ([]byte, error) { return json.Marshal(c) }

// Validate reports every value that cannot work, each with its field and what is expected.
func (c Config) Validate() error {
	var errs []error
	for _, f := range c.Faults() {
		errs = append(errs, itsm.Errorf(itsm.Invalid, "%s", f.Error()))
	}
	return errors.Join(errs...)
}

// Faults lists every value that cannot work.
func (c Config) Faults() []itsm.FieldError {
	out := c.grouping().Validate()
	bad := func(field string, v any, expected string) {
		out = append(out, itsm.FieldError{Field: field, Value: fmt.Sprint(v), Expected: expected})
	}
	for _, d := range c.durations() {
		if d.v < d.min || d.v > Duration(durationMax) {
			bad(d.name, d.v.Std(), fmt.Sprintf("%v to %v", d.min.Std(), time.Duration(durationMax)))
		}
	}
	if c.LeaseMax < c.LeaseMin {
		bad("lease_max", c.LeaseMax.Std(), "at least lease_min")
	}
	for _, n := range c.counts() {
		if n.v < n.min || n.v > n.max {
			bad(n.name, n.v, fmt.Sprintf("%d to %d", n.min, n.max))
		}
	}
	if c.ChangeWindow < Duration(time.Minute) || c.ChangeWindow > Duration(changeKept) {
		bad("change_window", c.ChangeWindow.Std(), fmt.Sprintf("%v to %v, for as long changes are kept", time.Minute, changeKept))
	}
	if c.ChangeTogether < 0 || c.ChangeTogether > c.ChangeWindow {
		bad("change_together", c.ChangeTogether.Std(), fmt.Sprintf("0s to change_window, %v", c.ChangeWindow.Std()))
	}
	if c.FlapSettled >= c.FlapTransitions {
		bad("flap_settled", c.FlapSettled, "fewer than flap_transitions")
	}
	if c.StormPagesFrom < itsm.P1 || c.StormPagesFrom > itsm.P5 {
		bad("storm_pages_from", c.StormPagesFrom, "P1 to P5")
	}
	c.validateEnds(bad)
	for _, f := range c.CMDB.Validate() {
		f.Field = "cmdb." + f.Field
		out = append(out, f)
	}
	_, faults := c.SLA.Compile()
	out = append(out, faults...)
	return out
}

// durationMax keeps sums of times far from overflow.
const durationMax = 10 * 365 * 24 * time.Hour

type durationField struct {
	name   string
	v, min Duration
}

func (c *Config) durations() []durationField {
	const s = Duration(time.Second)
	return []durationField{
		{"episode_gap", c.EpisodeGap, s}, {"refire_within", c.RefireWithin, 0}, {"tombstone_kept", c.TombstoneKept, 0},
		{"lease_min", c.LeaseMin, s}, {"lease_max", c.LeaseMax, s}, {"clock_tolerance", c.ClockTolerance, 0},
		{"resolve_after", c.ResolveAfter, 0}, {"firing_grace", c.FiringGrace, s},
		{"close_after", c.CloseAfter, s}, {"evict_after", c.EvictAfter, Duration(time.Minute)}, {"hold_within", c.HoldWithin, s},
		{"flap_window", c.FlapWindow, s}, {"flap_quiet", c.FlapQuiet, s}, {"flap_notify_every", c.FlapNotifyEvery, 0},
		{"storm_leave", c.StormLeave, Duration(time.Minute)}, {"growth_window", c.GrowthWindow, Duration(time.Minute)}, {"update_every", c.UpdateEvery, 0},
	}
}

type countField struct {
	name        string
	v, min, max int
}

func (c *Config) counts() []countField {
	return []countField{
		{"hold_episodes_min", c.HoldEpisodesMin, 1, seriesEpisodesMax}, {"hold_share_milli", c.HoldShareMilli, 1, 999},
		{"flap_transitions", c.FlapTransitions, 2, transitionsMax}, {"flap_settled", c.FlapSettled, 0, transitionsMax - 1},
		{"storm_min", c.StormMin, 1, 1 << 20}, {"storm_alpha_milli", c.StormAlphaMilli, 1, 500},
		{"storm_enter_sigma", c.StormEnterSigma, 1, 100}, {"storm_leave_sigma", c.StormLeaveSigma, 0, 100},
		{"growth_cis_min", c.GrowthCIsMin, 1, 1 << 20}, {"change_hops", c.ChangeHops, 0, 8},
		{"rules_alert_cost", c.RulesAlertCost, ruleCostMin, ruleCostMax}, {"rule_minute_cost", c.RuleMinuteCost, ruleCostMin, ruleCostMax},
		{"rules_minute_cost", c.RulesMinuteCost, ruleCostMin, ruleCostMax},
	}
}

func (c *Config) validateEnds(bad func(field string, v any, expected string)) {
	if len(c.Sources) > sourcesMax {
		bad("sources", len(c.Sources), fmt.Sprintf("at most %d", sourcesMax))
	}
	for _, n := range slices.Sorted(maps.Keys(c.Sources)) {
		for _, d := range []struct {
			name string
			v    Duration
		}{{"stale_after", c.Sources[n].StaleAfter}, {"episode_gap", c.Sources[n].EpisodeGap}} {
			if d.v < 0 || d.v > Duration(durationMax) {
				bad("sources."+n+"."+d.name, d.v.Std(), fmt.Sprintf("0 to %v", time.Duration(durationMax)))
			}
		}
	}
	if len(c.Connectors) > connectorsMax {
		bad("connectors", len(c.Connectors), fmt.Sprintf("at most %d", connectorsMax))
	}
	seen := map[string]bool{}
	for i, k := range c.Connectors {
		field := fmt.Sprintf("connectors[%d]", i)
		if k.Name == "" || seen[k.Name] {
			bad(field+".name", fmt.Sprintf("%q", k.Name), "a name no other connector has")
		}
		seen[k.Name] = true
		if k.MinPriority > itsm.P5 {
			bad(field+".min_priority", uint8(k.MinPriority), "P1 to P5")
		}
		if k.PageBudget < 0 {
			bad(field+".page_budget", k.PageBudget, "0 or more")
		}
		if k.ChangeEvents != "" && k.ChangeEvents != ChangesAll && k.ChangeEvents != ChangesMapped {
			bad(field+".change_events", k.ChangeEvents, "all or mapped")
		}
		for _, t := range k.ChangeRecords {
			if !slices.Contains(itsm.ChangeTypes, t) {
				bad(field+".change_records", t, "standard, normal or emergency")
			}
		}
		if len(k.Routes) > routesMax {
			bad(field+".routes", len(k.Routes), fmt.Sprintf("at most %d", routesMax))
		}
	}
}
