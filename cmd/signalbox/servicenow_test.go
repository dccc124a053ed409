package main

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	fake "signalbox/connectors/servicenow/servicenowtest"
	source "signalbox/ingest/source/servicenow"
)

// TestServiceNowKeepsChangesAndProblems: records of ours are there, what people do to
// them is here, and nothing is told twice.
func TestServiceNowKeepsChangesAndProblems(t *testing.T) {
	sn := fake.New(t)
	t.Setenv("SNOW_BASIC", fake.User+":"+fake.Password)
	t.Setenv("SNOW_SECRET", "s3cret")
	s := start(t, t.TempDir(), quick+fmt.Sprintf("\nconnectors:\n  servicenow: {kind: servicenow, api_url: '%s', basic: env:SNOW_BASIC, webhook_secrets: [env:SNOW_SECRET], changes: [normal], problems: true}\n", sn.URL))
	sn.WebhooksTo(s.url+"/webhooks/servicenow", "s3cret")
	s.do(http.MethodPost, "/webhooks/generic", event("firing", "checkout"), nil)
	var incident, change, problem fake.Record
	row := func(table string, into *fake.Record) func() bool {
		return func() bool {
			if rows := sn.Rows(table, "", ""); len(rows) == 1 {
				*into = rows[0]
			}
			return *into != nil
		}
	}
	eventually(t, "ServiceNow has the incident", row("incident", &incident))
	s.do(http.MethodPost, "/api/v1/changes", map[string]string{"title": "Move the SAN", "type": "normal"}, nil)
	began := time.Now()
	eventually(t, "ServiceNow has the change", row("change_request", &change))
	if took := time.Since(began); took > 20*time.Second { // the outbox is looked at every 30 s without a hint
		t.Errorf("nobody hinted that there is something to send: it took %v", took)
	}
	if status := s.do(http.MethodPost, "/api/v1/problems", map[string]any{"incidents": []string{"INC0000001"}, "title": "Disks fill up"}, nil); status >= 300 {
		t.Fatalf("problem: %d", status)
	}
	eventually(t, "ServiceNow has the problem, and its incident names it", func() bool {
		return row("problem", &problem)() && sn.Rows("incident", "", "")[0]["problem_id"] == problem["sys_id"]
	})
	var chg struct {
		State string
		Links []struct{ Connector, ID string }
	}
	var prb struct {
		State     string
		RootCause *string `json:"root_cause"`
	}
	eventually(t, "the links are here", func() bool {
		s.do(http.MethodGet, "/api/v1/changes/CHG0000001", nil, &chg)
		return len(chg.Links) == 1 && chg.Links[0].Connector == "servicenow"
	})
	for object, record := range map[string]fake.Record{"changes/CHG0000001": change, "problems/PRB0000001": problem} {
		var sync struct {
			Items []struct {
				Connector string
				Waiting   int
				Failed    bool
				Link      struct{ ID string }
				ToldAt    string `json:"told_at"`
			}
		}
		eventually(t, object+" says how it stands there", func() bool {
			s.do(http.MethodGet, "/api/v1/"+object+"/sync", nil, &sync)
			return len(sync.Items) == 1 && sync.Items[0].Waiting == 0
		})
		if got := sync.Items[0]; got.Connector != "servicenow" || got.Failed || got.Link.ID != record["sys_id"] || got.ToldAt == "" {
			t.Errorf("%s stands %+v, record %s", object, got, record["sys_id"])
		}
	}
	writes := len(sn.Writes())
	sn.Person(t, "jo", change["sys_id"], fake.Record{"state": "-1"})
	sn.Person(t, "jo", problem["sys_id"], fake.Record{"state": "103", "cause_notes": "no rotation"})
	eventually(t, "what people did there is here", func() bool {
		s.do(http.MethodGet, "/api/v1/changes/CHG0000001", nil, &chg)
		s.do(http.MethodGet, "/api/v1/problems/PRB0000001", nil, &prb)
		return chg.State == "in_progress" && prb.State == "root_cause_analysis" && prb.RootCause != nil
	})
	time.Sleep(300 * time.Millisecond) // an echo would come now
	if got := sn.Writes()[writes:]; len(got) > 0 {
		t.Errorf("echoed: %v", got)
	}
	if rows := sn.Rows("change_request", "", ""); len(rows) != 1 {
		t.Errorf("%d change requests", len(rows))
	}
	var page struct{ Items []struct{ ID string } }
	if s.do(http.MethodGet, "/api/v1/changes", nil, &page); len(page.Items) != 1 {
		t.Errorf("%d changes here, its own record among them", len(page.Items))
	}
}

