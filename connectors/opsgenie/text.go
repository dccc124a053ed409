package opsgenie

import (
	"fmt"
	"strings"

	"signalbox/connectors"
	"signalbox/itsm"
)

// message is the title on one line.
func message(s *itsm.IncidentSnapshot) string {
	return connectors.CutRunes(fmt.Sprintf("[%s] %s", s.Priority, strings.Join(strings.Fields(s.Title), " ")), messageMax)
}

func priority(s *itsm.IncidentSnapshot) string {
	if s.Priority == 0 {
		return "P3"
	}
	return s.Priority.String()
}

// description tells people what they need before they open the console.
func (c *Connector) description(in *itsm.Intent) string {
	s := &in.Snapshot
	var b strings.Builder
	line := func(name, value string) {
		if value != "" {
			fmt.Fprintf(&b, "%s: %s\n", name, value)
		}
	}
	line("Why", s.Because)
	line("Probable cause", s.Cause)
	line("CIs", strings.Join(s.CIs, ", "))
	line("Services", strings.Join(s.Services, ", "))
	line("Alerts", fmt.Sprintf("%d, %d of them firing", s.Alerts, s.Firing))
	line("Runbook", s.Runbook)
	line("Incident", in.Incident.PageAt(c.o.ExternalURL))
	return connectors.CutRunes(b.String(), descriptionMax)
}

// details are what rules there can go by.
func (c *Connector) details(in *itsm.Intent) map[string]string {
	out := map[string]string{"incident": in.Incident.String(), "severity": in.Snapshot.Severity.String()}
	for name, v := range map[string]string{"cause": in.Snapshot.Cause, "group": in.Snapshot.Group, "url": in.Incident.PageAt(c.o.ExternalURL)} {
		if v != "" {
			out[name] = v
		}
	}
	return out
}
