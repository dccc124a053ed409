package servicenow_test

import (
	"strings"
	"testing"

	"signalbox/connectors/servicenow"
	fake "signalbox/connectors/servicenow/servicenowtest"
	"signalbox/itsm"
)

// TestAssignee: who has the incident is found by e-mail, or by the configured user
// name. Of somebody unknown there nobody is assigned, and nobody is unassigned.
func TestAssignee(t *testing.T) {
	t.Parallel()
	s := started(t)
	ada, bob := strings.Repeat("1", 32), strings.Repeat("2", 32)
	s.Put("sys_user", fake.Record{"user_name": "a.lovelace", "email": "Ada@example.com", "sys_id": ada})
	s.Put("sys_user", fake.Record{"user_name": "bob.b", "sys_id": bob})
	c := connector(s, func(o *servicenow.Options) { o.Users = map[string]string{"bob": "bob.b"} })
	tell := func(tr itsm.Transition, who, email, want string) {
		t.Helper()
		in := intent(tr)
		in.Snapshot.Assignee, in.Snapshot.AssigneeEmail = who, email
		push(t, c, in)
		if got := ours(t, s)["assigned_to"]; got != want {
			t.Errorf("with %s it is assigned to %q, want %q", who, got, want)
		}
	}
	tell(itsm.Trigger, "ada", "ada@example.com", ada)
	rec, err := c.Look(t.Context(), 7, 2)
	if err != nil || !rec.Knows.Has(itsm.SyncAssignee) || rec.Assignee != "ada" {
		t.Errorf("it looks %+v, %v; want it with ada", rec, err)
	}
	tell(itsm.Update, "bob", "", bob)
	tell(itsm.Update, "eve", "eve@example.com", bob)
	tell(itsm.Update, "", "", bob)
	if !c.IsUnknown("eve") || c.IsUnknown("ada") {
		t.Error("it does not say who is unknown there")
	}
	s.Person(t, "jane", ours(t, s)["sys_id"], fake.Record{"assigned_to": strings.Repeat("3", 32)})
	if rec, err := c.Look(t.Context(), 7, 2); err != nil || rec.Knows.Has(itsm.SyncAssignee) {
		t.Errorf("it looks %+v, %v; somebody whom we do not know is no difference", rec, err)
	}
}
