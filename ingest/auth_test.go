package ingest_test

import (
	"crypto/hmac"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"hash"
	"strconv"
	"strings"
	"testing"
	"time"

	"signalbox/ingest"
)

const (
	live, next, other = "s3cret-live-0123456789", "s3cret-next-0123456789", "s3cret-other-0123456789"
	event             = `{"status":"firing","title":"x"}`
)

// try is one request: headers in pairs, a query and a body.
type try struct {
	name   string
	query  string
	header []string
	body   string
}

// guarded is a door with the source under test and another one whose secrets must
// not open it.
func guarded(t *testing.T, kind string, auth, others ingest.Auth) *rig {
	return start(t, func(o *ingest.Options) {
		o.Open = false
		o.Sources = []ingest.Source{{Name: "in", Kind: kind, Auth: auth}, {Name: "other", Kind: kind, Auth: others}}
	})
}

// check runs the tries: the good ones are accepted, each of the bad ones is 401
// and leaves nothing.
func check(t *testing.T, r *rig, status int, good, bad []try) {
	t.Helper()
	if len(bad) < 30 {
		t.Errorf("%d negative cases, want at least 30", len(bad))
	}
	for _, c := range good {
		before := r.len()
		if got := r.post(t, "/webhooks/in"+c.query, c.body, c.header...); got.status != status || r.len() != before+1 {
			t.Errorf("%s: got %d %s, want %d and an entry", c.name, got.status, got.body, status)
		}
	}
	before := r.len()
	for _, c := range bad {
		if got := r.post(t, "/webhooks/in"+c.query, c.body, c.header...); got.status != 401 {
			t.Errorf("%s: got %d %s, want 401", c.name, got.status, got.body)
		}
	}
	if r.len() != before {
		t.Errorf("the refused requests left %d entries", r.len()-before)
	}
	for _, secret := range []string{live, next, other} {
		if strings.Contains(r.logs.String(), secret) {
			t.Errorf("the log shows the secret %s", secret)
		}
	}
}

// spoiled are wrong spellings of a secret, for schemes that send it as it is.
func spoiled(s string) map[string]string {
	return map[string]string{
		"empty": "", "other source's": other, "cut": s[:len(s)-1], "first half": s[:len(s)/2], "one more": s + "x", "doubled": s + s,
		"upper case": strings.ToUpper(s), "first letter": "x" + s[1:], "last letter": s[:len(s)-1] + "x", "reversed order": s[1:] + s[:1],
		"space inside": s[:4] + " " + s[4:], "quoted": `"` + s + `"`, "base64": base64.StdEncoding.EncodeToString([]byte(s)),
		"hex": hex.EncodeToString([]byte(s)), "both": live + "," + next, "both with space": live + " " + next, "null": "null", "undefined": "undefined",
		"star": "*", "percent": "%", "regexp": ".*", "prefix of both": "s3cret-", "sha256": fmt.Sprintf("%x", sha256.Sum256([]byte(s))),
		"tab inside": s[:4] + "\t" + s[4:], "semicolon": s + ";", "comma first": "," + s, "unicode": s[:len(s)-1] + "\u0439", "nearly": strings.Replace(s, "0", "O", 1),
		"env reference": "env:TOKEN", "long": strings.Repeat("a", 4000),
	}
}

func TestBearer(t *testing.T) {
	r := guarded(t, "generic", ingest.Auth{Bearer: []string{live, next}}, ingest.Auth{Bearer: []string{other}})
	var bad []try
	for name, s := range spoiled(live) {
		bad = append(bad, try{name, "", []string{"Authorization", "Bearer " + s}, event})
	}
	bad = append(bad, try{"nothing", "", nil, event}, try{"no scheme", "", []string{"Authorization", live}, event},
		try{"basic scheme", "", []string{"Authorization", "Basic " + live}, event}, try{"token scheme", "", []string{"Authorization", "Token " + live}, event},
		try{"other header", "", []string{"X-Authorization", "Bearer " + live}, event}, try{"query", "?token=" + live, nil, event},
		try{"user of basic", "", []string{"Authorization", "Basic " + base64.StdEncoding.EncodeToString([]byte(live+":"))}, event})
	check(t, r, 202, []try{{"live", "", []string{"Authorization", "Bearer " + live}, event}, {"next", "", []string{"Authorization", "bearer  " + next}, event}}, bad)
}

