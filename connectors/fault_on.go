//go:build fault

package connectors

// The planted faults; see fault_off.go.
var (
	faultNoDoubts   bool
	faultNoLookUp   bool
	faultNoOrder    bool
	faultBlindSweep bool
	faultNoEarlier  bool
)

// Plant turns on the fault of that name, and every other one off. It reports
// whether this package has it.
func Plant(name string) (found bool) {
	for f, on := range map[string]*bool{
		"no doubts":          &faultNoDoubts,
		"no look-up":         &faultNoLookUp,
		"order not kept":     &faultNoOrder,
		"sweep sees nothing": &faultBlindSweep,
		"no earlier records": &faultNoEarlier,
	} {
		*on = f == name
		found = found || *on
	}
	return found
}
