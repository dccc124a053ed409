package console

import (
	"time"

	"signalbox/itsm"
)

// cannedLevel is the service level of an incident of the story, by its priority,
// with all time counting; one on hold stands.
func cannedLevel(i *itsm.Incident, now itsm.Time) (v itsm.ServiceLevel) {
	targets := map[itsm.Priority][2]time.Duration{itsm.P1: {15 * time.Minute, 4 * time.Hour}, itsm.P2: {30 * time.Minute, 8 * time.Hour}, itsm.P3: {4 * time.Hour, 24 * time.Hour}}
	t, ok := targets[i.Priority]
	if !ok || i.State == itsm.Cancelled {
		return v
	}
	v.Response = itsm.LevelClock{Target: t[0], DueAt: i.OpenedAt.Add(t[0]), DoneAt: i.AcknowledgedAt}
	v.Resolution = itsm.LevelClock{Target: t[1], DueAt: i.OpenedAt.Add(t[1]), DoneAt: i.ResolvedAt}
	if i.State == itsm.OnHold {
		v.Resolution.DueAt, v.Held = 0, now.Sub(i.OpenedAt.Add(31*time.Minute))
	}
	for _, c := range []*itsm.LevelClock{&v.Response, &v.Resolution} {
		c.Breached = c.DueAt != 0 && (c.DoneAt != 0 && c.DueAt < c.DoneAt || c.DoneAt == 0 && c.DueAt <= now)
	}
	return v
}
