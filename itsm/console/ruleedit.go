package console

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"signalbox/itsm"
	"signalbox/itsm/httperr"
	"signalbox/rules"
	rulebook "signalbox/rules/book"
)

// Bounds of the editor.
const (
	editFilesMax     = 100
	editFormBytesMax = 4 << 20 // a form of the largest set that fits the page, escaped
	editRowsMin      = 8
	editRowsMax      = 32
	savedSinceMax    = 5 // revisions named that others saved meanwhile
)

// editPage edits a rule set: one field a file. What was typed is only ever lost
// by leaving the page.
type editPage struct {
	Parts    []chip
	Base     uint64 // newest revision when the page was opened
	From     uint64 // revision that the texts were taken from, 0 for none
	Active   string
	Files    []editFile
	Problems []problemLine // of no file that is here
	Checked  bool
	Verdict  string
	Good     bool
	Why      string // note as typed
	Refused  string
	Stale    []revisionRow // what others saved meanwhile
	TooMuch  string
	External string
	Backtest *backtestForm // nil: there is no history to try on
}

// editFile is one file in the editor.
type editFile struct {
	N        int // 1 is the first
	Name     string
	Body     string
	Rows     int
	Problems []problemLine
	Hidden   bool // it has characters that a page leaves out
}

func (editPage) about() (string, string, string) { return "ruleedit", "Edit the rules", "rules" }

// firstRules is what the editor of an empty book begins with: a rule that works,
// changes nothing and says how to go on.
var firstRules = []rules.File{{Name: "rules.yaml", Body: `# One rule a document, separated by ---. This one is in shadow mode: it counts
# what it would do and changes nothing until you remove the line "mode: shadow".
id: k8s-namespace
about: All alerts of a Kubernetes namespace are one incident
mode: shadow
when: labels.namespace != ""
correlate:
  group_by: [labels.namespace]
  window: 30m
`}}

func editFiles(files []rules.File, ps []rules.Problem) (out []editFile, loose []problemLine) {
	at := map[string]int{}
	for k, f := range files {
		at[f.Name] = k
		out = append(out, editFile{N: k + 1, Name: line(f.Name, titleRunesMax), Body: block(f.Body, len(f.Body)), Hidden: hides(f.Body),
			Rows: min(max(strings.Count(f.Body, "\n")+2, editRowsMin), editRowsMax)})
	}
	for _, p := range ps {
		k, ok := at[p.File]
		if !ok {
			loose = append(loose, viewProblem(p, ""))
			continue
		}
		out[k].Problems = append(out[k].Problems, viewProblem(p, files[k].Body))
	}
	return out, loose
}

// editForm is what the editor sends.
type editForm struct {
	Base  uint64
	From  uint64
	Note  string
	Do    string
	Files []rules.File
}

func parseEdit(v url.Values) (f editForm, err error) {
	if len(v["name"]) != len(v["body"]) {
		return f, itsm.Errorf(itsm.Invalid, "form: %d names and %d texts; send it from the page itself", len(v["name"]), len(v["body"]))
	}
	if len(v["name"]) > editFilesMax {
		return f, itsm.Errorf(itsm.TooLarge, "%d files; the editor takes %d, 'signalbox rules apply' takes more", len(v["name"]), editFilesMax)
	}
	for k, name := range v["name"] {
		f.Files = append(f.Files, rules.File{Name: line(name, titleRunesMax), Body: strings.ReplaceAll(v["body"][k], "\r\n", "\n")})
	}
	f.Do, f.Note = v.Get("do"), v.Get("note")
	for _, n := range []struct {
		to   *uint64
		name string
	}{{&f.Base, "base"}, {&f.From, "from"}} {
		if *n.to, err = strconv.ParseUint(v.Get(n.name), 10, 64); err != nil {
			return f, itsm.Errorf(itsm.Invalid, "%s %q: expected the number of a revision; send the form from the page itself", n.name, line(v.Get(n.name), 40))
		}
	}
	return f, nil
}

// viewEdit shows the form as it is; a set that was checked with its problems.
func viewEdit(f editForm, h rulebook.Head, checked bool, external string, known ...rules.Known) editPage {
	p := editPage{Parts: ruleParts("/rules/edit", true), Base: f.Base, From: f.From, Active: revisionName(h.Active), Why: block(f.Note, itsm.NoteBytesMax), Checked: checked, External: external}
	if htmlBytes(f.Files) > filesShownMax || len(f.Files) > editFilesMax {
		p.TooMuch = "This rule set is larger than the editor takes."
		return p
	}
	var ps []rules.Problem
	if checked {
		var set *rules.Set
		set, ps = rules.Compile(f.Files, known...)
		p.Verdict, p.Good = verdict(set, ps, len(f.Files))
	}
	p.Files, p.Problems = editFiles(f.Files, ps)
	return p
}

