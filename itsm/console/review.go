package console

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"signalbox/itsm"
	"signalbox/itsm/access"
	"signalbox/itsm/desk"
	"signalbox/itsm/httperr"
	"signalbox/itsm/review"
)

// reviewLinesMax bounds the recorded timeline on the page; the exported document has
// all of it.
const reviewLinesMax = 200

// reviewPage is the post-incident review of a major incident.
type reviewPage struct {
	Number, Path, Title string
	Up                  string // address of the incident
	Priority            badge
	State               badge
	Facts               []fact
	Draft               bool // nobody saved it: the texts follow from the record
	Done                string
	DoneAt              when
	Missing             string // what is missing before it can be finished, "" when nothing is
	Texts               []reviewText
	Version             uint64
	Key                 string
	Refused             string
	CanWrite, CanDone   bool
	Export              []option // addresses of the document
	Lines               []timelineLine
	More                string // what is said of entries left out
}

type reviewText struct {
	Name, Title, Hint string
	Text              []said // by line
	Typed             string // what its field holds
}

func (p reviewPage) about() (string, string, string) {
	return "review", "Review of " + p.Number, "incidents"
}

func viewReview(i itsm.Incident, r itsm.Review, lines []itsm.TimelineEntry, inv inventory, who access.Identity, now time.Time) reviewPage {
	p := reviewPage{Number: i.Number.String(), Path: reviewPath(i.Number), Up: "/incidents/" + i.Number.String(), Title: titleOf(i), Priority: priorityBadge(i.Priority), State: badge{Class: "st-in_progress", Label: "Being written"},
		Facts: viewFacts(i, now), Draft: r.Version == 0, Version: r.Version, Key: formKey(), CanWrite: mayAct(who)}
	document := "/api/v1" + reviewPath(i.Number) + "/export?format="
	p.Export = []option{{Value: document + "html", Label: "HTML"}, {Value: document + "markdown", Label: "Markdown"}}
	for _, t := range r.Texts() {
		v := reviewText{Name: t.Name, Title: t.Title, Hint: t.Hint, Typed: block(*t.Text, itsm.ReviewTextMax)}
		for l := range strings.Lines(v.Typed) {
			v.Text = append(v.Text, inv.said(l))
		}
		p.Texts = append(p.Texts, v)
	}
	switch {
	case r.DoneAt != 0:
		p.Done, p.DoneAt, p.State = actorName(r.DoneBy), at(r.DoneAt, now), badge{Class: "st-resolved", Label: "Done"}
	case p.Draft:
		p.State.Label = "Draft"
		p.Missing = "Save it first: nobody has written anything yet."
	case i.State.IsOpen():
		p.Missing = "It can be finished once the incident is resolved."
	case strings.TrimSpace(r.Summary) == "" || strings.TrimSpace(r.Causes) == "":
		p.Missing = "A summary and the causes are needed before it can be finished."
	}
	if r.EditedBy != "" {
		p.Facts = append(p.Facts, fact{Name: "Last edited", Text: "by " + actorName(r.EditedBy), When: at(r.EditedAt, now)})
	}
	p.CanDone = p.Missing == "" && p.Done == "" && who.Role.Allows(access.ProblemManager)
	shown := lines[max(0, len(lines)-reviewLinesMax):]
	if left := len(lines) - len(shown); left > 0 {
		p.More = plural(left, "older entry is", "older entries are") + " in the exported document."
	}
	p.Lines = viewTimeline(shown, inv, now)
	return p
}

// reviewFacts reads a review; of one that nobody wrote yet it makes the draft.
func (c *Console) reviewFacts(n itsm.IncidentNumber) (i itsm.Incident, r itsm.Review, lines []itsm.TimelineEntry, err error) {
	if i, err = c.o.Records.Incident(n); err != nil {
		return i, r, nil, err
	}
	if !reviewable(i) {
		return i, r, nil, itsm.Errorf(itsm.Conflict, "%s is no major incident: a review is written of an accepted one", n)
	}
	lines, err = review.Recorded(func(cursor string) ([]itsm.TimelineEntry, string, error) {
		page, err := c.o.Records.Timeline(n, cursor, desk.PageMax)
		return page.Items, page.Next, err
	})
	if err != nil {
		return i, r, nil, err
	}
	r, err = nounOf[itsm.Review](c, itsm.ObjectReview, n.String())
	if itsm.CodeOf(err) == itsm.NotFound {
		r, err = review.Draft(&i, lines), nil
	}
	return i, r, lines, err
}

func (c *Console) reviewPage(ctx *fiber.Ctx) (reviewPage, error) {
	n, err := itsm.ParseIncidentNumber(param(ctx, "number"))
	if err != nil {
		return reviewPage{}, err
	}
	i, r, lines, err := c.reviewFacts(n)
	if err != nil {
		return reviewPage{}, err
	}
	who, _ := person(ctx)
	return viewReview(i, r, lines, c.inventory(), who, c.o.Clock()), nil
}

func (c *Console) review(ctx *fiber.Ctx) error {
	p, err := c.reviewPage(ctx)
	if err != nil {
		return err
	}
	return c.show(ctx, http.StatusOK, p)
}

// saveReview saves the texts, unless somebody saved others since the page was made.
func (c *Console) saveReview(ctx *fiber.Ctx) error {
	f, err := form(ctx)
	if err != nil {
		return err
	}
	p, err := c.reviewPage(ctx)
	if err != nil {
		return err
	}
	if seen, err := strconv.ParseUint(f.Get("version"), 10, 64); err != nil || seen != p.Version {
		return c.refuseReview(ctx, p, f, itsm.Errorf(itsm.Stale, "somebody saved the review while you wrote: what they saved stands above, what you wrote is still in the fields; saving again replaces theirs"))
	}
	who, _ := person(ctx)
	n, _ := itsm.ParseIncidentNumber(p.Number)
	change := reviewChange(f)
	if name := change.TooLong(); name != "" {
		return c.refuseReview(ctx, p, f, itsm.Errorf(itsm.TooLarge, "%s: expected at most %d bytes", name, itsm.ReviewTextMax))
	}
	a := itsm.Act{Kind: itsm.ActReview, Incident: n, Actor: who.Actor(), RemoteIP: strings.Clone(ctx.IP())}
	if a.Body, err = json.Marshal(change); err != nil {
		return err
	}
	out, err := c.o.Engine.Do(ctx.UserContext(), a)
	if err == nil {
		err = out.Err()
	}
	if err != nil {
		return c.refuseReview(ctx, p, f, err)
	}
	return c.back(ctx, "review", p.Path)
}

// reviewChange is what a form says of each text.
func reviewChange(f url.Values) (c itsm.ReviewChange) {
	for name, to := range map[string]**string{"summary": &c.Summary, "impact": &c.Impact, "timeline": &c.Timeline, "causes": &c.Causes, "changed": &c.Changed, "actions": &c.Actions} {
		if f.Has(name) {
			v := field(f, name)
			*to = &v
		}
	}
	return c
}

// refuseReview answers with the review as it is, and with what was typed in the fields.
func (c *Console) refuseReview(ctx *fiber.Ctx, p reviewPage, f url.Values, cause error) error {
	if code := itsm.CodeOf(cause); code == itsm.NotFound || code == itsm.Internal {
		return cause
	}
	p.Refused = line(itsm.MessageOf(cause), lineRunesMax)
	for k := range p.Texts {
		if t := &p.Texts[k]; f.Has(t.Name) {
			t.Typed = block(field(f, t.Name), 2*itsm.ReviewTextMax)
		}
	}
	return c.show(ctx, httperr.Status(cause), p)
}
