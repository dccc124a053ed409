package api

import (
	"strconv"
	"strings"
	"time"

	"signalbox/itsm"
)

// The structs here are the answers, field by field as promised: every field is
// always there, null when unknown, lists never null. The functions that fill
// them are pure.

// page is one page of a list.
type page[T any] struct {
	Items      []T    `json:"items"`
	NextCursor string `json:"next_cursor"`
}

func pageOf[D, W any](items []D, next string, view func(*D) W) page[W] {
	p := page[W]{Items: make([]W, len(items)), NextCursor: next}
	for i := range items {
		p.Items[i] = view(&items[i])
	}
	return p
}

// milli is a number in thousandths, written as a decimal fraction.
type milli int

// MarshalJSON implements json.Marshaler.
func (m milli) MarshalJSON() ([]byte, error) {
	return strconv.AppendFloat(nil, float64(m)/1000, 'f', -1, 64), nil
}

type incidentView struct {
	Number           string               `json:"number"`
	Title            string               `json:"title"`
	State            string               `json:"state"`
	Priority         *string              `json:"priority"`
	Impact           *string              `json:"impact"`
	Urgency          *string              `json:"urgency"`
	OpenedAt         itsm.Time            `json:"opened_at"`
	AcknowledgedAt   itsm.Time            `json:"acknowledged_at"`
	AcknowledgedBy   *string              `json:"acknowledged_by"`
	ResolvedAt       itsm.Time            `json:"resolved_at"`
	Epoch            uint32               `json:"epoch"`
	AlertCount       int                  `json:"alert_count"`
	FiringCount      int                  `json:"firing_count"`
	EventCount       uint64               `json:"event_count"`
	CIs              []string             `json:"cis"`
	Services         []string             `json:"services"`
	ProbableCauses   []causeView          `json:"probable_causes"`
	Changes          []incidentChangeView `json:"changes"`
	Assignee         *string              `json:"assignee"`
	Group            *string              `json:"group"`
	Links            []linkView           `json:"links"`
	Problem          *string              `json:"problem"`
	Follows          *string              `json:"follows"`
	Version          uint64               `json:"version"`
	Labels           itsm.Labels          `json:"labels"`
	Severity         *string              `json:"severity"`
	ComputedPriority *string              `json:"computed_priority"`
	PriorityBy       *string              `json:"priority_by"`
	ImpactBecause    *string              `json:"impact_because"`
	UrgencyBecause   *string              `json:"urgency_because"`
	ResolvedBy       *string              `json:"resolved_by"`
	ClosedAt         itsm.Time            `json:"closed_at"`
	CloseCode        *string              `json:"close_code"`
	HoldReason       *string              `json:"hold_reason"`
	Unbound          []string             `json:"unbound"`
	MaybeRelated     []candidateView      `json:"maybe_related"`
	MergedInto       *string              `json:"merged_into"`
	StillFiring      bool                 `json:"still_firing"`
	Storm            bool                 `json:"storm"`
	LastActivityAt   itsm.Time            `json:"last_activity_at"`
	Offset           itsm.Offset          `json:"offset"`
	SLA              levelView            `json:"sla"`
	Parent           *string              `json:"parent"`
	Children         []string             `json:"children"`
	ResolvedWith     *string              `json:"resolved_with"`
	Major            *majorView           `json:"major"`
	Watchers         []string             `json:"watchers"`
	Attachments      []attachmentView     `json:"attachments"`
	Undo             *undoView            `json:"undo"`
}

// levelView is how an incident stands against its targets.
type levelView struct {
	Calendar   *string        `json:"calendar"`
	Held       int            `json:"held_s"`
	Response   levelClockView `json:"response"`
	Resolution levelClockView `json:"resolution"`
}

type levelClockView struct {
	State  string    `json:"state"`
	Target *int      `json:"target_s"`
	DueAt  itsm.Time `json:"due_at"`
	DoneAt itsm.Time `json:"done_at"`
}

func viewLevel(v *itsm.ServiceLevel) levelView {
	clock := func(c *itsm.LevelClock) levelClockView {
		return levelClockView{State: c.State(), Target: number(int(c.Target / time.Second)), DueAt: c.DueAt, DoneAt: c.DoneAt}
	}
	return levelView{Calendar: text(v.Calendar), Held: int(v.Held / time.Second), Response: clock(&v.Response), Resolution: clock(&v.Resolution)}
}

type causeView struct {
	CI      string     `json:"ci"`
	Score   milli      `json:"score"`
	Because string     `json:"because"`
	Paths   [][]string `json:"paths"`
}

type candidateView struct {
	Incident string `json:"incident"`
	Score    milli  `json:"score"`
	Because  string `json:"because"`
}

type linkView struct {
	Connector string  `json:"connector"`
	ID        string  `json:"id"`
	URL       *string `json:"url"`
}

