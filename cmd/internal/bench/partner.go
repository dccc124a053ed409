package main

import (
	"fmt"
	"time"

	"signalbox/connectors/pagerduty/pagerdutytest"
)

// partner is the PagerDuty that a run tells of its incidents.
type partner struct {
	*pagerdutytest.Server
	stop func()
}

func newPartner() *partner {
	s, stop := pagerdutytest.Start()
	return &partner{s, stop}
}

// partnerName is what the connector is called.
const partnerName = "pager"

// configuration connects a Signalbox to it; without one there is nothing to add.
func (p *partner) configuration() string {
	if p == nil {
		return ""
	}
	return fmt.Sprintf("connectors:\n  %s: {kind: pagerduty, routing_key: env:BENCH_PD_KEY, api_token: env:BENCH_PD_TOKEN, from: bench@example.com, events_url: '%s', api_url: '%[2]s'}\n", partnerName, p.URL)
}

func (p *partner) environment() []string {
	if p == nil {
		return nil
	}
	return []string{"BENCH_PD_KEY=" + p.Key, "BENCH_PD_TOKEN=token"}
}

// pageTimes are when the pages came: each trigger of an incident that was not open.
func (p *partner) pageTimes() (out []time.Time) {
	open := map[string]bool{}
	for _, c := range p.Calls() {
		switch {
		case c.Action == "trigger" && !open[c.Key]:
			open[c.Key] = true
			out = append(out, c.At)
		case c.Action == "resolve":
			open[c.Key] = false
		}
	}
	return out
}

// busiest is how many of the times, which ascend, lie in the fullest window.
func busiest(times []time.Time, window time.Duration) (most int) {
	from := 0
	for i, t := range times {
		for t.Sub(times[from]) >= window {
			from++
		}
		most = max(most, i-from+1)
	}
	return most
}
