package console

import (
	"context"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"signalbox/correlate/backtest"
	"signalbox/correlate/engine"
	"signalbox/correlate/learn"
	"signalbox/itsm"
	"signalbox/rules"
	rulebook "signalbox/rules/book"
)

// Bounds of the page of suggestions.
const (
	suggestWaitMax  = 2 * time.Second // that a page waits for what is being computed
	suggestedMax    = 25              // of one kind, while all kinds are shown
	draftsShownMax  = 384 << 10       // bytes of all drafted texts together, as HTML
	suggestionAlert = 6               // alerts named of one example
)

// suggestionsPage shows what history speaks for, or that this is being computed.
type suggestionsPage struct {
	Parts    []chip
	Admin    bool
	Running  bool
	Days     string // how far back it looks
	Looked   string // what was looked at
	From, To when
	Made     when
	Bounds   []string
	Kind     string // the only kind shown; "" for all
	Looks    []suggestionLook
	Groups   []suggestionGroup
	External string
}

// suggestionLook is one thing that is looked for.
type suggestionLook struct{ Name, About string }

// suggestionGroup are the suggestions of one kind.
type suggestionGroup struct {
	suggestionLook
	Rows []suggestionRow
	All  string // address with the others of the kind; "" when all are shown
	More string
}

// suggestionRow is one suggestion with its evidence and what it drafts.
type suggestionRow struct {
	ID       string
	Title    string
	Why      said
	Figures  []fact
	Examples []suggestionExample
	Rule     string
	Relation string
	TooMuch  bool   // there is a text, and no room for it
	Draft    string // address that makes a draft; "" when it cannot
	Try      string // address that tries it on history; "" when it cannot
	Tried    *suggestionTried
	In       string // address of the revision that has the rule
	Has      string // what it is called
	Active   bool   // it is the active one
}

// suggestionTried is the newest backtest of a suggestion.
type suggestionTried struct {
	Href string
	Name string
	What string // what came of it, or how far it is
	Bad  bool   // a P1 or P2 would not page as it did
}

type suggestionExample struct {
	When     when
	Alerts   []itsm.AlertNumber
	More     int
	Incident itsm.IncidentNumber
}

func (suggestionsPage) about() (string, string, string) {
	return "rulesuggestions", "Suggested rules", "rules"
}

// suggestionKinds are what is looked for, in the order of a report.
var suggestionKinds = []struct {
	kind learn.Kind
	look suggestionLook
}{
	{learn.ClearsItself, suggestionLook{"Clears by itself", "alerts that nearly always clear within " + span(learn.ClearWithin) + " without anybody, and still open incidents"}},
	{learn.Noisy, suggestionLook{"Noise", "alerts that people act on far less than on others, or that go off with everything"}},
	{learn.Together, suggestionLook{"Go together", "alerts on two CIs that begin within " + span(learn.PairWindow) + " of each other far more often than by chance, and are not one incident yet"}},
	{learn.Bind, suggestionLook{"Not bound", "alerts on no CI of the CMDB although one of their labels names one"}},
}

// figureWords say what a number of the evidence counts, where its name does not.
var figureWords = map[string]string{
	"episodes": "went off", "by_itself": "cleared by themselves", "at_least": "share, at least", "p95_s": "95 % cleared within, s", "needless": "incidents nobody touched",
	"median_s": "half cleared within, s", "cis": "CIs", "first": "the first began", "second": "the second began", "unbound": "bind to no CI", "share": "share of the rarer one", "values_named": "values that name a CI", "together_decayed": "together, recent ones count more",
	"expected": "expected by chance", "lift": "times as often as by chance", "chance": "probability by chance", "usual_share": "share acted on, of all",
}

func viewFigures(fs []learn.Figure) []fact {
	var out []fact
	for _, f := range fs {
		name, ok := figureWords[f.Name]
		if !ok {
			name = strings.ReplaceAll(line(f.Name, nameRunesMax), "_", " ")
		}
		out = append(out, fact{Name: name, Text: strconv.FormatFloat(f.Value, 'g', 4, 64)})
	}
	return out
}

func viewExamples(es []learn.Example, now time.Time) []suggestionExample {
	var out []suggestionExample
	for _, e := range es[:min(len(es), learn.ExamplesMax)] {
		x := suggestionExample{When: at(e.At, now), Alerts: e.Alerts, Incident: e.Incident}
		if n := len(x.Alerts) - suggestionAlert; n > 0 {
			x.Alerts, x.More = x.Alerts[:suggestionAlert], n
		}
		out = append(out, x)
	}
	return out
}

// suggestionFacts is what the page is made of.
type suggestionFacts struct {
	Learned engine.Learned
	Ready   bool
	Kind    string
	CIs     inventory
	Has     map[string]rulebook.Revision // by file: the active or the newest revision that has it
	Admin   bool
	Tries   Backtests // nil: nothing can be tried
	Now     time.Time
}

// tried finds the newest backtest of a suggestion.
func (w *suggestionFacts) tried(s *learn.Suggestion) *suggestionTried {
	for _, j := range w.Tries.List() {
		if j.After != s.TriedAs() {
			continue
		}
		if whole, err := w.Tries.Get(j.ID); err == nil {
			j = whole // with its report; it may be gone by now
		}
		t := &suggestionTried{Href: backtestHref(j.ID), Name: "Backtest " + line(j.ID, 20)}
		switch {
		case j.Report != nil:
			t.What = triedInShort(j.Report)
			t.Bad = unpaged(j.Report) > 0
		case j.State == backtest.Running:
			t.What = "is running, at " + strconv.Itoa(j.Progress/10) + " %"
		default:
			t.What = "failed: " + line(j.Error, lineRunesMax)
		}
		return t
	}
	return nil
}

