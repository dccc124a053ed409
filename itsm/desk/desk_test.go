package desk

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"pgregory.net/rapid"

	"github.com/google/go-cmp/cmp"

	"signalbox/itsm"
	"signalbox/itsm/kv"
	"signalbox/itsm/kv/badgerkv"
	"signalbox/itsm/kv/kvtest"
)

func apply(t testing.TB, d *Desk, b Batch) {
	t.Helper()
	if err := d.Apply(b); err != nil {
		t.Fatal(err)
	}
}

// doubler is a Live that doubles counters, so that a read that forgets it shows.
type doubler struct{}

func (doubler) OverlayAlerts(list []itsm.Alert) {
	for i := range list {
		list[i].EventCount *= 2
	}
}

func (doubler) OverlayIncidents(list []itsm.Incident) {
	for i := range list {
		list[i].EventCount *= 2
	}
}

func TestEveryReadIsOverlaid(t *testing.T) {
	d := openMem(t, kv.Mem())
	fillDesk(t, d, 100)
	d.SetLive(doubler{})
	a, err := d.Alert(7)
	if err != nil || a.EventCount != 2 {
		t.Errorf("Alert: %d events, %v; want 2", a.EventCount, err)
	}
	in, err := d.Incident(2)
	if err != nil || in.EventCount != 40 {
		t.Errorf("Incident: %d events, %v; want 40", in.EventCount, err)
	}
	alerts, err1 := d.Alerts(AlertQuery{})
	members, err2 := d.IncidentAlerts(2, "", 5)
	incidents, err3 := d.Incidents(IncidentQuery{})
	if err := errors.Join(err1, err2, err3); err != nil {
		t.Fatal(err)
	}
	if alerts.Items[0].EventCount != 2 || members.Items[0].EventCount != 2 || incidents.Items[0].EventCount != 40 {
		t.Error("a list is not overlaid")
	}
	if out := export(t, d); strings.Contains(out, `"EventCount":1,`) || !strings.Contains(out, `"EventCount":2,`) {
		t.Error("the export is not overlaid")
	}
	d.SetLive(nil)
	if a, _ := d.Alert(7); a.EventCount != 1 {
		t.Errorf("%d events after the overlay was removed; want 1", a.EventCount)
	}
}

func TestNotFoundNamesWhatWasAskedFor(t *testing.T) {
	d := openMem(t, kv.Mem())
	fillDesk(t, d, 40)
	errs := map[string]error{}
	_, errs["ALR0000999"] = d.Alert(999)
	_, errs["INC0000999"] = d.Incident(999)
	_, errs[`"zz"`] = d.QuarantineItem("zz")
	_, errs[`"key-1"`] = d.Intent("pager", "key-1")
	_, errs[`"config"`] = d.Blob("config")
	for name, err := range errs {
		if itsm.CodeOf(err) != itsm.NotFound || !strings.Contains(itsm.MessageOf(err), name) {
			t.Errorf("%s: %v; want NotFound that names it", name, err)
		}
	}
}

// Whatever is added while somebody pages, each alert and incident that was there
// at the beginning is shown once, and in order.
func TestPagingWhileItemsAreAdded(t *testing.T) {
	d := openMem(t, kv.Mem())
	fillDesk(t, d, 200)
	next := 201
	add := func() {
		apply(t, d, sampleBatch(next, 37))
		next += 37
	}
	var numbers []uint64
	for cursor := ""; ; {
		p, err := d.Alerts(AlertQuery{Statuses: []itsm.Status{itsm.Firing}, Cursor: cursor, Limit: 9})
		if err != nil {
			t.Fatal(err)
		}
		for _, a := range p.Items {
			numbers = append(numbers, uint64(a.Number))
		}
		add()
		if cursor = p.Next; cursor == "" {
			break
		}
	}
	for i, n := range numbers {
		if n != uint64(200-i) {
			t.Fatalf("alert %d of the list is %d; want %d", i, n, 200-i)
		}
	}
	if len(numbers) != 200 {
		t.Errorf("%d alerts listed; want 200", len(numbers))
	}
	var incidents []itsm.Incident
	for cursor := ""; ; {
		p, err := d.Incidents(IncidentQuery{States: []itsm.State{itsm.New}, Cursor: cursor, Limit: 2})
		if err != nil {
			t.Fatal(err)
		}
		incidents = append(incidents, p.Items...)
		add()
		if cursor = p.Next; cursor == "" {
			break
		}
	}
	for i := range incidents[1:] {
		if incidents[i].Number <= incidents[i+1].Number {
			t.Fatalf("%s comes before %s", incidents[i].Number, incidents[i+1].Number)
		}
	}
	if last := incidents[len(incidents)-1].Number; last != 2 {
		t.Errorf("the oldest incident listed is %s; want INC0000002", last)
	}
}

