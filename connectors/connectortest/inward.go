package connectortest

import (
	"context"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"signalbox/itsm"
)

// reportingFault is one way in which a partner's webhooks fail to say what happened.
type reportingFault struct {
	name    string
	repeats int           // every report comes so many times more, a minute apart
	reverse time.Duration // reports are kept for so long and then come newest first
	loses   int           // every so manieth report never comes; 1: all of them; 0: none
	skew    time.Duration // of the partner's clock
}

var reporting = []reportingFault{
	{name: "reports"},
	{name: "reports three times", repeats: 2},
	{name: "reports in any order", reverse: 10 * time.Minute},
	{name: "reports in any order and twice", reverse: 10 * time.Minute, repeats: 1},
	{name: "reports with a clock an hour behind", skew: -time.Hour},
	{name: "reports with a clock an hour ahead", skew: time.Hour, reverse: 2 * time.Minute},
}

// post carries reports to our door, as badly as its fault says.
type post struct {
	b *bench
	f reportingFault

	mu   sync.Mutex
	kept []Change
	wake bool
	n    int
}

// take is what the partner calls for each report, under its lock.
func (p *post) take(c Change) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.n++
	if p.f.loses > 0 && p.n%p.f.loses == 0 {
		return
	}
	p.kept = append(p.kept, c)
	if !p.wake {
		p.wake = true
		go p.later()
	}
}

func (p *post) later() {
	if !p.b.sleep(max(p.f.reverse, time.Second)) {
		return
	}
	p.mu.Lock()
	list := p.kept
	p.kept, p.wake = nil, false
	p.mu.Unlock()
	if p.f.reverse > 0 {
		slices.Reverse(list)
	}
	for range p.f.repeats + 1 {
		for _, c := range list {
			p.b.deliver(c)
		}
		p.b.sleep(time.Minute)
	}
}

// sleep waits; false when the bench is over.
func (b *bench) sleep(d time.Duration) bool {
	select {
	case <-time.After(d):
		return true
	case <-b.ctx.Done():
		return false
	}
}

// deliver takes one report as the door does: it is decoded, its incident is looked
// up when it does not name it, and it is journaled.
func (b *bench) deliver(c Change) {
	body := b.s.Report(c)
	if body == nil {
		return
	}
	got, err := b.s.Decode(body, itsm.TimeOf(time.Now()))
	if err != nil {
		b.errorf("a report of ours does not decode: %v\n%s", err, body)
		return
	}
	for _, a := range got.Acts {
		a.Origin = Name
		if a.Link != nil {
			a.Link.Connector = Name
		}
		if a.Incident == 0 && a.Object == "" && !b.find(&a) {
			continue
		}
		if _, err := b.core.Do(b.ctx, a); err != nil && itsm.CodeOf(err) != itsm.Conflict {
			b.errorf("the report of %s was refused: %v", a.Kind, err)
		}
	}
}

// finder is what the door asks when a report does not name its incident.
type finder interface {
	IncidentOf(ctx context.Context, id string) (itsm.IncidentNumber, uint32, error)
}

func (b *bench) find(a *itsm.Act) bool {
	f, ok := b.connector.(finder)
	if !ok || a.Link == nil {
		return false
	}
	n, epoch, err := f.IncidentOf(b.ctx, a.Link.ID)
	if err != nil && itsm.CodeOf(err) != itsm.NotFound {
		b.errorf("whose record %s is: %v", a.Link.ID, err)
	}
	a.Incident, a.Epoch = n, epoch
	return err == nil
}

// jane is a person at the partner.
const jane = "Jane"

// inward lets people at the partner act, and holds our incidents to it.
func inward(t *testing.T, s *Subject, f reportingFault) []string {
	b, stop := newBench(t, s)
	defer stop()
	b.partner.Skew = f.skew
	p := &post{b: b, f: f}
	b.partner.Reports(p.take)
	whole, held, again := b.open("orders-api"), b.open("billing-db"), b.open("mail-relay")
	if s.Opens != "" && s.Opens != itsm.Trigger {
		for _, in := range []*story{whole, held, again} {
			b.acknowledge(in)
		}
	}
	b.sleep(30 * time.Minute)
	before := b.intents(whole, held, again)
	b.person(whole, func(o *Object) { o.Status = Acknowledged })
	b.person(held, func(o *Object) { o.Status = Acknowledged })
	b.person(again, func(o *Object) { o.Status = Resolved })
	b.sleep(time.Minute)
	b.comment(whole, "Jane looks at orders-api")
	if !s.lacks(Unacknowledging) {
		b.person(held, func(o *Object) { o.Status = Open })
	}
	if !s.lacks(Reopening) {
		b.person(again, func(o *Object) { o.Status = Open })
	}
	b.sleep(time.Minute)
	b.person(whole, func(o *Object) { o.Status = Resolved })
	b.sleep(f.reverse + time.Minute)
	b.core.Clear(whole.name, whole.title) // or it comes back after the grace
	if s.lacks(Reopening) {
		b.core.Clear(again.name, again.title)
	}
	b.sleep(30 * time.Minute)
	synctest.Wait()

	b.expect(whole, itsm.IncidentResolved, true)
	b.expect(held, itsm.InProgress, s.lacks(Unacknowledging))
	if s.lacks(Reopening) {
		b.expect(again, itsm.IncidentResolved, false)
	} else {
		b.expect(again, itsm.New, false)
	}
	if !s.lacks(Comments) {
		b.expectNote(whole, "Jane looks at orders-api")
	}
	if after := b.intents(whole, held, again); after != before {
		b.errorf("%d intents came of what people did at the partner: it was told its own news\n%+v", after-before, b.core.Made(whole.number))
	}
	return b.broken()
}

func (b *bench) intents(list ...*story) (n int) {
	for _, s := range list {
		n += len(b.core.Made(s.number))
	}
	return n
}

// person lets Jane edit the record of an incident.
func (b *bench) person(s *story, edit func(*Object)) {
	records := b.partner.about(s)
	if len(records) == 0 {
		b.t.Fatalf("the partner has no record of %s", s.name)
	}
	b.partner.edit(records[len(records)-1].ID, jane, edit)
}

func (b *bench) comment(s *story, text string) {
	records := b.partner.about(s)
	b.partner.note(records[len(records)-1].ID, jane, jane, text)
}

func (b *bench) expect(s *story, state itsm.State, acked bool) {
	in := b.core.Incident(s.number)
	if in.State != state && !(state.IsOpen() && in.State.IsOpen()) {
		b.errorf("%s is %s here, expected %s", s.name, in.State, state)
	}
	if got := in.AcknowledgedAt != 0; got != acked && state.IsOpen() {
		b.errorf("%s acknowledged: %t here, expected %t", s.name, got, acked)
	}
}

func (b *bench) expectNote(s *story, text string) {
	n := 0
	for _, e := range b.core.Timeline(s.number, "note") {
		if e.Text == text {
			n++
		}
	}
	if n != 1 {
		b.errorf("the note %q is here %d times, expected once", text, n)
	}
}
