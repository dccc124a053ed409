package correlate

import (
	"bytes"
	"testing"

	"signalbox/itsm"
	"signalbox/itsm/entry"
)

// FuzzParseConfig reads any bytes as a configuration. What is accepted has one
// canonical form, and the fold works with it and goes on from a snapshot.
func FuzzParseConfig(f *testing.F) {
	def, err := DefaultConfig().Canonical()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(def)
	f.Add([]byte(`{"hops": 8, "tau": "1s", "sources": {"am": {"stale_after": "1h"}}, "connectors": [{"name": "pd", "min_priority": "P3"}]}`))
	f.Add([]byte(`{"cmdb": {"relation_types": {"feeds": "from_affects_to"}, "mappings": [{"label": "box", "names": "host"}]}, "near_milli": 0, "cause_gamma_milli": 0, "storm_min": 1}`))
	f.Add([]byte(`{"cmdb": {"mappings": []}}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := ParseConfig(b)
		if err != nil {
			return
		}
		one, err := c.Canonical()
		if err != nil {
			t.Fatal(err)
		}
		again, err := ParseConfig(one)
		if err != nil {
			t.Fatalf("the canonical form is refused: %v\n%s", err, one)
		}
		if two, err := again.Canonical(); err != nil || !bytes.Equal(one, two) {
			t.Fatalf("the canonical form is not stable: %v\n%s\n%s", err, one, two)
		}
		useConfig(t, c)
	})
}

// useConfig folds a small storm with the configuration, and stops and resumes.
func useConfig(t *testing.T, c Config) {
	w := newWorld(t, DefaultConfig())
	w.do(Input{Config: &c})
	for i, name := range []string{"a", "b", "c", "a", "b"} {
		w.at += 20_000
		e := itsm.Event{Source: "am", Identity: name, CIName: name, Status: itsm.Firing, Severity: itsm.Critical, Title: "Down", StartsAt: w.at}
		if i > 2 {
			e.Status, e.EndsAt = itsm.Resolved, w.at
		}
		w.do(Input{Delivery: &entry.Delivery{Source: "am", Events: []itsm.Event{e}}})
	}
	b := w.encode()
	s, err := Decode(bytes.NewReader(b), w.s.Graph())
	if err != nil {
		t.Fatalf("decode: %v", err)
	}
	w.s = s
	if !bytes.Equal(b, w.encode()) {
		t.Fatal("a decoded state encodes differently")
	}
	for range 50 {
		wake := w.s.NextWake()
		if wake == 0 {
			break
		}
		w.at = max(w.at, wake)
		w.do(Input{Tick: true})
	}
}
