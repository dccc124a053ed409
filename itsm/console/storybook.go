package console

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/gofiber/fiber/v2"

	"signalbox/correlate/engine"
	"signalbox/correlate/learn"
	"signalbox/itsm"
	"signalbox/itsm/access"
	"signalbox/itsm/cmdb"
	"signalbox/itsm/desk"
	"signalbox/itsm/entry"
	"signalbox/itsm/kv"
	"signalbox/itsm/ledger"
	"signalbox/itsm/partners"
	"signalbox/itsm/report"
	"signalbox/rules"
)

// StorybookToken signs in to the storybook.
const StorybookToken = "storybook"

// Storybook serves every page from canned data: a database outage with forty
// alerts over nine services, a flapping link, an unrelated incident and more. It
// keeps everything in memory, and acts change it in the simplest way, so that
// people can see and try the console without a running system.
func Storybook(external string, clock func() time.Time, log *slog.Logger) (*Console, *fiber.App, error) {
	b, err := openBook(clock)
	if err != nil {
		return nil, nil, err
	}
	return b.serve(external, log, access.Token{Secret: StorybookToken, Name: "admin", Role: access.Admin})
}

// serve is a console over b for whoever holds one of tokens.
func (b *book) serve(external string, log *slog.Logger, tokens ...access.Token) (*Console, *fiber.App, error) {
	gate, err := access.New(access.Options{ExternalURL: external, Clock: b.clock, Tokens: tokens, Records: b.Desk, Do: b.Do})
	if err != nil {
		return nil, nil, err
	}
	c, err := New(Options{Records: b.Desk, Engine: b, Graph: b.cmdb, Gate: gate, Retry: b.retry, ImportCMDB: b.importCMDB, Health: b.healthy,
		Rules: b, Backtests: b.tries, ActiveRules: b.activeRules, RuleCounts: func() []RuleCount { return b.counts(itsm.TimeOf(b.clock())) },
		Explainer: b, Partners: b.told, Keeper: newCannedKeeper(),
		Known: func() rules.Known {
			return rules.Known{Sources: []string{"alertmanager", "datadog", "generic"}, Connectors: []string{"pagerduty"}}
		},
		Reports:     report.New(b.Desk, func() []string { return []string{"pagerduty"} }, b.clock),
		Learner:     engine.NewLearner(b.learnCanned, b.clock),
		Ledger:      ledger.New(b.Desk, b, func() ledger.Totals { return b.totals() }),
		ExternalURL: external, Version: "storybook", Clock: b.clock, Log: log})
	if err != nil {
		return nil, nil, err
	}
	app := fiber.New(fiber.Config{DisableStartupMessage: true, ReadTimeout: 15 * time.Second, WriteTimeout: 30 * time.Second, ReadBufferSize: 16 << 10})
	c.Routes(app)
	return c, app, nil
}

// book is a desk with canned records, and the smallest engine that acts on them.
type book struct {
	*desk.Desk
	clock func() time.Time
	tries *cannedTries
	told  partners.Board

	mu     sync.Mutex
	graph  *cmdb.Graph            // guarded by mu once it serves
	off    itsm.Offset            // last entry, guarded by mu
	folded chan struct{}          // closed at the next entry, guarded by mu
	done   map[string]itsm.Offset // idempotency keys, guarded by mu

	folder  *engine.Folder                  // of acts on what is no incident, guarded by mu
	entries map[itsm.Offset]*entry.Delivery // guarded by mu
	totals  func() ledger.Totals
	counts  func(now itsm.Time) []RuleCount
	learned func(now itsm.Time) learn.Report
	healthy func() Health
}

func openBook(clock func() time.Time) (*book, error) {
	d, err := desk.Open(kv.Mem())
	if err != nil {
		return nil, err
	}
	g, err := cannedGraph()
	if err != nil {
		return nil, err
	}
	b := &book{Desk: d, graph: g, clock: clock, tries: newCannedTries(clock), told: newCannedPartners(clock), totals: cannedTotals, counts: cannedCounts, folder: engine.NewFolderOver(g), learned: cannedLearned, folded: make(chan struct{}), done: map[string]itsm.Offset{}}
	b.healthy = b.health
	s := script{now: itsm.TimeOf(clock()), graph: g}
	err = b.apply(s.write())
	b.entries = s.entries
	if err != nil {
		return b, err
	}
	if err := b.keep(cannedBook(s.now)); err != nil {
		return b, err
	}
	if err := errors.Join(b.recurring(), b.people(), b.worked(), b.changes()); err != nil {
		return b, err
	}
	return b, b.knownProblem(4, "PRB0000003")
}

// apply stores decisions as one entry.
func (b *book) apply(ds []itsm.Decision) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.applyLocked(ds)
}

func (b *book) applyLocked(ds []itsm.Decision) error { return b.keepLocked(ds, nil) }

// keep stores rule sets as one entry.
func (b *book) keep(blobs []desk.Blob) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.keepLocked(nil, blobs)
}

