package main

import (
	"log/slog"
	"net/url"
	"slices"
	"time"

	"signalbox/connectors"
	"signalbox/itsm"
	"signalbox/itsm/access"
)

// providerOf makes the OpenID provider of the configuration; nil when it has none.
// It is reached through the dialer that never goes where clouds keep credentials.
func providerOf(set *settings, log *slog.Logger) (*access.Provider, error) {
	c := set.file.Auth.OIDC
	if !c.IsSet() {
		return nil, nil
	}
	if set.file.ExternalURL == "" && !set.loopback {
		return nil, itsm.Errorf(itsm.Invalid, "external_url: missing: auth.oidc needs to know where the provider sends people back to")
	}
	o := access.ProviderOptions{Issuer: c.Issuer, ClientID: c.ClientID, Scopes: slices.Clone(c.Scopes), NameClaim: c.NameClaim, GroupsClaim: c.GroupsClaim,
		Roles: c.RoleMap, DefaultRole: c.DefaultRole, Session: time.Duration(c.SessionLifetime), Label: c.Label, RedirectURL: set.base + access.CallbackPath, HTTP: connectors.NewClient(log)}
	if c.Scopes == nil {
		o.Scopes = []string{"profile", "email"}
	}
	if o.Label == "" {
		if u, err := url.Parse(c.Issuer); err == nil {
			o.Label = u.Host
		}
	}
	if c.ClientSecret.IsSet() {
		secret, err := c.ClientSecret.Read()
		if err != nil {
			return nil, itsm.Wrap(itsm.Invalid, err, "auth.oidc.client_secret cannot be read")
		}
		o.ClientSecret = secret
	}
	return access.NewProvider(o)
}
