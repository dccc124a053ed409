package connectortest

import (
	"context"
	"fmt"
	"sync"
	"time"

	"signalbox/connectors"
	"signalbox/ingest/source"
	"signalbox/itsm"
)

// lateMax is how late a report can be.
const lateMax = 6 * time.Hour

// tool is one partner of an arena and our connector to it. Some take an idempotency
// key, some fold equal records, some make another one of each create.
type tool struct {
	a         *arena
	name      string
	p         *Partner
	kind      toolKind
	creations *connectors.Creations
	downFrom  time.Time // for an hour

	mu      sync.Mutex
	calls   map[itsm.IncidentNumber]int    // that the partner answered well
	failed  int                            // calls that it did not
	serials map[itsm.IncidentNumber]uint32 // newest that was carried out
	heard   map[itsm.IncidentNumber]int64  // newest version that took effect here
}

type toolKind uint8

const (
	keyed   toolKind = iota // it takes our key with each request
	folding                 // it folds equal records while they are open
	making                  // it makes another one of each create, and shows it later
)

func newTool(a *arena, name string, n int) *tool {
	t := &tool{a: a, name: name, p: NewPartner(), kind: toolKind(n % 3), creations: connectors.NewCreations(0),
		calls: map[itsm.IncidentNumber]int{}, serials: map[itsm.IncidentNumber]uint32{}, heard: map[itsm.IncidentNumber]int64{}}
	t.downFrom = time.Now().Add(time.Duration(n+3) * 4 * time.Hour)
	if t.kind == making {
		t.p.Lag = 20 * time.Second
	}
	t.p.Reports(t.report)
	return t
}

// Name implements connectors.Connector.
func (t *tool) Name() string { return t.name }

// Push implements connectors.Connector.
func (t *tool) Push(ctx context.Context, in itsm.Intent) (connectors.Receipt, error) {
	r, err := t.push(ctx, in)
	t.mu.Lock()
	defer t.mu.Unlock()
	if err != nil {
		t.failed++
	} else {
		t.calls[in.Incident]++
	}
	return r, err
}

func (t *tool) push(ctx context.Context, in itsm.Intent) (connectors.Receipt, error) {
	fate := 99
	if !t.a.calm {
		fate = t.a.n(100)
		if since := time.Since(t.downFrom); since >= 0 && since < time.Hour {
			fate = 0
		}
	}
	if fate < 3 {
		return connectors.Receipt{}, connectors.Retry(0, "partner answered 503")
	}
	r, err := t.perform(ctx, &in, fate == 3)
	if err == nil {
		t.inOrder(&in)
	}
	if err == nil && fate == 3 {
		return connectors.Receipt{}, connectors.Retry(0, "no answer")
	}
	return r, err
}

// inOrder holds that the intents of an incident are carried out in their order.
func (t *tool) inOrder(in *itsm.Intent) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if last := t.serials[in.Incident]; in.Serial < last {
		t.a.errorf("%s is told %s of %s with serial %d after serial %d", t.name, in.Transition, in.Incident, in.Serial, last)
	}
	t.serials[in.Incident] = max(t.serials[in.Incident], in.Serial)
}

// perform does what is asked; unheard: nobody will hear of it.
func (t *tool) perform(ctx context.Context, in *itsm.Intent, unheard bool) (connectors.Receipt, error) {
	key := source.RecordKey('/', in.Incident, in.Epoch)
	if t.kind == keyed && !t.p.Once(in.Key) {
		return t.receipt(key), nil // it was done
	}
	o, ok := t.newest(key)
	switch in.Transition {
	case itsm.Trigger:
		_, last := connectors.TriedAt(ctx)
		if ok && (t.kind != folding || !last.IsZero()) {
			break // an earlier try made it
		}
		if t.kind == making {
			if err := t.creations.Missed(in, key); err != nil {
				return connectors.Receipt{}, err
			}
			t.creations.Trying(key)
			o = t.p.Create(Object{Key: key, Title: in.Snapshot.Title, Priority: in.Snapshot.Priority.String(), Assignee: in.Snapshot.Assignee})
		} else {
			o = t.p.Fold(Object{Key: key, Title: in.Snapshot.Title, Priority: in.Snapshot.Priority.String(), Assignee: in.Snapshot.Assignee})
		}
		if !unheard {
			t.creations.Made(key, o.ID)
		}
	case itsm.Update:
		if !ok {
			t.p.Fold(Object{Key: key, Title: in.Snapshot.Title, Priority: in.Snapshot.Priority.String(), Assignee: in.Snapshot.Assignee})
			break
		}
		t.p.Change(o.ID, func(o *Object) {
			o.Title, o.Priority, o.Assignee = in.Snapshot.Title, in.Snapshot.Priority.String(), in.Snapshot.Assignee
		})
	case itsm.Acknowledge:
		t.p.Change(o.ID, func(o *Object) {
			if o.Status == Open {
				o.Status = Acknowledged
			}
		})
	case itsm.Resolve:
		t.p.Change(o.ID, func(o *Object) { o.Status = Resolved })
	case itsm.Note:
		if _, last := connectors.TriedAt(ctx); last.IsZero() || told([]Object{o}, in.Text) == 0 {
			t.p.Note(o.ID, API, source.NoteMark+in.Text)
		}
	}
	return t.receipt(key), nil
}