func (b *book) keepLocked(ds []itsm.Decision, blobs []desk.Blob) error {
	next := max(b.off+1, scriptOffsets)
	if err := b.Desk.Apply(desk.Batch{Cursor: next, At: itsm.TimeOf(b.clock()), Decisions: ds, Blobs: blobs}); err != nil {
		return err
	}
	b.off = next
	close(b.folded)
	b.folded = make(chan struct{})
	return nil
}

// WaitFolded implements Engine.
func (b *book) WaitFolded(ctx context.Context, off itsm.Offset) error {
	for {
		b.mu.Lock()
		reached, next := b.off >= off, b.folded
		b.mu.Unlock()
		if reached {
			return nil
		}
		select {
		case <-next:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Do implements Engine: it changes the record the way the act says.
func (b *book) Do(_ context.Context, a itsm.Act) (itsm.Outcome, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if a.Incident == 0 {
		return b.doObject(a)
	}
	i, err := b.Incident(a.Incident)
	if err != nil {
		return itsm.Outcome{}, err
	}
	if _, twice := b.done[a.IdempotencyKey]; twice && a.IdempotencyKey != "" {
		return itsm.Outcome{Incident: i.Number, NoOp: true}, nil
	}
	if a.IfVersion != 0 && a.IfVersion != i.Version {
		return itsm.Outcome{}, itsm.Errorf(itsm.Stale, "%s has version %d, the page showed %d", i.Number, i.Version, a.IfVersion)
	}
	ds, out, err := b.perform(&i, a)
	if err != nil {
		return itsm.Outcome{}, err
	}
	if err := b.applyLocked(ds); err != nil {
		return itsm.Outcome{}, err
	}
	if a.IdempotencyKey != "" {
		b.done[a.IdempotencyKey] = b.off
	}
	return out, nil
}

// perform turns an act into decisions.
func (b *book) perform(i *itsm.Incident, a itsm.Act) ([]itsm.Decision, itsm.Outcome, error) {
	at, off := itsm.TimeOf(b.clock()), b.off+1
	out := itsm.Outcome{Offset: off, Incident: i.Number}
	if to, moves := actStates[a.Kind]; moves && (to != i.State || to == itsm.IncidentResolved) && !itsm.CanMove(i.State, to) {
		return nil, out, itsm.Errorf(itsm.Conflict, "%s is %s and cannot become %s", i.Number, words(i.State.String()), words(to.String()))
	} else if moves {
		i.State = to
	}
	kind, text := string(a.Kind), a.Text
	switch a.Kind {
	case itsm.ActAcknowledge:
		if i.AcknowledgedAt != 0 {
			out.NoOp = true
			return nil, out, nil
		}
		kind, i.AcknowledgedAt, i.AcknowledgedBy = "acknowledged", at, a.Actor
	case itsm.ActUnacknowledge:
		i.AcknowledgedAt, i.AcknowledgedBy = 0, ""
	case itsm.ActResolve:
		kind, i.ResolvedAt, i.ResolvedBy, i.CloseCode, i.StillFiring = "resolved", at, a.Actor, a.CloseCode, i.FiringCount > 0
	case itsm.ActReopen:
		kind, i.ResolvedAt, i.ResolvedBy, i.CloseCode, i.StillFiring, i.Epoch = "reopened", 0, "", "", false, i.Epoch+1
	case itsm.ActHold:
		kind, i.HoldReason, text = "on hold", a.Reason, "waiting for "+a.Reason
	case itsm.ActAssign:
		kind, i.Assignee, i.Group, text = "assigned", a.Assignee, a.Group, a.Assignee+" "+a.Group
	case itsm.ActPriority:
		i.Priority, i.PriorityBy = a.Priority, a.Actor
		if a.Priority == 0 {
			i.Priority, i.PriorityBy = i.Computed, ""
		}
		text = i.Priority.String()
	case itsm.ActMerge:
		kind, i.MergedInto, i.State, text = "merged", a.Into, itsm.Cancelled, "into "+a.Into.String()
		i.Undo = itsm.Undoable{Of: a.Kind, With: a.Into, By: a.Actor, At: at}
		came := itsm.TimelineEntry{Incident: a.Into, At: at, Offset: off, Kind: kind, Actor: a.Actor, Text: i.Number.String() + " came in"}
		return append(b.record(i, a, at, off, kind, text), itsm.Decision{Kind: itsm.AddTimeline, Timeline: &came}), out, nil
	case itsm.ActUndo:
		if i.Undo.Of == "" {
			return nil, out, itsm.Errorf(itsm.Conflict, "%s was neither merged nor split off lately, or that was undone: there is nothing to undo", i.Number)
		}
		kind, text, i.State, i.MergedInto = "merge taken back", "from "+i.Undo.With.String(), itsm.New, 0
		if i.Undo.Of == itsm.ActSplit {
			kind, text, i.State, i.MergedInto, out.Incident = "merged", "into "+i.Undo.With.String(), itsm.Cancelled, i.Undo.With, i.Undo.With
		}
		i.Undo = itsm.Undoable{}
	case itsm.ActUnrelated:
		i.MaybeRelated = slices.DeleteFunc(slices.Clone(i.MaybeRelated), func(c itsm.Candidate) bool { return c.Incident == a.Into })
		kind, text = "not related", "to "+a.Into.String()
	case itsm.ActSplit:
		return b.split(i, a, at, off)
	case itsm.ActParent:
		return b.adopt(i, a, at, off)
	case itsm.ActReview, itsm.ActReviewDone:
		return b.review(i, a, at, off)
	case itsm.ActMajorPropose, itsm.ActMajorAccept, itsm.ActMajorReject, itsm.ActMajorDemote:
		i.Major.State, i.Major.By, i.Major.At, i.Major.Because = majorStates[a.Kind], a.Actor, at, a.Text
		kind = "major incident " + string(i.Major.State)
	case itsm.ActWatch, itsm.ActUnwatch, itsm.ActAttach, itsm.ActDetach:
		kind, text = b.follow(i, a, at)
	}
	return b.record(i, a, at, off, kind, text), out, nil
}

// actStates are the states acts lead to.
var actStates = map[itsm.ActKind]itsm.State{
	itsm.ActAcknowledge: itsm.InProgress, itsm.ActResolve: itsm.IncidentResolved, itsm.ActReopen: itsm.InProgress,
	itsm.ActHold: itsm.OnHold, itsm.ActResume: itsm.InProgress, itsm.ActCancel: itsm.Cancelled,
}

func (b *book) record(i *itsm.Incident, a itsm.Act, at itsm.Time, off itsm.Offset, kind, text string) []itsm.Decision {
	i.Version, i.ChangedAt, i.LastActivityAt = i.Version+1, off, at
	return []itsm.Decision{
		{Kind: itsm.PutIncident, Incident: i},
		{Kind: itsm.AddTimeline, Timeline: &itsm.TimelineEntry{Incident: i.Number, At: at, Offset: off, Kind: kind, Actor: a.Actor, Text: text}},
	}
}

func (b *book) split(i *itsm.Incident, a itsm.Act, at itsm.Time, off itsm.Offset) ([]itsm.Decision, itsm.Outcome, error) {
	child := *i
	child.Number, child.Version, child.AlertCount, child.FiringCount = b.Counts().Incidents+1, 0, len(a.Alerts), len(a.Alerts)
	child.Causes, child.MaybeRelated, child.Links = nil, nil, nil
	child.Undo = itsm.Undoable{Of: a.Kind, With: i.Number, By: a.Actor, At: at}
	i.AlertCount, i.FiringCount = i.AlertCount-len(a.Alerts), max(0, i.FiringCount-len(a.Alerts))
	ds := b.record(i, a, at, off, "split", strconv.Itoa(len(a.Alerts))+" alerts went to "+child.Number.String())
	ds = append(ds, b.record(&child, a, at, off, "split", "from "+i.Number.String())...)
	return ds, itsm.Outcome{Offset: off, Incident: child.Number}, nil
}

func (b *book) cmdb() *cmdb.Graph {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.graph
}

// importCMDB changes the canned graph, the way the engine would.
func (b *book) importCMDB(_ context.Context, doc cmdb.Doc, source string, prune, dryRun bool, _ string) (cmdb.Diff, []cmdb.Problem, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	g := b.graph
	if g == nil {
		g = cmdb.Empty(cmdb.DefaultRelationTypes())
	}
	changes, diff, problems := g.Plan(doc, source, prune)
	if !dryRun && !cmdb.Blocking(problems) && !diff.Empty() {
		b.graph = g.Apply(changes)
	}
	return diff, problems, nil
}

func (b *book) retry(_ context.Context, id, _ string) error {
	q, err := b.QuarantineItem(id)
	if err != nil {
		return err
	}
	return itsm.Errorf(itsm.Invalid, "source %s: the body still cannot be read: %s", q.Source, q.Error)
}

func (b *book) health() Health {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := itsm.TimeOf(b.clock())
	return Health{
		Head: b.off, HeadAt: now.Add(-3 * time.Second), StartedAt: now.Add(-51 * time.Hour), BindPermille: 934,
		Unbound: []UnboundKey{{"host:legacy-print-1", 48}, {"service:prod/night-batch", 9}, {"alert:alertmanager/targetdown", 4}},
		Sources: []SourceHealth{
			{Name: "alertmanager", Kind: "alertmanager", LastAt: now.Add(-12 * time.Second), Deliveries: 18_204, Events: 96_411, Rejected: 3},
			{Name: "datadog", Kind: "datadog", LastAt: now.Add(-4 * time.Minute), Deliveries: 2_911, Events: 2_911},
			{Name: "generic", Kind: "generic", Open: true},
		},
		Storage: []StorageHealth{{Name: "Journal", Bytes: 812 << 20, Note: "keeps 30 d"}, {Name: "Records", Bytes: 96 << 20}, {Name: "Free space", Bytes: 41 << 30}},
	}
}
