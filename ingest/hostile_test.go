package ingest_test

import (
	"bufio"
	"bytes"
	"compress/flate"
	"compress/zlib"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/zstd"

	"signalbox/ingest"
	"signalbox/itsm/cputest"
	"signalbox/itsm/entry"
)

// raw writes bytes to a socket and reads one response; nil when there is none.
func (r *rig) raw(t *testing.T, request string) *http.Response {
	t.Helper()
	conn, err := net.Dial("tcp", r.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(patience))
	go io.WriteString(conn, request) // the server may answer and close before it has read all
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return nil
	}
	b, _ := io.ReadAll(res.Body)
	res.Body.Close()
	res.Body = io.NopCloser(bytes.NewReader(b))
	return res
}

func request(headers, body string) string {
	return "POST /webhooks/generic HTTP/1.1\r\nHost: signalbox\r\n" + headers + fmt.Sprintf("Content-Length: %d\r\n\r\n", len(body)) + body
}

func compressed(w func(io.Writer) io.WriteCloser, parts ...string) string {
	var b bytes.Buffer
	z := w(&b)
	for _, p := range parts {
		io.WriteString(z, p)
	}
	z.Close()
	return b.String()
}

func zstdWriter(w io.Writer) io.WriteCloser {
	z, err := zstd.NewWriter(w)
	if err != nil {
		panic(err)
	}
	return z
}

func brWriter(w io.Writer) io.WriteCloser   { return brotli.NewWriter(w) }
func zlibWriter(w io.Writer) io.WriteCloser { return zlib.NewWriter(w) }
func flateWriter(w io.Writer) io.WriteCloser {
	z, _ := flate.NewWriter(w, flate.BestCompression) // the level is valid
	return z
}

func TestEncodings(t *testing.T) {
	big := `{"status":"firing","title":"x","text":"` + strings.Repeat("lorem ipsum ", 3000) + `"}`
	r := start(t, nil)
	for name, c := range map[string]struct{ encoding, body string }{
		"gzip": {"gzip", gzipped(big)}, "x-gzip": {"X-GZIP", gzipped(big)}, "zlib": {"deflate", compressed(zlibWriter, big)}, "deflate": {"deflate", compressed(flateWriter, big)},
		"zstd": {"zstd", compressed(zstdWriter, big)}, "br": {"br", compressed(brWriter, big)}, "identity": {"identity", big},
	} {
		if got := r.post(t, "/webhooks/generic", c.body, "Content-Encoding", c.encoding); got.status != 202 {
			t.Errorf("%s: %d %s", name, got.status, got.body)
		}
		all := r.all(t)
		if d := all[len(all)-1].(*entry.Delivery); string(d.Raw) != big {
			t.Errorf("%s: %d raw bytes journaled, want %d", name, len(d.Raw), len(big))
		}
	}
}

