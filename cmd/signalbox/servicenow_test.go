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
