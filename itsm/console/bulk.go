package console

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"signalbox/itsm"
	"signalbox/itsm/httperr"
)

// bulkWaitMax is how long one page may act; what it did not come to is said, and can
// be chosen again.
const bulkWaitMax = 20 * time.Second

// bulkDeed is what can be done to many incidents at once: the deed on one of them,
// and what it would come to.
type bulkDeed struct {
	deed
	did      string // "resolved", for what was done
	forecast func(i itsm.Incident) (outcome bulkOutcome, why string)
}

// bulkOutcome is what an act will come to, or came to.
type bulkOutcome uint8

const (
	bulkDone bulkOutcome = iota
	bulkSame             // it is so already
	bulkNot
)

var bulkDeeds = []bulkDeed{
	{acknowledge, "acknowledged", func(i itsm.Incident) (bulkOutcome, string) {
		if i.State.IsOpen() && i.AcknowledgedAt != 0 {
			return bulkSame, "acknowledged by " + actorName(i.AcknowledgedBy) + " already"
		}
		return whileOpen(i)
	}},
	{assign, "assigned", whileOpen},
	{hold, "put on hold", func(i itsm.Incident) (bulkOutcome, string) {
		if i.State == itsm.OnHold {
			return bulkDone, "is on hold already; the reason may change"
		}
		return mayMove(i, itsm.OnHold)
	}},
	{resolve, "resolved", func(i itsm.Incident) (bulkOutcome, string) {
		out, why := mayMove(i, itsm.IncidentResolved)
		var too []string
		if n := len(i.Children); n > 0 {
			too = append(too, plural(n, "child ends", "children end")+" with it")
		}
		if i.FiringCount > 0 {
			too = append(too, plural(i.FiringCount, "alert still fires", "alerts still fire")+", so it may come back")
		}
		if out == bulkDone {
			why = strings.Join(too, "; ")
		}
		return out, why
	}},
	{setParent, "made children", func(i itsm.Incident) (bulkOutcome, string) {
		if len(i.Children) > 0 {
			return bulkNot, "has children of its own"
		}
		if i.State == itsm.Closed || i.State == itsm.Cancelled {
			return bulkNot, "is " + words(i.State.String())
		}
		return bulkDone, ""
	}},
	{merge, "merged", whileOpen},
}

func whileOpen(i itsm.Incident) (bulkOutcome, string) {
	if !i.State.IsOpen() {
		return bulkNot, "is " + words(i.State.String())
	}
	return bulkDone, ""
}

func mayMove(i itsm.Incident, to itsm.State) (bulkOutcome, string) {
	switch {
	case i.State == to:
		return bulkSame, "is " + words(to.String()) + " already"
	case !itsm.CanMove(i.State, to):
		return bulkNot, "is " + words(i.State.String())
	}
	return bulkDone, ""
}

// bulkLabels are the words of the choice, in the order of bulkDeeds.
var bulkLabels = map[string]string{"acknowledge": "Acknowledge", "assign": "Assign", "hold": "Put on hold", "resolve": "Resolve", "parent": "Make children of …", "merge": "Merge into …"}

// bulkOptions is the choice above a list.
func bulkOptions() (out []option) {
	for _, d := range bulkDeeds {
		out = append(out, option{Value: d.name, Label: bulkLabels[d.name]})
	}
	return out
}

// bulkPage asks before it acts, and says what it will come to.
type bulkPage struct {
	Name    string // of the deed
	Head    string // "Resolve 3 incidents"
	Verb    string // "Resolve"
	Says    []string
	Rows    []bulkRow
	Refused string
	Key     string
	Back    string
	Forms   formsView
	Typed   url.Values
}

type bulkRow struct {
	Number, Href, Title string
	Priority, State     badge
	Will                string // what will become of it, when it is not simply done
	Not                 bool
	Ticked              bool
}

func (p bulkPage) about() (string, string, string) { return "bulk", p.Head, "incidents" }

