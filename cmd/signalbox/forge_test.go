package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/gofiber/fiber/v2"

	"signalbox/cmd/internal/conf"
	"signalbox/ingest"
)

// textLine is a record of the text format: what may need quotes has them.
var textLine = regexp.MustCompile(`^time=\S+ level=(DEBUG|INFO|WARN|ERROR) msg=("(\\.|[^"\\])*"|[^\s"=]+)( [a-z_.]+=("(\\.|[^"\\])*"|[^\s"=]*))*$`)

// TestLogLinesAreNotForged logs what strangers may send and expects one line a
// record, in either format, that says no more than its record does.
func TestLogLinesAreNotForged(t *testing.T) {
	const forged = `time=2026-01-01T00:00:00Z level=ERROR msg=forged`
	var hostile []string
	for _, end := range []string{"\n", "\r\n", "\r", "\x0b", "\x0c", "\x00", "\u0085", "\u2028", "\u2029", `"`, `" `, `\`, "\x1b[2K\r", "\xff\n", "\u202e", "=", " "} {
		hostile = append(hostile, "x"+end+forged, end+`{"level":"ERROR","msg":"forged"}`)
	}
	for _, format := range []string{"text", "json"} {
		var out bytes.Buffer
		log := newLog(&out, conf.Log{Level: "debug", Format: format}, &slog.LevelVar{})
		app := ingest.NewApp(ingest.AppOptions{Log: log})
		app.Get("/boom/*", func(c *fiber.Ctx) error { panic(c.Get("X-Text")) })
		check := func(what string) {
			t.Helper()
			got := out.String()
			out.Reset()
			line, whole := strings.CutSuffix(got, "\n")
			if !whole || strings.ContainsAny(line, "\n\r\x0b\x0c\x00\x1b\u2028\u2029") {
				t.Errorf("%s, %s: not one line: %q", format, what, got)
				return
			}
			if format == "text" {
				if !textLine.MatchString(line) {
					t.Errorf("text, %s: values run into each other: %q", what, line)
				}
				return
			}
			var record struct{ Time, Level, Msg string }
			d := json.NewDecoder(strings.NewReader(line))
			if err := d.Decode(&record); err != nil || d.More() || record.Msg == "forged" || record.Time == "" {
				t.Errorf("json, %s: %v, %+v: %q", what, err, record, line)
			}
		}
		for _, h := range hostile {
			log.Warn(h)
			check("as the message")
			log.Info("a delivery was refused", "source", h, "err", errors.New(h))
			check("as values")
			log.Info("several", "keys", []string{h, h})
			check("as a list")
			req := httptest.NewRequest(http.MethodGet, "/boom/"+url.PathEscape(h), nil)
			req.Header.Set("X-Text", strings.Map(func(r rune) rune { return max(r, ' ') }, h)) // a header cannot hold less
			res, err := app.Test(req, -1)
			if err != nil {
				t.Fatal(err)
			}
			if res.Body.Close(); res.StatusCode != http.StatusInternalServerError {
				t.Errorf("%q: %d, want 500", h, res.StatusCode)
				out.Reset()
				continue
			}
			check("in a request that fails")
		}
	}
}
