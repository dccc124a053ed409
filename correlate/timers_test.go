package correlate

import (
	"fmt"
	"testing"
	"time"

	"signalbox/itsm"
	"signalbox/itsm/cmdb"
	"signalbox/itsm/entry"
)

// TestTimersAreForgotten: alerts that came and went leave no timers behind, although
// their leases would have lasted for a day.
func TestTimersAreForgotten(t *testing.T) {
	c := DefaultConfig()
	c.RefireWithin, c.ResolveAfter, c.ReopenWithin, c.CloseAfter, c.EvictAfter = Duration(time.Second), Duration(time.Second), Duration(2*time.Second), Duration(10*time.Second), Duration(time.Minute)
	r := &runner{s: New(c, cmdb.Empty(cmdb.DefaultRelationTypes())), at: epoch}
	const lives, each = 2_000, 10
	for life := range lives {
		for _, status := range []itsm.Status{itsm.Firing, itsm.Resolved} {
			d := &entry.Delivery{Source: "am"}
			for k := range each {
				e := itsm.Event{Source: "am", Identity: fmt.Sprint(life, "-", k), Status: status, Severity: itsm.Critical, Title: "Down", StartsAt: r.at,
					Labels: itsm.NewLabels([]itsm.Label{{Name: "service", Value: fmt.Sprint("s", (life*each+k)%200)}})}
				if status == itsm.Resolved {
					e.EndsAt = r.at
				}
				d.Events = append(d.Events, e)
			}
			r.feed([]*entry.Delivery{d}, 500)
		}
		r.s.Flush()
	}
	if alive := r.s.alerts.Len(); alive > lives*each/4 {
		t.Fatalf("%d of %d alerts are remembered: the test tests nothing", alive, lives*each)
	}
	if got := len(r.s.timers); got > 2*sweepTimersMin {
		t.Errorf("%d timers for %d alerts", got, r.s.alerts.Len())
	}
}
