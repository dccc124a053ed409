// Package kvtest holds the properties that every kv.DB must have, as tests. An
// implementation calls Run from a test of its own; whoever wraps a DB to make it
// fail does so here too, so that all tests fail it in the same way.
//
// Invariants it checks: snapshot reads, all-or-nothing updates, order of scans
// in both directions and from any place, the order of writes of UpdateLarge, and
// equality with a plain map under random operations.
//
// The package owns no keys.
//
// # Decisions
//
// 2026-11 It is no test file, because the test of badgerkv needs it and Go does
// not share test files between packages.
package kvtest

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"signalbox/itsm/kv"
)

// Run checks a DB. open returns an empty one each time and closes it by itself.
func Run(t *testing.T, open func(testing.TB) kv.DB) {
	tests := []struct {
		name string
		run  func(*testing.T, kv.DB)
	}{
		{"read and write", readWrite},
		{"read-only", readOnly},
		{"all or nothing", allOrNothing},
		{"snapshot", snapshot},
		{"own writes", ownWrites},
		{"scan", scans},
		{"scan stops", scanStops},
		{"large", large},
		{"values are copied out of the caller's buffers", buffers},
		{"model", model},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) { tt.run(t, open(t)) })
	}
}

// Pair is one key and value, for comparing.
type Pair struct{ Key, Value string }

// All returns what a range of db holds.
func All(t testing.TB, db kv.DB, r kv.Range) (out []Pair) {
	t.Helper()
	must(t, db.View(func(tx kv.Tx) (err error) {
		out, err = collect(tx, r)
		return err
	}))
	return out
}