// edit opens the editor with the revision that the address names, else with the
// newest one.
func (c *Console) edit(ctx *fiber.Ctx) error {
	s, err := c.ruleStore()
	if err != nil {
		return err
	}
	h, err := s.Book().Head()
	if err != nil {
		return err
	}
	f := editForm{Base: h.Last, From: h.Last, Files: firstRules}
	if v := query(ctx).Get("from"); v != "" {
		if f.From, err = parseRevision(v); err != nil {
			return err
		}
	}
	if f.From != 0 {
		r, err := s.Book().Revision(f.From)
		if err != nil {
			return err
		}
		f.Files = r.Files
	}
	return c.showEdit(ctx, http.StatusOK, viewEdit(f, h, false, c.external.String(), c.known()...), query(ctx))
}

// showEdit shows the editor with the form of a backtest as v filled it.
func (c *Console) showEdit(ctx *fiber.Ctx, status int, p editPage, v url.Values) error {
	a, err := parseBacktestAsk(v)
	if err != nil {
		return err
	}
	if p.Backtest, _, err = c.backtestForm(a); err != nil {
		return err
	}
	return c.show(ctx, status, p)
}

// editPost checks, changes the list of files, or saves: the button says which.
func (c *Console) editPost(ctx *fiber.Ctx) error {
	s, err := c.ruleStore()
	if err != nil {
		return err
	}
	v, err := formUpTo(ctx, editFormBytesMax)
	if err != nil {
		return err
	}
	f, err := parseEdit(v)
	if err != nil {
		return err
	}
	h, err := s.Book().Head()
	if err != nil {
		return err
	}
	do, which, _ := strings.Cut(f.Do, ".")
	switch do {
	case "save":
		return c.saveRules(ctx, f, h, v)
	case "try":
		return c.tryTyped(ctx, f, v.Get("alert"))
	case "backtest":
		return c.backtestTyped(ctx, f, v)
	case "add":
		f.Files = append(f.Files, rules.File{Name: freeName(f.Files)})
	case "remove":
		if k, err := strconv.Atoi(which); err == nil && k >= 1 && k <= len(f.Files) {
			f.Files = append(f.Files[:k-1:k-1], f.Files[k:]...)
		}
	}
	return c.showEdit(ctx, http.StatusOK, viewEdit(f, h, do == "check", c.external.String(), c.known()...), v)
}

// freeName is a name for a new file.
func freeName(files []rules.File) string {
	taken := map[string]bool{}
	for _, f := range files {
		taken[f.Name] = true
	}
	for k := 1; ; k++ {
		if name := "rules-" + strconv.Itoa(k) + ".yaml"; !taken[name] {
			return name
		}
	}
}

// saveRules saves what was typed as the next revision, unless somebody saved one
// meanwhile. Nothing is lost then: the page keeps what was typed.
func (c *Console) saveRules(ctx *fiber.Ctx, f editForm, h rulebook.Head, v url.Values) error {
	r, err := c.saveChecked(ctx, f, h)
	if err == nil {
		c.setFlash(ctx, "rules-saved", 0)
		return ctx.Redirect(revisionHref(r.Number), http.StatusSeeOther)
	}
	if code := itsm.CodeOf(err); code == itsm.NotFound || code == itsm.Internal {
		return err
	}
	p := viewEdit(f, h, true, c.external.String(), c.known()...)
	p.Refused = line(itsm.MessageOf(err), 2*lineRunesMax)
	if h.Last > f.Base {
		since, err := c.o.Rules.Book().Revisions(0, int(min(h.Last-f.Base, savedSinceMax)))
		if err != nil {
			return err
		}
		p.Stale, p.Base = viewSince(since, c.o.Clock()), h.Last
	}
	return c.showEdit(ctx, httperr.Status(err), p, v)
}

func viewSince(list []rulebook.Revision, now time.Time) []revisionRow {
	var out []revisionRow
	for _, r := range list {
		out = append(out, viewRevisionRow(r, now))
	}
	return out
}

func (c *Console) saveChecked(ctx *fiber.Ctx, f editForm, h rulebook.Head) (rulebook.Revision, error) {
	var none rulebook.Revision
	if h.Last != f.Base {
		return none, itsm.Errorf(itsm.Conflict, "somebody saved %s after you opened this page. What you typed is below and not saved yet; save again to save it as the next revision", revisionName(h.Last))
	}
	if f.From != 0 {
		was, err := c.o.Rules.Book().Revision(f.From)
		if err != nil {
			return none, err
		}
		if was.Hash == rules.Hash(f.Files) {
			return none, itsm.Errorf(itsm.Invalid, "nothing differs from %s, so nothing was saved", revisionName(f.From))
		}
	}
	note, err := ruleNote(f.Note)
	if err != nil {
		return none, err
	}
	who, _ := person(ctx)
	return c.o.Rules.SaveRules(ctx.UserContext(), f.Files, who.Actor(), note)
}
