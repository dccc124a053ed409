package sim

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"signalbox/connectors"
	"signalbox/itsm"
)

// objectState is what a partner's record of an incident says.
type objectState uint8

const (
	objectOpen objectState = iota + 1
	objectAcked
	objectResolved
)

// object is a partner's record of one epoch of an incident.
type object struct {
	incident itsm.IncidentNumber
	epoch    uint32
	state    objectState
	version  int64        // partner's time in ms of the last change
	human    itsm.ActKind // what somebody there did last; "" when the last change was ours
	reopened bool         // somebody there opened it again since our last resolve
	trigger  string       // intent key that made it
	ended    bool         // our resolve was performed
}

type objectKey struct {
	incident itsm.IncidentNumber
	epoch    uint32
}

// partner is one tool of the people: a state machine that answers badly, and our
// sender for it.
type partner struct {
	name    string
	index   int
	objects map[objectKey]*object
	order   []*object
	done    map[string]bool // intent keys performed
	serials map[itsm.IncidentNumber]uint32
	version int64
	events  int
	downTo  itsm.Time

	// Of our sender, lost with the process.
	tries  map[string]*try
	doubts map[string]bool // triggers that waited when it began
	queued bool
}

// try is what the sender remembers of an intent it could not deliver.
type try struct {
	count int
	next  itsm.Time
}

func (w *World) addPartners() {
	for i, c := range w.config.Connectors {
		w.partners = append(w.partners, &partner{name: c.Name, index: i, objects: map[objectKey]*object{}, done: map[string]bool{},
			serials: map[itsm.IncidentNumber]uint32{}, tries: map[string]*try{}})
	}
}

func (w *World) partnerOf(name string) *partner {
	for _, p := range w.partners {
		if p.name == name {
			return p
		}
	}
	w.fail("configured", "an intent is for %q, which is not configured", name)
	return nil
}

// wake lets the sender look at its outbox soon.
func (p *partner) wake(w *World) { p.wakeIn(w, time.Second) }

func (p *partner) wakeIn(w *World, d time.Duration) {
	if !p.queued {
		p.queued = true
		w.later(d, todoCourier, p)
	}
}

// restarted is the sender of a new process: it remembers no try.
func (p *partner) restarted(w *World) {
	p.tries, p.doubts = map[string]*try{}, nil
	p.wake(w)
}

// Bounds of one round of a sender, and its waits; those of package connectors.
const (
	roundIntents = 500
	roundCalls   = 8
	backoffMin   = time.Second
	backoffMax   = 2 * time.Minute
	abandonAfter = 24 * time.Hour
)

// courier makes one round: it looks at the outbox, leaves out what nobody needs
// any more and makes calls, in order for each incident.
func (p *partner) courier(w *World) {
	p.queued = false
	pending, err := w.machine.desk.Intents(p.name, roundIntents)
	if err != nil {
		if w.machine.backlog() == 0 {
			w.fail("I6", "read the outbox of %s: %v", p.name, err)
		}
		p.wake(w) // a torn batch is not repeated yet
		return
	}
	if p.doubts == nil {
		p.doubt(pending)
	}
	calls, crashes := 0, w.crashes
	for _, ins := range byIncident(pending) {
		if calls < roundCalls && w.crashes == crashes { // a crash ends the round
			calls += p.deliver(w, ins, roundCalls-calls)
		}
	}
	if calls > 0 {
		w.machine.catchUp()
	}
	if len(pending) > 0 {
		p.wakeIn(w, w.span(2*time.Second, 90*time.Second))
	}
}

// doubt notes which triggers waited when the sender began.
func (p *partner) doubt(pending []itsm.Intent) {
	p.doubts = map[string]bool{}
	for i := range pending {
		p.doubts[pending[i].Key] = pending[i].Transition == itsm.Trigger
	}
}

// byIncident sorts intents by incident, the one that came first first.
func byIncident(ins []itsm.Intent) (out [][]itsm.Intent) {
	first := map[itsm.IncidentNumber]int{}
	for i := range ins {
		if _, ok := first[ins[i].Incident]; !ok {
			first[ins[i].Incident] = i
		}
	}
	slices.SortStableFunc(ins, func(a, b itsm.Intent) int { return cmp.Compare(first[a.Incident], first[b.Incident]) })
	for len(ins) > 0 {
		n := 1
		for n < len(ins) && ins[n].Incident == ins[0].Incident {
			n++
		}
		out, ins = append(out, ins[:n:n]), ins[n:]
	}
	return out
}

