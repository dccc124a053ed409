package pagerduty

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	pd "github.com/PagerDuty/go-pagerduty"

	"signalbox/connectors"
	"signalbox/itsm"
)

const (
	pageLimit      = 100                   // services a page, the most there is
	inventoryPace  = 70 * time.Millisecond // between calls: below 960 a minute
	inventoryTries = 5                     // of a call that may pass
	inventoryWait  = 15 * time.Second      // between them, unless PagerDuty says how long
)

// Ids of the CIs that an inventory makes: the prefix and PagerDuty's id.
const (
	servicePrefix  = "pagerduty:service/"
	businessPrefix = "pagerduty:business_service/"
)

// Inventory implements connectors.Inventory: services, business services and their
// dependencies. It takes a call for each service, as PagerDuty tells of immediate
// neighbours only.
func (c *Connector) Inventory(ctx context.Context) (connectors.Estate, error) {
	if !c.reads() {
		return connectors.Estate{}, itsm.Errorf(itsm.Invalid, "connectors.%s.api_token is not set: PagerDuty lists its services only to who has one", c.o.Name)
	}
	v := &inventory{c: c, known: map[string]bool{}, related: map[itsm.Relation]bool{}}
	for _, read := range []func(context.Context) error{v.services, v.businessServices, v.dependencies} {
		if err := read(ctx); err != nil {
			return connectors.Estate{}, err
		}
	}
	return v.estate, nil
}

type inventory struct {
	c       *Connector
	estate  connectors.Estate
	known   map[string]bool
	related map[itsm.Relation]bool
}

// ask makes a call, again when it failed in a way that may pass.
func (v *inventory) ask(ctx context.Context, what string, do func(*pd.Client) error) error {
	for try := 1; ; try++ {
		call, client := v.c.client()
		err := call.outcome(do(client))
		if err == nil {
			return connectors.Wait(ctx, inventoryPace)
		}
		if !connectors.IsPassing(err) || try == inventoryTries {
			return fmt.Errorf("list %s of PagerDuty: %w", what, err)
		}
		if err := connectors.Wait(ctx, cmp.Or(connectors.AskedWait(err), inventoryWait)); err != nil {
			return err
		}
	}
}

func (v *inventory) services(ctx context.Context) error {
	for offset := uint(0); ; offset += pageLimit {
		var page *pd.ListServiceResponse
		err := v.ask(ctx, "the services", func(client *pd.Client) (err error) {
			page, err = client.ListServicesWithContext(ctx, pd.ListServiceOptions{Limit: pageLimit, Offset: offset, SortBy: "name:asc"})
			return err
		})
		if err != nil {
			return err
		}
		for i := range page.Services {
			s := &page.Services[i]
			ci := itsm.CI{ID: servicePrefix + s.ID, Name: s.Name, Class: "Service", Attributes: attributes(s.HTMLURL, s.Description)}
			if len(s.Teams) > 0 {
				ci.SupportGroup = firstOf(s.Teams[0].Summary, s.Teams[0].Name)
			}
			if p := firstOf(s.EscalationPolicy.Summary, s.EscalationPolicy.Name); p != "" {
				ci.Attributes["escalation_policy"] = p
			}
			if err := v.add(ci); err != nil {
				return err
			}
		}
		if !page.More || len(page.Services) == 0 {
			return nil
		}
	}
}

func (v *inventory) businessServices(ctx context.Context) error {
	var list []*pd.BusinessService
	err := v.ask(ctx, "the business services", func(client *pd.Client) (err error) {
		list, err = client.ListBusinessServicesPaginated(ctx, pd.ListBusinessServiceOptions{Limit: pageLimit})
		return err
	})
	if err != nil {
		return err
	}
	for _, s := range list {
		ci := itsm.CI{ID: businessPrefix + s.ID, Name: s.Name, Class: "BusinessService", Owner: s.PointOfContact, Attributes: attributes(s.HTMLUrl, s.Description)}
		if err := v.add(ci); err != nil {
			return err
		}
	}
	return nil
}

func (v *inventory) add(ci itsm.CI) error {
	if len(v.estate.CIs) >= connectors.EstateMax {
		return itsm.Errorf(itsm.TooLarge, "PagerDuty lists more than %d services", connectors.EstateMax)
	}
	if v.known[ci.ID] {
		return nil // it moved to a later page while we read
	}
	if ci.Name == "" {
		ci.Name = ci.ID
	}
	v.known[ci.ID] = true
	v.estate.CIs = append(v.estate.CIs, ci)
	return nil
}

// dependencies asks every service for its neighbours: what supports it, and what
// it supports. Each pair is told twice and kept once.
func (v *inventory) dependencies(ctx context.Context) error {
	for _, ci := range slices.Clone(v.estate.CIs) {
		var list *pd.ListServiceDependencies
		err := v.ask(ctx, "the dependencies of "+ci.Name, func(client *pd.Client) (err error) {
			if id, ok := strings.CutPrefix(ci.ID, businessPrefix); ok {
				list, err = client.ListBusinessServiceDependenciesWithContext(ctx, id)
			} else {
				list, err = client.ListTechnicalServiceDependenciesWithContext(ctx, strings.TrimPrefix(ci.ID, servicePrefix))
			}
			return err
		})
		if err != nil {
			return err
		}
		for _, d := range list.Relationships {
			if err := v.relate(d); err != nil {
				return err
			}
		}
	}
	return nil
}

func (v *inventory) relate(d *pd.ServiceDependency) error {
	r := itsm.Relation{From: idOf(d.DependentService), Type: "depends_on", To: idOf(d.SupportingService)}
	switch {
	case v.related[r]:
		return nil
	case len(v.estate.Relations) >= connectors.EstateMax:
		return itsm.Errorf(itsm.TooLarge, "PagerDuty lists more than %d dependencies", connectors.EstateMax)
	case !v.known[r.From] || !v.known[r.To]:
		v.estate.LeftOut = append(v.estate.LeftOut, fmt.Sprintf("the dependency of %q on %q, of which one is not listed", r.From, r.To))
		v.related[r] = true
		return nil
	}
	v.related[r] = true
	v.estate.Relations = append(v.estate.Relations, r)
	return nil
}

// idOf names the CI of one end of a dependency; its type is "service" or
// "business_service", in answers with "_reference" behind it.
func idOf(s *pd.ServiceObj) string {
	switch {
	case s == nil:
		return ""
	case strings.HasPrefix(s.Type, "business_service"):
		return businessPrefix + s.ID
	}
	return servicePrefix + s.ID
}

func attributes(link, description string) map[string]any {
	out := map[string]any{}
	for name, v := range map[string]string{"url": link, "description": description} {
		if v != "" {
			out[name] = v
		}
	}
	return out
}

func firstOf(a, b string) string {
	if a != "" {
		return a
	}
	return b
}