// TestHostile is a table of what strangers and broken senders do. Status 0 means
// that the connection may just close. A refused request leaves nothing; what goes
// to quarantine leaves one entry.
func TestHostile(t *testing.T) {
	zeros := strings.Repeat("\x00", 1<<20)
	bomb := make([]string, 40)
	for i := range bomb {
		bomb[i] = zeros
	}
	deep := func(n int) string { return strings.Repeat(`{"a":`, n) + "1" + strings.Repeat("}", n) }
	chunked := func(body string) string {
		return "POST /webhooks/generic HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" + body
	}
	var keys strings.Builder
	for i := range 100_000 {
		fmt.Fprintf(&keys, `,"k%d":1`, i)
	}
	gz := gzipped(strings.Join(bomb, ""))
	r := start(t, nil)
	for _, c := range []struct {
		name    string
		request string
		status  int
		entries int
	}{
		{"fine", request("", event), 202, 1},
		{"chunked", chunked("5\r\n" + event[:5] + "\r\n" + fmt.Sprintf("%x\r\n", len(event)-5) + event[5:] + "\r\n0\r\n\r\n"), 202, 1},
		{"chunked, cut off", chunked("5\r\nabc"), 0, 0},
		{"chunked, bad size", chunked("zz\r\nabc\r\n0\r\n\r\n"), 400, 0},
		{"chunked, negative size", chunked("-5\r\nabcde\r\n0\r\n\r\n"), 400, 0},
		{"chunked, huge size", chunked("ffffffffffffffff\r\nabc"), 400, 0},
		{"chunked, too large", chunked("900000\r\n" + strings.Repeat(" ", 0x900000) + "\r\n0\r\n\r\n"), 413, 0},
		{"gzip bomb", request("Content-Encoding: gzip\r\n", gz), 413, 0},
		{"nested gzip bomb", request("Content-Encoding: gzip\r\n", gzipped(gz)), 422, 1},
		{"two encodings", request("Content-Encoding: gzip, gzip\r\n", gzipped(gz)), 400, 0},
		{"two encoding headers", request("Content-Encoding: gzip\r\nContent-Encoding: gzip\r\n", gzipped(gz)), 400, 0},
		{"br bomb", request("Content-Encoding: br\r\n", compressed(brWriter, bomb...)), 413, 0},
		{"zstd bomb", request("Content-Encoding: zstd\r\n", compressed(zstdWriter, bomb...)), 413, 0},
		{"deflate bomb", request("Content-Encoding: deflate\r\n", compressed(zlibWriter, bomb...)), 413, 0},
		{"plain text called gzip", request("Content-Encoding: gzip\r\n", event), 422, 1},
		{"plain text called zstd", request("Content-Encoding: zstd\r\n", event), 422, 1},
		{"plain text called br", request("Content-Encoding: br\r\n", event), 422, 1},
		{"gzip cut off", request("Content-Encoding: gzip\r\n", gzipped(event)[:20]), 422, 1},
		{"depth 64", request("", `{"status":"firing","title":"x","d":`+deep(63)+`}`), 202, 1},
		{"depth 65", request("", `{"status":"firing","title":"x","d":`+deep(64)+`}`), 422, 1},
		{"depth 100,000", request("", deep(100_000)), 422, 1},
		{"lists, depth 1,000,000", request("", strings.Repeat("[", 1_000_000)), 422, 1},
		{"100,000 keys", request("", `{"status":"firing","title":"x"`+keys.String()+`}`), 422, 1},
		{"label of 7 MB", request("", `{"status":"firing","title":"x","labels":{"l":"`+strings.Repeat("y", 7<<20)+`"}}`), 422, 1},
		{"key of 1 MB", request("", `{"status":"firing","title":"x","`+strings.Repeat("k", 1<<20)+`":1}`), 422, 1},
		{"NUL", request("", "{\"status\":\"firing\",\"title\":\"a\x00b\"}"), 422, 1},
		{"escaped NUL", request("", `{"status":"firing","title":"a\u0000b"}`), 202, 1},
		{"bad UTF-8", request("", "{\"status\":\"firing\",\"title\":\"\xff\xfe\"}"), 202, 1},
		{"lone surrogate", request("", `{"status":"firing","title":"\ud800"}`), 202, 1},
		{"bidi and CRLF", request("", `{"status":"firing","title":"\u202egnp.exe\r\nSet-Cookie: a=b"}`), 202, 1},
		{"1e999", request("", `{"status":"firing","title":"x","v":1e999,"w":-0}`), 202, 1},
		{"NaN", request("", `{"status":"firing","title":"x","v":NaN}`), 422, 1},
		{"duplicate keys", request("", `{"status":"firing","status":"resolved","title":"x"}`), 202, 1},
		{"keys in another case", request("", `{"STATUS":"firing","title":"x"}`), 422, 1},
		{"only spaces", request("", strings.Repeat(" ", 5<<20)), 422, 1},
		{"form", request("Content-Type: application/x-www-form-urlencoded\r\n", "status=firing"), 422, 1},
		{"multipart", request("Content-Type: multipart/form-data; boundary=x\r\n", "--x\r\nContent-Disposition: form-data; name=\"f\"; filename=\"g\"\r\n\r\nx\r\n--x--\r\n"), 422, 1},
		{"HTTP/1.0", "POST /webhooks/generic HTTP/1.0\r\nContent-Length: " + fmt.Sprint(len(event)) + "\r\n\r\n" + event, 202, 1},
		{"HTTP/1.0, no length", "POST /webhooks/generic HTTP/1.0\r\n\r\n" + event, 422, 1},
		{"HTTP/9.9", "POST /webhooks/generic HTTP/9.9\r\nHost: a\r\nContent-Length: 0\r\n\r\n", 400, 0},
		{"no host", "POST /webhooks/generic HTTP/1.1\r\nContent-Length: " + fmt.Sprint(len(event)) + "\r\n\r\n" + event, 400, 0},
		{"two hosts", request("Host: other\r\n", event), 400, 0},
		{"length and chunked", "POST /webhooks/generic HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nZ\r\n0\r\n\r\n", 400, 0},
		{"two lengths", request("Content-Length: 5\r\n", event), 400, 0},
		{"negative length", "POST /webhooks/generic HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n", 400, 0},
		{"length with sign", "POST /webhooks/generic HTTP/1.1\r\nHost: a\r\nContent-Length: +3\r\n\r\nabc", 400, 0},
		{"huge length", "POST /webhooks/generic HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999\r\n\r\n", 400, 0},
		{"unknown transfer encoding", "POST /webhooks/generic HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\nabc", 400, 0},
		{"header of 17 KiB", request("X-Long: "+strings.Repeat("h", 17<<10)+"\r\n", event), 431, 0},
		{"header of 15 KiB", request("X-Long: "+strings.Repeat("h", 15<<10)+"\r\n", event), 202, 1},
		{"space before colon", request("X-Bad : 1\r\n", event), 400, 0},
		{"folded header", request("X-Fold: a\r\n b\r\n", event), 400, 0},
		{"NUL in header", request("X-Nul: a\x00b\r\n", event), 400, 0},
		{"bare CR in header", request("X-CR: a\rb\r\n", event), 400, 0},
		{"no header end", "POST /webhooks/generic HTTP/1.1\r\nHost: a\r\n", 0, 0},
		{"TLS on a plain port", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 0, 0},
		{"garbage", "\x00\x01\x02\r\n\r\n", 400, 0},
		{"unknown method", "BREW /webhooks/generic HTTP/1.1\r\nHost: a\r\n\r\n", 400, 0},
		{"CONNECT", "CONNECT example.com:443 HTTP/1.1\r\nHost: example.com\r\n\r\n", 0, 0},
		{"path traversal", "POST /webhooks/../webhooks/generic/../../etc/passwd HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n", 404, 0},
		{"encoded slash", "POST /webhooks/generic%2f..%2fx HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n", 404, 0},
		{"encoded NUL", "POST /webhooks/generic%00 HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n", 404, 0},
		{"absolute form", "POST http://evil.example/webhooks/generic HTTP/1.1\r\nHost: a\r\nContent-Length: " + fmt.Sprint(len(event)) + "\r\n\r\n" + event, 202, 1},
		{"long path", "POST /webhooks/" + strings.Repeat("a", 8000) + " HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n", 404, 0},
		{"expect continue", request("Expect: 100-continue\r\n", event), 100, 1},
		{"expect something", request("Expect: 200-maybe\r\n", event), 202, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			before := r.len()
			request := c.request
			began := cputest.Used(t)
			if c.status == 0 { // nothing to wait for: half-close after the request
				got := r.closing(t, request)
				if got >= 500 {
					t.Errorf("status %d", got)
				}
			} else if got := r.raw(t, request); got == nil || got.StatusCode != c.status {
				t.Errorf("got %v, want %d", describe(got), c.status)
			}
			if d := cputest.Used(t) - began; d > 10*time.Second { // a second with the race detector
				t.Errorf("cost %v of processor time", d)
			}
			waitFor(t, r, before+c.entries)
			// The door must still be open for the next sender.
			if got := r.post(t, "/webhooks/generic", event); got.status != 202 {
				t.Errorf("afterwards: %d %s", got.status, got.body)
			}
		})
	}
}

