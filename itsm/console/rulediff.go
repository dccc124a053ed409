package console

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/gofiber/fiber/v2"

	"signalbox/itsm"
	"signalbox/rules"
	rulebook "signalbox/rules/book"
)

// Bounds of a difference on a page.
const (
	changesMax     = 200
	changeLinesMax = 3000 // of all changes together
)

// ruleDiffPage shows how two revisions differ.
type ruleDiffPage struct {
	Parts    []chip
	From, To uint64
	FromName string
	ToName   string
	Diff     diffView
}

func (p ruleDiffPage) about() (string, string, string) {
	return "rulediff", "Changes from " + p.FromName + " to " + p.ToName, "rules"
}

// diffView is a difference, rule by rule.
type diffView struct {
	Sum     string
	Changes []changeView
	More    string // what is left out
}

type changeView struct {
	ID    string
	Kind  badge
	Lines []diffLine
}

type diffLine struct {
	Sign string // "+", "-" or ""
	Text string
}

var changeKinds = map[string]badge{
	"added": {Class: "al-resolved", Label: "added"}, "removed": {Class: "al-firing", Label: "removed"},
	"changed": {Class: "st-in_progress", Label: "changed"}, "moved": {Class: "st-on_hold", Label: "moved"},
}

func diffHref(from, to uint64) string {
	return "/rules/diff?" + url.Values{"from": {strconv.FormatUint(from, 10)}, "to": {strconv.FormatUint(to, 10)}}.Encode()
}

// viewDiff compares two sets. What was added or removed is shown whole.
func viewDiff(from, to []rules.File) diffView {
	var v diffView
	changes := rules.Diff(from, to)
	count := map[string]int{}
	left := changeLinesMax
	texts := map[string]func(string) []string{"added": textsOf(to), "removed": textsOf(from)}
	for k, ch := range changes {
		count[ch.Kind]++
		if k >= changesMax {
			continue
		}
		c := changeView{ID: line(ch.ID, titleRunesMax), Kind: changeKinds[ch.Kind]}
		lines := ch.Lines
		if text := texts[ch.Kind]; text != nil {
			lines = text(ch.ID)
		}
		for _, l := range lines {
			if left--; left < 0 {
				break
			}
			c.Lines = append(c.Lines, viewDiffLine(l, ch.Kind))
		}
		v.Changes = append(v.Changes, c)
	}
	var sum []string
	for _, kind := range []string{"added", "removed", "changed", "moved"} {
		if count[kind] > 0 {
			sum = append(sum, thousands(count[kind])+" "+kind)
		}
	}
	v.Sum = strings.Join(sum, ", ")
	if more := len(changes) - len(v.Changes); more > 0 {
		v.More = plural(more, "more change", "more changes") + "; 'signalbox rules diff' shows all of them."
	} else if left < 0 {
		v.More = "Some lines are left out; 'signalbox rules diff' shows all of them."
	}
	return v
}

func viewDiffLine(l, kind string) diffLine {
	switch {
	case kind == "added":
		return diffLine{"+", sourceText(l)}
	case kind == "removed":
		return diffLine{"-", sourceText(l)}
	case strings.HasPrefix(l, "+ "), strings.HasPrefix(l, "- "):
		return diffLine{l[:1], sourceText(l[2:])}
	}
	return diffLine{"", sourceText(l)}
}

// textsOf finds the text of a rule or a table by its name; the set is compiled
// when the first is asked for.
func textsOf(files []rules.File) func(string) []string {
	var set *rules.Set
	compiled := false
	return func(id string) []string {
		if !compiled {
			set, _ = rules.Compile(files)
			compiled = true
		}
		for _, f := range files {
			if f.Name == id {
				lines := strings.Split(strings.TrimRight(f.Body, "\n"), "\n")
				return lines[:min(len(lines), ruleLinesMax)]
			}
		}
		if set == nil || set.Rule(id) == nil {
			return nil
		}
		var out []string
		for _, l := range ruleLines(files, set.Rule(id)) {
			out = append(out, l.Text)
		}
		return out
	}
}

// parseEnd reads one end of a comparison: 0 stands for no rules, active for what is.
func parseEnd(name, text string, h rulebook.Head) (uint64, error) {
	if text == "active" {
		return h.Active, nil
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		return 0, itsm.Errorf(itsm.Invalid, "%s %q: expected the number of a revision, active, or 0 for no rules", name, line(text, 40))
	}
	return n, nil
}

// filesOf are the files of a revision; 0 has none.
func filesOf(b *rulebook.Book, n uint64) ([]rules.File, error) {
	if n == 0 {
		return nil, nil
	}
	r, err := b.Revision(n)
	return r.Files, err
}

func (c *Console) ruleDiff(ctx *fiber.Ctx) error {
	s, err := c.ruleStore()
	if err != nil {
		return err
	}
	h, err := s.Book().Head()
	if err != nil {
		return err
	}
	v := query(ctx)
	p := ruleDiffPage{Parts: ruleParts("", mayRuleHere(ctx))}
	if p.From, err = parseEnd("from", v.Get("from"), h); err != nil {
		return err
	}
	if p.To, err = parseEnd("to", v.Get("to"), h); err != nil {
		return err
	}
	from, err := filesOf(s.Book(), p.From)
	if err != nil {
		return err
	}
	to, err := filesOf(s.Book(), p.To)
	if err != nil {
		return err
	}
	p.FromName, p.ToName, p.Diff = revisionName(p.From), revisionName(p.To), viewDiff(from, to)
	return c.show(ctx, http.StatusOK, p)
}
