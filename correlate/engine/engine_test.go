package engine_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"signalbox/correlate"
	"signalbox/correlate/engine"
	"signalbox/ingest/journal"
	"signalbox/itsm"
	"signalbox/itsm/cmdb"
	"signalbox/itsm/desk"
	"signalbox/itsm/entry"
	"signalbox/itsm/kv"
)

// rig is an engine on a real journal and an in-memory view that outlives it.
type rig struct {
	t     testing.TB
	dir   string
	db    kv.DB
	j     *journal.Log
	d     *desk.Desk
	e     *engine.Engine
	snaps *engine.Snapshots
	stop  func() error
}

func newRig(t testing.TB) *rig {
	r := &rig{t: t, dir: t.TempDir(), db: kv.Mem()}
	r.open()
	t.Cleanup(func() { r.close() })
	return r
}

func (r *rig) open() {
	r.t.Helper()
	var err error
	if r.j, err = journal.Open(journal.Options{Dir: filepath.Join(r.dir, "journal")}); err != nil {
		r.t.Fatal(err)
	}
	if r.d, err = desk.Open(r.db); err != nil {
		r.t.Fatal(err)
	}
	if r.snaps, err = engine.OpenSnapshots(filepath.Join(r.dir, "snapshots")); err != nil {
		r.t.Fatal(err)
	}
	r.e = engine.New(engine.Options{Journal: r.j, Desk: r.d, Config: config(), Snapshots: r.snaps})
}

func config() correlate.Config {
	c := correlate.DefaultConfig()
	c.Connectors = []correlate.Connector{{Name: "pd", Kind: "pagerduty"}}
	return c
}

func (r *rig) run() {
	r.t.Helper()
	if err := r.e.Recover(); err != nil {
		r.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- r.e.Run(ctx) }()
	r.stop = func() error { cancel(); return <-done }
}

func (r *rig) close() {
	if r.stop != nil {
		r.stop()
		r.stop = nil
	}
	if r.j != nil {
		if err := r.j.Close(); err != nil {
			r.t.Error(err)
		}
		r.j = nil
	}
}

func fire(service string, n int, at itsm.Time) itsm.Event {
	return itsm.Event{Source: "generic", Identity: fmt.Sprintf("%s-%d", service, n), Status: itsm.Firing, Severity: itsm.Critical, SeverityWord: "critical",
		Title: service + " fails", StartsAt: at, Labels: itsm.LabelsOf(map[string]string{"service": service, "alertname": "Fails"})}
}

func clearOf(e itsm.Event, at itsm.Time) itsm.Event {
	e.Status, e.EndsAt = itsm.Resolved, at
	return e
}

func delivery(es ...itsm.Event) []byte {
	return entry.EncodeDelivery(nil, &entry.Delivery{Source: "generic", Events: es})
}

func (r *rig) append(bodies ...[]byte) itsm.Offset {
	r.t.Helper()
	off, _, err := r.j.Append(r.t.Context(), bodies...)
	if err != nil {
		r.t.Fatal(err)
	}
	return off + itsm.Offset(len(bodies)) - 1
}

func (r *rig) wait(off itsm.Offset) {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.t.Context(), time.Minute)
	defer cancel()
	if err := r.e.WaitFolded(ctx, off); err != nil {
		r.t.Fatal(err)
	}
}

func (r *rig) export() string {
	r.t.Helper()
	var b bytes.Buffer
	if err := r.d.Export(&b); err != nil {
		r.t.Fatal(err)
	}
	return b.String()
}

