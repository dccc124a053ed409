package entry_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"signalbox/itsm"
	"signalbox/itsm/entry"
)

func sample() *entry.Delivery {
	return &entry.Delivery{
		Source: "alertmanager", Remote: "192.0.2.7:9", RetryOf: "00ff",
		Events: []itsm.Event{{
			Source: "alertmanager", Identity: "a1", ID: "x", Group: "{}:{}", Origin: "eu", Status: itsm.Firing, Severity: itsm.Major,
			SeverityWord: "error", Title: "disk full", CIName: "db1", StartsAt: 1, EndsAt: -2, EventAt: 3, LeaseUntil: 4,
			Labels:      itsm.LabelsOf(map[string]string{"alertname": "DiskFull", "instance": "db1:9100"}),
			Annotations: itsm.LabelsOf(map[string]string{"summary": strings.Repeat("long ", 80)}), GeneratorURL: "http://p/graph", NoData: true, PartialGroup: true,
		}, {Source: "alertmanager", Identity: "a2", Status: itsm.Resolved, Severity: itsm.Info}},
		Bad: []entry.Bad{{ID: "aa", Error: "alerts[1]: no labels", Body: []byte("{}")}, {ID: "bb", Error: "counted"}},
		Raw: []byte(`{"alerts":[]}`),
	}
}

func TestRoundTrip(t *testing.T) {
	act := &itsm.Act{Kind: itsm.ActAcknowledge, Incident: 7, Actor: "console:admin", IfVersion: 3}
	for _, c := range []struct {
		name string
		b    []byte
		want any
	}{
		{"delivery", entry.EncodeDelivery(nil, sample()), sample()},
		{"delivery after prefix", entry.EncodeDelivery(make([]byte, 0, 8), sample()), sample()},
		{"empty delivery", entry.EncodeDelivery(nil, &entry.Delivery{Source: "s"}), &entry.Delivery{Source: "s"}},
		{"act", entry.EncodeAct(act), act},
		{"tick", entry.EncodeTick(), &entry.Tick{}},
		{"chunk", entry.EncodeCMDBChunk(&entry.CMDBChunk{ImportID: "i", Seq: 2, Body: []byte("x")}), &entry.CMDBChunk{ImportID: "i", Seq: 2, Body: []byte("x")}},
		{"commit", entry.EncodeCMDBCommit(&entry.CMDBCommit{ImportID: "i", Chunks: 3, Prune: true}), &entry.CMDBCommit{ImportID: "i", Chunks: 3, Prune: true}},
		{"rules chunk", entry.EncodeRulesChunk(&entry.RulesChunk{SetID: "s", Seq: 1, Body: []byte("[]")}), &entry.RulesChunk{SetID: "s", Seq: 1, Body: []byte("[]")}},
		{"rules save", entry.EncodeRulesSave(&entry.RulesSave{SetID: "s", Chunks: 1, Revision: 4, Hash: "h", Actor: "a", Note: "n"}), &entry.RulesSave{SetID: "s", Chunks: 1, Revision: 4, Hash: "h", Actor: "a", Note: "n"}},
		{"rules activate", entry.EncodeRulesActivate(&entry.RulesActivate{SetID: "s", Chunks: 1, Revision: 4}), &entry.RulesActivate{SetID: "s", Chunks: 1, Revision: 4}},
		{"config", entry.EncodeConfig(&entry.Config{Body: json.RawMessage(`{"hops":3}`)}), &entry.Config{Body: json.RawMessage(`{"hops":3}`)}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := entry.Decode(c.b)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(c.want, got); d != "" {
				t.Errorf("round trip (-want +got):\n%s", d)
			}
		})
	}
}

func TestFoldSkipsRaw(t *testing.T) {
	got, err := entry.DecodeForFold(entry.EncodeDelivery(nil, sample()))
	if err != nil {
		t.Fatal(err)
	}
	want := sample()
	want.Raw = nil
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

func TestDamageIsAnError(t *testing.T) {
	good := entry.EncodeDelivery(nil, &entry.Delivery{Source: "s", Events: sample().Events[1:]})
	for n := range len(good) - 1 {
		if _, err := entry.Decode(good[:n]); err == nil {
			t.Errorf("truncated to %d of %d bytes: no error", n, len(good))
		}
	}
	newer := bytes.Clone(good)
	newer[1] = 9
	if _, err := entry.Decode(newer); err == nil || !strings.Contains(err.Error(), "version 9") {
		t.Errorf("newer version: got %v", err)
	}
	if _, err := entry.Decode([]byte{200, 1, 0}); err == nil {
		t.Error("unknown kind: no error")
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(entry.EncodeDelivery(nil, sample()))
	f.Add(entry.EncodeAct(&itsm.Act{Kind: itsm.ActNote}))
	f.Add(entry.EncodeTick())
	f.Fuzz(func(t *testing.T, b []byte) {
		v, err := entry.Decode(b)
		d, ok := v.(*entry.Delivery)
		if err != nil || !ok {
			return
		}
		again, err := entry.Decode(entry.EncodeDelivery(nil, d))
		if err != nil {
			t.Fatalf("what was decoded does not decode again: %v", err)
		}
		if diff := cmp.Diff(v, again); diff != "" {
			t.Errorf("(-first +again):\n%s", diff)
		}
	})
}

func BenchmarkDecodeForFold(b *testing.B) {
	d := &entry.Delivery{Source: "alertmanager"}
	for range 5 {
		d.Events = append(d.Events, sample().Events[0])
	}
	enc := entry.EncodeDelivery(nil, d)
	b.SetBytes(int64(len(enc)))
	for b.Loop() {
		if _, err := entry.DecodeForFold(enc); err != nil {
			b.Fatal(err)
		}
	}
}
