package main

import (
	"bytes"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"signalbox/connectors/pagerduty/pagerdutytest"
	"signalbox/correlate/engine"
	"signalbox/ingest/journal"
	source "signalbox/ingest/source/pagerduty"
	"signalbox/itsm"
	"signalbox/itsm/desk"
	"signalbox/itsm/kv"
	"signalbox/itsm/kv/badgerkv"
)

// takeBackup asks a running server for a backup with the command.
func takeBackup(t *testing.T, s *server) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "signalbox.backup")
	if out, err := cli(t, "backup", "--server", s.url, "--token", adminToken, path); err != nil || !strings.Contains(out, "entries 1 to") {
		t.Fatalf("backup: %v\n%s", err, out)
	}
	return path
}

func restoreTo(t *testing.T, path string, more ...string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "data")
	if out, err := cli(t, append([]string{"restore", path, "--data-dir", dir}, more...)...); err != nil {
		t.Fatalf("restore: %v\n%s", err, out)
	}
	return dir
}

// exportOf is the canonical export of a directory that no server holds.
func exportOf(t *testing.T, dir string) string {
	t.Helper()
	j, err := journal.Open(journal.Options{Dir: filepath.Join(dir, journalDir)})
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	db, err := badgerkv.Open(badgerkv.Options{Dir: filepath.Join(dir, viewDir), Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	d, err := desk.Open(db)
	if err != nil {
		t.Fatal(err)
	}
	snaps, err := engine.OpenSnapshots(filepath.Join(dir, snapshotsDir))
	if err != nil {
		t.Fatal(err)
	}
	if err := engine.New(engine.Options{Journal: j, Desk: d, Snapshots: snaps}).CatchUp(); err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := d.Export(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestBackupOfAStoppedServerRestoresExactly(t *testing.T) {
	s := start(t, t.TempDir(), quick)
	for i := range 30 {
		s.do(http.MethodPost, "/webhooks/generic", event("firing", fmt.Sprintf("service-%d", i%10)), nil)
	}
	eventually(t, "ten incidents", func() bool { return len(s.incidents()) == 10 })
	path := filepath.Join(t.TempDir(), "b")
	if out, err := cli(t, "backup", "--data-dir", s.dir, path); err == nil || !strings.Contains(err.Error(), "leave out --data-dir") {
		t.Errorf("offline beside a running server: %v\n%s", err, out)
	}
	s.kill() // without a clean end
	if out, err := cli(t, "backup", "--data-dir", s.dir, path); err != nil {
		t.Fatalf("offline: %v\n%s", err, out)
	}
	if out, err := cli(t, "backup", "verify", path); err != nil || !strings.Contains(out, "is whole") {
		t.Errorf("verify: %v\n%s", err, out)
	}
	if _, err := cli(t, "backup", "--data-dir", s.dir, path); err == nil || !strings.Contains(err.Error(), "exists already") {
		t.Errorf("a backup was replaced: %v", err)
	}
	dir := restoreTo(t, path)
	if want, got := exportOf(t, s.dir), exportOf(t, dir); got != want {
		t.Errorf("the restored export differs: %d bytes, want %d", len(got), len(want))
	}
	if _, err := os.Stat(filepath.Join(dir, tokenFile)); err == nil {
		t.Error("the backup carried the admin token")
	}
}

// upTo is a journal that ends at an entry.
type upTo struct {
	*journal.Log
	last itsm.Offset
	at   itsm.Time
}

func (u upTo) Head() (itsm.Offset, itsm.Time) { return u.last, u.at }

func (u upTo) Read(from itsm.Offset, maxRecords, maxBytes int) ([]journal.Record, error) {
	recs, err := u.Log.Read(from, maxRecords, maxBytes)
	for i := range recs {
		if recs[i].Offset > u.last {
			return recs[:i], err
		}
	}
	return recs, err
}

// exportAt is the export of a directory as it was after an entry: the whole journal
// up to there, folded anew.
func exportAt(t *testing.T, dir string, last itsm.Offset) string {
	t.Helper()
	j, err := journal.Open(journal.Options{Dir: filepath.Join(dir, journalDir)})
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	if head, _ := j.Head(); head <= last {
		t.Fatalf("the journal ends at %d, no later than the backup", head)
	}
	recs, err := j.Read(last, 1, 1<<20)
	if err != nil || len(recs) != 1 {
		t.Fatalf("entry %d: %v", last, err)
	}
	d, err := desk.Open(kv.Mem())
	if err != nil {
		t.Fatal(err)
	}
	if err := engine.New(engine.Options{Journal: upTo{j, last, recs[0].At}, Desk: d}).CatchUp(); err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := d.Export(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// TestBackupUnderLoadLosesNothingAcknowledged: what was acknowledged before the backup
// began is in it, and what is restored is, byte for byte, what the source was at the
// backup's last entry.
func TestBackupUnderLoadLosesNothingAcknowledged(t *testing.T) {
	s := start(t, t.TempDir(), quick)
	var acked atomic.Int64
	stop := make(chan struct{})
	var busy sync.WaitGroup
	for w := range 4 {
		busy.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				default:
					if status, _, err := s.try(http.MethodPost, "/webhooks/generic", event("firing", fmt.Sprintf("s-%d-%d", w, i%50))); err == nil && status == http.StatusAccepted {
						acked.Add(1)
					}
				}
			}
		})
	}
	eventually(t, "some load", func() bool { return acked.Load() > int64(sized(200, 20_000)) })
	before := acked.Load()
	path := takeBackup(t, s)
	after := acked.Load()
	eventually(t, "some more load", func() bool { return acked.Load() > after+20 })
	close(stop)
	busy.Wait()
	dir := restoreTo(t, path)
	var deliveries int64
	var last itsm.Offset
	if err := journal.Iterate(journal.Options{Dir: filepath.Join(dir, journalDir)}, 1, func(r journal.Record) error {
		if r.Body[0] == 1 { // entry.KindDelivery
			deliveries++
		}
		last = r.Offset
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if deliveries < before || deliveries > acked.Load() {
		t.Errorf("%d deliveries restored; %d were acknowledged before the backup, %d in all", deliveries, before, acked.Load())
	}
	s.kill()
	if want, got := exportAt(t, s.dir, last), exportOf(t, dir); got != want {
		t.Errorf("what was restored differs from the source at entry %d: %d bytes, want %d", last, len(got), len(want))
	}
	start(t, dir, quick)
}

func TestRestoreRefuses(t *testing.T) {
	s := start(t, t.TempDir(), quick)
	s.do(http.MethodPost, "/webhooks/generic", event("firing", "shop"), nil)
	path := takeBackup(t, s)
	full := t.TempDir()
	if err := os.WriteFile(filepath.Join(full, "precious.txt"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := cli(t, "restore", path, "--data-dir", full); err == nil || !strings.Contains(err.Error(), "precious.txt") {
		t.Errorf("into a directory in use: %v", err)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	b[len(b)/2] ^= 1
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "data")
	if _, err := cli(t, "restore", path, "--data-dir", dir); err == nil || !strings.Contains(err.Error(), "checksum") {
		t.Errorf("a damaged backup: %v", err)
	}
	for _, d := range []string{dir, dir + ".new"} {
		if _, err := os.Stat(d); err == nil {
			t.Errorf("a damaged backup left %s behind", d)
		}
	}
}

// agedWorld is a server with PagerDuty, and what happened there after its backup:
// checkout (1) was paged and open, and is resolved at PagerDuty since; billing (2)
// was waiting to be told, and was told and resolved since; search (3) was waiting
// and never told.
func agedWorld(t *testing.T) (path string, pd *pagerdutytest.Server, config string) {
	s, pd := withPagerDuty(t, "")
	config = pagerDutyConfig(pd) + "correlation: {resolve_after: 1s, reopen_within: 10s, firing_grace: 1s, update_every: 1s}\n"
	var down atomic.Value
	down.Store("")
	pd.Before = func(w http.ResponseWriter, c pagerdutytest.Call) (answered, reached bool) {
		if strings.Contains(down.Load().(string), c.Key) && c.Key != "" {
			w.WriteHeader(http.StatusBadGateway)
			return true, false
		}
		return false, true
	}
	down.Store(source.DedupKey(2, 1) + " " + source.DedupKey(3, 1))
	for i, service := range []string{"checkout", "billing", "search"} {
		s.do(http.MethodPost, "/webhooks/generic", event("firing", service), nil)
		eventually(t, "its incident", func() bool { return len(s.incidents()) == i+1 })
	}
	eventually(t, "checkout is paged and linked", func() bool {
		var in incident
		s.do(http.MethodGet, "/api/v1/incidents/INC0000001", nil, &in)
		return len(in.Links) == 1
	})
	path = takeBackup(t, s)
	down.Store(source.DedupKey(3, 1))
	eventually(t, "billing is paged", func() bool { return pd.Incident(source.DedupKey(2, 1)) != nil })
	s.kill()
	pd.WebhooksTo("")
	pd.Quietly("resolved", source.DedupKey(1, 1), source.DedupKey(2, 1))
	down.Store("")
	return path, pd, config
}

// TestRestoreOfAnOldBackupPagesNobodyAgain is the outsider's question 8.
func TestRestoreOfAnOldBackupPagesNobodyAgain(t *testing.T) {
	path, pd, config := agedWorld(t)
	calls := len(pd.Calls())
	s := start(t, restoreTo(t, path), config)
	state := func(n int) string {
		var in incident
		s.do(http.MethodGet, fmt.Sprintf("/api/v1/incidents/INC%07d", n), nil, &in)
		return in.State
	}
	resolved := func(n int) bool { // or was, for they reopen soon
		var tl struct{ Items []struct{ Kind string } }
		s.do(http.MethodGet, fmt.Sprintf("/api/v1/incidents/INC%07d/timeline", n), nil, &tl)
		return slices.ContainsFunc(tl.Items, func(e struct{ Kind string }) bool { return e.Kind == "resolved" })
	}
	eventually(t, "what PagerDuty resolved is resolved here", func() bool { return resolved(2) || resolved(1) })
	// The alerts still fire as far as the backup knows, so after the grace the
	// incidents reopen, in a new epoch that PagerDuty does not have.
	eventually(t, "the grace is over", func() bool { return state(1) == "new" || state(1) == "in_progress" })
	s.do(http.MethodPost, "/webhooks/generic", event("firing", "warehouse"), nil)
	eventually(t, "a new incident pages at once", func() bool { return pd.Incident(source.DedupKey(4, 1)) != nil })
	time.Sleep(2 * time.Second) // what would be sent wrongly would come now
	for _, c := range pd.Calls()[calls:] {
		if c.Key != source.DedupKey(4, 1) {
			t.Errorf("PagerDuty was called about the past: %s %s", c.Action, c.Key)
		}
	}
	s.stop()
	s.run() // the quiet time outlives a restart
	time.Sleep(time.Second)
	for _, c := range pd.Calls()[calls:] {
		if c.Key != source.DedupKey(4, 1) {
			t.Errorf("after a restart PagerDuty was called about the past: %s %s", c.Action, c.Key)
		}
	}
}

// TestAfterTheQuietTime: what was never told and not heard of since goes to the
// dead letters, from where a person can send it.
func TestAfterTheQuietTime(t *testing.T) {
	path, pd, config := agedWorld(t)
	calls := len(pd.Calls())
	s := start(t, restoreTo(t, path, "--quiet", "0"), config)
	type letter struct {
		ID       string
		Incident string
		Failure  string
	}
	var dead []letter
	eventually(t, "search's page is in the dead letters", func() bool {
		dead = list[letter](s, "/api/v1/connectors/pagerduty/dead-letters")
		for _, d := range dead {
			if d.Incident == "INC0000003" {
				return strings.Contains(d.Failure, "after the restore")
			}
		}
		return false
	})
	if n := len(pd.Calls()); n != calls {
		t.Errorf("%d calls about the past: %v", n-calls, pd.Calls()[calls:])
	}
	for _, d := range dead {
		if d.Incident == "INC0000003" {
			if status := s.do(http.MethodPost, "/api/v1/connectors/pagerduty/dead-letters/"+d.ID+"/retry", nil, nil); status != http.StatusOK {
				t.Fatalf("retry: %d", status)
			}
		}
	}
	eventually(t, "a person sent it", func() bool { return pd.Incident(source.DedupKey(3, 1)) != nil })
}
