package console

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"signalbox/itsm"
	"signalbox/itsm/access"
	"signalbox/itsm/partners"
)

const (
	keptHref      = "/settings/connectors"
	keptFormBytes = 1 << 20
	keptWait      = 10 * time.Second
)

// keptPage configures connectors: one document, checked before it is kept, and the
// secrets it names. What was typed stays until it is kept.
type keptPage struct {
	Text     string
	Rows     int
	Version  string
	InFile   []string
	MayCall  []string
	Secrets  []keptSecret
	Kinds    []string
	Pending  bool
	Checked  bool
	Problems []string
	Refused  string
	Name     string // of a secret, as typed

	Restarting bool
}

type keptSecret struct {
	Name string
	Used bool
}

func (keptPage) about() (string, string, string) { return "kept", "Configure connectors", "connectors" }

func (c *Console) keptRoutes() []route {
	return []route{
		{http.MethodGet, keptHref, access.Admin, c.kept},
		{http.MethodPost, keptHref, access.Admin, c.keptPost},
		{http.MethodPost, keptHref + "/secrets", access.Admin, c.secretPost},
		{http.MethodPost, keptHref + "/restart", access.Admin, c.restartPost},
	}
}

func (c *Console) keeper() (partners.Keeper, error) {
	if c.o.Keeper == nil {
		return nil, itsm.Errorf(itsm.NotFound, "this server keeps no configuration")
	}
	return c.o.Keeper, nil
}

// keptPage shows what is kept, and who keeps it.
func (c *Console) keptPage() (p keptPage, k partners.Keeper, err error) {
	if k, err = c.keeper(); err != nil {
		return p, nil, err
	}
	v, err := k.Kept()
	if err != nil {
		return p, nil, err
	}
	p = keptPage{Version: v.Version, Pending: v.Pending, Problems: v.Problems}
	for _, n := range v.InFile {
		p.InFile = append(p.InFile, line(n, nameRunesMax))
	}
	for _, place := range v.MayCall {
		p.MayCall = append(p.MayCall, line(place, nameRunesMax))
	}
	for _, s := range v.Secrets {
		p.Secrets = append(p.Secrets, keptSecret(s))
	}
	for _, e := range k.Examples() {
		p.Kinds = append(p.Kinds, e.Kind)
	}
	p.typed(v.Text)
	return p, k, nil
}

// typed fills the field.
func (p *keptPage) typed(text string) {
	p.Text, p.Rows = block(text, len(text)), min(max(strings.Count(text, "\n")+3, 14), editRowsMax)
}

func (c *Console) kept(ctx *fiber.Ctx) error {
	p, _, err := c.keptPage()
	if err != nil {
		return err
	}
	return c.show(ctx, http.StatusOK, p)
}

// keptPost checks what is typed, adds an example to it or keeps it: the button says which.
func (c *Console) keptPost(ctx *fiber.Ctx) error {
	f, err := formUpTo(ctx, keptFormBytes)
	if err != nil {
		return err
	}
	p, k, err := c.keptPage()
	if err != nil {
		return err
	}
	text := strings.ReplaceAll(f.Get("text"), "\r\n", "\n")
	status := http.StatusOK
	p.Version, p.Problems = line(f.Get("version"), 80), nil
	switch f.Get("do") {
	case "add":
		text = withExample(text, f.Get("kind"), k.Examples())
	case "save":
		err := c.keep(ctx, func(to context.Context, by partners.Admin) error { return k.SaveKept(to, text, f.Get("version"), by) })
		switch itsm.CodeOf(err) {
		case itsm.Invalid:
			status, p.Checked, p.Problems = http.StatusBadRequest, true, strings.Split(itsm.MessageOf(err), "\n")
		case itsm.Stale, itsm.TooLarge:
			status, p.Refused = http.StatusConflict, itsm.MessageOf(err)
		default:
			if err != nil {
				return err
			}
			c.setFlash(ctx, "kept", 0)
			return ctx.Redirect(keptHref, http.StatusSeeOther)
		}
	default:
		p.Checked, p.Problems = true, k.CheckKept(text)
	}
	p.typed(text)
	return c.show(ctx, status, p)
}

// withExample adds an example to a document, under the key that it needs.
func withExample(text, kind string, all []partners.Example) string {
	n := slices.IndexFunc(all, func(e partners.Example) bool { return e.Kind == kind })
	if n < 0 {
		return text
	}
	if text = strings.TrimRight(text, " \n"); text == "" {
		text = "connectors:"
	}
	return text + "\n" + all[n].Text
}

// secretPost keeps a secret or removes one.
func (c *Console) secretPost(ctx *fiber.Ctx) error {
	f, err := formUpTo(ctx, keptFormBytes)
	if err != nil {
		return err
	}
	name, value, said := strings.TrimSpace(f.Get("name")), f.Get("value"), "secret kept"
	if f.Get("do") == "remove" {
		value, said = "", "secret removed"
	} else if strings.TrimSpace(value) == "" {
		return c.secretRefused(ctx, name, itsm.Errorf(itsm.Invalid, "value: expected the secret itself"))
	}
	k, err := c.keeper()
	if err != nil {
		return err
	}
	err = c.keep(ctx, func(to context.Context, by partners.Admin) error { return k.SaveSecret(to, name, value, by) })
	if err != nil {
		return c.secretRefused(ctx, name, err)
	}
	c.setFlash(ctx, said, 0)
	return ctx.Redirect(keptHref+"#secrets", http.StatusSeeOther)
}

func (c *Console) secretRefused(ctx *fiber.Ctx, name string, why error) error {
	code := itsm.CodeOf(why)
	if code == itsm.Internal || code == itsm.Unavailable {
		return why
	}
	p, _, err := c.keptPage()
	if err != nil {
		return err
	}
	p.Refused, p.Name = itsm.MessageOf(why), line(name, 70)
	return c.show(ctx, http.StatusBadRequest, p)
}

func (c *Console) restartPost(ctx *fiber.Ctx) error {
	if _, err := form(ctx); err != nil {
		return err
	}
	k, err := c.keeper()
	if err != nil {
		return err
	}
	if err := c.keep(ctx, k.Restart); err != nil {
		if itsm.CodeOf(err) == itsm.Conflict {
			return c.secretRefused(ctx, "", err)
		}
		return err
	}
	ctx.Set("Refresh", "6; url=/connectors") // a redirect would find nobody
	return c.show(ctx, http.StatusOK, keptPage{Restarting: true})
}

// keep runs a change in the name of whoever is signed in.
func (c *Console) keep(ctx *fiber.Ctx, do func(context.Context, partners.Admin) error) error {
	who, _ := person(ctx)
	to, cancel := context.WithTimeout(ctx.UserContext(), keptWait)
	defer cancel()
	return do(to, partners.Admin{Actor: who.Actor(), RemoteIP: strings.Clone(ctx.IP())})
}
