package main

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"signalbox/correlate"
)

// However many rules there are, a bounded number has series of its own, those that
// fail among them, and the sums are right.
func TestRuleSeriesAreBounded(t *testing.T) {
	var list []correlate.RuleCount
	for n := range ruleSeriesMax + 50 {
		list = append(list, correlate.RuleCount{ID: fmt.Sprintf("r%04d", n), Hits: 1})
	}
	list[ruleSeriesMax+49].Failures = 3
	series, sum := map[string]uint64{}, uint64(0)
	countRules(list, func(d *prometheus.Desc, v uint64, labels ...string) {
		if d == descRuleHits {
			sum += v
		}
		if d == descRuleFailed && v > 0 || labels[0] == otherRules && d == descRuleHits {
			series[labels[0]] += v
		}
	})
	if d := cmp.Diff(map[string]uint64{fmt.Sprintf("r%04d", ruleSeriesMax+49): 3, otherRules: 50}, series); d != "" {
		t.Errorf("(-want +got) %s", d)
	}
	if sum != ruleSeriesMax+50 {
		t.Errorf("hits sum up to %d, want %d", sum, ruleSeriesMax+50)
	}
}
