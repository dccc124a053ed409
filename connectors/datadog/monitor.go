package datadog

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"signalbox/connectors"
	"signalbox/itsm"
)

// monitorEvery is how often how monitors stand is asked for, one call each.
const monitorEvery = 5 * time.Minute

// MonitorEvery implements connectors.Paced.
func (c *Connector) MonitorEvery() time.Duration { return monitorEvery }

// monitorsMax bounds the monitors that one sweep asks about.
const monitorsMax = 300

// monitor is of a Monitor of the v1 API what is used.
type monitor struct {
	OverallState string `json:"overall_state"`
	State        struct {
		Groups map[string]struct {
			Status        string `json:"status"`
			LastTriggered int64  `json:"last_triggered_ts"` // seconds
		} `json:"groups"`
	} `json:"state"`
}

// monitor asks about one monitor; found is false when the organisation has none of
// that number, which says nothing about its alerts.
func (c *Connector) monitor(ctx context.Context, id string) (m monitor, found bool, err error) {
	err = c.call(ctx, http.MethodGet, "/api/v1/monitor/"+url.PathEscape(id), url.Values{"group_states": {"all"}}, nil, &m)
	if s := connectors.StatusOf(err); s == http.StatusNotFound || s == http.StatusBadRequest {
		return m, false, nil
	}
	return m, err == nil, err
}

// Standings implements connectors.Monitor. It knows alerts by the monitor and the
// group that their labels name; where those do not name exactly one, nothing is said.
func (c *Connector) Standings(ctx context.Context, asked []itsm.Alert) ([]connectors.Standing, error) {
	out := make([]connectors.Standing, len(asked))
	at := map[string][]int{}
	var ids []string
	for i := range asked {
		id := monitorOf(&asked[i])
		if id == "" {
			continue
		}
		if at[id] == nil {
			ids = append(ids, id)
		}
		at[id] = append(at[id], i)
	}
	if len(ids) > monitorsMax {
		c.log.Warn("more monitors than one sweep asks about; the others are not compared", "monitors", len(ids), "limit", monitorsMax)
		ids = ids[:monitorsMax]
	}
	for _, id := range ids {
		m, found, err := c.monitor(ctx, id)
		if err != nil {
			return nil, err
		}
		for _, i := range at[id] {
			if found {
				out[i] = m.standing(&asked[i])
			}
		}
	}
	return out, nil
}

// monitorOf is the number of an alert's monitor, "" when a rule may have changed
// what its labels say.
func monitorOf(a *itsm.Alert) string {
	if slices.ContainsFunc(a.Rules, func(r string) bool {
		return strings.HasPrefix(r, "normalise:") && !strings.HasSuffix(r, " (shadow)")
	}) {
		return ""
	}
	id := a.Labels.Get("monitor_id")
	if _, err := strconv.ParseInt(id, 10, 64); err != nil {
		return ""
	}
	return id
}

func (m *monitor) standing(a *itsm.Alert) connectors.Standing {
	name, ok := m.groupOf(a)
	if !ok {
		return connectors.Standing{}
	}
	state, since := m.OverallState, int64(0)
	if name != "" {
		state, since = m.State.Groups[name].Status, m.State.Groups[name].LastTriggered
	}
	switch state {
	case "Alert", "Warn", "No Data":
		return connectors.Standing{State: connectors.StandsFiring, Since: itsm.Time(since * 1000)}
	case "OK":
		return connectors.Standing{State: connectors.StandsGone}
	}
	return connectors.Standing{}
}

// groupOf finds the group of a monitor that an alert is about, "" for the whole of
// a monitor that has none. Of groups that both fit, such as host:a and host:a,disk:b,
// the one with more tags counts.
func (m *monitor) groupOf(a *itsm.Alert) (name string, ok bool) {
	best := 0
	for g := range m.State.Groups {
		if g == "*" {
			continue
		}
		n, fits := 0, true
		for t := range strings.SplitSeq(g, ",") {
			k, v, pair := strings.Cut(strings.TrimSpace(t), ":")
			n++
			fits = fits && pair && a.Labels.Get(k) == v
		}
		switch {
		case fits && n > best:
			name, best, ok = g, n, true
		case fits && n == best:
			ok = false // two that say the same: it cannot be told which
		}
	}
	if best > 0 {
		return name, ok
	}
	_, all := m.State.Groups["*"]
	return "", len(m.State.Groups) == 0 || all && len(m.State.Groups) == 1
}