// deliver sends the intents of one incident until one has to wait.
func (p *partner) deliver(w *World, ins []itsm.Intent, limit int) (calls int) {
	send, superseded := connectors.Coalesce(ins, func(key string) bool { return p.tries[key] != nil }, func(key string) bool { return p.doubts[key] })
	for _, in := range superseded {
		p.receipt(w, in, "", nil)
	}
	for _, in := range send {
		t := p.tries[in.Key]
		if calls == limit || t != nil && t.next > w.now {
			return calls
		}
		calls++
		if !p.push(w, in) {
			return calls
		}
	}
	return calls
}

// push makes one call; false: the intent has to wait.
func (p *partner) push(w *World, in itsm.Intent) bool {
	t := p.tries[in.Key]
	if t == nil {
		t = &try{}
		p.tries[in.Key] = t
	}
	t.count++
	fate := p.fate(w)
	if fate == callDone || fate == callUnknown {
		p.perform(w, &in)
	}
	if w.o.Trace {
		w.notef("%s gets %s of %s epoch %d serial %d: %v", p.name, in.Transition, in.Incident, in.Epoch, in.Serial, fate)
	}
	if w.chance(4) { // between the call and its receipt
		w.crashes++
		w.machine.crash()
		return false
	}
	switch {
	case fate == callDone:
		p.receipt(w, in, "", p.link(w, in))
	case fate == callRefused:
		p.receipt(w, in, "partner refused with 400", nil)
	case w.machine.at().Sub(in.At) >= abandonAfter:
		p.receipt(w, in, "partner answered 503", nil)
	default:
		t.next = w.now.Add(min(backoffMin<<min(t.count-1, 10), backoffMax))
		return false
	}
	return true
}

// fate of a call.
type fate uint8

const (
	callDone    fate = iota + 1
	callFailed       // not done, and said so
	callUnknown      // done, and the answer was lost
	callRefused      // will never be done
)

func (p *partner) fate(w *World) fate {
	switch {
	case w.settling:
		return callDone
	case p.downTo > w.now:
		return callFailed
	case w.chance(10):
		p.downTo = w.now.Add(w.span(time.Minute, 3*time.Hour))
		return callUnknown
	case w.chance(60):
		return callFailed
	case w.chance(40):
		return callUnknown
	case w.chance(6):
		return callRefused
	}
	return callDone
}

func (p *partner) link(w *World, in itsm.Intent) *itsm.ExternalRef {
	if in.Transition != itsm.Trigger || !w.chance(300) {
		return nil
	}
	return &itsm.ExternalRef{Connector: p.name, ID: fmt.Sprintf("%s-%d-%d", p.name, in.Incident, in.Epoch)}
}

// receipt journals what came of an intent.
func (p *partner) receipt(w *World, in itsm.Intent, failure string, link *itsm.ExternalRef) {
	delete(p.tries, in.Key)
	w.act(&itsm.Act{Kind: itsm.ActReceipt, Incident: in.Incident, Actor: "signalbox", Origin: p.name, IntentKey: in.Key, Failure: failure, Link: link}, nil)
	if failure != "" {
		w.mirror.incident(in.Incident).dead = true
	}
}

// perform is the partner's own state machine. A key performed before changes
// nothing: that is what keys are for.
func (p *partner) perform(w *World, in *itsm.Intent) {
	again := p.done[in.Key]
	p.done[in.Key] = true
	if again {
		return
	}
	revived := w.mirror.revived[in.Key]
	if last := p.serials[in.Incident]; in.Serial <= last && !revived {
		w.fail("I10", "%s hears serial %d of %s after serial %d", p.name, in.Serial, in.Incident, last)
	}
	p.serials[in.Incident] = max(p.serials[in.Incident], in.Serial)
	k := objectKey{in.Incident, in.Epoch}
	o := p.objects[k]
	if in.Transition == itsm.Trigger {
		if o != nil && o.trigger == "" { // sent again after an update had made it: the same key, so nothing new
			o.trigger = in.Key
			return
		}
		if o != nil && o.trigger != in.Key {
			w.fail("I7", "%s is asked to open epoch %d of %s twice", p.name, in.Epoch, in.Incident)
		}
		o = &object{incident: in.Incident, epoch: in.Epoch, state: objectOpen, trigger: in.Key}
		p.objects[k] = o
		p.order = append(p.order, o)
		p.changed(w, o, itsm.ActLink, "pager:signalbox", false)
		return
	}
	if o == nil && in.Transition == itsm.Update { // its trigger was abandoned, and it is told again
		o = &object{incident: in.Incident, epoch: in.Epoch, state: objectOpen}
		p.objects[k] = o
		p.order = append(p.order, o)
		p.changed(w, o, itsm.ActLink, "pager:signalbox", false)
	}
	if o == nil { // nothing to change
		return
	}
	v := w.mirror.incident(in.Incident) // nil while only a torn batch knows of it
	// An earlier record that a sweep found open is ended; who sends its dead resolve again
	// at the same time ends it twice.
	earlier := v != nil && in.Transition == itsm.Resolve && in.Epoch != v.told[p.index].live
	if o.ended && in.Transition != itsm.Note && !revived && !earlier && !(v != nil && v.told[p.index].crossed) {
		w.fail("I10", "%s hears %s of %s after the resolve of epoch %d", p.name, in.Transition, in.Incident, in.Epoch)
	}
	switch in.Transition {
	case itsm.Acknowledge:
		if o.state == objectOpen {
			o.state = objectAcked
			p.changed(w, o, itsm.ActAcknowledge, "pager:signalbox", false)
		}
	case itsm.Resolve:
		if v != nil && o.reopened { // perhaps before we heard of it
			v.told[p.index].crossed = true
		}
		o.ended, o.reopened = true, false
		if o.state != objectResolved {
			o.state = objectResolved
			p.changed(w, o, itsm.ActResolve, "pager:signalbox", false)
		}
	}
}