// bulkOf reads which deed is meant, and the incidents; an unknown one is an error.
func (c *Console) bulkOf(f url.Values) (bulkDeed, []itsm.Incident, error) {
	at := slices.IndexFunc(bulkDeeds, func(d bulkDeed) bool { return d.name == f.Get("do") })
	switch {
	case at < 0:
		return bulkDeed{}, nil, itsm.Errorf(itsm.Invalid, "do %q: expected acknowledge, assign, hold, resolve, parent or merge", line(f.Get("do"), 40))
	case len(f["number"]) == 0:
		return bulkDeed{}, nil, itsm.Errorf(itsm.Invalid, "number: tick the incidents first")
	case len(f["number"]) > itsm.BulkMax:
		return bulkDeed{}, nil, itsm.Errorf(itsm.TooLarge, "number: %d incidents; expected at most %d at once", len(f["number"]), itsm.BulkMax)
	}
	var numbers []itsm.IncidentNumber
	for _, word := range f["number"] {
		n, err := itsm.ParseIncidentNumber(word)
		if err != nil {
			return bulkDeed{}, nil, err
		}
		if !slices.Contains(numbers, n) {
			numbers = append(numbers, n)
		}
	}
	incidents := make([]itsm.Incident, len(numbers))
	for k, n := range numbers {
		var err error
		if incidents[k], err = c.o.Records.Incident(n); err != nil {
			return bulkDeed{}, nil, err
		}
	}
	return bulkDeeds[at], incidents, nil
}

func viewBulk(d bulkDeed, incidents []itsm.Incident, f url.Values, back, key string) bulkPage {
	p := bulkPage{Name: d.name, Key: key, Back: back, Typed: f}
	counts := map[bulkOutcome]int{}
	for _, i := range incidents {
		out, why := d.forecast(i)
		counts[out]++
		p.Rows = append(p.Rows, bulkRow{Number: i.Number.String(), Href: "/incidents/" + i.Number.String(), Title: titleOf(i), Priority: priorityBadge(i.Priority), State: stateBadge(i.State),
			Will: why, Not: out == bulkNot, Ticked: out != bulkNot})
	}
	p.Verb, _, _ = strings.Cut(bulkLabels[d.name], " of …")
	p.Verb = strings.TrimSuffix(p.Verb, " into …")
	p.Head = p.Verb + " " + plural(len(incidents), "incident", "incidents")
	switch d.name {
	case setParent.name:
		p.Head = "Make " + plural(len(incidents), "incident a child", "incidents children") + " of another"
	case merge.name:
		p.Head = "Merge " + plural(len(incidents), "incident", "incidents") + " into another"
	}
	p.Says = append(p.Says, plural(counts[bulkDone], "incident will be ", "incidents will be ")+bulkDid(d, counts[bulkDone])+".")
	if n := counts[bulkSame]; n > 0 {
		p.Says = append(p.Says, thousands(n)+" "+map[bool]string{true: "is", false: "are"}[n == 1]+" so already.")
	}
	if n := counts[bulkNot]; n > 0 {
		p.Says = append(p.Says, "Of "+thousands(n)+" it is not possible; tick to try all the same.")
	}
	p.Forms = formsView{}
	for _, c := range itsm.CloseCodes {
		p.Forms.Codes = append(p.Forms.Codes, option{Value: c, Label: words(c), Selected: c == f.Get("close_code")})
	}
	for _, r := range itsm.HoldReasons {
		p.Forms.Reasons = append(p.Forms.Reasons, option{Value: r, Label: words(r), Selected: r == f.Get("reason")})
	}
	return p
}

func bulkDid(d bulkDeed, n int) string {
	if d.name == setParent.name && n == 1 {
		return "made a child"
	}
	return d.did
}

// bulkAsk shows what is about to be done to how many.
func (c *Console) bulkAsk(ctx *fiber.Ctx) error {
	f := query(ctx)
	d, incidents, err := c.bulkOf(f)
	if err != nil {
		return err
	}
	return c.show(ctx, http.StatusOK, viewBulk(d, incidents, url.Values{}, localPath(f.Get("back")), formKey()))
}

