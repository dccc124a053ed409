package main

import (
	"bufio"
	"bytes"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/zstd"
)

// What the whole corpus may cost. The memory is measured with the collector as Go
// sets it: by default the server lets much more garbage lie, which says nothing of
// what a request can make it hold.
const (
	hostileCasesMin = 150
	measuredGOGC    = "GOGC=50"
	rssGrowthMax    = 64 << 20
	honestWaitMax   = 50 * time.Millisecond // p99, in make torture
)

// hostile is one request on a raw socket and the answers it may get; 0 is a closed
// connection. What is not accepted must leave no trace in the journal, or one
// quarantine entry when keeps says so.
type hostile struct {
	name    string
	request string
	want    []int
	keeps   int // entries in the journal
}

// The door has a table of its own with seventy cases (ingest/hostile_test.go);
// those here are about the whole program: every other route, and what it costs.

const goodAlert = `{"status":"firing","title":"x","labels":{"service":"s"}}`

func lines(l ...string) string { return strings.Join(l, "\r\n") }

// to makes a request with a length.
func to(method, path, headers, body string) string {
	return fmt.Sprintf("%s %s HTTP/1.1\r\nHost: a\r\n%sContent-Length: %d\r\n\r\n%s", method, path, headers, len(body), body)
}

func hook(headers, body string) string { return to("POST", "/webhooks/generic", headers, body) }

func labels(s string) string { return hook("", `{"status":"firing","title":"x","labels":`+s+`}`) }

func am(alerts string) string {
	return to("POST", "/webhooks/alertmanager", "", `{"version":"4","groupKey":"k","status":"firing","alerts":`+alerts+`}`)
}

func packed(w func(io.Writer) io.WriteCloser, body string) string {
	var b bytes.Buffer
	z := w(&b)
	io.WriteString(z, body)
	z.Close()
	return b.String()
}

var packers = map[string]func(io.Writer) io.WriteCloser{
	"gzip":    func(w io.Writer) io.WriteCloser { return gzip.NewWriter(w) },
	"deflate": func(w io.Writer) io.WriteCloser { return zlib.NewWriter(w) },
	"br":      func(w io.Writer) io.WriteCloser { return brotli.NewWriter(w) },
	"zstd": func(w io.Writer) io.WriteCloser {
		z, err := zstd.NewWriter(w)
		if err != nil {
			panic(err) // no option can be wrong
		}
		return z
	},
	"x-gzip": func(w io.Writer) io.WriteCloser { return gzip.NewWriter(w) },
	"raw": func(w io.Writer) io.WriteCloser {
		z, err := flate.NewWriter(w, 9)
		if err != nil {
			panic(err) // the level is valid
		}
		return z
	},
}

// bombs in every coding, plain and one in the other.
func bombs() (out []hostile) {
	zeros := strings.Repeat("\x00", 100<<20)
	for _, enc := range []string{"gzip", "x-gzip", "deflate", "br", "zstd"} {
		b := packed(packers[enc], zeros)
		out = append(out, hostile{"bomb " + enc, hook("Content-Encoding: "+enc+"\r\n", b), []int{413}, 0},
			hostile{"bomb " + enc + " at Prometheus", to("POST", "/prometheus/main/api/v2/alerts", "Content-Encoding: "+enc+"\r\n", b), []int{413}, 0},
			hostile{"bomb " + enc + " cut off", hook("Content-Encoding: "+enc+"\r\n", b[:len(b)/2]), []int{413, 422}, 1},
			hostile{"bomb " + enc + ", two codings", hook("Content-Encoding: "+enc+", gzip\r\n", packed(packers["gzip"], b)), []int{400}, 0})
	}
	out = append(out, hostile{"bomb bare deflate", hook("Content-Encoding: deflate\r\n", packed(packers["raw"], zeros)), []int{413}, 0})
	return out
}

