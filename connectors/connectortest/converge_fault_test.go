//go:build fault

package connectortest

import (
	"strings"
	"testing"
	"time"

	"signalbox/connectors"
	"signalbox/correlate"
	"signalbox/itsm/desk"
)

// plant turns on the fault of that name, and every other one off.
func plant(name string) (found bool) {
	for _, p := range []func(string) bool{correlate.Plant, connectors.Plant, desk.Plant} {
		found = p(name) || found
	}
	return found || name == ""
}

// faultSeeds bounds the search for a planted fault: each is a world in which our process
// lasts, and one in which it dies now and then.
const faultSeeds = 8

var small = convergence{incidents: 20, edits: 600, partners: 5, lasts: 36 * time.Hour}

func hunt(t *testing.T, seeds int) (found []string) {
	for n := range 2 * seeds {
		c := small
		c.seed, c.deaths = uint64(n/2)+1, n%2*10
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

// TestFaults plants each fault and shows that the simulation finds it.
func TestFaults(t *testing.T) {
	t.Cleanup(func() { plant("") })
	for _, name := range []string{
		"TTL-only echo guard", "no version check", "wall-clock ordering", "key without epoch", "delta applied", "no old-record check",
		"echo is an override", "no look-up", "order not kept", "sweep sees nothing", "no earlier records", "outbox apart",
	} {
		t.Run(name, func(t *testing.T) {
			if !plant(name) {
				t.Fatal("no package has this fault")
			}
			found := hunt(t, faultSeeds)
			if len(found) == 0 {
				t.Fatalf("not found in %d worlds", 2*faultSeeds)
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