func TestWhoWritesReadsWhatTheyWrote(t *testing.T) {
	r := newRig(t)
	r.run()
	r.wait(r.append(delivery(fire("shop", 1, itsm.TimeOf(time.Now())))))
	o, err := r.e.Do(t.Context(), itsm.Act{Kind: itsm.ActAcknowledge, Incident: 1, Actor: "api:jane"})
	if err != nil || o.Incident != 1 {
		t.Fatalf("acknowledge: %+v, %v", o, err)
	}
	in, err := r.d.Incident(1)
	if err != nil || in.AcknowledgedBy != "api:jane" || in.State != itsm.InProgress {
		t.Errorf("right after the answer: %+v, %v", in, err)
	}
	if _, err := r.e.Do(t.Context(), itsm.Act{Kind: itsm.ActReopen, Incident: 1, Actor: "api:jane"}); itsm.CodeOf(err) != itsm.Conflict {
		t.Errorf("reopen of an open incident: %v, want a conflict", err)
	}
	if _, err := r.e.Do(t.Context(), itsm.Act{Kind: itsm.ActAcknowledge, Incident: 99, Actor: "api:jane"}); itsm.CodeOf(err) != itsm.NotFound {
		t.Errorf("unknown incident: %v", err)
	}
}

func TestRestartGoesOnFromSnapshotAndWithout(t *testing.T) {
	now := itsm.TimeOf(time.Now())
	for _, damage := range []string{"none", "snapshots gone", "newest snapshot damaged"} {
		t.Run(damage, func(t *testing.T) {
			r := newRig(t)
			r.run()
			for i := range 20 {
				r.append(delivery(fire("shop", i, now)))
			}
			r.wait(r.append(delivery(fire("shop", 3, now)))) // a repeat: counted in state alone
			before := r.export()
			r.close()
			files, err := filepath.Glob(filepath.Join(r.dir, "snapshots", "state-*"))
			if err != nil || len(files) == 0 {
				t.Fatalf("no snapshot at the stop: %v %v", files, err)
			}
			switch damage {
			case "snapshots gone":
				os.RemoveAll(filepath.Join(r.dir, "snapshots"))
			case "newest snapshot damaged":
				b, err := os.ReadFile(files[0])
				if err != nil {
					t.Fatal(err)
				}
				b[len(b)/2] ^= 1
				os.WriteFile(files[0], b, 0o600)
			}
			r.open()
			r.run()
			if after := r.export(); after != before {
				t.Errorf("the view changed over a restart")
			}
			as, err := r.d.Alerts(desk.AlertQuery{Limit: 100})
			if err != nil {
				t.Fatal(err)
			}
			repeats := 0
			for _, a := range as.Items {
				if a.EventCount == 2 {
					repeats++
				}
			}
			if len(as.Items) != 20 || repeats != 1 {
				t.Errorf("%d alerts, %d of them repeated; want 20 and 1", len(as.Items), repeats)
			}
		})
	}
}

func TestViewAheadOfTheJournalIsRefused(t *testing.T) {
	r := newRig(t)
	r.run()
	r.wait(r.append(delivery(fire("shop", 1, 1))))
	r.close()
	os.RemoveAll(filepath.Join(r.dir, "journal"))
	r.open()
	err := r.e.Recover()
	if err == nil || !strings.Contains(err.Error(), "signalbox rebuild") {
		t.Errorf("got %v, want it to name the remedy", err)
	}
}

func TestUnknownEntryStopsTheFoldAndSaysSo(t *testing.T) {
	r := newRig(t)
	r.run()
	off := r.append(delivery(fire("shop", 1, 1)), []byte{77, 1, 0, 1})
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := r.e.WaitFolded(ctx, off); itsm.CodeOf(err) != itsm.Unavailable {
		t.Errorf("wait: %v", err)
	}
	if _, err := r.e.Do(t.Context(), itsm.Act{Kind: itsm.ActAcknowledge, Incident: 1}); itsm.CodeOf(err) != itsm.Unavailable {
		t.Errorf("act: %v", err)
	}
	if st := r.e.Status(); st.Ready || st.Stopped == "" {
		t.Errorf("status %+v, want not ready and why", st)
	}
	err := r.stop()
	r.stop = nil
	if err == nil || !strings.Contains(err.Error(), fmt.Sprintf("entry %d", off)) {
		t.Errorf("Run: %v, want it to name entry %d", err, off)
	}
}

