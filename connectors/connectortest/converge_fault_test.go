//go:build fault

package connectortest

import (
	"strings"
	"testing"
	"time"

	"signalbox/connectors"
	"signalbox/correlate"
)

// plant turns on the fault of that name, and every other one off.
func plant(name string) (found bool) {
	for _, p := range []func(string) bool{correlate.Plant, connectors.Plant} {
		found = p(name) || found
	}
	return found || name == ""
}

// faultSeeds bounds the search for a planted fault.
const faultSeeds = 8

var small = convergence{incidents: 20, edits: 600, partners: 5, lasts: 36 * time.Hour}

func hunt(t *testing.T, seeds int) (found []string) {
	for seed := range seeds {
		c := small
		c.seed = uint64(seed) + 1
		found = virtually(t, func(t *testing.T) []string {
			_, bad := c.run(t)
			return bad
		})
		if len(found) > 0 {
			return found
		}
	}
	return nil
}

// TestFaults plants each fault and shows that the simulation finds it. Those that
// need a crash, such as the outbox outside the transaction, are in correlate/sim.
func TestFaults(t *testing.T) {
	t.Cleanup(func() { plant("") })
	for _, name := range []string{
		"TTL-only echo guard", "no version check", "wall-clock ordering", "key without epoch", "delta applied", "no old-record check",
		"echo is an override", "no look-up", "order not kept", "sweep sees nothing",
	} {
		t.Run(name, func(t *testing.T) {
			if !plant(name) {
				t.Fatal("no package has this fault")
			}
			found := hunt(t, faultSeeds)
			if len(found) == 0 {
				t.Fatalf("not found in %d worlds", faultSeeds)
			}
			t.Logf("found: %.200s", strings.Join(found, "; "))
		})
	}
}

// TestNoFault shows that these builds find nothing when nothing is planted.
func TestNoFault(t *testing.T) {
	plant("")
	if found := hunt(t, 2); len(found) > 0 {
		t.Errorf("without a fault: %v", found)
	}
}