// waitFor checks the number of entries; after 100 Continue the answer proper, and
// so the entry, comes a little later.
func waitFor(t *testing.T, r *rig, want int) {
	t.Helper()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		if r.len() == want {
			return
		}
	}
	t.Errorf("%d entries in the journal, want %d", r.len(), want)
}

func describe(res *http.Response) string {
	if res == nil {
		return "no answer"
	}
	b, _ := io.ReadAll(res.Body)
	return fmt.Sprintf("%d %.300s", res.StatusCode, b)
}

// closing sends a request, closes our half and returns the status, if any.
func (r *rig) closing(t *testing.T, request string) int {
	t.Helper()
	conn, err := net.Dial("tcp", r.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(patience))
	io.WriteString(conn, request)
	conn.(*net.TCPConn).CloseWrite()
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		t.Error("neither answered nor closed")
	}
	if err != nil {
		return 0
	}
	return res.StatusCode
}

// TestRefusedAndSilent: who is refused before it has said all and says no more hears
// why, and is not waited for.
func TestRefusedAndSilent(t *testing.T) {
	r := start(t, nil, ingest.AppOptions{}.Patient(2*patience, 2*patience, 2*time.Second))
	got := r.raw(t, "POST /webhooks/generic HTTP/1.1\r\nHost: a\r\nContent-Length: 999999999\r\n\r\n"+strings.Repeat(" ", 20_000))
	if got == nil || got.StatusCode != http.StatusRequestEntityTooLarge || r.len() != 0 {
		t.Errorf("got %v and %d entries, want 413 and none", describe(got), r.len())
	}
}

