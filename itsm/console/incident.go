package console

import (
	"cmp"
	"crypto/rand"
	"encoding/hex"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"signalbox/itsm"
	"signalbox/itsm/access"
)

// Bounds of what one incident page shows; everything else is a link away.
const (
	membersMax      = 200 // members offered for a split, or with their evidence
	brokenGroupsMax = 5   // CIs listed before the rest folds away
	brokenFoldMax   = 95  // CIs in that fold
	brokenAlertsMax = 3   // alerts named for a CI
	servicesMax     = 12
	timelineMax     = 50
	pictureHopsMax  = 6
)

// incidentPage is what a person sees who was just woken up.
type incidentPage struct {
	Number    string
	Path      string
	Title     string
	Tab       string // the page's title
	Gist      gistView
	Priority  priorityView
	State     badge
	Opened    when
	Acked     string // "acknowledged by mira", "" when nobody did
	AckedAt   when
	Facts     []fact
	Banners   []banner
	Broken    brokenView
	Why       whyView
	Causes    []causeView
	Changed   []changedView
	Wide      *picture
	Narrow    *picture
	Walks     [][]ciLink
	Related   []relatedView
	Known     *knownView
	Past      []pastView
	Make      bool // the reader may make a problem of it
	Timeline  []timelineLine
	Older     string // address of older entries, or ""
	Newest    string // address of the page with the newest entries, "" when it is this one
	Can       moves
	Forms     formsView
	Stale     *staleView
	Labels    []itsm.Label
	Sync      []syncRow
	Level     levelView
	Around    aroundView
	Major     majorView
	Explains  bool // there is a page that says why it is as it is
	liveState string
}

func (p incidentPage) about() (string, string, string) {
	return "incident", p.Tab, "incidents"
}

func (p incidentPage) live() string { return p.liveState }

type priorityView struct {
	badge
	Impact, Urgency               string
	ImpactBecause, UrgencyBecause said
	Computed                      string // the matrix's word when a person overrode it, else ""
	By                            string
}

// fact is one line of the summary beside the title.
type fact struct {
	Name string
	Text string
	Said said // instead of Text, where it may name things
	When when
	Link string
}

// banner is something to know before anything else.
type banner struct {
	Kind string // "warn" or "info"
	Head string
	Text string
	Link string
	Word string // text of Link
}

type causeView struct {
	CI      ciLink
	Percent int
	Because said
}

type relatedView struct {
	Number, Href, Title string
	State               badge
	Because             said
	Percent             int
	Merge               *mergeView // nil when it cannot be merged now
	Apart               string     // address that says that they are not related; "" when it cannot be said now
}

// mergeView is the one click that merges: the smaller incident into the larger.
type mergeView struct {
	Action, Into, Label string
	Version             uint64 // of the incident that is merged away
	Seen                itsm.Offset
}

type timelineLine struct {
	When  when
	Kind  string
	Actor string
	Ours  bool // the machine did it
	Text  said
	Short said // the beginning of it, for the summary
	plain string
	Undo  *undoView // takes it back, nil when it cannot be
}

// undoView is the one click that takes a merge or a split back.
type undoView struct{ Action, Back string }

// moves is what the lifecycle allows now.
type moves struct {
	Acknowledge, TakeBack, Resolve, Reopen, Hold, Resume, Cancel, Merge, Split, Edit bool
}

// formsView is what the forms carry along and offer.
type formsView struct {
	Version  uint64
	Seen     itsm.Offset
	Key      string // makes a double tap one act
	Codes    []option
	Reasons  []option
	Priority []option
	Assignee string
	Group    string
	Members  []memberOption
	Draft    draft
}

type option struct {
	Value, Label string
	Selected     bool
}

type memberOption struct {
	Value, Title, CI string
	Severity         badge
}

// draft is what a person had typed when an act was refused; it is not lost.
type draft struct{ Note, Text, Into, Parent, Child, Title, URL string }

