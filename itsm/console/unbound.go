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
	"signalbox/itsm/cmdb"
)

// cmdbSource is in whose name the console writes to the CMDB.
const cmdbSource = "console"

// unboundPage lists what alerts name and the CMDB does not know, and makes a CI or an
// alias of one. What would change is shown before it does.
type unboundPage struct {
	Rows    []unboundRow
	Bind    string
	Known   bool // there is a report about health
	Key     string
	CanBind bool
	Rule    bool // an alert with this key names nothing but itself: a rule has to bind it
	Refused string
	Form    bindForm
	Plan    *bindPlan
}

// bindForm is what the two forms hold.
type bindForm struct {
	Alias                       string // what alerts call it
	CI                          string // the CI the CMDB knows
	ID, Name, Class, Env, Group string // of the new one
	Tier                        string
	Tiers                       []option
	New                         bool
	From                        []string // who lists the CI that gets the alias
}

// bindPlan is what saving would change.
type bindPlan struct {
	Head    string
	Fields  []fieldChange
	Notes   []string
	Nothing bool
}

type fieldChange struct{ Field, Before, After string }

func (unboundPage) about() (string, string, string) { return "unbound", "Not in the CMDB", "unbound" }

// aliasOf guesses what alerts call the CI from the key that stands in for it.
func aliasOf(key string) (alias string, ok bool) {
	kind, rest, found := strings.Cut(key, ":")
	switch {
	case !found:
		return key, true
	case kind == "ci", kind == "host":
		return rest, true
	case kind == "service", kind == "workload":
		return rest[strings.LastIndexByte(rest, '/')+1:], true
	}
	return "", false
}

// stillUnbound leaves out what the CMDB has learned since: the counts are of all time.
func stillUnbound(keys []UnboundKey, g *cmdb.Graph) []UnboundKey {
	if g == nil {
		return keys
	}
	return slices.DeleteFunc(slices.Clone(keys), func(u UnboundKey) bool {
		alias, ok := aliasOf(u.Key)
		return ok && g.Identify(cmdb.Sighting{CIName: alias}).Ref != cmdb.NoRef
	})
}

func (c *Console) unbound(ctx *fiber.Ctx) error {
	key := line(query(ctx).Get("key"), queryMax)
	p := c.unboundPage(ctx, key)
	p.Form.Alias, _ = aliasOf(key)
	p.Form.ID = p.Form.Alias
	return c.show(ctx, http.StatusOK, p)
}

func (c *Console) unboundPage(ctx *fiber.Ctx, key string) unboundPage {
	who, _ := person(ctx)
	s := c.statusPage()
	p := unboundPage{Rows: s.Unbound, Bind: s.Bind, Known: s.Known, Key: key, CanBind: c.o.ImportCMDB != nil && who.Role.Allows(access.Admin)}
	_, named := aliasOf(key)
	p.Rule = key != "" && !named
	p.Form.Tiers = tierOptions("")
	return p
}

func tierOptions(chosen string) []option {
	out := []option{{Value: "", Label: "not known", Selected: chosen == ""}}
	for _, t := range []struct{ value, label string }{{"1", "1, customers notice at once"}, {"2", "2, customers notice soon"}, {"3", "3, colleagues notice"}, {"4", "4, nobody notices for a day"}} {
		out = append(out, option{Value: t.value, Label: t.label, Selected: t.value == chosen})
	}
	return out
}

// unboundPost shows what would change, and with step=save changes it.
func (c *Console) unboundPost(ctx *fiber.Ctx) error {
	f, err := form(ctx)
	if err != nil {
		return err
	}
	p := c.unboundPage(ctx, line(f.Get("key"), queryMax))
	if !p.CanBind {
		return itsm.Errorf(itsm.Unavailable, "the CMDB cannot be written from here")
	}
	field := func(name string) string { return strings.TrimSpace(line(f.Get(name), nameRunesMax)) }
	p.Form = bindForm{Alias: field("alias"), CI: field("ci"), ID: field("id"), Name: field("name"), Class: field("class"), Env: field("env"), Group: field("group"), Tier: field("tier"),
		New: f.Get("what") == "new", Tiers: tierOptions(field("tier"))}
	ci, err := p.Form.item(c.o.Graph())
	if err != nil {
		return c.refuseBind(ctx, p, err)
	}
	doc, problems := cmdb.NewDoc([]itsm.CI{ci}, nil)
	save := f.Get("step") == "save"
	var diff cmdb.Diff
	if !cmdb.Blocking(problems) {
		who, _ := person(ctx)
		var more []cmdb.Problem
		diff, more, err = c.o.ImportCMDB(ctx.UserContext(), doc, cmdbSource, false, !save, who.Actor())
		problems = append(problems, more...)
	}
	if err != nil {
		return c.refuseBind(ctx, p, err)
	}
	if cmdb.Blocking(problems) {
		return c.refuseBind(ctx, p, itsm.Errorf(itsm.Invalid, "%s", problems[0].String()))
	}
	if save {
		return c.back(ctx, "ci-saved", ciPath(ci.ID))
	}
	p.Plan = viewBindPlan(&diff, &ci, problems)
	if g := c.o.Graph(); g != nil && !p.Form.New {
		if r, ok := g.Lookup(ci.ID); ok {
			p.Form.From = slices.DeleteFunc(g.Sources(r), func(s string) bool { return s == cmdbSource })
		}
	}
	return c.show(ctx, http.StatusOK, p)
}

