package console

import (
	"bytes"
	"compress/gzip"
	"embed"
	"fmt"
	"html/template"
	"io/fs"
	"net/http"
	"slices"
	"strings"

	"github.com/gofiber/fiber/v2"

	"signalbox/itsm"
)

//go:embed templates/*.html
var templateFiles embed.FS

// All templates are one set: a page's file defines "page-NAME" and what only it
// uses, the shared ones what surrounds and makes up every page. Every file must be
// named here and every name must have a file.
var (
	sharedTemplates = []string{"layout", "parts"}
	pageTemplates   = []string{"account", "audit", "team", "teams", "tokens", "user", "users",
		"change", "changes", "maintenance", "window",
		"alert", "alerts", "ask", "backtest", "backtests", "bulk", "bulkdone", "ci", "cis", "connector", "connectors", "deliveries", "delivery", "error", "help", "home", "homeops", "homeproblems", "incident", "incidents", "kept",
		"problem", "problems", "quarantine", "quarantined", "report", "reports", "review", "rule", "ruleactivate", "rulediff", "ruleedit", "rulehistory", "rulerevision", "rules", "rulesuggestions", "ruletry", "signin", "status", "totals", "unbound", "whyhere"}
)

func loadTemplates(a assets) (*template.Template, error) {
	return parseTemplates(templateFiles, a)
}

func parseTemplates(files fs.FS, a assets) (*template.Template, error) {
	found, err := fs.Glob(files, "templates/*.html")
	if err != nil {
		return nil, fmt.Errorf("console: list templates: %w", err)
	}
	unused := map[string]bool{}
	for _, f := range found {
		unused[strings.TrimSuffix(strings.TrimPrefix(f, "templates/"), ".html")] = true
	}
	set := template.New("").Funcs(template.FuncMap{"asset": a.path, "ci": ciPath}).Option("missingkey=error")
	for _, name := range slices.Concat(sharedTemplates, pageTemplates) {
		if _, err := set.ParseFS(files, "templates/"+name+".html"); err != nil {
			return nil, fmt.Errorf("console: template %s: %w", name, err)
		}
		delete(unused, name)
	}
	for _, name := range pageTemplates {
		if set.Lookup(pageTemplate(name)) == nil {
			return nil, fmt.Errorf("console: template %s does not define %q", name, pageTemplate(name))
		}
	}
	for name := range unused {
		return nil, fmt.Errorf("console: template %s.html belongs to no page", name)
	}
	return set, nil
}

// pageTemplate is what the file of a page defines.
func pageTemplate(name string) string { return "page-" + name }

// page is what one template shows.
type page interface {
	// about names the template, the title and which entry of the navigation is current.
	about() (template, title, nav string)
}

// frame is what the layout knows beside the page.
type frame struct {
	Title    string
	Menu     menu
	Nav      string
	Person   string // "" when nobody is signed in
	CanAct   bool
	Theme    string // "light", "dark" or "" for the system's choice
	Here     string // this page's own address, to come back to
	Flash    *flash
	Live     string // address of the live stream, or ""
	Refresh  int    // seconds after which a page that waits comes anew without JavaScript; 0: never
	Rendered when
	Page     page
}

// pageBytesMax is a size no page should come near; the hostile-input test holds it.
const pageBytesMax = 1 << 20

// compressMin is the size from which compressing pays.
const compressMin = 1400

// show renders a page into memory and answers with it.
func (c *Console) show(ctx *fiber.Ctx, status int, p page) error {
	name, title, nav := p.about()
	f := frame{Title: title, Nav: nav, Page: p, Theme: theme(ctx), Here: here(ctx), Rendered: at(itsm.TimeOf(c.o.Clock()), c.o.Clock())}
	if who, ok := person(ctx); ok {
		f.Person, f.CanAct = line(who.Name, 40), mayAct(who)
		f.Flash = takeFlash(ctx)
		f.Menu = c.menuOf(nav, who)
	}
	if l, ok := p.(interface{ live() string }); ok && status == http.StatusOK {
		f.Live = l.live()
	}
	if r, ok := p.(interface{ refresh() int }); ok {
		f.Refresh = r.refresh()
	}
	html, err := c.render(name, f)
	if err != nil {
		return err
	}
	ctx.Set(fiber.HeaderContentType, "text/html; charset=utf-8")
	ctx.Status(status)
	if len(html) >= compressMin && acceptsGzip(ctx) {
		ctx.Set(fiber.HeaderContentEncoding, "gzip")
		html = gzipped(html, gzip.BestSpeed)
	}
	ctx.Set(fiber.HeaderVary, "Accept-Encoding, Cookie")
	return ctx.Send(html)
}

func (c *Console) render(name string, f frame) ([]byte, error) {
	var b bytes.Buffer
	for _, part := range []struct {
		name string
		data any
	}{{"top", f}, {pageTemplate(name), f.Page}, {"bottom", f}} {
		if err := c.templates.ExecuteTemplate(&b, part.name, part.data); err != nil {
			return nil, fmt.Errorf("render page %s: %w", name, err)
		}
	}
	return scrub(b.Bytes()), nil
}

func acceptsGzip(ctx *fiber.Ctx) bool {
	return strings.Contains(ctx.Get(fiber.HeaderAcceptEncoding), "gzip")
}

func gzipped(b []byte, level int) []byte {
	var out bytes.Buffer
	w, err := gzip.NewWriterLevel(&out, level)
	if err != nil {
		panic(err) // only for a level that does not exist
	}
	w.Write(b) // a bytes.Buffer takes everything
	w.Close()
	return out.Bytes()
}

// here is the address of the page a form should come back to. A page that
// answers a POST comes back to the object it is about.
func here(ctx *fiber.Ctx) string {
	if ctx.Method() == http.MethodPost {
		return "/"
	}
	return localPath(strings.Clone(ctx.OriginalURL()))
}
