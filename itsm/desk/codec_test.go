package desk

import (
	"encoding/hex"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"signalbox/itsm"
)

var update = flag.Bool("update", false, "write the golden files anew; only right when a stored form got a new version")

// filled sets every field of a struct to something that is not its zero value,
// so that a field which a codec forgets is a difference.
func filled[T any]() T {
	var v T
	n := 0
	fill(reflect.ValueOf(&v).Elem(), &n)
	return v
}

func fill(v reflect.Value, n *int) {
	*n++
	switch v.Kind() {
	case reflect.String:
		v.SetString(fmt.Sprintf("text %d", *n))
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int64:
		v.SetInt(1_790_000_000_000 + int64(*n)*1000)
		if v.Type() == reflect.TypeFor[int]() {
			v.SetInt(int64(*n))
		}
	case reflect.Uint8:
		v.SetUint(uint64(*n%4 + 1))
	case reflect.Uint32, reflect.Uint64:
		v.SetUint(uint64(*n) * 300)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		for i := range v.Len() {
			fill(v.Index(i), n)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Field(i).CanSet() {
				fill(v.Field(i), n)
			}
		}
	default:
		panic("fill: " + v.Kind().String())
	}
}

// codec is one stored form: a full record, its bytes and how they are read.
type codec struct {
	name   string
	record any
	value  []byte
	decode func([]byte) (any, error)
}

func codecs() []codec {
	b := new(buffer)
	alert, plain := filled[itsm.Alert](), filled[itsm.Alert]()
	plain.Key, plain.SeverityWord, plain.Flapping = itsm.KeyOf(plain.Source, "x"), plain.Severity.String(), false
	incident, evidence := filled[itsm.Incident](), filled[itsm.Evidence]()
	head, about, causes := incident, aboutOf(incident), itsm.Incident{Causes: incident.Causes}
	head.CIs, head.Services, head.Unbound, head.MaybeRelated, head.Changes, head.Causes = nil, nil, nil, nil, nil, nil
	entry, intent := filled[itsm.TimelineEntry](), filled[StoredIntent]()
	quarantined := storedQuarantine{filled[itsm.Quarantined](), 77}
	member := memberRef{incident: evidence.Incident, alert: evidence.Alert, episode: evidence.Episode}
	cur := cursor{offset: 300, at: 1_790_000_000_123, serial: 7}
	run := []memberRef{{5, 900, 1, true}, {5, 320, 2, true}, {5, 320, 1, true}}
	list := []codec{
		{"alert", alert, b.alert(&alert), func(v []byte) (any, error) { return decodeAlert(alert.Number, v) }},
		{"alert with the usual words", plain, b.alert(&plain), func(v []byte) (any, error) { return decodeAlert(plain.Number, v) }},
		{"alert without anything", itsm.Alert{}, b.alert(&itsm.Alert{}), func(v []byte) (any, error) { return decodeAlert(0, v) }},
		{"incident", incident, b.incident(&incident, false), func(v []byte) (any, error) { return decodeIncident(incident.Number, v) }},
		{"incident without anything", itsm.Incident{}, b.incident(&itsm.Incident{}, false), func(v []byte) (any, error) { return decodeIncident(0, v) }},
		{"incident with parts", head, b.incident(&incident, true), func(v []byte) (any, error) { return decodeIncident(incident.Number, v) }},
		{"part of an incident: what it is about", about, b.partAbout(&incident), decodedInto(decodeAbout)},
		{"part of an incident: causes", causes, b.partCauses(&incident), decodedInto(decodeCauses)},
		{"evidence", evidence, b.evidence(&evidence), func(v []byte) (any, error) { return decodeEvidence(member, v) }},
		{"timeline", entry, b.timelineEntry(&entry), func(v []byte) (any, error) {
			return decodeTimeline(b.timelineKey(entry.Incident, entry.Offset, 3), v)
		}},
		{"intent", intent, b.intent(&intent), func(v []byte) (any, error) { return decodeIntent(intent.Intent.Connector, intent.Intent.Key, v) }},
		{"quarantine", quarantined, b.quarantined(&quarantined), func(v []byte) (any, error) { return decodeQuarantined(quarantined.ID, v) }},
		{"open", openState{itsm.OnHold, itsm.P3}, b.openState(openState{itsm.OnHold, itsm.P3}), func(v []byte) (any, error) { return decodeOpen(v) }},
		{"mark", mark{9, 4, 300}, b.mark(mark{9, 4, 300}), func(v []byte) (any, error) { return decodeMark(v) }},
		{"run", run, b.run(7, run), func(v []byte) (any, error) {
			_, list, err := decodeRun(5, v)
			return list, err
		}},
		{"fates", sampleFates(), b.fates(pointers(sampleFates())), func(v []byte) (any, error) { return decodeFates(41, v) }},
		{"fates with acts", sampleActFates(), b.fates(pointers(sampleActFates())), func(v []byte) (any, error) { return decodeFates(41, v) }},
		{"cursor", cur, b.cursor(cur), func(v []byte) (any, error) { return decodeCursorValue(v) }},
	}
	return append(list, packCodec(b), columnsCodec(b))
}