// triedInShort says what a backtest came to, the P1 and P2 first.
func triedInShort(r *backtest.Report) string {
	what := "no P1 or P2 would page differently"
	if n := unpaged(r); n > 0 {
		what = plural(n, "P1 or P2 would not page as it did", "P1 or P2 would not page as they did")
	}
	return what + "; incidents " + thousands(r.Incidents.Before) + " → " + thousands(r.Incidents.After) + ", pages " + thousands(r.Pages.Total.Before) + " → " + thousands(r.Pages.Total.After)
}

// row views a suggestion and takes what its texts need from the room that is left.
func (w *suggestionFacts) row(s *learn.Suggestion, room *int) suggestionRow {
	r := suggestionRow{ID: s.ID, Title: line(s.Title, titleRunesMax), Why: w.CIs.said(line(s.Why, 2*lineRunesMax)), Figures: viewFigures(s.Figures), Examples: viewExamples(s.Examples, w.Now)}
	if need := htmlBytes([]rules.File{s.Rule, {Body: s.Relation}}); need > *room {
		r.TooMuch = true
	} else {
		*room -= need
		r.Rule, r.Relation = block(s.Rule.Body, len(s.Rule.Body)), block(s.Relation, len(s.Relation))
	}
	if s.Rule.Body == "" {
		return r
	}
	if has, ok := w.Has[s.Rule.Name]; ok {
		r.In, r.Has, r.Active = revisionHref(has.Number), revisionName(has.Number), has.State == rulebook.Active
	} else if w.Admin {
		r.Draft = "/rules/suggestions/" + s.ID + "/draft"
	}
	if w.Tries != nil {
		r.Tried = w.tried(s)
		if w.Admin && !r.Active {
			r.Try = "/rules/suggestions/" + s.ID + "/backtest"
		}
	}
	return r
}

func viewSuggestions(w suggestionFacts, external string) suggestionsPage {
	rep := &w.Learned.Report
	p := suggestionsPage{Parts: ruleParts("/rules/suggestions", w.Admin), Admin: w.Admin, Running: !w.Ready, Days: plural(int(engine.LearnWithin/(24*time.Hour)), "day", "days"), Kind: w.Kind, External: external}
	for _, k := range suggestionKinds {
		p.Looks = append(p.Looks, k.look)
	}
	if p.Running {
		return p
	}
	p.From, p.To, p.Made = at(rep.From, w.Now), at(rep.To, w.Now), at(itsm.TimeOf(w.Learned.At), w.Now)
	p.Looked = plural(rep.Events, "event", "events") + " of " + plural(rep.Alerts, "alert", "alerts")
	for _, b := range rep.Bounds {
		p.Bounds = append(p.Bounds, line(b, lineRunesMax))
	}
	room := draftsShownMax
	for _, k := range suggestionKinds {
		if g := w.group(k.kind, k.look, &room); len(g.Rows) > 0 {
			p.Groups = append(p.Groups, g)
		}
	}
	return p
}

func (w *suggestionFacts) group(kind learn.Kind, look suggestionLook, room *int) suggestionGroup {
	g := suggestionGroup{suggestionLook: look}
	if w.Kind != "" && w.Kind != string(kind) {
		return g
	}
	left := 0
	for k := range w.Learned.Report.Suggestions {
		s := &w.Learned.Report.Suggestions[k]
		switch {
		case s.Kind != kind:
		case w.Kind == "" && len(g.Rows) == suggestedMax:
			left++
		default:
			g.Rows = append(g.Rows, w.row(s, room))
		}
	}
	if left > 0 {
		g.All, g.More = "/rules/suggestions?kind="+string(kind), thousands(left)+" more of this kind"
	}
	return g
}

// learner is what looks at history, or why nothing does.
func (c *Console) learner() (*engine.Learner, error) {
	if c.o.Learner == nil {
		return nil, itsm.Errorf(itsm.NotFound, "this server learns nothing from history")
	}
	return c.o.Learner, nil
}

func (c *Console) suggestions(ctx *fiber.Ctx) error {
	s, err := c.ruleStore()
	if err != nil {
		return err
	}
	l, err := c.learner()
	if err != nil {
		return err
	}
	w := suggestionFacts{Kind: query(ctx).Get("kind"), CIs: c.inventory(), Admin: mayRuleHere(ctx), Tries: c.o.Backtests, Now: c.o.Clock()}
	if err := knownKind(w.Kind); err != nil {
		return err
	}
	patience, cancel := context.WithTimeout(ctx.UserContext(), suggestWaitMax)
	defer cancel()
	if w.Learned, w.Ready, err = l.Report(patience, 0, 0, false); err != nil {
		return err
	}
	if w.Has, err = rulesHad(s.Book()); err != nil {
		return err
	}
	return c.show(ctx, http.StatusOK, viewSuggestions(w, c.external.String()))
}

func knownKind(kind string) error {
	var names []string
	for _, k := range suggestionKinds {
		if kind == "" || kind == string(k.kind) {
			return nil
		}
		names = append(names, string(k.kind))
	}
	return itsm.Errorf(itsm.Invalid, "kind %q: expected one of %s", line(kind, 40), strings.Join(names, ", "))
}
