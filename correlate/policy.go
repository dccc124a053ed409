package correlate

import (
	"slices"
	"strings"
	"time"

	"signalbox/itsm"
	"signalbox/rules"
)

// policy is what the rules say of an incident: how it looks and lives, and who
// learns of it. It is asked again whenever its members or its priority change.
type policy struct {
	said
	labels itsm.Labels
}

// said is the part of a policy that compares.
type said struct {
	title, group, runbook string
	signature, signedBy   string // what makes it the same trouble as another, and the rule that says so
	delay                 Duration
	resolveAfter          Duration // -1: never by itself; 0: not set
	reopenWithin          Duration // 0: not set
	impactBy, urgencyBy   string   // rules that set them
	impact, urgency       itsm.Level
	route                 string // id of the rule that routes it; "": all learn of it
	spoke                 string // what spoke, one line each: what is new in it is counted
}

// incidentRules is what rules have to do with an incident.
type incidentRules struct {
	policy  *policy
	since   itsm.Time // start of the epoch; 0: when it was opened
	byRule  bool      // a correlation rule opened it: it is never merged by itself
	gathers []uint64  // gatherings whose incident it is or was
}

func (i *incident) rules() *incidentRules {
	if i.ruled == nil {
		i.ruled = &incidentRules{}
	}
	return i.ruled
}

func (i *incident) policy() *policy {
	if i.ruled == nil {
		return nil
	}
	return i.ruled.policy
}

// IncidentRules lists the rules that last spoke of an incident whose state is
// kept, with " (shadow)" after those that change nothing.
func (s *State) IncidentRules(n itsm.IncidentNumber) []string {
	i := s.incidents[n]
	if i == nil || i.policy() == nil || i.policy().spoke == "" {
		return nil
	}
	return strings.Split(i.policy().spoke, "\n")
}

// byRule reports whether a correlation rule opened i.
func (i *incident) byRule() bool { return i.ruled != nil && i.ruled.byRule }

func (i *incident) gathers() []uint64 {
	if i.ruled == nil {
		return nil
	}
	return i.ruled.gathers
}

// since is the start of the epoch of i.
func (i *incident) since() itsm.Time {
	if i.ruled == nil {
		return i.openedAt
	}
	return max(i.openedAt, i.ruled.since)
}

// govern asks the rules about an open incident and lets what they say count. A
// person's word stands above a rule's.
func (s *State) govern(i *incident) {
	u := &s.ruled
	if !u.has[rules.Incident] && !u.has[rules.ProblemStage] && !u.has[rules.Route] {
		if i.policy() != nil && i.state.IsOpen() {
			i.ruled.policy = nil
		}
		return
	}
	lead := s.alerts.Get(i.lead)
	if lead == nil || !i.state.IsOpen() {
		s.enforce(i)
		return
	}
	k := &u.lead
	facts := s.incidentFacts(i)
	k.begin(rules.Facts{Now: s.now, Event: lead.event(), CI: s.ciFacts(lead.ci), Incident: facts})
	says := k.run.Policy()
	p := &policy{said{title: says.Title, group: says.Group, runbook: says.Runbook, delay: Duration(says.Delay), resolveAfter: Duration(says.ResolveAfter),
		reopenWithin: Duration(says.ReopenWithin), impact: says.Impact, urgency: says.Urgency}, says.Labels}
	for _, r := range says.By {
		if p.impactBy == "" && r.Incident.Impact != 0 {
			p.impactBy = r.ID
		}
		if p.urgencyBy == "" && r.Incident.Urgency != 0 {
			p.urgencyBy = r.ID
		}
	}
	var signer *rules.Rule
	if p.signature, signer = k.run.Signature(); signer != nil {
		p.signedBy = signer.ID
	}
	spoke := s.spokeOf(k, nil)
	was := i.policy()
	if was != nil && len(k.run.Late) > 0 {
		s.enforce(i) // what was decided stands until they can be asked again
		return
	}
	i.rules().policy = p
	s.enforce(i)
	facts.Priority, facts.Impact, facts.Urgency = i.priority(), i.impact, i.urgency
	k.begin(k.facts)
	if r := k.run.Route(); r != nil && s.reaches(r) {
		p.route = r.ID
	} else if was != nil && len(k.run.Late) > 0 {
		p.route = was.route
	}
	spoke = s.spokeOf(k, spoke)
	if p.spoke = strings.Join(spoke, "\n"); was == nil || was.spoke != p.spoke {
		s.countNew(spoke, was)
	}
	if p.said == (said{}) && len(p.labels) == 0 { // most incidents: they cost nothing
		i.ruled.policy = nil
		if i.ruled.since == 0 && !i.ruled.byRule && len(i.ruled.gathers) == 0 {
			i.ruled = nil
		}
	}
}

