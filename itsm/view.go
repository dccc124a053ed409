package itsm

import (
	"cmp"
	"net/url"
	"slices"
	"strings"
)

// ViewNumber is the dense number of a saved view; its public form is VIW0000001.
type ViewNumber uint64

// String returns the public number.
func (n ViewNumber) String() string { return numbered("VIW", uint64(n)) }

// ObjectView is the kind of object that a saved view is; an act names one as
// "view/VIW0000001", and "view/new" makes one.
const ObjectView = "view"

// Acts on saved views.
const (
	ActViewPut     ActKind = "view.put"     // Body: ViewChange
	ActViewRemove  ActKind = "view.remove"  //
	ActViewDefault ActKind = "view.default" // Body: ViewDefault
)

// Named bounds of saved views.
const (
	ViewsMax        = 5_000
	ViewsOfOneMax   = 50 // of one owner
	ViewNameMax     = 60 // bytes
	ViewDefaultsMax = 1_000
	viewValuesMax   = 20  // of one field of a filter
	viewValueMax    = 200 // bytes of one
)

// View is a filter of the list of incidents with a name, of one person's or shared
// with a team.
type View struct {
	ID        string         `json:"id"`
	Name      string         `json:"name"`
	Owner     string         `json:"owner"` // who made it, by the name they sign in with
	Team      string         `json:"team"`  // whose members see it as well; "" for nobody's
	Filter    IncidentFilter `json:"filter"`
	Defaults  []string       `json:"defaults"` // whose list begins with it, sorted
	CreatedAt Time           `json:"created_at"`
	ChangedAt Time           `json:"changed_at"`
	ChangedBy string         `json:"changed_by"`
	Version   uint64         `json:"version"`
}

// IncidentFilter is which incidents a list shows: each field that says something must
// hold, and a field holds when one of its values does.
type IncidentFilter struct {
	State    []State      `json:"state"`
	Priority []Priority   `json:"priority"`
	Service  []string     `json:"service"`
	CI       []string     `json:"ci"`
	Assignee []string     `json:"assignee"`
	Group    []string     `json:"group"`
	Team     []string     `json:"team"` // names of teams; "mine" for those of whoever looks
	Major    []MajorState `json:"major"`
	Q        string       `json:"q"`
}

// Fault names what of the filter is out of bounds and what was expected, or "".
func (f *IncidentFilter) Fault() string {
	for _, part := range []struct {
		name string
		list []string
	}{{"service", f.Service}, {"ci", f.CI}, {"assignee", f.Assignee}, {"group", f.Group}, {"team", f.Team}} {
		if len(part.list) > viewValuesMax || slices.ContainsFunc(part.list, func(v string) bool { return len(v) > viewValueMax || !IsLine(v) || strings.Contains(v, ",") }) {
			return "filter." + part.name + ": expected at most 20 values of 1 to 200 bytes without commas"
		}
	}
	if len(f.Q) > viewValueMax || !plain(f.Q) {
		return "filter.q: expected one line of at most 200 bytes"
	}
	if len(f.State) > len(stateNames) || len(f.Priority) > int(P5) || len(f.Major) > len(MajorStates) {
		return "filter: expected each value once"
	}
	if slices.ContainsFunc(f.State, func(st State) bool { return st < New || st > Cancelled }) {
		return "filter.state: expected " + strings.Join(stateNames[New:Cancelled], ", ") + " or " + Cancelled.String()
	}
	if slices.ContainsFunc(f.Priority, func(p Priority) bool { return p < P1 || p > P5 }) {
		return "filter.priority: expected P1 to P5"
	}
	for _, m := range f.Major {
		if !slices.Contains(MajorStates, m) {
			return "filter.major: expected proposed, accepted, rejected, demoted or reviewed"
		}
	}
	return ""
}

// Values are the parameters of an address that say what the filter says; a list is
// one, separated by commas.
func (f *IncidentFilter) Values() url.Values {
	v := url.Values{}
	for name, value := range map[string]string{"state": words(f.State), "priority": words(f.Priority), "service": strings.Join(f.Service, ","), "ci": strings.Join(f.CI, ","),
		"assignee": strings.Join(f.Assignee, ","), "group": strings.Join(f.Group, ","), "team": strings.Join(f.Team, ","), "major": majors(f.Major), "q": f.Q} {
		if value != "" {
			v.Set(name, value)
		}
	}
	return v
}

func majors(list []MajorState) string {
	out := make([]string, len(list))
	for n, m := range list {
		out[n] = string(m)
	}
	return strings.Join(out, ",")
}

func words[T interface{ String() string }](list []T) string {
	out := make([]string, len(list))
	for n, v := range list {
		out[n] = v.String()
	}
	return strings.Join(out, ",")
}

// ViewChange is what an act changes of a view; what is nil stays.
type ViewChange struct {
	Owner  string          `json:"owner,omitempty"` // of a new one
	Name   *string         `json:"name,omitempty"`
	Team   *string         `json:"team,omitempty"`
	Filter *IncidentFilter `json:"filter,omitempty"`
}

// ViewDefault has the list of a person begin with a view, or not any more.
type ViewDefault struct {
	Who string `json:"who"`
	On  bool   `json:"on"`
}

// Refs is what the view is found by: whoever sees it.
func (v *View) Refs() []string {
	refs := []string{OwnerRef(v.Owner)}
	if v.Team != "" {
		refs = append(refs, TeamRef(v.Team))
	}
	return refs
}

// SeenViews lists the views that somebody sees, by name: their own and those of their teams.
func SeenViews(owner string, teams []Team, found func(ref string) ([]View, error)) ([]View, error) {
	refs := []string{OwnerRef(owner)}
	for _, t := range teams {
		refs = append(refs, TeamRef(t.Name))
	}
	var out []View
	for _, ref := range refs {
		list, err := found(ref)
		if err != nil {
			return nil, err
		}
		for _, v := range list {
			if !slices.ContainsFunc(out, func(o View) bool { return o.ID == v.ID }) {
				out = append(out, v)
			}
		}
	}
	slices.SortFunc(out, func(a, b View) int {
		return cmp.Or(strings.Compare(strings.ToLower(a.Name), strings.ToLower(b.Name)), strings.Compare(a.ID, b.ID))
	})
	return out, nil
}

// TeamRef is what is shared with a team is found by.
func TeamRef(team string) string { return "team/" + team }
