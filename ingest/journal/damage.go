package journal

import (
	"fmt"
	"strings"

	"signalbox/itsm"
)

// Damage is a range of the journal that is not as it was written.
type Damage struct {
	File     string      // base name of the segment file
	From, To int64       // bytes [From, To); both 0 when the file is missing
	First    itsm.Offset // first entry concerned
	Last     itsm.Offset // last one; 0 when unknown
	Why      string
}

// remedy is the same for every damage: the journal is the truth, so only a copy helps.
const remedy = "nothing was changed; put this file back from a backup or replica taken after its last entry, " +
	"then run \"signalbox journal verify\""

// Error implements error.
func (d *Damage) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "journal file %s", d.File)
	if d.To > 0 {
		fmt.Fprintf(&b, ", bytes %d to %d", d.From, d.To)
	}
	switch {
	case d.Last >= d.First && d.Last > 0:
		fmt.Fprintf(&b, ", offsets %d to %d", d.First, d.Last)
	case d.First > 0:
		fmt.Fprintf(&b, ", offsets %d and later", d.First)
	}
	return b.String() + ": " + d.Why
}

// refusal is the error of an operation that found damage: the first one, with advice.
func refusal(damage []Damage) error {
	more := ""
	if n := len(damage) - 1; n > 0 {
		more = fmt.Sprintf(" (and %d more)", n)
	}
	return itsm.Wrap(itsm.Internal, &damage[0], "the journal is damaged%s; %s", more, remedy)
}