// refusedOnes are the requests that nothing comes of.
func refusedOnes() []hostile {
	get := func(path string) string { return to("GET", path, "", "") }
	var many strings.Builder
	for i := range 5000 {
		fmt.Fprintf(&many, "X-%d: y\r\n", i)
	}
	var keys strings.Builder
	for i := range 1_000_000 {
		fmt.Fprintf(&keys, `"k%d":1,`, i)
	}
	deep := strings.Repeat(`[`, 100_000)
	bad, none := []int{400}, []int{404}
	out := append(bombs(),
		hostile{"label of 10 MB", labels(`{"l":"` + strings.Repeat("x", 10<<20) + `"}`), []int{413}, 0},
		hostile{"10^6 keys", hook("", "{"+keys.String()+`"status":"firing"}`), []int{413, 422}, 0},
		hostile{"HTTP/0.9", "GET /webhooks/generic\r\n", []int{0, 400}, 0},
		hostile{"HTTP/0.9 with a line more", "GET /\r\n\r\n", []int{0, 400}, 0},
		hostile{"HTTP/2 preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", []int{0, 400}, 0},
		hostile{"HTTP/1.2", "GET / HTTP/1.2\r\nHost: a\r\n\r\n", bad, 0},
		hostile{"HTTP/11.1", "GET / HTTP/11.1\r\nHost: a\r\n\r\n", bad, 0},
		hostile{"lower-case version", "GET / http/1.1\r\nHost: a\r\n\r\n", []int{0, 400}, 0},
		hostile{"request line of 20 KiB", "GET /" + strings.Repeat("a", 20<<10) + " HTTP/1.1\r\nHost: a\r\n\r\n", []int{414, 431}, 0},
		hostile{"5,000 headers", hook(many.String(), goodAlert), []int{431}, 0},
		hostile{"header without name", hook(": x\r\n", goodAlert), bad, 0},
		hostile{"header with control character", hook("X-\x01: x\r\n", goodAlert), bad, 0},
		hostile{"CL and TE", lines("POST /webhooks/generic HTTP/1.1", "Host: a", "Content-Length: 4", "Transfer-Encoding: chunked", "", "0", "", "GPOST / HTTP/1.1", "", ""), bad, 0},
		hostile{"TE and CL", lines("POST /webhooks/generic HTTP/1.1", "Host: a", "Transfer-Encoding: chunked", "Content-Length: 4", "", "0", "", ""), bad, 0},
		hostile{"TE twice", lines("POST /webhooks/generic HTTP/1.1", "Host: a", "Transfer-Encoding: chunked", "Transfer-Encoding: identity", "", "0", "", ""), []int{400, 422}, 1},
		hostile{"TE in disguise", lines("POST /webhooks/generic HTTP/1.1", "Host: a", "Transfer-Encoding: xchunked", "", "0", "", ""), []int{400, 501}, 0},
		hostile{"TE with tab", lines("POST /webhooks/generic HTTP/1.1", "Host: a", "Transfer-Encoding:\tchunked", "Content-Length: 3", "", "0", "", ""), bad, 0},
		hostile{"two lengths", lines("POST /webhooks/generic HTTP/1.1", "Host: a", "Content-Length: 3", "Content-Length: 0", "", "{}x"), bad, 0},
		hostile{"length list", lines("POST /webhooks/generic HTTP/1.1", "Host: a", "Content-Length: 3, 3", "", "{}x"), bad, 0},
		hostile{"length hex", lines("POST /webhooks/generic HTTP/1.1", "Host: a", "Content-Length: 0x3", "", "{}x"), bad, 0},
		hostile{"length with spaces", lines("POST /webhooks/generic HTTP/1.1", "Host: a", "Content-Length: 1 2", "", "{}x"), bad, 0},
		hostile{"chunk size overflow", lines("POST /webhooks/generic HTTP/1.1", "Host: a", "Transfer-Encoding: chunked", "", "10000000000000001", "x", "0", "", ""), bad, 0},
		hostile{"chunk without end", lines("POST /webhooks/generic HTTP/1.1", "Host: a", "Transfer-Encoding: chunked", "", "3", "abcdef", "0", "", ""), bad, 0},
		hostile{"two hosts", lines("GET / HTTP/1.1", "Host: a", "Host: b", "", ""), bad, 0},
		hostile{"no host", "GET /healthz HTTP/1.1\r\n\r\n", bad, 0},
		hostile{"bare LF smuggling", "GET /nowhere HTTP/1.1\nHost: a\n\n", []int{400, 404}, 0},
		hostile{"absolute form elsewhere", "GET http://evil.example/nowhere HTTP/1.1\r\nHost: a\r\n\r\n", none, 0},
		hostile{"authority form", "CONNECT evil.example:443 HTTP/1.1\r\nHost: evil.example\r\n\r\n", []int{0, 400, 404, 405}, 0},
		hostile{"asterisk", "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", []int{400, 404, 405}, 0},
		hostile{"TRACE", "TRACE /webhooks/generic HTTP/1.1\r\nHost: a\r\n\r\n", []int{400, 404, 405}, 0},
		hostile{"TRACK", "TRACK / HTTP/1.1\r\nHost: a\r\n\r\n", []int{400, 404, 405}, 0},
		hostile{"path with ..", get("/../../etc/passwd"), none, 0},
		hostile{"path with encoded ..", get("/%2e%2e/%2e%2e/etc/passwd"), none, 0},
		hostile{"path with double encoding", get("/static/%252e%252e%252fetc%252fpasswd"), none, 0},
		hostile{"path with backslashes", get(`/static/..\..\etc\passwd`), none, 0},
		hostile{"path with NUL", get("/static/app.js%00.html"), none, 0},
		hostile{"path with UTF-8 overlong", get("/static/%c0%ae%c0%ae/etc/passwd"), none, 0},
		hostile{"path with bad escape", get("/static/%zz"), none, 0},
		hostile{"path with semicolon", get("/webhooks/generic;/../x"), none, 0},
		hostile{"path of slashes", get(strings.Repeat("/", 4000)), []int{404, 303, 200}, 0},
		hostile{"path with raw space", "GET /a b HTTP/1.1\r\nHost: a\r\n\r\n", []int{400, 404}, 0},
		hostile{"path with raw bytes", "GET /\xff\xfe HTTP/1.1\r\nHost: a\r\n\r\n", []int{400, 404}, 0},
		hostile{"fragment", get("/healthz#/../x"), []int{200, 400, 404}, 0},
		hostile{"another source", to("POST", "/webhooks/nobody", "", goodAlert), none, 0},
		hostile{"source in another case", to("POST", "/webhooks/Generic", "", goodAlert), none, 0},
		hostile{"Prometheus as webhook", to("POST", "/prometheus/generic/api/v2/alerts", "", "[]"), none, 0},
		hostile{"webhook by GET", get("/webhooks/generic"), []int{405}, 0},
		hostile{"webhook by PUT", to("PUT", "/webhooks/generic", "", goodAlert), []int{405}, 0},
		hostile{"method override", to("GET", "/webhooks/generic", "X-HTTP-Method-Override: POST\r\n", goodAlert), []int{405}, 0},
		hostile{"API without token", get("/api/v1/incidents"), []int{401}, 0},
		hostile{"API with empty token", to("GET", "/api/v1/incidents", "Authorization: Bearer \r\n", ""), []int{401}, 0},
		hostile{"API with token of 8 KiB", to("GET", "/api/v1/incidents", "Authorization: Bearer "+strings.Repeat("a", 8<<10)+"\r\n", ""), []int{401}, 0},
		hostile{"API with basic", to("GET", "/api/v1/incidents", "Authorization: Basic YWRtaW46YWRtaW4=\r\n", ""), []int{401}, 0},
		hostile{"API act without token", to("POST", "/api/v1/incidents/INC0000001/resolve", "", "{}"), []int{401}, 0},
		hostile{"API cursor of rubbish", admin("GET", "/api/v1/alerts?cursor=%00%ff%00", ""), bad, 0},
		hostile{"API limit negative", admin("GET", "/api/v1/alerts?limit=-1", ""), bad, 0},
		hostile{"API limit huge", admin("GET", "/api/v1/alerts?limit=99999999999999999999", ""), bad, 0},
		hostile{"API incident traversal", admin("GET", "/api/v1/incidents/..%2f..%2fetc", ""), []int{400, 404}, 0},
		hostile{"API incident number overflow", admin("GET", "/api/v1/incidents/INC99999999999999999999", ""), []int{400, 404}, 0},
		hostile{"API incident number signed", admin("GET", "/api/v1/incidents/INC-000001", ""), []int{400, 404}, 0},
		hostile{"API body of depth 10^5", admin("POST", "/api/v1/incidents/INC0000001/resolve", deep), []int{400, 404}, 0},
		hostile{"API body of 2 MB", admin("POST", "/api/v1/incidents/INC0000001/resolve", strings.Repeat(" ", 2<<20)), []int{413}, 0},
		hostile{"API body not JSON", admin("POST", "/api/v1/incidents/INC0000001/resolve", "<xml/>"), []int{400, 404}, 0},
		hostile{"API unknown route", admin("GET", "/api/v1/../v2/secrets", ""), none, 0},
		hostile{"CMDB import without token", to("POST", "/api/v1/cmdb/import", "", "cis: []"), []int{401}, 0},
		hostile{"CMDB import bomb of aliases", admin("POST", "/api/v1/cmdb/import?source=x", "a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\nd: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c]\ne: &e [*d,*d,*d,*d,*d,*d,*d,*d,*d]\nf: &f [*e,*e,*e,*e,*e,*e,*e,*e,*e]\ncis: *f\n"), []int{400, 413, 415, 422}, -1},
		hostile{"CMDB import of depth 10^5", admin("POST", "/api/v1/cmdb/import?source=x", deep), []int{400, 413, 415, 422}, -1},
		hostile{"console post across sites", to("POST", "/incidents/INC0000001/acknowledge", "Origin: https://evil.example\r\nSec-Fetch-Site: cross-site\r\nContent-Type: application/x-www-form-urlencoded\r\n", "a=b"), []int{303, 401, 403, 404}, 0},
		hostile{"console page without session", get("/incidents/INC0000001"), []int{302, 303, 401, 403, 404}, 0},
		hostile{"cookie of 12 KiB", to("GET", "/", "Cookie: "+strings.Repeat("a=b; ", 2400)+"\r\n", ""), []int{200, 302, 303, 401}, 0},
		hostile{"upgrade to h2c", to("GET", "/healthz", "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n", ""), []int{200}, 0},
		hostile{"websocket", to("GET", "/api/v1/events", "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n", ""), []int{400, 401, 404}, 0},
		hostile{"range", to("GET", "/healthz", "Range: bytes=0-,0-,0-,0-,0-,0-\r\n", ""), []int{200}, 0},
		hostile{"length of 10^18", lines("POST /webhooks/generic HTTP/1.1", "Host: a", "Content-Length: 1000000000000000000", "", "{}"), []int{400, 413}, 0},
		hostile{"length negative", lines("POST /webhooks/generic HTTP/1.1", "Host: a", "Content-Length: -1", "", "{}"), bad, 0},
		hostile{"length signed", lines("POST /webhooks/generic HTTP/1.1", "Host: a", "Content-Length: +2", "", "{}"), bad, 0},
		hostile{"folded header", hook("X-A: b\r\n c\r\n", goodAlert), bad, 0},
		hostile{"space before colon", hook("Content-Encoding : gzip\r\n", goodAlert), bad, 0},
		hostile{"coding list of 1,000", hook("Content-Encoding: "+strings.Repeat("gzip,", 1000)+"gzip\r\n", goodAlert), bad, 0},
		hostile{"coding that nobody has", hook("Content-Encoding: lzma\r\n", goodAlert), bad, 0},
		hostile{"coding twice", hook("Content-Encoding: gzip\r\nContent-Encoding: br\r\n", goodAlert), bad, 0},
		hostile{"bomb of many members", hook("Content-Encoding: gzip\r\n", strings.Repeat(packed(packers["gzip"], strings.Repeat("\x00", 1<<20)), 40)), []int{413}, 0},
		hostile{"query of 1,000 tokens", to("POST", "/webhooks/nobody?"+strings.Repeat("token=x&", 1000), "", goodAlert), none, 0},
		hostile{"API filter of 10 KiB", admin("GET", "/api/v1/alerts?source="+strings.Repeat("a", 10<<10), ""), []int{400, 413}, 0},
		hostile{"Prometheus alerts filtered by a bomb", get("/prometheus/main/api/v2/alerts?filter=a%3D~%22" + strings.Repeat("(x%2B)%2B", 100) + "%22"), []int{200, 400}, 0},
		hostile{"Prometheus silence", to("POST", "/prometheus/main/api/v2/silences", "", `{"matchers":[{"name":"a","value":".*","isRegex":true}]}`), []int{400, 404, 405, 422, 501}, 0},
		hostile{"expect something", to("GET", "/healthz", "Expect: the-worst\r\n", ""), []int{200, 400, 417}, 0},
	)
	return out
}