// A search that reaches its bound answers what it found and goes on from there.
func TestSearchIsBoundedAndContinues(t *testing.T) {
	d := openMem(t, kv.Mem())
	fillDesk(t, d, ListScanMax+500)
	q := AlertQuery{Q: "nowhere"}
	p, err := d.Alerts(q)
	if err != nil || len(p.Items) != 0 || p.Next == "" {
		t.Fatalf("first part: %d items, next %q, %v; want none and a cursor", len(p.Items), p.Next, err)
	}
	q.Cursor = p.Next
	if p, err = d.Alerts(q); err != nil || len(p.Items) != 0 || p.Next != "" {
		t.Fatalf("second part: %d items, next %q, %v; want none and the end", len(p.Items), p.Next, err)
	}
	oldest := AlertQuery{Q: "shop-1-only"}
	apply(t, d, Batch{Cursor: 1 << 20, At: 1, Decisions: []itsm.Decision{{Kind: itsm.PutAlert, Alert: &itsm.Alert{Number: 3, Title: "shop-1-only", Status: itsm.Firing}}}})
	found := collect(t, 50, func(c string, _ int) (Page[itsm.Alert], error) {
		oldest.Cursor = c
		return d.Alerts(oldest)
	})
	if len(found) != 1 || found[0].Number != 3 {
		t.Errorf("%d alerts found beyond the bound; want number 3", len(found))
	}
}

// More may be open than one call looks at, and none of it in the states asked for: the list goes on
// from there.
func TestWhatCIsAreAboutIsBoundedAndContinues(t *testing.T) {
	d := openMem(t, kv.Mem())
	const last = ListScanMax + 10
	for first := itsm.IncidentNumber(1); first <= last; first += 1000 {
		b := Batch{Cursor: itsm.Offset(first), At: 1}
		for n := first; n < first+1000 && n <= last; n++ {
			in := itsm.Incident{Number: n, Title: "Down", State: itsm.OnHold, Priority: itsm.P3}
			switch n {
			case 1, 4:
				in.State, in.CIs = itsm.New, []string{"x"}
			case 2, last:
				in.State, in.CIs = itsm.IncidentResolved, []string{"x"}
			}
			b.Decisions = append(b.Decisions, itsm.Decision{Kind: itsm.PutIncident, Incident: &in})
		}
		apply(t, d, b)
	}
	q := IncidentQuery{CI: []string{"x"}, States: []itsm.State{itsm.New, itsm.IncidentResolved}}
	found := collect(t, 50, func(c string, _ int) (Page[itsm.Incident], error) {
		q.Cursor = c
		return d.Incidents(q)
	})
	var got []itsm.IncidentNumber
	for _, in := range found {
		got = append(got, in.Number)
	}
	if want := []itsm.IncidentNumber{last, 4, 2, 1}; !slices.Equal(got, want) {
		t.Errorf("found %v, want %v", got, want)
	}
}

