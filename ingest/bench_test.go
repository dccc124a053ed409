package ingest_test

import (
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/valyala/fasthttp"

	"signalbox/ingest"
)

// BenchmarkDoor runs the handler without a socket, on one goroutine, with a
// journal that only counts: what the door itself costs. Alerts are distinct.
func BenchmarkDoor(b *testing.B) {
	for _, n := range []int{1, 5, 50} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			d, err := ingest.New(ingest.Options{Sources: ingest.BuiltinSources(), Open: true, Journal: &journal{discard: true}, Log: slog.New(slog.DiscardHandler)})
			if err != nil {
				b.Fatal(err)
			}
			app := ingest.NewApp(ingest.AppOptions{})
			d.Routes(app)
			handle := app.Handler()
			body := []byte(hook(benchAlerts(n)...))
			var ctx fasthttp.RequestCtx
			ctx.Init(&fasthttp.Request{}, nil, nil)
			b.SetBytes(int64(len(body)))
			b.ReportAllocs()
			begin := time.Now()
			for b.Loop() {
				ctx.Request.Reset()
				ctx.Response.Reset()
				ctx.Request.Header.SetMethod("POST")
				ctx.Request.SetRequestURI("/webhooks/alertmanager")
				ctx.Request.Header.SetHost("signalbox")
				ctx.Request.SetBodyRaw(body)
				handle(&ctx)
				if ctx.Response.StatusCode() != 202 {
					b.Fatalf("%d %s", ctx.Response.StatusCode(), ctx.Response.Body())
				}
			}
			b.ReportMetric(float64(b.N*n)/time.Since(begin).Seconds(), "alerts/s")
		})
	}
}

func benchAlerts(n int) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = fmt.Sprintf(`{"status":"firing","labels":{"alertname":"DiskFull","cluster":"prod-eu-1","instance":"db%d:9100","job":"node","namespace":"shop","severity":"critical","team":"db"},`+
			`"annotations":{"description":"%s","summary":"Disk of db%d is full"},"startsAt":"2026-11-21T11:50:00.123456789Z","endsAt":"0001-01-01T00:00:00Z",`+
			`"generatorURL":"http://prometheus:9090/graph?g0.expr=disk_used+%%3E+0.9","fingerprint":"%016x"}`, i, strings.Repeat("The disk fills up. ", 5), i, i+1)
	}
	return out
}
