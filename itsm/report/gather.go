package report

import (
	"bytes"
	"cmp"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"signalbox/itsm"
	"signalbox/itsm/desk"
)

// Records is what reports are computed from; *desk.Desk is one.
type Records interface {
	Incident(itsm.IncidentNumber) (itsm.Incident, error)
	Incidents(desk.IncidentQuery) (desk.Page[itsm.Incident], error)
	Alerts(desk.AlertQuery) (desk.Page[itsm.Alert], error)
	Objects(desk.ObjectQuery) (desk.Page[itsm.Object], error)
	Triggers(connectors []string, from, to itsm.Time, fn func(desk.Triggering)) error
}

// facts are what the reports of one query are computed from.
type facts struct {
	q     Query
	slots []itsm.Time

	cohort   []*fact // opened in the range and asked for, the oldest first; neither cancelled nor merged
	merged   int     // besides them: those of the range that were merged into another
	earlier  []*fact // opened before the range: those of Lookback and those that are open
	byNumber map[itsm.IncidentNumber]*fact

	pages    []page
	alerts   []alertFact
	labels   labels
	problems []itsm.Problem
	changes  []itsm.Change
}

// fact is what reports need of one incident.
type fact struct {
	number           itsm.IncidentNumber
	title            string
	state            itsm.State
	priority         itsm.Priority
	opened, began    itsm.Time // began: the earliest start of its alerts; 0: not known
	acked, ended     itsm.Time // 0: not yet
	ackedBy, endedBy string
	closeCode        string
	held             time.Duration
	epoch            uint32
	alerts           int
	events           uint64
	services         []string
	cause            string
	signature        string
	problem          string
	change           string // the most suspicious one before it
	level            itsm.ServiceLevel
}

// page is one time that somebody was woken for an incident.
type page struct {
	at  itsm.Time
	inc *fact
}

// alertFact is what reports need of one alert that was seen in the range.
type alertFact struct {
	class, source string
	ci, unbound   string
	raised, seen  itsm.Time
	episodes      uint64
	events        uint64
	flapping      bool
	suppressed    bool
}

// labels are what people said about the grouping in the range.
type labels struct {
	merged, split map[itsm.IncidentNumber]bool
	unrelated     int
}

func factOf(in *itsm.Incident) *fact {
	f := &fact{number: in.Number, title: in.Title, state: in.State, priority: in.Priority, opened: in.OpenedAt, acked: in.AcknowledgedAt, ackedBy: in.AcknowledgedBy,
		endedBy: in.ResolvedBy, closeCode: in.CloseCode, held: in.SLA.Held, epoch: in.Epoch, alerts: in.AlertCount, events: in.EventCount, services: in.Services,
		problem: in.Problem, level: in.SLA}
	switch {
	case in.State == itsm.Cancelled:
		f.ended = in.LastActivityAt
	case !in.State.IsOpen():
		f.ended = in.ResolvedAt
	}
	switch {
	case len(in.Causes) > 0:
		f.cause = in.Causes[0].CI
	case len(in.CIs) > 0:
		f.cause = in.CIs[0]
	case len(in.Unbound) > 0:
		f.cause = in.Unbound[0]
	}
	if len(in.Changes) > 0 {
		f.change = in.Changes[0].Change
	}
	class, _ := in.Labels.First("alertname", "check", "monitor")
	env, _ := in.Labels.First("environment", "env", "cluster", "namespace")
	if f.signature = in.Signature; f.signature == "" && f.cause != "" {
		f.signature = f.cause + " · " + cmp.Or(class, "any alert") + " · " + cmp.Or(env, "any environment")
	}
	return f
}

// person reports whether an actor is one and not this program.
func person(actor string) bool { return actor != "" && actor != "signalbox" }

// took is how long it lasted, or false while it does.
func (f *fact) took() (time.Duration, bool) {
	return max(0, f.ended.Sub(f.opened)), f.ended != 0 && f.state != itsm.Cancelled
}

// gather makes the one pass over the records.
func gather(r Records, pagers []string, q Query) (*facts, error) {
	f := &facts{q: q, slots: q.slots(), byNumber: map[itsm.IncidentNumber]*fact{}, labels: labels{map[itsm.IncidentNumber]bool{}, map[itsm.IncidentNumber]bool{}, 0}}
	for _, step := range []func(Records) error{f.readIncidents, f.readAlerts, func(r Records) error { return f.readPages(r, pagers) }, f.readLabels, f.readProblems, f.readChanges} {
		if err := step(r); err != nil {
			return nil, err
		}
	}
	return f, nil
}