func TestForeignCursorsAreRefused(t *testing.T) {
	d := openMem(t, kv.Mem())
	fillDesk(t, d, 200)
	alerts, _ := d.Alerts(AlertQuery{Limit: 1})
	incidents, _ := d.Incidents(IncidentQuery{Limit: 1})
	members, _ := d.IncidentAlerts(3, "", 1)
	if alerts.Next == "" || incidents.Next == "" || members.Next == "" {
		t.Fatal("a first page has no next")
	}
	for _, c := range []string{"%", "AAAA", strings.Repeat("A", 9000), alerts.Next, members.Next} {
		if _, err := d.Incidents(IncidentQuery{Cursor: c}); itsm.CodeOf(err) != itsm.Invalid {
			t.Errorf("incidents from cursor %.20q: %v; want Invalid", c, err)
		}
		if _, err := d.Evidence(4, c, 1); itsm.CodeOf(err) != itsm.Invalid {
			t.Errorf("evidence from cursor %.20q: %v; want Invalid", c, err)
		}
	}
	if _, err := d.Alerts(AlertQuery{Cursor: incidents.Next}); itsm.CodeOf(err) != itsm.Invalid {
		t.Errorf("alerts from a cursor of incidents: %v; want Invalid", err)
	}
}

func TestLimitsArePutWithinBounds(t *testing.T) {
	d := openMem(t, kv.Mem())
	fillDesk(t, d, 1000)
	for _, tt := range []struct{ limit, want int }{{0, PageDefault}, {-1, PageDefault}, {7, 7}, {100_000, PageMax}} {
		if p, err := d.Alerts(AlertQuery{Limit: tt.limit}); err != nil || len(p.Items) != tt.want {
			t.Errorf("limit %d: %d items, %v; want %d", tt.limit, len(p.Items), err, tt.want)
		}
	}
}

// A delivery is counted once for each entry it came with, also when the batch
// that says so is repeated.
// TestOutboxOfObjects: one entry may tell one partner of many changes and problems, and
// of an incident of the same number.
func TestOutboxOfObjects(t *testing.T) {
	d, err := Open(kv.Mem())
	if err != nil {
		t.Fatal(err)
	}
	var ds []itsm.Decision
	for _, object := range []string{"", "CHG0000001", "CHG0000002", "PRB0000001"} {
		in := itsm.Intent{Key: "k" + object, Connector: "snow", Transition: itsm.Update, Offset: 1, Serial: 1, Object: object}
		if in.Body = []byte(`{"title":"x"}`); object == "" {
			in.Incident, in.Body = 1, nil
		}
		ds = append(ds, itsm.Decision{Kind: itsm.PutIntent, Intent: &in})
	}
	apply(t, d, Batch{Cursor: 1, At: 1, Decisions: ds})
	apply(t, d, Batch{Cursor: 2, At: 2, Decisions: []itsm.Decision{{Kind: itsm.SettleIntent, Settled: &itsm.Settlement{Connector: "snow", Key: "kCHG0000001", At: 2, Failure: "no"}}}})
	list, err := d.Intents("snow", 10)
	var got []string
	for _, in := range list {
		got = append(got, in.Key+" "+in.Object+" "+string(in.Body))
	}
	if diff := cmp.Diff([]string{"k  ", `kCHG0000002 CHG0000002 {"title":"x"}`, `kPRB0000001 PRB0000001 {"title":"x"}`}, got); diff != "" || err != nil {
		t.Errorf("%v (-want +got)\n%s", err, diff)
	}
	dead, err := d.DeadLetters("snow", "", 10)
	if err != nil || len(dead.Items) != 1 || dead.Items[0].Intent.Object != "CHG0000001" {
		t.Errorf("dead letters %+v, %v", dead, err)
	}
}

