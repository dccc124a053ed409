package console

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/gofiber/fiber/v2"

	"signalbox/itsm"
	"signalbox/itsm/cmdb"
	"signalbox/itsm/desk"
	"signalbox/itsm/httperr"
	"signalbox/rules"
	"signalbox/rules/explain"
)

// Bounds of a trial.
const (
	tryRecent    = 12  // alerts offered
	triedRowsMax = 300 // rules shown that did not match
	triedValues  = 12  // values shown of one rule
)

// tryPage says what every rule of a set says about one alert.
type tryPage struct {
	Parts    []chip
	Alert    string // number as typed
	Revision string // "" for the active set
	Set      string // what is tried, for people
	Sets     []option
	Recent   []alertRow
	Typed    bool // the set is what stands in the editor, unsaved
	Refused  string
	Problems []problemLine
	Answer   *tryAnswer
	Fresh    bool // there is no alert to try on
	External string
}

// tryAnswer is what came of it.
type tryAnswer struct {
	Title    string
	Href     string
	Number   string
	Source   string // where the event was read from
	CI       ciLink
	Bound    string
	Changed  []fact // what normalise changed, by field
	Matched  string
	Steps    []tryStep
	Left     string
	Incident string
}

type tryStep struct {
	Stage   string
	Skipped string
	None    bool
	Rows    []tryRow
	More    string
}

type tryRow struct {
	ID      string
	Href    string
	About   string
	Mode    badge
	Matched bool
	Why     string
	Failed  string
	Values  []itsm.Label
}

func (tryPage) about() (string, string, string) { return "ruletry", "Try rules on an alert", "rules" }

// viewAnswer bounds an answer for a page. Rules that matched are always shown.
func viewAnswer(a explain.Answer, before *itsm.Event, linked bool, inv inventory) tryAnswer {
	out := tryAnswer{CI: inv.link(a.CI.ID), Bound: words(a.Bound), Changed: eventChanges(before, a.Event, inv)}
	matched, left := 0, triedRowsMax
	for _, s := range a.Steps {
		step := tryStep{Stage: s.Stage.String(), Skipped: s.Skipped, None: s.Skipped == "" && len(s.Tried) == 0}
		more := 0
		for _, t := range s.Tried {
			if t.Matched {
				matched++
			} else if left--; left < 0 {
				more++
				continue
			}
			row := viewTried(t)
			if linked {
				row.Href = ruleHref(t.Rule.ID)
			}
			step.Rows = append(step.Rows, row)
		}
		if more > 0 {
			step.More = plural(more, "more rule did not match", "more rules did not match")
		}
		out.Steps = append(out.Steps, step)
	}
	out.Matched = plural(matched, "rule matches", "rules match")
	return out
}

func viewTried(t rules.Tried) tryRow {
	row := tryRow{ID: line(t.Rule.ID, 64), About: line(t.Rule.About, lineRunesMax), Mode: ruleMode(t.Rule), Matched: t.Matched,
		Why: line(t.Why, lineRunesMax), Failed: line(t.Failed, 2*lineRunesMax)}
	for _, v := range t.Values[:min(len(t.Values), triedValues)] {
		value := line(v.Value, lineRunesMax)
		if value == "" {
			value = `""`
		}
		row.Values = append(row.Values, itsm.Label{Name: line(v.Name, 120), Value: value})
	}
	return row
}

// eventChanges lists what the rules of normalise made of an event.
func eventChanges(from, to *itsm.Event, inv inventory) []fact {
	changes := rules.Changes(from, to)
	var out []fact
	for _, f := range changes[:min(len(changes), alertLabelsMax)] {
		now := f.After
		if now == "" {
			now = "(removed)"
		}
		out = append(out, fact{Name: line(f.Field, 120), Said: inv.said(line(now, lineRunesMax))})
	}
	return out
}

// recordEvent is what a record says of its alert, as the event it would be.
func recordEvent(a *itsm.Alert) *itsm.Event {
	return &itsm.Event{Source: a.Source, Identity: strings.TrimPrefix(string(a.Key), a.Source+"/"), Status: a.Status, Severity: a.Severity, SeverityWord: a.SeverityWord,
		Title: a.Title, StartsAt: a.StartsAt, EndsAt: a.EndsAt, Labels: a.Labels, Annotations: a.Annotations, GeneratorURL: a.GeneratorURL}
}

// incidentFactsOf is what rules may ask of an incident, from its record.
func incidentFactsOf(i *itsm.Incident, g *cmdb.Graph) *rules.IncidentFacts {
	f := &rules.IncidentFacts{Priority: i.Priority, Impact: i.Impact, Urgency: i.Urgency, Severity: i.Severity, Alerts: i.AlertCount, Firing: i.FiringCount,
		CIs: i.CIs, Services: i.Services, Labels: i.Labels, Storm: i.Storm, ShareMilli: shareOf(i, g)}
	if len(i.Causes) > 0 {
		f.Cause = i.Causes[0].CI
	}
	return f
}

// shareOf is the largest share of an affected service's CIs that are in the
// incident, in thousandths.
func shareOf(i *itsm.Incident, g *cmdb.Graph) int {
	if g == nil {
		return 0
	}
	in := map[cmdb.Ref]bool{}
	for _, id := range i.CIs {
		if r, ok := g.Lookup(id); ok {
			in[r] = true
		}
	}
	share := 0
	var buf []cmdb.Reach
	for _, id := range i.Services[:min(len(i.Services), impactMax)] {
		r, ok := g.Lookup(id)
		if !ok {
			continue
		}
		buf = g.Explains(r, impactHops, buf[:0])
		hit := 0
		for _, e := range buf {
			if in[e.Ref] {
				hit++
			}
		}
		share = max(share, min(1000, hit*1000/max(len(buf), 1)))
	}
	return share
}