func (c *Console) refuseBind(ctx *fiber.Ctx, p unboundPage, err error) error {
	if itsm.CodeOf(err) == itsm.Internal {
		return err
	}
	p.Refused = line(itsm.MessageOf(err), lineRunesMax)
	return c.show(ctx, http.StatusBadRequest, p)
}

// item is the CI as it would be: a known one with one more alias, or a new one.
func (f *bindForm) item(g *cmdb.Graph) (itsm.CI, error) {
	if f.New {
		if f.ID == "" || f.Class == "" {
			return itsm.CI{}, itsm.Errorf(itsm.Invalid, "a new CI: expected an id and a class such as Host or Service")
		}
		if g != nil {
			if _, taken := g.Lookup(f.ID); taken {
				return itsm.CI{}, itsm.Errorf(itsm.Conflict, "the CMDB has a CI %q already; give it an alias instead", f.ID)
			}
		}
		tier := 0
		if f.Tier != "" {
			n, err := strconv.Atoi(f.Tier)
			if err != nil || n < 1 || n > 4 {
				return itsm.CI{}, itsm.Errorf(itsm.Invalid, "tier %q: expected 1 to 4, or nothing", f.Tier)
			}
			tier = n
		}
		ci := itsm.CI{ID: f.ID, Name: cmp.Or(f.Name, f.ID), Class: f.Class, Env: f.Env, Tier: tier, SupportGroup: f.Group}
		if f.Alias != "" && f.Alias != f.ID {
			ci.Aliases = []string{f.Alias}
		}
		return ci, nil
	}
	r, ok := cmdb.NoRef, false
	if g != nil {
		r, ok = g.Lookup(f.CI)
	}
	switch {
	case !ok:
		return itsm.CI{}, itsm.Errorf(itsm.NotFound, "the CMDB has no CI %q; expected the id of one, as its page shows it", f.CI)
	case f.Alias == "":
		return itsm.CI{}, itsm.Errorf(itsm.Invalid, "alias: expected what alerts call the CI")
	}
	ci := g.CI(r)
	if ci.ID == f.Alias || slices.Contains(ci.Aliases, f.Alias) {
		return itsm.CI{}, itsm.Errorf(itsm.Conflict, "%s is known as %q already; alerts that still do not bind name it in a way that a bind rule has to read", ci.ID, f.Alias)
	}
	ci.Aliases = append(slices.Clone(ci.Aliases), f.Alias)
	return ci, nil
}

func viewBindPlan(d *cmdb.Diff, ci *itsm.CI, problems []cmdb.Problem) *bindPlan {
	p := &bindPlan{Nothing: d.Empty()}
	if d.CIsAdded > 0 {
		p.Head = "Adds the CI " + line(ci.ID, titleRunesMax)
		for _, f := range []fieldChange{{"name", "", ci.Name}, {"class", "", ci.Class}, {"env", "", ci.Env}, {"tier", "", tierText(ci.Tier)}, {"support_group", "", ci.SupportGroup}, {"aliases", "", strings.Join(ci.Aliases, ", ")}} {
			if f.After != "" {
				p.Fields = append(p.Fields, f)
			}
		}
	}
	for _, c := range d.Changed {
		p.Head = "Changes the CI " + line(c.ID, titleRunesMax)
		for _, f := range c.Fields {
			p.Fields = append(p.Fields, fieldChange{words(f.Field), line(f.Before, lineRunesMax), line(f.After, lineRunesMax)})
		}
	}
	for _, w := range problems {
		p.Notes = append(p.Notes, line(w.String(), lineRunesMax))
	}
	return p
}

func tierText(tier int) string {
	if tier == 0 {
		return ""
	}
	return strconv.Itoa(tier)
}

// unboundHref is the page that makes a CI of a key.
func unboundHref(key string) string { return "/unbound?" + url.Values{"key": {key}}.Encode() }