const cmdbYAML = `
cis:
  - {id: db, name: db, class: Database, tier: 1}
  - {id: shop, name: shop, class: Service, tier: 1}
relations:
  - {from: shop, type: depends_on, to: db}
`

func doc(t *testing.T, text string) cmdb.Doc {
	t.Helper()
	d, problems := cmdb.Parse(cmdb.YAML, strings.NewReader(text))
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	return d
}

func TestCMDBImportIsJournaledAndSurvives(t *testing.T) {
	r := newRig(t)
	r.run()
	if _, problems, err := r.e.ImportCMDB(t.Context(), doc(t, cmdbYAML), "test", false, true, "t"); err != nil || len(problems) > 0 {
		t.Fatal(problems, err)
	}
	if n := r.e.Graph().Len(); n != 0 {
		t.Fatalf("a dry run imported %d CIs", n)
	}
	if _, problems, err := r.e.ImportCMDB(t.Context(), doc(t, cmdbYAML), "test", false, false, "t"); err != nil || len(problems) > 0 {
		t.Fatal(problems, err)
	}
	rev := r.e.Graph().Revision()
	for _, keep := range []bool{true, false} {
		r.close()
		if !keep {
			os.RemoveAll(filepath.Join(r.dir, "snapshots"))
			r.db = kv.Mem() // a rebuild: the journal alone
		}
		r.open()
		r.run()
		head, _ := r.j.Head()
		r.wait(head)
		if g := r.e.Graph(); g.Len() != 2 || g.Relations() != 1 || g.Revision() != rev {
			t.Errorf("snapshots kept %v: %d CIs, %d relations, revision %d; want 2, 1, %d", keep, g.Len(), g.Relations(), g.Revision(), rev)
		}
	}
}

// history is a journal with everything in it: storms, clears, repeats, acts, a
// CMDB that arrives late, ticks.
func history(t testing.TB) []journal.Record {
	var recs []journal.Record
	at := itsm.Time(1_700_000_000_000)
	put := func(step time.Duration, body []byte) {
		at = at.Add(step)
		recs = append(recs, journal.Record{Offset: itsm.Offset(len(recs) + 1), At: at, Body: body})
	}
	c, err := config().Canonical()
	if err != nil {
		t.Fatal(err)
	}
	put(0, entry.EncodeConfig(&entry.Config{Body: c}))
	services := []string{"db", "shop", "mail", "search", "auth"}
	for round := range 40 {
		for i, s := range services {
			e := fire(s, round%7, at)
			put(time.Duration(i)*time.Second, delivery(e, fire(s, 90+i, at)))
			if round%3 == 0 {
				put(time.Second, delivery(e))
			}
			if round%4 == 1 {
				put(40*time.Second, delivery(clearOf(e, at)))
			}
		}
		if round == 10 {
			d, problems := cmdb.Parse(cmdb.YAML, strings.NewReader(cmdbYAML))
			changes, _, more := cmdb.Empty(cmdb.DefaultRelationTypes()).Plan(d, "t", false)
			if len(problems)+len(more) > 0 {
				t.Fatal(problems, more)
			}
			chunks := changes.Chunks(1 << 16)
			for n, b := range chunks {
				put(0, entry.EncodeCMDBChunk(&entry.CMDBChunk{ImportID: "x", Seq: n, Body: b}))
			}
			put(0, entry.EncodeCMDBCommit(&entry.CMDBCommit{ImportID: "x", Source: "t", Chunks: len(chunks)}))
		}
		n := itsm.IncidentNumber(round%5 + 1)
		switch round % 5 {
		case 0:
			put(time.Second, entry.EncodeAct(&itsm.Act{Kind: itsm.ActAcknowledge, Incident: n, Actor: "a", IdempotencyKey: fmt.Sprint("k", round)}))
		case 1:
			put(time.Second, entry.EncodeAct(&itsm.Act{Kind: itsm.ActNote, Incident: n, Actor: "a", Text: "hello"}))
		case 2:
			put(time.Second, entry.EncodeAct(&itsm.Act{Kind: itsm.ActMerge, Incident: n, Into: n + 1, Actor: "a"}))
		case 3:
			put(time.Second, entry.EncodeAct(&itsm.Act{Kind: itsm.ActResolve, Incident: n, Actor: "a", CloseCode: "fixed"}))
		}
		put(time.Duration(round%6)*4*time.Minute, entry.EncodeTick())
	}
	return recs
}

