package api

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"

	"github.com/gofiber/fiber/v2"

	"signalbox/itsm"
	"signalbox/itsm/access"
	"signalbox/itsm/review"
)

// processActions arrange what is around an incident: its parent, people who follow
// it, links, and whether it is a major one.
var processActions = []action{
	{name: "parent", kind: itsm.ActParent, many: true, fill: fillParent},
	{name: "watch", kind: itsm.ActWatch, many: true, fill: fillWatch},
	{name: "unwatch", kind: itsm.ActUnwatch, many: true, fill: fillWatch},
	{name: "attach", kind: itsm.ActAttach, fill: fillAttach},
	{name: "detach", kind: itsm.ActDetach, fill: fillDetach},
	{name: "major/propose", kind: itsm.ActMajorPropose, fill: fillMajor},
	{name: "major/accept", kind: itsm.ActMajorAccept, role: access.ProblemManager, fill: fillMajor},
	{name: "major/reject", kind: itsm.ActMajorReject, role: access.ProblemManager, fill: fillMajor},
	{name: "major/demote", kind: itsm.ActMajorDemote, role: access.ProblemManager, fill: fillMajor},
	{name: "review/done", kind: itsm.ActReviewDone, role: access.ProblemManager, fill: fillNothing},
}

func (a *API) processRoutes() []route {
	one := Prefix + "/incidents/:number"
	return []route{
		{http.MethodGet, one + "/review", access.Viewer, nil, a.review},
		{http.MethodPut, one + "/review", access.Responder, nil, a.putReview},
		{http.MethodGet, one + "/review/export", access.Viewer, []string{"format"}, a.exportReview},
	}
}

// fillParent takes null for having no parent any more, but not the absence of the
// field, which is a mistake.
func fillParent(r *request, act *itsm.Act) error {
	b := struct {
		Parent *string `json:"parent"`
	}{Parent: new(string)}
	if err := r.decode(&b); err != nil || b.Parent == nil {
		return err
	}
	n, err := itsm.ParseIncidentNumber(*b.Parent)
	if err != nil {
		return itsm.Errorf(itsm.Invalid, "parent %q: expected the number of an incident such as INC0000001, or null for none", httpWord(*b.Parent))
	}
	act.Into = n
	return nil
}

// fillWatch takes who follows it: whoever asks, unless another is named.
func fillWatch(r *request, act *itsm.Act) error {
	var b struct {
		Who *string `json:"who"`
	}
	if err := r.decode(&b); err != nil {
		return err
	}
	if act.Assignee = r.who.Follower(); b.Who != nil {
		act.Assignee = strings.TrimSpace(*b.Who)
	}
	if act.Assignee == "" {
		return itsm.Errorf(itsm.Invalid, "who: expected the name of a person")
	}
	return short("who", act.Assignee, itsm.WatcherBytesMax)
}

func fillAttach(r *request, act *itsm.Act) (err error) {
	var b struct {
		Title string `json:"title"`
		URL   string `json:"url"`
	}
	if err := r.decode(&b); err != nil {
		return err
	}
	l := itsm.Attachment{Title: strings.TrimSpace(b.Title), URL: strings.TrimSpace(b.URL)}
	if why := l.Fault(); why != "" {
		return itsm.Errorf(itsm.Invalid, "%s", why)
	}
	act.Body, err = json.Marshal(l)
	return err
}

func fillDetach(r *request, act *itsm.Act) (err error) {
	var b struct {
		URL string `json:"url"`
	}
	if err := r.decode(&b); err != nil {
		return err
	}
	if b.URL == "" {
		return itsm.Errorf(itsm.Invalid, "url: expected the address of the link to take away")
	}
	if err := short("url", b.URL, itsm.AttachURLMax); err != nil {
		return err
	}
	act.Body, err = json.Marshal(itsm.Attachment{URL: b.URL})
	return err
}

func fillMajor(r *request, act *itsm.Act) error {
	var b struct {
		Reason string `json:"reason"`
	}
	if err := r.decode(&b); err != nil {
		return err
	}
	act.Text = strings.TrimSpace(b.Reason)
	if (act.Kind == itsm.ActMajorReject || act.Kind == itsm.ActMajorDemote) && act.Text == "" {
		return itsm.Errorf(itsm.Invalid, "reason: expected why it is no major incident")
	}
	return short("reason", act.Text, itsm.NoteBytesMax)
}

// majorView is what was decided about an incident as a major one.
type majorView struct {
	State           string    `json:"state"`
	By              string    `json:"by"`
	At              itsm.Time `json:"at"`
	Because         string    `json:"because"`
	ProposedBy      string    `json:"proposed_by"`
	ProposedAt      itsm.Time `json:"proposed_at"`
	ProposedBecause string    `json:"proposed_because"`
}

func viewMajor(m *itsm.MajorIncident) *majorView {
	if m.State == "" {
		return nil
	}
	return &majorView{string(m.State), m.By, m.At, m.Because, m.ProposedBy, m.ProposedAt, m.ProposedBecause}
}

