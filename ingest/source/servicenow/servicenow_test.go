package servicenow_test

import (
	"testing"

	"signalbox/ingest/source/servicenow"
	"signalbox/ingest/source/sourcetest"
	"signalbox/itsm"
)

var config = servicenow.Config{Own: []string{"svc.signalbox"}, Users: map[string]string{"ada": "Ada.L"}}

func TestDecode(t *testing.T) { sourcetest.Run(t, config.Decode) }

func FuzzDecode(f *testing.F) { sourcetest.Fuzz(f, config.Decode) }

func TestStatesAreConfigured(t *testing.T) {
	c := servicenow.Config{States: map[itsm.State][]string{itsm.InProgress: {"10"}, itsm.OnHold: {"11", "12"}}}
	for choice, want := range map[string]itsm.State{"10": itsm.InProgress, "11": itsm.OnHold, "12": itsm.OnHold, "2": 0, "": 0} {
		if got := c.StateOf(choice); got != want {
			t.Errorf("choice %q is %v, want %v", choice, got, want)
		}
	}
}

// TestVersionGrows: of two updates the later has the higher version, with room for
// the acts of the earlier one between them.
func TestVersionGrows(t *testing.T) {
	at, err := servicenow.ParseTime("2026-11-21 11:59:58")
	if err != nil {
		t.Fatal(err)
	}
	next, err := servicenow.ParseTime("2026-11-21 11:59:59")
	if err != nil {
		t.Fatal(err)
	}
	last := int64(0)
	for _, v := range []int64{servicenow.Version(at, "x"), servicenow.Version(at, "1"), servicenow.Version(at, "2"), servicenow.Version(at, "99"), servicenow.Version(next, "0")} {
		if v <= last+5 {
			t.Errorf("version %d after %d", v, last)
		}
		last = v
	}
}
