package console

import (
	"crypto/sha256"
	"encoding/hex"
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

// reviewFormBytes is for six texts as long as their fields take, in any script.
const reviewFormBytes = 512 << 10

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
	Stale               bool   // refused because somebody changed it meanwhile
	EditedBy            string // "" for nobody
	EditedAt            when
	CanWrite, CanDone   bool
	Export              []option // addresses of the document
	Lines               []timelineLine
	More                string // what is said of entries left out
}

type reviewText struct {
	Name, Title, Hint string
	Text              []said // what is stored, by line
	Typed             string // what its field holds
	Base              string // what of the stored text its writer began from, as a digest
	Clash             bool   // both its writer and somebody else changed it
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
		v.Base = digest(strings.TrimSpace(v.Typed))
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
		p.EditedBy, p.EditedAt = actorName(r.EditedBy), at(r.EditedAt, now)
		p.Facts = append(p.Facts, fact{Name: "Last edited", Text: "by " + p.EditedBy, When: p.EditedAt})
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

func (c *Console) reviewPage(ctx *fiber.Ctx) (itsm.Incident, reviewPage, error) {
	n, err := itsm.ParseIncidentNumber(param(ctx, "number"))
	if err != nil {
		return itsm.Incident{}, reviewPage{}, err
	}
	i, r, lines, err := c.reviewFacts(n)
	if err != nil {
		return i, reviewPage{}, err
	}
	who, _ := person(ctx)
	return i, viewReview(i, r, lines, c.inventory(), who, c.o.Clock()), nil
}

func (c *Console) review(ctx *fiber.Ctx) error {
	i, p, err := c.reviewPage(ctx)
	if err != nil {
		return err
	}
	if !reviewable(i) {
		return itsm.Errorf(itsm.Conflict, "%s is no major incident: a review is written of an accepted one", i.Number)
	}
	return c.show(ctx, http.StatusOK, p)
}

// reviewSaved is what the form of a review does.
var reviewSaved = deed{name: "review", verb: "Save the review", kind: itsm.ActReview, fill: fillReview}

// saveReview saves the texts, unless somebody saved others since the page was made.
func (c *Console) saveReview(ctx *fiber.Ctx) error {
	f, err := formUpTo(ctx, reviewFormBytes)
	if err != nil {
		return err
	}
	n, err := itsm.ParseIncidentNumber(param(ctx, "number"))
	if err != nil {
		return err
	}
	who, _ := person(ctx)
	a, err := reviewSaved.actOf(n, who, strings.Clone(ctx.IP()), f)
	if err != nil {
		return c.refuseReview(ctx, f, err)
	}
	out, err := c.o.Engine.Do(ctx.UserContext(), a)
	if err == nil {
		err = out.Err()
	}
	if err != nil {
		return c.refuseReview(ctx, f, err)
	}
	return c.back(ctx, "review", reviewPath(n))
}

// fillReview takes the texts, and what of the review their writer saw. The key tells
// other texts from the same ones sent twice: who goes back to a form that was sent and
// writes on is not taken for somebody who repeats it.
func fillReview(a *itsm.Act, f url.Values) error {
	change := itsm.ReviewChange{}
	seen, err := strconv.ParseUint(f.Get("version"), 10, 64)
	if err != nil {
		return itsm.Errorf(itsm.Invalid, "version %q: expected the version of the page this was sent from", line(f.Get("version"), 40))
	}
	change.Version = &seen
	for name, to := range map[string]**string{"summary": &change.Summary, "impact": &change.Impact, "timeline": &change.Timeline, "causes": &change.Causes, "changed": &change.Changed, "actions": &change.Actions} {
		if f.Has(name) {
			v := field(f, name)
			*to = &v
		}
	}
	if name := change.TooLong(); name != "" {
		return itsm.Errorf(itsm.TooLarge, "%s: expected at most %d bytes", name, itsm.ReviewTextMax)
	}
	if a.Body, err = json.Marshal(change); err != nil {
		return err
	}
	if a.IdempotencyKey != "" {
		a.IdempotencyKey += "/" + digest(string(a.Body))
	}
	return nil
}

// digest tells texts apart.
func digest(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:12])
}

// refuseReview answers with the review as it is, and with what was typed in the fields.
func (c *Console) refuseReview(ctx *fiber.Ctx, f url.Values, cause error) error {
	if code := itsm.CodeOf(cause); code == itsm.NotFound || code == itsm.Internal {
		return cause
	}
	_, p, err := c.reviewPage(ctx) // as it is now, even when no review is written of it any more
	if err != nil {
		return err
	}
	p.refuse(f, cause)
	return c.show(ctx, httperr.Status(cause), p)
}

// refuse keeps what was typed. When somebody else changed the review, a field that its
// writer left alone holds what is stored now, for otherwise saving again would take
// that back; and where both wrote, both texts stand side by side. In any other case
// the form goes on from what its writer saw, so that what others saved stays to be told.
func (p *reviewPage) refuse(f url.Values, cause error) {
	p.Refused, p.Stale = line(itsm.MessageOf(cause), lineRunesMax), itsm.CodeOf(cause) == itsm.Stale
	if seen, err := strconv.ParseUint(f.Get("version"), 10, 64); err == nil && !p.Stale {
		p.Version = seen
	}
	for k := range p.Texts {
		t := &p.Texts[k]
		if !f.Has(t.Name) {
			continue
		}
		typed, base := field(f, t.Name), line(f.Get("base-"+t.Name), 64)
		if p.Stale && (base == digest(typed) || t.Base == digest(typed)) {
			continue
		}
		t.Typed = block(typed, 2*itsm.ReviewTextMax)
		if p.Stale {
			t.Clash = base != t.Base
		} else {
			t.Base = base
		}
	}
}
