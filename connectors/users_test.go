package connectors

import (
	"context"
	"testing"
)

func TestUsers(t *testing.T) {
	asked := 0
	u := Users{Find: func(_ context.Context, name, email string) (string, error) {
		asked++
		switch email {
		case "ada@example.com":
			return "u1", nil
		case "down@example.com":
			return "", Retry(0, "down")
		case "no@example.com":
			return "", &TerminalError{Status: 403}
		}
		return "", nil
	}}
	for _, c := range []struct {
		name, email, want string
		passing           bool
		asked             int
	}{{"ada", "", "", false, 1}, {"ada", "ada@example.com", "u1", false, 2}, {"ada", "ada@example.com", "u1", false, 2}, {"bob", "no@example.com", "", false, 3}, {"bob", "no@example.com", "", false, 3},
		{"eve", "down@example.com", "", true, 4}, {"eve", "down@example.com", "", true, 5}, {"", "x", "", false, 5}} {
		id, err := u.ID(t.Context(), c.name, c.email)
		if id != c.want || IsPassing(err) != c.passing || err != nil && !c.passing || asked != c.asked {
			t.Errorf("%s %s is %q, %v, asked %d times; want %q, passing %v, %d", c.name, c.email, id, err, asked, c.want, c.passing, c.asked)
		}
	}
	if u.Name("u1") != "ada" || u.Name("u2") != "" || u.Name("") != "" {
		t.Errorf("u1 is %q, u2 %q, nobody %q", u.Name("u1"), u.Name("u2"), u.Name(""))
	}
	if u.IsUnknown("ada") || !u.IsUnknown("bob") || u.IsUnknown("eve") || u.IsUnknown("") {
		t.Error("who is unknown is wrong")
	}
}

// An account at the partner that several of us have says of none of them what was done
// there, until only one of them has it.
func TestUsersOfASharedAccount(t *testing.T) {
	u := Users{Find: func(_ context.Context, _, email string) (string, error) { return email, nil }}
	for _, c := range []struct{ name, id, want string }{{"ada", "u1", "ada"}, {"bob", "u1", ""}, {"ada", "u2", "bob"}, {"ada", "u1", ""}, {"bob", "", "ada"}} {
		if _, err := u.ID(t.Context(), c.name, c.id); err != nil {
			t.Fatal(err)
		}
		if got := u.Name("u1"); got != c.want {
			t.Errorf("after %s had %q, u1 is %q, want %q", c.name, c.id, got, c.want)
		}
	}
}
