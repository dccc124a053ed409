package servicenow

import (
	"cmp"
	"context"
	"encoding/json"
	"net/http"

	"signalbox/connectors"
	sn "signalbox/ingest/source/servicenow"
	"signalbox/itsm"
)

const nodeMax = 100 // characters of em_event.node

// eventSeverities are those of em_event; 0 is a clear.
var eventSeverities = map[itsm.Severity]string{itsm.Critical: "1", itsm.Major: "2", itsm.Minor: "3", itsm.Warning: "4", itsm.Info: "5"}

// event sends an intent as an event of Event Management, which folds equal message
// keys into one alert, so that repeating it is harmless. There is nothing that an
// acknowledgement or a note could be.
func (c *Connector) event(ctx context.Context, in *itsm.Intent) error {
	if in.Transition == itsm.Acknowledge || in.Transition == itsm.Note {
		return nil
	}
	body, err := c.eventBody(in)
	if err != nil {
		return err
	}
	return c.rest.Do(ctx, http.MethodPost, c.table(TargetEvent, reading("message_key")), body, nil)
}

func (c *Connector) eventBody(in *itsm.Intent) (map[string]string, error) {
	s := &in.Snapshot
	severity, resolution := cmp.Or(eventSeverities[s.Severity], "4"), "New"
	if in.Transition == itsm.Resolve {
		severity, resolution = "0", "Closing"
	}
	node := s.Cause
	if node == "" && len(s.CIs) > 0 {
		node = s.CIs[0]
	}
	more, err := json.Marshal(map[string]any{"incident": in.Incident.String(), "priority": s.Priority.String(), "why": s.Because, "cis": s.CIs, "services": s.Services, "url": in.Incident.PageAt(c.o.ExternalURL)})
	return map[string]string{
		"source": "Signalbox", "event_class": c.o.Name, "node": connectors.CutRunes(node, nodeMax), "type": "incident", "message_key": sn.RecordKey(in.Incident, in.Epoch),
		"severity": severity, "resolution_state": resolution, "time_of_event": sn.FormatTime(in.At),
		"description": connectors.CutRunes(neutral(s.Title), descriptionMax), "additional_info": string(more),
	}, err
}
