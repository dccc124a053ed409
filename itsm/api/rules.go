package api

import (
	"context"
	"net/http"
	"strconv"

	"signalbox/itsm"
	"signalbox/itsm/access"
	"signalbox/rules"
	"signalbox/rules/book"
)

// Rules keeps rule sets and says which is active; *engine.Engine is one.
type Rules interface {
	// Book reads what was saved and activated.
	Book() *book.Book
	// SaveRules saves a rule set as the next revision, a draft when it has problems.
	SaveRules(ctx context.Context, files []rules.File, actor, note string) (book.Revision, error)
	// ActivateRules makes a checked revision the active one.
	ActivateRules(ctx context.Context, revision uint64, actor, note string) (book.Revision, error)
}

func (a *API) ruleRoutes() []route {
	return []route{
		{http.MethodGet, Prefix + "/rules", access.Viewer, nil, a.rules},
		{http.MethodPut, Prefix + "/rules", access.Admin, nil, a.putRules},
		{http.MethodPost, Prefix + "/rules/check", access.Viewer, nil, a.checkRules},
		{http.MethodPost, Prefix + "/rules/explain", access.Viewer, nil, a.explainRules},
		{http.MethodPost, Prefix + "/rules/:revision/activate", access.Admin, nil, a.activateRules},
		{http.MethodGet, Prefix + "/rules/revisions", access.Viewer, paging, a.revisions},
		{http.MethodGet, Prefix + "/rules/revisions/:revision", access.Viewer, nil, a.revision},
		{http.MethodGet, Prefix + "/rules/activations", access.Viewer, paging, a.activations},
		{http.MethodPost, Prefix + "/rules/backtest", access.Admin, nil, a.startBacktest},
		{http.MethodGet, Prefix + "/rules/backtests", access.Viewer, nil, a.backtests},
		{http.MethodGet, Prefix + "/rules/backtests/:id", access.Viewer, nil, a.backtest},
	}
}

// rulesBodyMax bounds the body that brings a rule set: its files, escaped.
const rulesBodyMax = 2 * rules.SetBytesMax

// revisionView is a revision; the list leaves the files out.
type revisionView struct {
	Revision uint64        `json:"revision"`
	State    book.State    `json:"state"`
	Hash     string        `json:"hash"`
	Author   string        `json:"author"`
	Note     string        `json:"note"`
	SavedAt  itsm.Time     `json:"saved_at"`
	Rules    int           `json:"rules"`
	Shadow   int           `json:"shadow"`
	Disabled int           `json:"disabled"`
	Problems []problemView `json:"problems"`
}

type revisionWithFiles struct {
	revisionView
	Files []rules.File `json:"files"`
}

// problemView is something wrong with a rule set.
type problemView struct {
	File    string  `json:"file"`
	Line    *int    `json:"line"`
	Rule    *string `json:"rule"`
	Field   *string `json:"field"`
	Message string  `json:"message"`
	Warning bool    `json:"warning"`
}

type rulesView struct {
	Active *revisionWithFiles `json:"active"`
	Last   uint64             `json:"last_revision"`
	Counts []ruleCountView    `json:"counts"`
}

// RuleCount is how often a rule of the active set spoke.
type RuleCount struct {
	ID         string
	Hits       uint64
	ShadowHits uint64
	Failures   uint64
	Late       uint64
	LastAt     itsm.Time
}

type ruleCountView struct {
	Rule       string    `json:"rule"`
	Hits       uint64    `json:"hits"`
	ShadowHits uint64    `json:"shadow_hits"`
	Failures   uint64    `json:"failures"`
	Late       uint64    `json:"late"`
	LastAt     itsm.Time `json:"last_at"`
}

func viewRuleCount(c *RuleCount) ruleCountView {
	return ruleCountView{c.ID, c.Hits, c.ShadowHits, c.Failures, c.Late, c.LastAt}
}

type activationView struct {
	Number   uint64    `json:"number"`
	Revision uint64    `json:"revision"`
	Before   *uint64   `json:"before"`
	At       itsm.Time `json:"at"`
	Actor    string    `json:"actor"`
	Note     string    `json:"note"`
}

func viewActivation(a *book.Activation) activationView {
	return activationView{a.Number, a.Revision, number(a.Before), a.At, a.Actor, a.Note}
}

type checkView struct {
	Hash     string        `json:"hash"`
	Rules    int           `json:"rules"`
	Shadow   int           `json:"shadow"`
	Disabled int           `json:"disabled"`
	Problems []problemView `json:"problems"`
}

func viewRevision(r *book.Revision) revisionView {
	return revisionView{Revision: r.Number, State: r.State, Hash: r.Hash, Author: r.Author, Note: r.Note, SavedAt: r.SavedAt,
		Rules: r.Rules, Shadow: r.Shadow, Disabled: r.Disabled, Problems: each(r.Problems, viewProblem)}
}

func viewRevisionWithFiles(r *book.Revision) revisionWithFiles {
	return revisionWithFiles{viewRevision(r), append([]rules.File{}, r.Files...)}
}

func viewProblem(p *rules.Problem) problemView {
	return problemView{File: p.File, Line: number(p.Line), Rule: text(p.Rule), Field: text(p.Field), Message: p.Msg, Warning: p.Warning}
}

func (a *API) ruleStore() (Rules, error) {
	if a.o.Rules == nil {
		return nil, unavailable("this process keeps no rule sets")
	}
	return a.o.Rules, nil
}