func TestQuarantineCountsEntriesOnce(t *testing.T) {
	d := openMem(t, kv.Mem())
	put := func(at itsm.Offset, count uint64, retried itsm.Time) Batch {
		q := &itsm.Quarantined{ID: "ab", Source: "am", Body: []byte("{"), FirstAt: 1, LastAt: itsm.Time(at), Count: count, Offset: at, RetriedAt: retried}
		return Batch{Cursor: at, Decisions: []itsm.Decision{{Kind: itsm.PutQuarantine, Quarantine: q}}}
	}
	for _, tt := range []struct {
		b       Batch
		count   uint64
		waiting int
	}{
		{put(1, 1, 0), 1, 1}, {put(1, 1, 0), 1, 1}, {put(2, 1, 0), 2, 1}, {put(2, 0, 0), 2, 1},
		{put(3, 1, 9), 2, 0}, {put(3, 1, 9), 2, 0}, {put(4, 1, 0), 3, 1}, {put(4, 7, 0), 7, 1},
	} {
		apply(t, d, tt.b)
		q, err := d.QuarantineItem("ab")
		if err != nil || q.Count != tt.count || d.Counts().QuarantineWaiting != tt.waiting || string(q.Body) != "{" || q.Offset != 1 {
			t.Errorf("after entry %d: %+v waiting %d, %v; want count %d waiting %d", tt.b.Cursor, q, d.Counts().QuarantineWaiting, err, tt.count, tt.waiting)
		}
	}
}

func TestOlderBatchIsRefused(t *testing.T) {
	d := openMem(t, kv.Mem())
	apply(t, d, Batch{Cursor: 9, At: 5})
	if err := d.Apply(Batch{Cursor: 8}); err == nil {
		t.Error("a batch that ends before the cursor is applied")
	}
	apply(t, d, Batch{Cursor: 9, At: 5})
	if err := d.Apply(Batch{Cursor: 10, Decisions: []itsm.Decision{{Kind: 99}}}); err == nil {
		t.Error("a decision of unknown kind is applied")
	}
	if off, _ := d.Cursor(); off != 9 {
		t.Errorf("cursor %d after a batch that failed; want 9", off)
	}
}

// A view of before there was a list of the past has it once it was opened.
func TestPastIsIndexedWhenAnOlderViewIsOpened(t *testing.T) {
	db := kv.Mem()
	d := openMem(t, db)
	var ds []itsm.Decision
	for n := range itsm.IncidentNumber(3) {
		ds = append(ds, itsm.Decision{Kind: itsm.PutIncident, Incident: &itsm.Incident{Number: n + 1, State: []itsm.State{itsm.Closed, itsm.New, itsm.IncidentResolved}[n], Priority: itsm.P3,
			CIs: []string{"db-1"}, Unbound: []string{"host=x"}, Services: []string{"shop"}}})
	}
	apply(t, d, Batch{Cursor: 1, Decisions: ds})
	find := func(when string, d *Desk) {
		t.Helper()
		for _, q := range []IncidentQuery{{CI: []string{"db-1"}}, {CI: []string{"host=x"}}, {Service: []string{"shop"}}} {
			p, err := d.Incidents(q)
			if err != nil || len(p.Items) != 3 || p.Items[0].Number != 3 || p.Items[1].Number != 2 {
				t.Errorf("%s: %+v finds %v, %v; want 3, 2, 1", when, q, p.Items, err)
			}
			q.States = []itsm.State{itsm.Closed, itsm.IncidentResolved}
			if p, err = d.Incidents(q); err != nil || len(p.Items) != 2 || p.Items[1].Number != 1 {
				t.Errorf("%s: %+v finds %v, %v; want 3, 1", when, q, p.Items, err)
			}
		}
	}
	find("new", d)
	past := kvtest.All(t, db, kv.Range{Prefix: prefix(kindPast)})
	err := db.Update(func(tx kv.Tx) error {
		for _, k := range past {
			if err := tx.Delete([]byte(k.Key)); err != nil {
				return err
			}
		}
		b := new(buffer)
		return tx.Set(metaKey(metaFormat), b.value(formatVersion, func() { b.uint(1) }))
	})
	if err != nil {
		t.Fatal(err)
	}
	find("migrated", openMem(t, db))
}

