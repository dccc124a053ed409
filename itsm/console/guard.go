package console

import (
	"errors"
	"net/http"
	"net/url"
	"strings"

	"github.com/gofiber/fiber/v2"

	"signalbox/itsm"
	"signalbox/itsm/access"
	"signalbox/itsm/httperr"
)

// policy allows our own style sheet, script, pictures and live stream, and
// nothing else: nothing inline, no frames, no form that leads elsewhere.
const policy = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; " +
	"form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

const personKey = "console.person"

// guard wraps a route: security headers, who may pass, and the one place where
// an error becomes an answer.
func (c *Console) guard(r route) fiber.Handler {
	return func(ctx *fiber.Ctx) error {
		secure(ctx)
		who, err := c.o.Gate.Require(ctx, r.role)
		if err == nil && r.role != access.Nobody {
			ctx.Locals(personKey, who)
		}
		if err == nil {
			err = r.handle(ctx)
		}
		if err == nil {
			return nil
		}
		return c.fail(ctx, err)
	}
}

func secure(ctx *fiber.Ctx) {
	h := &ctx.Response().Header
	h.Set("Content-Security-Policy", policy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY") // for browsers that do not know frame-ancestors
	// Not no-referrer: browsers then send "Origin: null" with our own forms.
	h.Set("Referrer-Policy", "same-origin")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=()")
	h.Set("Cache-Control", "no-store")
}

// person is who guard let in.
func person(ctx *fiber.Ctx) (access.Identity, bool) {
	who, ok := ctx.Locals(personKey).(access.Identity)
	return who, ok
}

// mayAct reports whether who may change something.
func mayAct(who access.Identity) bool { return who.Role.Allows(access.Responder) }

// fail answers an error: a reader without a session is sent to sign in and back,
// everybody else sees the error page.
func (c *Console) fail(ctx *fiber.Ctx, err error) error {
	code := itsm.CodeOf(err)
	if code == itsm.Unauthorized && ctx.Path() != "/live" {
		back := "/"
		if access.IsSafe(ctx.Method()) {
			back = localPath(strings.Clone(ctx.OriginalURL()))
		}
		return ctx.Redirect("/sign-in?next="+url.QueryEscape(back), http.StatusSeeOther)
	}
	status := httperr.Status(err)
	if status == http.StatusInternalServerError {
		c.o.Log.Error("page", "path", line(ctx.Path(), lineRunesMax), "err", err)
	}
	if ctx.Path() == "/live" {
		return ctx.SendStatus(status)
	}
	if ferr := c.show(ctx, status, viewError(status, err)); ferr != nil {
		c.o.Log.Error("error page", "err", errors.Join(ferr, err))
		ctx.Set(fiber.HeaderContentType, "text/plain; charset=utf-8")
		return ctx.Status(http.StatusInternalServerError).SendString("internal error; the server's log has the cause")
	}
	return nil
}

// notFound answers addresses that nobody else knows. Those of machines belong to
// the API and the door, which say it in their own form.
func (c *Console) notFound(ctx *fiber.Ctx) error {
	for _, prefix := range []string{"/api/", "/webhooks/", "/prometheus/"} {
		if strings.HasPrefix(ctx.Path(), prefix) {
			return ctx.Next()
		}
	}
	secure(ctx)
	if who, err := c.o.Gate.Require(ctx, access.Viewer); err == nil {
		ctx.Locals(personKey, who)
	}
	return c.fail(ctx, itsm.Errorf(itsm.NotFound, "there is no page at this address"))
}

// errorPage says what went wrong and what to do about it.
type errorPage struct {
	Status int
	Head   string
	Text   string
	Next   string
}

func (errorPage) about() (string, string, string) { return "error", "Something is not right", "" }

var errorHeads = map[int][2]string{
	http.StatusBadRequest:            {"That cannot be done", "Go back, correct it and send it again."},
	http.StatusForbidden:             {"Not allowed", "Sign in with a token that has the role, or ask somebody who has one."},
	http.StatusNotFound:              {"Not found", "It may have a different number, or the link is incomplete."},
	http.StatusConflict:              {"That is not possible now", "Go back and reload the page to see how it stands."},
	http.StatusRequestEntityTooLarge: {"Too much text", "Go back and shorten it."},
	http.StatusTooManyRequests:       {"Too many attempts", "Wait a little before the next one."},
	http.StatusServiceUnavailable:    {"Not now", "Try again in a moment; the status page says more."},
	http.StatusInternalServerError:   {"Our fault", "Nothing you did caused this. The server's log has the cause."},
}

func viewError(status int, err error) errorPage {
	h, ok := errorHeads[status]
	if !ok {
		h = errorHeads[http.StatusInternalServerError]
	}
	return errorPage{Status: status, Head: h[0], Text: line(itsm.MessageOf(err), lineRunesMax), Next: h[1]}
}
