package main

import (
	"fmt"
	"time"

	"signalbox/cmd/internal/conf"
	"signalbox/connectors"
	"signalbox/connectors/datadog"
)

var datadogKind = connectorKind{
	perMinute: datadog.PerMinute,
	inventory: true,
	make:      newDatadog,
	hosts: func(c conf.Connector) []string {
		return []string{orElse(c.APIURL, "https://api."+orElse(c.Site, datadog.DefaultSite))}
	},
	warnings: func(name string, c conf.Connector) []string {
		if len(c.Sources) == 0 && c.Keep == "" {
			return []string{fmt.Sprintf("connectors.%s tells Datadog nothing: it has neither sources, whose monitors would hear of it, nor keep; only 'signalbox cmdb pull %s' uses it", name, name)}
		}
		return nil
	},
}

func newDatadog(name string, c conf.Connector, env connectorEnv) (connectors.Connector, error) {
	o := datadog.Options{Name: name, Site: c.Site, URL: c.APIURL, Sources: c.Sources, Events: c.Events == nil || *c.Events, Keep: datadog.Keep(c.Keep), Project: c.CaseProject, CaseType: c.CaseType,
		DowntimeOnAcknowledge: c.DowntimeOnAcknowledge, DowntimeFor: time.Duration(c.DowntimeFor), ExternalURL: env.external, HTTP: env.http, Log: env.log}
	if err := connectors.CheckURL(c.APIURL); err != nil {
		return nil, fmt.Errorf("api_url: %w", err)
	}
	var err error
	if o.APIKey, err = c.APIKey.Read(); err != nil {
		return nil, fmt.Errorf("api_key: %w", err)
	}
	if o.AppKey, err = readOptional("app_key", c.AppKey); err != nil {
		return nil, err
	}
	return datadog.New(o), nil
}
