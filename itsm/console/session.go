package console

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"signalbox/itsm"
	"signalbox/itsm/access"
	"signalbox/itsm/desk"
	"signalbox/itsm/httperr"
)

// Bounds of what a form may send.
const (
	formBytesMax  = 256 << 10
	formFieldsMax = 2100 // a split of splitAlertsMax alerts and its other fields
)

// form reads the fields of a POST. Everything in it is a copy that may outlive
// the request.
func form(ctx *fiber.Ctx) (url.Values, error) { return formUpTo(ctx, formBytesMax) }

func formUpTo(ctx *fiber.Ctx, bytesMax int) (url.Values, error) {
	kind, _, _ := strings.Cut(ctx.Get(fiber.HeaderContentType), ";")
	if strings.TrimSpace(kind) != "application/x-www-form-urlencoded" {
		return nil, itsm.Errorf(itsm.Invalid, "Content-Type %q: expected a form (application/x-www-form-urlencoded)", line(kind, 80))
	}
	body, err := access.Body(ctx, bytesMax)
	if err != nil {
		return nil, err
	}
	if strings.Count(string(body), "&") >= formFieldsMax {
		return nil, itsm.Errorf(itsm.TooLarge, "form: more than %d fields", formFieldsMax)
	}
	v, err := url.ParseQuery(string(body))
	if err != nil {
		return nil, itsm.Errorf(itsm.Invalid, "form: its fields cannot be read; send it from the page itself")
	}
	return v, nil
}

// signInPage asks for a token and says where it is.
type signInPage struct {
	Next      string
	Error     string
	TokenHint string
	Name      string // what was typed
	Users     bool   // there are some, so a name and a password come first
	Provider  string // where people may sign in as well
	Elsewhere string // the address that leads there
}

func (signInPage) about() (string, string, string) { return "signin", "Sign in", "" }

func (c *Console) signIn(ctx *fiber.Ctx) error {
	next := localPath(strings.Clone(ctx.Query("next", "/home")))
	if next == "/" {
		next = "/home" // the bare address is where people begin
	}
	p, err := c.signInPage(next)
	if err != nil {
		return err
	}
	return c.show(ctx, http.StatusOK, p)
}

// signInPage asks for a name and a password first when somebody has one.
func (c *Console) signInPage(next string) (signInPage, error) {
	p := signInPage{Next: next, TokenHint: c.o.TokenHint, Provider: line(c.o.Gate.ProviderLabel(), nameRunesMax)}
	if p.Provider != "" {
		p.Elsewhere = "/sign-in/oidc?" + url.Values{"next": {next}}.Encode()
	}
	found, err := c.o.Records.Objects(desk.ObjectQuery{Kind: itsm.ObjectUser, Limit: 1})
	p.Users = len(found.Items) > 0
	return p, err
}

// signInElsewhere sends a person to the provider. It is a link and no form: a policy
// of form-action 'self' forbids a form that leads there.
func (c *Console) signInElsewhere(ctx *fiber.Ctx) error {
	to, err := c.o.Gate.BeginLogin(ctx, localPath(strings.Clone(ctx.Query("next", "/"))))
	if err != nil {
		return c.refuseSignIn(ctx, signInPage{Next: "/"}, err)
	}
	return ctx.Redirect(to, http.StatusSeeOther)
}

func (c *Console) signedInElsewhere(ctx *fiber.Ctx) error {
	next, err := c.o.Gate.FinishLogin(ctx)
	if err != nil {
		return c.refuseSignIn(ctx, signInPage{Next: "/"}, err)
	}
	return ctx.Redirect(localPath(next), http.StatusSeeOther)
}

// refuseSignIn shows the page again with the reason.
func (c *Console) refuseSignIn(ctx *fiber.Ctx, typed signInPage, cause error) error {
	if itsm.CodeOf(cause) == itsm.Internal {
		return cause
	}
	if why := errors.Unwrap(cause); why != nil {
		c.o.Log.Warn("sign-in refused", "address", ctx.IP(), "why", itsm.MessageOf(cause), "err", why)
	}
	p, err := c.signInPage(typed.Next)
	if err != nil {
		return err
	}
	p.Name, p.Error = typed.Name, line(itsm.MessageOf(cause), lineRunesMax)
	return c.show(ctx, httperr.Status(cause), p)
}

func (c *Console) signInPost(ctx *fiber.Ctx) error {
	f, err := form(ctx)
	if err != nil {
		return err
	}
	next := localPath(f.Get("next"))
	if f.Has("name") {
		_, err = c.o.Gate.SignInUser(ctx, f.Get("name"), f.Get("password"))
	} else {
		_, err = c.o.Gate.SignIn(ctx, f.Get("token"))
	}
	if err != nil {
		if itsm.CodeOf(err) == itsm.Forbidden {
			return err
		}
		return c.refuseSignIn(ctx, signInPage{Next: next, Name: line(f.Get("name"), nameRunesMax)}, err)
	}
	return ctx.Redirect(next, http.StatusSeeOther)
}

func (c *Console) signOut(ctx *fiber.Ctx) error {
	if err := c.o.Gate.SignOut(ctx); err != nil {
		return err
	}
	return ctx.Redirect("/sign-in", http.StatusSeeOther)
}

const (
	themeCookie = "signalbox_theme"
	flashCookie = "signalbox_flash"
	themeFor    = 365 * 24 * time.Hour
)

// theme is the reader's choice, "" for the system's.
func theme(ctx *fiber.Ctx) string {
	switch ctx.Cookies(themeCookie) {
	case "light":
		return "light"
	case "dark":
		return "dark"
	}
	return ""
}

