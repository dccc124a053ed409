package jira_test

import (
	"testing"

	"signalbox/ingest/source/jira"
	"signalbox/ingest/source/sourcetest"
)

var config = jira.Config{Own: []string{"557058:signalbox"}, Users: map[string]string{"ada": "557058:ada"}}

func TestDecode(t *testing.T) { sourcetest.Run(t, config.Decode) }

func FuzzDecode(f *testing.F) { sourcetest.Fuzz(f, config.Decode) }

func TestPrioritiesAreConfigured(t *testing.T) {
	c := jira.Config{Priorities: map[string]string{"P1": "Blocker"}}
	if got := c.PriorityOf("blocker"); got.String() != "P1" {
		t.Errorf("Blocker is %v", got)
	}
	if got := c.PriorityOf("Highest"); got != 0 {
		t.Errorf("Highest is %v", got)
	}
}