func viewIncident(f incidentFacts, inv inventory, who access.Identity, key string, now time.Time) incidentPage {
	i, canAct := f.Incident, mayAct(who)
	p := incidentPage{
		Number: i.Number.String(), Path: "/incidents/" + i.Number.String(), Title: titleOf(i), State: stateBadge(i.State), Opened: at(i.OpenedAt, now),
		Tab: titled(i), Priority: viewPriority(i, inv), Facts: viewFacts(i, now), Banners: viewBanners(i),
		Broken: viewBroken(f, inv, now), Why: viewWhy(f, inv, now), Causes: viewCauses(i, inv), Changed: viewChanged(i, inv, now),
		Related: viewRelated(f, inv, canAct), Timeline: viewTimeline(f.Timeline, inv, now),
		Can: movesOf(i, canAct), Forms: viewForms(f, inv, key), Labels: viewLabels(i.Labels),
		Known: viewKnown(f.Known), Past: viewPast(f.Past, now), Make: canAct && f.Known == nil && i.MergedInto == 0 && i.State != itsm.Closed && i.State != itsm.Cancelled,
		liveState: watchIncident(i), Level: viewLevel(i.SLA, now), Around: viewAround(f, who, now), Major: viewMajor(i, inv, who, now),
	}
	for k := range p.Timeline {
		if n := f.Undoable[f.Timeline[k].Offset]; n != 0 && canAct {
			p.Timeline[k].Undo = &undoView{Action: "/incidents/" + n.String() + "/undo", Back: p.Path}
		}
	}
	if f.OlderTime != "" {
		p.Older = p.Path + "?" + url.Values{"before": {f.OlderTime}}.Encode() + "#done"
	}
	if f.Before != "" {
		p.Newest = p.Path + "#done"
	}
	if i.AcknowledgedAt != 0 {
		p.Acked, p.AckedAt = "acknowledged by "+actorName(i.AcknowledgedBy), at(i.AcknowledgedAt, now)
	} else if i.State.IsOpen() {
		p.Acked = "not acknowledged yet"
	}
	d, ok := drawingOf(f, inv)
	if ok {
		p.Wide, p.Narrow = d.draw()
		p.Walks = walkLinks(d.Walks, inv)
	}
	p.Gist = viewGist(&p, f, inv, d)
	return p
}

func viewPriority(i itsm.Incident, inv inventory) priorityView {
	v := priorityView{badge: priorityBadge(i.Priority), Impact: levelLabels[i.Impact], Urgency: levelLabels[i.Urgency],
		ImpactBecause: inv.said(line(i.ImpactBecause, lineRunesMax)), UrgencyBecause: inv.said(line(i.UrgencyBecause, lineRunesMax))}
	if i.PriorityBy != "" {
		v.By, v.Computed = actorName(i.PriorityBy), i.Computed.String()
	}
	return v
}

func viewFacts(i itsm.Incident, now time.Time) []fact {
	out := []fact{{Name: "Opened", When: at(i.OpenedAt, now)}}
	if i.AcknowledgedAt != 0 {
		out = append(out, fact{Name: "Acknowledged", Text: "by " + actorName(i.AcknowledgedBy), When: at(i.AcknowledgedAt, now)})
	} else if i.State.IsOpen() {
		out = append(out, fact{Name: "Acknowledged", Text: "by nobody yet"})
	}
	if i.State == itsm.OnHold && i.HoldReason != "" {
		out = append(out, fact{Name: "On hold for", Text: words(i.HoldReason)})
	}
	if i.ResolvedAt != 0 {
		text := "by " + actorName(i.ResolvedBy)
		if i.CloseCode != "" {
			text += ", " + words(i.CloseCode)
		}
		out = append(out, fact{Name: "Resolved", Text: text, When: at(i.ResolvedAt, now)})
	}
	owner := fact{Name: "Assigned to", Text: "nobody"}
	if i.Assignee != "" {
		owner.Text = actorName(i.Assignee)
	}
	out = append(out, owner)
	if i.Group != "" {
		out = append(out, fact{Name: "Group", Text: line(i.Group, 80)})
	}
	if i.Epoch > 1 {
		out = append(out, fact{Name: "Reopened", Text: plural(int(i.Epoch-1), "time", "times")})
	}
	for _, l := range i.Links {
		out = append(out, fact{Name: line(l.Connector, 40), Text: line(l.ID, 60), Link: webLink(l.URL)})
	}
	return out
}

