package main

import (
	"fmt"
	"strings"
	"time"

	"signalbox/cmd/internal/conf"
	"signalbox/connectors"
	"signalbox/connectors/alertmanager"
	"signalbox/ingest/source/kind"
)

var alertmanagerKind = connectorKind{
	perMinute: alertmanager.PerMinute,
	make:      newAlertmanager,
	hosts:     func(c conf.Connector) []string { return c.URLs },
	warnings: func(name string, c conf.Connector) []string {
		for _, u := range c.URLs {
			if strings.HasPrefix(u, "http:") && (c.Basic.IsSet() || c.Bearer.IsSet()) {
				return []string{fmt.Sprintf("connectors.%s.urls: its credentials go over the network unencrypted to %s", name, u)}
			}
		}
		return nil
	},
}

func newAlertmanager(name string, c conf.Connector, env connectorEnv) (connectors.Connector, error) {
	o := alertmanager.Options{Name: name, URLs: c.URLs, SilenceOnAcknowledge: c.SilenceOnAcknowledge, SilenceFor: time.Duration(c.SilenceFor),
		IgnoreLabels: c.IgnoreLabels, ExternalURL: env.external, HTTP: env.http, Log: env.log}
	for i, u := range c.URLs {
		if err := connectors.CheckURL(u); err != nil {
			return nil, fmt.Errorf("urls[%d]: %w", i, err)
		}
	}
	for _, s := range c.Sources {
		if env.sourceKinds[s] == kind.Prometheus { // it says itself when an alert is over
			o.Beside = append(o.Beside, s)
		} else {
			o.Sources = append(o.Sources, s)
		}
	}
	var err error
	if o.Bearer, err = readOptional("bearer", c.Bearer); err != nil {
		return nil, err
	}
	basic, err := readOptional("basic", c.Basic)
	if err != nil {
		return nil, err
	}
	if basic != "" {
		var ok bool
		if o.User, o.Password, ok = strings.Cut(basic, ":"); !ok {
			return nil, fmt.Errorf("basic: the secret %s holds no user:password", c.Basic)
		}
	}
	return alertmanager.New(o), nil
}
