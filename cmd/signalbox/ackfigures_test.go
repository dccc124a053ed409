package main

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"signalbox/connectors/webhook"
)

// Acknowledgements that TestAcknowledgeFigures sends, how often, and between how many
// tools.
const (
	ackTools     = 5
	ackIncidents = 3000
	ackEvery     = 10 * time.Millisecond
)

var ackSecret = []byte("signalbox-figures-secret-0123456789")

// ackTool is a tool on loopback that notes when it was told of an acknowledgement.
type ackTool struct {
	*httptest.Server
	mu   sync.Mutex
	open int
	told map[string]time.Time // by incident
}

func (a *ackTool) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	at := time.Now()
	b, err := io.ReadAll(r.Body)
	var e struct {
		Type string
		Data struct{ Incident struct{ Number string } }
	}
	if err != nil || json.Unmarshal(b, &e) != nil || r.Header.Get("Webhook-Signature") != webhook.Sign([][]byte{ackSecret}, r.Header.Get("Webhook-Id"), r.Header.Get("Webhook-Timestamp"), b) {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	switch e.Type {
	case "incident.trigger":
		a.open++
	case "incident.acknowledge":
		if _, twice := a.told[e.Data.Incident.Number]; !twice {
			a.told[e.Data.Incident.Number] = at
		}
	}
}

func (a *ackTool) counts() (open, told int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.open, len(a.told)
}

// TestAcknowledgeFigures prints how long it takes from an acknowledgement in one tool,
// as a signed webhook to the running program, until each of four others was told it, at
// 100 a second. Figures of a machine that does other work at the same time mean little.
func TestAcknowledgeFigures(t *testing.T) {
	if os.Getenv("SIGNALBOX_LONG") == "" {
		t.Skip("takes two minutes; make bench-ack runs it")
	}
	config := strings.Builder{}
	config.WriteString("correlation: {storm_min: 1000000, join_milli: 999, maybe_milli: 999}\nconnectors:\n")
	tools := make([]*ackTool, ackTools)
	for n := range tools {
		tools[n] = &ackTool{told: map[string]time.Time{}}
		tools[n].Server = httptest.NewServer(tools[n])
		defer tools[n].Close()
		fmt.Fprintf(&config, "  tool%d: {kind: webhook, url: '%s/in', signing_secrets: [env:ACK_SECRET], webhook_secrets: [env:ACK_SECRET], page_budget: 1000000, per_minute: 10000}\n", n, tools[n].URL)
	}
	s := prepare(t, t.TempDir(), config.String())
	s.env = append(s.env, "ACK_SECRET=whsec_"+base64.StdEncoding.EncodeToString(ackSecret))
	s.run()
	for n := range ackIncidents {
		if status := s.do(http.MethodPost, "/webhooks/generic", event("firing", fmt.Sprintf("s%016x", uint64(n+1)*0x9e3779b97f4a7c15)), nil); status != http.StatusAccepted {
			t.Fatalf("event %d was answered %d", n, status)
		}
	}
	within(t, 5*time.Minute, "every tool has every incident", func() bool {
		return !slices.ContainsFunc(tools, func(a *ackTool) bool { open, _ := a.counts(); return open < ackIncidents })
	})

	sent := make([]time.Time, ackIncidents)
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}, Timeout: time.Minute}
	var sending sync.WaitGroup
	began := time.Now()
	for n := range ackIncidents {
		time.Sleep(time.Until(began.Add(time.Duration(n) * ackEvery))) // however long the answers take
		sending.Go(func() {
			sent[n] = time.Now()
			if err := acknowledgeFrom(t, client, s.url, n); err != nil {
				t.Error(err)
			}
		})
	}
	lasted := time.Since(began)
	sending.Wait()
	within(t, 5*time.Minute, "each acknowledgement reached the four others", func() bool {
		all := 0
		for _, a := range tools {
			_, told := a.counts()
			all += told
		}
		return all == ackIncidents*(ackTools-1)
	})
	var waits []time.Duration
	for k, a := range tools {
		for n := range sent {
			at, told := a.told[ackNumber(n)]
			if told == (k == n%ackTools) {
				t.Fatalf("tool%d was told of the acknowledgement of %s in tool%d: %v", k, ackNumber(n), n%ackTools, told)
			}
			if told {
				waits = append(waits, at.Sub(sent[n]))
			}
		}
	}
	slices.Sort(waits)
	fmt.Printf("acknowledged in one of %d tools to told in the others, over loopback HTTP: %.1f a second for %s, p50 %s, p99 %s, longest %s of %d\n",
		ackTools, float64(ackIncidents)/lasted.Seconds(), lasted.Round(time.Second), milli(waits[len(waits)/2]), milli(waits[len(waits)*99/100]), milli(waits[len(waits)-1]), len(waits))
}

// within is eventually for what takes longer.
func within(t *testing.T, d time.Duration, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(d); !ok(); time.Sleep(lookEvery) {
		if time.Now().After(deadline) {
			t.Fatalf("not after %v: %s", d, what)
		}
	}
}

func milli(d time.Duration) time.Duration { return d.Round(100 * time.Microsecond) }

// ackNumber is the n-th incident.
func ackNumber(n int) string { return fmt.Sprintf("INC%07d", n+1) }

// acknowledgeFrom sends the webhook by which a tool says that somebody acknowledged.
func acknowledgeFrom(t *testing.T, client *http.Client, url string, n int) error {
	body := fmt.Appendf(nil, `{"type":"incident.acknowledge","data":{"incident":"signalbox/%s/1","actor":"ada"}}`, ackNumber(n))
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, fmt.Sprintf("%s/webhooks/tool%d", url, n%ackTools), bytes.NewReader(body))
	if err != nil {
		return err
	}
	id, stamp := fmt.Sprintf("ack%d", n), fmt.Sprint(time.Now().Unix())
	req.Header.Set("webhook-id", id)
	req.Header.Set("webhook-timestamp", stamp)
	req.Header.Set("webhook-signature", webhook.Sign([][]byte{ackSecret}, id, stamp, body))
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusAccepted {
		b, _ := io.ReadAll(resp.Body)
		return fmt.Errorf("the acknowledgement of %s was answered %d %s", ackNumber(n), resp.StatusCode, b)
	}
	return nil
}
