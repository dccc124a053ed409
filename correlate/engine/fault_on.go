//go:build fault

package engine

// The planted faults; see fault_off.go.
var (
	faultGap bool
)

// Plant turns on the fault of that name, and every other one off. It reports
// whether this package has it.
func Plant(name string) (found bool) {
	for f, on := range map[string]*bool{
		"gap tolerated": &faultGap,
	} {
		*on = f == name
		found = found || *on
	}
	return found
}