func (c *Console) themePost(ctx *fiber.Ctx) error {
	if err := c.o.Gate.SameSite(ctx); err != nil {
		return err
	}
	f, err := form(ctx)
	if err != nil {
		return err
	}
	choice := f.Get("theme")
	if choice != "light" && choice != "dark" {
		choice = "system"
	}
	ctx.Cookie(c.cookie(themeCookie, choice, themeFor))
	return ctx.Redirect(localPath(f.Get("back")), http.StatusSeeOther)
}

func (c *Console) cookie(name, value string, life time.Duration) *fiber.Cookie {
	return &fiber.Cookie{Name: name, Value: value, Path: "/", MaxAge: int(life.Seconds()), HTTPOnly: true,
		Secure: c.external.Scheme == "https", SameSite: fiber.CookieSameSiteLaxMode}
}

// flash is the one-time message after an action. The cookie holds only a code
// and incident numbers.
type flash struct {
	Text string
	Undo string // how to take it back, or ""
	Link string // where Undo leads, or ""

	Action string // address that undoes it, or ""
}

// flashes maps an act to what the next page says; %1 is its address, %2 the other incident.
var flashes = map[string]flash{
	"acknowledge":    {Text: "Acknowledged. The others can see that you are on it."},
	"unacknowledge":  {Text: "Acknowledgement taken back."},
	"resolve":        {Text: "Resolved.", Undo: "Resolved too early? Reopen it below."},
	"reopen":         {Text: "Reopened."},
	"hold":           {Text: "On hold.", Undo: "Resume it below when work goes on."},
	"resume":         {Text: "Work goes on."},
	"assign":         {Text: "Assigned."},
	"priority":       {Text: "Priority set.", Undo: "Choose “computed” to return to the matrix."},
	"notes":          {Text: "Note added."},
	"unrelated":      {Text: "They are kept apart: neither is proposed to the other again.", Undo: "To undo, merge them."},
	"merge":          {Text: "%2 was merged into this incident.", Action: "/incidents/%2/undo"},
	"split":          {Text: "Split off from %2.", Action: "%1/undo"},
	"cancel":         {Text: "Cancelled."},
	"parent":         {Text: "It is a child of %2 now."},
	"children":       {Text: "%2 is a child of this one now."},
	"major/propose":  {Text: "Proposed as a major incident. A problem manager decides."},
	"major/accept":   {Text: "It is a major incident: nothing but people ends it."},
	"major/reject":   {Text: "It is no major incident. People can propose it again."},
	"major/demote":   {Text: "It is no major incident any more."},
	"review":         {Text: "Review saved."},
	"review/done":    {Text: "The review is done. The incident closes as any other from now on."},
	"view":           {Text: "View saved."},
	"view-removed":   {Text: "View removed. Nothing else changed."},
	"undo":           {Text: "Undone: everything of %2 is where it was."},
	"no-parent":      {Text: "Not a child any more. It ends by itself again."},
	"watch":          {Text: "You watch this incident."},
	"unwatch":        {Text: "You watch it no more."},
	"attach":         {Text: "Link added."},
	"detach":         {Text: "Link removed."},
	"noop":           {Text: "It was already so; nothing changed."},
	"rules-saved":    {Text: "Saved. It changes nothing until it is activated."},
	"rules-active":   {Text: "Activated. What comes from now on goes by these rules; open alerts keep their incidents.", Undo: "History leads back.", Link: "/rules/history"},
	"password":       {Text: "Password changed. Your other sessions have ended."},
	"sessions":       {Text: "Your other sessions have ended."},
	"token-revoked":  {Text: "Token revoked. It lets nobody in any more."},
	"user-changed":   {Text: "Saved. It counts from now on, for sessions that are open too."},
	"team-changed":   {Text: "Team saved."},
	"team-removed":   {Text: "Team removed."},
	"kept":           {Text: "Saved. It is in force after a restart."},
	"secret kept":    {Text: "The secret is stored. A connector names it as stored:NAME, and the next start reads it."},
	"secret removed": {Text: "The secret is removed."},
	"paused":         {Text: "Paused. Messages wait here until it is resumed."},
	"resumed":        {Text: "It goes on: what waited is sent first."},
	"sent-again":     {Text: "It waits to be sent again."},
	"window-saved":   {Text: "Saved."},
	"window-ended":   {Text: "Ended. What still fires was placed."},
	"window-off":     {Text: "Called off. Nothing more comes of it."},
	"ci-saved":       {Text: "Saved to the CMDB. What fires and names it is bound to it now.", Undo: "What else does not bind?", Link: "/unbound"},
	"retry":          {Text: "Decoded and accepted: it was folded like any other delivery."},
}

func (c *Console) setFlash(ctx *fiber.Ctx, code string, other itsm.IncidentNumber) {
	ctx.Cookie(c.cookie(flashCookie, code+"."+other.String(), time.Minute))
}

func takeFlash(ctx *fiber.Ctx) *flash {
	v := ctx.Cookies(flashCookie)
	if v == "" {
		return nil
	}
	ctx.Cookie(&fiber.Cookie{Name: flashCookie, Path: "/", Expires: time.Unix(1, 0), HTTPOnly: true, SameSite: fiber.CookieSameSiteLaxMode})
	code, number, _ := strings.Cut(v, ".")
	f, ok := flashes[code]
	if !ok {
		f, ok = problemFlashes[code]
	}
	if !ok {
		return nil
	}
	other := ""
	if n, err := itsm.ParseIncidentNumber(strings.Clone(number)); err == nil {
		other = n.String()
	}
	page, _, _ := strings.Cut(here(ctx), "?")
	for _, s := range []*string{&f.Text, &f.Undo, &f.Link, &f.Action} {
		*s = strings.NewReplacer("%1", page, "%2", other).Replace(*s)
	}
	return &f
}
