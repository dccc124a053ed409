package console

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"sync"
	"time"

	"signalbox/itsm"
	"signalbox/itsm/access"
)

// doObject lets the real fold decide about what is no incident.
func (b *book) doObject(a itsm.Act) (itsm.Outcome, error) {
	next := max(b.off+1, scriptOffsets)
	ds, err := b.folder.Take(next, itsm.TimeOf(b.clock()), &a)
	if err != nil {
		return itsm.Outcome{}, err
	}
	var o itsm.Outcome
	for _, d := range ds {
		if d.Kind == itsm.SettleOutcome {
			o = *d.Outcome
		}
	}
	if err := b.applyLocked(slices.Clone(ds)); err != nil {
		return o, err
	}
	return o, o.Err()
}

// storybookPassword is that of ada, who has an account in the storybook.
const storybookPassword = "storybook password"

// storybookHash is made once: each takes tens of milliseconds.
var storybookHash = sync.OnceValue(func() string { return access.NewPasswordHash(storybookPassword) })

// people are the accounts, teams and tokens of the story.
func (b *book) people() error {
	name := func(s string) *string { return &s }
	hash := storybookHash()
	admin, responder, manager, viewer := access.Admin, access.Responder, access.ProblemManager, access.Viewer
	yes := true
	sum := strings.Repeat("5eed", 16)
	until := itsm.TimeOf(b.clock().Add(80 * 24 * time.Hour))
	for _, d := range []struct {
		kind   itsm.ActKind
		object string
		body   any
	}{
		{itsm.ActUserPut, "user/ada", itsm.UserChange{New: true, Title: name("Ada Lind"), Email: name("ada@example.org"), Role: &admin, Password: &hash}},
		{itsm.ActUserPut, "user/jo", itsm.UserChange{New: true, Title: name("Jo Park"), Role: &responder, Password: &hash}},
		{itsm.ActUserPut, "user/mika", itsm.UserChange{New: true, Title: name("Mika Sato"), Role: &manager, Password: &hash}},
		{itsm.ActSignIn, "user/noor@example.org", itsm.SignIn{By: "oidc", Issuer: "https://id.example.org", Subject: "81f2", Title: "Noor Haddad", Email: "noor@example.org", Role: viewer}},
		{itsm.ActUserPut, "user/former", itsm.UserChange{New: true, Role: &viewer, Disabled: &yes}},
		{itsm.ActTeamPut, "team/payments", itsm.Team{Title: "Payments", Members: []string{"ada", "jo"}, Services: []string{"svc-checkout"}}},
		{itsm.ActTeamPut, "team/storage", itsm.Team{Title: "Storage", Members: []string{"mika"}, Services: []string{"svc-cart"}}},
		{itsm.ActTokenCreate, "token/5eed5eed5eed5eed", itsm.APIToken{Name: "deploy script", Owner: "jo", Sum: sum, Role: responder, Teams: []string{"payments"}, ExpiresAt: until}},
		{itsm.ActUserPut, "user/jo", itsm.UserChange{Email: name("jo@example.org")}},
		{itsm.ActTokenCreate, "token/abcdabcdabcdabcd", itsm.APIToken{Name: "grafana", Owner: itsm.AdminName, Sum: strings.Repeat("abcd", 16), Role: viewer, ExpiresAt: until}},
		{itsm.ActTokenRevoke, "token/abcdabcdabcdabcd", nil},
		{itsm.ActViewPut, "view/new", itsm.ViewChange{Owner: itsm.AdminName, Name: name("Urgent"), Filter: &itsm.IncidentFilter{State: openStates, Priority: []itsm.Priority{itsm.P1, itsm.P2}}}},
		{itsm.ActViewPut, "view/new", itsm.ViewChange{Owner: itsm.AdminName, Name: name("Waits for a vendor"), Filter: &itsm.IncidentFilter{State: []itsm.State{itsm.OnHold}}}},
	} {
		body, err := json.Marshal(d.body)
		if err != nil {
			return err
		}
		if _, err := b.Do(context.Background(), itsm.Act{Kind: d.kind, Object: d.object, Body: body, Actor: "console:admin", RemoteIP: "10.1.4.7"}); err != nil {
			return err
		}
	}
	return nil
}
