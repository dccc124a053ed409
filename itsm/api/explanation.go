package api

import (
	"signalbox/correlate/engine"
	"signalbox/itsm"
	"signalbox/rules"
)

// explanationView is why an alert is where it is, or where an event would go.
type explanationView struct {
	Alert          *string         `json:"alert"`
	Episode        *int            `json:"episode"`
	Incident       *string         `json:"incident"`
	SuppressedBy   *string         `json:"suppressed_by"`
	At             itsm.Time       `json:"at"`
	Revision       *uint64         `json:"revision"`
	CMDBRevision   *uint64         `json:"cmdb_revision"`
	Received       *uint64         `json:"received"`
	Event          eventSaidView   `json:"event"`
	Changed        []changedView   `json:"changed"`
	CI             string          `json:"ci"`
	BoundBy        *string         `json:"bound_by"`
	Trail          []string        `json:"binding_trail"`
	Decided        *evidenceView   `json:"decided"`
	Now            outcomeView     `json:"now"`
	Neighbours     []neighbourView `json:"neighbours"`
	MoreNeighbours int             `json:"more_neighbours"`
	Stages         []stageView     `json:"stages"`
}

// eventSaidView is an event after the rules of normalise.
type eventSaidView struct {
	Source      string      `json:"source"`
	Identity    string      `json:"identity"`
	Status      string      `json:"status"`
	Severity    string      `json:"severity"`
	Title       string      `json:"title"`
	CI          *string     `json:"ci"`
	Group       *string     `json:"group"`
	Labels      itsm.Labels `json:"labels"`
	Annotations itsm.Labels `json:"annotations"`
}

// changedView is one field that a rule changed.
type changedView struct {
	Rule  string  `json:"rule"`
	Field string  `json:"field"`
	From  *string `json:"from"`
	To    *string `json:"to"`
}

// outcomeView is what would be decided now.
type outcomeView struct {
	What      string  `json:"what"`
	Rule      string  `json:"rule"`
	Revision  *uint64 `json:"revision"`
	Because   string  `json:"because"`
	Incident  *string `json:"incident"`
	Follows   *string `json:"follows"`
	By        *string `json:"by"`
	Score     *milli  `json:"score"`
	Threshold *milli  `json:"threshold"`
}

// neighbourView is an incident that was near.
type neighbourView struct {
	Incident   string    `json:"incident"`
	By         *string   `json:"by"`
	Relation   *string   `json:"relation"`
	Score      *milli    `json:"score"`
	Why        *string   `json:"why_not"`
	OpenedAt   itsm.Time `json:"opened_at"`
	LastJoinAt itsm.Time `json:"last_join_at"`
	ResolvedAt itsm.Time `json:"resolved_at"`
}

type stageView struct {
	Stage   string      `json:"stage"`
	Skipped *string     `json:"skipped"`
	Tried   []triedView `json:"tried"`
	More    int         `json:"not_matched_more"`
}

type triedView struct {
	Rule    string        `json:"rule"`
	About   string        `json:"about"`
	Shadow  bool          `json:"shadow"`
	Matched bool          `json:"matched"`
	Why     *string       `json:"why"`
	Failed  *string       `json:"failed"`
	Values  []rules.Value `json:"values"`
}

type incidentExplanationView struct {
	Incident   string                  `json:"incident"`
	Lead       *explanationView        `json:"lead"`
	Items      []memberExplanationView `json:"items"`
	NextCursor string                  `json:"next_cursor"`
}

// memberExplanationView is why one alert is a member.
type memberExplanationView struct {
	Alert      string          `json:"alert"`
	Episode    uint32          `json:"episode"`
	Decided    evidenceView    `json:"decided"`
	Spoke      []string        `json:"spoke"`
	Now        *outcomeView    `json:"now"`
	Neighbours []neighbourView `json:"neighbours"`
}

func viewExplanation(x *engine.Explanation) explanationView {
	v := explanationView{At: x.At, Revision: number(x.Rules.Revision), CMDBRevision: number(x.Graph.Revision()), Received: number(uint64(x.Received)),
		Incident: text(x.Incident.String()), SuppressedBy: text(x.Held), Event: viewEventSaid(x.Event), CI: x.CI, BoundBy: text(x.Answer.Bound),
		Trail: list(x.Answer.Trail), Changed: []changedView{}, Now: viewOutcome(x), Neighbours: viewNeighbours(x), MoreNeighbours: x.Near.More, Stages: []stageView{}}
	if x.Alert != 0 {
		v.Alert, v.Episode = text(x.Alert.String()), number(int(x.Episode))
	}
	if x.Decided != nil {
		d := viewEvidence(x.Decided)
		v.Decided = &d
	}
	for _, c := range x.Answer.Changed {
		v.Changed = append(v.Changed, viewChanged(c)...)
	}
	for _, s := range x.Answer.Steps {
		st := stageView{Stage: s.Stage.String(), Skipped: text(s.Skipped), Tried: []triedView{}}
		for i := range s.Tried {
			if t := &s.Tried[i]; !t.Matched && len(st.Tried) >= untriedShownMax {
				st.More++
			} else {
				st.Tried = append(st.Tried, viewTried(t))
			}
		}
		v.Stages = append(v.Stages, st)
	}
	return v
}

func viewTried(t *rules.Tried) triedView {
	return triedView{Rule: t.Rule.ID, About: t.Rule.About, Shadow: t.Rule.Shadow, Matched: t.Matched, Why: text(t.Why), Failed: text(t.Failed), Values: append([]rules.Value{}, t.Values...)}
}

func viewEventSaid(e *itsm.Event) eventSaidView {
	return eventSaidView{Source: e.Source, Identity: e.Identity, Status: e.Status.String(), Severity: e.Severity.String(), Title: e.Title,
		CI: text(e.CIName), Group: text(e.Group), Labels: e.Labels, Annotations: e.Annotations}
}

func viewOutcome(x *engine.Explanation) outcomeView {
	o := &x.Outcome
	return outcomeView{What: o.What, Rule: o.Rule, Revision: number(o.Revision), Because: o.Because, Incident: text(o.Incident.String()),
		Follows: text(o.Follows.String()), By: text(o.By), Score: number(milli(o.ScoreMilli)), Threshold: number(milli(o.ThresholdMilli))}
}

func viewNeighbours(x *engine.Explanation) []neighbourView {
	out := make([]neighbourView, len(x.Near.Neighbours))
	for i, n := range x.Near.Neighbours {
		out[i] = neighbourView{Incident: n.Incident.String(), By: text(n.By), Relation: text(n.Relation), Score: number(milli(n.ScoreMilli)), Why: text(n.Why),
			OpenedAt: n.OpenedAt, LastJoinAt: n.LastJoinAt, ResolvedAt: n.ResolvedAt}
	}
	return out
}

// viewChanged lists the fields that a rule changed.
func viewChanged(c rules.Changed) (out []changedView) {
	for _, f := range rules.Changes(c.Before, c.After) {
		out = append(out, changedView{c.Rule.ID, f.Field, text(f.Before), text(f.After)})
	}
	return out
}
