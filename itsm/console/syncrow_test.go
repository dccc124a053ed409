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

// TestObjectsAtPartners: a change or a problem says what its record has wrong and who
// decides.
func TestObjectsAtPartners(t *testing.T) {
	s := signedIn(t, fixedClock)
	for path, want := range map[string][]string{
		"/problems/PRB0000003": {"At partners", "PRB0040117", "Differs", "changed by jo.field", "disk trouble", "Whoever made the change or the problem", "Told again 1 time, the next time in 9 min"},
		"/changes/CHG0000001":  {"At partners", "CHG0030201", "Agrees"},
	} {
		_, body := s.get(path)
		for _, w := range want {
			if !strings.Contains(body, w) {
				t.Errorf("%s does not say %q", path, w)
			}
		}
	}
	theirs := partners.Row{Told: true, Theirs: true, Waiting: 1}
	if v := viewSyncRow(&theirs, time.Now()); v.Note != "1 message waits; made there" {
		t.Errorf("what was made there says %q", v.Note)
	}
	for _, c := range []struct {
		row  partners.Row
		want string
	}{{partners.Row{Told: true, Theirs: true, At: 1}, "Reported"}, {partners.Row{Told: true, Theirs: true, At: 1, ToldAt: 1}, "Told"}, {partners.Row{Told: true, ToldAt: 1, Failed: true}, "Refused"}} {
		if v := viewSyncRow(&c.row, time.Now()); v.Badge.Label != c.want {
			t.Errorf("%+v is called %q, want %q", c.row, v.Badge.Label, c.want)
		}
	}
	if _, body := s.get("/problems/PRB0000002"); strings.Contains(body, "At partners") {
		t.Error("a problem of which no partner has a record has partners")
	}
}
