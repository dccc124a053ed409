package report

import "testing"

func TestSay(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		unit Unit
		cell Cell
		want string
	}{
		{Seconds, number(0), "0 s"}, {Seconds, number(59.6), "1 min"}, {Seconds, number(272), "4 min 32 s"}, {Seconds, number(1800), "30 min"}, {Seconds, number(7800), "2 h 10 min"},
		{Seconds, number(86400), "1 d"}, {Seconds, number(97 * 86400), "97 d"}, {Seconds, number(3*86400 + 3600), "3 d 1 h"}, {Seconds, Cell{}, "–"},
		{Share, number(1), "100 %"}, {Share, number(0.8333), "83.3 %"}, {Share, number(0.00334), "0.33 %"}, {Share, number(0), "0 %"},
		{Ratio, number(0.4), "0.40"}, {Ratio, number(12), "12"}, {Count, count(0), "0"}, {Count, count(1234567), "1,234,567"}, {Count, count(-1234), "-1,234"}, {Words, text("=x"), "=x"},
	} {
		if got := Say(c.unit, c.cell); got != c.want {
			t.Errorf("%s %v: %q, want %q", c.unit, c.cell, got, c.want)
		}
	}
}
