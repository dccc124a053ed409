package jira_test

import (
	"testing"

	"signalbox/connectors/jira"
	"signalbox/itsm"
)

// TestAssignee: who has the incident is found by e-mail among those that an issue can be
// assigned to, or by the configured account.
func TestAssignee(t *testing.T) {
	t.Parallel()
	for _, version := range []int{2, 3} {
		s, url := site(t)
		s.People = map[string]string{"557058:ada": "Ada@example.com"}
		c := connector(url, func(o *jira.Options) { o.Version, o.Site.Users = version, map[string]string{"bob": "557058:bob"} })
		for _, step := range []struct {
			tr               itsm.Transition
			who, email, want string
		}{{itsm.Trigger, "ada", "ada@example.com", "557058:ada"}, {itsm.Update, "bob", "", "557058:bob"}, {itsm.Update, "eve", "eve@example.com", "557058:bob"}, {itsm.Update, "", "", "557058:bob"}} {
			n := intent(step.tr)
			n.Snapshot.Assignee, n.Snapshot.AssigneeEmail = step.who, step.email
			push(t, c, n)
			if got := ours(t, s).Assignee; got != step.want {
				t.Errorf("v%d: with %q it is assigned to %q, want %q", version, step.who, got, step.want)
			}
		}
		rec, err := c.Look(t.Context(), 7, 2)
		if err != nil || !rec.Knows.Has(itsm.SyncAssignee) || rec.Assignee != "bob" || !c.IsUnknown("eve") {
			t.Errorf("v%d: it looks %+v, %v; eve unknown %v", version, rec, err, c.IsUnknown("eve"))
		}
	}
}
