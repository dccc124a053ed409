package access

import (
	"context"
	"crypto/subtle"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"signalbox/itsm"
)

// Bounds of signing in at a provider.
const (
	loginWithin     = 10 * time.Minute // from our page to there and back
	loginsMax       = 1000             // under way; the oldest gives way
	providerWithin  = 15 * time.Second // one conversation with the provider
	claimGroupsMax  = 1000
	callbackPartMax = 4096 // bytes of a code or a state
)

// signingAlgorithms are those an ID token may be signed with: with the provider's
// private key, never with the client's secret and never with nothing.
var signingAlgorithms = []string{oidc.RS256, oidc.RS384, oidc.RS512, oidc.PS256, oidc.PS384, oidc.PS512, oidc.ES256, oidc.ES384, oidc.ES512, oidc.EdDSA}

// ProviderOptions say where people sign in as well, and what they may do then. See
// OpenID Connect Core 1.0 and RFC 7636 (PKCE).
type ProviderOptions struct {
	Issuer       string
	ClientID     string
	ClientSecret string // "" for a public client
	Scopes       []string
	NameClaim    string          // whose value is the user's name; "": preferred_username, or else email
	GroupsClaim  string          // a text or a list of texts; "groups"
	Roles        map[string]Role // by a value of GroupsClaim; the greatest counts
	DefaultRole  Role            // of who is in none of these; Nobody: they are refused
	Session      time.Duration   // how long a sign-in holds, up to SessionLifetime; 0: ProviderSession
	Label        string          // on the button
	RedirectURL  string          // our address that the provider sends people back to
	HTTP         *http.Client    // that may reach the provider
	Clock        func() time.Time
}

// Provider is an OpenID provider. Its metadata is read when the first person signs
// in, so that one that is down keeps nobody else out.
type Provider struct {
	o      ProviderOptions
	mu     sync.Mutex // guards remote
	remote *oidc.Provider
}

// CallbackPath is where a provider sends people back to.
const CallbackPath = "/sign-in/oidc/callback"

// NewProvider checks the options.
func NewProvider(o ProviderOptions) (*Provider, error) {
	switch {
	case o.Issuer == "" || o.ClientID == "" || o.RedirectURL == "" || o.HTTP == nil:
		return nil, itsm.Errorf(itsm.Invalid, "auth.oidc: expected an issuer, a client_id and an address of ours")
	case len(o.Roles) == 0 && o.DefaultRole == Nobody:
		return nil, itsm.Errorf(itsm.Invalid, "auth.oidc: nobody would have a role; expected role_map or default_role")
	}
	if o.Session == 0 {
		o.Session = ProviderSession
	}
	if o.Session < ProviderSessionMin || o.Session > SessionLifetime {
		return nil, itsm.Errorf(itsm.Invalid, "auth.oidc.session_lifetime: %v: expected %v to %v", o.Session, ProviderSessionMin, SessionLifetime)
	}
	if o.Clock == nil {
		o.Clock = time.Now
	}
	if o.GroupsClaim == "" {
		o.GroupsClaim = "groups"
	}
	if !slices.Contains(o.Scopes, oidc.ScopeOpenID) {
		o.Scopes = append([]string{oidc.ScopeOpenID}, o.Scopes...)
	}
	return &Provider{o: o}, nil
}

// Label is what the button says.
func (p *Provider) Label() string { return p.o.Label }

// discovered reads the provider's metadata once.
func (p *Provider) discovered(ctx context.Context) (*oidc.Provider, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.remote != nil {
		return p.remote, nil
	}
	remote, err := oidc.NewProvider(ctx, p.o.Issuer)
	if err != nil {
		return nil, itsm.Wrap(itsm.Unavailable, err, "%s does not answer as an OpenID provider; sign in with a password or a token, or try again", p.o.Label)
	}
	p.remote = remote
	return remote, nil
}

func (p *Provider) context(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithTimeout(ctx, providerWithin)
	return oidc.ClientContext(ctx, p.o.HTTP), cancel
}

func (p *Provider) config(remote *oidc.Provider) *oauth2.Config {
	return &oauth2.Config{ClientID: p.o.ClientID, ClientSecret: p.o.ClientSecret, Endpoint: remote.Endpoint(), RedirectURL: p.o.RedirectURL, Scopes: p.o.Scopes}
}

// login is one person on the way to the provider and back.
type login struct {
	nonce, verifier, next string
	at                    time.Time
}

// logins are under way, by state. The zero value is empty.
type logins struct {
	mu sync.Mutex
	m  map[string]login // guarded by mu
}

