package console

import (
	"context"
	"strconv"
	"strings"

	"github.com/gofiber/fiber/v2"

	"signalbox/itsm"
	"signalbox/itsm/access"
	"signalbox/rules"
	rulebook "signalbox/rules/book"
)

// Rules keeps rule sets and says which is active; *engine.Engine is one.
type Rules interface {
	// Book reads what was saved and activated.
	Book() *rulebook.Book
	// SaveRules saves a rule set as the next revision, a draft when it has problems.
	SaveRules(ctx context.Context, files []rules.File, actor, note string) (rulebook.Revision, error)
	// ActivateRules makes a checked revision the active one.
	ActivateRules(ctx context.Context, revision uint64, actor, note string) (rulebook.Revision, error)
}

// RuleCount is how often a rule of the active set spoke.
type RuleCount struct {
	ID         string
	Hits       uint64 // it matched and decided
	ShadowHits uint64 // it matched in shadow mode and changed nothing
	Failures   uint64 // it could not be evaluated
	Late       uint64 // those of them because rules had cost what they may
	LastAt     itsm.Time
}

// mayRule reports whether who may change the rules.
func mayRule(who access.Identity) bool { return who.Role.Allows(access.Admin) }

func mayRuleHere(ctx *fiber.Ctx) bool {
	who, _ := person(ctx)
	return mayRule(who)
}

// ruleStore is what keeps rule sets, or why nothing does.
func (c *Console) ruleStore() (Rules, error) {
	if c.o.Rules == nil {
		return nil, itsm.Errorf(itsm.NotFound, "this server keeps no rule sets")
	}
	return c.o.Rules, nil
}

// activeSet is the rule set in force; revision 0 and an empty set when none is.
func (c *Console) activeSet() (uint64, *rules.Set) {
	if c.o.ActiveRules != nil {
		if n, set := c.o.ActiveRules(); set != nil {
			return n, set
		}
	}
	return 0, &rules.Set{}
}

// ruleCounts are the counts by id of the rule.
func (c *Console) ruleCounts() map[string]RuleCount {
	if c.o.RuleCounts == nil {
		return nil
	}
	out := map[string]RuleCount{}
	for _, n := range c.o.RuleCounts() {
		out[n.ID] = n
	}
	return out
}

// ruleParts links the pages about rules with each other.
func ruleParts(current string, admin bool) []chip {
	var out []chip
	for _, p := range []struct {
		href, label string
		admin       bool
	}{{"/rules", "Rules", false}, {"/rules/try", "Try", false}, {"/rules/backtests", "Backtests", false}, {"/rules/history", "History", false}, {"/rules/suggestions", "Suggestions", false}, {"/rules/edit", "Edit", true}} {
		if p.admin && !admin {
			continue
		}
		out = append(out, chip{badge: badge{Label: p.label}, Href: p.href, Current: p.href == current})
	}
	return out
}

func revisionHref(n uint64) string { return "/rules/revisions/" + strconv.FormatUint(n, 10) }

// revisionName is what people call a revision; 0 is none.
func revisionName(n uint64) string {
	if n == 0 {
		return "no rules"
	}
	return "revision " + strconv.FormatUint(n, 10)
}

// parseRevision reads the number of a revision.
func parseRevision(s string) (uint64, error) {
	n, err := strconv.ParseUint(s, 10, 64)
	if err != nil || n == 0 || strconv.FormatUint(n, 10) != s {
		return 0, itsm.Errorf(itsm.NotFound, "revision %q: expected a number such as 7", line(s, 40))
	}
	return n, nil
}

// revisionOf reads the revision that an address names.
func (c *Console) revisionOf(ctx *fiber.Ctx) (rulebook.Revision, error) {
	s, err := c.ruleStore()
	if err != nil {
		return rulebook.Revision{}, err
	}
	n, err := parseRevision(strings.Clone(ctx.Params("revision")))
	if err != nil {
		return rulebook.Revision{}, err
	}
	r, err := s.Book().Revision(n)
	if err == nil {
		c.recheck(&r)
	}
	return r, err
}

var revisionStates = map[rulebook.State]badge{
	rulebook.Draft:   {Class: "st-on_hold", Label: "Draft"},
	rulebook.Checked: {Class: "st-in_progress", Label: "Checked"},
	rulebook.Active:  {Class: "al-resolved", Label: "Active"},
	rulebook.Retired: {Label: "Retired"},
}

// ruleModes say whether a rule decides.
var (
	modeLive     = badge{Class: "al-resolved", Label: "live"}
	modeShadow   = badge{Class: "st-on_hold", Label: "shadow"}
	modeDisabled = badge{Label: "disabled"}
)

func ruleMode(r *rules.Rule) badge {
	switch {
	case !r.Enabled:
		return modeDisabled
	case r.Shadow:
		return modeShadow
	}
	return modeLive
}
