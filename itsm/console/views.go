package console

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/gofiber/fiber/v2"

	"signalbox/itsm"
	"signalbox/itsm/access"
	"signalbox/itsm/desk"
)

// viewsView is the row of saved views above the list, and what can be done about the
// one that is shown.
type viewsView struct {
	Tabs   []chip
	Filter string // what is shown, to be saved; "" when it has no need of a name
	Back   string
	Teams  []option // that it can be shared with
	Here   *savedView
}

// savedView is the view whose filter is shown.
type savedView struct {
	ID, Name string
	Of       string // its owner, "" for the reader's own
	Path     string
	Teams    []option
	Default  bool
	Mine     bool // the reader may change it
}

// viewsOf lists the views that somebody sees: their own and those of their teams.
func (c *Console) viewsOf(who access.Identity) ([]itsm.View, error) {
	teams, err := c.teamsOf(who.User)
	if err != nil {
		return nil, err
	}
	return itsm.SeenViews(who.Follower(), teams, func(ref string) ([]itsm.View, error) {
		found, _, err := nouns[itsm.View](c, desk.ObjectQuery{Kind: itsm.ObjectView, Ref: ref, Limit: desk.PageMax})
		return found, err
	})
}

// beginsWith is the address of the view with which somebody's list begins, or "".
func beginsWith(views []itsm.View, who access.Identity) string {
	for _, v := range views {
		if slices.Contains(v.Defaults, who.Follower()) {
			return addressOf(&v.Filter)
		}
	}
	return ""
}

// addressOf is the list as a view shows it.
func addressOf(f *itsm.IncidentFilter) string {
	v := f.Values()
	if len(f.State) == 0 {
		v.Set("state", "all")
	}
	parsed, err := parseIncidentFilter(v)
	if err != nil {
		return "/" // the fold refuses such a filter
	}
	parsed.Begins = true
	return parsed.address(func(url.Values) {})
}

// saved is the filter as it is saved.
func (f incidentFilter) saved() itsm.IncidentFilter {
	return itsm.IncidentFilter{State: f.States, Priority: f.Priorities, Service: listed(f.Service), CI: listed(f.CI), Assignee: listed(f.Assignee), Group: listed(f.Group), Team: listed(f.Team), Major: f.Majors, Q: f.Q}
}

// viewViews is the row of views, of which that is current which shows the same.
func (c *Console) viewViews(views []itsm.View, who access.Identity, f incidentFilter) (viewsView, error) {
	teams, err := c.teamsOf(who.User)
	if err != nil {
		return viewsView{}, err
	}
	v := viewsView{Back: f.address(func(url.Values) {})}
	now := f.saved()
	here := addressOf(&now)
	plain := f.plain()
	if len(views) > 0 {
		open := "/"
		if f.Begins {
			open = "/?state=open"
		}
		v.Tabs = append(v.Tabs, chip{badge: badge{Label: "All open"}, Href: open, Current: plain})
	}
	for _, w := range views {
		to := addressOf(&w.Filter)
		current := to == here && v.Here == nil
		v.Tabs = append(v.Tabs, chip{badge: badge{Label: line(w.Name, nameRunesMax)}, Href: to, Current: current})
		if !current {
			continue
		}
		s := &savedView{ID: w.ID, Name: line(w.Name, nameRunesMax), Path: "/account/views/" + w.ID, Mine: w.Owner == who.Follower(), Default: slices.Contains(w.Defaults, who.Follower()), Teams: teamOptions(teams, w.Team)}
		if !s.Mine {
			s.Of = line(w.Owner, 60)
		}
		v.Here = s
	}
	if v.Here == nil && !plain {
		v.Filter, v.Teams = now.Values().Encode(), teamOptions(teams, "")
	}
	return v, nil
}

func teamOptions(teams []itsm.Team, selected string) (out []option) {
	if len(teams) == 0 && selected == "" {
		return nil
	}
	out = []option{{Value: "", Label: "only me"}}
	for _, t := range teams {
		out = append(out, option{Value: t.Name, Label: "team " + line(t.Name, nameRunesMax), Selected: t.Name == selected})
	}
	if selected != "" && !slices.ContainsFunc(teams, func(t itsm.Team) bool { return t.Name == selected }) {
		out = append(out, option{Value: selected, Label: "team " + line(selected, nameRunesMax), Selected: true})
	}
	return out
}

// listed splits a field of a filter at its commas.
func listed(values string) (out []string) {
	for v := range strings.SplitSeq(values, ",") {
		if v = strings.TrimSpace(v); v != "" {
			out = append(out, v)
		}
	}
	return out
}

