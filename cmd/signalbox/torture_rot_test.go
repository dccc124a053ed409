package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// slow keeps what fires as it is for the time of the test.
const slow = "correlation: {resolve_after: 1h, reopen_within: 1h}\n"

// rotten is one thing done to a copy of a data directory.
type rotten struct {
	what string
	file string // below the data directory
	do   func(path string) error
}

// TestTortureRot flips bits, cuts files short and deletes them, all over a data
// directory. A start either refuses, naming the damage and the remedy, or shows
// exactly what was there before; and as long as the journal is whole, a rebuild
// shows it again. Nothing may differ in silence.
func TestTortureRot(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 8))
	golden := map[string]string{"stopped": filepath.Join(t.TempDir(), "stopped"), "killed": filepath.Join(t.TempDir(), "killed")}
	want := history(t, golden["stopped"], golden["killed"])
	count := map[string]int{}
	for n := range rounds(12, 1300) {
		state := []string{"stopped", "killed"}[n%2]
		dir := filepath.Join(t.TempDir(), "data")
		copyTree(t, golden[state], dir)
		c := choose(t, rnd, dir, n)
		if err := c.do(filepath.Join(dir, c.file)); err != nil {
			t.Fatal(err)
		}
		t.Run(fmt.Sprintf("%d/%s/%s", n, state, strings.ReplaceAll(c.what, "/", ":")), func(t *testing.T) {
			count[checkRotten(t, dir, golden[state], c, want)]++
		})
		if err := os.RemoveAll(dir); err != nil {
			t.Fatal(err)
		}
		if t.Failed() {
			t.Fatalf("case %d of seed %d", n, seed)
		}
	}
	t.Logf("%v", count)
}

// history makes a data directory with everything in it, once stopped and once
// killed, and returns what the API shows of it.
func history(t *testing.T, stopped, killed string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "data")
	s := start(t, dir, slow)
	for i := range 60 {
		var events []map[string]any
		for j := range 20 {
			e := event("firing", fmt.Sprintf("service-%d", (i+j)%12))
			e["fingerprint"] = fmt.Sprint("f", (i*7+j)%400)
			e["annotations"] = map[string]string{"noise": strings.Repeat(fmt.Sprint(i, j), 40)}
			events = append(events, e)
		}
		if status := s.do(http.MethodPost, "/webhooks/generic", map[string]any{"events": events}, nil); status != http.StatusAccepted {
			t.Fatalf("history: %d", status)
		}
		if i == 30 {
			s.do(http.MethodPost, "/api/v1/incidents/INC0000001/acknowledge", nil, nil)
			s.stop()
			s.run()
		}
	}
	s.do(http.MethodPost, "/webhooks/generic", "{not json", nil)
	eventually(t, "all of it is folded", func() bool {
		head := int(gauges(s)["signalbox_journal_head_offset"])
		return s.do(http.MethodGet, fmt.Sprintf("/api/v1/totals?after_offset=%d", head), nil, nil) == http.StatusOK
	})
	want := shown(s)
	copyTree(t, dir, killed)
	s.stop()
	copyTree(t, dir, stopped)
	for name, golden := range map[string]string{"stopped": stopped, "killed": killed} {
		again := filepath.Join(t.TempDir(), "again")
		copyTree(t, golden, again)
		s := start(t, again, slow)
		if got := shown(s); got != want {
			t.Fatalf("an undamaged copy (%s) shows something else:\n%s", name, difference(want, got))
		}
		s.kill()
	}
	return want
}

// shown is what the API shows of incidents, alerts and quarantine.
func shown(s *server) string {
	var b strings.Builder
	for _, path := range []string{"/api/v1/incidents", "/api/v1/alerts", "/api/v1/quarantine"} {
		for _, item := range list[json.RawMessage](s, path) {
			b.Write(bytes.TrimSpace(item))
			b.WriteByte('\n')
		}
	}
	return b.String()
}

// difference is the first line in which two texts differ.
func difference(want, got string) string {
	w, g := strings.Split(want, "\n"), strings.Split(got, "\n")
	for i := range max(len(w), len(g)) {
		a, b := "(nothing)", "(nothing)"
		if i < len(w) {
			a = w[i]
		}
		if i < len(g) {
			b = g[i]
		}
		if a != b {
			return fmt.Sprintf("line %d of %d and %d\n want %.600s\n got  %.600s", i, len(w), len(g), a, b)
		}
	}
	return "none"
}

