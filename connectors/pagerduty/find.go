package pagerduty

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"

	pd "github.com/PagerDuty/go-pagerduty"

	"signalbox/connectors"
	source "signalbox/ingest/source/pagerduty"
	"signalbox/itsm"
)

// IncidentOf finds our incident behind a PagerDuty incident, whose webhooks do not
// name it when it was made from alerts: its alerts carry our key. NotFound means
// that PagerDuty was asked and it is not ours; without an answer, for want of a
// token or with a wrong one, the error is Unavailable, so that nothing is lost.
func (c *Connector) IncidentOf(ctx context.Context, id string) (itsm.IncidentNumber, uint32, error) {
	if !c.reads() {
		return 0, 0, itsm.Errorf(itsm.Unavailable, "PagerDuty does not say in its webhook whose incident %s is, and there is no connectors.%s.api_token to ask with; set it, restart, and retry this", id, c.o.Name)
	}
	keys, call, err := c.alertKeys(ctx, id)
	if err != nil {
		if call.status == http.StatusNotFound {
			return 0, 0, itsm.Wrap(itsm.NotFound, err, "PagerDuty has no incident %s", id)
		}
		why := "it cannot be reached, or has no room for the request"
		if !connectors.IsPassing(err) {
			why = fmt.Sprintf("it answered %d; see whether connectors.%s.api_token is right", call.status, c.o.Name)
		}
		return 0, 0, itsm.Wrap(itsm.Unavailable, err, "PagerDuty cannot be asked now about incident %s: %s", id, why)
	}
	for _, key := range keys {
		if n, epoch, ok := source.ParseDedupKey(key); ok {
			return n, epoch, nil
		}
	}
	return 0, 0, itsm.Errorf(itsm.NotFound, "PagerDuty incident %s has no alert of ours", id)
}

// Look implements connectors.Looker. It needs the REST token.
func (c *Connector) Look(ctx context.Context, n itsm.IncidentNumber, epoch uint32) (connectors.Record, error) {
	if !c.reads() {
		return connectors.Record{}, itsm.Errorf(itsm.Invalid, "connector %s has no api_token, so PagerDuty cannot be asked", c.o.Name)
	}
	found, err := c.find(ctx, source.DedupKey(n, epoch))
	if err != nil || len(found) == 0 {
		return connectors.Record{}, err
	}
	ids, err := c.priorityIDs(ctx)
	if err != nil {
		return connectors.Record{}, err
	}
	return c.standing(&found[0], ids), nil
}

func (c *Connector) ref(in *pd.Incident) itsm.ExternalRef {
	return itsm.ExternalRef{Connector: c.o.Name, ID: in.ID, URL: in.HTMLURL}
}

// standing is how a PagerDuty incident stands. Of assignee and priority it says only
// what a Push could set.
func (c *Connector) standing(in *pd.Incident, priorities map[itsm.Priority]string) connectors.Record {
	r := connectors.Record{Status: standing[in.Status], Link: c.ref(in), Version: version(in)}
	if by := in.LastStatusChangeBy; by.Type == "user_reference" || by.Type == "user" {
		r.By = by.Summary
	} else {
		r.Automatic = by.Type != ""
	}
	if c.writes() && len(priorities) > 0 {
		r.Knows |= itsm.SyncPriority
		if in.Priority != nil {
			for ours, id := range priorities {
				if id == in.Priority.ID {
					r.Priority = ours
				}
			}
		}
	}
	if c.writes() && len(in.Assignments) == 1 {
		for _, name := range slices.Sorted(maps.Keys(c.o.Users)) {
			if c.o.Users[name] == in.Assignments[0].Assignee.ID {
				r.Knows, r.Assignee = r.Knows|itsm.SyncAssignee, name
				break
			}
		}
	}
	return r
}

// version is when a PagerDuty incident last changed, in ms. Times without a fraction
// count as the end of their second, so that they are not older than the webhook of
// the same change, whose time has one.
func version(in *pd.Incident) int64 {
	for _, s := range []string{in.UpdatedAt, in.LastStatusChangeAt} {
		at, err := itsm.ParseTime(s)
		if err != nil {
			continue
		}
		if at%1000 == 0 {
			at += 999
		}
		return int64(at)
	}
	return 0
}

var standing = map[string]connectors.RecordStatus{
	"triggered": connectors.RecordOpen, "acknowledged": connectors.RecordAcknowledged, "resolved": connectors.RecordResolved,
}

const (
	requestLimit = 10  // incidents looked at when finding one by its key
	alertsLimit  = 100 // alerts of an incident among which ours is looked for
)

// find lists the PagerDuty incidents with a key, newest first. PagerDuty's answer is
// checked, for a search that ignored the key would show other people's incidents:
// the key has to be that of the incident or, when that is null as on incidents made
// from alerts, of one of its alerts.
func (c *Connector) find(ctx context.Context, key string) ([]pd.Incident, error) {
	call, client := c.client()
	found, err := client.ListIncidentsWithContext(ctx, pd.ListIncidentsOptions{Limit: requestLimit, DateRange: "all", IncidentKey: key, SortBy: "created_at:desc"})
	if err := call.outcome(err); err != nil {
		return nil, err
	}
	var ours []pd.Incident
	for i := range found.Incidents {
		in := &found.Incidents[i]
		if in.IncidentKey != "" {
			if in.IncidentKey == key {
				ours = append(ours, *in)
			}
			continue
		}
		keys, _, err := c.alertKeys(ctx, in.ID)
		if err != nil {
			return nil, err
		}
		if slices.Contains(keys, key) {
			ours = append(ours, *in)
		}
	}
	return ours, nil
}

// alertKeys lists the keys of the alerts of a PagerDuty incident.
func (c *Connector) alertKeys(ctx context.Context, id string) ([]string, *call, error) {
	call, client := c.client()
	found, err := client.ListIncidentAlertsWithContext(ctx, url.PathEscape(id), pd.ListIncidentAlertsOptions{Limit: alertsLimit})
	if err := call.outcome(err); err != nil {
		return nil, call, err
	}
	keys := make([]string, len(found.Alerts))
	for i := range found.Alerts {
		keys[i] = found.Alerts[i].AlertKey
	}
	return keys, call, nil
}