// spokeOf appends what spoke, without counting: the same rules speak at each
// change of an incident. Failures are counted.
func (s *State) spokeOf(k *asker, lines []string) []string {
	for _, h := range k.run.Hits {
		line := h.Rule.ID
		if h.Shadow {
			line += " (shadow)"
		}
		if !slices.Contains(lines, line) {
			lines = append(lines, line)
		}
	}
	s.tallyFailed(k)
	return lines
}

// countNew counts the rules that did not speak of the incident before.
func (s *State) countNew(lines []string, was *policy) {
	var old []string
	if was != nil {
		old = strings.Split(was.spoke, "\n")
	}
	for _, l := range lines {
		if slices.Contains(old, l) {
			continue
		}
		id, shadow := strings.CutSuffix(l, " (shadow)")
		c := s.ruled.counts[s.rules.Set.Rule(id)]
		if c == nil {
			continue
		}
		c.LastAt = s.now
		if shadow {
			c.ShadowHits++
		} else {
			c.Hits++
		}
	}
}

// enforce lets the policy of i count.
func (s *State) enforce(i *incident) {
	p := i.policy()
	if p == nil {
		return
	}
	if p.impact != 0 {
		i.impact, i.impactWhy = p.impact, because{kind: whyRule, name: p.impactBy}
	}
	if p.urgency != 0 {
		i.urgency, i.urgencyWhy = p.urgency, because{kind: whyRule, name: p.urgencyBy}
	}
	i.computed = itsm.PriorityOf(i.impact, i.urgency)
	if p.group != "" && !i.handled().group && i.handled().assignee == "" {
		i.team = p.group
	}
}

// incidentFacts is what rules may ask of an incident.
func (s *State) incidentFacts(i *incident) *rules.IncidentFacts {
	f := &rules.IncidentFacts{Priority: i.priority(), Impact: i.impact, Urgency: i.urgency, Severity: i.severity(), Alerts: len(i.members),
		Firing: int(i.firing), CIs: i.bound.list, Services: i.affectedIDs(), Labels: i.sharedLabels(), Storm: i.storm}
	for _, v := range i.services {
		f.ShareMilli = max(f.ShareMilli, i.shareOf(&v))
	}
	if len(i.causes) > 0 {
		f.Cause = i.causes[0].CI
	}
	return f
}

// shareOf is how many thousandths of a service's CIs alert in i. The service is
// none of its own parts: half of its pods is two of four.
func (i *incident) shareOf(v *affected) int {
	hit := int(v.hit)
	if slices.Contains(i.bound.list, v.id) {
		hit--
	}
	return shareMilli(hit, int(v.cis))
}

// shareMilli is the share of a service of so many CIs, itself included, that alert
// besides itself. A service without any part is all of it.
func shareMilli(hit, cis int) int {
	if cis <= 1 {
		return 1000
	}
	return min(1000, hit*1000/(cis-1))
}

// resolveAfter is how long i stays clear before it resolves; never is true when a
// rule leaves that to people.
func (s *State) resolveAfter(i *incident) (d Duration, never bool) {
	switch p := i.policy(); {
	case i.runsAsMajor():
		return 0, true
	case p == nil || p.resolveAfter == 0:
		return s.cfg.ResolveAfter, false
	case p.resolveAfter < 0:
		return 0, true
	default:
		return p.resolveAfter, false
	}
}

// reopenWithin is how long after it resolved i can come back.
func (s *State) reopenWithin(i *incident) time.Duration {
	if p := i.policy(); p != nil && p.reopenWithin != 0 {
		return p.reopenWithin.Std()
	}
	return s.cfg.ReopenWithin.Std()
}

// comesBack reopens the incident of an alert that fires again within the time
// that a rule gives it, which may be longer than grouping remembers.
func (s *State) comesBack(a *alert) bool {
	i := a.inc
	if i == nil || i.policy() == nil || i.policy().reopenWithin == 0 || !s.canReopen(i) {
		return false
	}
	s.join(i, a, s.evidence(i, a, itsm.DecidedReopened, "rule", "it fired again within "+short(i.policy().reopenWithin)+", as a rule says"))
	s.reopen(i, actSystem, a.describe()+" fired again")
	return true
}

// equal reports whether both say the same.
func (p *policy) equal(o *policy) bool {
	if p == nil || o == nil {
		return p == o
	}
	return p.said == o.said && p.labels.Equal(o.labels)
}

// allLabels are those that every member has, and those that rules give, which win.
func (i *incident) allLabels() itsm.Labels {
	if i.policy() == nil || len(i.policy().labels) == 0 {
		return i.sharedLabels()
	}
	return itsm.NewLabels(append(slices.Clone([]itsm.Label(i.policy().labels)), i.sharedLabels()...))
}

// resolvesIn says when an incident resolves whose alerts cleared.
func (s *State) resolvesIn(i *incident) string {
	wait, never := s.resolveAfter(i)
	if never {
		return "it stays open until somebody resolves it, as a rule says"
	}
	return "resolves in " + short(wait) + " unless one fires again"
}