// choose picks a file and what happens to it: mostly a flipped bit.
func choose(t *testing.T, rnd *rand.Rand, dir string, n int) rotten {
	t.Helper()
	var files []string
	err := filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() && d.Name() != ballastFile {
			rel, rerr := filepath.Rel(dir, p)
			files, err = append(files, rel), rerr
		}
		return err
	})
	if err != nil || len(files) < 5 {
		t.Fatalf("files of %s: %v, %v", dir, files, err)
	}
	slices.Sort(files)
	file := files[rnd.IntN(len(files))]
	if n%2 == 0 || n%3 == 0 { // the large ones more often, for they hold the most
		file = files[heaviest(t, rnd, dir, files)]
	}
	used := usedBytes(t, filepath.Join(dir, file))
	switch {
	case n%13 == 12:
		return rotten{"delete " + file, file, os.Remove}
	case n%13 >= 10 && used > 0:
		at := rnd.Int64N(used)
		return rotten{fmt.Sprintf("cut %s at %d", file, at), file, func(p string) error { return os.Truncate(p, at) }}
	case used > 0:
		at, bit := rnd.Int64N(used), byte(1)<<rnd.IntN(8)
		return rotten{fmt.Sprintf("flip %s at %d bit %#x", file, at, bit), file, func(p string) error { return flip(p, at, bit) }}
	}
	return rotten{"delete " + file, file, os.Remove}
}

// heaviest picks a file with a chance that grows with what it holds.
func heaviest(t *testing.T, rnd *rand.Rand, dir string, files []string) int {
	t.Helper()
	var sum int64
	ends := make([]int64, len(files))
	for i, f := range files {
		sum += usedBytes(t, filepath.Join(dir, f))
		ends[i] = sum
	}
	at := rnd.Int64N(sum)
	return slices.IndexFunc(ends, func(end int64) bool { return at < end })
}

// usedBytes is the length of a file without the zeros at its end.
func usedBytes(t *testing.T, path string) int64 {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return int64(len(bytes.TrimRight(b, "\x00")))
}

func flip(path string, at int64, bit byte) error {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	b := make([]byte, 1)
	if _, err := f.ReadAt(b, at); err != nil {
		return err
	}
	b[0] ^= bit
	_, err = f.WriteAt(b, at)
	return err
}

// remedies are the words with which a refusal says what to do.
var remedies = []string{"rebuild", "restore", "put back", "put the", "remove it", "backup"}

// checkRotten starts a server on a damaged directory and returns what it did.
func checkRotten(t *testing.T, dir, golden string, c rotten, want string) string {
	s := prepare(t, dir, slow)
	s.launch()
	err := s.awaitReady()
	part := strings.Split(filepath.ToSlash(c.file), "/")[0]
	if err == nil {
		sameAs(t, s, golden, want, c.what+": starts")
		s.kill()
		return part + " no effect"
	}
	if !errors.Is(err, errEnded) {
		t.Errorf("%s: %v", c.what, err)
		return part + " hangs"
	}
	said := s.log.String()
	s.kill()
	if strings.Contains(said, "panic") || strings.Contains(said, "SIGSEGV") || strings.Contains(said, "SIGBUS") {
		t.Errorf("%s: the start crashed:\n%s", c.what, tail(said, 3000))
	}
	if !strings.Contains(said, filepath.Join(dir, part)) && !strings.Contains(said, filepath.Base(c.file)) {
		t.Errorf("%s: the refusal does not name %s:\n%s", c.what, part, tail(said, 1500))
	}
	if !slices.ContainsFunc(remedies, func(r string) bool { return strings.Contains(said, r) }) {
		t.Errorf("%s: the refusal names no remedy:\n%s", c.what, tail(said, 1500))
	}
	if part == journalDir {
		return part + " refused"
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if out, err := exec.CommandContext(ctx, binary, "rebuild", "--data-dir", dir).CombinedOutput(); err != nil {
		t.Errorf("%s: rebuild: %v\n%s", c.what, err, tail(string(out), 2000))
		return part + " refused"
	}
	s.run()
	sameAs(t, s, golden, want, c.what+": a rebuild")
	s.kill()
	return part + " refused and rebuilt"
}

// sameAs checks that a server shows what was there before the damage. Timers that
// came due since may have changed that: then a start of the undamaged copy must
// come to show the same.
func sameAs(t *testing.T, s *server, golden, want, what string) {
	t.Helper()
	got := shown(s)
	if got == want {
		return
	}
	dir := filepath.Join(t.TempDir(), "undamaged")
	copyTree(t, golden, dir)
	whole := start(t, dir, slow)
	for deadline := time.Now().Add(patience); got != want; time.Sleep(lookEvery) {
		if got, want = shown(s), shown(whole); time.Now().After(deadline) {
			t.Errorf("%s and shows something else: %s", what, difference(want, got))
			break
		}
	}
	whole.kill()
}

// copyTree copies a directory and leaves holes as they are.
func copyTree(t *testing.T, from, to string) {
	t.Helper()
	if b, err := exec.Command("cp", "-a", "--sparse=always", from, to).CombinedOutput(); err != nil {
		t.Fatalf("copy: %v %s", err, b)
	}
}
