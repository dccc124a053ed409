package connectors

import (
	"context"
	"slices"
	"sync"
	"time"
)

const (
	usersMax   = 10_000           // of whom it is remembered who they are at a partner
	userKept   = time.Hour        // how long that counts
	noUserKept = 10 * time.Minute // how long it counts that the partner has none
)

// Users remembers who our people are at one partner.
type Users struct {
	// Find asks the partner for the id of one of us, by name and by e-mail ("": not
	// known); "" is nobody.
	Find func(ctx context.Context, name, email string) (id string, err error)

	mu     sync.Mutex
	byName map[string]user
	byID   map[string][]string // whose it is
}

type user struct {
	email string
	id    string
	until time.Time
}

// ID returns the partner's id of one of us; "" when it knows nobody, or does not let us
// ask: a record that nobody is assigned to is better than none.
func (u *Users) ID(ctx context.Context, name, email string) (string, error) {
	if name == "" || u.Find == nil {
		return "", nil
	}
	u.mu.Lock()
	known, ok := u.byName[name]
	u.mu.Unlock()
	if ok && known.email == email && time.Now().Before(known.until) {
		return known.id, nil
	}
	id, err := u.Find(ctx, name, email)
	if err != nil && StatusOf(err) == 0 {
		return "", err
	}
	if err != nil {
		id = ""
	}
	u.saw(name, email, id)
	return id, nil
}

func (u *Users) saw(name, email, id string) {
	kept := userKept
	if id == "" {
		kept = noUserKept
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.byName == nil || len(u.byName) >= usersMax {
		u.byName, u.byID = map[string]user{}, map[string][]string{}
	}
	if was := u.byName[name].id; was != "" {
		if u.byID[was] = slices.DeleteFunc(u.byID[was], func(n string) bool { return n == name }); len(u.byID[was]) == 0 {
			delete(u.byID, was)
		}
	}
	u.byName[name] = user{email, id, time.Now().Add(kept)}
	if id != "" {
		u.byID[id] = append(u.byID[id], name)
	}
}

// Name returns which of us has an id at the partner; "" when that was not asked yet, or
// several have it: an account that is shared is nobody in particular.
func (u *Users) Name(id string) string {
	u.mu.Lock()
	defer u.mu.Unlock()
	if whose := u.byID[id]; len(whose) == 1 {
		return whose[0]
	}
	return ""
}

// IsUnknown reports whether the partner was asked for one of us and knows nobody.
func (u *Users) IsUnknown(name string) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	known, asked := u.byName[name]
	return asked && known.id == ""
}

// Acquaintance is a Connector that can say of whom its partner knows nobody, so that
// nobody is assigned there.
type Acquaintance interface {
	IsUnknown(name string) bool
}