func viewBanners(i itsm.Incident) []banner {
	var out []banner
	if i.MergedInto != 0 {
		n := i.MergedInto.String()
		out = append(out, banner{Kind: "info", Head: "Merged.", Text: "Work goes on in", Link: "/incidents/" + n, Word: n})
	}
	if i.StillFiring {
		out = append(out, banner{Kind: "warn", Head: "Still firing.",
			Text: "Somebody resolved this while " + plural(i.FiringCount, "alert was", "alerts were") + " still firing. Reopen it if the work is not done."})
	}
	if i.Storm {
		out = append(out, banner{Kind: "warn", Head: "Alert storm.",
			Text: "This opened while far more alerts than usual came in. Everything is stored and listed; look for the cause, not at the single alerts."})
	}
	if i.Follows != 0 {
		n := i.Follows.String()
		out = append(out, banner{Kind: "info", Head: "Follow-on.", Text: "The same CI had trouble shortly before, in", Link: "/incidents/" + n, Word: n})
	}
	return out
}

func viewCauses(i itsm.Incident, inv inventory) []causeView {
	var out []causeView
	for _, c := range i.Causes[:min(3, len(i.Causes))] {
		out = append(out, causeView{CI: inv.link(c.CI), Percent: percent(c.ScoreMilli), Because: inv.said(line(c.Because, lineRunesMax))})
	}
	return out
}

// percent turns thousandths into a number from 0 to 100.
func percent(milli int) int { return max(0, min(100, (milli+5)/10)) }

func viewRelated(f incidentFacts, inv inventory, canAct bool) []relatedView {
	byNumber := map[itsm.IncidentNumber]itsm.Incident{}
	for _, r := range f.Related {
		byNumber[r.Number] = r
	}
	var out []relatedView
	for _, c := range f.Incident.MaybeRelated[:min(len(f.Incident.MaybeRelated), itsm.MaybeRelatedMax)] {
		r, ok := byNumber[c.Incident]
		if !ok || r.MergedInto != 0 {
			continue
		}
		v := relatedView{Number: c.Incident.String(), Href: "/incidents/" + c.Incident.String(), Title: titleOf(r),
			State: stateBadge(r.State), Because: inv.said(line(c.Because, lineRunesMax)), Percent: percent(c.ScoreMilli)}
		if canAct && r.State.IsOpen() && f.Incident.State.IsOpen() {
			v.Merge, v.Apart = viewMerge(f.Incident, r), "/incidents/"+f.Incident.Number.String()+"/unrelated"
		}
		out = append(out, v)
	}
	return out
}

// viewMerge merges the one with fewer alerts into the other; of equals, the newer.
func viewMerge(this, other itsm.Incident) *mergeView {
	from, into := other, this
	if cmp.Or(cmp.Compare(other.AlertCount, this.AlertCount), cmp.Compare(this.Number, other.Number)) > 0 {
		from, into = this, other
	}
	v := &mergeView{Action: "/incidents/" + from.Number.String() + "/merge", Into: into.Number.String(), Version: from.Version, Seen: from.ChangedAt,
		Label: "Merge " + from.Number.String() + " into this one"}
	if from.Number == this.Number {
		v.Label = "Merge this into " + v.Into
	}
	return v
}

func viewTimeline(entries []itsm.TimelineEntry, inv inventory, now time.Time) []timelineLine {
	var out []timelineLine
	for _, e := range entries {
		text := block(e.Text, valueRunesMax)
		out = append(out, timelineLine{When: at(e.At, now), Kind: words(e.Kind), Actor: actorName(e.Actor),
			Ours: e.Actor == "signalbox", Text: inv.said(text), plain: text})
	}
	return out
}

