package console

import (
	"cmp"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/gofiber/fiber/v2"

	"signalbox/itsm"
	"signalbox/itsm/access"
	"signalbox/itsm/httperr"
)

// Bounds of an act's fields.
const (
	splitAlertsMax = 2000
	nameRunesMax   = 120
)

// deed is one thing a person can do to an incident: its name, the form's fields
// that count, and whether it must see the current version.
type deed struct {
	name      string // last part of the address and name of the flash message
	verb      string // "Resolve", for the button that repeats a stale act
	kind      itsm.ActKind
	versioned bool
	self      bool // it is about whoever does it
	fill      func(a *itsm.Act, f url.Values) error
}

// The deeds. Acknowledge and note are true whatever else changed.
var (
	acknowledge   = deed{name: "acknowledge", verb: "Acknowledge", kind: itsm.ActAcknowledge}
	unacknowledge = deed{name: "unacknowledge", verb: "Take back", kind: itsm.ActUnacknowledge}
	note          = deed{name: "notes", verb: "Add note", kind: itsm.ActNote, fill: fillNote}
	resolve       = deed{name: "resolve", verb: "Resolve", kind: itsm.ActResolve, versioned: true, fill: fillResolve}
	reopen        = deed{name: "reopen", verb: "Reopen", kind: itsm.ActReopen, versioned: true}
	hold          = deed{name: "hold", verb: "Put on hold", kind: itsm.ActHold, versioned: true, fill: fillHold}
	resume        = deed{name: "resume", verb: "Resume", kind: itsm.ActResume, versioned: true}
	assign        = deed{name: "assign", verb: "Assign", kind: itsm.ActAssign, versioned: true, fill: fillAssign}
	priority      = deed{name: "priority", verb: "Set priority", kind: itsm.ActPriority, versioned: true, fill: fillPriority}
	merge         = deed{name: "merge", verb: "Merge", kind: itsm.ActMerge, versioned: true, fill: fillMerge}
	split         = deed{name: "split", verb: "Split", kind: itsm.ActSplit, versioned: true, fill: fillSplit}
	undo          = deed{name: "undo", verb: "Undo", kind: itsm.ActUndo}
	unrelated     = deed{name: "unrelated", verb: "Not related", kind: itsm.ActUnrelated, fill: fillMerge}
	cancel        = deed{name: "cancel", verb: "Cancel incident", kind: itsm.ActCancel, versioned: true, fill: fillNoteOptional}
)

func fillNote(a *itsm.Act, f url.Values) error {
	if strings.TrimSpace(f.Get("text")) == "" {
		return itsm.Errorf(itsm.Invalid, "note: it is empty; write what you saw or did")
	}
	return fillNoteOptional(a, f)
}

func fillNoteOptional(a *itsm.Act, f url.Values) error {
	a.Text = strings.TrimSpace(strings.ReplaceAll(f.Get("text"), "\r\n", "\n"))
	if len(a.Text) > itsm.NoteBytesMax {
		return itsm.Errorf(itsm.TooLarge, "note: %d bytes; expected at most %d", len(a.Text), itsm.NoteBytesMax)
	}
	return nil
}

func fillResolve(a *itsm.Act, f url.Values) error {
	a.CloseCode = f.Get("close_code")
	if a.CloseCode == "" {
		a.CloseCode = itsm.CloseCodes[0]
	}
	if !slices.Contains(itsm.CloseCodes, a.CloseCode) {
		return itsm.Errorf(itsm.Invalid, "close code %q: expected one of %s", line(a.CloseCode, 40), strings.Join(itsm.CloseCodes, ", "))
	}
	return fillNoteOptional(a, f)
}

func fillHold(a *itsm.Act, f url.Values) error {
	a.Reason = f.Get("reason")
	if !slices.Contains(itsm.HoldReasons, a.Reason) {
		return itsm.Errorf(itsm.Invalid, "reason %q: expected one of %s", line(a.Reason, 40), strings.Join(itsm.HoldReasons, ", "))
	}
	return nil
}

func fillAssign(a *itsm.Act, f url.Values) error {
	a.Assignee, a.Group = line(f.Get("assignee"), nameRunesMax), line(f.Get("group"), nameRunesMax)
	if a.Assignee == "" && a.Group == "" {
		return itsm.Errorf(itsm.Invalid, "assign: expected a person or a group")
	}
	return nil
}

func fillPriority(a *itsm.Act, f url.Values) (err error) {
	a.Priority, err = itsm.ParsePriority(f.Get("priority"))
	return err
}

func fillMerge(a *itsm.Act, f url.Values) (err error) {
	into := strings.TrimSpace(f.Get("into"))
	if a.Into, err = itsm.ParseIncidentNumber(strings.ToUpper(into)); err != nil {
		return itsm.Errorf(itsm.Invalid, "merge into %s: expected a number such as INC0000001", line(into, 40))
	}
	if a.Into == a.Incident {
		return itsm.Errorf(itsm.Invalid, "merge: an incident cannot be merged into itself")
	}
	return nil
}

