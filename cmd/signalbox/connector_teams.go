package main

import (
	"fmt"

	"signalbox/cmd/internal/conf"
	"signalbox/connectors"
	"signalbox/connectors/teams"
	"signalbox/itsm"
)

var teamsKind = connectorKind{
	perMinute: teams.CardsPerMinute,
	make:      newTeams,
	hosts: func(c conf.Connector) []string {
		if u, err := c.URL.Read(); err == nil {
			return []string{u}
		}
		return nil
	},
}

func newTeams(name string, c conf.Connector, env connectorEnv) (connectors.Connector, error) {
	if !c.URL.IsSet() {
		return nil, itsm.Errorf(itsm.Invalid, "url: missing: expected the address of a Workflows webhook, which Teams shows when the workflow is made; as it is a secret, as env:NAME or file:PATH")
	}
	u, err := c.URL.Read()
	if err != nil {
		return nil, fmt.Errorf("url: %w", err)
	}
	if err := connectors.CheckURL(u); err != nil {
		return nil, fmt.Errorf("url: %w", err)
	}
	return teams.New(teams.Options{Name: name, URL: u, ExternalURL: env.external, HTTP: env.http})
}