// changed stamps a change and lets its webhook go out, if the network likes.
func (p *partner) changed(w *World, o *object, kind itsm.ActKind, actor string, human bool) {
	p.version = max(p.version+1, int64(w.now))
	o.version, o.human = p.version, ""
	if human {
		o.human = kind
	}
	p.tell(w, o, kind, actor, o.version)
}

// tell sends a webhook over a network that loses, repeats, delays and reorders.
func (p *partner) tell(w *World, o *object, kind itsm.ActKind, actor string, version int64) {
	p.events++
	a := &itsm.Act{Kind: kind, Incident: o.incident, Epoch: o.epoch, Actor: actor, Origin: p.name, DeliveryID: fmt.Sprintf("%s-%d", p.name, p.events), PartnerVersion: version}
	switch kind {
	case itsm.ActNote:
		a.Text = "seen there"
	case itsm.ActLink:
		a.Link = &itsm.ExternalRef{Connector: p.name, ID: fmt.Sprintf("%s-%d-%d", p.name, o.incident, o.epoch), URL: "https://partner.example/"}
	}
	if w.chance(150) { // lost
		return
	}
	d := time.Duration(w.n(20)) * time.Second
	if w.chance(60) {
		d = w.span(time.Minute, 6*time.Hour)
	}
	w.later(d, todoWebhook, a)
	if w.chance(100) {
		w.later(w.span(time.Second, time.Hour), todoWebhook, a)
	}
}

// webhook is a partner's report arriving at the door.
func (w *World) webhook(a *itsm.Act) {
	b := *a
	w.act(&b, nil)
}

// partnerPerson lets somebody act in a partner's tool, or an operator of ours
// send a dead letter again.
func (w *World) partnerPerson() {
	w.later(w.span(2*time.Minute, 40*time.Minute), todoPartnerPerson, nil)
	p := w.partners[w.n(len(w.partners))]
	if len(p.order) == 0 {
		return
	}
	w.machine.catchUp() // a torn batch may have told the partner of what is not folded yet
	o := p.order[len(p.order)-1-w.n(min(len(p.order), 5))]
	actor := p.name + ":jane"
	switch n := w.n(10); {
	case n == 9:
		p.tell(w, o, itsm.ActNote, actor, int64(w.now))
	case p.downTo > w.now: // nobody gets in
	case o.state == objectResolved && n < 2 && (o.ended || !w.mirror.incident(o.incident).told[p.index].ended):
		o.state, o.ended, o.reopened = objectOpen, false, true
		p.changed(w, o, itsm.ActReopen, actor, true)
	case o.state == objectResolved:
		w.reviveSome(p)
	case o.state == objectOpen && n < 5:
		o.state = objectAcked
		p.changed(w, o, itsm.ActAcknowledge, actor, true)
	case o.state == objectAcked && n < 2:
		o.state = objectOpen
		p.changed(w, o, itsm.ActUnacknowledge, actor, true)
	case n < 8:
		o.state = objectResolved
		p.changed(w, o, itsm.ActResolve, actor, true)
	}
}

// reviveSome sends the newest dead letter again.
func (w *World) reviveSome(p *partner) {
	page, err := w.machine.desk.DeadLetters(p.name, "", 1)
	if err != nil {
		w.fail("I8", "dead letters of %s: %v", p.name, err)
	}
	if len(page.Items) == 1 {
		in := page.Items[0].Intent
		w.act(&itsm.Act{Kind: itsm.ActRetry, Incident: in.Incident, Actor: "console:ann", Origin: p.name, IntentKey: in.Key}, nil)
		p.wake(w)
	}
}