func viewIncident(in *itsm.Incident) incidentView {
	return incidentView{
		Number: in.Number.String(), Title: in.Title, State: in.State.String(),
		Priority: text(in.Priority.String()), Impact: text(in.Impact.String()), Urgency: text(in.Urgency.String()),
		OpenedAt: in.OpenedAt, AcknowledgedAt: in.AcknowledgedAt, AcknowledgedBy: text(in.AcknowledgedBy), ResolvedAt: in.ResolvedAt,
		Epoch: in.Epoch, AlertCount: in.AlertCount, FiringCount: in.FiringCount, EventCount: in.EventCount,
		CIs: list(in.CIs), Services: list(in.Services), ProbableCauses: each(in.Causes, viewCause), Changes: each(in.Changes, viewIncidentChange),
		Assignee: text(in.Assignee), Group: text(in.Group), Links: each(in.Links, viewLink),
		Problem: text(in.Problem), Follows: text(in.Follows.String()), Version: in.Version, Labels: in.Labels,
		Severity: text(in.Severity.String()), ComputedPriority: text(in.Computed.String()), PriorityBy: text(in.PriorityBy),
		ImpactBecause: text(in.ImpactBecause), UrgencyBecause: text(in.UrgencyBecause),
		ResolvedBy: text(in.ResolvedBy), ClosedAt: in.ClosedAt, CloseCode: text(in.CloseCode), HoldReason: text(in.HoldReason),
		Unbound: list(in.Unbound), MaybeRelated: each(in.MaybeRelated, viewCandidate), MergedInto: text(in.MergedInto.String()),
		StillFiring: in.StillFiring, Storm: in.Storm, LastActivityAt: in.LastActivityAt, Offset: in.ChangedAt, SLA: viewLevel(&in.SLA),
		Parent: text(in.Parent.String()), Children: each(in.Children, func(n *itsm.IncidentNumber) string { return n.String() }), ResolvedWith: text(in.ResolvedWith.String()),
		Major: viewMajor(&in.Major), Watchers: list(in.Watchers), Attachments: each(in.Attachments, viewAttachment), Undo: viewUndo(&in.Undo),
	}
}

func viewCause(c *itsm.Cause) causeView {
	return causeView{CI: c.CI, Score: milli(c.ScoreMilli), Because: c.Because,
		Paths: each(c.Paths, func(p *itsm.CausePath) []string { return list(*p) })}
}

func viewCandidate(c *itsm.Candidate) candidateView {
	return candidateView{Incident: c.Incident.String(), Score: milli(c.ScoreMilli), Because: c.Because}
}

// viewLink shows only an address a browser may follow: the URL is a partner's word.
func viewLink(l *itsm.ExternalRef) linkView {
	return linkView{Connector: l.Connector, ID: l.ID, URL: webAddress(l.URL)}
}

type alertView struct {
	ID            string      `json:"id"`
	Source        string      `json:"source"`
	Key           string      `json:"key"`
	Status        string      `json:"status"`
	Severity      string      `json:"severity"`
	Title         string      `json:"title"`
	Labels        itsm.Labels `json:"labels"`
	Annotations   itsm.Labels `json:"annotations"`
	CI            *string     `json:"ci"`
	BoundBy       *string     `json:"bound_by"`
	StartsAt      itsm.Time   `json:"starts_at"`
	EndsAt        itsm.Time   `json:"ends_at"`
	LastSeenAt    itsm.Time   `json:"last_seen_at"`
	EventCount    uint64      `json:"event_count"`
	SuppressedBy  *string     `json:"suppressed_by"`
	Flapping      bool        `json:"flapping"`
	Incident      *string     `json:"incident"`
	SeverityWord  *string     `json:"severity_word"`
	GeneratorURL  *string     `json:"generator_url"`
	ProvisionalCI *string     `json:"provisional_ci"`
	Trail         []string    `json:"trail"`
	EndedBy       *string     `json:"ended_by"`
	RaisedAt      itsm.Time   `json:"raised_at"`
	Episode       uint32      `json:"episode"`
	Reopened      uint32      `json:"reopened"`
	Offset        itsm.Offset `json:"offset"`
}

func viewAlert(a *itsm.Alert) alertView {
	return alertView{
		ID: a.Number.String(), Source: a.Source, Key: string(a.Key), Status: a.Status.String(), Severity: a.Severity.String(),
		Title: a.Title, Labels: a.Labels, Annotations: a.Annotations, CI: text(a.CI), BoundBy: text(a.BoundBy),
		StartsAt: a.StartsAt, EndsAt: a.EndsAt, LastSeenAt: a.LastSeenAt, EventCount: a.EventCount,
		SuppressedBy: text(a.SuppressedBy), Flapping: a.Flapping, Incident: text(a.Incident.String()),
		SeverityWord: text(a.SeverityWord), GeneratorURL: webAddress(a.GeneratorURL), ProvisionalCI: text(a.Provisional),
		Trail: list(a.Trail), EndedBy: text(a.EndedBy), RaisedAt: a.RaisedAt, Episode: a.Episode, Reopened: a.Reopened, Offset: a.ChangedAt,
	}
}