func TestNewerFormatIsRefusedUntouched(t *testing.T) {
	db := kv.Mem()
	openMem(t, db)
	b := new(buffer)
	err := db.Update(func(tx kv.Tx) error {
		return tx.Set(metaKey(metaFormat), b.value(formatVersion, func() { b.uint(format() + 1) }))
	})
	if err != nil {
		t.Fatal(err)
	}
	before := fmt.Sprint(kvtest.All(t, db, kv.Range{}))
	if _, err := Open(db); itsm.CodeOf(err) != itsm.Conflict || !strings.Contains(err.Error(), "newer program") {
		t.Errorf("Open of a newer format: %v; want Conflict that says what to do", err)
	}
	if after := fmt.Sprint(kvtest.All(t, db, kv.Range{})); after != before {
		t.Error("Open changed a view it refused")
	}
}

// A batch that the store lost without noticing is noticed.
func TestMissingBatchIsNoticed(t *testing.T) {
	db := kv.Mem()
	d := openMem(t, db)
	for i := range 5 {
		apply(t, d, Batch{Cursor: itsm.Offset(i*10 + 10)})
	}
	for serial := uint64(1); serial <= 5; serial++ {
		var value []byte
		err := db.Update(func(tx kv.Tx) (err error) {
			value, err = tx.Get(markKey(serial))
			return errors.Join(err, tx.Delete(markKey(serial)))
		})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Open(db); err == nil || !strings.Contains(err.Error(), "rebuild") {
			t.Errorf("batch %d is missing: %v; want an error that says what to do", serial, err)
		}
		if err := db.Update(func(tx kv.Tx) error { return tx.Set(markKey(serial), value) }); err != nil {
			t.Fatal(err)
		}
	}
	openMem(t, db)
}

func TestMarksOfManyBatchesGoAround(t *testing.T) {
	marks := map[uint64]mark{}
	const last = markSlots + 100
	for s := uint64(last - markSlots + 1); s <= last; s++ {
		marks[s] = mark{s, itsm.Offset(s - 1), itsm.Offset(s)}
	}
	c := cursor{offset: last, serial: last}
	if err := c.follow(marks); err != nil {
		t.Error(err)
	}
	delete(marks, last-markSlots+1)
	if err := c.follow(marks); err == nil {
		t.Error("a missing oldest mark is not noticed")
	}
}

func TestDumpAndLoad(t *testing.T) {
	d := openMem(t, kv.Mem())
	fillDesk(t, d, 1500)
	var dump bytes.Buffer
	at, err := d.Dump(&dump)
	if err != nil {
		t.Fatal(err)
	}
	if off, _ := d.Cursor(); at != off {
		t.Errorf("Dump answered entry %d; want %d", at, off)
	}
	db := kv.Mem()
	if err := errors.Join(VerifyDump(bytes.NewReader(dump.Bytes())), Load(db, bytes.NewReader(dump.Bytes()))); err != nil {
		t.Fatal(err)
	}
	loaded := openMem(t, db)
	if export(t, d) != export(t, loaded) {
		t.Error("what was loaded exports differently")
	}
	apply(t, loaded, sampleBatch(1502, 10))
	if err := Load(db, &dump); itsm.CodeOf(err) != itsm.Conflict {
		t.Errorf("Load into a view that is not empty: %v; want Conflict", err)
	}
}

// Any damage to a dump is found, and a view into which it was loaded is refused.
func TestDamagedDumpIsRefused(t *testing.T) {
	d := openMem(t, kv.Mem())
	fillDesk(t, d, 100)
	var dump bytes.Buffer
	if _, err := d.Dump(&dump); err != nil {
		t.Fatal(err)
	}
	whole := dump.Bytes()
	rapid.Check(t, func(rt *rapid.T) {
		bad := append([]byte{}, whole...)
		switch i := rapid.IntRange(0, len(bad)-1).Draw(rt, "at"); rapid.IntRange(0, 2).Draw(rt, "damage") {
		case 0:
			bad[i] ^= 1 << rapid.IntRange(0, 7).Draw(rt, "bit")
		case 1:
			bad = bad[:i]
		case 2:
			bad = append(bad, 0)
		}
		db := kv.Mem()
		if err := VerifyDump(bytes.NewReader(bad)); itsm.CodeOf(err) != itsm.Invalid {
			rt.Fatalf("VerifyDump: %v; want Invalid", err)
		}
		if err := Load(db, bytes.NewReader(bad)); itsm.CodeOf(err) != itsm.Invalid {
			rt.Fatalf("Load: %v; want Invalid", err)
		}
		if _, err := Open(db); itsm.CodeOf(err) != itsm.Conflict {
			rt.Fatalf("Open after a load that failed: %v; want Conflict", err)
		}
	})
}