func movesOf(i itsm.Incident, canAct bool) moves {
	if !canAct {
		return moves{}
	}
	open := i.State.IsOpen()
	return moves{
		Acknowledge: open && i.AcknowledgedAt == 0,
		TakeBack:    open && i.AcknowledgedAt != 0,
		Resolve:     itsm.CanMove(i.State, itsm.IncidentResolved),
		Reopen:      i.State == itsm.IncidentResolved,
		Hold:        itsm.CanMove(i.State, itsm.OnHold),
		Resume:      i.State == itsm.OnHold,
		Cancel:      open,
		Merge:       open,
		Split:       open && i.AlertCount > 1,
		Edit:        open,
	}
}

func viewForms(f incidentFacts, inv inventory, key string) formsView {
	i := f.Incident
	v := formsView{Version: i.Version, Seen: i.ChangedAt, Key: key, Assignee: line(i.Assignee, 100), Group: line(i.Group, 100)}
	for _, c := range itsm.CloseCodes {
		v.Codes = append(v.Codes, option{Value: c, Label: words(c)})
	}
	for _, r := range itsm.HoldReasons {
		v.Reasons = append(v.Reasons, option{Value: r, Label: words(r), Selected: r == i.HoldReason})
	}
	v.Priority = append(v.Priority, option{Value: "", Label: "computed (" + i.Computed.String() + ")", Selected: i.PriorityBy == ""})
	for p := itsm.P1; p <= itsm.P5; p++ {
		v.Priority = append(v.Priority, option{Value: p.String(), Label: p.String() + " " + priorityHints[p], Selected: i.PriorityBy != "" && i.Priority == p})
	}
	for _, a := range f.here(membersMax) {
		id, _ := ciOf(*a)
		v.Members = append(v.Members, memberOption{Value: a.Number.String(), Title: alertTitle(*a), CI: inv.name(id), Severity: severityBadge(a.Severity)})
	}
	return v
}

func viewLabels(ls itsm.Labels) []itsm.Label {
	var out []itsm.Label
	for _, l := range ls[:min(len(ls), alertLabelsMax)] {
		out = append(out, itsm.Label{Name: line(l.Name, 120), Value: line(l.Value, valueRunesMax)})
	}
	return out
}

// incidentNamed is the incident that the address names.
func incidentNamed(ctx *fiber.Ctx) (itsm.IncidentNumber, error) {
	return itsm.ParseIncidentNumber(strings.Clone(ctx.Params("number")))
}

func (c *Console) incident(ctx *fiber.Ctx) error {
	n, err := incidentNamed(ctx)
	if err != nil {
		return err
	}
	p, err := c.incidentPage(ctx, n, query(ctx).Get("before"))
	if err != nil {
		return err
	}
	return c.show(ctx, http.StatusOK, p)
}

// incidentPage reads and makes the page of n; its timeline shows what came before
// the place that the address names, or the newest.
func (c *Console) incidentPage(ctx *fiber.Ctx, n itsm.IncidentNumber, before string) (incidentPage, error) {
	f, err := c.incidentFacts(n, before)
	if err != nil {
		return incidentPage{}, err
	}
	who, _ := person(ctx)
	p := viewIncident(f, c.inventory(), who, formKey(), c.o.Clock())
	p.Explains = c.o.Explainer != nil
	if c.o.Partners != nil {
		rows, _ := c.o.Partners.Sync(n)
		p.Sync = viewSyncRows(rows, c.o.Clock())
	}
	if c.o.Ledger != nil {
		p.Broken.Deliveries = "/deliveries?incident=" + n.String()
	}
	return p, nil
}

// formKey is the idempotency key of the forms of one rendered page.
func formKey() string {
	b := make([]byte, 12)
	rand.Read(b) // never fails: the runtime stops the process instead
	return hex.EncodeToString(b)
}
