//go:build fault

package desk

import "signalbox/itsm/kv"

// The planted faults; see fault_off.go.
var (
	faultOutboxApart bool
	faultCursorFirst bool
)

// Plant turns on the fault of that name, and every other one off. It reports
// whether this package has it.
func Plant(name string) (found bool) {
	for f, on := range map[string]*bool{
		"outbox apart": &faultOutboxApart,
		"cursor first": &faultCursorFirst,
	} {
		*on = f == name
		found = found || *on
	}
	return found
}

// putApart stores the batch's intents in a transaction of their own, after the
// cursor.
func (a *application) putApart() error {
	return a.d.db.UpdateLarge(func(tx kv.Tx) error {
		a.tx = tx
		for i := range a.apart {
			if err := a.putIntent(&StoredIntent{Intent: a.apart[i], Status: IntentPending}); err != nil {
				return err
			}
		}
		return nil
	})
}
