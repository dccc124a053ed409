package main

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"signalbox/cmd/internal/conf"
)

// TestReportsByCommand: a page that somebody took up is in the figures, as text, JSON
// and CSV, and no text becomes a formula.
func TestReportsByCommand(t *testing.T) {
	s, _ := withPagerDuty(t, "")
	s.do(http.MethodPost, "/webhooks/generic", event("firing", "=shop"), nil)
	eventually(t, "an incident", func() bool { return len(s.incidents()) == 1 })
	s.do(http.MethodPost, "/api/v1/incidents/INC0000001/acknowledge", "{}", nil)
	out := mustTool(t, s, "", "reports")
	for _, want := range []string{"mtta", "Time to acknowledge", "Incidents 1", "backlog", "Open 1", "actionable", "Actionable 100 %, Pages 1"} {
		if !strings.Contains(out, want) {
			t.Errorf("reports lacks %q:\n%s", want, out)
		}
	}
	out = mustTool(t, s, "", "reports", "binding")
	for _, want := range []string{"Binding to the CMDB, from 20", "The share of alerts seen", "KEY WITHOUT A CI", "Not bound 1", "=shop"} {
		if !strings.Contains(out, want) {
			t.Errorf("reports binding lacks %q:\n%s", want, out)
		}
	}
	for _, name := range []string{"binding", "cis", "recurrence", "noise"} {
		for row := range strings.SplitSeq(mustTool(t, s, "", "reports", name, "--format", "csv"), "\n") {
			for cell := range strings.SplitSeq(row, ",") {
				if strings.HasPrefix(cell, "=") {
					t.Errorf("%s: the cell %q is a formula", name, cell)
				}
			}
		}
	}
	if out = mustTool(t, s, "", "reports", "mtta", "--format", "json", "--to", "2026-01-01"); !strings.Contains(out, `"rows":[]`) {
		t.Errorf("an old range has %s", out)
	}
	for _, bad := range [][]string{{"reports", "mttx"}, {"reports", "--format", "xls"}, {"reports", "--from", "soon"}, {"reports", "--team", "nobody"}} {
		if out, err := tool(t, s, "", bad...); err == nil || !strings.Contains(err.Error(), "expected") && !strings.Contains(err.Error(), "no such team") {
			t.Errorf("%v: %v %s", bad, err, out)
		}
	}
}

func TestPagers(t *testing.T) {
	t.Parallel()
	f := &conf.File{Connectors: map[string]conf.Connector{"chat": {Kind: "slack"}, "am": {Kind: "alertmanager"}}}
	if got := pagers(f); !slices.Equal(got, []string{"chat"}) {
		t.Errorf("without a pager: %v", got)
	}
	f.Connectors["pd"] = conf.Connector{Kind: "pagerduty"}
	if got := pagers(f); !slices.Equal(got, []string{"pd"}) {
		t.Errorf("with a pager: %v", got)
	}
}
