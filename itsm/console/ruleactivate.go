package console

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"signalbox/itsm"
	"signalbox/itsm/httperr"
	"signalbox/rules"
	rulebook "signalbox/rules/book"
)

// activatePage asks whether a revision should become the active one, after
// showing what that changes.
type activatePage struct {
	revisionRow
	Verb     string // "Activate" or "Roll back to"
	Instead  string // what is active now
	Active   uint64
	Diff     diffView
	Problems []problemLine
	Why      string // note as typed
	Refused  string // why it was not done
	Backtest string // address that begins a backtest of it, or ""
}

func (p activatePage) about() (string, string, string) {
	return "ruleactivate", p.Verb + " " + revisionName(p.Number), "rules"
}

func viewActivate(r rulebook.Revision, active []rules.File, h rulebook.Head, now time.Time) activatePage {
	p := activatePage{revisionRow: viewRevisionRow(r, now), Verb: "Activate", Instead: revisionName(h.Active), Active: h.Active, Diff: viewDiff(active, r.Files),
		Problems: viewProblems(r.Problems, r.Files)}
	if r.State == rulebook.Retired || r.Number < h.Active {
		p.Verb = "Roll back to"
	}
	return p
}

// activateAsked reads what the page that asks is made of.
func (c *Console) activateAsked(ctx *fiber.Ctx) (activatePage, rulebook.Revision, error) {
	r, err := c.revisionOf(ctx)
	if err != nil {
		return activatePage{}, r, err
	}
	b := c.o.Rules.Book()
	h, err := b.Head()
	if err != nil {
		return activatePage{}, r, err
	}
	active, err := filesOf(b, h.Active)
	if err != nil {
		return activatePage{}, r, err
	}
	p := viewActivate(r, active, h, c.o.Clock())
	p.Backtest = c.backtestFirst(r.Number)
	return p, r, nil
}

func (c *Console) activateAsk(ctx *fiber.Ctx) error {
	p, r, err := c.activateAsked(ctx)
	if err != nil {
		return err
	}
	if err := activatable(r); err != nil {
		return err
	}
	return c.show(ctx, http.StatusOK, p)
}

func activatable(r rulebook.Revision) error {
	switch {
	case r.State == rulebook.Active:
		return itsm.Errorf(itsm.Conflict, "revision %d is active already", r.Number)
	case rules.Blocking(r.Problems):
		return itsm.Errorf(itsm.Conflict, "revision %d has problems; correct them in the editor and save it again", r.Number)
	}
	return nil
}

// activate makes a revision the active one, unless another was activated since
// the person saw the difference.
func (c *Console) activate(ctx *fiber.Ctx) error {
	f, err := form(ctx)
	if err != nil {
		return err
	}
	p, r, err := c.activateAsked(ctx)
	if err != nil {
		return err
	}
	p.Why = block(strings.TrimSpace(f.Get("note")), itsm.NoteBytesMax)
	if err := c.activateChecked(ctx, r, p.Active, f.Get("active"), f.Get("note")); err != nil {
		if code := itsm.CodeOf(err); code == itsm.NotFound || code == itsm.Internal {
			return err
		}
		p.Refused = line(itsm.MessageOf(err), 2*lineRunesMax)
		return c.show(ctx, httperr.Status(err), p)
	}
	c.setFlash(ctx, "rules-active", 0)
	return ctx.Redirect("/rules", http.StatusSeeOther)
}

func (c *Console) activateChecked(ctx *fiber.Ctx, r rulebook.Revision, active uint64, seen, note string) error {
	if err := activatable(r); err != nil {
		return err
	}
	if seen != strconv.FormatUint(active, 10) {
		return itsm.Errorf(itsm.Conflict, "somebody activated %s after you opened this page. Below is what would change now", revisionName(active))
	}
	note, err := ruleNote(note)
	if err != nil {
		return err
	}
	who, _ := person(ctx)
	_, err = c.o.Rules.ActivateRules(ctx.UserContext(), r.Number, who.Actor(), note)
	return err
}

// ruleNote bounds the note that goes with a change of the rules.
func ruleNote(s string) (string, error) {
	s = strings.TrimSpace(strings.ReplaceAll(s, "\r\n", "\n"))
	if len(s) > itsm.NoteBytesMax {
		return "", itsm.Errorf(itsm.TooLarge, "note: %d bytes; expected at most %d", len(s), itsm.NoteBytesMax)
	}
	return s, nil
}
