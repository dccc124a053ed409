package learn

import (
	"math"
	"testing"
)

// Values from tables.
func TestStatistics(t *testing.T) {
	for _, c := range []struct {
		name      string
		got, want float64
	}{
		{"Wilson 10 of 10", wilson(10, 10), 0.7225},
		{"Wilson 46 of 50", wilson(46, 50), 0.8116},
		{"Wilson 0 of 0", wilson(0, 0), 0},
		{"Poisson X>=1 | 1", poissonTail(2, 1), 1 - 2/math.E},
		{"Poisson X>=10 | 3", poissonTail(10, 3), 0.0011025},
		{"Poisson X>=0", poissonTail(0, 3), 1},
		{"Poisson of never", poissonTail(1, 0), 0},
		{"binomial 2 of 10 at a half", binomialHead(2, 10, 0.5), 56.0 / 1024},
	} {
		if math.Abs(c.got-c.want) > 1e-4 {
			t.Errorf("%s: %v, want %v", c.name, c.got, c.want)
		}
	}
}

func TestMask(t *testing.T) {
	for in, want := range map[string]string{
		"pod web-7d9f8b-x2 restarted 5 times": "pod web-#-x# restarted # times",
		"disk sda1 full":                      "disk sda# full",
		"decade":                              "decade",
		"":                                    "",
	} {
		if got := mask(in); got != want {
			t.Errorf("mask(%q) = %q, want %q", in, got, want)
		}
	}
}