// tryOn tries a set on an alert.
func (c *Console) tryOn(set *rules.Set, n itsm.AlertNumber, linked bool) (*tryAnswer, error) {
	a, err := c.o.Records.Alert(n)
	if err != nil {
		return nil, err
	}
	event, source := recordEvent(&a), "the record of the alert, which the rules of its time have normalised already"
	if c.o.Ledger != nil {
		switch e, err := c.o.Ledger.Received(&a); {
		case err == nil:
			event, source = e, "its delivery, as it was received"
		case itsm.CodeOf(err) != itsm.NotFound:
			return nil, err
		}
	}
	cs := explain.Case{Event: event, Now: itsm.TimeOf(c.o.Clock())}
	if a.Incident != 0 {
		i, err := c.o.Records.Incident(a.Incident)
		if err != nil && itsm.CodeOf(err) != itsm.NotFound {
			return nil, err
		}
		if err == nil {
			cs.Incident = incidentFactsOf(&i, c.o.Graph())
		}
	}
	before := *event
	c.trying.Lock()
	said := explain.Alert(set, c.o.Graph(), cs)
	c.trying.Unlock()
	out := viewAnswer(said, &before, linked, c.inventory())
	out.Title, out.Href, out.Number, out.Source, out.Incident = alertTitle(a), "/alerts/"+n.String(), n.String(), source, a.Incident.String()
	return &out, nil
}

// tryPage is the page without an answer.
func (c *Console) tryPage(ctx *fiber.Ctx, alert, revision string) (tryPage, error) {
	p := tryPage{Parts: ruleParts("/rules/try", mayRuleHere(ctx)), Alert: line(alert, 20), Revision: line(revision, 20), External: c.external.String()}
	recent, err := c.o.Records.Alerts(desk.AlertQuery{Limit: tryRecent})
	if err != nil {
		return p, err
	}
	for _, a := range recent.Items {
		row := viewAlertRow(a, c.inventory(), c.o.Clock())
		v := url.Values{"alert": {row.Number}}
		if p.Revision != "" {
			v.Set("revision", p.Revision)
		}
		row.Href = "/rules/try?" + v.Encode()
		p.Recent = append(p.Recent, row)
	}
	p.Fresh = len(p.Recent) == 0
	h, err := c.o.Rules.Book().Head()
	if err != nil {
		return p, err
	}
	p.Set = revisionName(h.Active)
	p.Sets = append(p.Sets, option{Label: "Active: " + revisionName(h.Active), Selected: p.Revision == ""})
	newest, err := c.o.Rules.Book().Revisions(0, tryRecent)
	if err != nil {
		return p, err
	}
	for _, r := range newest {
		v := strconv.FormatUint(r.Number, 10)
		p.Sets = append(p.Sets, option{Value: v, Label: revisionName(r.Number) + ", " + strings.ToLower(revisionStates[r.State].Label), Selected: v == p.Revision})
	}
	return p, nil
}

// parseAlert reads the number of an alert as people type it.
func parseAlert(s string) (itsm.AlertNumber, error) {
	n, err := itsm.ParseAlertNumber(strings.ToUpper(strings.TrimSpace(s)))
	if err != nil {
		return 0, itsm.Errorf(itsm.Invalid, "alert %q: expected a number such as ALR0000001", line(s, 40))
	}
	return n, nil
}

func (c *Console) try(ctx *fiber.Ctx) error {
	if _, err := c.ruleStore(); err != nil {
		return err
	}
	v := query(ctx)
	p, err := c.tryPage(ctx, v.Get("alert"), v.Get("revision"))
	if err != nil {
		return err
	}
	if p.Alert == "" {
		return c.show(ctx, http.StatusOK, p)
	}
	_, set := c.activeSet()
	if p.Revision != "" {
		n, err := parseRevision(p.Revision)
		if err != nil {
			return err
		}
		r, err := c.o.Rules.Book().Revision(n)
		if err != nil {
			return err
		}
		p.Set = revisionName(n)
		return c.tried(ctx, p, r.Files)
	}
	return c.triedOn(ctx, p, set)
}

// tryTyped tries what stands in the editor, unsaved.
func (c *Console) tryTyped(ctx *fiber.Ctx, f editForm, alert string) error {
	p, err := c.tryPage(ctx, alert, "")
	if err != nil {
		return err
	}
	p.Typed, p.Set, p.Recent = true, "what you typed", nil
	return c.tried(ctx, p, f.Files)
}

// tried compiles and tries files.
func (c *Console) tried(ctx *fiber.Ctx, p tryPage, files []rules.File) error {
	set, ps := rules.Compile(files, c.known()...)
	if set == nil {
		p.Refused, p.Problems = "It has problems and cannot be tried.", viewProblems(ps, files)
		status := http.StatusOK // of a revision that is just so
		if p.Typed {
			status = http.StatusUnprocessableEntity
		}
		return c.show(ctx, status, p)
	}
	return c.triedOn(ctx, p, set)
}

func (c *Console) triedOn(ctx *fiber.Ctx, p tryPage, set *rules.Set) error {
	n, err := parseAlert(p.Alert)
	if err == nil {
		p.Answer, err = c.tryOn(set, n, p.Revision == "" && !p.Typed)
	}
	if err != nil {
		if code := itsm.CodeOf(err); code == itsm.Internal {
			return err
		}
		p.Refused = line(itsm.MessageOf(err), lineRunesMax)
		return c.show(ctx, httperr.Status(err), p)
	}
	return c.show(ctx, http.StatusOK, p)
}