type foldResult struct{ view, state [32]byte }

// foldAll folds recs in batches, optionally through a snapshot after entry cut.
func foldAll(t testing.TB, recs []journal.Record, batch, cut int) foldResult {
	t.Helper()
	db := kv.Mem()
	d, err := desk.Open(db)
	if err != nil {
		t.Fatal(err)
	}
	f := engine.NewFolder()
	for i := 0; i < len(recs); {
		n := min(batch, len(recs)-i)
		if cut > i && cut < i+n {
			n = cut - i
		}
		b, err := f.Fold(recs[i : i+n])
		if err != nil {
			t.Fatal(err)
		}
		if err := d.Apply(*b); err != nil {
			t.Fatal(err)
		}
		if i += n; i == cut {
			snaps, err := engine.OpenSnapshots(t.TempDir())
			if err != nil {
				t.Fatal(err)
			}
			if err := snaps.Write(f); err != nil {
				t.Fatal(err)
			}
			if f, _, err = snaps.Newest(itsm.Offset(cut), nil); err != nil || f == nil {
				t.Fatalf("snapshot at %d: %v", cut, err)
			}
		}
	}
	var view, state bytes.Buffer
	if err := errors.Join(d.Export(&view), f.State.Encode(&state)); err != nil {
		t.Fatal(err)
	}
	return foldResult{sha256.Sum256(view.Bytes()), sha256.Sum256(state.Bytes())}
}

// TestDeterminism is I4: the same journal gives the same view and the same state
// for every batch size, snapshot point and number of processors.
func TestDeterminism(t *testing.T) {
	recs := history(t)
	want := foldAll(t, recs, 1, 0)
	for _, procs := range []int{1, 2} {
		old := runtime.GOMAXPROCS(procs)
		for _, batch := range []int{1, 7, 64, 1000} {
			for _, cut := range []int{0, 1, 33, len(recs) / 3, len(recs) / 2, len(recs) - 1} {
				if got := foldAll(t, recs, batch, cut); got != want {
					t.Errorf("GOMAXPROCS %d, batches of %d, snapshot after entry %d: view equal %v, state equal %v",
						procs, batch, cut, got.view == want.view, got.state == want.state)
				}
			}
		}
		runtime.GOMAXPROCS(old)
	}
}

// TestConservation is I14 after every entry.
func TestConservation(t *testing.T) {
	f := engine.NewFolder()
	for _, rec := range history(t) {
		if _, err := f.Fold([]journal.Record{rec}); err != nil {
			t.Fatal(err)
		}
		tot := f.State.Totals()
		if !tot.Balanced() {
			t.Fatalf("after entry %d: %+v does not add up", rec.Offset, tot.EventTotals)
		}
		for _, src := range tot.Sources {
			if !src.Balanced() {
				t.Fatalf("after entry %d: %+v does not add up", rec.Offset, src)
			}
		}
	}
	if f.State.Totals().Accepted == 0 {
		t.Fatal("nothing was accepted")
	}
}

func TestGapInTheJournalStopsTheFold(t *testing.T) {
	recs := history(t)
	f := engine.NewFolder()
	if _, err := f.Fold(append([]journal.Record{recs[0]}, recs[2])); err == nil || !strings.Contains(err.Error(), "gap") {
		t.Errorf("got %v", err)
	}
}

func BenchmarkFold(b *testing.B) {
	recs := history(b)
	for b.Loop() {
		f := engine.NewFolder()
		if _, err := f.Fold(recs); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(len(recs)), "entries/op")
}
