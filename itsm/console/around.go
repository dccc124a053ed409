package console

import (
	"encoding/json"
	"net/url"
	"strings"
	"time"

	"signalbox/itsm"
	"signalbox/itsm/access"
)

// Bounds of the block about what is around an incident.
const (
	childrenShown = 5 // before the rest folds away
	watchersShown = 8
)

// aroundView is what people arranged around an incident: what it is a part of, what
// is a part of it, who follows it, and links.
type aroundView struct {
	Parent    *kinView
	With      *kinView // the parent that it was resolved with
	Children  []kinView
	Rest      []kinView // children behind the fold
	Count     string    // of the children, "" without any
	Follows   string    // what its end does to its children
	Watchers  string    // "" when nobody does
	Watches   bool      // the reader does
	Links     []attachmentView
	Problem   fact // of which Text is "" without one
	CanParent bool // it may get a parent
	CanChild  bool // it may get children
	CanEdit   bool
}

// kinView is a parent or a child.
type kinView struct {
	Number, Href, Title string
	Priority, State     badge
}

type attachmentView struct {
	Title, Href, Host string
	URL               string // as it is kept
	By                string
	When              when
}

// none reports whether there is nothing of it to show.
func (v aroundView) none() bool {
	return v.Parent == nil && v.With == nil && v.Count == "" && v.Watchers == "" && len(v.Links) == 0 && v.Problem.Text == ""
}

// Empty reports whether there is neither something to show nor to do.
func (v aroundView) Empty() bool { return v.none() && !v.CanEdit && !v.CanParent && !v.CanChild }

func viewAround(f incidentFacts, who access.Identity, now time.Time) aroundView {
	i := f.Incident
	v := aroundView{CanEdit: mayAct(who)}
	var open int
	for _, n := range i.Children {
		k, isOpen := viewKin(f.Kin, n)
		if isOpen {
			open++
		}
		if len(v.Children) < childrenShown {
			v.Children = append(v.Children, k)
		} else {
			v.Rest = append(v.Rest, k)
		}
	}
	if len(i.Children) > 0 {
		v.Count = plural(len(i.Children), "child", "children") + ", " + thousands(open) + " open"
		v.Follows = "Whoever resolves this one resolves " + itOrThem(open) + " with it; what still fires then comes back. When it clears by itself, only children end that do not fire."
	}
	if open == 0 {
		v.Follows = ""
	}
	if i.Parent != 0 {
		k, _ := viewKin(f.Kin, i.Parent)
		v.Parent = &k
	}
	if i.ResolvedWith != 0 {
		k, _ := viewKin(f.Kin, i.ResolvedWith)
		v.With = &k
	}
	ended := i.State == itsm.Closed || i.State == itsm.Cancelled
	v.CanParent = v.CanEdit && !ended && i.Parent == 0 && len(i.Children) == 0
	v.CanChild = v.CanEdit && i.State.IsOpen() && i.Parent == 0 && len(i.Children) < itsm.ChildrenMax
	v.watchers(i.Watchers, who.Follower())
	for _, l := range i.Attachments {
		v.Links = append(v.Links, viewAttachment(l, now))
	}
	if i.Problem != "" {
		v.Problem = fact{Text: line(i.Problem, 40), Link: "/problems/" + line(i.Problem, 40)}
		if f.Known != nil {
			v.Problem.Said = said{{Text: line(f.Known.Title, lineRunesMax)}}
		}
	}
	return v
}

func itOrThem(n int) string {
	if n == 1 {
		return "the open child"
	}
	return "the open children"
}

// viewKin finds a relative among the records that were read; what is gone has a
// number only.
func viewKin(kin []itsm.Incident, n itsm.IncidentNumber) (v kinView, open bool) {
	v = kinView{Number: n.String(), Href: "/incidents/" + n.String()}
	for _, k := range kin {
		if k.Number == n {
			v.Title, v.Priority, v.State = titleOf(k), priorityBadge(k.Priority), stateBadge(k.State)
			return v, k.State.IsOpen()
		}
	}
	return v, false
}

