package main

import (
	"fmt"
	"maps"
	"strings"
	"time"

	"signalbox/cmd/internal/conf"
	"signalbox/connectors"
	"signalbox/connectors/servicenow"
	"signalbox/ingest"
	"signalbox/ingest/source/kind"
	source "signalbox/ingest/source/servicenow"
	"signalbox/itsm"
)

var serviceNowKind = connectorKind{
	perMinute: servicenow.PerMinute,
	make:      newServiceNow,
	inbound: func(_ string, c conf.Connector) (*ingest.Source, error) {
		secrets, err := conf.ReadAll(c.WebhookSecrets)
		if err != nil {
			return nil, fmt.Errorf("webhook_secrets: %w", err)
		}
		if len(secrets) == 0 {
			return nil, nil
		}
		fields, err := serviceNowFields(c)
		if err != nil {
			return nil, err
		}
		user, _, err := readBasic("basic", c.Basic)
		if err != nil {
			return nil, err
		}
		if user != "" {
			fields.Own = append(fields.Own, user)
		}
		return &ingest.Source{Kind: kind.ServiceNow, Kinds: kind.Options{ServiceNow: fields}, Auth: ingest.Auth{Bearer: secrets}}, nil
	},
	hosts: func(c conf.Connector) []string {
		if c.OAuth.TokenURL != "" {
			return []string{c.APIURL, c.OAuth.TokenURL}
		}
		return []string{c.APIURL}
	},
	warnings: func(name string, c conf.Connector) (out []string) {
		if c.Target == servicenow.TargetEvent {
			return nil
		}
		if len(c.WebhookSecrets) == 0 && c.PollEvery == 0 {
			out = append(out, fmt.Sprintf("connectors.%s: neither webhook_secrets nor poll_every is set, so that nothing is heard of what people do in ServiceNow", name))
		}
		if c.OAuth.IsSet() && len(c.OwnUsers) == 0 {
			out = append(out, fmt.Sprintf("connectors.%s.own_users is not set: name the user of the OAuth client, so that its changes are known as ours", name))
		}
		return out
	},
}

// serviceNowFields are the instance's own choices.
func serviceNowFields(c conf.Connector) (source.Config, error) {
	out := source.Config{Own: append([]string(nil), c.OwnUsers...), CloseCodes: c.CloseCodes, Users: c.Users}
	if len(c.ChangeStates) > 0 {
		out.ChangeStates = map[itsm.ChangeState][]string{}
		for st, choices := range source.DefaultChangeStates {
			out.ChangeStates[st] = choices
		}
		for word, choices := range c.ChangeStates {
			out.ChangeStates[itsm.ChangeState(word)] = choices
		}
	}
	if len(c.ProblemStates) > 0 {
		out.ProblemStates = maps.Clone(source.DefaultProblemStates)
		for word, choices := range c.ProblemStates {
			out.ProblemStates[itsm.ProblemState(word)] = choices
		}
	}
	if len(c.States) == 0 {
		return out, nil
	}
	out.States = map[itsm.State][]string{}
	for st, choices := range source.DefaultStates { // what is not said is as it comes
		out.States[st] = choices
	}
	for _, word := range conf.SortedKeys(c.States) {
		st, err := itsm.ParseState(word)
		if err != nil {
			return out, fmt.Errorf("states.%s: %w", word, err)
		}
		out.States[st] = c.States[word]
	}
	return out, nil
}

func newServiceNow(name string, c conf.Connector, env connectorEnv) (connectors.Connector, error) {
	if err := connectors.CheckURL(c.APIURL); err != nil {
		return nil, fmt.Errorf("api_url: %w", err)
	}
	fields, err := serviceNowFields(c)
	if err != nil {
		return nil, err
	}
	o := servicenow.Options{Name: name, URL: c.APIURL, Target: c.Target, AssignmentGroup: c.AssignmentGroup, Caller: c.Caller, CIField: c.CIField, Fields: fields, Extra: c.Fields,
		PollEvery: time.Duration(c.PollEvery), Problems: c.Problems, ProblemQuery: c.ProblemQuery, Users: c.Users, CITables: c.CMDBTables, ExternalURL: env.external, HTTP: env.http, Log: env.log}
	if c.OAuth.IsSet() {
		o.OAuth, err = oauthOf(c.OAuth, strings.TrimSuffix(c.APIURL, "/")+"/oauth_token.do", env)
	} else {
		o.User, o.Password, err = readBasic("basic", c.Basic)
	}
	if err != nil {
		return nil, err
	}
	return servicenow.New(o), nil
}

// oauthOf reads the secrets of an OAuth client.
func oauthOf(c conf.OAuth, tokenURL string, env connectorEnv) (*connectors.OAuth, error) {
	o := &connectors.OAuth{TokenURL: orElse(c.TokenURL, tokenURL), ClientID: c.ClientID, HTTP: env.http}
	if err := connectors.CheckURL(o.TokenURL); err != nil {
		return nil, fmt.Errorf("oauth.token_url: %w", err)
	}
	var err error
	if o.ClientSecret, err = c.ClientSecret.Read(); err != nil {
		return nil, fmt.Errorf("oauth.client_secret: %w", err)
	}
	if o.RefreshToken, err = readOptional("oauth.refresh_token", c.RefreshToken); err != nil {
		return nil, err
	}
	return o, nil
}