func TestBasic(t *testing.T) {
	enc := func(user, password string) []string {
		return []string{"Authorization", "Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+password))}
	}
	r := guarded(t, "generic", ingest.Auth{Basic: []ingest.BasicAuth{{User: "am", Password: live}, {User: "am2", Password: next}}},
		ingest.Auth{Basic: []ingest.BasicAuth{{User: "am", Password: other}}})
	var bad []try
	for name, s := range spoiled(live) {
		bad = append(bad, try{name, "", enc("am", s), event})
	}
	bad = append(bad, try{"nothing", "", nil, event}, try{"crossed", "", enc("am", next), event}, try{"crossed back", "", enc("am2", live), event},
		try{"no user", "", enc("", live), event}, try{"other user", "", enc("root", live), event}, try{"swapped", "", enc(live, "am"), event},
		try{"not base64", "", []string{"Authorization", "Basic am:" + live}, event}, try{"no colon", "", []string{"Authorization", "Basic " + base64.StdEncoding.EncodeToString([]byte(live))}, event},
		try{"bearer", "", []string{"Authorization", "Bearer " + live}, event})
	check(t, r, 202, []try{{"first", "", enc("am", live), event}, {"second", "", enc("am2", next), event}}, bad)
}

func TestQueryToken(t *testing.T) {
	r := guarded(t, "generic", ingest.Auth{QueryToken: []string{live, next}}, ingest.Auth{QueryToken: []string{other}})
	var bad []try
	for name, s := range spoiled(live) {
		q := ""
		for _, b := range []byte(s) {
			q += fmt.Sprintf("%%%02x", b)
		}
		bad = append(bad, try{name, "?token=" + q, nil, event})
	}
	bad = append(bad, try{"nothing", "", nil, event}, try{"other name", "?key=" + live, nil, event}, try{"other case", "?Token=" + live, nil, event},
		try{"first is wrong", "?token=x&token=" + live, nil, event}, try{"header", "", []string{"Authorization", "Bearer " + live}, event})
	check(t, r, 202, []try{{"live", "?token=" + live, nil, event}, {"next", "?a=b&token=" + next, nil, event}}, bad)
}

func mac(h func() hash.Hash, secret, text string) []byte {
	m := hmac.New(h, []byte(secret))
	m.Write([]byte(text))
	return m.Sum(nil)
}

func hexMAC(secret, text string) string { return hex.EncodeToString(mac(sha256.New, secret, text)) }

func TestHMAC(t *testing.T) {
	const name = "X-Signature-256"
	sig := func(v string) []string { return []string{name, v} }
	right := hexMAC(live, event)
	auth := ingest.Auth{HMAC: &ingest.HMAC{Secrets: []string{live, next}, Header: name, Prefix: "sha256="}}
	r := guarded(t, "generic", auth, ingest.Auth{HMAC: &ingest.HMAC{Secrets: []string{other}, Header: name, Prefix: "sha256="}})
	good := []try{{"live", "", sig("sha256=" + right), event}, {"next", "", sig("sha256=" + hexMAC(next, event)), event},
		{"rotation", "", sig("sha256=" + hexMAC(other, event) + " sha256=" + right), event}}
	check(t, r, 202, good, append(spoiledSignatures(right, sig, "sha256="),
		try{"no prefix", "", sig(right), event}, try{"other prefix", "", sig("sha1=" + right), event}, try{"prefix in capitals", "", sig("SHA256=" + right), event},
		try{"comma list", "", sig("sha256=" + right + ",sha256=" + right), event}, try{"two headers", "", append(sig("sha256="+right), sig("sha256="+right)...), event},
		try{"other header", "", []string{"X-Hub-Signature-256", "sha256=" + right}, event}, try{"bearer", "", []string{"Authorization", "Bearer " + live}, event},
		try{"query", "?token=" + live, nil, event}))
}

// spoiledSignatures are wrong signatures of event, each after prefix; wrap puts
// the value into its header.
func spoiledSignatures(right string, wrap func(string) []string, prefix string) []try {
	values := map[string]string{
		"empty": "", "other source's secret": hexMAC(other, event), "empty secret": hexMAC("", event), "cut": right[:63], "cut a byte": right[:62],
		"half": right[:32], "one more digit": right + "0", "one more byte": right + "00", "doubled": right + right, "upper case": strings.ToUpper(right),
		"one digit": flip(right, 0), "last digit": flip(right, 63), "zeros": strings.Repeat("0", 64), "not hex": strings.Repeat("z", 64),
		"secret itself": live, "body hash": fmt.Sprintf("%x", sha256.Sum256([]byte(event))), "secret then body": fmt.Sprintf("%x", sha256.Sum256([]byte(live+event))),
		"sha1": hex.EncodeToString(mac(sha1.New, live, event)), "sha512": hex.EncodeToString(mac(sha512.New, live, event)),
		"sha512 cut": hex.EncodeToString(mac(sha512.New, live, event))[:64], "base64": base64.StdEncoding.EncodeToString(mac(sha256.New, live, event)),
		"none": "none", "quoted": `"` + right + `"`, "0x": "0x" + right, "of an empty body": hexMAC(live, ""), "of another body": hexMAC(live, event+" "),
		"secret in capitals": hexMAC(strings.ToUpper(live), event), "secret and newline": hexMAC(live+"\n", event), "both secrets": hexMAC(live+next, event),
		"seventeenth": strings.Repeat("sha256=00 ", 16) + prefix + right,
	}
	var out []try
	for name, v := range values {
		out = append(out, try{name, "", wrap(prefix + v), event})
	}
	for name, body := range map[string]string{"body and a byte": event + "\n", "body less a byte": event[:len(event)-1], "other body": strings.Replace(event, "firing", "Firing", 1), "no body": ""} {
		out = append(out, try{name, "", wrap(prefix + right), body})
	}
	return append(out, try{"nothing", "", nil, event}, try{"gzip of the body", "", append(wrap(prefix+right), "Content-Encoding", "gzip"), gzipped(event)})
}

func flip(s string, i int) string {
	c := byte('0')
	if s[i] == c {
		c = '1'
	}
	return s[:i] + string(c) + s[i+1:]
}

func TestHMACWithTimestamp(t *testing.T) {
	at := now.Std()
	const name, stampName = "X-Grafana-Alerting-Signature", "X-Stamp"
	auth := ingest.Auth{HMAC: &ingest.HMAC{Secrets: []string{live, next}, Header: name, TimestampHeader: stampName, Separator: ":"}}
	r := guarded(t, "generic", auth, ingest.Auth{Bearer: []string{other}})
	signedAt := func(d time.Duration) []string {
		ts := strconv.FormatInt(at.Add(d).Unix(), 10)
		return []string{stampName, ts, name, hexMAC(live, ts+":"+event)}
	}
	ts := strconv.FormatInt(at.Unix(), 10)
	bad := spoiledSignatures(hexMAC(live, ts+":"+event), func(v string) []string { return []string{stampName, ts, name, v} }, "")
	for _, d := range []time.Duration{-301 * time.Second, 301 * time.Second, -time.Hour, 48 * time.Hour, -10 * 365 * 24 * time.Hour} {
		bad = append(bad, try{"skew " + d.String(), "", signedAt(d), event})
	}
	moved := signedAt(0)
	moved[1] = strconv.FormatInt(at.Unix()+1, 10)
	bad = append(bad, try{"moved stamp", "", moved, event}, try{"no stamp", "", []string{name, hexMAC(live, ts+":"+event)}, event},
		try{"stamp not signed", "", []string{stampName, ts, name, hexMAC(live, event)}, event}, try{"empty stamp", "", []string{stampName, "", name, hexMAC(live, ":"+event)}, event},
		try{"stamp with zero", "", []string{stampName, "0" + ts, name, hexMAC(live, "0"+ts+":"+event)}, event}, try{"stamp with sign", "", []string{stampName, "+" + ts, name, hexMAC(live, "+"+ts+":"+event)}, event},
		try{"stamp in ms", "", []string{stampName, ts + "000", name, hexMAC(live, ts+"000:"+event)}, event},
		try{"stamp overflow", "", []string{stampName, "9223372036854775808", name, hexMAC(live, "9223372036854775808:"+event)}, event},
		try{"other separator", "", []string{stampName, ts, name, hexMAC(live, ts+"."+event)}, event},
		try{"two stamps", "", append(signedAt(0), stampName, ts), event})
	check(t, r, 202, []try{{"now", "", signedAt(0), event}, {"early", "", signedAt(-300 * time.Second), event}, {"late", "", signedAt(300 * time.Second), event}}, bad)
}

func TestReplayIsAnsweredButNotStored(t *testing.T) {
	at := now.Std()
	whsec := "whsec_" + base64.StdEncoding.EncodeToString([]byte(live))
	scheme, err := ingest.StandardWebhooks(whsec)
	if err != nil {
		t.Fatal(err)
	}
	r := start(t, func(o *ingest.Options) {
		o.Sources = []ingest.Source{{Name: "in", Kind: "generic", Auth: ingest.Auth{HMAC: scheme}}}
		o.Clock = func() time.Time { return at }
	})
	send := func(id, body string) string {
		t.Helper()
		ts := strconv.FormatInt(at.Unix(), 10)
		sum := base64.StdEncoding.EncodeToString(mac(sha256.New, live, id+"."+ts+"."+body))
		a := r.post(t, "/webhooks/in", body, "webhook-id", id, "webhook-timestamp", ts, "webhook-signature", "v1a,xx v1,"+sum)
		return strconv.Itoa(a.status) + " " + a.body
	}
	for _, c := range []struct {
		name, id, body, want string
		later                time.Duration
		fail                 bool
	}{
		{"first", "m1", event, `202 {"accepted":1,"offset":1}`, 0, false},
		{"repeat", "m1", event, `202 {"accepted":0,"offset":1,"duplicate":true}`, 0, false},
		{"retry with a fresh stamp", "m1", event, `202 {"accepted":0,"offset":1,"duplicate":true}`, time.Minute, false},
		{"same id, other body", "m1", event + " ", `202 {"accepted":1,"offset":2}`, 0, false},
		{"not stored", "m2", event, `503`, 0, true},
		{"its retry", "m2", event, `202 {"accepted":1,"offset":3}`, 0, false},
		{"after the window", "m1", event, `202 {"accepted":1,"offset":4}`, 20 * time.Minute, false},
	} {
		at = at.Add(c.later)
		r.fail = nil
		if c.fail {
			r.fail = fmt.Errorf("disk")
		}
		if got := send(c.id, c.body); !strings.HasPrefix(got, c.want) {
			t.Errorf("%s: got %s, want %s", c.name, got, c.want)
		}
	}
}

func TestStandardWebhooks(t *testing.T) {
	at := strconv.FormatInt(now.Std().Unix(), 10)
	scheme, err := ingest.StandardWebhooks("whsec_"+base64.StdEncoding.EncodeToString([]byte(live)), base64.StdEncoding.EncodeToString([]byte(next)))
	if err != nil {
		t.Fatal(err)
	}
	r := guarded(t, "generic", ingest.Auth{HMAC: scheme}, ingest.Auth{Bearer: []string{other}})
	sum := func(secret, id, body string) string {
		return "v1," + base64.StdEncoding.EncodeToString(mac(sha256.New, secret, id+"."+at+"."+body))
	}
	head := func(id, sig string) []string {
		return []string{"webhook-id", id, "webhook-timestamp", at, "webhook-signature", sig}
	}
	right := sum(live, "m", event)
	bad := spoiledSignatures(hexMAC(live, "m."+at+"."+event), func(v string) []string { return head("m", v) }, "v1,")
	bad = append(bad, try{"other id", "", head("n", right), event}, try{"no id", "", head("", sum(live, "", event)), event}, try{"v1a", "", head("m", strings.Replace(right, "v1,", "v1a,", 1)), event},
		try{"v2", "", head("m", strings.Replace(right, "v1,", "v2,", 1)), event}, try{"no version", "", head("m", right[3:]), event},
		try{"no padding", "", head("m", strings.TrimRight(right, "=")), event}, try{"url alphabet", "", head("m", strings.NewReplacer("+", "-", "/", "_").Replace(right)+"A"), event},
		try{"secret not decoded", "", head("m", sum("whsec_"+base64.StdEncoding.EncodeToString([]byte(live)), "m", event)), event},
		try{"shifted border", "", head("m."+at, "v1,"+base64.StdEncoding.EncodeToString(mac(sha256.New, live, "m."+at+"."+event))), event})
	check(t, r, 202, []try{{"live", "", head("m", right), event}, {"next", "", head("m2", sum(next, "m2", event)), event},
		{"list", "", head("m3", "v1,AAAA "+sum(live, "m3", event)), event}}, bad)
	if _, err := ingest.StandardWebhooks("whsec_!"); err == nil {
		t.Error("a secret that is not base64 was taken")
	}
}

// The vector is that of an independent tool:
//
//	printf %s '2021-03-25T05:09:27Z{"status":"firing","title":"x"}' | openssl dgst -sha256 -hmac dGhpc19zZWNyZXRfaXNfZm9yX3Rlc3Rpbmdfb25seQ== -binary | base64
func TestZendeskSignature(t *testing.T) {
	const example = "dGhpc19zZWNyZXRfaXNfZm9yX3Rlc3Rpbmdfb25seQ==" // of Zendesk's documentation; it is used as it stands
	old := time.Date(2021, 3, 25, 5, 9, 27, 0, time.UTC)
	stampHeader, sigHeader := "X-Zendesk-Webhook-Signature-Timestamp", "X-Zendesk-Webhook-Signature"
	head := func(stamp, sig string) []string { return []string{stampHeader, stamp, sigHeader, sig} }
	past := start(t, func(o *ingest.Options) {
		o.Clock = func() time.Time { return old }
		o.Sources = []ingest.Source{{Name: "in", Kind: "generic", Auth: ingest.Auth{HMAC: ingest.Zendesk(example)}}}
	})
	vector := head("2021-03-25T05:09:27Z", "p1v3iDkaOp+eh9TCZHZfLegSJ21J4nRqsuf3ddyCATU=")
	for n, want := range []string{`{"accepted":1,"offset":1}`, `{"accepted":0,"offset":1,"duplicate":true}`} {
		if got := past.post(t, "/webhooks/in", event, vector...); got.status != 202 || got.body != want {
			t.Errorf("time %d: %d %s, want %s", n+1, got.status, got.body, want)
		}
	}

	sum := func(secret, text string) string {
		return base64.StdEncoding.EncodeToString(mac(sha256.New, secret, text))
	}
	at := func(d time.Duration) string { return now.Std().Add(d).UTC().Format(time.RFC3339) }
	r := guarded(t, "generic", ingest.Auth{HMAC: ingest.Zendesk(live, next)}, ingest.Auth{HMAC: ingest.Zendesk(other)})
	ts := at(0)
	right := sum(live, ts+event)
	bad := spoiledSignatures(hexMAC(live, ts+event), func(v string) []string { return head(ts, v) }, "")
	for name, stamp := range map[string]string{
		"too old": at(-301 * time.Second), "too new": at(301 * time.Second), "unix": strconv.FormatInt(now.Std().Unix(), 10), "no zone": strings.TrimSuffix(ts, "Z"),
		"no stamp": "", "a day": ts[:10], "with a space": strings.Replace(ts, "T", " ", 1), "year 0": "0000-01-01T00:00:00Z", "of the vector": "2021-03-25T05:09:27Z",
	} {
		bad = append(bad, try{name, "", head(stamp, sum(live, stamp+event)), event})
	}
	bad = append(bad, try{"moved stamp", "", head(at(time.Second), right), event}, try{"stamp not signed", "", head(ts, sum(live, event)), event},
		try{"with a full stop", "", head(ts, sum(live, ts+"."+event)), event}, try{"hex", "", head(ts, hexMAC(live, ts+event)), event},
		try{"secret decoded", "", head(ts, sum("this_secret_is_for_testing_only", ts+event)), event}, try{"other body", "", head(ts, right), event + " "},
		try{"no padding", "", head(ts, strings.TrimRight(right, "=")), event}, try{"two stamps", "", append(head(ts, right), stampHeader, ts), event},
		try{"two signatures", "", append(head(ts, right), sigHeader, right), event}, try{"shifted border", "", head(ts+"{", right), event[1:]},
		try{"body before stamp", "", head(ts, sum(live, event+ts)), event})
	check(t, r, 202, []try{{"now", "", head(ts, right), event}, {"next", "", head(ts, sum(next, ts+event+"\n")), event + "\n"},
		{"early", "", head(at(-300*time.Second), sum(live, at(-300*time.Second)+event)), event},
		{"parts of seconds", "", head(strings.Replace(ts, "Z", ".123Z", 1), sum(live, strings.Replace(ts, "Z", ".123Z", 1)+event)), event},
		{"another zone", "", head(strings.Replace(ts, "Z", "+00:00", 1), sum(live, strings.Replace(ts, "Z", "+00:00", 1)+event)), event}}, bad)
}

// The vector is PagerDuty's documented scheme: hex HMAC-SHA256 of the raw body.
func TestPagerDutySignature(t *testing.T) {
	body := pdEvent(`"signalbox/INC0000007/2"`)
	right := "v1=" + hexMAC(live, body)
	r := guarded(t, "pagerduty", ingest.Auth{PagerDuty: []string{live, next}}, ingest.Auth{PagerDuty: []string{other}})
	sig := func(v string) []string { return []string{"X-PagerDuty-Signature", v} }
	good := []try{{"live", "", sig(right), body}, {"next", "", sig("v1=" + hexMAC(next, body)), body}, {"rotation", "", sig("v1=" + hexMAC(other, body) + "," + right), body},
		{"spaces", "", sig("v2=00, " + right), body}}
	bad := spoiledSignatures(hexMAC(live, event), sig, "v1=")
	bad = append(bad, try{"other scheme", "", sig("v2=" + right[3:]), body}, try{"no scheme", "", sig(right[3:]), body}, try{"scheme in capitals", "", sig("V1=" + right[3:]), body},
		try{"space list", "", sig("v1=00 " + right), body}, try{"two headers", "", append(sig(right), sig(right)...), body}, try{"seventeen", "", sig(strings.Repeat("v1=00,", 16) + right), body},
		try{"other header", "", []string{"X-Signature", right}, body}, try{"other body", "", sig(right), body + " "}, try{"other source's", "", sig("v1=" + hexMAC(other, body)), body})
	var really []try
	for _, b := range bad {
		if b.name != "seventeenth" { // PagerDuty's list has commas
			really = append(really, b)
		}
	}
	check(t, r, 202, good, really)
	if got := r.post(t, "/webhooks/other", body, sig(right)...); got.status != 401 {
		t.Errorf("the secret of one source at another: %d", got.status)
	}
}

func TestGateComesAfterCredentials(t *testing.T) {
	r := start(t, func(o *ingest.Options) {
		o.Open = false
		o.Sources = []ingest.Source{{Name: "in", Kind: "generic", Auth: ingest.Auth{Bearer: []string{live}}}}
		o.Gate = func() error { return fmt.Errorf("full") }
	})
	if got := r.post(t, "/webhooks/in", event); got.status != 401 {
		t.Errorf("stranger: %d, want 401", got.status)
	}
	if got := r.post(t, "/webhooks/in", event, "Authorization", "Bearer "+live); got.status != 503 {
		t.Errorf("sender: %d, want 503", got.status)
	}
}
