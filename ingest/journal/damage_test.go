package journal_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"signalbox/ingest/journal"
	"signalbox/ingest/journal/fault"
	"signalbox/itsm"
)

// closedLog makes a journal of several segments that was closed, and returns what it holds.
func closedLog(t testing.TB, entries int) (*fault.Disk, []journal.Record) {
	t.Helper()
	d := fault.New(1)
	l, want := openFilled(t, d, entries)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	return d, want
}

// openFilled makes a journal with an Append an entry.
func openFilled(t testing.TB, d *fault.Disk, entries int) (*journal.Log, []journal.Record) {
	t.Helper()
	l, err := journal.Open(options(d))
	if err != nil {
		t.Fatal(err)
	}
	var want []journal.Record
	for i := range entries {
		body := bytes.Repeat([]byte{byte(i + 1)}, 300+i*7)
		off, at, err := l.Append(context.Background(), body)
		if err != nil {
			t.Fatal(err)
		}
		want = append(want, journal.Record{Offset: off, At: at, Body: body})
	}
	return l, want
}

func options(d *fault.Disk) journal.Options {
	now := time.UnixMilli(1000)
	return journal.Options{Dir: simDir, FS: d, SegmentBytes: 16 << 10, TailBytes: 1, Clock: func() time.Time { now = now.Add(time.Second); return now }}
}

// content opens a journal and reads all of it.
func content(d *fault.Disk) ([]journal.Record, error) {
	l, err := journal.Open(options(d))
	if err != nil {
		return nil, err
	}
	defer l.Close()
	var all []journal.Record
	for next := l.Oldest(); ; {
		got, err := l.Read(next, 100, 1<<20)
		if err != nil || len(got) == 0 {
			return all, err
		}
		all = append(all, got...)
		next += itsm.Offset(len(got))
	}
}

// differs says where two readings differ, or "". cmp is too slow for this many bytes.
func differs(want, got []journal.Record) string {
	for i := range min(len(want), len(got)) {
		if w, g := want[i], got[i]; w.Offset != g.Offset || w.At != g.At || !bytes.Equal(w.Body, g.Body) {
			return fmt.Sprintf("entry %d: got offset %d at %d with %d bytes, want %d at %d with %d", i, g.Offset, g.At, len(g.Body), w.Offset, w.At, len(w.Body))
		}
	}
	if len(want) != len(got) {
		return fmt.Sprintf("%d entries, want %d", len(got), len(want))
	}
	return ""
}

// framePos finds the frame of an entry by its body in a file.
func framePos(t testing.TB, file []byte, r journal.Record) int64 {
	t.Helper()
	i := bytes.Index(file, r.Body[:100])
	if i < 0 {
		t.Fatalf("entry %d is not in the file", r.Offset)
	}
	return int64(i - 60)
}

