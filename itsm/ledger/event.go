package ledger

import (
	"fmt"
	"strings"

	"signalbox/itsm"
	"signalbox/itsm/entry"
)

// Event is one event, or one undecodable part, and what became of it.
type Event struct {
	itsm.EventFate
	Place int // in the delivery

	// What was received; empty when the journal no longer holds it.
	Identity   string
	Status     itsm.Status
	Severity   itsm.Severity
	Title      string
	Quarantine string // id of the quarantined delivery, of a part that could not be decoded
	Error      string // why it could not

	Now     itsm.IncidentNumber // where Incident is now: it, or what it was merged into
	Because string              // the evidence that the alert belongs to it
	Opened  bool                // the alert opened it
	Story   string              // all of it in one or two sentences
}

// teller tells of the events of one delivery and keeps the incidents it met.
type teller struct {
	l         *Ledger
	received  *entry.Delivery // nil: no longer kept
	incidents map[itsm.IncidentNumber]itsm.Incident
}

func (t *teller) tell(place int, f itsm.EventFate) (Event, error) {
	e := Event{EventFate: f, Place: place}
	if d := t.received; d != nil && place < len(d.Events) {
		ev := &d.Events[place]
		e.Identity, e.Status, e.Severity, e.Title = ev.Identity, ev.Status, ev.Severity, ev.Title
	} else if d != nil && place-len(d.Events) < len(d.Bad) {
		bad := &d.Bad[place-len(d.Events)]
		e.Quarantine, e.Error = bad.ID, bad.Error
	}
	alert, err := t.alert(f.Alert)
	if err != nil {
		return e, err
	}
	if f.Incident != 0 {
		if err := t.explain(&e); err != nil {
			return e, err
		}
	}
	e.Story = story(&e, alert)
	return e, nil
}

// alert reads the alert of today; the zero alert when there is none.
func (t *teller) alert(n itsm.AlertNumber) (a itsm.Alert, err error) {
	if n == 0 {
		return a, nil
	}
	a, err = t.l.records.Alert(n)
	if itsm.CodeOf(err) == itsm.NotFound {
		return itsm.Alert{}, nil
	}
	return a, err
}

// mergesMax bounds how far merges are followed.
const mergesMax = 16

// now follows an incident to where it is now.
func (t *teller) now(n itsm.IncidentNumber) (itsm.IncidentNumber, error) {
	for range mergesMax {
		in, known := t.incidents[n]
		if !known {
			var err error
			if in, err = t.l.records.Incident(n); err != nil && itsm.CodeOf(err) != itsm.NotFound {
				return n, err
			}
			t.incidents[n] = in
		}
		if in.MergedInto == 0 {
			break
		}
		n = in.MergedInto
	}
	return n, nil
}

// explain follows the incident to where it is now and finds the evidence there.
func (t *teller) explain(e *Event) (err error) {
	if e.Now, err = t.now(e.Incident); err != nil {
		return err
	}
	why, err := t.l.records.Why(e.Now, e.Alert, e.Episode)
	if err != nil && itsm.CodeOf(err) != itsm.NotFound {
		return err
	}
	e.Because, e.Opened = why.Because, why.Decision == itsm.DecidedOpened
	return nil
}

// reasons say at length what the fold says in a few words.
var reasons = map[string]string{
	itsm.ReasonUnknownClear: "it clears an alert that is not known, so there was nothing to clear",
	itsm.ReasonTombstone:    "it began before a clear that had come already, so the trouble was over",
	itsm.ReasonOutOfOrder:   "the sender's later state of the alert was applied already",
	itsm.ReasonHold:         "its alert nearly always clears by itself, so it is held back for a while before it opens anything",
}

// story tells a fate; a is the alert as it is today.
func story(e *Event, a itsm.Alert) string {
	var b strings.Builder
	switch e.Fate {
	case itsm.FateFolded:
		fmt.Fprintf(&b, "Folded into %s", e.Alert)
	case itsm.FateDeduplicated:
		fmt.Fprintf(&b, "Repeats %s and is only counted", e.Alert)
	case itsm.FateQuarantined:
		if e.Error == "" {
			return "Quarantined: it could not be read. What was received is no longer kept."
		}
		return "Quarantined as " + e.Quarantine + ": " + sentence(e.Error)
	case itsm.FateSuppressed:
		why := reasons[e.Reason]
		if why == "" {
			why = e.Reason
		}
		b.WriteString("Suppressed: " + why)
		if e.Alert != 0 {
			fmt.Fprintf(&b, " (%s)", e.Alert)
		}
	}
	b.WriteString(place(e, a))
	return sentence(b.String())
}

// place tells which incident an event led to, and why.
func place(e *Event, a itsm.Alert) string {
	var b strings.Builder
	switch {
	case e.Alert == 0:
	case e.Incident != e.Now:
		fmt.Fprintf(&b, "; it was in %s, since merged into %s", e.Incident, e.Now)
	case e.Opened:
		fmt.Fprintf(&b, "; it is in %s, which it opened", e.Incident)
	case e.Incident != 0:
		fmt.Fprintf(&b, "; it is in %s", e.Incident)
	case a.Episode == e.Episode && a.SuppressedBy != "":
		b.WriteString("; it opens no incident: " + a.SuppressedBy)
	case a.Episode == e.Episode && a.Incident != 0:
		fmt.Fprintf(&b, "; since then in %s", a.Incident)
	default:
		b.WriteString("; it belonged to no incident")
	}
	if e.Because != "" {
		b.WriteString(": " + e.Because)
	}
	return b.String()
}

// sentence ends s with a full stop.
func sentence(s string) string {
	if strings.HasSuffix(s, ".") {
		return s
	}
	return s + "."
}
