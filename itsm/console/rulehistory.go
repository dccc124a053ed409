package console

import (
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/gofiber/fiber/v2"

	"signalbox/itsm"
	rulebook "signalbox/rules/book"
)

// historyPageSize bounds the revisions and the activations of one page.
const historyPageSize = 25

// ruleHistoryPage lists what was saved and what was activated.
type ruleHistoryPage struct {
	Parts       []chip
	Admin       bool
	Revisions   []revisionRow
	Older       string
	Activations []activationRow
	OlderActive string
	From, To    uint64 // what the comparison form offers
	External    string
}

// revisionRow is a revision in a list.
type revisionRow struct {
	Number  uint64
	Href    string
	State   badge
	Rules   string
	Shadow  string
	Author  string
	Note    string
	Saved   when
	Against string // address of its difference to the one before; "" for the first
}

type activationRow struct {
	Revision  uint64
	Href      string
	Before    string
	BeforeRef string
	When      when
	Actor     string
	Note      string
	Rollback  bool
	Diff      string
	Back      string // address that asks whether to activate it again; "" for the active one
}

func (ruleHistoryPage) about() (string, string, string) {
	return "rulehistory", "History of the rules", "rules"
}

func viewRevisionRow(r rulebook.Revision, now time.Time) revisionRow {
	row := revisionRow{Number: r.Number, Href: revisionHref(r.Number), State: revisionStates[r.State], Rules: plural(r.Rules, "rule", "rules"),
		Author: line(r.Author, nameRunesMax), Note: line(r.Note, lineRunesMax), Saved: at(r.SavedAt, now)}
	if r.State == rulebook.Draft {
		row.Rules = plural(len(r.Problems), "problem", "problems")
	}
	if r.Shadow > 0 {
		row.Shadow = thousands(r.Shadow) + " in shadow"
	}
	if r.Number > 1 {
		row.Against = diffHref(r.Number-1, r.Number)
	}
	return row
}

func viewActivationRow(a rulebook.Activation, active uint64, now time.Time) activationRow {
	row := activationRow{Revision: a.Revision, Href: revisionHref(a.Revision), Before: revisionName(a.Before), When: at(a.At, now), Actor: line(a.Actor, nameRunesMax),
		Note: line(a.Note, lineRunesMax), Rollback: a.Revision < a.Before, Diff: diffHref(a.Before, a.Revision)}
	if a.Before != 0 {
		row.BeforeRef = revisionHref(a.Before)
	}
	if a.Revision != active {
		row.Back = row.Href + "/activate"
	}
	return row
}

// historyFacts is what the history is made of.
type historyFacts struct {
	Head        rulebook.Head
	Revisions   []rulebook.Revision
	Activations []rulebook.Activation
	Before      string // cursor of the revisions, as the address says
	Active      string // cursor of the activations
	Admin       bool
	External    string
}

func viewRuleHistory(w historyFacts, now time.Time) ruleHistoryPage {
	p := ruleHistoryPage{Parts: ruleParts("/rules/history", w.Admin), Admin: w.Admin, From: w.Head.Active, To: w.Head.Last, External: w.External}
	for _, r := range w.Revisions {
		p.Revisions = append(p.Revisions, viewRevisionRow(r, now))
	}
	for _, a := range w.Activations {
		p.Activations = append(p.Activations, viewActivationRow(a, w.Head.Active, now))
	}
	if k := len(w.Revisions); k == historyPageSize && w.Revisions[k-1].Number > 1 {
		p.Older = historyHref(strconv.FormatUint(w.Revisions[k-1].Number, 10), w.Active)
	}
	if k := len(w.Activations); k == historyPageSize && w.Activations[k-1].Number > 1 {
		p.OlderActive = historyHref(w.Before, strconv.FormatUint(w.Activations[k-1].Number, 10))
	}
	return p
}

func historyHref(before, active string) string {
	v := url.Values{}
	for name, value := range map[string]string{"before": before, "active": active} {
		if value != "" {
			v.Set(name, value)
		}
	}
	return "/rules/history?" + v.Encode()
}

func (c *Console) ruleHistory(ctx *fiber.Ctx) error {
	s, err := c.ruleStore()
	if err != nil {
		return err
	}
	v := query(ctx)
	w := historyFacts{Before: v.Get("before"), Active: v.Get("active"), Admin: mayRuleHere(ctx), External: c.external.String()}
	var from [2]uint64
	for k, text := range []string{w.Before, w.Active} {
		if text == "" {
			continue
		}
		if from[k], err = strconv.ParseUint(text, 10, 64); err != nil || from[k] == 0 {
			return itsm.Errorf(itsm.Invalid, "before %q: expected the number that the page before ended with", line(text, 40))
		}
	}
	if w.Head, err = s.Book().Head(); err != nil {
		return err
	}
	if w.Revisions, err = s.Book().Revisions(from[0], historyPageSize); err != nil {
		return err
	}
	if w.Activations, err = s.Book().Activations(from[1], historyPageSize); err != nil {
		return err
	}
	return c.show(ctx, http.StatusOK, viewRuleHistory(w, c.o.Clock()))
}
