package console

import (
	"encoding/json"
	"net/url"
	"strconv"
	"strings"

	"github.com/gofiber/fiber/v2"

	"signalbox/itsm"
	"signalbox/itsm/access"
	"signalbox/itsm/httperr"
)

// problemDeed is one thing a person can do to a problem: its name, which is also the
// last part of the address, and how its form becomes what the act carries.
type problemDeed struct {
	name string
	kind itsm.ActKind
	role access.Role
	fill func(url.Values) itsm.ProblemBody
}

var problemDeeds = []problemDeed{
	{"accept", itsm.ActProblemAccept, access.ProblemManager, func(f url.Values) itsm.ProblemBody {
		return itsm.ProblemBody{Owner: field(f, "owner"), Team: field(f, "team")}
	}},
	{"dismiss", itsm.ActProblemDismiss, access.ProblemManager, func(f url.Values) itsm.ProblemBody { return itsm.ProblemBody{Reason: field(f, "reason")} }},
	{"merge", itsm.ActProblemMerge, access.ProblemManager, func(f url.Values) itsm.ProblemBody {
		return itsm.ProblemBody{Into: strings.ToUpper(field(f, "into"))}
	}},
	{"assign", itsm.ActProblemAssign, access.ProblemManager, func(f url.Values) itsm.ProblemBody {
		return itsm.ProblemBody{Owner: field(f, "owner"), Team: field(f, "team")}
	}},
	{"state", itsm.ActProblemState, access.ProblemManager, func(f url.Values) itsm.ProblemBody {
		return itsm.ProblemBody{State: itsm.ProblemState(f.Get("state")), Reason: field(f, "reason")}
	}},
	{"root-cause", itsm.ActProblemRootCause, access.ProblemManager, textOf},
	{"workaround", itsm.ActProblemWorkaround, access.Responder, textOf},
	{"known-error", itsm.ActProblemKnownError, access.ProblemManager, func(f url.Values) itsm.ProblemBody {
		return itsm.ProblemBody{Known: f.Get("known_error") == "true"}
	}},
	{"communicate", itsm.ActProblemCommunicate, access.Responder, func(url.Values) itsm.ProblemBody { return itsm.ProblemBody{} }},
	{"link", itsm.ActProblemLink, access.Responder, linked},
	{"unlink", itsm.ActProblemUnlink, access.Responder, linked},
	{"notes", itsm.ActProblemNote, access.Responder, textOf},
}

func field(f url.Values, name string) string {
	return strings.TrimSpace(strings.ReplaceAll(f.Get(name), "\r\n", "\n"))
}

func textOf(f url.Values) itsm.ProblemBody { return itsm.ProblemBody{Text: field(f, "text")} }

// linked takes numbers of incidents and ids of changes, in any order.
func linked(f url.Values) (b itsm.ProblemBody) {
	for _, id := range strings.FieldsFunc(strings.ToUpper(f.Get("ids")), func(r rune) bool { return r == ',' || r == ' ' || r == '\n' || r == '\r' }) {
		if strings.HasPrefix(id, "INC") {
			b.Incidents = append(b.Incidents, id)
		} else {
			b.Changes = append(b.Changes, id)
		}
	}
	return b
}

// actOnProblem answers the POST of one deed.
func (c *Console) actOnProblem(d problemDeed) fiber.Handler {
	return func(ctx *fiber.Ctx) error {
		n, err := itsm.ParseProblemNumber(param(ctx, "number"))
		if err != nil {
			return err
		}
		f, err := form(ctx)
		if err != nil {
			return err
		}
		if _, err := c.problemPage(ctx, n); err != nil {
			return err // out of sight, or not there
		}
		out, err := c.doProblem(ctx, d, n.String(), f)
		if err != nil {
			return c.refuseProblem(ctx, n, err)
		}
		return c.back(ctx, "problem-"+d.name, "/problems/"+out)
	}
}

// doProblem journals the act and says which problem to show.
func (c *Console) doProblem(ctx *fiber.Ctx, d problemDeed, number string, f url.Values) (string, error) {
	who, _ := person(ctx)
	a := itsm.Act{Kind: d.kind, Object: number, Actor: who.Actor(), RemoteIP: strings.Clone(ctx.IP())}
	var err error
	if a.Body, err = json.Marshal(d.fill(f)); err != nil {
		return "", err
	}
	if key := line(f.Get("key"), 64); key != "" {
		a.IdempotencyKey = d.name + "/" + key
	}
	if v := f.Get("version"); v != "" {
		if a.IfVersion, err = strconv.ParseUint(v, 10, 64); err != nil {
			return "", itsm.Errorf(itsm.Invalid, "version %q: expected the version of the page this was sent from", line(v, 40))
		}
	}
	out, err := c.o.Engine.Do(ctx.UserContext(), a)
	if err == nil {
		err = out.Err()
	}
	if out.Object == "" {
		out.Object = number
	}
	return out.Object, err
}

// refuseProblem answers with the page as it is now and why the act was not done.
func (c *Console) refuseProblem(ctx *fiber.Ctx, n itsm.ProblemNumber, cause error) error {
	if code := itsm.CodeOf(cause); code == itsm.NotFound || code == itsm.Internal {
		return cause
	}
	p, err := c.problemPage(ctx, n)
	if err != nil {
		return err
	}
	p.Refused = line(itsm.MessageOf(cause), lineRunesMax)
	return c.show(ctx, httperr.Status(cause), p)
}

// makeProblem makes a problem of an incident.
func (c *Console) makeProblem(ctx *fiber.Ctx) error {
	n, err := itsm.ParseIncidentNumber(param(ctx, "number"))
	if err != nil {
		return err
	}
	f, err := form(ctx)
	if err != nil {
		return err
	}
	if _, err := c.o.Records.Incident(n); err != nil {
		return err
	}
	d := problemDeed{"create", itsm.ActProblemCreate, access.Responder, func(url.Values) itsm.ProblemBody {
		return itsm.ProblemBody{Incidents: []string{n.String()}}
	}}
	out, err := c.doProblem(ctx, d, "new", f)
	if err != nil {
		return err
	}
	return c.back(ctx, "problem-create", "/problems/"+out)
}

// problemFlashes are what the next page says after an act on a problem.
var problemFlashes = map[string]flash{
	"problem-accept":      {Text: "Accepted. Give it a workaround: the next page quotes it."},
	"problem-dismiss":     {Text: "Dismissed. It comes back after three more incidents."},
	"problem-merge":       {Text: "Merged into this problem."},
	"problem-assign":      {Text: "Assigned."},
	"problem-state":       {Text: "Moved."},
	"problem-root-cause":  {Text: "Root cause saved."},
	"problem-workaround":  {Text: "Workaround saved. The next page of a matching incident quotes it."},
	"problem-known-error": {Text: "Saved."},
	"problem-communicate": {Text: "Posted to every linked open incident."},
	"problem-link":        {Text: "Linked."},
	"problem-unlink":      {Text: "Taken out."},
	"problem-notes":       {Text: "Note added."},
	"problem-create":      {Text: "It is a problem now."},
}