func (l *logins) put(state string, v login) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.m == nil {
		l.m = map[string]login{}
	}
	if len(l.m) >= loginsMax {
		var oldest string
		for k, o := range l.m {
			if oldest == "" || o.at.Before(l.m[oldest].at) {
				oldest = k
			}
		}
		delete(l.m, oldest)
	}
	l.m[state] = v
}

// take returns a login that began not too long ago, once.
func (l *logins) take(state string, now time.Time) (login, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	v, ok := l.m[state]
	delete(l.m, state)
	return v, ok && now.Sub(v.at) < loginWithin
}

// beginLogin returns the provider's address to send a person to, and the state that
// their browser has to bring back.
func (g *Gate) beginLogin(ctx context.Context, next string) (address, state string, err error) {
	p := g.o.OIDC
	if p == nil {
		return "", "", itsm.Errorf(itsm.NotFound, "signing in elsewhere is not configured here")
	}
	ctx, cancel := p.context(ctx)
	defer cancel()
	remote, err := p.discovered(ctx)
	if err != nil {
		return "", "", err
	}
	l := login{nonce: randomID(), verifier: oauth2.GenerateVerifier(), next: next, at: g.clock()}
	state = randomID()
	g.logins.put(state, l)
	return p.config(remote).AuthCodeURL(state, oidc.Nonce(l.nonce), oauth2.S256ChallengeOption(l.verifier)), state, nil
}

// finishLogin turns what the provider sent back into a session. browserState is what
// the browser kept: without it a person could be made to sign in as somebody else.
func (g *Gate) finishLogin(ctx context.Context, state, browserState, code, address, agent string) (id string, who Identity, next string, err error) {
	p := g.o.OIDC
	if p == nil {
		return "", who, "", itsm.Errorf(itsm.NotFound, "signing in elsewhere is not configured here")
	}
	if err := g.mayTry(address); err != nil {
		return "", who, "", err
	}
	if state == "" || len(state) > callbackPartMax || len(code) > callbackPartMax || subtle.ConstantTimeCompare([]byte(state), []byte(browserState)) != 1 {
		return "", who, "", itsm.Errorf(itsm.Unauthorized, "this browser did not begin the sign-in it brings back; begin again")
	}
	l, ok := g.logins.take(state, g.clock())
	if !ok {
		return "", who, "", itsm.Errorf(itsm.Unauthorized, "the sign-in took too long or was finished already; begin again")
	}
	name, in, err := p.exchange(ctx, code, l)
	if err != nil {
		g.failed(address, err)
		return "", who, "", err
	}
	id, who, err = g.open(ctx, holder{user: name}, address, agent, in)
	return id, who, l.next, err
}

// idClaims are what we read of an ID token beside the configured claims.
type idClaims struct {
	PreferredUsername string `json:"preferred_username"`
	Email             string `json:"email"`
	EmailVerified     *bool  `json:"email_verified"`
	Name              string `json:"name"`
	AuthorizedParty   string `json:"azp"`
}

// exchange gets the ID token for a code and checks it: go-oidc checks issuer,
// audience, expiry, algorithm and signature; the nonce and the party are ours.
func (p *Provider) exchange(ctx context.Context, code string, l login) (name string, in itsm.SignIn, err error) {
	ctx, cancel := p.context(ctx)
	defer cancel()
	remote, err := p.discovered(ctx)
	if err != nil {
		return "", in, err
	}
	grant, err := p.config(remote).Exchange(ctx, code, oauth2.VerifierOption(l.verifier))
	if err != nil {
		return "", in, itsm.Wrap(itsm.Unauthorized, err, "%s did not confirm the sign-in; begin again", p.o.Label)
	}
	raw, _ := grant.Extra("id_token").(string)
	if raw == "" {
		return "", in, itsm.Errorf(itsm.Unauthorized, "%s answered without an ID token", p.o.Label)
	}
	keys := oidc.ClientContext(context.WithoutCancel(ctx), p.o.HTTP)
	token, err := remote.VerifierContext(keys, &oidc.Config{ClientID: p.o.ClientID, SupportedSigningAlgs: signingAlgorithms, Now: p.o.Clock}).Verify(ctx, raw)
	if err != nil {
		return "", in, itsm.Wrap(itsm.Unauthorized, err, "%s sent an ID token that does not hold; the log has the reason", p.o.Label)
	}
	if subtle.ConstantTimeCompare([]byte(token.Nonce), []byte(l.nonce)) != 1 {
		return "", in, itsm.Errorf(itsm.Unauthorized, "the ID token is of another sign-in; begin again")
	}
	claims, all, err := p.claims(ctx, remote, grant, token)
	if err != nil {
		return "", in, err
	}
	if claims.AuthorizedParty != "" && claims.AuthorizedParty != p.o.ClientID || claims.AuthorizedParty == "" && len(token.Audience) > 1 {
		return "", in, itsm.Errorf(itsm.Unauthorized, "the ID token was made for another application")
	}
	in = itsm.SignIn{By: "oidc", Issuer: token.Issuer, Subject: token.Subject, Title: claims.Name, Email: claims.Email}
	if in.Role, err = p.role(all); err != nil {
		return "", in, err
	}
	name, err = p.name(claims, all)
	return name, in, err
}

