package backtest

import (
	"encoding/json"
	"fmt"

	"signalbox/itsm/entry"
	"signalbox/rules"
)

// Active is the rule set that a history activated last; without one it has no rules.
func Active(h History) (RuleSet, error) {
	set := RuleSet{Name: "no rules"}
	var chunks map[string][]byte
	err := h.Each(func(e Entry) error {
		k := e.kind()
		if k != entry.KindRulesChunk && k != entry.KindRulesActivate {
			return nil
		}
		v, err := e.decode()
		if err != nil {
			return err
		}
		switch v := v.(type) {
		case *entry.RulesChunk:
			if v.Seq == 0 {
				chunks = map[string][]byte{} // whatever waited was cut off by a crash
			}
			chunks[v.SetID] = append(chunks[v.SetID], v.Body...)
		case *entry.RulesActivate:
			var files []rules.File
			if err := json.Unmarshal(chunks[v.SetID], &files); err != nil {
				return fmt.Errorf("entry %d: rule set %s: %w", e.Offset, v.SetID, err)
			}
			set = RuleSet{Name: fmt.Sprintf("revision %d", v.Revision), Files: files}
		}
		return nil
	})
	return set, err
}