func collect(tx kv.Tx, r kv.Range) (out []Pair, err error) {
	err = tx.Scan(r, func(k, v []byte) error {
		out = append(out, Pair{string(k), string(v)})
		return nil
	})
	return out, err
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// put stores key=value pairs.
func put(t testing.TB, db kv.DB, pairs ...string) {
	t.Helper()
	must(t, db.Update(func(tx kv.Tx) error {
		for i := 0; i < len(pairs); i += 2 {
			if err := tx.Set([]byte(pairs[i]), []byte(pairs[i+1])); err != nil {
				return err
			}
		}
		return nil
	}))
}

func readWrite(t *testing.T, db kv.DB) {
	put(t, db, "a", "1", "b", "", "a", "2")
	must(t, db.Update(func(tx kv.Tx) error {
		return errors.Join(tx.Set([]byte("c"), []byte("3")), tx.Delete([]byte("c")), tx.Delete([]byte("never")))
	}))
	if diff := cmp.Diff([]Pair{{"a", "2"}, {"b", ""}}, All(t, db, kv.Range{})); diff != "" {
		t.Error(diff)
	}
	must(t, db.View(func(tx kv.Tx) error {
		if v, err := tx.Get([]byte("b")); err != nil || v == nil || len(v) != 0 {
			t.Errorf("Get of an empty value = %v, %v; want empty, nil", v, err)
		}
		if _, err := tx.Get([]byte("c")); !errors.Is(err, kv.ErrNotFound) {
			t.Errorf("Get of a deleted key: %v; want ErrNotFound", err)
		}
		return nil
	}))
	must(t, db.Sync())
}

func readOnly(t *testing.T, db kv.DB) {
	must(t, db.View(func(tx kv.Tx) error {
		if err := tx.Set([]byte("a"), nil); !errors.Is(err, kv.ErrReadOnly) {
			t.Errorf("Set in a View: %v; want ErrReadOnly", err)
		}
		if err := tx.Delete([]byte("a")); !errors.Is(err, kv.ErrReadOnly) {
			t.Errorf("Delete in a View: %v; want ErrReadOnly", err)
		}
		return nil
	}))
}

func allOrNothing(t *testing.T, db kv.DB) {
	put(t, db, "a", "1")
	fail := errors.New("changed my mind")
	for _, update := range []func(func(kv.Tx) error) error{db.Update, db.UpdateLarge} {
		err := update(func(tx kv.Tx) error {
			must(t, tx.Set([]byte("b"), []byte("2")))
			must(t, tx.Delete([]byte("a")))
			return fail
		})
		if !errors.Is(err, fail) {
			t.Errorf("update answered %v; want the function's own error", err)
		}
		if diff := cmp.Diff([]Pair{{"a", "1"}}, All(t, db, kv.Range{})); diff != "" {
			t.Error(diff)
		}
	}
}

func snapshot(t *testing.T, db kv.DB) {
	put(t, db, "a", "old", "b", "old")
	must(t, db.View(func(tx kv.Tx) error {
		put(t, db, "a", "new", "c", "new")
		must(t, db.Update(func(tx kv.Tx) error { return tx.Delete([]byte("b")) }))
		got, err := collect(tx, kv.Range{})
		if diff := cmp.Diff([]Pair{{"a", "old"}, {"b", "old"}}, got); diff != "" {
			t.Errorf("a later update shows in a View: %s", diff)
		}
		return err
	}))
	if diff := cmp.Diff([]Pair{{"a", "new"}, {"c", "new"}}, All(t, db, kv.Range{})); diff != "" {
		t.Error(diff)
	}
}

func ownWrites(t *testing.T, db kv.DB) {
	put(t, db, "a", "1", "c", "3")
	must(t, db.Update(func(tx kv.Tx) error {
		must(t, tx.Set([]byte("b"), []byte("2")))
		must(t, tx.Delete([]byte("c")))
		v, err := tx.Get([]byte("b"))
		if err != nil || string(v) != "2" {
			t.Errorf("Get of an own write = %q, %v", v, err)
		}
		got, err := collect(tx, kv.Range{})
		if diff := cmp.Diff([]Pair{{"a", "1"}, {"b", "2"}}, got); diff != "" {
			t.Errorf("own writes in a scan: %s", diff)
		}
		return err
	}))
}

func scans(t *testing.T, db kv.DB) {
	keys := []string{"\x01", "a", "a\x00", "a\x00\xff", "ab", "b", "b\xff", "b\xff\xff", "c", "\xff", "\xff\xff\x01"}
	for _, k := range keys {
		put(t, db, k, "v"+k)
	}
	froms := append([]string{"", "\x00", "aa", "bz", "b\xff\xff\xff", "\xff\xff"}, keys...)
	for _, prefix := range []string{"", "a", "a\x00", "b", "b\xff", "\xff", "\xff\xff", "z"} {
		for _, from := range froms {
			for _, reverse := range []bool{false, true} {
				r := kv.Range{Prefix: []byte(prefix), Reverse: reverse, KeysOnly: true}
				if from != "" {
					r.From = []byte(from)
				}
				if diff := cmp.Diff(wantKeys(keys, r), keysOf(All(t, db, r))); diff != "" {
					t.Errorf("prefix %q from %q reverse %t: %s", prefix, from, reverse, diff)
				}
			}
		}
	}
}

// wantKeys says in the plainest way what a range visits.
func wantKeys(keys []string, r kv.Range) (out []string) {
	for _, k := range keys {
		c := bytes.Compare([]byte(k), r.From)
		if bytes.HasPrefix([]byte(k), r.Prefix) && (r.From == nil || (!r.Reverse && c >= 0) || (r.Reverse && c <= 0)) {
			out = append(out, k)
		}
	}
	slices.Sort(out)
	if r.Reverse {
		slices.Reverse(out)
	}
	return out
}

func keysOf(pairs []Pair) (out []string) {
	for _, p := range pairs {
		out = append(out, p.Key)
	}
	return out
}

func scanStops(t *testing.T, db kv.DB) {
	put(t, db, "a", "1", "b", "2", "c", "3")
	fail := errors.New("broken")
	for _, tt := range []struct{ give, want error }{{kv.Stop, nil}, {fail, fail}} {
		seen := 0
		err := db.View(func(tx kv.Tx) error {
			return tx.Scan(kv.Range{}, func(_, _ []byte) error {
				seen++
				return tt.give
			})
		})
		if seen != 1 || !errors.Is(err, tt.want) {
			t.Errorf("a callback that answers %v: %d calls, %v", tt.give, seen, err)
		}
	}
}

// LargeBytes is more than a transaction of a disk store holds.
const LargeBytes = 12 << 20

func large(t *testing.T, db kv.DB) {
	const size = 8 << 10
	value := bytes.Repeat([]byte("x"), size)
	must(t, db.UpdateLarge(func(tx kv.Tx) error {
		for i := range LargeBytes / size {
			if err := tx.Set(fmt.Appendf(nil, "k%06d", i), value); err != nil {
				return err
			}
		}
		if _, err := tx.Get([]byte("k000000")); err != nil {
			t.Errorf("an own write of an earlier portion: %v", err)
		}
		return tx.Set([]byte("cursor"), []byte("1"))
	}))
	if got := len(All(t, db, kv.Range{Prefix: []byte("k"), KeysOnly: true})); got != LargeBytes/size {
		t.Errorf("%d keys stored; want %d", got, LargeBytes/size)
	}
}

func buffers(t *testing.T, db kv.DB) {
	key, value := []byte("key"), []byte("value")
	must(t, db.Update(func(tx kv.Tx) error { return tx.Set(key, value) }))
	copy(key, "XXX")
	copy(value, "XXXXX")
	if diff := cmp.Diff([]Pair{{"key", "value"}}, All(t, db, kv.Range{})); diff != "" {
		t.Error(diff)
	}
}

// model compares db with a map under random transactions, some of which fail.
func model(t *testing.T, db kv.DB) {
	want := map[string]string{}
	key := rapid.StringMatching(`[abc]{1,3}`)
	rapid.Check(t, func(rt *rapid.T) {
		next := map[string]string{}
		for k, v := range want {
			next[k] = v
		}
		fail := rapid.IntRange(0, 4).Draw(rt, "fail") == 0
		update := db.Update
		if rapid.Bool().Draw(rt, "large") {
			update = db.UpdateLarge
		}
		abort := errors.New("abort")
		err := update(func(tx kv.Tx) error {
			for range rapid.IntRange(0, 6).Draw(rt, "writes") {
				k := key.Draw(rt, "key")
				if rapid.Bool().Draw(rt, "delete") {
					delete(next, k)
					must(t, tx.Delete([]byte(k)))
					continue
				}
				next[k] = rapid.String().Draw(rt, "value")
				must(t, tx.Set([]byte(k), []byte(next[k])))
			}
			if fail {
				return abort
			}
			return nil
		})
		if !fail {
			must(t, err)
			want = next
		}
		r := kv.Range{Prefix: []byte(rapid.StringMatching(`[abc]{0,2}`).Draw(rt, "prefix")), Reverse: rapid.Bool().Draw(rt, "reverse")}
		if rapid.Bool().Draw(rt, "from") {
			r.From = []byte(key.Draw(rt, "start"))
		}
		var keys []string
		for k := range want {
			keys = append(keys, k)
		}
		var pairs []Pair
		for _, k := range wantKeys(keys, r) {
			pairs = append(pairs, Pair{k, want[k]})
		}
		if diff := cmp.Diff(pairs, All(t, db, r)); diff != "" {
			rt.Fatalf("%+v: %s", r, diff)
		}
	})
}