// memberView is an alert as one of the alerts of an incident.
type memberView struct {
	alertView
	MovedOn bool `json:"moved_on"`
}

// viewMember marks an alert that was in the incident with an earlier episode and
// is in another one with its latest, which is what the other fields tell of.
func viewMember(n itsm.IncidentNumber) func(*itsm.Alert) memberView {
	return func(a *itsm.Alert) memberView { return memberView{viewAlert(a), a.Incident != n} }
}

type timelineView struct {
	At     itsm.Time   `json:"at"`
	Offset itsm.Offset `json:"offset"`
	Kind   string      `json:"kind"`
	Actor  string      `json:"actor"`
	Text   string      `json:"text"`
}

func viewTimeline(t *itsm.TimelineEntry) timelineView {
	return timelineView{At: t.At, Offset: t.Offset, Kind: t.Kind, Actor: t.Actor, Text: t.Text}
}

type evidenceView struct {
	Alert        string      `json:"alert"`
	Episode      uint32      `json:"episode"`
	At           itsm.Time   `json:"at"`
	Offset       itsm.Offset `json:"offset"`
	Decision     string      `json:"decision"`
	By           string      `json:"by"`
	Score        *milli      `json:"score"`
	Threshold    *milli      `json:"threshold"`
	Rule         *string     `json:"rule"`
	Revision     *uint64     `json:"revision"`
	CMDBRevision *uint64     `json:"cmdb_revision"`
	CI           *string     `json:"ci"`
	Shared       *string     `json:"shared"`
	Path         []string    `json:"path"`
	Coverage     *string     `json:"coverage"`
	RunnerUp     *string     `json:"runner_up"`
	WouldSplit   *string     `json:"would_split"`
	Because      string      `json:"because"`
}

func viewEvidence(e *itsm.Evidence) evidenceView {
	return evidenceView{
		Alert: e.Alert.String(), Episode: e.Episode, At: e.At, Offset: e.Offset, Decision: string(e.Decision), By: e.By,
		Score: number(milli(e.ScoreMilli)), Threshold: number(milli(e.ThresholdMilli)),
		Rule: text(e.Rule), Revision: number(e.Revision), CMDBRevision: number(e.CMDBRevision),
		CI: text(e.CI), Shared: text(e.Shared), Path: list(e.Path), Coverage: text(e.Coverage),
		RunnerUp: text(e.RunnerUp), WouldSplit: text(e.WouldSplit), Because: e.Because,
	}
}

// quarantineView is an entry of the list; the body is shown alone.
type quarantineView struct {
	ID        string      `json:"id"`
	Source    string      `json:"source"`
	Error     string      `json:"error"`
	FirstAt   itsm.Time   `json:"first_at"`
	LastAt    itsm.Time   `json:"last_at"`
	Count     uint64      `json:"count"`
	Offset    itsm.Offset `json:"offset"`
	RetriedAt itsm.Time   `json:"retried_at"`
}

func viewQuarantine(q *itsm.Quarantined) quarantineView {
	return quarantineView{ID: q.ID, Source: q.Source, Error: q.Error, FirstAt: q.FirstAt, LastAt: q.LastAt, Count: q.Count,
		Offset: q.Offset, RetriedAt: q.RetriedAt}
}

type quarantinedView struct {
	quarantineView
	Body      *string `json:"body"`
	BodyBytes int     `json:"body_bytes"`
	Truncated bool    `json:"truncated"`
}

// bodyShownMax bounds how much of a quarantined body is shown.
const bodyShownMax = 256 << 10

func viewQuarantined(q *itsm.Quarantined) quarantinedView {
	v := quarantinedView{quarantineView: viewQuarantine(q), BodyBytes: len(q.Body), Truncated: len(q.Body) > bodyShownMax}
	if q.Body != nil {
		s := strings.ToValidUTF8(string(q.Body[:min(len(q.Body), bodyShownMax)]), "\uFFFD")
		v.Body = &s
	}
	return v
}

// text is null for the empty string.
func text(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// number is null for zero, where zero means that there was none.
func number[T milli | uint64 | int](n T) *T {
	if n == 0 {
		return nil
	}
	return &n
}

// list is never null.
func list(s []string) []string {
	if s == nil {
		return []string{}
	}
	return s
}

// each maps a list; the result is never null.
func each[D, W any](items []D, view func(*D) W) []W {
	out := make([]W, len(items))
	for i := range items {
		out[i] = view(&items[i])
	}
	return out
}

// webAddress is null for anything but an http or https address: these come from
// senders and end up in links.
func webAddress(s string) *string {
	if strings.HasPrefix(s, "https://") || strings.HasPrefix(s, "http://") {
		return &s
	}
	return nil
}
