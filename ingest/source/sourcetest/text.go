package sourcetest

import (
	"encoding/json"
	"fmt"
	"strings"

	"signalbox/ingest/source"
	"signalbox/itsm"
)

// Text is the canonical text form of a decoded delivery: one block an event, bad
// part or act, fields that say nothing left out.
func Text(r source.Result, err error) string {
	var b strings.Builder
	if err != nil {
		fmt.Fprintf(&b, "error %s: %s\n", itsm.CodeOf(err), err)
	}
	for i := range r.Events {
		event(&b, &r.Events[i])
	}
	for _, x := range r.Bad {
		fmt.Fprintf(&b, "bad %s\n  body: %s\n", x.Error, x.Body)
	}
	for _, a := range r.Acts {
		out, err := json.MarshalIndent(a, "", "  ")
		if err != nil {
			panic(err) // an act is strings and numbers
		}
		fmt.Fprintf(&b, "act %s\n", out)
	}
	if r.Reply != "" {
		fmt.Fprintf(&b, "reply %s\n", r.Reply)
	}
	if b.Len() == 0 {
		return "nothing\n"
	}
	return b.String()
}

func event(b *strings.Builder, e *itsm.Event) {
	fmt.Fprintf(b, "event %s %s %q\n  identity: %s\n", e.Status, e.Severity, e.Title, e.Identity)
	line := func(name, value string) {
		if value != "" {
			fmt.Fprintf(b, "  %s: %s\n", name, value)
		}
	}
	at := func(name string, t itsm.Time) {
		if t != 0 {
			line(name, t.String())
		}
	}
	line("id", e.ID)
	line("severity", e.SeverityWord)
	line("group", e.Group)
	line("ci", e.CIName)
	at("starts", e.StartsAt)
	at("ends", e.EndsAt)
	at("event", e.EventAt)
	at("lease", e.LeaseUntil)
	line("link", e.GeneratorURL)
	if e.NoData {
		line("no data", "yes")
	}
	if e.PartialGroup {
		line("partial group", "yes")
	}
	for _, l := range e.Labels {
		fmt.Fprintf(b, "  label %s=%q\n", l.Name, l.Value)
	}
	for _, l := range e.Annotations {
		fmt.Fprintf(b, "  annotation %s=%q\n", l.Name, l.Value)
	}
}
