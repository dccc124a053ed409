package backtest_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"signalbox/correlate/backtest"
	"signalbox/itsm"
)

// What people did names incidents of history; each side gets it for the incident that
// holds the same alert, and merges and splits say which side was right.
func TestActsAndLabels(t *testing.T) {
	corrected := func(rules string) *tape {
		h := newTape(t)
		if rules != "" {
			h.activate(rules)
		}
		h.fire("s9 Noise critical", "s1 Down critical ns=shop", "s2 Down critical ns=shop", "s3 Slow critical", "s3 Full critical", "s4 Down critical")
		return h
	}
	together := itsm.Act{Kind: itsm.ActMerge, Incident: 3, Into: 2}
	asunder := itsm.Act{Kind: itsm.ActSplit, Incident: 4, Alerts: []itsm.AlertNumber{5}}
	for _, c := range []struct {
		name, history, before, after string
		acts                         []itsm.Act
		labels                       backtest.Labels
		left, right                  backtest.Acts
	}{
		{"history is before", "", "", byTeam, []itsm.Act{together, asunder},
			backtest.Labels{Together: backtest.Label{Pairs: 1, After: 1}, Apart: backtest.Label{Pairs: 1}}, backtest.Acts{Applied: 2}, backtest.Acts{Applied: 1, Moot: 1}},
		{"split comes right", "", "", apart, []itsm.Act{asunder},
			backtest.Labels{Apart: backtest.Label{Pairs: 1, After: 1}}, backtest.Acts{Applied: 1}, backtest.Acts{Moot: 1}},
		{"numbers differ", byTeam, dropNoise, "", []itsm.Act{{Kind: itsm.ActSplit, Incident: 2, Alerts: []itsm.AlertNumber{3}}, {Kind: itsm.ActAcknowledge, Incident: 4}},
			backtest.Labels{Apart: backtest.Label{Pairs: 1, Before: 1, After: 1}}, backtest.Acts{Applied: 1, Moot: 1}, backtest.Acts{Applied: 1, Moot: 1}},
		{"not related", "", "", byTeam, []itsm.Act{{Kind: itsm.ActUnrelated, Incident: 3, Into: 2}},
			backtest.Labels{Apart: backtest.Label{Pairs: 1, Before: 1}}, backtest.Acts{Applied: 1}, backtest.Acts{Moot: 1}},
		{"nothing there", "", "", dropNoise, []itsm.Act{{Kind: itsm.ActAcknowledge, Incident: 1}, {Kind: itsm.ActReceipt, Incident: 1, Origin: "pd", IntentKey: "x"}},
			backtest.Labels{}, backtest.Acts{Applied: 1}, backtest.Acts{LeftOut: 1}},
		{"refused then", "", "", "", []itsm.Act{{Kind: itsm.ActMerge, Incident: 1, Into: 99}}, backtest.Labels{LeftOut: 0}, backtest.Acts{Applied: 1}, backtest.Acts{LeftOut: 1}},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := corrected(c.history)
			for _, a := range c.acts {
				h.act(a)
			}
			r := h.run(c.before, c.after)
			if d := cmp.Diff(c.labels, r.Labels); d != "" {
				t.Error(d)
			}
			if d := cmp.Diff([]backtest.Acts{c.left, c.right}, []backtest.Acts{r.Acts.Before, r.Acts.After}); d != "" {
				t.Error(d)
			}
		})
	}
}

// Without the first entries nobody can tell which incident an act meant.
func TestActsOfAnIncompleteJournal(t *testing.T) {
	h := newTape(t).fire("s1 Down critical")
	h.act(itsm.Act{Kind: itsm.ActAcknowledge, Incident: 1})
	for i := range h.entries {
		h.entries[i].Offset += 1000
	}
	r := h.run("", byTeam)
	if r.Span.Whole || r.Acts.Before.LeftOut != 1 || len(r.Notes) != 1 || r.Incidents.Same != 1 {
		t.Errorf("%+v", r)
	}
}

// Examples carry the number that history gave, which people can click.
func TestRecordedNumbers(t *testing.T) {
	h := newTape(t)
	h.activate(dropNoise)
	h.fire("s9 Noise critical", "s1 Down critical ns=shop")
	h.act(itsm.Act{Kind: itsm.ActAcknowledge, Incident: 1})
	r := h.run("", quiet)
	w := r.Warnings[1]
	if w.Incident.Number != "INC0000002" || w.Incident.Recorded == nil || *w.Incident.Recorded != "INC0000001" {
		t.Errorf("%+v", w)
	}
	if r.Warnings[0].Incident.Recorded != nil {
		t.Errorf("history dropped it: %+v", r.Warnings[0])
	}
}