// claims reads the token's claims, and those of the user-info endpoint where the
// token does not have the groups.
func (p *Provider) claims(ctx context.Context, remote *oidc.Provider, grant *oauth2.Token, token *oidc.IDToken) (c idClaims, all map[string]any, err error) {
	if err := token.Claims(&all); err != nil {
		return c, nil, itsm.Wrap(itsm.Unauthorized, err, "the ID token's claims cannot be read")
	}
	if all[p.o.GroupsClaim] == nil && remote.UserInfoEndpoint() != "" {
		info, err := remote.UserInfo(ctx, oauth2.StaticTokenSource(grant))
		if err != nil {
			return c, nil, itsm.Wrap(itsm.Unavailable, err, "%s does not say who you are; try again", p.o.Label)
		}
		var more map[string]any
		if info.Subject != token.Subject || info.Claims(&more) != nil {
			return c, nil, itsm.Errorf(itsm.Unauthorized, "%s speaks of somebody else than it signed for", p.o.Label)
		}
		for k, v := range more {
			if _, signed := all[k]; !signed {
				all[k] = v
			}
		}
	}
	b, err := json.Marshal(all)
	if err == nil {
		err = json.Unmarshal(b, &c)
	}
	if err != nil {
		return c, nil, itsm.Wrap(itsm.Unauthorized, err, "a claim of %s is of another kind than OpenID Connect says", p.o.Label)
	}
	return c, all, nil
}

// role is the greatest that the groups have.
func (p *Provider) role(all map[string]any) (Role, error) {
	best := p.o.DefaultRole
	groups := textsOf(all[p.o.GroupsClaim])
	for _, g := range groups {
		best = max(best, p.o.Roles[g])
	}
	if best == Nobody {
		return Nobody, itsm.Errorf(itsm.Forbidden, "none of your groups at %s has a role here (the claim %s names %d); an administrator can add one to auth.oidc.role_map", p.o.Label, p.o.GroupsClaim, len(groups))
	}
	return best, nil
}

// greatest is the greatest role that anybody can have from the provider now.
func (p *Provider) greatest() Role {
	best := p.o.DefaultRole
	for _, r := range p.o.Roles {
		best = max(best, r)
	}
	return best
}

// roleOf is what a user may do. Who only a provider vouches for may do nothing when
// that is not ours any more, and never more than it gives anybody now: what was taken
// out of its role map is taken from whoever had it, with their tokens.
func (g *Gate) roleOf(u *itsm.User) (Role, error) {
	if u.Issuer == "" || u.Password != "" {
		return u.Role, nil
	}
	p := g.o.OIDC
	if p == nil || p.o.Issuer != u.Issuer {
		return Nobody, itsm.Errorf(itsm.Unauthorized, "user %s signs in at %s, which is not configured here any more; an administrator can give them a password", u.Name, u.Issuer)
	}
	return min(u.Role, p.greatest()), nil
}

func textsOf(v any) []string {
	switch v := v.(type) {
	case string:
		return []string{v}
	case []any:
		var out []string
		for _, x := range v[:min(len(v), claimGroupsMax)] {
			if s, ok := x.(string); ok {
				out = append(out, s)
			}
		}
		return out
	}
	return nil
}

// name is what the person is called here.
func (p *Provider) name(c idClaims, all map[string]any) (string, error) {
	name, from := c.PreferredUsername, "preferred_username"
	switch {
	case p.o.NameClaim != "":
		name, from = fmt.Sprint(all[p.o.NameClaim]), p.o.NameClaim
	case name == "":
		name, from = c.Email, "email"
	}
	if from == "email" && c.EmailVerified != nil && !*c.EmailVerified {
		return "", itsm.Errorf(itsm.Forbidden, "%s has not verified your e-mail address, which would be your name here", p.o.Label)
	}
	name = strings.ToLower(strings.TrimSpace(name))
	if why := itsm.PersonNameFault(name); why != "" {
		return "", itsm.Errorf(itsm.Forbidden, "the claim %s of %s cannot be a name here: expected %s; auth.oidc.name_claim chooses another", from, p.o.Label, why)
	}
	return name, nil
}
