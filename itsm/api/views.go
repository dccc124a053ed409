package api

import (
	"encoding/json"
	"net/http"
	"slices"

	"signalbox/itsm"
	"signalbox/itsm/access"
	"signalbox/itsm/desk"
)

// viewRoutes are the saved filters of the list of incidents. Everybody has their own;
// the handlers know whose.
func (a *API) viewRoutes() []route {
	one := Prefix + "/views/:id"
	return []route{
		{http.MethodGet, Prefix + "/views", access.Viewer, nil, a.views},
		{http.MethodPost, Prefix + "/views", access.Viewer, nil, a.addView},
		{http.MethodGet, one, access.Viewer, nil, a.view},
		{http.MethodPatch, one, access.Viewer, nil, a.changeView},
		{http.MethodDelete, one, access.Viewer, nil, a.removeView},
		{http.MethodPost, one + "/default", access.Viewer, nil, a.defaultView},
	}
}

type savedView struct {
	ID        string              `json:"id"`
	Name      string              `json:"name"`
	Owner     string              `json:"owner"`
	Team      *string             `json:"team"`
	Filter    itsm.IncidentFilter `json:"filter"`
	Default   bool                `json:"default"`
	CreatedAt itsm.Time           `json:"created_at"`
	ChangedAt itsm.Time           `json:"changed_at"`
	ChangedBy string              `json:"changed_by"`
	Version   uint64              `json:"version"`
}

func viewSaved(v *itsm.View, who access.Identity) savedView {
	f := v.Filter
	f.Service, f.CI, f.Assignee, f.Group, f.Team = list(f.Service), list(f.CI), list(f.Assignee), list(f.Group), list(f.Team)
	f.State, f.Priority, f.Major = append([]itsm.State{}, f.State...), append([]itsm.Priority{}, f.Priority...), append([]itsm.MajorState{}, f.Major...)
	return savedView{v.ID, v.Name, v.Owner, text(v.Team), f, slices.Contains(v.Defaults, who.Follower()), v.CreatedAt, v.ChangedAt, v.ChangedBy, v.Version}
}

// views lists those somebody sees, by name: their own and those of their teams.
func (a *API) views(r *request) error {
	found, err := a.viewsOf(r.who)
	if err != nil {
		return err
	}
	out := page[savedView]{Items: []savedView{}}
	for n := range found {
		out.Items = append(out.Items, viewSaved(&found[n], r.who))
	}
	return r.json(out)
}

func (a *API) viewsOf(who access.Identity) ([]itsm.View, error) {
	teams, err := a.teamsOf(who.User)
	if err != nil {
		return nil, err
	}
	return itsm.SeenViews(who.Follower(), teams, func(ref string) (out []itsm.View, err error) {
		found, err := a.o.Records.Objects(desk.ObjectQuery{Kind: itsm.ObjectView, Ref: ref, Limit: limitMax})
		for i := range found.Items {
			v, err := noun[itsm.View](&found.Items[i])
			if err != nil {
				return nil, err
			}
			out = append(out, v)
		}
		return out, err
	})
}

// seenView reads a view of the path; one that is not for whoever asks is not there.
func (a *API) seenView(r *request) (itsm.View, error) {
	id, err := r.param("id")
	if err != nil {
		return itsm.View{}, err
	}
	return a.viewFor(r.who, id)
}

func (a *API) viewFor(who access.Identity, id string) (itsm.View, error) {
	found, err := a.viewsOf(who)
	if err != nil {
		return itsm.View{}, err
	}
	if n := slices.IndexFunc(found, func(v itsm.View) bool { return v.ID == id }); n >= 0 {
		return found[n], nil
	}
	return itsm.View{}, itsm.Errorf(itsm.NotFound, "there is no view %q", httpWord(id))
}

// ownView reads a view that whoever asks may change.
func (a *API) ownView(r *request) (itsm.View, error) {
	v, err := a.seenView(r)
	if err == nil && v.Owner != r.who.Follower() && !r.who.Role.Allows(access.Admin) {
		err = itsm.Errorf(itsm.Forbidden, "view %s is of %s, who alone can change it", v.ID, v.Owner)
	}
	return v, err
}

func (a *API) view(r *request) error {
	v, err := a.seenView(r)
	if err != nil {
		return err
	}
	r.tag(v.Version)
	return r.json(viewSaved(&v, r.who))
}

func (a *API) addView(r *request) error {
	return a.saveView(r, itsm.ViewChange{Owner: r.who.Follower()}, "new")
}

func (a *API) changeView(r *request) error {
	v, err := a.ownView(r)
	if err != nil {
		return err
	}
	return a.saveView(r, itsm.ViewChange{}, v.ID)
}

func (a *API) saveView(r *request, c itsm.ViewChange, id string) error {
	var b struct {
		Name   *string         `json:"name"`
		Team   *string         `json:"team"`
		Filter json.RawMessage `json:"filter"`
	}
	if err := r.decode(&b); err != nil {
		return err
	}
	c.Name, c.Team = b.Name, b.Team
	if len(b.Filter) > 0 {
		c.Filter = &itsm.IncidentFilter{}
		if err := decodeObject(b.Filter, c.Filter); err != nil {
			return err
		}
	}
	if c.Team != nil && *c.Team != "" {
		if err := a.inTeam(r, *c.Team); err != nil {
			return err
		}
	}
	o, err := a.doObject(r, itsm.ActViewPut, itsm.ObjectView+"/"+id, c)
	if err != nil {
		return err
	}
	return a.showView(r, o.Object)
}

// inTeam refuses to share with a team that one is not in.
func (a *API) inTeam(r *request, name string) error {
	teams, err := a.teamsOf(r.who.User)
	if err != nil || r.who.Role.Allows(access.Admin) || slices.ContainsFunc(teams, func(t itsm.Team) bool { return t.Name == name }) {
		return err
	}
	return itsm.Errorf(itsm.Forbidden, "team %q: %s is not in it", httpWord(name), r.who.Follower())
}

func (a *API) showView(r *request, id string) error {
	v, err := objectOf[itsm.View](a, itsm.ObjectView, id)
	if err != nil {
		return err
	}
	r.tag(v.Version)
	return r.json(viewSaved(&v, r.who))
}

// removeView answers with the view as it was.
func (a *API) removeView(r *request) error {
	v, err := a.ownView(r)
	if err != nil {
		return err
	}
	if _, err := a.doObject(r, itsm.ActViewRemove, itsm.ObjectView+"/"+v.ID, nil); err != nil {
		return err
	}
	return r.json(viewSaved(&v, r.who))
}

func (a *API) defaultView(r *request) error {
	v, err := a.seenView(r)
	if err != nil {
		return err
	}
	b := struct {
		Default bool `json:"default"`
	}{Default: true}
	if err := r.decode(&b); err != nil {
		return err
	}
	if _, err := a.doObject(r, itsm.ActViewDefault, itsm.ObjectView+"/"+v.ID, itsm.ViewDefault{Who: r.who.Follower(), On: b.Default}); err != nil {
		return err
	}
	return a.showView(r, v.ID)
}

// viewed adds to a query what the view that it names says and it does not.
func (a *API) viewed(r *request) error {
	id := r.q["view"]
	if id == "" {
		return nil
	}
	v, err := a.viewFor(r.who, id)
	if err != nil {
		return err
	}
	for name, values := range v.Filter.Values() {
		if r.q[name] == "" {
			r.q[name] = values[0]
		}
	}
	return nil
}