func aboutOf(in itsm.Incident) itsm.Incident {
	return itsm.Incident{CIs: in.CIs, Services: in.Services, Unbound: in.Unbound, MaybeRelated: in.MaybeRelated, Changes: in.Changes}
}

func decodedInto(decode func(*itsm.Incident, []byte) error) func([]byte) (any, error) {
	return func(v []byte) (any, error) {
		var in itsm.Incident
		err := decode(&in, v)
		return in, err
	}
}

// sampleFates has every fate, every form of an event and two deliveries far apart.
func sampleFates() []itsm.Fates {
	return []itsm.Fates{
		{Offset: 41, At: 1_790_000_000_123, Source: "am", Events: []itsm.EventFate{
			{Fate: itsm.FateFolded, Alert: 900, Episode: 1, Incident: 30}, {Fate: itsm.FateFolded, Alert: 901, Episode: 1, Incident: 30},
			{Fate: itsm.FateDeduplicated, Alert: 7, Episode: 300, Incident: 2}, {Fate: itsm.FateSuppressed, Reason: "clear of an unknown alert"},
			{Fate: itsm.FateSuppressed, Reason: "hold", Alert: 8, Episode: 2}, {Fate: itsm.FateQuarantined}, {Fate: itsm.FateQuarantined},
		}},
		{Offset: 42, At: 1_790_000_000_123, Source: "dd"},
		{Offset: 5_000_000, At: 1_790_000_900_000, Source: "am", Events: []itsm.EventFate{
			{Fate: itsm.FateSuppressed, Reason: "hold", Alert: 1 << 60, Episode: 1, Incident: 1 << 50}, {Fate: itsm.FateFolded, Alert: 1, Episode: 1}}},
	}
}

// sampleActFates has acts beside events.
func sampleActFates() []itsm.Fates {
	at := itsm.Time(1_790_000_900_000)
	act := func(off itsm.Offset, r itsm.ActResult, why string) itsm.Fates {
		return itsm.Fates{Offset: off, At: at, Source: "pd", Act: &itsm.ActFate{Kind: itsm.ActResolve, Actor: "pagerduty:Jane", Incident: 1 << 50, Result: r, Reason: why}}
	}
	return append(sampleFates(), act(5_000_001, itsm.ActApplied, ""), act(5_000_002, itsm.ActIgnored, itsm.ReasonOldReport), act(5_000_004, itsm.ActRefused, "hold"))
}

func pointers[T any](list []T) (out []*T) {
	for i := range list {
		out = append(out, &list[i])
	}
	return out
}

// packContent is what a pack holds, in a form that compares.
type packContent struct {
	Alerts   []itsm.Alert
	Evidence []itsm.Evidence
}

func packCodec(b *buffer) codec {
	var want packContent
	var slots []packSlot
	for i := range packAlerts {
		a := sampleAlert(i + 1)
		slots = append(slots, packSlot{alert: a})
		want.Alerts = append(want.Alerts, *a)
		if i%3 == 0 {
			slots[i].evidence = sampleEvidence(a)
			want.Evidence = append(want.Evidence, *slots[i].evidence)
		}
	}
	return codec{"pack", want, b.pack(slots), func(v []byte) (any, error) { return readPack(v) }}
}

func readPack(v []byte) (got packContent, err error) {
	p, err := decodePack(0, v)
	if err != nil {
		return got, err
	}
	for i := range packAlerts {
		n := itsm.AlertNumber(i + 1)
		a, err := decodeAlert(n, p.alerts[i])
		if err != nil {
			return got, err
		}
		got.Alerts = append(got.Alerts, a)
		if i%3 == 0 {
			e, err := p.packedEvidence(memberRef{incident: a.Incident, alert: n, episode: 1, packed: true})
			if err != nil {
				return got, err
			}
			got.Evidence = append(got.Evidence, e)
		}
	}
	return got, nil
}

func columnsCodec(b *buffer) codec {
	c := new(columns)
	for i := range c {
		c[i] = columnOf(sampleAlert(i + 1))
	}
	return codec{"columns", c, b.columns(c), func(v []byte) (any, error) { return decodeColumns(v) }}
}

var unexported = cmp.AllowUnexported(openState{}, mark{}, memberRef{}, cursor{}, storedQuarantine{})

