package main

import (
	"fmt"

	"signalbox/cmd/internal/conf"
	"signalbox/connectors"
	"signalbox/connectors/jira"
	"signalbox/ingest"
	source "signalbox/ingest/source/jira"
	"signalbox/ingest/source/kind"
)

var jiraKind = connectorKind{
	perMinute: jira.PerMinute,
	make:      newJira,
	inbound: func(_ string, c conf.Connector) (*ingest.Source, error) {
		secrets, err := conf.ReadAll(c.WebhookSecrets)
		if err != nil {
			return nil, fmt.Errorf("webhook_secrets: %w", err)
		}
		if len(secrets) == 0 {
			return nil, nil
		}
		site, err := jiraSite(c)
		if err != nil {
			return nil, err
		}
		// Jira signs with sha256=HEX in the header of WebSub.
		return &ingest.Source{Kind: kind.Jira, Kinds: kind.Options{Jira: site}, Auth: ingest.Auth{HMAC: &ingest.HMAC{Secrets: secrets, Header: "X-Hub-Signature", Prefix: "sha256="}}}, nil
	},
	hosts: func(c conf.Connector) []string { return []string{c.APIURL} },
	warnings: func(name string, c conf.Connector) (out []string) {
		if len(c.WebhookSecrets) == 0 {
			out = append(out, fmt.Sprintf("connectors.%s.webhook_secrets is not set, so that only sweeps hear what people do in Jira", name))
		} else if len(c.OwnUsers) == 0 {
			out = append(out, fmt.Sprintf("connectors.%s.own_users is not set: name the accountId of its account, which 'signalbox connectors test %s' tells, so that its changes are known as ours", name, name))
		}
		return out
	},
}

// jiraSite is what differs from site to site.
func jiraSite(c conf.Connector) (source.Config, error) {
	user, _, err := readBasic("basic", c.Basic)
	out := source.Config{Own: append([]string(nil), c.OwnUsers...), Done: c.DoneStatuses, Users: c.Users}
	if user != "" {
		out.Own = append(out.Own, user)
	}
	if len(c.Priorities) > 0 {
		out.Priorities = map[string]string{}
		for p, name := range source.DefaultPriorities { // what is not said is as it comes
			out.Priorities[p] = name
		}
		for p, name := range c.Priorities {
			out.Priorities[p] = name
		}
	}
	return out, err
}

func newJira(name string, c conf.Connector, env connectorEnv) (connectors.Connector, error) {
	if err := connectors.CheckURL(c.APIURL); err != nil {
		return nil, fmt.Errorf("api_url: %w", err)
	}
	o := jira.Options{Name: name, URL: c.APIURL, Version: c.RESTVersion, Project: c.Project, IssueType: c.IssueType, ServiceDesk: c.ServiceDesk, RequestType: c.RequestType,
		Labels: c.Labels, Fields: c.Fields, Resolution: c.Resolution, ExternalURL: env.external, HTTP: env.http}
	var err error
	if o.Site, err = jiraSite(c); err != nil {
		return nil, err
	}
	if o.User, o.Password, err = readBasic("basic", c.Basic); err != nil {
		return nil, err
	}
	if o.Bearer, err = readOptional("bearer", c.Bearer); err != nil {
		return nil, err
	}
	return jira.New(o), nil
}
