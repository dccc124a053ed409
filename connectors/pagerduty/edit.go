package pagerduty

import (
	"context"
	"time"

	pd "github.com/PagerDuty/go-pagerduty"

	"signalbox/connectors"
	source "signalbox/ingest/source/pagerduty"
	"signalbox/itsm"
)

const (
	prioritiesKept  = 10 * time.Minute
	prioritiesLimit = 100
	announcedMax    = 10_000
	statusUpdateMax = 5_000
)

// edit makes title, priority and assignment of a PagerDuty incident what they are
// here. What is so already is not sent: assigning somebody again pages again.
func (c *Connector) edit(ctx context.Context, rec *pd.Incident, in itsm.Intent) error {
	o := pd.ManageIncidentsOptions{ID: rec.ID}
	wanted := false
	if title := summary(&in); in.Transition != itsm.Trigger && rec.Title != title {
		o.Title, wanted = title, true
	}
	ids, err := c.priorityIDs(ctx)
	if err != nil {
		return err
	}
	if id := ids[in.Snapshot.Priority]; id != "" && (rec.Priority == nil || rec.Priority.ID != id) {
		o.Priority, wanted = &pd.APIReference{ID: id, Type: "priority_reference"}, true
	}
	wanted = c.assign(&o, rec, in) || wanted
	if !wanted {
		return nil
	}
	call, client := c.client()
	_, err = client.ManageIncidentsWithContext(ctx, c.o.From, []pd.ManageIncidentsOptions{o})
	return call.outcome(err)
}

// assign says whom the incident goes to: the assignee where one is known there,
// else, when it is opened or a person changed something, the team's policy.
func (c *Connector) assign(o *pd.ManageIncidentsOptions, rec *pd.Incident, in itsm.Intent) bool {
	if user := c.o.Users[in.Snapshot.Assignee]; user != "" {
		for _, a := range rec.Assignments {
			if a.Assignee.ID == user {
				return false
			}
		}
		o.Assignments = []pd.Assignee{{Assignee: pd.APIObject{ID: user, Type: "user_reference"}}}
		return true
	}
	byPerson := in.Transition == itsm.Trigger || in.Actor != "signalbox"
	policy := c.o.EscalationPolicies[in.Snapshot.Group]
	if policy == "" || !byPerson || in.Snapshot.Assignee != "" || rec.EscalationPolicy.ID == policy {
		return false
	}
	o.EscalationPolicy = &pd.APIReference{ID: policy, Type: "escalation_policy_reference"}
	return true
}

// priorityIDs are the account's priorities, by ours; empty where it has none, for
// priorities are a feature that not every account has.
func (c *Connector) priorityIDs(ctx context.Context) (map[itsm.Priority]string, error) {
	c.mu.Lock()
	ids, at := c.priorities, c.prioritiesAt
	c.mu.Unlock()
	if ids != nil && time.Since(at) < prioritiesKept {
		return ids, nil
	}
	call, client := c.client()
	list, err := client.ListPrioritiesWithContext(ctx, pd.ListPrioritiesOptions{Limit: prioritiesLimit})
	if err := call.outcome(err); connectors.IsPassing(err) {
		return nil, err
	} else if err != nil {
		list = &pd.ListPrioritiesResponse{} // 402 or 403: the account has none
	}
	ids = map[itsm.Priority]string{}
	for _, p := range list.Priorities {
		if ours := source.PriorityNamed(p.Name); ours != 0 && ids[ours] == "" {
			ids[ours] = p.ID
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.priorities, c.prioritiesAt = ids, time.Now()
	return ids, nil
}

// announce tells stakeholders of a change, at most once: PagerDuty has no way to ask
// whether an update whose answer was lost is out, and it goes to people's mail.
func (c *Connector) announce(ctx context.Context, id string, in itsm.Intent) error {
	if !c.o.StatusUpdates || c.mayBeOut(in.Key) {
		return nil
	}
	call, client := c.client()
	_, err := client.CreateIncidentStatusUpdate(ctx, id, c.o.From, connectors.Cut(in.Snapshot.Title+": "+in.Text, statusUpdateMax))
	err = call.outcome(err)
	if err != nil && call.status != 0 && call.status < 500 {
		c.notOut(in.Key) // it was refused
	}
	return err
}

// mayBeOut notes that a status update is sent, and reports whether it was before.
func (c *Connector) mayBeOut(key string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.announced[key] {
		return true
	}
	if c.announced == nil || len(c.announced) >= announcedMax {
		c.announced = map[string]bool{}
	}
	c.announced[key] = true
	return false
}

func (c *Connector) notOut(key string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.announced, key)
}