func TestStoredFormsRoundTrip(t *testing.T) {
	for _, c := range codecs() {
		got, err := c.decode(c.value)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
		if diff := cmp.Diff(c.record, got, unexported, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("%s: (-want +got)\n%s", c.name, diff)
		}
	}
}

// A stored form that changes without a new version is read wrongly by the next
// release. If a form has to change, give it a version and keep reading the old one.
func TestStoredFormsDoNotChange(t *testing.T) {
	path := filepath.Join("testdata", "stored.golden")
	var got strings.Builder
	for _, c := range codecs() {
		fmt.Fprintf(&got, "%s\n%s\n", c.name, hex.EncodeToString(c.value))
	}
	if *update {
		if err := os.WriteFile(path, []byte(got.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(got.String(), "\n")); diff != "" {
		t.Errorf("stored forms changed: (-want +got)\n%s", diff)
	}
}

// What the first release stored is read with everything that was in it.
func TestOlderFormsAreRead(t *testing.T) {
	b, err := os.ReadFile(filepath.Join("testdata", "stored_1.golden"))
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(b)), "\n")
	list := codecs()
	for n := 0; n+1 < len(lines); n += 2 {
		at := slices.IndexFunc(list, func(c codec) bool { return c.name == lines[n] })
		old, err := hex.DecodeString(lines[n+1])
		if at < 0 || err != nil || old[0] != 1 {
			t.Fatalf("%s: no such form of version 1: %v", lines[n], err)
		}
		got, err := list[at].decode(old)
		if err != nil {
			t.Errorf("%s: %v", lines[n], err)
		}
		switch got := got.(type) {
		case itsm.Alert:
			if got.Episode == 0 || got.ChangedAt == 0 || got.Rules != nil {
				t.Errorf("%s: got %+v", lines[n], got)
			}
		case itsm.Incident:
			if got.Problem == "" || got.ChangedAt == 0 || got.Runbook != "" || got.Signature != "" {
				t.Errorf("%s: got %+v", lines[n], got)
			}
		case StoredIntent:
			if got.Intent.Text == "" || got.Intent.Snapshot.Group == "" || got.Intent.Snapshot.Assignee != "" || got.Intent.Snapshot.Links != nil {
				t.Errorf("%s: got %+v", lines[n], got)
			}
		default:
			t.Errorf("%s: read as %T", lines[n], got)
		}
	}
}

// Version 5 of an incident is version 6 of one that has no parts.
func TestIncidentsOfBeforePartsAreRead(t *testing.T) {
	want := filled[itsm.Incident]()
	old := new(buffer).incident(&want, false)
	old[0] = 5
	got, err := decodeIncident(want.Number, old)
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" || err != nil || isParted(old) {
		t.Errorf("%v (-want +got)\n%s", err, diff)
	}
}

// Version 2 of an intent ended where that of an object begins, 3 before an e-mail.
func TestIntentsOfIncidentsAreRead(t *testing.T) {
	want := filled[StoredIntent]()
	want.Intent.Object, want.Intent.Body, want.Intent.Snapshot.AssigneeEmail = "", nil, ""
	full := new(buffer).intent(&want)
	for version, cut := range map[byte]int{2: 3, 3: 1} { // empty texts at the end
		old := slices.Clone(full[:len(full)-cut])
		old[0] = version
		got, err := decodeIntent(want.Intent.Connector, want.Intent.Key, old)
		if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" || err != nil {
			t.Errorf("version %d: %v (-want +got)\n%s", version, err, diff)
		}
	}
}

// Every prefix of a record and every record with something after it is an error,
// as is a record of another version.
func TestDamagedRecordsAreErrors(t *testing.T) {
	for _, c := range codecs() {
		for n := range c.value {
			if _, err := c.decode(c.value[:n]); err == nil {
				t.Errorf("%s cut to %d of %d bytes is read", c.name, n, len(c.value))
				break
			}
		}
		if _, err := c.decode(append(append([]byte{}, c.value...), 0)); err == nil {
			t.Errorf("%s with a byte after its end is read", c.name)
		}
		newer := append([]byte{}, c.value...)
		newer[0]++
		if _, err := c.decode(newer); err == nil {
			t.Errorf("%s of a newer version is read", c.name)
		}
	}
}

// FuzzDecode gives each decoder bytes that may be anything: no panic, no memory
// that the bytes do not account for.
func FuzzDecode(f *testing.F) {
	list := codecs()
	for i, c := range list {
		f.Add(uint8(i), c.value)
	}
	f.Fuzz(func(t *testing.T, which uint8, value []byte) {
		c := list[int(which)%len(list)]
		if _, err := c.decode(value); err != nil && itsm.CodeOf(err) != itsm.Internal {
			t.Errorf("%s: %v has code %s; want internal", c.name, err, itsm.CodeOf(err))
		}
	})
}
