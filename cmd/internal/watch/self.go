package watch

import (
	"fmt"
	"strings"
	"time"

	"signalbox/itsm"
	"signalbox/itsm/desk"
)

// When the server speaks of itself.
const (
	outboxLateAfter = 2 * time.Minute
	growthHeld      = 15 * time.Minute // how long after the last growth its alert fires
	diskLowFactor   = 2                // times the room below which deliveries are refused
	ruleAlertsMax   = 20               // rules that fail and have an alert of their own
)

// Self is what the server looks at of itself.
type Self struct {
	// Room answers the free bytes of the disk and those below which deliveries are refused.
	Room func() (free, refused int64, err error)
	// Quiet reports whether intents wait on purpose, after a restore. Nil: never.
	Quiet func(now time.Time) bool
	// Rules answers how often each rule failed, and the active revision. Nil: there are none.
	Rules func() (failed []RuleFailures, revision uint64)
	// OutboxLateAfter is how long an intent may wait; 0: two minutes.
	OutboxLateAfter time.Duration

	grown map[string]*growth // by condition
}

// RuleFailures is how often a rule failed and was skipped.
type RuleFailures struct {
	ID       string
	Failures uint64
	Late     uint64 // those of them because the rules had cost what they may
}

// what says in a title what goes wrong, and what to do.
func (r *RuleFailures) what() string {
	if r.Late == r.Failures {
		return "costs too much and is skipped: make its condition simpler, or raise rule_minute_cost, rules_minute_cost or rules_alert_cost in the configuration"
	}
	return "fails and is skipped: try it with 'signalbox explain', then mend it or roll back"
}

// growth remembers when a number last rose.
type growth struct {
	last int
	at   time.Time // zero: never since the start
}

// rose reports whether the number under id rose lately. What was there at the
// first look is not news.
func (s *Self) rose(id string, n int, now time.Time) bool {
	g := s.grown[id]
	if g == nil {
		if s.grown == nil {
			s.grown = map[string]*growth{}
		}
		s.grown[id] = &growth{last: n}
		return false
	}
	if n > g.last {
		g.at = now
	}
	g.last = n
	return !g.at.IsZero() && now.Sub(g.at) < growthHeld
}

func (s *Self) conditions(c desk.Counts, now time.Time) (out []condition) {
	add := func(id string, sev itsm.Severity, rule, format string, args ...any) {
		out = append(out, condition{id: id, severity: sev, rule: rule, title: fmt.Sprintf(format, args...), labels: map[string]string{"service": "signalbox"}})
	}
	late := s.OutboxLateAfter
	if late == 0 {
		late = outboxLateAfter
	}
	for _, o := range c.Outbox {
		waits := o.OldestAt != 0 && now.Sub(o.OldestAt.Std()) > late
		if waits && (s.Quiet == nil || !s.Quiet(now)) {
			add("outbox/"+o.Connector, itsm.Critical, "OutboxLate", "%s is not told: something waits for more than %v", o.Connector, late)
		}
		if s.rose("dead/"+o.Connector, o.Dead, now) {
			add("dead/"+o.Connector, itsm.Major, "DeadLetters", "%s refused something for good: look at its dead letters", o.Connector)
		}
	}
	if s.rose("quarantine", c.QuarantineWaiting, now) {
		add("quarantine", itsm.Warning, "QuarantineGrows", "Deliveries arrive that cannot be read: look at the quarantine")
	}
	out = append(out, s.rules(now)...)
	if free, refused, err := s.Room(); err != nil {
		add("disk", itsm.Major, "DiskUnknown", "The room on the disk of the data directory is unknown: %v", err)
	} else if free < diskLowFactor*refused {
		add("disk", itsm.Critical, "DiskLow", "The disk of the data directory fills up: below %d MiB deliveries are refused", refused>>20)
	}
	return out
}

// rules are the conditions of rules that failed lately.
func (s *Self) rules(now time.Time) (out []condition) {
	if s.Rules == nil {
		return nil
	}
	list, revision := s.Rules()
	active := map[string]bool{}
	for _, r := range list {
		id := "rule/" + r.ID
		active[id] = true
		if s.rose(id, int(r.Failures), now) && len(out) < ruleAlertsMax {
			out = append(out, condition{id: id, severity: itsm.Warning, rule: "RuleFails",
				title:  fmt.Sprintf("Rule %s of revision %d %s", r.ID, revision, r.what()),
				labels: map[string]string{"service": "signalbox", "rule": r.ID}})
		}
	}
	for id := range s.grown { // any order: each is looked at alone
		if strings.HasPrefix(id, "rule/") && !active[id] {
			delete(s.grown, id)
		}
	}
	return out
}
