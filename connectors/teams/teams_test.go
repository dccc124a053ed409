package teams_test

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"signalbox/connectors"
	"signalbox/connectors/goldentest"
	"signalbox/connectors/teams"
	"signalbox/itsm"
)

const secret = "/workflows/abc/triggers/manual/paths/invoke?api-version=2016-06-01&sig=S3CRET"

func connector(t *testing.T, url string) *teams.Connector {
	t.Helper()
	c, err := teams.New(teams.Options{Name: "chat", URL: url + secret, ExternalURL: "https://signalbox.example.com/", HTTP: connectors.NewClient(slog.New(slog.DiscardHandler))})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func intent(tr itsm.Transition) itsm.Intent {
	state := map[itsm.Transition]itsm.State{itsm.Acknowledge: itsm.InProgress, itsm.Resolve: itsm.IncidentResolved}[tr]
	if state == 0 {
		state = itsm.New
	}
	return itsm.Intent{Key: "k-" + string(tr), Connector: "chat", Incident: 7, Epoch: 1, Transition: tr, At: 1_795_262_400_000, Actor: "console:admin", Text: "because",
		Snapshot: itsm.IncidentSnapshot{Title: "orders is failing", Priority: itsm.P1, Severity: itsm.Critical, State: state, CIs: []string{"db-1"}, Services: []string{"orders"}, Cause: "db-1",
			Because: "3 of 3 alerting CIs depend on db-1", Alerts: 3, Firing: 3, Group: "dba"}}
}

var transitions = []itsm.Transition{itsm.Trigger, itsm.Update, itsm.Acknowledge, itsm.Note, itsm.Resolve}

// channel is a Workflows webhook that keeps what it gets.
func channel(t *testing.T, bodies *[][]byte) string {
	h := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, err := io.ReadAll(r.Body)
		if err != nil || r.URL.Query().Get("sig") != "S3CRET" || r.Header.Get("Content-Type") != "application/json" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		if len(b) > 28<<10 {
			w.WriteHeader(http.StatusRequestEntityTooLarge)
			return
		}
		*bodies = append(*bodies, b)
		w.WriteHeader(http.StatusAccepted)
	}))
	t.Cleanup(h.Close)
	return h.URL
}

func TestGolden(t *testing.T) {
	var bodies [][]byte
	c := connector(t, channel(t, &bodies))
	for i, tr := range transitions {
		if _, err := c.Push(t.Context(), intent(tr)); err != nil {
			t.Fatalf("%s: %v", tr, err)
		}
		var v any
		if err := json.Unmarshal(bodies[i], &v); err != nil {
			t.Fatal(err)
		}
		goldentest.Same(t, string(tr)+".json", goldentest.JSON(t, v))
	}
}

// TestLargeAndLoud: whatever the alerts say, a card stays below 28 KB, mentions
// nobody and holds no element whose text is parsed.
func TestLargeAndLoud(t *testing.T) {
	var bodies [][]byte
	c := connector(t, channel(t, &bodies))
	loud := "<at>everyone</at> [click](https://evil.example) **b** \x00\x1b[31m データ "
	for _, tr := range transitions {
		in := intent(tr)
		s := &in.Snapshot
		s.Title, s.Because, s.Cause, s.Group, s.Assignee, in.Text, in.Actor = strings.Repeat(loud, 500), strings.Repeat(loud, 500), strings.Repeat(loud, 500), strings.Repeat(loud, 500), loud, strings.Repeat(loud, 2000), loud
		s.Alerts, s.Firing = 50_000, 49_999
		for n := range itsm.IntentCIsMax {
			s.CIs, s.Services = append(s.CIs, fmt.Sprint(strings.Repeat(loud, 10), n)), append(s.Services, fmt.Sprint(strings.Repeat(loud, 10), n))
		}
		if _, err := c.Push(t.Context(), in); err != nil {
			t.Errorf("%s: %v", tr, err)
		}
	}
	for i, b := range bodies {
		var v any
		if err := json.Unmarshal(b, &v); err != nil {
			t.Fatal(err)
		}
		walk(v, func(m map[string]any) {
			if m["type"] == "TextBlock" || m["type"] == "FactSet" || m["entities"] != nil {
				t.Errorf("%s has a %v, whose text is parsed", transitions[i], m["type"])
			}
			if text, _ := m["text"].(string); strings.Contains(text, "<at>") || m["type"] == "TextRun" && text == "" {
				t.Errorf("%s: text %.60q", transitions[i], text)
			}
		})
	}
	if len(bodies) != len(transitions) {
		t.Errorf("%d cards of %d", len(bodies), len(transitions))
	}
}

func walk(v any, visit func(map[string]any)) {
	switch v := v.(type) {
	case map[string]any:
		visit(v)
		for _, x := range v {
			walk(x, visit)
		}
	case []any:
		for _, x := range v {
			walk(x, visit)
		}
	}
}

func TestRefusals(t *testing.T) {
	for status, c := range map[int]struct {
		passing bool
		say     string
	}{200: {}, 202: {}, 400: {false, "bad card"}, 401: {false, "copy it from the workflow again"}, 404: {false, "turned off"}, 413: {false, "413"}, 429: {true, "429"}, 500: {true, "500"}, 504: {true, "504"}} {
		h := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(status)
			io.WriteString(w, "bad card")
		}))
		_, err := connector(t, h.URL).Push(t.Context(), intent(itsm.Trigger))
		h.Close()
		if c.say == "" && err != nil || c.say != "" && (err == nil || !strings.Contains(err.Error(), c.say) || connectors.IsPassing(err) != c.passing) {
			t.Errorf("%d: %v (passing %v)", status, err, connectors.IsPassing(err))
		}
	}
	h := httptest.NewServer(http.NotFoundHandler())
	h.Close()
	if _, err := connector(t, h.URL).Push(t.Context(), intent(itsm.Trigger)); !connectors.IsPassing(err) || strings.Contains(err.Error(), "S3CRET") {
		t.Errorf("unreachable: %v", err)
	}
}