func TestDamageIsNamed(t *testing.T) {
	const entries = 60 // about 34 KiB: three segments
	seg := func(d *fault.Disk, i int) string { return files(t, d, ".seg")[i] }
	for _, c := range []struct {
		name string
		harm func(d *fault.Disk, want []journal.Record)
		says string // "" : harmless
	}{
		{"bit in a body", func(d *fault.Disk, w []journal.Record) {
			d.Flip(seg(d, 1), (framePos(t, d.Bytes(seg(d, 1)), w[30])+70)*8)
		}, "offsets 31 to 31"},
		{"bit in a length", func(d *fault.Disk, w []journal.Record) {
			d.Flip(seg(d, 1), (framePos(t, d.Bytes(seg(d, 1)), w[30])+5)*8)
		}, "offsets 31 to 31"},
		{"bit in the last frame", func(d *fault.Disk, w []journal.Record) {
			d.Flip(seg(d, 2), (framePos(t, d.Bytes(seg(d, 2)), w[59])+70)*8)
		}, "offsets 60 to 60"},
		{"bit in the last mark", func(d *fault.Disk, w []journal.Record) {
			d.Flip(seg(d, 2), (framePos(t, d.Bytes(seg(d, 2)), w[59])+int64(len(w[59].Body)+7+60)/8*8+9)*8)
		}, ""},
		{"bit in free space", func(d *fault.Disk, _ []journal.Record) { d.Flip(seg(d, 2), d.Size(seg(d, 2))*8-1) }, ""},
		{"bit in a header", func(d *fault.Disk, _ []journal.Record) { d.Flip(seg(d, 1), 45*8) }, "header"},
		{"oldest file gone", func(d *fault.Disk, _ []journal.Record) { d.Remove(seg(d, 0)) }, "00000000000000000001.seg, offsets 1 to"},
		{"middle file gone", func(d *fault.Disk, _ []journal.Record) { d.Remove(seg(d, 1)) }, "a segment file is missing"},
		{"newest file gone", func(d *fault.Disk, _ []journal.Record) { d.Remove(seg(d, 2)) }, "newest segment file is missing"},
		{"all files gone", func(d *fault.Disk, _ []journal.Record) {
			for _, f := range files(t, d, ".seg") {
				d.Remove(f)
			}
		}, "no segment file is left"},
		{"newest file truncated in its free space", func(d *fault.Disk, _ []journal.Record) { d.Truncate(seg(d, 2), d.Size(seg(d, 2))-1) }, "truncated"},
		{"middle file truncated", func(d *fault.Disk, _ []journal.Record) { d.Truncate(seg(d, 1), 5000) }, "truncated"},
		{"file emptied", func(d *fault.Disk, _ []journal.Record) { d.Truncate(seg(d, 1), 0) }, "shorter than its header"},
		{"frame zeroed", func(d *fault.Disk, w []journal.Record) {
			b := d.Bytes(seg(d, 1))
			p := framePos(t, b, w[30])
			clear(b[p : p+80])
			d.Put(seg(d, 1), b)
		}, "offsets 31 to 31"},
		{"end of a middle file zeroed", func(d *fault.Disk, w []journal.Record) {
			b := d.Bytes(seg(d, 1))
			clear(b[framePos(t, b, w[30]):])
			d.Put(seg(d, 1), b)
		}, "offsets 31 to"},
		{"two frames exchanged for one", func(d *fault.Disk, w []journal.Record) {
			b := d.Bytes(seg(d, 1))
			p, q, r := framePos(t, b, w[30]), framePos(t, b, w[31]), framePos(t, b, w[32])
			copy(b[p:], append(append([]byte{}, b[q:r]...), b[p:q]...))
			d.Put(seg(d, 1), b)
		}, "begins with offset 32, expected 31"},
		{"files exchanged", func(d *fault.Disk, _ []journal.Record) {
			a, b := d.Bytes(seg(d, 0)), d.Bytes(seg(d, 1))
			d.Put(seg(d, 0), b)
			d.Put(seg(d, 1), a)
		}, "name does not fit"},
		{"file of another journal", func(d *fault.Disk, _ []journal.Record) {
			other, _ := closedLog(t, entries)
			d.Put(seg(d, 1), other.Bytes(seg(d, 1)))
		}, "does not continue"},
		{"journal.meta gone", func(d *fault.Disk, _ []journal.Record) { d.Remove(filepath.Join(simDir, "journal.meta")) }, ""},
		{"bit in journal.meta", func(d *fault.Disk, _ []journal.Record) { d.Flip(filepath.Join(simDir, "journal.meta"), 30*8) }, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			d, want := closedLog(t, entries)
			c.harm(d, want)
			before := d.Clone(1)
			got, err := content(d)
			if c.says == "" {
				if diff := differs(want, got); err != nil || diff != "" {
					t.Fatalf("open: %v, %s", err, diff)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), c.says) || !strings.Contains(err.Error(), ".seg") {
				t.Fatalf("open: %v, want a refusal saying %q", err, c.says)
			}
			if itsm.CodeOf(err) != itsm.Internal || !strings.Contains(itsm.MessageOf(errors.Unwrap(err))+err.Error(), "backup") {
				t.Errorf("open: %v gives no advice", err)
			}
			for _, f := range append(files(t, d, ".seg"), files(t, d, ".meta")...) {
				if !bytes.Equal(before.Bytes(f), d.Bytes(f)) {
					t.Errorf("the refused open changed %s", f)
				}
			}
			r, err := journal.Verify(options(d))
			if err != nil || len(r.Damage) == 0 || !strings.Contains(fmt.Sprint(&r.Damage[0]), c.says) {
				t.Errorf("verify: %v, damage %v, want %q", err, r.Damage, c.says)
			}
		})
	}
}

