package ingest

import (
	"encoding/base64"
	"encoding/hex"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/valyala/fasthttp"
)

// FuzzSignature: whatever stands in the headers, a request passes only when they hold
// the signature of its body under a live secret; and the right signature passes
// whatever stands beside it.
func FuzzSignature(f *testing.F) {
	const live, next = "s3cret-live", "s3cret-next"
	now := time.Unix(1795262400, 0)
	stamp := strconv.FormatInt(now.Unix(), 10)
	f.Add("sha256="+hex.EncodeToString(digest(live, []byte("{}"))), stamp, "m1", []byte("{}"))
	f.Add("v1="+hex.EncodeToString(digest(next, []byte("{}")))+",v1=00", "", "", []byte("{}"))
	f.Add("v1,"+base64.StdEncoding.EncodeToString(digest(live, []byte("m1."+stamp+"."), []byte("{}"))), stamp, "m1", []byte("{}"))
	f.Add(base64.StdEncoding.EncodeToString(digest(live, []byte(now.UTC().Format(time.RFC3339)), []byte("{}"))), now.UTC().Format(time.RFC3339), "", []byte("{}"))
	f.Add(strings.Repeat("sha256= ", 20), "-1", "\x00", []byte(nil))
	schemes := []Auth{
		{PagerDuty: []string{live, next}},
		{HMAC: &HMAC{Secrets: []string{live, next}, Header: "X-Signature", Prefix: "sha256="}},
		{HMAC: &HMAC{Secrets: []string{live, next}, Header: "X-Signature", TimestampHeader: "X-Stamp", Separator: ":"}},
		{HMAC: &HMAC{Secrets: []string{live, next}, Header: "X-Signature", Prefix: "v1,", Base64: true, TimestampHeader: "X-Stamp", IDHeader: "X-Id"}},
		{HMAC: &HMAC{Secrets: []string{live, next}, Header: "X-Signature", Base64: true, TimestampHeader: "X-Stamp", RFC3339: true, Joined: true}},
	}
	f.Fuzz(func(t *testing.T, signature, stamp, id string, body []byte) {
		for n, a := range schemes {
			h := &fasthttp.RequestHeader{}
			name := "X-Signature"
			if a.HMAC == nil {
				name = "X-PagerDuty-Signature"
			}
			h.Set(name, signature)
			h.Set("X-Stamp", stamp)
			h.Set("X-Id", id)
			if !a.bySignature(h, body, now).ok {
				continue
			}
			var head string
			if a.HMAC != nil && a.HMAC.TimestampHeader != "" {
				head = string(h.Peek("X-Stamp")) + ":"
			}
			if a.HMAC != nil && a.HMAC.Joined {
				head = string(h.Peek("X-Stamp"))
			}
			if a.HMAC != nil && a.HMAC.IDHeader != "" {
				head = string(h.Peek("X-Id")) + "." + string(h.Peek("X-Stamp")) + "."
			}
			held := false
			for _, secret := range []string{live, next} {
				sum := digest(secret, []byte(head), body)
				held = held || strings.Contains(signature, hex.EncodeToString(sum)) || strings.Contains(signature, base64.StdEncoding.EncodeToString(sum))
			}
			if !held {
				t.Fatalf("scheme %d let %q in with a body of %d bytes", n, signature, len(body))
			}
		}
		h := &fasthttp.RequestHeader{}
		h.Set("X-Signature", "sha256="+hex.EncodeToString(digest(next, body)))
		h.Set("X-Stamp", stamp)
		h.Set("X-Other", signature)
		if !schemes[1].bySignature(h, body, now).ok {
			t.Fatalf("the right signature of %d bytes was refused", len(body))
		}
	})
}
