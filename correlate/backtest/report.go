package backtest

import "signalbox/itsm"

// Report is the difference between two rule sets over a piece of history. Lists are in
// a fixed order; examples are the first of each kind by the number of their incident.
type Report struct {
	Before RuleSetRef `json:"before"`
	After  RuleSetRef `json:"after"`
	Span   Span       `json:"span"`

	Warnings []Warning `json:"warnings"` // most important first; at most WarningsMax
	P1       Lost      `json:"p1"`
	P2       Lost      `json:"p2"`

	Compression struct {
		Before Compression `json:"before"`
		After  Compression `json:"after"`
	} `json:"compression"`
	Incidents Incidents `json:"incidents"`
	Alerts    Alerts    `json:"alerts"`
	Pages     Pages     `json:"pages"`
	FirstPage struct {
		Before Delay `json:"before"`
		After  Delay `json:"after"`
	} `json:"first_page"`
	Rules  []RuleImpact `json:"rules"` // of both sets, by id
	Labels Labels       `json:"labels"`
	Acts   struct {
		Before Acts `json:"before"`
		After  Acts `json:"after"`
	} `json:"acts"`
	Notes []string `json:"notes"` // what to know when reading it
}

// RuleSetRef names one of the two rule sets.
type RuleSetRef struct {
	Name  string `json:"name"`
	Hash  string `json:"hash"`
	Rules int    `json:"rules"`
}

// WarningsMax bounds the warnings that are listed; all are counted.
const WarningsMax = 200

// Warning is a P1 or P2 that paged and would not any more, or later, or as less.
type Warning struct {
	Kind       string        `json:"kind"` // "lost", "later" or "lower"
	Incident   IncidentRef   `json:"incident"`
	Connectors []string      `json:"connectors"` // that it concerns
	PagedAt    itsm.Time     `json:"paged_at"`   // the first of them
	Then       itsm.Time     `json:"then"`       // when the last of them would page; null: never
	After      []IncidentRef `json:"after"`      // what would become of it
	Rules      []string      `json:"rules"`      // that do it, as far as can be told
}

// Lost counts the warnings of one priority, by incident.
type Lost struct {
	Paged int `json:"paged"` // incidents that paged
	Lost  int `json:"lost"`  // that would page nobody, or not everybody
	Later int `json:"later"` // that would page more than LateMinutes later
	Lower int `json:"lower"` // that would page as P3 or less
}

// LateMinutes is how much later a P1 or P2 may page without a warning.
const LateMinutes = 5

// Compression is how events become alerts and alerts incidents. Shares are
// thousandths: the fewer, the more was compressed.
type Compression struct {
	Events            int `json:"events"`
	Alerts            int `json:"alerts"` // episodes that opened or could have opened something
	Incidents         int `json:"incidents"`
	AlertsPerEvent    int `json:"alerts_per_event_milli"`
	IncidentsPerAlert int `json:"incidents_per_alert_milli"`
	IncidentsPerEvent int `json:"incidents_per_event_milli"`
}

// Incidents are the differences by incident. Opened counts incidents after, Merged
// the incidents after that several become, the others incidents before.
type Incidents struct {
	Before     int        `json:"before"`
	After      int        `json:"after"`
	Same       int        `json:"same"`    // the same alerts
	Resized    int        `json:"resized"` // one for one, with more or fewer alerts
	Opened     Difference `json:"opened"`
	Merged     Difference `json:"merged"`
	Split      Difference `json:"split"`
	Suppressed Difference `json:"suppressed"` // no alert of it opens anything, because of a rule
	Lost       Difference `json:"lost"`       // no alert of it is in any incident, and no rule says so
}

// Difference is one kind of difference with the first examples.
type Difference struct {
	Count    int       `json:"count"`
	Examples []Example `json:"examples"`
}

// Example is one difference to look at.
type Example struct {
	Before []IncidentRef `json:"before"`
	After  []IncidentRef `json:"after"`
	Alerts int           `json:"alerts"` // that the incidents share
	Rules  []string      `json:"rules"`  // that did it, as far as can be told
}

// IncidentRef is an incident of one side. Its number is that of the fold with the rule
// set in question; recorded is its number in the history, where that can be told.
type IncidentRef struct {
	Number   string        `json:"number"`
	Recorded *string       `json:"recorded"`
	Title    string        `json:"title"`
	Priority itsm.Priority `json:"priority"`
	Group    string        `json:"group"`
	OpenedAt itsm.Time     `json:"opened_at"`
	PagedAt  itsm.Time     `json:"paged_at"`
}

// Alerts are the differences by alert episode.
type Alerts struct {
	Before     int `json:"before"` // in an incident
	After      int `json:"after"`
	Suppressed int `json:"suppressed"` // in one before, held back by a rule after
	Lost       int `json:"lost"`       // in one before, in none after, and no rule says so
	Added      int `json:"added"`      // in none before, in one after
}

// Pages are the triggers that partners would get.
type Pages struct {
	Total      PageCount   `json:"total"`
	Connectors []PageCount `json:"connectors"` // by name
	Teams      []PageCount `json:"teams"`      // by group of the incident; "" is none
}

// PageCount is how many triggers somebody gets on both sides. Per week is in
// thousandths, null for a range under a day.
type PageCount struct {
	Name          string `json:"name"`
	Before        int    `json:"before"`
	After         int    `json:"after"`
	BeforePerWeek *int   `json:"before_per_week_milli"`
	AfterPerWeek  *int   `json:"after_per_week_milli"`
}

// Delay is the time from an incident's opening to its first page, in seconds.
type Delay struct {
	Paged int `json:"paged"` // incidents
	P50   int `json:"p50_s"`
	P90   int `json:"p90_s"`
	Max   int `json:"max_s"`
}

// RuleImpact is what a rule did.
type RuleImpact struct {
	ID         string `json:"id"`
	About      string `json:"about"`
	Change     string `json:"change"` // "added", "removed", "changed", "moved", or "" when both sets have it alike
	Before     Hits   `json:"before"`
	After      Hits   `json:"after"`
	Opened     int    `json:"opened"` // differences that it had a part in
	Merged     int    `json:"merged"`
	Split      int    `json:"split"`
	Suppressed int    `json:"suppressed"`
	Lost       int    `json:"lost"`
	Warnings   int    `json:"warnings"`
	Alerts     int    `json:"alerts"` // episodes that it holds back after and that were in an incident before
}

// Hits is how often a rule spoke.
type Hits struct {
	Hits     uint64 `json:"hits"`
	Shadow   uint64 `json:"shadow"`
	Failures uint64 `json:"failures"`
}