// newest is the record of a key, even one that a search does not show.
func (t *tool) newest(key string) (Object, bool) {
	if id := t.creations.ID(key); id != "" {
		return t.p.Get(id)
	}
	found := t.p.FindKey(key)
	if len(found) == 0 {
		return Object{}, false
	}
	return found[0], true
}

func (t *tool) receipt(key string) connectors.Receipt {
	o, ok := t.newest(key)
	if !ok {
		return connectors.Receipt{}
	}
	return connectors.Receipt{Link: &itsm.ExternalRef{Connector: t.name, ID: o.ID}, Version: o.Version}
}

// Look implements connectors.Looker.
func (t *tool) Look(_ context.Context, n itsm.IncidentNumber, epoch uint32) (connectors.Record, error) {
	t.a.looked()
	return t.record(n, epoch)
}

// bulk is a tool that tells of many records in one call.
type bulk struct{ *tool }

// LookMany implements connectors.ManyLooker.
func (b bulk) LookMany(_ context.Context, refs []connectors.Ref) ([]connectors.Record, error) {
	b.a.looked()
	out := make([]connectors.Record, len(refs))
	for n, r := range refs {
		out[n], _ = b.record(r.Incident, r.Epoch)
	}
	return out, nil
}

func (t *tool) record(n itsm.IncidentNumber, epoch uint32) (connectors.Record, error) {
	o, ok := t.newest(source.RecordKey('/', n, epoch))
	if !ok {
		return connectors.Record{}, nil
	}
	p, _ := itsm.ParsePriority(o.Priority)
	r := connectors.Record{Status: connectors.RecordStatus(o.Status), Link: itsm.ExternalRef{Connector: t.name, ID: o.ID}, Version: o.Version,
		Knows: itsm.SyncAssignee | itsm.SyncPriority, Assignee: o.Assignee, Priority: p, Ours: o.By == API}
	if !r.Ours {
		r.By = o.By
	}
	return r, nil
}

// person lets somebody edit the newest record of an incident; false: there is
// nothing to do like that.
func (t *tool) person(n itsm.IncidentNumber) (did bool) {
	records := t.of(n)
	if len(records) == 0 {
		return false
	}
	o, who := records[len(records)-1], staff[t.a.n(len(staff))]
	set := func(possible bool, to Status) bool {
		if possible {
			t.p.edit(o.ID, who, func(o *Object) { o.Status = to })
		}
		return possible
	}
	switch t.a.n(10) {
	case 0, 1:
		return set(o.Status == Open, Acknowledged)
	case 2:
		return set(o.Status == Acknowledged, Open)
	case 3, 4:
		return set(o.Status != Resolved, Resolved)
	case 5:
		return set(o.Status == Resolved, Open)
	case 6:
		name := staff[t.a.n(len(staff))]
		t.p.edit(o.ID, who, func(o *Object) { o.Assignee = name })
	case 7:
		p := itsm.Priority(1 + t.a.n(5)).String()
		t.p.edit(o.ID, who, func(o *Object) { o.Priority = p })
	default:
		t.p.note(o.ID, who, who, fmt.Sprintf("note %d at %s", t.a.f.edits, t.name))
	}
	return true
}

// of lists the records of an incident, oldest first.
func (t *tool) of(n itsm.IncidentNumber) (out []Object) {
	for epoch := uint32(1); epoch <= t.a.core.Incident(n).Epoch; epoch++ {
		if o, ok := t.newest(source.RecordKey('/', n, epoch)); ok {
			out = append(out, o)
		}
	}
	return out
}

