package api

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/valyala/fasthttp"

	"signalbox/ingest"
	"signalbox/itsm"
)

// FuzzQuery asks every list for anything: with a limit, a cursor and a query string of
// anybody's making the answer is a page or a refusal, never a fault of ours.
func FuzzQuery(f *testing.F) {
	w := newWorld(f)
	for n := range 5 {
		in := w.open(itsm.Incident{})
		w.raise(itsm.Alert{Number: itsm.AlertNumber(n + 1), Key: itsm.KeyOf("am", "a"+string(rune('0'+n))), Title: "t", Status: itsm.Firing, Severity: itsm.Critical, Incident: in, Episode: 1})
	}
	app := ingest.NewApp(ingest.AppOptions{})
	w.api.Routes(app)
	handle := app.Handler()
	var paths []string
	for _, r := range w.api.routes {
		if slices.Contains(r.query, "cursor") { // those that page; others stream to a connection, which there is not
			paths = append(paths, strings.NewReplacer(":number", "INC0000001", ":id", "1", ":name", "x", ":key", "1").Replace(r.path))
		}
	}
	ask := func(path, query string) (int, []byte) {
		ctx := &fasthttp.RequestCtx{}
		ctx.Request.Header.SetMethod(http.MethodGet)
		ctx.Request.Header.SetHost("a")
		ctx.Request.SetRequestURI(path + "?" + query)
		ctx.Request.Header.Set("Authorization", "Bearer "+adminToken)
		handle(ctx)
		return ctx.Response.StatusCode(), ctx.Response.Body()
	}
	f.Add(uint8(0), "limit=2&state=new,resolved&q=a+b", "")
	f.Add(uint8(1), "limit=1&severity=critical&status=firing", "")
	f.Add(uint8(2), "after_offset=1&source=%ff%00", "AAAA")
	f.Add(uint8(3), "limit=-1&limit=2&a[]=1;b", "CQE")
	f.Fuzz(func(t *testing.T, which uint8, query, cursor string) {
		if strings.Contains(query, afterOffset) {
			query = strings.ReplaceAll(query, afterOffset+"=", afterOffset+"=x") // waiting is another test's
		}
		path := paths[int(which)%len(paths)]
		for _, q := range []string{query, "cursor=" + url.QueryEscape(cursor) + "&" + query, "limit=3&cursor=" + url.QueryEscape(cursor)} {
			status, body := ask(path, q)
			if status >= 500 && status != http.StatusServiceUnavailable {
				t.Fatalf("GET %s?%s: %d %s", path, q, status, body)
			}
		}
	})
}
