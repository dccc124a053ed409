package api

import "signalbox/itsm"

// Incident is an incident as the API answers it; replay writes the same.
type Incident = incidentView

// IncidentOf maps a record to its answer.
func IncidentOf(in *itsm.Incident) Incident { return viewIncident(in) }
