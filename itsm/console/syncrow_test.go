package console

import (
	"strings"
	"testing"
	"time"

	"signalbox/itsm/partners"
)

// TestStrangers: a partner that does not know who has the incident is no difference,
// and its line says so.
func TestStrangers(t *testing.T) {
	for want, r := range map[string]partners.Row{
		"eve is not known there, so nobody is assigned":                  {Told: true, Stranger: "eve"},
		"1 message waits; eve is not known there, so nobody is assigned": {Told: true, Waiting: 1, Stranger: "eve"},
		"it ended before this partner was told of it":                    {Why: "it ended before this partner was told of it", Stranger: "eve"},
	} {
		if v := viewSyncRow(&r, time.Now()); v.Note != want || strings.Contains(v.Badge.Label, "Differs") {
			t.Errorf("note %q, badge %q; want %q", v.Note, v.Badge.Label, want)
		}
	}
}
