package opsgenie_test

import (
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"signalbox/connectors"
	"signalbox/connectors/connectortest"
	"signalbox/connectors/goldentest"
	"signalbox/connectors/opsgenie"
	"signalbox/connectors/opsgenie/opsgenietest"
	"signalbox/ingest/source"
	decoder "signalbox/ingest/source/opsgenie"
	"signalbox/itsm"
)

func TestConformance(t *testing.T) {
	connectortest.Run(t, connectortest.Subject{
		Connector: func(_ testing.TB, url string, client *http.Client) connectors.Connector {
			return opsgenie.New(opsgenie.Options{Name: connectortest.Name, URL: url, APIKey: opsgenietest.Key, ExternalURL: "https://signalbox.example.com", HTTP: client})
		},
		Front:  opsgenietest.Front,
		Lacks:  connectortest.Reopening, // a closed alert stays closed
		Report: opsgenietest.Report,
		Decode: source.Decoder(decoder.Decode).Within(source.Bounds{}),
	})
}

func site(t testing.TB) (*opsgenietest.Site, *opsgenie.Connector) {
	s := opsgenietest.New(connectortest.NewPartner())
	h := httptest.NewServer(s)
	t.Cleanup(h.Close)
	return s, connector(h.URL)
}

func connector(url string) *opsgenie.Connector {
	return opsgenie.New(opsgenie.Options{Name: "og", URL: url + "/", APIKey: opsgenietest.Key, Responders: []opsgenie.Responder{{Type: "team", Name: "dba"}}, Tags: []string{"signalbox"},
		ExternalURL: "https://signalbox.example.com/", HTTP: connectors.NewClient(slog.New(slog.DiscardHandler))})
}

func intent(tr itsm.Transition) itsm.Intent {
	return itsm.Intent{Key: "0123456789abcdef" + string(tr), Connector: "og", Incident: 7, Epoch: 2, Transition: tr, Actor: "console:admin", Text: "because",
		Snapshot: itsm.IncidentSnapshot{Title: "orders is\nfailing", Priority: itsm.P2, Severity: itsm.Critical, CIs: []string{"db-1", "db-2"}, Services: []string{"orders"}, Cause: "db-1", Group: "dba",
			Because: "3 of 3 alerting CIs depend on db-1", Alerts: 3, Firing: 3}}
}

// TestLifecycle, and the bodies that are sent.
func TestLifecycle(t *testing.T) {
	t.Parallel()
	for _, mute := range []bool{false, true} {
		t.Run(fmt.Sprintf("mute %v", mute), func(t *testing.T) { lifecycle(t, mute) })
	}
}

func lifecycle(t *testing.T, mute bool) {
	s, c := site(t)
	s.Mute = mute
	for _, step := range []struct {
		tr   itsm.Transition
		want connectors.RecordStatus
	}{{itsm.Trigger, connectors.RecordOpen}, {itsm.Acknowledge, connectors.RecordAcknowledged}, {itsm.Note, connectors.RecordAcknowledged}, {itsm.Update, connectors.RecordAcknowledged}, {itsm.Resolve, connectors.RecordResolved}} {
		r, err := c.Push(t.Context(), intent(step.tr))
		if err != nil {
			t.Fatalf("%s: %v", step.tr, err)
		}
		if mute {
			continue
		}
		rec, err := c.Look(t.Context(), 7, 2)
		if err != nil || rec.Status != step.want || rec.Version == 0 {
			t.Errorf("after %s: %+v, %v; want %s", step.tr, rec, err, step.want)
		}
		if step.tr == itsm.Trigger && (r.Link == nil || r.Link.ID != rec.Link.ID) {
			t.Errorf("link %+v, want %+v", r.Link, rec.Link)
		}
	}
	if line, err := c.Check(t.Context()); err != nil || strings.Contains(line, "may not") != mute {
		t.Errorf("check: %q, %v", line, err)
	}
	var b strings.Builder
	for _, w := range s.Calls() {
		fmt.Fprintf(&b, "%s %s\n%s", w.Method, w.Path, goldentest.JSON(t, w.Body))
	}
	goldentest.Same(t, "alerts.golden", b.String())
}

// TestNothingThere: an action on an alert that was deleted has nothing to do.
func TestNothingThere(t *testing.T) {
	t.Parallel()
	s, c := site(t)
	for _, tr := range []itsm.Transition{itsm.Acknowledge, itsm.Update, itsm.Note, itsm.Resolve} {
		if _, err := c.Push(t.Context(), intent(tr)); err != nil {
			t.Errorf("%s: %v", tr, err)
		}
	}
	if n := len(s.P.Titled("")); n != 0 {
		t.Errorf("%d alerts", n)
	}
}

func TestMisbehaviour(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		status  int
		body    string
		passing bool
		say     string
	}{
		"422":         {422, `{"message":"Request body is not processable.","errors":{"priority":"bad"}}`, false, "priority"},
		"403":         {403, `{"message":"Key format is not valid!"}`, false, "Key"},
		"429":         {429, `{"message":"You are making too many requests!"}`, true, "429"},
		"503 as HTML": {503, `<h1>down</h1>`, true, "503"},
		"login page":  {200, `<html>`, true, "unexpected"},
		"truncated":   {202, `{"requestI`, true, "unexpected"},
	} {
		t.Run(name, func(t *testing.T) {
			h := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(c.status)
				io.WriteString(w, c.body)
			}))
			defer h.Close()
			_, err := connector(h.URL).Push(t.Context(), intent(itsm.Trigger))
			if err == nil || connectors.IsPassing(err) != c.passing || !strings.Contains(err.Error(), c.say) {
				t.Errorf("got %v (passing %v), want passing %v and %q in it", err, connectors.IsPassing(err), c.passing, c.say)
			}
		})
	}
}

func TestLongTextFits(t *testing.T) {
	t.Parallel()
	s, c := site(t)
	in := intent(itsm.Trigger)
	in.Snapshot.Title, in.Snapshot.Because = strings.Repeat("データベース停止 ", 500), strings.Repeat("x", 40_000)
	if _, err := c.Push(t.Context(), in); err != nil {
		t.Fatal(err)
	}
	if n := len(s.P.Titled("データ")); n != 1 {
		t.Errorf("%d alerts", n)
	}
}