func TestNewerFormatIsLeftAlone(t *testing.T) {
	d, _ := closedLog(t, 60)
	name := files(t, d, ".seg")[2]
	b := d.Bytes(name)
	b[8] = journal.FormatVersion + 1
	d.Put(name, b)
	d.Put(filepath.Join(simDir, "00000000000000000099.seg.new"), nil)
	ops := d.Ops()
	_, err := journal.Open(options(d))
	if itsm.CodeOf(err) != itsm.Conflict || !strings.Contains(itsm.MessageOf(err), "newer version") {
		t.Fatalf("open: %v, want a refusal", err)
	}
	if d.Ops() != ops {
		t.Errorf("the refused open did %d operations", d.Ops()-ops)
	}
}

// TestTornTail cuts the last write of a journal that was killed, at every byte.
func TestTornTail(t *testing.T) {
	d := fault.New(1)
	l, want := openFilled(t, d, 60)
	name := files(t, d, ".seg")[2]
	end := framePos(t, d.Bytes(name), want[59]) + int64(len(want[59].Body)+7+60)/8*8
	if _, _, err := l.Append(context.Background(), bytes.Repeat([]byte{200}, 300)); err != nil {
		t.Fatal(err)
	}
	l.Close()
	full := d.Bytes(name)
	for cut := end; cut < end+360; cut += 3 {
		b := append([]byte{}, full...)
		clear(b[cut:])
		c := d.Clone(1)
		c.Put(name, b)
		got, err := content(c)
		if diff := differs(want, got); err != nil || diff != "" {
			t.Fatalf("cut at %d of %d: %v\n%s", cut, end, err, diff)
		}
		if got, err = content(c); err != nil || len(got) != len(want) {
			t.Fatalf("cut at %d, second open: %v, %d entries", cut, err, len(got))
		}
	}
}

// TestRot damages a closed journal at random: it is refused, or reads the same.
func TestRot(t *testing.T) {
	d, want := closedLog(t, 60)
	rounds := 2000
	if *long {
		rounds = 50_000
	}
	refused := 0
	for seed := range rounds {
		rng := rand.New(rand.NewPCG(uint64(seed), 3))
		c := d.Clone(uint64(seed))
		all := append(files(t, c, ".seg"), files(t, c, ".meta")...)
		name := all[rng.IntN(len(all))]
		size := c.Size(name)
		var did string
		switch rng.IntN(10) {
		case 0:
			did = "remove"
			c.Remove(name)
		case 1, 2:
			n := rng.Int64N(size)
			did = fmt.Sprintf("truncate to %d", n)
			c.Truncate(name, n)
		default:
			n := rng.Int64N(size * 8)
			did = fmt.Sprintf("flip bit %d", n)
			c.Flip(name, n)
		}
		got, err := content(c)
		var damage *journal.Damage
		if err != nil {
			refused++
			if !errors.As(err, &damage) && itsm.CodeOf(err) != itsm.Conflict || !strings.Contains(err.Error(), ".seg") {
				t.Fatalf("seed %d: %s %s: refused without naming it: %v", seed, did, name, err)
			}
			continue
		}
		if diff := differs(want, got); diff != "" {
			t.Fatalf("seed %d: %s %s: no refusal, but %s", seed, did, name, diff)
		}
	}
	if refused < rounds/4 {
		t.Errorf("only %d of %d damages refused: the test does not hit", refused, rounds)
	}
}
