package console

import (
	"cmp"
	"net/url"
	"slices"
	"strings"
	"time"

	"signalbox/itsm/access"
	"signalbox/itsm/desk"
	"signalbox/itsm/partners"
	"signalbox/rules"
)

// quietAfter is how long a source that delivered may say nothing before its last
// delivery is pointed at.
const quietAfter = 24 * time.Hour

// opsPage is the start of whoever runs Signalbox: what needs a hand, then how
// everything does.
type opsPage struct {
	Parts      []chip
	Needs      []opsNeed
	Sources    []sourceRow
	Connectors []connectorLine
	Unbound    []unboundRow
	Bind       string
	Records    []fact
	Storage    []fact
	Pipeline   []fact
	External   string
	Fresh      bool
	Known      bool // there is a report about health
	CanBind    bool
	Deliveries bool // there are pages of deliveries
}

// opsNeed is one thing to do something about, and where.
type opsNeed struct {
	State      badge
	What, Href string
	Why        string
	When       when
}

func (opsPage) about() (string, string, string) { return "homeops", "Home", "home" }

var (
	needBroken = badge{Class: "al-firing", Label: "broken"}
	needLook   = badge{Class: "st-on_hold", Label: "look"}
)

func (c *Console) homeOperations(who access.Identity) (page, error) {
	now := c.o.Clock()
	counts := c.o.Records.Counts()
	s := c.statusPage()
	p := opsPage{Parts: homeParts("operations"), Sources: s.Sources, Bind: s.Bind, Unbound: s.Unbound, Records: s.Counts, Storage: s.Storage, Pipeline: s.Pipeline,
		External: c.external.String(), Fresh: s.Fresh, Known: s.Known, CanBind: c.o.ImportCMDB != nil && who.Role.Allows(access.Admin), Deliveries: c.o.Ledger != nil}
	list := c.partners()
	for n := range list {
		p.Connectors = append(p.Connectors, viewConnectorLine(&list[n], outboxOf(counts.Outbox, list[n].Name), now))
	}
	for _, w := range s.NotReady {
		p.Needs = append(p.Needs, opsNeed{State: needBroken, What: "Signalbox is not ready", Href: "/status", Why: w})
	}
	p.Needs = append(p.Needs, connectorNeeds(list, counts.Outbox, now)...)
	if n := counts.QuarantineWaiting; n > 0 {
		p.Needs = append(p.Needs, opsNeed{State: needBroken, What: plural(n, "delivery waits in quarantine", "deliveries wait in quarantine"), Href: "/quarantine", Why: "They could not be read. Fix the sender or the rule, then retry them."})
	}
	p.Needs = append(p.Needs, c.ruleNeeds(now)...)
	if c.o.Health != nil {
		p.Needs = append(p.Needs, sourceNeeds(c.o.Health().Sources, now)...)
	}
	if len(s.Unbound) > 0 {
		p.Needs = append(p.Needs, opsNeed{State: needLook, What: plural(len(s.Unbound), "key binds to no CI", "keys bind to no CI"), Href: "/unbound", Why: "Alerts that bind are explained by what they depend on; give each a CI or an alias."})
	}
	slices.SortStableFunc(p.Needs, func(a, b opsNeed) int { return strings.Compare(a.State.Class, b.State.Class) }) // what is broken first
	return p, nil
}

// connectorNeeds are the partners that are not well.
func connectorNeeds(list []partners.Connector, outbox []desk.OutboxCounts, now time.Time) (out []opsNeed) {
	for n := range list {
		k := &list[n]
		l := viewConnectorLine(k, outboxOf(outbox, k.Name), now)
		if k.State != partners.Ok {
			state := needBroken
			if k.State == partners.Paused {
				state = needLook
			}
			out = append(out, opsNeed{State: state, What: "Connector " + l.Name + " is " + strings.ToLower(l.State.Label), Href: l.Href, Why: l.Why})
		}
		if l.HasDead {
			out = append(out, opsNeed{State: needBroken, What: "Connector " + l.Name + " gave up " + l.Dead, Href: l.Href, Why: "The partner refused them. Correct the cause there or here, then send them again."})
		}
	}
	return out
}

// ruleNeeds are the active rules that could not be evaluated, the worst first.
func (c *Console) ruleNeeds(now time.Time) (out []opsNeed) {
	if c.o.RuleCounts == nil {
		return nil
	}
	counts := slices.DeleteFunc(slices.Clone(c.o.RuleCounts()), func(r RuleCount) bool { return r.Failures == 0 })
	slices.SortFunc(counts, func(a, b RuleCount) int {
		return cmp.Or(cmp.Compare(b.Failures, a.Failures), strings.Compare(a.ID, b.ID))
	})
	_, set := c.activeSet()
	for _, r := range counts[:min(len(counts), homeRows)] {
		var stage rules.Stage
		if rule := set.Rule(r.ID); rule != nil {
			stage = rule.Stage
		}
		out = append(out, opsNeed{State: needBroken, What: "Rule " + line(r.ID, titleRunesMax) + " fails", Href: "/rules/rule/" + url.PathEscape(r.ID),
			Why: "It was skipped " + failedText(stage, &r) + ". A rule that is skipped changes nothing.", When: at(r.LastAt, now)})
	}
	return out
}

// sourceNeeds are the senders that have gone quiet, and those anybody may use.
func sourceNeeds(list []SourceHealth, now time.Time) (out []opsNeed) {
	for _, s := range list {
		name, href := line(s.Name, 60), "/alerts?"+url.Values{"source": {line(s.Name, queryMax)}}.Encode()
		switch {
		case s.LastAt != 0 && now.Sub(s.LastAt.Std()) > quietAfter:
			out = append(out, opsNeed{State: needLook, What: "Source " + name + " says nothing", Href: href, Why: "Its last delivery is long ago. Is the sender still up, and does it still know the address?", When: at(s.LastAt, now)})
		case s.Open && s.Deliveries > 0:
			out = append(out, opsNeed{State: needLook, What: "Source " + name + " has no credentials", Href: "/status", Why: "Anybody who reaches the address may send alerts. Set auth for it in the configuration file."})
		}
	}
	return out
}

// unboundRow is a key that alerts carry and the CMDB does not know.
type unboundRow struct {
	Key    string
	Alerts string // how many, "" when not known
	Href   string // the alerts
	Fix    string // the page that makes a CI or an alias of it
}

// UnboundKey is what alerts name that the CMDB does not know.
type UnboundKey struct {
	Key    string // as cmdb.Binding has it: "host:legacy-print-1"
	Alerts uint64 // that carried it
}

func viewUnboundRow(u UnboundKey) unboundRow {
	r := unboundRow{Key: line(u.Key, titleRunesMax), Href: alertsOfCI(u.Key), Fix: unboundHref(u.Key)}
	if u.Alerts > 0 {
		r.Alerts = plural(int(min(u.Alerts, 1e9)), "alert", "alerts")
	}
	return r
}
