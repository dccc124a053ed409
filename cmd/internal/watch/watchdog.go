package watch

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"signalbox/itsm"
	"signalbox/itsm/desk"
)

// Watchdog is an alert that should always fire, such as Prometheus' Watchdog: not
// hearing it means that nothing else of that monitoring would be heard either.
type Watchdog struct {
	Source       string            // whose alert it is
	Labels       map[string]string // all of which it has
	MissingAfter time.Duration
}

// dog watches one watchdog.
type dog struct {
	Watchdog
	alert itsm.AlertNumber // that it was last, so that most looks read one record
}

// isMissing reports whether the alert was not heard for too long, counted from
// since if it was not heard after that.
func (d *dog) isMissing(r Records, now, since time.Time) (bool, error) {
	late := func(heard time.Time) bool { return now.Sub(heard) > d.MissingAfter }
	if !late(since) {
		return false, nil
	}
	if d.alert != 0 {
		a, err := r.Alert(d.alert)
		if err == nil && !late(a.LastSeenAt.Std()) {
			return false, nil
		}
		if err != nil && itsm.CodeOf(err) != itsm.NotFound {
			return false, err
		}
	}
	heard := since
	err := eachAlert(r, desk.AlertQuery{Source: []string{d.Source}, Statuses: []itsm.Status{itsm.Firing}}, func(a *itsm.Alert) {
		if at := a.LastSeenAt.Std(); d.matches(a) && at.After(heard) {
			heard, d.alert = at, a.Number
		}
	})
	return late(heard), err
}

func (d *dog) matches(a *itsm.Alert) bool {
	for n, v := range d.Labels {
		if a.Labels.Get(n) != v {
			return false
		}
	}
	return true
}

// id is the same however the labels are written.
func (d *dog) id() string {
	id := "watchdog/" + d.Source
	for _, n := range slices.Sorted(maps.Keys(d.Labels)) {
		id += "/" + n + "=" + d.Labels[n]
	}
	return id
}

func (d *dog) condition() condition {
	labels := map[string]string{"service": "monitoring", "source": d.Source}
	for n, v := range d.Labels {
		if n != "alertname" && n != "severity" {
			labels[n] = v
		}
	}
	return condition{id: d.id(), severity: itsm.Critical, rule: "WatchdogMissing", labels: labels,
		title: fmt.Sprintf("Nothing heard of the always-firing alert of %s for %v: its monitoring may be blind", d.Source, d.MissingAfter)}
}
