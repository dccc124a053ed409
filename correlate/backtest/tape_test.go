package backtest_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"signalbox/correlate"
	"signalbox/correlate/backtest"
	"signalbox/itsm"
	"signalbox/itsm/cmdb"
	"signalbox/itsm/entry"
	"signalbox/rules"
)

// monday is when every tape begins.
var monday = itsm.TimeOf(time.Date(2026, 11, 2, 9, 0, 0, 0, time.UTC))

// tape is a history in memory.
type tape struct {
	t       testing.TB
	entries []backtest.Entry
	at      itsm.Time
}

func (h *tape) Once() bool { return false }

func (h *tape) Each(fn func(backtest.Entry) error) error {
	for _, e := range h.entries {
		if err := fn(e); err != nil {
			return err
		}
	}
	return nil
}

// put adds an entry, without the room that encoding left behind it: a month of that
// is four times the month.
func (h *tape) put(body []byte) {
	h.entries = append(h.entries, backtest.Entry{Offset: itsm.Offset(len(h.entries) + 1), At: h.at, Body: bytes.Clone(body)})
}

// newTape is a history with two connectors and nine services of the highest tier,
// s1 to s9, that have nothing to do with each other.
func newTape(t testing.TB) *tape {
	h := &tape{t: t, at: monday}
	c := correlate.DefaultConfig()
	c.Connectors = []correlate.Connector{{Name: "jira"}, {Name: "pd", MinPriority: itsm.P2}}
	b, err := c.Canonical()
	if err != nil {
		t.Fatal(err)
	}
	h.put(entry.EncodeConfig(&entry.Config{Body: b}))
	var cis []itsm.CI
	for n := range 9 {
		cis = append(cis, itsm.CI{ID: fmt.Sprint("s", n+1), Name: fmt.Sprint("s", n+1), Class: "Service", Tier: 1, SupportGroup: fmt.Sprint("team", (n+1)%2)})
	}
	doc, problems := cmdb.NewDoc(cis, nil)
	changes, _, more := cmdb.Empty(cmdb.DefaultRelationTypes()).Plan(doc, "test", false)
	if len(problems)+len(more) > 0 {
		t.Fatal(problems, more)
	}
	chunks := changes.Chunks(1 << 19)
	for i, c := range chunks {
		h.put(entry.EncodeCMDBChunk(&entry.CMDBChunk{ImportID: "x", Seq: i, Body: c}))
	}
	h.put(entry.EncodeCMDBCommit(&entry.CMDBCommit{ImportID: "x", Chunks: len(chunks)}))
	return h
}

// pass lets minutes pass.
func (h *tape) pass(minutes int) { h.at = h.at.Add(time.Duration(minutes) * time.Minute) }

// event is "s1 Title critical k=v": a CI, an alert name, a severity, labels.
func (h *tape) event(status itsm.Status, words string) itsm.Event {
	f := strings.Fields(words)
	ls := []itsm.Label{{Name: "alertname", Value: f[1]}}
	for _, w := range f[3:] {
		k, v, _ := strings.Cut(w, "=")
		ls = append(ls, itsm.Label{Name: k, Value: v})
	}
	e := itsm.Event{Source: "main", Identity: f[0] + f[1], CIName: f[0], Title: f[1] + " on " + f[0], Status: status, Severity: itsm.SeverityOf(f[2]), Labels: itsm.NewLabels(ls), StartsAt: h.at}
	if status == itsm.Resolved {
		e.EndsAt = h.at
	}
	return e
}

func (h *tape) deliver(es ...itsm.Event) {
	h.put(entry.EncodeDelivery(nil, &entry.Delivery{Source: "main", Events: es, Raw: []byte("{}")}))
}

// fire delivers each as of now, one delivery each, a minute apart.
func (h *tape) fire(events ...string) *tape {
	for _, w := range events {
		h.deliver(h.event(itsm.Firing, w))
		h.pass(1)
	}
	return h
}

func (h *tape) clear(events ...string) *tape {
	for _, w := range events {
		h.deliver(h.event(itsm.Resolved, w))
		h.pass(1)
	}
	return h
}

func (h *tape) act(a itsm.Act) {
	a.Actor = "api:ann"
	h.put(entry.EncodeAct(&a))
	h.pass(1)
}

// activate journals rules as history had them.
func (h *tape) activate(body string) {
	b := fmt.Sprintf(`[{"name":"a.yaml","body":%q}]`, body)
	h.put(entry.EncodeRulesChunk(&entry.RulesChunk{SetID: "s", Body: []byte(b)}))
	c := entry.RulesCommit{SetID: "s", Chunks: 1, Revision: 1, Actor: "api:ann"}
	h.put(entry.EncodeRulesSave((*entry.RulesSave)(&c)))
	h.put(entry.EncodeRulesChunk(&entry.RulesChunk{SetID: "s", Body: []byte(b)}))
	h.put(entry.EncodeRulesActivate((*entry.RulesActivate)(&c)))
}

func set(name, body string) backtest.RuleSet {
	if body == "" {
		return backtest.RuleSet{Name: name}
	}
	return backtest.RuleSet{Name: name, Files: []rules.File{{Name: "a.yaml", Body: body}}}
}

// run compares two rule sets over the tape.
func (h *tape) run(before, after string, change ...func(*backtest.Options)) *backtest.Report {
	h.t.Helper()
	o := backtest.Options{Before: set("today", before), After: set("proposed", after), History: h}
	for _, c := range change {
		c(&o)
	}
	rep, err := backtest.Run(h.t.Context(), o)
	if err != nil {
		h.t.Fatal(err)
	}
	return rep
}

// counts are the differences of a report in one line.
func counts(r *backtest.Report) string {
	i := r.Incidents
	return fmt.Sprintf("before=%d after=%d same=%d resized=%d opened=%d merged=%d split=%d suppressed=%d lost=%d", i.Before, i.After, i.Same, i.Resized, i.Opened.Count, i.Merged.Count, i.Split.Count, i.Suppressed.Count, i.Lost.Count)
}

// clockOf is a clock that shows a variable.
func clockOf(t *time.Time) func() time.Time { return func() time.Time { return *t } }
