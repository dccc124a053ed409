package api

import (
	"strings"

	"signalbox/itsm"
	"signalbox/itsm/access"
	"signalbox/itsm/desk"
)

type auditView struct {
	Offset   itsm.Offset        `json:"offset"`
	At       itsm.Time          `json:"at"`
	Actor    string             `json:"actor"`
	RemoteIP *string            `json:"remote_ip"`
	Act      string             `json:"act"`
	Object   string             `json:"object"`
	Result   string             `json:"result"`
	Reason   *string            `json:"reason"`
	Detail   *string            `json:"detail"`
	Changes  []itsm.AuditChange `json:"changes"`
}

func viewAudit(l *itsm.AuditLine) auditView {
	changes := l.Changes
	if changes == nil {
		changes = []itsm.AuditChange{}
	}
	return auditView{l.Offset, l.At, l.Actor, text(l.RemoteIP), l.Act, l.Object, l.Result, text(l.Reason), text(l.Detail), changes}
}

// audit lists who did what, newest first. The lines of one page may be few when the
// filters pass over many; next_cursor leads on until it is empty.
func (a *API) audit(r *request) error {
	q := desk.ObjectQuery{Kind: itsm.ObjectAudit}
	actor, object := r.q["actor"], r.q["object"]
	from, err := one(r.q, "from", moment)
	if err != nil {
		return err
	}
	to, err := one(r.q, "to", moment)
	if err != nil {
		return err
	}
	switch {
	case object != "":
		q.Ref = itsm.AuditObjectRef(object)
	case actor != "":
		q.Ref = itsm.AuditActorRef(actor)
	}
	q.Keep = func(o *itsm.Object) bool {
		if from != 0 && o.At < from || to != 0 && o.At >= to {
			return false
		}
		l, err := noun[itsm.AuditLine](o)
		return err == nil && (object == "" || l.Object == object) && (actor == "" || l.Actor == actor)
	}
	return objectPage(a, r, q, viewAudit)
}

// inScope refuses a token that sees some incidents only what is not about one of
// these. Only addresses of incidents say which one they are about; everything else
// is closed to such a token, so that an address added later is no way around it.
func (a *API) inScope(r *request, rt route) error {
	s := r.who.Scope
	if s == nil || rt.role == access.Nobody || rt.path == Prefix+"/incidents" && access.IsSafe(rt.method) || rt.path == Prefix+"/me" || rt.path == Prefix+"/incidents/bulk" {
		return nil
	}
	if !strings.HasPrefix(rt.path, Prefix+"/incidents/:number") {
		return itsm.Errorf(itsm.Forbidden, "%s sees the incidents of some services only; this address is about more than that", r.who.Name)
	}
	n, err := r.incidentNumber()
	if err != nil {
		return err
	}
	return a.seesIncident(r, n)
}

func (a *API) seesIncident(r *request, n itsm.IncidentNumber) error {
	if r.who.Scope == nil {
		return nil
	}
	in, err := a.o.Records.Incident(n)
	if err == nil && !r.who.Scope.Sees(in.Services, in.Group) {
		err = itsm.Errorf(itsm.NotFound, "no incident has the number %s", n)
	}
	return err
}

// keepIncidents is which incidents of a list somebody is shown: those in scope, and
// those of the teams asked for. "mine" is the teams that the user is in.
func (a *API) keepIncidents(r *request) (func(*itsm.Incident) bool, error) {
	names, err := r.q.list("team")
	if err != nil {
		return nil, err
	}
	var groups, services []string
	for _, name := range names {
		teams, err := a.namedTeams(r, name)
		if err != nil {
			return nil, err
		}
		for _, t := range teams {
			groups, services = append(groups, t.Name), append(services, t.Services...)
		}
	}
	own := &access.Scope{Services: services, Groups: groups}
	if names == nil {
		own = nil
	}
	if own == nil && r.who.Scope == nil {
		return nil, nil
	}
	return func(in *itsm.Incident) bool {
		return own.Sees(in.Services, in.Group) && r.who.Scope.Sees(in.Services, in.Group)
	}, nil
}

func (a *API) namedTeams(r *request, name string) ([]itsm.Team, error) {
	if name == "mine" {
		if r.who.User == "" {
			return nil, itsm.Errorf(itsm.Invalid, "team mine: %s is no user and is in no team", r.who.Name)
		}
		return a.teamsOf(r.who.User)
	}
	t, err := objectOf[itsm.Team](a, itsm.ObjectTeam, name)
	if itsm.CodeOf(err) == itsm.NotFound {
		err = itsm.Errorf(itsm.Invalid, "team %q: there is no such team", name)
	}
	return []itsm.Team{t}, err
}
