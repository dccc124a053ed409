package pagerduty

import (
	"context"
	"fmt"
	"strings"

	pd "github.com/PagerDuty/go-pagerduty"

	"signalbox/itsm"
)

// Check implements connectors.Tester: the token can read, From is a user, and the
// policies and users that incidents go to exist. An integration key cannot be checked
// without an event.
func (c *Connector) Check(ctx context.Context) (string, error) {
	if !c.reads() {
		return "an integration key only, which nothing but an event can check; set api_token to check more", nil
	}
	call, client := c.client()
	services, err := client.ListServicesWithContext(ctx, pd.ListServiceOptions{Limit: 1, Total: true})
	if err := call.outcome(err); err != nil {
		return "", fmt.Errorf("api_token: PagerDuty does not list its services: %w", err)
	}
	said := []string{fmt.Sprintf("%d services", services.Total)}
	if c.o.From != "" {
		if err := c.checkFrom(ctx); err != nil {
			return "", err
		}
		said = append(said, "as "+c.o.From)
	}
	ids, err := c.priorityIDs(ctx)
	if err != nil {
		return "", err
	}
	said = append(said, fmt.Sprintf("%d priorities of P1 to P5", len(ids)))
	for team, id := range c.o.EscalationPolicies {
		call, client := c.client()
		_, err := client.GetEscalationPolicyWithContext(ctx, id, &pd.GetEscalationPolicyOptions{})
		if err := call.outcome(err); err != nil {
			return "", fmt.Errorf("escalation_policies.%s: PagerDuty has no policy %q: %w", team, id, err)
		}
	}
	for name, id := range c.o.Users {
		call, client := c.client()
		_, err := client.GetUserWithContext(ctx, id, pd.GetUserOptions{})
		if err := call.outcome(err); err != nil {
			return "", fmt.Errorf("users.%s: PagerDuty has no user %q: %w", name, id, err)
		}
	}
	return strings.Join(said, ", "), nil
}

func (c *Connector) checkFrom(ctx context.Context) error {
	call, client := c.client()
	users, err := client.ListUsersWithContext(ctx, pd.ListUsersOptions{Limit: requestLimit, Query: c.o.From})
	if err := call.outcome(err); err != nil {
		return fmt.Errorf("from: PagerDuty does not list its users: %w", err)
	}
	for i := range users.Users {
		if strings.EqualFold(users.Users[i].Email, c.o.From) {
			return nil
		}
	}
	return itsm.Errorf(itsm.Invalid, "from: %q is the e-mail of no user of this account; notes, priorities and assignments are refused without one", c.o.From)
}