func fillSplit(a *itsm.Act, f url.Values) error {
	if len(f["alert"]) == 0 {
		return itsm.Errorf(itsm.Invalid, "split: tick the alerts that belong to another incident")
	}
	if len(f["alert"]) > splitAlertsMax {
		return itsm.Errorf(itsm.TooLarge, "split: %d alerts; expected at most %d", len(f["alert"]), splitAlertsMax)
	}
	for _, s := range f["alert"] {
		n, err := itsm.ParseAlertNumber(s)
		if err != nil {
			return itsm.Errorf(itsm.Invalid, "alert %s: expected a number such as ALR0000001", line(s, 40))
		}
		a.Alerts = append(a.Alerts, n)
	}
	return nil
}

// actOf makes the act of a posted form.
func (d deed) actOf(n itsm.IncidentNumber, who access.Identity, remote string, f url.Values) (itsm.Act, error) {
	a := itsm.Act{Kind: d.kind, Incident: n, Actor: who.Actor(), RemoteIP: remote}
	if key := line(f.Get("key"), 64); key != "" {
		a.IdempotencyKey = who.Actor() + "/" + d.name + "/" + key
	}
	if d.versioned {
		v, err := strconv.ParseUint(f.Get("version"), 10, 64)
		if err != nil || v == 0 {
			return a, itsm.Errorf(itsm.Invalid, "version %q: expected the version of the page this was sent from", line(f.Get("version"), 40))
		}
		a.IfVersion = v
	}
	if d.self {
		a.Assignee = who.Follower()
	}
	if d.fill == nil {
		return a, nil
	}
	return a, d.fill(&a, f)
}

// act answers the POST of one deed.
func (c *Console) act(d deed) fiber.Handler {
	return func(ctx *fiber.Ctx) error {
		n, err := incidentNamed(ctx)
		if err != nil {
			return err
		}
		f, err := form(ctx)
		if err != nil {
			return err
		}
		who, _ := person(ctx)
		act, err := d.actOf(n, who, strings.Clone(ctx.IP()), f)
		if err != nil {
			return c.refuse(ctx, n, d, f, err)
		}
		out, err := c.o.Engine.Do(ctx.UserContext(), act)
		if err == nil {
			err = out.Err()
		}
		if err != nil {
			return c.refuse(ctx, n, d, f, err)
		}
		return c.done(ctx, n, d, f, out, act)
	}
}

// done leads to where the person wants to look next.
func (c *Console) done(ctx *fiber.Ctx, n itsm.IncidentNumber, d deed, f url.Values, out itsm.Outcome, act itsm.Act) error {
	target, other, code := n, itsm.IncidentNumber(0), d.name
	switch {
	case out.NoOp:
		code = "noop"
	case d.kind == itsm.ActUndo:
		target, other = cmp.Or(out.Incident, n), n
	case d.kind == itsm.ActParent && act.Into == 0:
		code = "no-parent"
	case d.kind == itsm.ActParent:
		other = act.Into
		if d.name == addChild.name {
			other = act.Incident
		}
	case d.kind == itsm.ActMerge:
		target, other = act.Into, n
	case d.kind == itsm.ActSplit && out.Incident != 0:
		target, other = out.Incident, n
	}
	c.setFlash(ctx, code, other)
	to := "/incidents/" + target.String()
	if back := f.Get("back"); back != "" && (d.kind != itsm.ActUndo || target == n) { // an undone split leads to where it went
		to = localPath(back)
	}
	return ctx.Redirect(to, http.StatusSeeOther)
}

// staleView says why an act was refused, what changed in between, and offers it again.
type staleView struct {
	Head    string
	Text    string
	Changes []timelineLine
	Retry   string // label of the button that does it anyway; "" when that would not help
	Action  string
	Fields  []option // what the refused form said
}

// refuse answers an act that was not done with the page as it is now, what the
// person had typed, and what changed since they looked.
func (c *Console) refuse(ctx *fiber.Ctx, n itsm.IncidentNumber, d deed, f url.Values, cause error) error {
	code := itsm.CodeOf(cause)
	if code == itsm.NotFound || code == itsm.Internal {
		return cause
	}
	p, err := c.incidentPage(ctx, n, "")
	if err != nil {
		return err
	}
	facts, err := c.o.Records.Timeline(n, "", timelineMax)
	if err != nil {
		return err
	}
	p.Forms.Draft = draft{Note: block(f.Get("text"), blockRunesMax), Into: line(f.Get("into"), nameRunesMax), Parent: line(f.Get("parent"), nameRunesMax), Child: line(f.Get("child"), nameRunesMax)}
	if d.name == attach.name {
		p.Forms.Draft.Title, p.Forms.Draft.URL = line(f.Get("title"), nameRunesMax), line(f.Get("url"), lineRunesMax)
	}
	p.Stale = viewRefusal(p, d, f, cause, facts.Items, c.inventory(), c.o.Clock())
	return c.show(ctx, httperr.Status(cause), p)
}
