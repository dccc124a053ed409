package main

import (
	"log/slog"

	"signalbox/cmd/internal/conf"
	"signalbox/connectors"
	"signalbox/correlate/engine"
	"signalbox/ingest"
	"signalbox/itsm"
	"signalbox/itsm/desk"
)

// recordsView is what connectors read of the records; it implements connectors.Records.
type recordsView struct{ desk *desk.Desk }

// Members implements connectors.Records.
func (v recordsView) Members(n itsm.IncidentNumber, limit int) ([]itsm.Alert, error) {
	return v.alerts(desk.AlertQuery{Incident: []itsm.IncidentNumber{n}, Statuses: []itsm.Status{itsm.Firing}}, limit)
}

// Alerts implements connectors.Records.
func (v recordsView) Alerts(n itsm.IncidentNumber, limit int) ([]itsm.Alert, error) {
	return v.alerts(desk.AlertQuery{Incident: []itsm.IncidentNumber{n}}, limit)
}

// Incident implements connectors.Records.
func (v recordsView) Incident(n itsm.IncidentNumber) (itsm.Incident, error) {
	return v.desk.Incident(n)
}

func (v recordsView) alerts(q desk.AlertQuery, limit int) (out []itsm.Alert, err error) {
	for q.Limit = min(limit, desk.PageMax); ; {
		p, err := v.desk.Alerts(q)
		if err != nil {
			return nil, err
		}
		out = append(out, p.Items...)
		if q.Cursor = p.Next; q.Cursor == "" || len(out) >= limit {
			return out[:min(len(out), limit)], nil
		}
	}
}

// read gives the records to the connectors that read them.
func (p partnerSet) read(d *desk.Desk) {
	for _, c := range p {
		if r, ok := c.Connector.(connectors.Reader); ok {
			r.Read(recordsView{d})
		}
	}
}

// monitorsOf makes the sweeps that compare alerts with where they come from.
func monitorsOf(ps partnerSet, d *desk.Desk, eng *engine.Engine, door *ingest.Door, restored *connectors.Restored, log *slog.Logger) (out []*connectors.MonitorSweep) {
	for _, c := range ps.inOrder() {
		m, ok := c.Connector.(connectors.Monitor)
		if !ok {
			continue
		}
		o := connectors.MonitorOptions{Monitor: m, Alerts: deskView{d}.SourceAlerts, Report: door.Report, Actor: eng, Log: log}
		if restored != nil {
			o.HandsOff = restored.QuietUntil
		}
		out = append(out, connectors.NewMonitorSweep(o))
	}
	return out
}

// sourceKinds are the kinds of all sources by name.
func sourceKinds(f *conf.File) map[string]string {
	out := map[string]string{}
	for _, s := range ingest.BuiltinSources() {
		out[s.Name] = s.Kind
	}
	for name, s := range f.Sources {
		out[name] = s.Kind
	}
	return out
}