// What an interrupted batch named is forgotten when the desk opens again; the
// repetition, in portions that pack nothing, is then all there is.
func TestInterruptedBatchLeavesNoRuns(t *testing.T) {
	torn := &kvtest.Torn{DB: kv.Mem(), After: 1 << 30}
	d := openMem(t, torn)
	apply(t, d, sampleBatch(1, 64))
	before := len(kvtest.All(t, torn, kv.Range{Prefix: prefix(kindRun)}))
	count := &kvtest.Torn{DB: kv.Mem(), After: 1 << 30}
	other := openMem(t, count)
	apply(t, other, sampleBatch(1, 64))
	count.After = 1 << 30
	apply(t, other, sampleBatch(65, 64))
	torn.After = 1<<30 - count.After - 1 // all but the cursor
	if err := d.Apply(sampleBatch(65, 64)); !errors.Is(err, kvtest.ErrTorn) {
		t.Fatalf("Apply: %v; want it torn", err)
	}
	if n := len(kvtest.All(t, torn, kv.Range{Prefix: prefix(kindRun)})); before == 0 || n <= before {
		t.Fatalf("%d runs after the torn batch, %d before: the test tears nothing", n, before)
	}
	torn.After = -1
	d = openMem(t, torn)
	if n := len(kvtest.All(t, torn, kv.Range{Prefix: prefix(kindRun)})); n != before {
		t.Errorf("%d runs after opening; want %d", n, before)
	}
	for i := 65; i < 129; i += 16 {
		apply(t, d, sampleBatch(i, 16))
	}
	members := collect(t, 7, func(c string, l int) (Page[itsm.Evidence], error) { return d.Evidence(5, c, l) })
	if len(members) != 20 {
		t.Errorf("%d members of INC0000005; want 20", len(members))
	}
}

// On disk: a batch larger than a transaction, a copy taken as a killed process
// leaves it, and the same export as memory.
func TestOnDiskEqualsMemory(t *testing.T) {
	dir, copied := t.TempDir(), t.TempDir()
	db, err := badgerkv.Open(badgerkv.Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	disk, mem := openMem(t, db), openMem(t, kv.Mem())
	for _, b := range []Batch{sampleBatch(1, 50), sampleBatch(51, 12_000), sampleBatch(12_051, 3)} {
		for _, d := range []*Desk{disk, mem} {
			apply(t, d, b)
		}
	}
	want := export(t, mem)
	if export(t, disk) != want {
		t.Error("disk and memory export differently")
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		b, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(copied, e.Name()), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	again, err := badgerkv.Open(badgerkv.Options{Dir: copied})
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	if export(t, openMem(t, again)) != want {
		t.Error("a copy of the running store exports differently")
	}
}

// Readers beside the writer: for the race detector, and no list may ever show an
// alert whose incident is not stored.
func TestReadersBesideTheWriter(t *testing.T) {
	d := openMem(t, kv.Mem())
	d.SetLive(doubler{})
	apply(t, d, sampleBatch(1, 100))
	stop := make(chan struct{})
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				p, err := d.Alerts(AlertQuery{Statuses: []itsm.Status{itsm.Firing}})
				if err != nil || len(p.Items) == 0 {
					t.Errorf("Alerts: %d items, %v", len(p.Items), err)
				}
				for _, a := range p.Items[:1] {
					if _, err := d.IncidentAlerts(a.Incident, "", 5); err != nil {
						t.Error(err)
					}
				}
				if c := d.Counts(); c.Open == 0 || c.Firing < 100 {
					t.Errorf("Counts: %+v", c)
				}
			}
		})
	}
	for i := range 20 {
		apply(t, d, sampleBatch(101+i*64, 64))
	}
	close(stop)
	wg.Wait()
}
