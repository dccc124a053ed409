package api

import (
	"context"
	"errors"
	"time"

	"signalbox/correlate/engine"
	"signalbox/itsm"
	"signalbox/rules"
)

// Bounds of explanations.
const (
	explainWait       = 10 * time.Second // for those of others, and for one of its own
	explainMembersMax = 50               // members of an incident on one page
	untriedShownMax   = 100              // rules of a stage that did not match; all that did are shown
)

// Explainer says why; *engine.Engine is one.
type Explainer interface {
	Explain(ctx context.Context, q engine.Question) (engine.Explanation, error)
}

func (a *API) explain(q engine.Question) (engine.Explanation, error) {
	if a.o.Explainer == nil {
		return engine.Explanation{}, unavailable("this process explains nothing")
	}
	ctx, cancel := context.WithTimeout(a.ctx, explainWait)
	defer cancel()
	return a.o.Explainer.Explain(ctx, q)
}

// explainAlert answers GET /alerts/{id}/explain.
func (a *API) explainAlert(r *request) error {
	id, err := r.param("id")
	if err != nil {
		return err
	}
	q := engine.Question{}
	if q.Alert, err = itsm.ParseAlertNumber(id); err != nil {
		return err
	}
	if q.Beside, err = r.beside(); err != nil {
		return err
	}
	x, err := a.explain(q)
	if err != nil {
		return err
	}
	return r.json(viewExplanation(&x))
}

// beside is the incident that a caller wants among the neighbours.
func (r *request) beside() (itsm.IncidentNumber, error) {
	if r.q["beside"] == "" {
		return 0, nil
	}
	n, err := itsm.ParseIncidentNumber(r.q["beside"])
	if err != nil {
		return 0, itsm.Errorf(itsm.Invalid, "beside %q: expected an incident such as INC0000042", httpWord(r.q["beside"]))
	}
	return n, nil
}

// explainIncident answers GET /incidents/{number}/explain: its members page by
// page, and with the first page what the rules say of the alert that leads it.
func (a *API) explainIncident(r *request) error {
	n, err := r.incidentNumber()
	if err != nil {
		return err
	}
	beside, err := r.beside()
	if err != nil {
		return err
	}
	cursor, limit, err := r.page()
	if err != nil {
		return err
	}
	if _, err := a.o.Records.Incident(n); err != nil {
		return err
	}
	found, err := a.o.Records.Evidence(n, cursor, min(limit, explainMembersMax))
	if err != nil {
		return err
	}
	v := incidentExplanationView{Incident: n.String(), Items: []memberExplanationView{}, NextCursor: found.Next}
	var lead itsm.AlertNumber
	for i := range found.Items {
		m, of, err := a.explainMember(&found.Items[i], beside)
		if err != nil {
			return err
		}
		lead = max(lead, of)
		v.Items = append(v.Items, m)
	}
	if cursor == "" && lead != 0 {
		x, err := a.explain(engine.Question{Alert: lead, Beside: beside})
		if err != nil && itsm.CodeOf(err) != itsm.NotFound {
			return err
		}
		if err == nil {
			e := viewExplanation(&x)
			v.Lead = &e
		}
	}
	return r.json(v)
}

// explainMember tells of one member, and which alert leads the incident. What the
// fold has forgotten has its evidence only.
func (a *API) explainMember(ev *itsm.Evidence, beside itsm.IncidentNumber) (m memberExplanationView, lead itsm.AlertNumber, err error) {
	m = memberExplanationView{Alert: ev.Alert.String(), Episode: ev.Episode, Decided: viewEvidence(ev), Spoke: []string{}, Neighbours: []neighbourView{}}
	record, err := a.o.Records.Alert(ev.Alert)
	if err == nil && record.Episode == ev.Episode {
		m.Spoke = list(record.Rules)
	}
	if err != nil && itsm.CodeOf(err) != itsm.NotFound {
		return m, 0, err
	}
	x, err := a.explain(engine.Question{Alert: ev.Alert, Beside: beside, Brief: true})
	switch {
	case itsm.CodeOf(err) == itsm.NotFound && err != nil:
		return m, 0, nil
	case err != nil:
		return m, 0, err
	case x.Episode != ev.Episode || x.Incident != ev.Incident:
		return m, 0, nil // it is about something else by now
	}
	now := viewOutcome(&x)
	m.Now, m.Neighbours = &now, viewNeighbours(&x)
	return m, x.Lead, nil
}

