package main

import "testing"

func TestGCHeadroom(t *testing.T) {
	for _, c := range []struct {
		live uint64
		want int
	}{
		{0, gcPercentMax}, {8 << 20, gcPercentMax}, {64 << 20, 300}, {96 << 20, 200}, {192 << 20, 100}, {4 << 30, gcPercentMin},
	} {
		if got := gcPercent(c.live); got != c.want {
			t.Errorf("gcPercent(%d MiB) = %d, want %d", c.live>>20, got, c.want)
		}
	}
}
