package ingest

import (
	"bytes"
	"context"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"signalbox/ingest/source"
	"signalbox/itsm"
	"signalbox/itsm/entry"
)

type lastEntry struct{ b []byte }

func (l *lastEntry) Append(_ context.Context, bodies ...[]byte) (itsm.Offset, itsm.Time, error) {
	l.b = bytes.Clone(bodies[0])
	return 1, 1, nil
}

// A decoder that panics is our fault, not the sender's: the delivery is kept.
func TestPanicGoesToQuarantine(t *testing.T) {
	var logs bytes.Buffer
	var j lastEntry
	d, err := New(Options{Sources: BuiltinSources(), Open: true, Journal: &j, Log: slog.New(slog.NewTextHandler(&logs, nil))})
	if err != nil {
		t.Fatal(err)
	}
	d.source("generic").decode = func([]byte, itsm.Time) (source.Result, error) { panic("index out of range") }
	app := NewApp(AppOptions{})
	d.Routes(app)
	req, _ := http.NewRequest("POST", "http://signalbox/webhooks/generic", strings.NewReader(`{"a":1}`))
	res, err := app.Test(req, -1) // however long it takes
	if err != nil || res.StatusCode != http.StatusUnprocessableEntity {
		t.Fatalf("got %v %v, want 422", res, err)
	}
	v, err := entry.Decode(j.b)
	if err != nil {
		t.Fatal(err)
	}
	bad := v.(*entry.Delivery).Bad
	if len(bad) != 1 || string(bad[0].Body) != `{"a":1}` || strings.Contains(bad[0].Error, "index out of range") {
		t.Errorf("journaled %+v", bad)
	}
	if !strings.Contains(logs.String(), "index out of range") || !strings.Contains(logs.String(), "panic_test.go") {
		t.Errorf("the log does not say what happened: %s", logs.String())
	}
}

func TestKeysAreForgottenInGenerations(t *testing.T) {
	k := newKeys{limit: 1 << 30}
	at := time.Unix(0, 0)
	one := make([]itsm.Event, 1)
	for i := range 3 * knownKeysMax {
		one[0].Identity = source.Digest(string(rune(i)), "k")
		if _, wait := k.admit(one, at); wait != 0 {
			t.Fatal("refused")
		}
	}
	if n := len(k.now) + len(k.old); n > 2*knownKeysMax {
		t.Errorf("%d keys remembered, want at most %d", n, 2*knownKeysMax)
	}
}