// TestKeepAliveAfterRefusal: what a refused request left unread must not be taken
// for the next one, and the sender must hear why.
func TestKeepAliveAfterRefusal(t *testing.T) {
	r := start(t, func(o *ingest.Options) {
		o.Sources = []ingest.Source{{Name: "generic", Kind: "generic"}, {Name: "locked", Kind: "generic", Auth: ingest.Auth{Bearer: []string{live}}, Limits: ingest.Limits{BodyBytes: 1000}}}
	})
	smuggled := request("", event)
	for _, c := range []struct {
		name, headers string
		size          int
		status        int
	}{
		{"401 small", "", 3000, 401}, {"401 larger than what is read ahead", "", 100_000, 401}, {"413", "Authorization: Bearer " + live + "\r\n", 200_000, 413},
	} {
		conn, err := net.Dial("tcp", r.addr)
		if err != nil {
			t.Fatal(err)
		}
		conn.SetDeadline(time.Now().Add(patience))
		body := strings.Repeat(smuggled, c.size/len(smuggled))
		fmt.Fprintf(conn, "POST /webhooks/locked HTTP/1.1\r\nHost: a\r\n%sContent-Length: %d\r\n\r\n%s", c.headers, len(body), body)
		br := bufio.NewReader(conn)
		res, err := http.ReadResponse(br, nil)
		if err != nil || res.StatusCode != c.status {
			t.Fatalf("%s: %v %v", c.name, err, describe(res))
		}
		io.Copy(io.Discard, res.Body)
		if r.len() != 0 {
			t.Fatalf("%s: %d requests were smuggled in", c.name, r.len())
		}
		if _, err := io.WriteString(conn, request("", event)); err != nil {
			t.Errorf("%s: second request: %v", c.name, err)
		}
		if res, err = http.ReadResponse(br, nil); err != nil || res.StatusCode != 202 {
			t.Errorf("%s: second answer: %v %v", c.name, err, describe(res))
		}
		conn.Close()
		r.mu.Lock()
		r.entries = nil
		r.mu.Unlock()
	}
}

