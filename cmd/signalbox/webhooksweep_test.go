package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
)

// tickets is a ticket system that sends no webhooks.
type tickets struct {
	mu     sync.Mutex
	fields []map[string]any // of each ticket
	clock  int
}

// change edits a ticket, as the API or a person does.
func (d *tickets) change(n int, fields map[string]any) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.clock++
	for k, v := range fields {
		d.fields[n][k] = v
	}
	d.fields[n]["updated_at"] = fmt.Sprintf("2026-11-27T10:00:%02dZ", d.clock%60)
}

func (d *tickets) get(n int, field string) any {
	d.mu.Lock()
	defer d.mu.Unlock()
	if n >= len(d.fields) {
		return nil
	}
	return d.fields[n][field]
}

// ServeHTTP speaks as much of Zendesk's and of Freshservice's API as the mappings use.
func (d *tickets) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var body map[string]any
	json.NewDecoder(r.Body).Decode(&body)
	if inner, ok := body["ticket"].(map[string]any); ok {
		body = inner
	}
	switch r.Method {
	case http.MethodPost:
		d.mu.Lock()
		n := len(d.fields)
		d.fields = append(d.fields, map[string]any{"id": n + 1, "url": fmt.Sprintf("https://acme.zendesk.com/api/v2/tickets/%d.json", n+1), "status": "new"})
		d.mu.Unlock()
		d.change(n, body)
		w.WriteHeader(http.StatusCreated)
		d.mu.Lock() // somebody may change it already
		defer d.mu.Unlock()
		json.NewEncoder(w).Encode(map[string]any{"ticket": d.fields[n]})
	case http.MethodPut:
		var n int
		fmt.Sscanf(strings.TrimPrefix(r.URL.Path, "/api/v2/tickets/"), "%d", &n)
		delete(body, "comment")
		d.change(n-1, body)
	default: // whatever is asked for, it shows all
		d.mu.Lock()
		defer d.mu.Unlock()
		json.NewEncoder(w).Encode(map[string]any{"tickets": d.fields})
	}
}

// TestLostWebhooksOfATicketSystemHeal: nobody tells us what people do there, and a
// sweep sees it.
func TestLostWebhooksOfATicketSystemHeal(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		mapping        string
		open, resolved any
	}{{"zendesk", "new", "solved"}, {"freshservice", 2.0, 4.0}} {
		t.Run(c.mapping, func(t *testing.T) {
			t.Parallel()
			d := &tickets{}
			h := httptest.NewServer(d)
			defer h.Close()
			s := prepare(t, t.TempDir(), fmt.Sprintf("correlation: {firing_grace: 1h}\nconnectors:\n  desk: {kind: webhook, mapping: %s, url: '%s', per_minute: 6000, sweep_every: 1s, vars: {email: noc@example.com}}\n", c.mapping, h.URL))
			s.run()
			s.do(http.MethodPost, "/webhooks/generic", event("firing", "checkout"), nil)
			s.do(http.MethodPost, "/webhooks/generic", event("firing", "warehouse"), nil)
			eventually(t, "both have a ticket", func() bool { return d.get(1, "status") == c.open })
			d.change(0, map[string]any{"status": c.resolved})
			key := func(n int) string {
				for _, field := range []string{"external_id", "tags"} {
					if v := fmt.Sprint(d.get(n, field)); strings.Contains(v, "INC") {
						return v[strings.Index(v, "INC"):][:len("INC0000001")]
					}
				}
				return ""
			}
			var first, second incident
			eventually(t, "what was resolved there is resolved here", func() bool {
				s.do(http.MethodGet, "/api/v1/incidents/"+key(0), nil, &first)
				return first.State == "resolved"
			})
			if s.do(http.MethodGet, "/api/v1/incidents/"+key(1), nil, &second); second.State != "new" {
				t.Errorf("the other one is %s", second.State)
			}
			// What we told it and it lost is told again.
			s.do(http.MethodPost, "/api/v1/incidents/"+key(1)+"/resolve", map[string]string{}, nil)
			eventually(t, "it is told", func() bool { return d.get(1, "status") == c.resolved })
			d.change(1, map[string]any{"status": c.open})
			eventually(t, "it is told again", func() bool { return d.get(1, "status") == c.resolved })
		})
	}
}