func admin(method, path, body string) string {
	return to(method, path, "Authorization: Bearer "+adminToken+"\r\nContent-Type: application/json\r\n", body)
}

// odd are requests that are taken in, or go to quarantine, whatever they hold.
func odd() []hostile {
	in, kept := []int{202}, []int{422}
	return []hostile{
		{"fine", hook("", goodAlert), in, 1},
		{"Alertmanager without alerts", am(`null`), []int{202, 422}, -1},
		{"Alertmanager with alerts in an object", am(`{"0":{}}`), kept, 1},
		{"Alertmanager with alerts of every wrong type", am(`[null,1,"x",[],true,{}]`), kept, 1},
		{"Alertmanager from the year 0", am(`[{"status":"firing","labels":{"alertname":"x"},"startsAt":"0000-01-01T00:00:00Z","fingerprint":"f"}]`), []int{202, 422}, 1},
		{"Alertmanager from the year 9999", am(`[{"status":"resolved","labels":{"alertname":"x"},"startsAt":"9999-12-31T23:59:59Z","endsAt":"0001-01-01T00:00:00Z","fingerprint":"f"}]`), []int{202, 422}, 1},
		{"Datadog with a date of 10^300", to("POST", "/webhooks/datadog", "", `{"alert_cycle_key":"c","alert_transition":"Triggered","title":"x","date":1e300}`), []int{202, 422}, 1},
		{"depth 10^5", hook("", strings.Repeat(`{"a":`, 100_000)), kept, 1},
		{"lone high surrogate", labels(`{"service":"a\ud800b"}`), in, 1},
		{"lone low surrogate", labels(`{"service":"\udfff"}`), in, 1},
		{"surrogates the wrong way round", labels(`{"service":"\udfff\ud800"}`), in, 1},
		{"bidi override", labels(`{"service":"\u202egnp.exe\u202c"}`), in, 1},
		{"CRLF", labels(`{"service":"a\r\nX-Injected: 1"}`), in, 1},
		{"template", labels(`{"service":"{{.}}{{printf \"%s\" .}}"}`), in, 1},
		{"formula", labels(`{"service":"=cmd|' /C calc'!A0"}`), in, 1},
		{"script", labels(`{"service":"<script>alert(1)</script>"}`), in, 1},
		{"path as a name", labels(`{"service":"../../etc/passwd"}`), in, 1},
		{"escaped NUL", labels(`{"service":"a\u0000b"}`), in, 1},
		{"NUL", labels("{\"service\":\"a\x00b\"}"), kept, 1},
		{"bad UTF-8", labels("{\"service\":\"\xff\xfe\xc0\xaf\"}"), in, 1},
		{"250 emoji", labels(`{"service":"` + strings.Repeat("🔥", 250) + `"}`), in, 1},
		{"300 emoji, over a kilobyte", labels(`{"service":"` + strings.Repeat("🔥", 300) + `"}`), kept, 1},
		{"combining marks", labels(`{"service":"Z` + strings.Repeat("\u0351", 500) + `"}`), in, 1},
		{"empty name", labels(`{"":"x"}`), []int{202, 422}, 1},
		{"prototype", labels(`{"__proto__":"x","constructor":"y"}`), in, 1},
		{"number 1e999", labels(`{"service":1e999}`), []int{202, 422}, 1},
		{"number -0", labels(`{"service":-0}`), []int{202, 422}, 1},
		{"number with 10^5 digits", labels(`{"service":` + strings.Repeat("9", 100_000) + `}`), []int{202, 422}, 1},
		{"duplicate labels", labels(`{"service":"a","service":"b"}`), in, 1},
		{"labels in two cases", labels(`{"Service":"a","service":"b"}`), in, 1},
		{"status in two cases", hook("", `{"Status":"resolved","status":"firing","title":"x"}`), in, 1},
		{"labels as a list", labels(`["a"]`), kept, 1},
		{"labels null", labels(`null`), in, 1},
		{"10,000 labels", hook("", `{"status":"firing","title":"x","labels":{`+manyLabels(10_000)+`"z":"z"}}`), []int{202, 422}, 1},
		{"byte order mark", hook("", "\xef\xbb\xbf"+goodAlert), []int{202, 422}, 1},
		{"two documents", hook("", goodAlert+goodAlert), kept, 1},
		{"comment", hook("", "/* x */"+goodAlert), kept, 1},
		{"trailing comma", hook("", `{"status":"firing","title":"x",}`), kept, 1},
		{"single quotes", hook("", `{'status':'firing'}`), kept, 1},
		{"UTF-16", hook("", "\xff\xfe{\x00}\x00"), kept, 1},
		{"null", hook("", "null"), kept, 1},
		{"a string", hook("", `"x"`), kept, 1},
		{"XML", hook("Content-Type: application/xml\r\n", "<!DOCTYPE a [<!ENTITY b SYSTEM \"file:///etc/passwd\">]><a>&b;</a>"), kept, 1},
		{"content type missing", hook("Content-Type:\r\n", goodAlert), in, 1},
		{"content type image", hook("Content-Type: image/png\r\n", goodAlert), in, 1},
		{"charset utf-7", hook("Content-Type: application/json; charset=utf-7\r\n", goodAlert), in, 1},
		{"pipelined", hook("", goodAlert) + "", in, 1},
		{"chunked without length", lines("POST /webhooks/generic HTTP/1.1", "Host: a", "Transfer-Encoding: chunked", "", fmt.Sprintf("%x;ext=%s", len(goodAlert), strings.Repeat("e", 100)), goodAlert, "0", "", ""), in, 1},
		{"chunked with trailer", lines("POST /webhooks/generic HTTP/1.1", "Host: a", "Transfer-Encoding: chunked", "", fmt.Sprintf("%x", len(goodAlert)), goodAlert, "0", "X-Trailer: 1", "", ""), []int{202, 400}, -1},
	}
}

