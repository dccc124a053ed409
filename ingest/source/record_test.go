package source_test

import (
	"math"
	"testing"

	"signalbox/ingest/source"
	"signalbox/itsm"
)

func TestRecordKey(t *testing.T) {
	for _, c := range []struct {
		sep   byte
		n     itsm.IncidentNumber
		epoch uint32
		want  string
	}{{'/', 1, 1, "signalbox/INC0000001/1"}, {'-', 42, 7, "signalbox-INC0000042-7"}, {'-', 12345678901, math.MaxUint32, "signalbox-INC12345678901-4294967295"}} {
		key := source.RecordKey(c.sep, c.n, c.epoch)
		n, epoch, ok := source.ParseRecordKey(c.sep, key)
		if key != c.want || !ok || n != c.n || epoch != c.epoch {
			t.Errorf("%d/%d: key %s reads as %d/%d, %t", c.n, c.epoch, key, n, epoch, ok)
		}
	}
	for _, key := range []string{"", "signalbox-", "INC0000001-1", "signalbox-INC0000001", "signalbox-INC0000001-0", "signalbox-INC0000001-01", "signalbox-INC0000001-1-1",
		"signalbox/INC0000001/1", "signalbox-INC1-1", "signalbox-INC0000000-1", "Signalbox-INC0000001-1", "xsignalbox-INC0000001-1"} {
		if n, epoch, ok := source.ParseRecordKey('-', key); ok {
			t.Errorf("%q reads as %d/%d", key, n, epoch)
		}
	}
}

func TestClip(t *testing.T) {
	for _, c := range []struct {
		s    string
		n    int
		want string
	}{{"abc", 3, "abc"}, {"abc", 2, "ab"}, {"aü", 2, "a"}, {"ü", 1, ""}, {"", 0, ""}} {
		if got := source.Clip(c.s, c.n); got != c.want {
			t.Errorf("%q to %d bytes: %q, want %q", c.s, c.n, got, c.want)
		}
	}
}

func TestSameName(t *testing.T) {
	for _, c := range []struct {
		name string
		ours []string
		want bool
	}{{"svc.signalbox", []string{"SVC.Signalbox"}, true}, {"", []string{""}, false}, {"jane", []string{"svc"}, false}, {"jane", nil, false}} {
		if got := source.SameName(c.name, c.ours); got != c.want {
			t.Errorf("%q of %q: %t", c.name, c.ours, got)
		}
	}
}