// rules answers what is active.
func (a *API) rules(r *request) error {
	s, err := a.ruleStore()
	if err != nil {
		return err
	}
	h, err := s.Book().Head()
	if err != nil {
		return err
	}
	v := rulesView{Last: h.Last, Counts: []ruleCountView{}}
	if a.o.RuleCounts != nil {
		v.Counts = each(a.o.RuleCounts(), viewRuleCount)
	}
	if h.Active != 0 {
		rev, err := s.Book().Revision(h.Active)
		if err != nil {
			return err
		}
		with := viewRevisionWithFiles(&rev)
		v.Active = &with
	}
	return r.json(v)
}

// rulesInput is a rule set as a client sends it.
type rulesInput struct {
	Files []rules.File `json:"files"`
	Note  string       `json:"note"`
}

func (r *request) ruleFiles() (rulesInput, error) {
	var in rulesInput
	if err := r.decodeUpTo(&in, rulesBodyMax); err != nil {
		return in, err
	}
	if in.Files == nil {
		return in, itsm.Errorf(itsm.Invalid, `files: missing; expected a list of {"name": "shop.yaml", "body": "…"}, empty for a set without rules`)
	}
	return in, short("note", in.Note, itsm.NoteBytesMax)
}

// putRules saves a whole rule set as the next revision.
func (a *API) putRules(r *request) error {
	s, err := a.ruleStore()
	if err != nil {
		return err
	}
	in, err := r.ruleFiles()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(a.ctx, actWaitMax)
	defer cancel()
	rev, err := s.SaveRules(ctx, in.Files, r.who.Actor(), in.Note)
	if err != nil {
		return err
	}
	return r.json(viewRevisionWithFiles(&rev))
}

// checkRules says what is wrong with a rule set and keeps nothing.
func (a *API) checkRules(r *request) error {
	in, err := r.ruleFiles()
	if err != nil {
		return err
	}
	rev, _ := book.Describe(book.Revision{Files: in.Files}, a.known()...)
	return r.json(checkView{Hash: rev.Hash, Rules: rev.Rules, Shadow: rev.Shadow, Disabled: rev.Disabled, Problems: each(rev.Problems, viewProblem)})
}

// known are the names that a rule set should not be ahead of.
func (a *API) known() []rules.Known {
	if a.o.Known == nil {
		return nil
	}
	return []rules.Known{a.o.Known()}
}

type noteInput struct {
	Note string `json:"note"`
}

// activateRules makes a revision the active one; an older one is a rollback.
func (a *API) activateRules(r *request) error {
	s, err := a.ruleStore()
	if err != nil {
		return err
	}
	n, err := r.revisionNumber()
	if err != nil {
		return err
	}
	var in noteInput
	if err := r.decode(&in); err != nil {
		return err
	}
	if err := short("note", in.Note, itsm.NoteBytesMax); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(a.ctx, actWaitMax)
	defer cancel()
	rev, err := s.ActivateRules(ctx, n, r.who.Actor(), in.Note)
	if err != nil {
		return err
	}
	return r.json(viewRevisionWithFiles(&rev))
}

func (r *request) revisionNumber() (uint64, error) {
	s, err := r.param("revision")
	if err != nil {
		return 0, err
	}
	n, err := strconv.ParseUint(s, 10, 64)
	if err != nil || n == 0 || strconv.FormatUint(n, 10) != s {
		return 0, itsm.Errorf(itsm.NotFound, "revision %q: expected a number such as 7", httpWord(s))
	}
	return n, nil
}

func (a *API) revision(r *request) error {
	s, err := a.ruleStore()
	if err != nil {
		return err
	}
	n, err := r.revisionNumber()
	if err != nil {
		return err
	}
	rev, err := s.Book().Revision(n)
	if err != nil {
		return err
	}
	return r.json(viewRevisionWithFiles(&rev))
}

// numberedPage reads the paging of a list whose cursor is a number.
func (r *request) numberedPage() (before uint64, limit int, err error) {
	cursor, limit, err := r.page()
	if err != nil || cursor == "" {
		return 0, limit, err
	}
	before, err = strconv.ParseUint(cursor, 10, 64)
	if err != nil || before == 0 {
		return 0, 0, itsm.Errorf(itsm.Invalid, "cursor %q: expected the next_cursor of the page before", httpWord(cursor))
	}
	return before, limit, nil
}

// nextNumber is the cursor after the last of a page; "" when nothing is older.
func nextNumber(last uint64) string {
	if last <= 1 {
		return ""
	}
	return strconv.FormatUint(last, 10)
}

func (a *API) revisions(r *request) error {
	s, err := a.ruleStore()
	if err != nil {
		return err
	}
	return listNumbered(r, s.Book().Revisions, viewRevision, func(v *book.Revision) uint64 { return v.Number })
}

func (a *API) activations(r *request) error {
	s, err := a.ruleStore()
	if err != nil {
		return err
	}
	return listNumbered(r, s.Book().Activations, viewActivation, func(v *book.Activation) uint64 { return v.Number })
}

// listNumbered answers a page of a list whose cursor is the number of its last.
func listNumbered[D, W any](r *request, read func(before uint64, limit int) ([]D, error), view func(*D) W, numberOf func(*D) uint64) error {
	before, limit, err := r.numberedPage()
	if err != nil {
		return err
	}
	list, err := read(before, limit)
	if err != nil {
		return err
	}
	out := page[W]{Items: each(list, view)}
	if len(list) == limit {
		out.NextCursor = nextNumber(numberOf(&list[len(list)-1]))
	}
	return r.json(out)
}