func manyLabels(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `"l%d":"v",`, i)
	}
	return b.String()
}

// TestTortureHostile sends the whole corpus to the built binary on raw sockets: the
// answers come from the tables, which allow no 5xx but 501 for a coding nobody has,
// refusals leave the journal alone, the memory stays bounded, and honest readers are
// served in between.
func TestTortureHostile(t *testing.T) {
	s := prepare(t, t.TempDir(), quick)
	s.env = []string{measuredGOGC}
	s.run()
	honest := func() time.Duration {
		begin := time.Now()
		if status := s.do(http.MethodGet, "/api/v1/alerts?limit=1", nil, nil); status != http.StatusOK {
			t.Errorf("an honest reader got %d", status)
		}
		return time.Since(begin)
	}
	honest()
	before, top := anonymous(t, s), int64(0)
	var waits []time.Duration
	run := func(cases []hostile) {
		for _, c := range cases {
			t.Run(strings.ReplaceAll(c.name, "/", ":"), func(t *testing.T) {
				head := gauges(s)["signalbox_journal_head_offset"]
				got := rawStatus(t, s, c.request)
				if !slices.Contains(c.want, got) {
					t.Errorf("answered %d, want one of %v", got, c.want)
				}
				moved := int(gauges(s)["signalbox_journal_head_offset"] - head)
				if want := c.keeps; got != 202 && got != 422 && moved != 0 || (got == 202 || got == 422) && want >= 0 && moved != max(want, 1) {
					t.Errorf("answered %d and %d entries were journaled", got, moved)
				}
				top = max(top, anonymous(t, s))
				waits = append(waits, honest())
			})
		}
	}
	run(refusedOnes())
	run(odd())
	slices.Sort(waits)
	t.Logf("%d cases; anonymous memory %d MiB at first, %d at most; an honest reader waited %v at the 99th percentile", len(waits), before>>20, top>>20, p99(waits))
	if top-before > rssGrowthMax {
		t.Errorf("the process grew by %d MiB, %d are allowed", (top-before)>>20, rssGrowthMax>>20)
	}
	if len(waits) < hostileCasesMin {
		t.Errorf("%d cases, want at least %d", len(waits), hostileCasesMin)
	}
	if inFull() && p99(waits) > honestWaitMax {
		t.Errorf("an honest reader waited %v, want at most %v", p99(waits), honestWaitMax)
	}
	if _, ended := s.ended(); ended {
		t.Error("the server ended")
	}
}

// rawStatus writes a request to a socket and returns the status of the answer; 0
// when the connection was closed without one.
func rawStatus(t *testing.T, s *server, request string) int {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(patience))
	go func() {
		io.WriteString(conn, request) // the answer may come before all is written
		conn.(*net.TCPConn).CloseWrite()
	}()
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		if ne, ok := err.(net.Error); ok && ne.Timeout() {
			t.Errorf("no answer within %v", patience)
		}
		return 0
	}
	io.Copy(io.Discard, res.Body)
	return res.StatusCode
}

var rssAnon = regexp.MustCompile(`RssAnon:\s+(\d+) kB`)

// anonymous is the memory of the process that is its own.
func anonymous(t *testing.T, s *server) int64 {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	m := rssAnon.FindSubmatch(b)
	if m == nil {
		t.Fatalf("no RssAnon in %s", b)
	}
	kb, err := strconv.ParseInt(string(m[1]), 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return kb << 10
}
