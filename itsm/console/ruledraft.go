package console

import (
	"net/http"
	"strings"

	"github.com/gofiber/fiber/v2"

	"signalbox/correlate/backtest"
	"signalbox/rules"
	rulebook "signalbox/rules/book"
)

// rulesHad says which of the active and the newest revision has a file.
func rulesHad(b *rulebook.Book) (map[string]rulebook.Revision, error) {
	h, err := b.Head()
	if err != nil {
		return nil, err
	}
	out := map[string]rulebook.Revision{}
	for _, n := range []uint64{h.Last, h.Active} { // what is active says more
		if n == 0 {
			continue
		}
		r, err := b.Revision(n)
		if err != nil {
			return nil, err
		}
		for _, f := range r.Files {
			out[f.Name] = r
		}
	}
	return out, nil
}

// draftSuggestion saves the active rules and the suggested one as a revision, for a
// person to look at and activate. A second click leads to what the first one saved.
func (c *Console) draftSuggestion(ctx *fiber.Ctx) error {
	s, err := c.ruleStore()
	if err != nil {
		return err
	}
	l, err := c.learner()
	if err != nil {
		return err
	}
	files, found, err := l.Draft(s.Book(), strings.Clone(ctx.Params("id")))
	if err != nil {
		return err
	}
	b := s.Book()
	if newest, err := b.Revisions(0, 1); err != nil {
		return err
	} else if len(newest) == 1 && newest[0].Hash == rules.Hash(files) {
		return ctx.Redirect(revisionHref(newest[0].Number), http.StatusSeeOther)
	}
	who, _ := person(ctx)
	r, err := s.SaveRules(ctx.UserContext(), files, who.Actor(), "suggested: "+found.Title)
	if err != nil {
		return err
	}
	c.setFlash(ctx, "rules-saved", 0)
	return ctx.Redirect(revisionHref(r.Number), http.StatusSeeOther)
}

// trySuggestion starts a backtest of the active rules with the suggested one in
// force, on what suggestions look at.
func (c *Console) trySuggestion(ctx *fiber.Ctx) error {
	t, err := c.tries()
	if err != nil {
		return err
	}
	l, err := c.learner()
	if err != nil {
		return err
	}
	before, after, found, err := l.Try(c.o.Rules.Book(), strings.Clone(ctx.Params("id")))
	if err != nil {
		return err
	}
	against, err := c.againstSet("active")
	if err != nil {
		return err
	}
	against.Files = before
	who, _ := person(ctx)
	j, err := t.Start(backtest.Trial{Before: against, After: backtest.RuleSet{Name: found.TriedAs(), Files: after}, From: l.Begin(), WarmUp: backtest.WarmUpDefault, Actor: who.Actor()})
	if err != nil {
		return err
	}
	return ctx.Redirect(backtestHref(j.ID), http.StatusSeeOther)
}
