package console

import (
	"context"
	"time"

	"signalbox/correlate/learn"
	"signalbox/itsm"
	"signalbox/rules"
)

// cannedLearned is what the history of the story speaks for: one suggestion of
// each kind, and one that only people can act on.
func cannedLearned(now itsm.Time) learn.Report {
	return learn.Report{From: now.Add(-30 * 24 * time.Hour), To: now.Add(-20 * time.Second), Events: 96_411, Alerts: 4_210, Episodes: 11_904, Unbound: 61, Acted: 212, Bounds: []string{}, Suggestions: []learn.Suggestion{
		{ID: "3f1c92aa07d4", Kind: learn.ClearsItself, Title: "Link of edge-7 flaps clears by itself",
			Why:      "Link of edge-7 flaps went off 212 times in 30 days, 209 of 211 cleared by themselves within 5 min (95 % within 74 s), and 38 of these opened or joined incidents that nobody touched.",
			Figures:  []learn.Figure{{Name: "episodes", Value: 212}, {Name: "alerts", Value: 3}, {Name: "ended", Value: 211}, {Name: "by_itself", Value: 209}, {Name: "at_least", Value: 0.966}, {Name: "p95_s", Value: 74}, {Name: "needless", Value: 38}},
			Examples: []learn.Example{{At: now.Add(-40 * time.Minute), Alerts: []itsm.AlertNumber{44}, Incident: 3}, {At: now.Add(-26 * time.Hour), Alerts: []itsm.AlertNumber{44}}},
			Rule:     rules.File{Name: "suggested-clears-itself-3f1c92aa07d4.yaml", Body: cannedHold}},
		{ID: "b07e55d1c3a8", Kind: learn.Noisy, Title: "TargetDown goes off with everything",
			Why:     "TargetDown on ci-agent-3 began 96 times beside many other kinds of alert: it says that something is wrong and not what, so nothing is learned from it.",
			Figures: []learn.Figure{{Name: "occurrences", Value: 96}, {Name: "cis", Value: 11}}, Examples: []learn.Example{{At: now.Add(-3 * time.Hour), Alerts: []itsm.AlertNumber{45}}}},
		{ID: "c4a90d7712ef", Kind: learn.Together, Title: "HighErrorRate on cart-1 goes with ReplicationLag on orders-db-1",
			Why:      "HighErrorRate on cart-1 and ReplicationLag on orders-db-1 began within 5 min of each other 14 times (19 and 16 times in all) where chance would make it 0.3; orders-db-1 came first 12 times.",
			Figures:  []learn.Figure{{Name: "together", Value: 14}, {Name: "first", Value: 19}, {Name: "second", Value: 16}, {Name: "expected", Value: 0.3}, {Name: "lift", Value: 46.7}, {Name: "chance", Value: 1.2e-9}},
			Examples: []learn.Example{{At: now.Add(-52 * time.Hour), Alerts: []itsm.AlertNumber{3, 10}, Incident: 4}},
			Rule:     rules.File{Name: "suggested-together-c4a90d7712ef.yaml", Body: cannedPair},
			Relation: "relations:\n  - {from: 'cart-1', type: depends_on, to: 'orders-db-1'}\n"},
		{ID: "e9d2417f60bb", Kind: learn.Bind, Title: "label instance of alertmanager names the CI",
			Why:      "61 alerts of source alertmanager bind to no CI; the label instance, in lower case, would bind 48 of them: ORDERS-DB-1 is orders-db-1, and 7 of its 9 values name a CI.",
			Figures:  []learn.Figure{{Name: "unbound", Value: 61}, {Name: "would_bind", Value: 48}, {Name: "values", Value: 9}, {Name: "values_named", Value: 7}},
			Examples: []learn.Example{{At: now.Add(-7 * time.Hour), Alerts: []itsm.AlertNumber{3}}},
			Rule:     rules.File{Name: "suggested-bind-e9d2417f60bb.yaml", Body: cannedBind}},
	}}
}

const (
	cannedHold = `# Suggested from history. Remove 'mode: shadow' once you agree with it.
id: suggested-clears-itself-3f1c92aa07d4
about: 'Link of edge-7 flaps nearly always clears by itself: it waits 90 s'
mode: shadow
sources: ['datadog']
when: 'title.matches("^Link of edge-[0-9a-f]+ flaps$") && severity != "critical"'
suppress: {hold: 90s}
`
	cannedPair = `# Suggested from history. Remove 'mode: shadow' once you agree with it.
id: suggested-together-c4a90d7712ef
about: 'HighErrorRate on cart-1 and ReplicationLag on orders-db-1 are one incident'
mode: shadow
when: '(labels.alertname == "HighErrorRate" && ci.id == "cart-1") || (labels.alertname == "ReplicationLag" && ci.id == "orders-db-1")'
correlate: {group_by: [labels.env], window: 10m}
`
	cannedBind = `# Suggested from history. Remove 'mode: shadow' once you agree with it.
id: suggested-bind-e9d2417f60bb
about: 'the label instance of alertmanager, in lower case, names the CI'
mode: shadow
sources: ['alertmanager']
when: 'labels.instance != ""'
bind: {ci: '${labels.instance.lowerAscii()}'}
`
)

// learnCanned answers what the book has learned.
func (b *book) learnCanned(context.Context, itsm.Time, itsm.Time) (learn.Report, error) {
	return b.learned(itsm.TimeOf(b.clock())), nil
}
