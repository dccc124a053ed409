package main

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"strings"
	"testing"
)

// TestHMACAsAList: a bare list of secrets is enough to check signatures in the
// default header, by either secret.
func TestHMACAsAList(t *testing.T) {
	t.Setenv("HMAC_OLD", "old")
	t.Setenv("HMAC_NEW", "new")
	s := start(t, t.TempDir(), "sources:\n  shell: {kind: generic, auth: {hmac: ['env:HMAC_OLD', 'env:HMAC_NEW']}}\n")
	const body = `{"status":"firing","title":"x"}`
	for key, want := range map[string]int{"old": http.StatusAccepted, "new": http.StatusAccepted, "other": http.StatusUnauthorized, "": http.StatusUnauthorized} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.url+"/webhooks/shell", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		if key != "" {
			m := hmac.New(sha256.New, []byte(key))
			m.Write([]byte(body))
			req.Header.Set("X-Signature", hex.EncodeToString(m.Sum(nil)))
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != want {
			t.Errorf("signed with %q: %d, want %d", key, resp.StatusCode, want)
		}
	}
}
