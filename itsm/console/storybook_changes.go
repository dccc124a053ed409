package console

import (
	"context"
	"encoding/json"
	"time"

	"signalbox/itsm"
)

// changes are the changes and maintenance windows of the story: a deployment shortly
// before the outage, one that failed, one that is planned, and three windows.
func (b *book) changes() error {
	now := itsm.TimeOf(b.clock())
	ago := func(d time.Duration) itsm.Time { return now.Add(-d) }
	for _, d := range []struct {
		kind  itsm.ActKind
		actor string
		body  any
	}{
		{itsm.ActChangePut, "github:deploy-bot", map[string]any{"external_id": "acme/orders-db#deployment/881", "source": "github", "title": "Deploy acme/orders-db v16.4 to production", "state": "successful",
			"started_at": ago(36 * time.Minute), "ended_at": ago(31 * time.Minute), "environment": "production", "cis": []string{"orders-db"}, "who": "mira", "url": "https://github.example/acme/orders-db/deployments",
			"description": "PostgreSQL 16.3 to 16.4, and a lower connection limit for the reporting user."}},
		{itsm.ActChangePut, "argocd:cart-api", map[string]any{"external_id": "argocd/cart-api@77", "source": "argocd", "title": "Sync cart-api to 4be1c09a, Degraded", "state": "failed",
			"started_at": ago(26 * time.Hour), "ended_at": ago(26*time.Hour - 4*time.Minute), "cis": []string{"cart-api"}, "who": "retail"}},
		{itsm.ActChangePut, "servicenow:Jo Park", map[string]any{"external_id": "servicenow/30192", "source": "servicenow", "title": "Replace the power supply of db-host-07", "type": "normal", "state": "planned",
			"planned_start": ago(-20 * time.Hour), "planned_end": ago(-22 * time.Hour), "cis": []string{cannedHost, "ups-12"}, "who": "jo", "risk": "moderate", "url": "https://example.service-now.com/change_request.do?sys_id=30192"}},
		{itsm.ActMaintenancePut, "console:jo", map[string]any{"reason": "Rebuild of the build agents", "owner": "jo", "starts_at": ago(40 * time.Minute), "ends_at": ago(-80 * time.Minute),
			"scope": map[string]any{"cis": []string{"ci-agent-3"}}}},
		{itsm.ActMaintenancePut, "console:mika", map[string]any{"reason": "Patch night", "owner": "Linux on call", "starts_at": ago(-30 * time.Hour), "ends_at": ago(-33 * time.Hour), "zone": "Europe/Berlin",
			"rrule": "FREQ=WEEKLY", "scope": map[string]any{"classes": []string{"Host"}, "labels": map[string]any{"env": "prod"}}}},
		{itsm.ActMaintenancePut, "console:jo", map[string]any{"reason": "Power supply of db-host-07", "owner": "jo", "change": "CHG0000003", "starts_at": ago(-20 * time.Hour), "ends_at": ago(-22 * time.Hour),
			"scope": map[string]any{"cis": []string{cannedHost}}}},
	} {
		body, err := json.Marshal(d.body)
		if err != nil {
			return err
		}
		if _, err := b.Do(context.Background(), itsm.Act{Kind: d.kind, Body: body, Actor: d.actor}); err != nil {
			return err
		}
	}
	return nil
}