// differs says in what the records of an incident are not as it is; "": they agree.
func (t *tool) differs(in *itsm.Incident) string {
	want, _ := t.a.core.syncWith(in.Number, t.name)
	status := Open
	switch {
	case !in.State.IsOpen():
		status = Resolved
	case want.Want.Status == itsm.RecordAcknowledged:
		status = Acknowledged
	}
	current := source.RecordKey('/', in.Number, want.Epoch)
	for _, o := range t.of(in.Number) {
		switch {
		case o.Key != current:
			if o.Status != Resolved {
				return fmt.Sprintf("%s of an epoch that is over is %s", o.Key, o.Status)
			}
		case o.Status != status && !(want.Kept && status == Open && o.Status == Acknowledged):
			return fmt.Sprintf("%s is %s, wanted %s", o.Key, o.Status, status)
		case status != Resolved && (o.Assignee != in.Assignee || o.Priority != in.Priority.String()):
			return fmt.Sprintf("%s has %q %s, wanted %q %s", o.Key, o.Assignee, o.Priority, in.Assignee, in.Priority)
		}
	}
	if _, ok := t.newest(current); !ok && status != Resolved {
		return "it has none"
	}
	return ""
}

// duplicates counts the records that there is more than one of with the same key.
func (t *tool) duplicates() (n int) {
	t.p.mu.Lock()
	defer t.p.mu.Unlock()
	for _, list := range t.p.byKey {
		n += len(list) - 1
	}
	return n
}

// report carries a webhook over a network that loses, repeats and delays.
func (t *tool) report(c Change) {
	a := t.act(c)
	if a == nil {
		return
	}
	t.a.mu.Lock()
	t.a.f.reports++
	lost, again := t.a.rng.IntN(100) < 20, t.a.rng.IntN(100) < 10
	late := time.Duration(t.a.rng.IntN(5000)) * time.Millisecond
	if t.a.rng.IntN(100) < 20 {
		late = time.Duration(t.a.rng.Int64N(int64(lateMax)))
	}
	switch {
	case t.a.calm:
		lost, again, late = false, false, time.Second
	case lost:
		t.a.f.lost++
	case again:
		t.a.f.repeats++
	}
	t.a.mu.Unlock()
	if lost {
		return
	}
	hear := func() {
		if t.a.ctx.Err() == nil {
			t.hears(*a, c.By)
		}
	}
	t.a.after(late, hear)
	if again {
		t.a.after(late+time.Minute, hear)
	}
}

// hears takes a report to our door, and holds what it comes to: what is older than
// what took effect changes nothing, a priority of ours come back is nobody's wish,
// and nobody is told what was done there.
func (t *tool) hears(a itsm.Act, by string) {
	before := t.a.core.madeFor(a.Incident, t.name, a.Actor)
	o, err := t.a.core.Do(t.a.ctx, a)
	if err != nil || o.NoOp || a.Kind == itsm.ActNote || a.Kind == itsm.ActLink {
		return
	}
	if told := t.a.core.madeFor(a.Incident, t.name, a.Actor); told > before {
		t.a.errorf("%s is told back that %s did %s of %s there", t.name, a.Actor, a.Kind, a.Incident)
	}
	if by == API && a.Kind == itsm.ActPriority {
		t.a.errorf("our own priority of %s came back from %s and counted", a.Incident, t.name)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if last := t.heard[a.Incident]; a.PartnerVersion < last && a.Kind != itsm.ActReopen {
		t.a.errorf("%s of %s at %s has version %d and took effect after version %d", a.Kind, a.Incident, t.name, a.PartnerVersion, last)
	}
	t.heard[a.Incident] = max(t.heard[a.Incident], a.PartnerVersion)
}

// kinds are the acts that reports are.
var kinds = map[What]itsm.ActKind{
	Created: itsm.ActLink, WasAcknowledged: itsm.ActAcknowledge, WasUnacknowledged: itsm.ActUnacknowledge, WasResolved: itsm.ActResolve,
	WasReopened: itsm.ActReopen, WasAssigned: itsm.ActAssign, WasPrioritized: itsm.ActPriority, Noted: itsm.ActNote,
}

// act is what a report says. Every other tool says when it was our own account.
func (t *tool) act(c Change) *itsm.Act {
	kind := kinds[c.What]
	n, epoch, ok := source.ParseRecordKey('/', c.Object.Key)
	if kind == "" || !ok || kind == itsm.ActNote && c.By == API {
		return nil
	}
	a := &itsm.Act{Kind: kind, Incident: n, Epoch: epoch, Actor: t.name + ":" + c.By, Origin: t.name, DeliveryID: c.ID, PartnerVersion: c.Object.Version,
		Link: &itsm.ExternalRef{Connector: t.name, ID: c.Object.ID}, Ours: c.By == API && t.kind != making}
	switch kind {
	case itsm.ActAssign:
		a.Assignee = c.Object.Assignee
	case itsm.ActPriority:
		a.Priority, _ = itsm.ParsePriority(c.Object.Priority)
	case itsm.ActNote:
		a.Text = c.Note.Text
	}
	return a
}