// explainInput is what POST /rules/explain is asked.
type explainInput struct {
	Alert    string          `json:"alert"`
	Event    *explainedEvent `json:"event"`
	Beside   string          `json:"beside"`
	Files    []rules.File    `json:"files"`
	Revision uint64          `json:"revision"`
}

// explainedEvent is an event as a sender might send it.
type explainedEvent struct {
	Source      string            `json:"source"`
	Identity    string            `json:"identity"`
	Status      string            `json:"status"`
	Severity    string            `json:"severity"`
	Title       string            `json:"title"`
	CI          string            `json:"ci"`
	Group       string            `json:"group"`
	Labels      map[string]string `json:"labels"`
	Annotations map[string]string `json:"annotations"`
}

// explainRules answers POST /rules/explain: an alert or an event, by the active
// rules, a revision or files that are not saved.
func (a *API) explainRules(r *request) error {
	var in explainInput
	if err := r.decodeUpTo(&in, rulesBodyMax); err != nil {
		return err
	}
	q, err := in.question()
	if err != nil {
		return err
	}
	if err := a.chooseRules(&q, &in); err != nil {
		return err
	}
	x, err := a.explain(q)
	if err != nil {
		return err
	}
	return r.json(viewExplanation(&x))
}

func (in *explainInput) question() (q engine.Question, err error) {
	if (in.Alert == "") == (in.Event == nil) {
		return q, itsm.Errorf(itsm.Invalid, `expected either "alert", such as "ALR0000042", or "event"`)
	}
	if in.Files != nil && in.Revision != 0 {
		return q, itsm.Errorf(itsm.Invalid, `expected "files" or "revision", not both; neither means the active rules`)
	}
	if in.Beside != "" {
		if q.Beside, err = itsm.ParseIncidentNumber(in.Beside); err != nil {
			return q, err
		}
	}
	if in.Alert != "" {
		q.Alert, err = itsm.ParseAlertNumber(in.Alert)
		return q, err
	}
	q.Event, err = in.Event.event()
	return q, err
}

func (e *explainedEvent) event() (*itsm.Event, error) {
	var missing []error
	if e.Source == "" {
		missing = append(missing, itsm.Errorf(itsm.Invalid, "event.source: missing; expected the name of a source, such as alertmanager"))
	}
	if e.Title == "" {
		missing = append(missing, itsm.Errorf(itsm.Invalid, "event.title: missing; expected what the alert says"))
	}
	out := &itsm.Event{Source: e.Source, Identity: e.Identity, Status: itsm.Firing, Severity: itsm.SeverityOf(e.Severity), SeverityWord: e.Severity,
		Title: e.Title, CIName: e.CI, Group: e.Group, Labels: itsm.LabelsOf(e.Labels), Annotations: itsm.LabelsOf(e.Annotations)}
	if e.Status != "" {
		s, err := parseStatus(e.Status)
		if err != nil {
			missing = append(missing, err)
		}
		out.Status = s
	}
	if out.Identity == "" {
		out.Identity = out.Title
	}
	return out, errors.Join(missing...)
}

// chooseRules compiles the rules that are meant.
func (a *API) chooseRules(q *engine.Question, in *explainInput) error {
	files := in.Files
	if in.Revision != 0 {
		s, err := a.ruleStore()
		if err != nil {
			return err
		}
		rev, err := s.Book().Revision(in.Revision)
		if err != nil {
			return err
		}
		files, q.Revision = rev.Files, in.Revision
	}
	if files == nil {
		return nil
	}
	set, ps := rules.Compile(files)
	if rules.Blocking(ps) {
		return itsm.Errorf(itsm.Invalid, "the rules have problems; the first: %s", ps[0])
	}
	q.Rules = set
	return nil
}
