package journal

import (
	"testing"
	"time"

	"signalbox/itsm"
)

// TestPace: what the clock does, and what becomes of At.
func TestPace(t *testing.T) {
	const second = itsm.Time(1000)
	p := pace{last: 100 * second}
	before := 100 * second
	for _, c := range []struct {
		clock   itsm.Time
		elapsed time.Duration
		want    itsm.Time
	}{
		{101 * second, time.Second, 101 * second},
		{5000 * second, 2 * time.Second, 5000 * second},          // ahead: somebody set it
		{103 * second, 3 * time.Second, 5000*second + 875},       // and back: time goes on all the same,
		{103 * second, 3*time.Second + 1, 5000*second + 875},     // little by little
		{119 * second, 18 * time.Second, 5014 * second},          // at seven eighths
		{5014*second - 1, 18 * time.Second, 5014 * second},       // until the clock has caught up
		{5014*second + 1, 18*time.Second + 1e6, 5014*second + 1}, // and leads again
		{5014*second + 1, 18*time.Second + 1e6, 5014*second + 1}, // standing is allowed
		{4000 * second, 18*time.Second + 1e6, 5014*second + 1},   // falling is not
		{5015*second + 1, 19 * time.Second, 5015*second + 1},
	} {
		before = p.at(before, c.clock, c.elapsed)
		if before != c.want {
			t.Errorf("clock %d after %v: %d, want %d", c.clock, c.elapsed, before, c.want)
		}
	}
}

// TestTimeGoesOnWhileTheClockIsBehind does it through the log, over a restart.
func TestTimeGoesOnWhileTheClockIsBehind(t *testing.T) {
	clock, elapsed := time.UnixMilli(1_700_000_000_000), time.Duration(0)
	o := Options{Dir: t.TempDir(), SegmentBytes: 1 << 20, Clock: func() time.Time { return clock }, Elapsed: func() time.Duration { return elapsed }}
	at := func(l *Log) itsm.Time {
		t.Helper()
		_, at, err := l.Append(t.Context(), []byte("x"))
		if err != nil {
			t.Fatal(err)
		}
		return at
	}
	l, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	right := clock
	clock = right.AddDate(10, 0, 0)
	ahead := at(l)
	clock, elapsed = right, 8*time.Second
	if got := at(l); got != ahead.Add(7*time.Second) {
		t.Errorf("8 s after the clock went back: %v after the last entry, want 7 s", got.Std().Sub(ahead.Std()))
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if l, err = Open(o); err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	elapsed += 8 * time.Second
	if got := at(l); got != ahead.Add(14*time.Second) {
		t.Errorf("after a restart: %v after the clock went back, want 14 s", got.Std().Sub(ahead.Std()))
	}
}