// bulkDonePage is what became of each.
type bulkDonePage struct {
	Head string
	Sum  string
	Not  []bulkRow // first, with why
	Wait []bulkRow // stored, and not applied yet
	Same []bulkRow
	Done []bulkRow
	Back string
}

func (p bulkDonePage) about() (string, string, string) { return "bulkdone", p.Head, "incidents" }

// bulk acts on each incident by itself.
func (c *Console) bulk(ctx *fiber.Ctx) error {
	f, err := form(ctx)
	if err != nil {
		return err
	}
	d, incidents, err := c.bulkOf(f)
	if err != nil {
		return err
	}
	d.versioned = false // each is looked at as it is now
	who, _ := person(ctx)
	if _, err := d.actOf(0, who, "", f); err != nil { // it would be wrong of each
		p := viewBulk(d, incidents, f, localPath(f.Get("back")), formKey())
		p.Refused = line(itsm.MessageOf(err), lineRunesMax)
		return c.show(ctx, httperr.Status(err), p)
	}
	within, cancel := context.WithTimeout(ctx.UserContext(), bulkWaitMax)
	defer cancel()
	p := bulkDonePage{Back: localPath(f.Get("back"))}
	for _, i := range incidents {
		out, err := c.bulkOne(within, d, i.Number, func() (itsm.Act, error) { return d.actOf(i.Number, who, strings.Clone(ctx.IP()), f) })
		if after, lookup := c.o.Records.Incident(i.Number); lookup == nil {
			i = after
		}
		if is, _ := d.forecast(i); is == bulkSame && itsm.CodeOf(err) == itsm.Conflict { // it ended with its parent
			out.NoOp, err = true, nil
		}
		p.add(i, out, err)
	}
	p.sum(d)
	return c.show(ctx, http.StatusOK, p)
}

func (c *Console) bulkOne(ctx context.Context, d bulkDeed, n itsm.IncidentNumber, act func() (itsm.Act, error)) (itsm.Outcome, error) {
	if ctx.Err() != nil {
		return itsm.Outcome{}, itsm.Errorf(itsm.Unavailable, "there was no time left for it; choose it again")
	}
	a, err := act()
	if err != nil {
		return itsm.Outcome{}, err
	}
	if a.IdempotencyKey != "" {
		a.IdempotencyKey += "/" + n.String()
	}
	out, err := c.o.Engine.Do(ctx, a)
	if err == nil {
		err = out.Err()
	}
	return out, err
}

func (p *bulkDonePage) add(i itsm.Incident, out itsm.Outcome, err error) {
	r := bulkRow{Number: i.Number.String(), Href: "/incidents/" + i.Number.String(), Title: titleOf(i), Priority: priorityBadge(i.Priority), State: stateBadge(i.State)}
	switch {
	case out.IsPending(err):
		p.Wait = append(p.Wait, r)
	case err != nil:
		r.Will = line(itsm.MessageOf(err), lineRunesMax)
		p.Not = append(p.Not, r)
	case out.NoOp:
		p.Same = append(p.Same, r)
	default:
		p.Done = append(p.Done, r)
	}
}

func (p *bulkDonePage) sum(d bulkDeed) {
	all := len(p.Done) + len(p.Same) + len(p.Not) + len(p.Wait)
	p.Head = thousands(len(p.Done)) + " of " + plural(all, "incident", "incidents") + " " + bulkDid(d, len(p.Done))
	switch {
	case len(p.Not) > 0:
		p.Sum = plural(len(p.Not), "was refused", "were refused") + ". Nothing happened to " + map[bool]string{true: "it", false: "them"}[len(p.Not) == 1] + "."
	case len(p.Same) > 0:
		p.Sum = plural(len(p.Same), "was so already", "were so already") + "."
	}
}
