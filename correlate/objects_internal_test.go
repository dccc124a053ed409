package correlate

import (
	"strings"
	"testing"

	"signalbox/itsm"
	"signalbox/itsm/cmdb"
)

// TestObjectActs: an act on an object is bounded before anybody looks at it, and
// its outcome names the object.
func TestObjectActs(t *testing.T) {
	s := New(DefaultConfig(), cmdb.Empty(nil))
	do := func(s *State, a *itsm.Act) itsm.Outcome {
		s.putObject("thing", a.Object, 1, []string{"ci/db-1"}, map[string]string{"name": "x"})
		return itsm.Outcome{}
	}
	for want, a := range map[itsm.Code]itsm.Act{
		"":            {Object: "THG0000001"},
		itsm.TooLarge: {Object: strings.Repeat("x", itsm.ObjectNameMax+1)},
	} {
		if o := s.objectAct(&a, do); o.Code != want || want == "" && o.Object != a.Object {
			t.Errorf("%.20s: %+v, want code %q", a.Object, o, want)
		}
	}
	if o := s.objectAct(&itsm.Act{Body: make([]byte, itsm.ObjectBodyMax+1)}, do); o.Code != itsm.TooLarge {
		t.Errorf("a body too large: %+v", o)
	}
	if len(s.out) != 1 || s.out[0].Kind != itsm.PutObject || string(s.out[0].Object.Body) != `{"name":"x"}` {
		t.Errorf("decided %+v", s.out)
	}
}