// TestBombsCostLittle: many bombs at once must not fill the memory.
func TestBombsCostLittle(t *testing.T) {
	r := start(t, nil)
	part := strings.Repeat("\x00", 1<<20)
	var parts []string
	for range 60 {
		parts = append(parts, part)
	}
	bomb := compressed(zlibWriter, parts...)
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	for range 10 {
		if got := r.post(t, "/webhooks/generic", bomb, "Content-Encoding", "deflate"); got.status != 413 {
			t.Fatalf("got %d %s", got.status, got.body)
		}
	}
	runtime.ReadMemStats(&after)
	if per := (after.TotalAlloc - before.TotalAlloc) / 10; per > 80<<20 {
		t.Errorf("%d MiB allocated for each bomb of %d KiB", per>>20, len(bomb)>>10)
	}
	if r.len() != 0 {
		t.Errorf("%d entries", r.len())
	}
}

// TestMemoryIsBounded: large bodies that arrive slowly and together are refused
// beyond their source's share of the memory, others have room, and it comes back.
func TestMemoryIsBounded(t *testing.T) {
	r := start(t, nil, refusesSoon)
	const senders = 14 // times 8 MiB, more than InflightBytesMax
	conns := stalled(t, r, "generic", senders, senders-ingest.SourceBytesMax/(7<<20))
	large := event + strings.Repeat(" ", 7<<20)
	if got := r.post(t, "/webhooks/datadog", `{"alert_transition":"Triggered","aggreg_key":"k"}`+strings.Repeat(" ", 7<<20)); got.status != 202 {
		t.Errorf("another source: got %d %s, want 202", got.status, got.body)
	}
	for _, conn := range conns {
		conn.Close()
	}
	for range 3000 { // ten milliseconds each, a busy machine may need many
		res, err := http.Post("http://"+r.addr+"/webhooks/generic", "application/json", strings.NewReader(large))
		if err == nil {
			res.Body.Close()
		} // else it was refused before all of it was sent
		if err == nil && res.StatusCode == http.StatusAccepted {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Error("the memory did not come back")
}

// refusesSoon is for senders that stop in the middle of a body: an answer waits for the
// rest of it, long enough here that what a busy machine still has to read comes first.
var refusesSoon = ingest.AppOptions{}.Patient(patience, patience, 3*time.Second)

// stalled opens connections that send most of a large body to a source and then
// wait, until want of them were refused, however long a busy machine takes for
// that; it returns the others.
func stalled(t *testing.T, r *rig, source string, senders, want int) (waiting []net.Conn) {
	t.Helper()
	part := strings.Repeat(" ", 64<<10)
	type answer struct {
		conn net.Conn
		res  *http.Response
	}
	refused := make(chan answer, senders)
	open := make(map[net.Conn]bool, senders)
	for range senders {
		conn, err := net.Dial("tcp", r.addr)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		open[conn] = true
		go func() {
			fmt.Fprintf(conn, "POST /webhooks/%s HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n", source, 8<<20)
			for range 120 { // 7.5 MiB
				if _, err := io.WriteString(conn, part); err != nil {
					return // it was refused
				}
			}
		}()
		go func() {
			res, err := http.ReadResponse(bufio.NewReader(conn), nil)
			if err != nil {
				return // closed when the test is done with it
			}
			refused <- answer{conn, res}
		}()
	}
	late := time.After(patience)
	for n := range want {
		select {
		case a := <-refused:
			if a.res.StatusCode != 503 || a.res.Header.Get("Retry-After") == "" {
				t.Errorf("got %s, want 503 with Retry-After", describe(a.res))
			}
			delete(open, a.conn)
		case <-late:
			t.Fatalf("%d of %d large bodies were refused after a minute, want at least %d", n, senders, want)
		}
	}
	return slices.Collect(maps.Keys(open))
}

// TestStrangersTakeLittle: large bodies that nobody has signed take memory that is
// set aside for such, and none from sources whose senders are known by a header.
func TestStrangersTakeLittle(t *testing.T) {
	hmac := ingest.Auth{HMAC: &ingest.HMAC{Secrets: []string{live}, Header: "X-Signature"}}
	r := start(t, func(o *ingest.Options) {
		o.Sources = []ingest.Source{{Name: "signed", Kind: "generic", Auth: hmac}, {Name: "also-signed", Kind: "generic", Auth: hmac}, {Name: "known", Kind: "generic"}}
	}, refusesSoon)
	stalled(t, r, "signed", 14, 14-ingest.StrangerBytesMax/(7<<20))
	if got := r.post(t, "/webhooks/known", event+strings.Repeat(" ", 7<<20)); got.status != 202 {
		t.Errorf("a source known by header: got %d %s, want 202", got.status, got.body)
	}
	body := event + strings.Repeat(" ", 7<<20)
	if got := r.post(t, "/webhooks/also-signed", body, "X-Signature", hexMAC(live, body)); got.status != 202 {
		t.Errorf("another source that signs: got %d %s, want 202", got.status, got.body)
	}
}

// TestAnnouncedIsNotTaken: a body that is announced and does not come takes nothing.
func TestAnnouncedIsNotTaken(t *testing.T) {
	r := start(t, nil)
	for range 40 {
		conn, err := net.Dial("tcp", r.addr)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		fmt.Fprintf(conn, "POST /webhooks/generic HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n{", 8<<20)
	}
	time.Sleep(100 * time.Millisecond) // until they are being read; that they are not yet makes it no stricter
	if got := r.post(t, "/webhooks/generic", event+strings.Repeat(" ", 7<<20)); got.status != 202 {
		t.Errorf("got %d %s, want 202", got.status, got.body)
	}
}

func TestSlowBodyIsGivenUp(t *testing.T) {
	r := start(t, func(o *ingest.Options) { o.Sources = []ingest.Source{{Name: "slow", Kind: "generic"}} }, ingest.AppOptions{}.Patient(2*patience, 2*patience, 0))
	conn, err := net.Dial("tcp", r.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprintf(conn, "POST /webhooks/slow HTTP/1.1\r\nHost: a\r\nContent-Length: 20000\r\n\r\n%s", strings.Repeat(" ", 9000))
	conn.SetReadDeadline(time.Now().Add(patience))
	br := bufio.NewReader(conn)
	res, err := http.ReadResponse(br, nil)
	if err != nil || res.StatusCode != 400 {
		t.Fatalf("got %v %s, want 400", err, describe(res))
	}
	io.Copy(io.Discard, res.Body)
	if _, err := br.ReadByte(); err != io.EOF {
		t.Errorf("the connection stays open: %v", err)
	}
	if r.len() != 0 {
		t.Errorf("%d entries of a body that never came", r.len())
	}
}

// TestHeaderHasLessTimeThanBody: who does not finish a header is cut while who
// sends a body may go on.
func TestHeaderHasLessTimeThanBody(t *testing.T) {
	if ingest.HeaderTimeout >= ingest.ReadTimeout {
		t.Errorf("a header has %v and a body %v", ingest.HeaderTimeout, ingest.ReadTimeout)
	}
	r := start(t, nil, ingest.AppOptions{}.Patient(0, 2*patience, 0))
	dial := func(first string) net.Conn {
		conn, err := net.Dial("tcp", r.addr)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		if _, err := io.WriteString(conn, first); err != nil {
			t.Fatal(err)
		}
		conn.SetReadDeadline(time.Now().Add(patience))
		return conn
	}
	head := fmt.Sprintf("POST /webhooks/generic HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n", len(event))
	body := dial(head + "\r\n")
	header, silent := dial(head), dial("")
	for name, conn := range map[string]net.Conn{"half a header": header, "nothing": silent} {
		if _, err := io.Copy(io.Discard, conn); errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("%s: not cut before a body would be", name)
		}
	}
	if _, err := io.WriteString(body, event); err != nil {
		t.Fatal(err)
	}
	if res, err := http.ReadResponse(bufio.NewReader(body), nil); err != nil || res.StatusCode != http.StatusAccepted {
		t.Errorf("a body that came after all: %v %s, want 202", err, describe(res))
	}
}
