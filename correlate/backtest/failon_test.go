package backtest_test

import (
	"strings"
	"testing"

	"signalbox/correlate/backtest"
)

func TestFailOn(t *testing.T) {
	h := newTape(t).fire("s1 Noise critical", "s2 Down critical ns=shop", "s3 Down critical ns=shop")
	r := h.run("", dropNoise+"---\n"+byTeam)
	for cond, want := range map[string]string{
		"lost-p1": "lost-p1: 1 P1 that paged", "lost-p2": "", "late-p1": "", "lower-p1": "", "suppressed": "suppressed: 1 ", "lost": "", "merged": "merged: 1 ", "split": "",
		"opened": "", "more-pages": "", "failed": "", "labels": "", "more-incidents=0%": "", " lost-p1 , merged": "lost-p1",
	} {
		got := strings.Join(r.Failed(conditions(t, cond)), "\n")
		if (want == "") != (got == "") || !strings.HasPrefix(got, want) {
			t.Errorf("%s: %q, want %q", cond, got, want)
		}
	}
	for _, bad := range []string{"", "lost-p9", "lost=3%", "more-pages=ten", "more-pages=-1%", "lost-p1,,split"} {
		if _, err := backtest.ParseConditions(bad); err == nil || !strings.Contains(err.Error(), "expected") {
			t.Errorf("%q: %v", bad, err)
		}
	}
	more := h.run(dropNoise+"---\n"+byTeam, "")
	if got := more.Failed(conditions(t, "more-incidents=100%,more-incidents=200%")); len(got) != 1 || !strings.Contains(got[0], "200 percent") {
		t.Errorf("from one incident to three: %q", got)
	}
}
