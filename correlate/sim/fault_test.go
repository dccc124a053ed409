//go:build fault

package sim

import (
	"errors"
	"testing"
)

// faultSeeds bounds the search for a planted fault: so many worlds of 1,000 steps.
const faultSeeds = 150

// TestFaults plants each fault and shows that a law finds it. A fault nobody finds
// means that the simulation has stopped looking.
func TestFaults(t *testing.T) {
	t.Cleanup(func() { Plant("") })
	for _, f := range []struct{ name, law string }{ // law: the one that names it best; "" any
		{"acknowledged early", "I1"}, {"outbox apart", ""}, {"cursor first", ""}, {"dedupe not saved", ""}, {"gap tolerated", "I3"},
		{"no version check", ""}, {"TTL-only echo guard", "I9"}, {"wall-clock ordering", ""}, {"map order", ""}, {"timers not saved", ""},
		{"truncated clears", "clears"}, {"no tombstone", "tombstone"}, {"repeat is episode", "duplicates"}, {"merge loses", ""},
		{"uncounted", "I14"}, {"key without epoch", "I6"}, {"no doubts", "I8"},
	} {
		t.Run(f.name, func(t *testing.T) {
			if !Plant(f.name) {
				t.Fatal("no package has this fault")
			}
			v, steps := hunt(faultSeeds)
			if v == nil {
				t.Fatalf("not found in %d steps", steps)
			}
			t.Logf("found after %d steps by law %s (seed %d, step %d): %.160s", steps, v.Law, v.Seed, v.Step, v.Msg)
			if f.law != "" && v.Law != f.law {
				t.Errorf("found by law %s, expected %s: %s", v.Law, f.law, v.Msg)
			}
		})
	}
}

// TestNoFault shows that these builds find nothing when nothing is planted.
func TestNoFault(t *testing.T) {
	Plant("")
	if v, _ := hunt(20); v != nil {
		t.Errorf("without a fault: %v", v)
	}
}

// hunt runs worlds until one breaks a law.
func hunt(seeds int) (v *Violation, steps int) {
	for seed := range seeds {
		rep, err := Run(Options{Seed: uint64(seed) + 1, Steps: 1000})
		steps += rep.Steps
		if errors.As(err, &v) {
			return v, steps
		}
	}
	return nil, steps
}