func (c *Console) viewRoutes() []route {
	return []route{
		{http.MethodPost, "/account/views", access.Viewer, c.addView},
		{http.MethodPost, "/account/views/:id", access.Viewer, c.changeView},
		{http.MethodPost, "/account/views/:id/remove", access.Viewer, c.removeView},
	}
}

// addView saves what a list shows under a name.
func (c *Console) addView(ctx *fiber.Ctx) error {
	f, err := form(ctx)
	if err != nil {
		return err
	}
	q, err := url.ParseQuery(f.Get("filter"))
	if err != nil {
		return itsm.Errorf(itsm.Invalid, "filter: it cannot be read; send the form from the list itself")
	}
	if q.Get("state") == "" {
		q.Set("state", "all")
	}
	parsed, err := parseIncidentFilter(q)
	if err != nil {
		return err
	}
	who, _ := person(ctx)
	name, team, saved := line(f.Get("name"), nameRunesMax), f.Get("team"), parsed.saved()
	if err := c.inTeam(who, team); err != nil {
		return err
	}
	if err := c.doObject(ctx, itsm.ActViewPut, itsm.ObjectView+"/new", itsm.ViewChange{Owner: who.Follower(), Name: &name, Team: &team, Filter: &saved}); err != nil {
		return err
	}
	if f.Get("default") != "" {
		if err := c.beginWith(ctx, who, name); err != nil {
			return err
		}
	}
	return c.back(ctx, "view", addressOf(&saved))
}

// beginWith has a list begin with the reader's view of a name, which was just made.
func (c *Console) beginWith(ctx *fiber.Ctx, who access.Identity, name string) error {
	views, err := c.viewsOf(who)
	if err != nil {
		return err
	}
	for _, v := range views {
		if v.Owner == who.Follower() && v.Name == name {
			return c.doObject(ctx, itsm.ActViewDefault, itsm.ObjectView+"/"+v.ID, itsm.ViewDefault{Who: who.Follower(), On: true})
		}
	}
	return nil
}

// inTeam refuses to share with a team that one is not in.
func (c *Console) inTeam(who access.Identity, name string) error {
	teams, err := c.teamsOf(who.User)
	if err != nil || name == "" || who.Role.Allows(access.Admin) || slices.ContainsFunc(teams, func(t itsm.Team) bool { return t.Name == name }) {
		return err
	}
	return itsm.Errorf(itsm.Forbidden, "team %q: you are not in it", line(name, 60))
}

// seenView reads the view of the path; one that is not for the reader is not there.
func (c *Console) seenView(ctx *fiber.Ctx) (itsm.View, access.Identity, error) {
	who, _ := person(ctx)
	views, err := c.viewsOf(who)
	if err != nil {
		return itsm.View{}, who, err
	}
	id := param(ctx, "id")
	for _, v := range views {
		if v.ID == id {
			return v, who, nil
		}
	}
	return itsm.View{}, who, itsm.Errorf(itsm.NotFound, "there is no view %s", line(id, 40))
}

// changeView renames a view and shares it, if it is the reader's, and has the reader's
// list begin with it or not.
func (c *Console) changeView(ctx *fiber.Ctx) error {
	f, err := form(ctx)
	if err != nil {
		return err
	}
	v, who, err := c.seenView(ctx)
	if err != nil {
		return err
	}
	if f.Has("name") {
		if v.Owner != who.Follower() {
			return itsm.Errorf(itsm.Forbidden, "view %s is of %s, who alone can change it", v.ID, v.Owner)
		}
		name, team := line(f.Get("name"), nameRunesMax), f.Get("team")
		if team != v.Team {
			if err := c.inTeam(who, team); err != nil {
				return err
			}
		}
		if err := c.doObject(ctx, itsm.ActViewPut, itsm.ObjectView+"/"+v.ID, itsm.ViewChange{Name: &name, Team: &team}); err != nil {
			return err
		}
	}
	if err := c.doObject(ctx, itsm.ActViewDefault, itsm.ObjectView+"/"+v.ID, itsm.ViewDefault{Who: who.Follower(), On: f.Get("default") != ""}); err != nil {
		return err
	}
	return c.back(ctx, "view", addressOf(&v.Filter))
}

func (c *Console) removeView(ctx *fiber.Ctx) error {
	v, who, err := c.seenView(ctx)
	if err != nil {
		return err
	}
	if v.Owner != who.Follower() {
		return itsm.Errorf(itsm.Forbidden, "view %s is of %s, who alone can remove it", v.ID, v.Owner)
	}
	if err := c.doObject(ctx, itsm.ActViewRemove, itsm.ObjectView+"/"+v.ID, nil); err != nil {
		return err
	}
	return c.back(ctx, "view-removed", addressOf(&v.Filter))
}