// TestServiceNowSweepsChangesAndProblems: what nobody heard of is here, what was lost
// there is there again, and a change of theirs that somebody here moved is moved there.
func TestServiceNowSweepsChangesAndProblems(t *testing.T) {
	sn := fake.New(t)
	t.Setenv("SNOW_BASIC", fake.User+":"+fake.Password)
	t.Setenv("SNOW_SECRET", "s3cret")
	s := start(t, t.TempDir(), quick+fmt.Sprintf("\nconnectors:\n  servicenow: {kind: servicenow, api_url: '%s', basic: env:SNOW_BASIC, webhook_secrets: [env:SNOW_SECRET], changes: [normal], problems: true, sweep_every: 1s, per_minute: 6000}\n", sn.URL))
	s.do(http.MethodPost, "/api/v1/changes", map[string]string{"title": "Move the SAN", "type": "normal"}, nil)
	one := func(table string) (got fake.Record) {
		eventually(t, "ServiceNow has a "+table, func() bool {
			if rows := sn.Rows(table, "", ""); len(rows) > 0 {
				got = rows[0]
			}
			return got != nil
		})
		return got
	}
	state := func(id string) string {
		var chg struct{ State string }
		s.do(http.MethodGet, "/api/v1/changes/"+id, nil, &chg)
		return chg.State
	}
	change := one("change_request")
	sn.Person(t, "jo", change["sys_id"], fake.Record{"state": "-1"}) // no webhook
	eventually(t, "what a person did there is here", func() bool { return state("CHG0000001") == "in_progress" })
	sn.Person(t, fake.User, change["sys_id"], fake.Record{"short_description": "lost"}) // as if an instance was restored
	eventually(t, "what we wrote is there again", func() bool { return one("change_request")["short_description"] == "Move the SAN" })

	sn.WebhooksTo(s.url+"/webhooks/servicenow", "s3cret")
	theirs := sn.Put("change_request", fake.Record{"number": "CHG0030192", "type": "normal", "state": "-2"})
	sn.Person(t, "jo", theirs, fake.Record{"short_description": "Patch the SAN"})
	eventually(t, "their change is here", func() bool { return state("CHG0000002") == "planned" })
	sn.WebhooksTo("", "")
	if status := s.do(http.MethodPut, "/api/v1/changes/CHG0000002", map[string]string{"title": "Another"}, nil); status != http.StatusConflict {
		t.Errorf("a title that is theirs: %d", status)
	}
	s.do(http.MethodPut, "/api/v1/changes/CHG0000002", map[string]string{"state": "in_progress"}, nil)
	eventually(t, "their change is moved there", func() bool { return sn.Rows("change_request", "sys_id", theirs)[0]["state"] == "-1" })
	sn.Person(t, "jo", theirs, fake.Record{"short_description": "Patch both", "state": "0"})
	var chg struct{ Title, State string }
	eventually(t, "what a person did to theirs is here", func() bool {
		s.do(http.MethodGet, "/api/v1/changes/CHG0000002", nil, &chg)
		return chg.State == "successful" && chg.Title == "Patch both"
	})
	if rows := sn.Rows("change_request", "", ""); len(rows) != 2 {
		t.Errorf("%d change requests", len(rows))
	}
	writes := len(sn.Writes())
	time.Sleep(2500 * time.Millisecond) // two sweeps
	if got := sn.Writes()[writes:]; len(got) > 0 {
		t.Errorf("written although all agree: %v", got)
	}
}

// TestServiceNowBothWays: an incident is there, what people do there is here, by
// webhook and by poll, and our own changes come back to nothing.
func TestServiceNowBothWays(t *testing.T) {
	for _, how := range []string{"webhook_secrets: [env:SNOW_SECRET]", "poll_every: 5s"} {
		t.Run(strings.Fields(how)[0], func(t *testing.T) {
			sn := fake.New(t)
			t.Setenv("SNOW_BASIC", fake.User+":"+fake.Password)
			t.Setenv("SNOW_SECRET", "s3cret")
			s := start(t, t.TempDir(), quick+fmt.Sprintf("\nconnectors:\n  servicenow: {kind: servicenow, api_url: '%s', basic: env:SNOW_BASIC, %s}\n", sn.URL, how))
			sn.WebhooksTo(s.url+"/webhooks/servicenow", "s3cret")
			s.do(http.MethodPost, "/webhooks/generic", event("firing", "checkout"), nil)
			ours := func() fake.Record {
				rows := sn.Rows("incident", "correlation_id", source.RecordKey(1, 1))
				if len(rows) != 1 {
					return fake.Record{}
				}
				return rows[0]
			}
			eventually(t, "ServiceNow has it, and its link is known here", func() bool {
				is := s.incidents()
				return ours()["state"] == "1" && len(is) == 1 && len(is[0].Links) == 1
			})
			sn.Person(t, "jane", ours()["sys_id"], fake.Record{"state": "2", "work_notes": "on it"})
			var in incident
			eventually(t, "the acknowledgement is here", func() bool {
				s.do(http.MethodGet, "/api/v1/incidents/INC0000001", nil, &in)
				return in.AcknowledgedBy != nil
			})
			if *in.AcknowledgedBy != "servicenow:jane" {
				t.Errorf("acknowledged by %q", *in.AcknowledgedBy)
			}
			s.do(http.MethodPost, "/api/v1/incidents/INC0000001/notes", map[string]string{"text": "looking"}, nil)
			eventually(t, "the note is there", func() bool { return strings.Contains(ours()["work_notes"], "looking") })
			s.do(http.MethodPost, "/webhooks/generic", event("resolved", "checkout"), nil)
			eventually(t, "it is resolved there", func() bool { return ours()["state"] == "6" })
			writes := len(sn.Writes())
			time.Sleep(500 * time.Millisecond) // an echo would come now
			if got := len(sn.Writes()); got != writes {
				t.Errorf("%d writes after it was over", got-writes)
			}
			for _, w := range sn.Writes() {
				if w.Body["state"] == "2" {
					t.Errorf("the acknowledgement was echoed: %v", w)
				}
			}
		})
	}
}

func TestServiceNowScript(t *testing.T) {
	out, err := cli(t, "snippets", "servicenow", "--external-url", "https://signalbox.example.com/")
	if err != nil || !strings.Contains(out, "https://signalbox.example.com/webhooks/servicenow\n") || strings.Contains(out, "SIGNALBOX_WEBHOOK") {
		t.Errorf("%v\n%s", err, out)
	}
}
