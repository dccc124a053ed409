package connectors

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

func restClient() *http.Client { return NewClient(slog.New(slog.DiscardHandler)) }

func TestREST(t *testing.T) {
	for name, c := range map[string]struct {
		status  int
		answer  string
		passing bool
		want    string // in the error; "" for none
	}{
		"good":       {200, `{"id":"7"}`, false, ""},
		"no content": {204, ``, true, "unexpected"},
		"login page": {200, `<html>`, true, "unexpected: <html>"},
		"refused":    {400, `{"error":"x"}`, false, "400"},
		"busy":       {503, strings.Repeat("ü", 600), true, "503"},
	} {
		t.Run(name, func(t *testing.T) {
			h := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				b, _ := io.ReadAll(r.Body)
				if string(b) != `{"a":"<b> & c"}` || r.Header.Get("Content-Type") != "application/json" || r.Header.Get("Authorization") != "x" {
					t.Errorf("got body %s, headers %v", b, r.Header)
				}
				w.WriteHeader(c.status)
				io.WriteString(w, c.answer)
			}))
			defer h.Close()
			r := REST{Partner: "Acme", HTTP: restClient(), Authorize: func(_ context.Context, r *http.Request) error { r.Header.Set("Authorization", "x"); return nil }}
			var out struct{ ID string }
			err := r.Do(t.Context(), http.MethodPost, h.URL, map[string]string{"a": "<b> & c"}, &out)
			if (err == nil) != (c.want == "") || IsPassing(err) != c.passing || err != nil && (!strings.Contains(err.Error(), c.want) || len(err.Error()) > 600) {
				t.Errorf("got %v (passing %v), want %q and passing %v", err, IsPassing(err), c.want, c.passing)
			}
			if c.want == "" && out.ID != "7" {
				t.Errorf("read %+v", out)
			}
			if c.status == 400 && StatusOf(err) != 400 {
				t.Errorf("status %d", StatusOf(err))
			}
		})
	}
}

// TestOAuth: a token is kept, replaced when it was refused, and asked for with the
// newest refresh token; a token service that refuses blames no incident.
func TestOAuth(t *testing.T) {
	var forms []string
	down := false
	h := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.ParseForm()
		forms = append(forms, r.PostForm.Encode())
		if down {
			w.WriteHeader(401)
			io.WriteString(w, `{"error":"access_denied","error_description":"wrong secret"}`)
			return
		}
		fmt.Fprintf(w, `{"access_token":"t%d","refresh_token":"r%d","expires_in":"1799"}`, len(forms), len(forms))
	}))
	defer h.Close()
	header := func(o *OAuth) string {
		t.Helper()
		r := httptest.NewRequest("GET", "/", nil)
		if err := o.Authorize(t.Context(), r); err != nil {
			t.Fatal(err)
		}
		return r.Header.Get("Authorization")
	}
	plain := &OAuth{TokenURL: h.URL, ClientID: "id", ClientSecret: "s", HTTP: restClient()}
	if a, b := header(plain), header(plain); a != "Bearer t1" || b != a {
		t.Errorf("tokens %q, %q: want one, kept", a, b)
	}
	plain.Forget()
	if got := header(plain); got != "Bearer t2" {
		t.Errorf("after it was refused: %q", got)
	}
	refreshing := &OAuth{TokenURL: h.URL, ClientID: "id", ClientSecret: "s", RefreshToken: "first", HTTP: restClient()}
	header(refreshing)
	refreshing.Forget()
	header(refreshing)
	want := []string{"client_id=id&client_secret=s&grant_type=client_credentials", "client_id=id&client_secret=s&grant_type=client_credentials",
		"client_id=id&client_secret=s&grant_type=refresh_token&refresh_token=first", "client_id=id&client_secret=s&grant_type=refresh_token&refresh_token=r3"}
	for i := range want {
		if forms[i] != want[i] {
			t.Errorf("form %d: %s, want %s", i, forms[i], want[i])
		}
	}
	down = true
	plain.Forget()
	err := plain.Authorize(t.Context(), httptest.NewRequest("GET", "/", nil))
	if after, passing := retryAfter(err); !passing || after < 30*time.Second || !strings.Contains(err.Error(), "wrong secret") {
		t.Errorf("got %v, passing %v after %v", err, passing, after)
	}
}
