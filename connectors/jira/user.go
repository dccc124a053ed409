package jira

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

// account is a person's account: of Cloud by its id, of Data Center by its name.
type account struct {
	AccountID    string `json:"accountId,omitempty"`
	Name         string `json:"name,omitempty"`
	EmailAddress string `json:"emailAddress,omitempty"`
}

func (a *account) id() string {
	if a == nil {
		return ""
	}
	if a.AccountID != "" {
		return a.AccountID
	}
	return a.Name
}

// account is how the API takes an id; nil is nobody.
func (c *Connector) account(id string) *account {
	switch {
	case id == "":
		return nil
	case c.o.Version == 3:
		return &account{AccountID: id}
	}
	return &account{Name: id}
}

// IsUnknown implements connectors.Acquaintance.
func (c *Connector) IsUnknown(name string) bool { return c.users.IsUnknown(name) }

// usersLooked bounds the accounts that a search for one of us reads.
const usersLooked = 10

// findUser looks for one of us among those that an issue of the project can be assigned
// to. Cloud searches by e-mail and may not show it: then the only one it finds counts.
func (c *Connector) findUser(ctx context.Context, name, email string) (string, error) {
	if there := c.o.Site.Users[name]; there != "" || email == "" {
		return there, nil
	}
	word := "username"
	if c.o.Version == 3 {
		word = "query"
	}
	var found []account
	if err := c.rest.Do(ctx, http.MethodGet, c.api("user/assignable/search", url.Values{"project": {c.o.Project}, word: {email}, "maxResults": {strconv.Itoa(usersLooked)}}), nil, &found); err != nil {
		return "", err
	}
	for n := range found[:min(len(found), usersLooked)] {
		if strings.EqualFold(found[n].EmailAddress, email) {
			return found[n].id(), nil
		}
	}
	if len(found) == 1 && found[0].EmailAddress == "" && c.o.Version == 3 {
		return found[0].id(), nil
	}
	return "", nil
}