// readIncidents reads from the newest back to Lookback before the range, and of the
// older ones those that are open: numbers are given in the order of opening.
func (f *facts) readIncidents(r Records) error {
	since := f.q.From.Add(-Lookback)
	q := desk.IncidentQuery{Limit: desk.PageMax}
	done := false
	for n := 0; !done && n < incidentsMax; {
		p, err := r.Incidents(q)
		if err != nil {
			return err
		}
		for i := range p.Items {
			if p.Items[i].OpenedAt < since {
				done = true
				break
			}
			f.take(&p.Items[i])
		}
		n += len(p.Items)
		if q.Cursor = p.Next; p.Next == "" {
			done = true
		}
	}
	q = desk.IncidentQuery{Limit: desk.PageMax, States: []itsm.State{itsm.New, itsm.InProgress, itsm.OnHold}}
	for {
		p, err := r.Incidents(q)
		if err != nil {
			return err
		}
		for i := range p.Items {
			if p.Items[i].OpenedAt < since {
				f.take(&p.Items[i])
			}
		}
		if q.Cursor = p.Next; p.Next == "" {
			break
		}
	}
	slices.SortFunc(f.cohort, byOpening)
	slices.SortFunc(f.earlier, byOpening)
	return nil
}

func byOpening(a, b *fact) int {
	return cmp.Or(cmp.Compare(a.opened, b.opened), cmp.Compare(a.number, b.number))
}

func (f *facts) take(in *itsm.Incident) {
	if in.OpenedAt >= f.q.To || !f.q.wants(in.Services, in.Group) || f.byNumber[in.Number] != nil {
		return
	}
	c := factOf(in)
	f.byNumber[in.Number] = c
	switch {
	case in.OpenedAt < f.q.From:
		f.earlier = append(f.earlier, c)
	case in.MergedInto != 0:
		f.merged++
	case in.State != itsm.Cancelled:
		f.cohort = append(f.cohort, c)
	}
}

// readAlerts reads all alerts: one that was raised long ago may have come again.
func (f *facts) readAlerts(r Records) error {
	q := desk.AlertQuery{Limit: desk.PageMax}
	for n := 0; n < alertsMax; {
		p, err := r.Alerts(q)
		if err != nil {
			return err
		}
		for i := range p.Items {
			f.takeAlert(&p.Items[i])
		}
		n += len(p.Items)
		if q.Cursor = p.Next; p.Next == "" {
			return nil
		}
	}
	return nil
}

func (f *facts) takeAlert(a *itsm.Alert) {
	in := f.byNumber[a.Incident]
	if in != nil && a.StartsAt != 0 && (in.began == 0 || a.StartsAt < in.began) {
		in.began = a.StartsAt
	}
	if a.LastSeenAt < f.q.From || a.RaisedAt >= f.q.To || f.q.filtered() && in == nil {
		return
	}
	class, _ := a.Labels.First("alertname", "check", "monitor")
	v := alertFact{class: cmp.Or(class, a.Title), source: a.Source, ci: a.CI, raised: a.RaisedAt, seen: a.LastSeenAt, episodes: uint64(a.Episode) + uint64(a.Reopened), events: a.EventCount,
		flapping: a.Flapping, suppressed: a.SuppressedBy != ""}
	if a.CI == "" {
		v.unbound = cmp.Or(a.Provisional, "nothing to go by")
	}
	if len(f.alerts) == cap(f.alerts) { // of a hundred thousand, by a quarter at a time is many copies
		f.alerts = slices.Grow(f.alerts, max(desk.PageMax, len(f.alerts)))
	}
	f.alerts = append(f.alerts, v)
}