type attachmentView struct {
	Title string    `json:"title"`
	URL   string    `json:"url"`
	By    string    `json:"by"`
	At    itsm.Time `json:"at"`
}

func viewAttachment(l *itsm.Attachment) attachmentView {
	return attachmentView{l.Title, l.URL, l.By, l.At}
}

// reviewView is the post-incident review of an incident.
type reviewView struct {
	Incident string    `json:"incident"`
	Draft    bool      `json:"draft"`
	Version  uint64    `json:"version"`
	Summary  string    `json:"summary"`
	Impact   string    `json:"impact"`
	Timeline string    `json:"timeline"`
	Causes   string    `json:"causes"`
	Changed  string    `json:"changed"`
	Actions  string    `json:"actions"`
	EditedBy *string   `json:"edited_by"`
	EditedAt itsm.Time `json:"edited_at"`
	DoneBy   *string   `json:"done_by"`
	DoneAt   itsm.Time `json:"done_at"`
}

// reviewOf reads a review; of one that nobody wrote yet it makes the draft.
func (a *API) reviewOf(n itsm.IncidentNumber) (in itsm.Incident, rv itsm.Review, lines []itsm.TimelineEntry, err error) {
	if in, err = a.o.Records.Incident(n); err != nil {
		return in, rv, nil, err
	}
	if lines, err = a.recorded(n); err != nil {
		return in, rv, nil, err
	}
	rv, err = objectOf[itsm.Review](a, itsm.ObjectReview, n.String())
	if itsm.CodeOf(err) == itsm.NotFound {
		return in, review.Draft(&in, lines), lines, nil
	}
	return in, rv, lines, err
}

// recorded is the timeline, oldest first.
func (a *API) recorded(n itsm.IncidentNumber) ([]itsm.TimelineEntry, error) {
	return review.Recorded(func(cursor string) ([]itsm.TimelineEntry, string, error) {
		page, err := a.o.Records.Timeline(n, cursor, limitMax)
		return page.Items, page.Next, err
	})
}

func (a *API) review(r *request) error {
	n, err := r.incidentNumber()
	if err != nil {
		return err
	}
	return a.showReview(r, n)
}

func (a *API) showReview(r *request, n itsm.IncidentNumber) error {
	_, v, _, err := a.reviewOf(n)
	if err != nil {
		return err
	}
	r.tag(v.Version)
	return r.json(reviewView{Incident: n.String(), Draft: v.Version == 0, Version: v.Version, Summary: v.Summary, Impact: v.Impact, Timeline: v.Timeline, Causes: v.Causes,
		Changed: v.Changed, Actions: v.Actions, EditedBy: text(v.EditedBy), EditedAt: v.EditedAt, DoneBy: text(v.DoneBy), DoneAt: v.DoneAt})
}

// putReview writes texts. If-Match is about the review, and says it before the body does.
func (a *API) putReview(r *request) error {
	act, err := r.actOnAny(itsm.ActReview)
	if err != nil {
		return err
	}
	var c itsm.ReviewChange
	if err := r.decode(&c); err != nil {
		return err
	}
	seen, err := r.matching(0) // 0: the draft
	if err != nil {
		return err
	}
	if seen != nil {
		c.Version = seen
	}
	if name := c.TooLong(); name != "" {
		return itsm.Errorf(itsm.TooLarge, "%s: expected at most %d bytes", name, itsm.ReviewTextMax)
	}
	if _, err := a.o.Records.Incident(act.Incident); err != nil {
		return err
	}
	if act.Body, err = json.Marshal(c); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(a.ctx, actWaitMax)
	defer cancel()
	if _, err := a.o.Engine.Do(ctx, act); err != nil {
		return err
	}
	return a.showReview(r, act.Incident)
}

// exportReview answers the document as a file.
func (a *API) exportReview(r *request) error {
	n, err := r.incidentNumber()
	if err != nil {
		return err
	}
	in, v, lines, err := a.reviewOf(n)
	if err != nil {
		return err
	}
	body, kind, ext := "", "text/markdown; charset=utf-8", ".md"
	switch r.q["format"] {
	case "", "markdown":
		body = review.Markdown(&in, &v, lines)
	case "html":
		body, kind, ext = review.HTML(&in, &v, lines), "text/html; charset=utf-8", ".html"
	default:
		return itsm.Errorf(itsm.Invalid, "format %q: expected markdown or html", httpWord(r.q["format"]))
	}
	r.Set(fiber.HeaderContentType, kind)
	r.Set(fiber.HeaderContentSecurityPolicy, "default-src 'none'; sandbox")
	r.Set(fiber.HeaderContentDisposition, `attachment; filename="`+n.String()+`-review`+ext+`"`)
	return r.SendString(body)
}

// undoView is the merge or the split that made an incident what it is, while it can be
// taken back.
type undoView struct {
	Of   string    `json:"of"`
	With string    `json:"with"`
	By   string    `json:"by"`
	At   itsm.Time `json:"at"`
}

func viewUndo(u *itsm.Undoable) *undoView {
	if u.Of == "" {
		return nil
	}
	return &undoView{string(u.Of), u.With.String(), u.By, u.At}
}