func (v *aroundView) watchers(names []string, me string) {
	var shown []string
	for _, n := range names {
		v.Watches = v.Watches || n == me
		if len(shown) < watchersShown {
			shown = append(shown, line(n, 60))
		}
	}
	v.Watchers = strings.Join(shown, ", ")
	if more := len(names) - len(shown); more > 0 {
		v.Watchers += " and " + thousands(more) + " more"
	}
}

func viewAttachment(l itsm.Attachment, now time.Time) attachmentView {
	v := attachmentView{Title: line(l.Title, titleRunesMax), Href: webLink(l.URL), URL: l.URL, By: actorName(l.By), When: at(l.At, now)}
	if u, err := url.Parse(v.Href); err == nil {
		v.Host = u.Host
	}
	return v
}

// kin reads the records of the relatives of i. One that is gone is left out.
func (c *Console) kin(i *itsm.Incident) (out []itsm.Incident) {
	for _, n := range append([]itsm.IncidentNumber{i.Parent, i.ResolvedWith}, i.Children...) {
		if n == 0 {
			continue
		}
		if k, err := c.o.Records.Incident(n); err == nil {
			out = append(out, k)
		}
	}
	return out
}

// noParent in a form takes a parent back.
const noParent = "none"

// Deeds that arrange what is around an incident. What the fold says of them holds
// whatever else changed.
var (
	setParent = deed{name: "parent", verb: "Set parent", kind: itsm.ActParent, fill: fillParent}
	addChild  = deed{name: "children", verb: "Add child", kind: itsm.ActParent, fill: fillChild}
	follow    = deed{name: "watch", verb: "Watch", kind: itsm.ActWatch, self: true}
	unfollow  = deed{name: "unwatch", verb: "Stop watching", kind: itsm.ActUnwatch, self: true}
	attach    = deed{name: "attach", verb: "Add link", kind: itsm.ActAttach, fill: fillAttach}
	detach    = deed{name: "detach", verb: "Remove link", kind: itsm.ActDetach, fill: fillDetach}
)

func fillParent(a *itsm.Act, f url.Values) (err error) {
	if f.Get("parent") == noParent {
		return nil
	}
	a.Into, err = numberIn(f, "parent")
	return err
}

// fillChild acts on the child that the form names: it gets the parent whose page this is.
func fillChild(a *itsm.Act, f url.Values) (err error) {
	a.Into = a.Incident
	a.Incident, err = numberIn(f, "child")
	return err
}

func numberIn(f url.Values, field string) (itsm.IncidentNumber, error) {
	typed := strings.TrimSpace(f.Get(field))
	n, err := itsm.ParseIncidentNumber(strings.ToUpper(typed))
	if err != nil {
		return 0, itsm.Errorf(itsm.Invalid, "%s %q: expected a number such as INC0000001", field, line(typed, 40))
	}
	return n, nil
}

func fillAttach(a *itsm.Act, f url.Values) (err error) {
	l := itsm.Attachment{Title: strings.TrimSpace(f.Get("title")), URL: strings.TrimSpace(f.Get("url"))}
	if l.Title == "" {
		l.Title = l.URL[:min(len(l.URL), itsm.AttachTitleMax)]
	}
	if why := l.Fault(); why != "" {
		return itsm.Errorf(itsm.Invalid, "%s", why)
	}
	a.Body, err = json.Marshal(l)
	return err
}

func fillDetach(a *itsm.Act, f url.Values) (err error) {
	if len(f.Get("url")) > itsm.AttachURLMax {
		return itsm.Errorf(itsm.TooLarge, "url: %d bytes; expected at most %d", len(f.Get("url")), itsm.AttachURLMax)
	}
	a.Body, err = json.Marshal(itsm.Attachment{URL: f.Get("url")})
	return err
}