// readPages reads who was woken when. Several pagers told of the same are one page.
func (f *facts) readPages(r Records, pagers []string) error {
	type once struct {
		n     itsm.IncidentNumber
		epoch uint32
	}
	first := map[once]itsm.Time{}
	err := r.Triggers(pagers, f.q.From, f.q.To, func(t desk.Triggering) {
		k := once{t.Incident, t.Epoch}
		if at, ok := first[k]; !ok || t.At < at {
			first[k] = t.At
		}
	})
	if err != nil {
		return err
	}
	for k, at := range first { // sorted below
		in := f.byNumber[k.n]
		if in == nil { // opened longer ago than the pass looked
			rec, err := r.Incident(k.n)
			if itsm.CodeOf(err) == itsm.NotFound || err == nil && (!f.q.wants(rec.Services, rec.Group) || rec.OpenedAt >= f.q.To) {
				continue
			}
			if err != nil {
				return err
			}
			in = factOf(&rec)
		}
		f.pages = append(f.pages, page{at, in})
	}
	slices.SortFunc(f.pages, func(a, b page) int {
		return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.inc.number, b.inc.number))
	})
	return nil
}

// said are the acts that say whether the grouping was right, as they stand in the
// JSON of a line of the audit.
var said = [][]byte{[]byte(`"act":"merge"`), []byte(`"act":"split"`), []byte(`"act":"unrelated"`)}

func (f *facts) readLabels(r Records) error {
	return objects(r, itsm.ObjectAudit, func(o *itsm.Object) (bool, error) {
		if o.At < f.q.From {
			return false, nil
		}
		if o.At >= f.q.To || !slices.ContainsFunc(said, func(s []byte) bool { return bytes.Contains(o.Body, s) }) {
			return true, nil
		}
		var l itsm.AuditLine
		if err := json.Unmarshal(o.Body, &l); err != nil {
			return false, itsm.Wrap(itsm.Internal, err, "audit %s cannot be read", o.ID)
		}
		number, _ := strings.CutPrefix(l.Object, "incident/")
		n, err := itsm.ParseIncidentNumber(number)
		if in := f.byNumber[n]; err != nil || in == nil || l.Result != itsm.AuditDone || !person(l.Actor) {
			return true, nil
		}
		switch itsm.ActKind(l.Act) {
		case itsm.ActMerge:
			f.labels.merged[n] = true
		case itsm.ActSplit:
			f.labels.split[n] = true
		case itsm.ActUnrelated:
			f.labels.unrelated++
		}
		return true, nil
	})
}

// readProblems reads of each what the reports say of it: most of one is its incidents.
func (f *facts) readProblems(r Records) error {
	var picked []byte
	return objects(r, "problem", func(o *itsm.Object) (bool, error) {
		var p itsm.Problem
		picked = itsm.Members(picked[:0], o.Body, "number", "title", "state", "services", "monthly_cost", "team", "proposed_at", "accepted_at", "resolved_at", "effect", "created_by")
		if err := json.Unmarshal(picked, &p); err != nil {
			return false, itsm.Wrap(itsm.Internal, err, "problem %s cannot be read", o.ID)
		}
		if f.q.wants(p.Services, p.Team) && (f.q.has(p.ProposedAt) || f.q.has(p.ResolvedAt)) {
			f.problems = append(f.problems, p)
		}
		return true, nil
	})
}

func (f *facts) readChanges(r Records) error {
	var picked []byte
	return objects(r, "change", func(o *itsm.Object) (bool, error) {
		var c itsm.Change
		picked = itsm.Members(picked[:0], o.Body, "id", "type", "state", "title", "ended_at", "services", "who")
		if err := json.Unmarshal(picked, &c); err != nil {
			return false, itsm.Wrap(itsm.Internal, err, "change %s cannot be read", o.ID)
		}
		if f.q.wants(c.Services, "") && f.q.has(c.EndedAt) && (c.State == itsm.ChangeSuccessful || c.State == itsm.ChangeFailed) {
			f.changes = append(f.changes, c)
		}
		return true, nil
	})
}

// objects passes over the objects of a kind, the last id first, until fn says that
// it is enough.
func objects(r Records, kind string, fn func(*itsm.Object) (more bool, err error)) error {
	var fault error
	more := true
	q := desk.ObjectQuery{Kind: kind, Limit: desk.PageMax}
	seen := 0
	q.Keep = func(o *itsm.Object) bool { // looks at each and keeps none
		if seen++; more && fault == nil {
			more, fault = fn(o)
		}
		return false
	}
	for more && fault == nil && seen < objectsMax {
		p, err := r.Objects(q)
		if err != nil {
			return err
		}
		if q.Cursor = p.Next; p.Next == "" {
			break
		}
	}
	return fault
}
