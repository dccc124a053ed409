package rules

import "signalbox/itsm"

// Facts is what conditions and templates can ask for. The fold fills it: Event
// from the start, CI from the stage suppress on, Incident from the stage incident on.
type Facts struct {
	Now      itsm.Time // time of what is being decided
	Event    *itsm.Event
	CI       CI
	Incident *IncidentFacts
}

// CI is what is known of the CI that an alert is on.
type CI struct {
	ID         string // or the provisional key
	Bound      bool   // the CMDB has it
	Name       string
	Class      string
	Env        string
	Tier       int // 0: the CMDB says none
	Owner      string
	Group      string   // support group
	Services   []string // ids of the services that depend on it, itself included when it is one
	Attributes itsm.Labels
}

// IncidentFacts is what is known of the incident that an alert, its lead, is in.
type IncidentFacts struct {
	Priority   itsm.Priority
	Impact     itsm.Level
	Urgency    itsm.Level
	Severity   itsm.Severity
	Alerts     int
	Firing     int
	CIs        []string
	Services   []string
	ShareMilli int // largest share of an affected service's CIs that alert, in thousandths
	Cause      string
	Labels     itsm.Labels
	Storm      bool
}
