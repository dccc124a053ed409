package sim

import (
	"encoding/json"

	"signalbox/itsm/entry"
	"signalbox/rules"
)

// ruleSet is what a quarter of the worlds live by: it names, holds back, hides and
// delays some of what happens there. Grouping stays the default one, whose laws the
// oracle knows.
const ruleSet = `{id: words, about: Name the team, when: 'severity == "warning"', normalise: {set: {labels.team: sim}}}
---
{id: patience, about: Wait for what clears by itself, when: 'severity == "minor"', suppress: {hold: 2m}}
---
{id: below, about: Hide what lies under a critical alert, when: 'severity == "warning"', suppress: {inhibited_by: {when: 'severity == "critical"', upstream: 2}}}
---
{id: later, about: Tell of it after a minute, when: 'incident.priority >= "P3"', incident: {delay: 1m, title: "${ci.id}: ${title}"}}
`

// rulesEntries journal and activate the rule set.
func rulesEntries() [][]byte {
	files := []rules.File{{Name: "sim.yaml", Body: ruleSet}}
	b, err := json.Marshal(files)
	if err != nil {
		panic(err)
	}
	c := entry.RulesCommit{SetID: "sim", Chunks: 1, Revision: 1, Hash: rules.Hash(files), Actor: "sim"}
	return [][]byte{
		entry.EncodeRulesChunk(&entry.RulesChunk{SetID: "sim", Body: b}), entry.EncodeRulesSave((*entry.RulesSave)(&c)),
		entry.EncodeRulesChunk(&entry.RulesChunk{SetID: "sim", Body: b}), entry.EncodeRulesActivate((*entry.RulesActivate)(&c)),
	}
}
