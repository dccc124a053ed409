package desk

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"testing"

	"signalbox/itsm"
	"signalbox/itsm/kv"
)

// TestTriggers: of all intents the triggers of these connectors in the range are
// told, waiting, settled or abandoned with a long answer, and nothing else.
func TestTriggers(t *testing.T) {
	t.Parallel()
	d, err := Open(kv.Mem())
	if err != nil {
		t.Fatal(err)
	}
	var ds []itsm.Decision
	for n := range 6 {
		for _, c := range []string{"pd", "pd2", "chat"} {
			for _, kind := range []itsm.Transition{itsm.Trigger, itsm.Resolve} {
				ds = append(ds, itsm.Decision{Kind: itsm.PutIntent, Intent: &itsm.Intent{Key: fmt.Sprint(kind, n), Connector: c, Incident: itsm.IncidentNumber(n + 1), Epoch: uint32(n + 1), Transition: kind, At: itsm.Time(1000 * (n + 1)), Text: strings.Repeat("x", 300)}})
			}
		}
	}
	for n, failure := range []string{"", "", "", strings.Repeat("no route to host ", 100)} {
		ds = append(ds, itsm.Decision{Kind: itsm.SettleIntent, Settled: &itsm.Settlement{Connector: "pd", Key: fmt.Sprint(itsm.Trigger, n), At: 9000, Failure: failure}})
	}
	if err := d.Apply(Batch{Cursor: 1, At: 9000, Decisions: ds}); err != nil {
		t.Fatal(err)
	}
	var got []Triggering
	if err := d.Triggers([]string{"pd", "pd2", "none"}, 2000, 5000, func(x Triggering) { got = append(got, x) }); err != nil {
		t.Fatal(err)
	}
	slices.SortFunc(got, func(a, b Triggering) int {
		return cmp.Or(strings.Compare(a.Connector, b.Connector), cmp.Compare(a.At, b.At))
	})
	want := []Triggering{{"pd", 2, 2, 2000}, {"pd", 3, 3, 3000}, {"pd", 4, 4, 4000}, {"pd2", 2, 2, 2000}, {"pd2", 3, 3, 3000}, {"pd2", 4, 4, 4000}}
	if !slices.Equal(got, want) {
		t.Errorf("%+v, want %+v", got, want)
	}
	if _, _, err := triggering([]byte{intentVersion, 1, 1}, 0, 1); err == nil {
		t.Error("a damaged record is read")
	}
}
