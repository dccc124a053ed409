package sim

import (
	"fmt"
	"slices"
	"time"

	"signalbox/itsm"
)

// looseNames is how many CIs alert without being in the CMDB at first.
const looseNames = 4

// kind of a sender: how it says what it says.
type senderKind uint8

const (
	alertmanager senderKind = iota // groups, repeats, a pair that duplicates, truncation
	prometheus                     // leases that are extended while it fires
	datadog                        // one event for each change, with its own time
	generic                        // never says that something is over
)

// sender is one configured source and what it watches.
type sender struct {
	kind   senderKind
	name   string
	group  string // Alertmanager's group of alerts
	watch  []*condition
	every  time.Duration // how often it repeats
	skew   itsm.Time     // of its clock
	queued bool          // a notify is on the agenda
	last   *parcel
}

// condition is one thing that a sender watches: the truth, and what a person who
// had seen every event would know of the alert.
type condition struct {
	sender   *sender
	identity string
	key      itsm.AlertKey
	ci       string
	title    string
	severity itsm.Severity
	labels   itsm.Labels
	restless bool // begins and ends all the time

	firing          bool
	startsAt, until itsm.Time // by the sender's clock
	changes         int

	known knowledge
}

var titles = []string{"Down", "Latency high", "Error rate", "Disk almost full", "Replication lag"}

// addSenders gives each CI a few conditions at different senders.
func (w *World) addSenders() {
	kinds := []senderKind{alertmanager, prometheus, datadog, generic}
	names := []string{"am", "prom", "dd", "gen"}
	groups := map[string]*sender{}
	for _, k := range kinds {
		s := &sender{kind: k, name: names[k], every: w.span(3*time.Minute, 40*time.Minute)}
		groups[names[k]] = s
		w.senders = append(w.senders, s)
	}
	add := func(ci string, n int) {
		k := kinds[w.n(len(kinds))]
		if w.n(3) == 0 {
			k = alertmanager
		}
		s := groups[names[k]]
		if k == alertmanager {
			app, _, _ := cutApp(ci)
			if s = groups["am/"+app]; s == nil {
				s = &sender{kind: k, name: "am", group: "{}:{app=\"" + app + "\"}", every: w.span(5*time.Minute, 2*time.Hour)}
				groups["am/"+app] = s
				w.senders = append(w.senders, s)
			}
		}
		w.addCondition(s, ci, n)
	}
	for _, c := range w.cis {
		for n := range 1 + w.n(2) {
			add(c.ID, n)
		}
	}
	for n := range looseNames {
		add(fmt.Sprintf("loose%d", n), 0)
	}
}

func cutApp(ci string) (app, rest string, ok bool) {
	for i := range len(ci) {
		if ci[i] == '-' {
			return ci[:i], ci[i+1:], true
		}
	}
	return ci, "", false
}

func (w *World) addCondition(s *sender, ci string, n int) {
	c := &condition{sender: s, ci: ci, title: titles[(n+w.n(2))%len(titles)], severity: itsm.Severity(1 + w.n(5)), restless: w.n(20) == 0}
	c.identity = fmt.Sprintf("%s/%d/%s", ci, n, c.title)
	c.key = itsm.KeyOf(s.name, c.identity)
	app, _, _ := cutApp(ci)
	c.labels = itsm.NewLabels([]itsm.Label{{Name: "alertname", Value: c.title}, {Name: "host", Value: ci}, {Name: "env", Value: "prod"}, {Name: "service", Value: app}})
	if w.byKey[c.key] != nil {
		return
	}
	w.byKey[c.key] = c
	w.byCI[ci] = append(w.byCI[ci], c)
	w.conditions = append(w.conditions, c)
	s.watch = append(s.watch, c)
}

// outage makes a CI fail and what depends on it, each a little later.
func (w *World) outage() {
	w.later(w.span(time.Hour, 12*time.Hour), todoOutage, nil)
	c := w.cis[w.n(len(w.cis))].ID
	lasts := w.span(2*time.Minute, 5*time.Hour)
	w.note("outage of "+c, int64(lasts/time.Minute), 0)
	seen := map[string]bool{c: true}
	for hop, names := 0, []string{c}; len(names) > 0 && hop < 4; hop++ {
		var next []string
		for _, name := range names {
			for _, cond := range w.byCI[name] {
				if w.n(4) > 0 {
					w.begins(cond, time.Duration(hop)*w.span(10*time.Second, 90*time.Second), lasts)
				}
			}
			for _, d := range w.estate.dependants[name] {
				if !seen[d] && w.n(5) > 0 {
					seen[d] = true
					next = append(next, d)
				}
			}
		}
		names = next
	}
}

// noise is what goes off without anything having happened.
func (w *World) noise() {
	w.later(w.span(2*time.Minute, time.Hour), todoNoise, nil)
	c := w.conditions[w.n(len(w.conditions))]
	w.begins(c, 0, w.span(30*time.Second, 2*time.Hour))
}

// begins lets a condition fire after a while and end again.
func (w *World) begins(c *condition, after, lasts time.Duration) {
	if c.firing || c.until > w.now {
		return
	}
	c.until = w.now.Add(after + lasts)
	w.later(after, todoChange, c)
	if c.sender.kind == generic || w.n(40) == 0 {
		c.until = w.now.Add(100 * 24 * time.Hour) // chronic, or nobody ever says that it is over
		return
	}
	w.later(after+lasts, todoChange, c)
}

// change begins or ends a condition and lets its sender say so.
func (w *World) change(c *condition) {
	if w.settling {
		return
	}
	c.firing = !c.firing
	c.changes++
	if c.firing {
		c.startsAt = w.now + c.sender.skew
		if w.chance(60) {
			c.severity = itsm.Severity(1 + w.n(5)) // somebody changed the rule
		}
	}
	if c.restless && c.changes < 40 && !w.settling {
		w.later(w.span(time.Minute, 8*time.Minute), todoChange, c)
	}
	c.sender.changed(w, c)
}

// changed sends what changed and, while something fires, repeats it.
func (s *sender) changed(w *World, c *condition) {
	s.skewClock(w)
	switch s.kind {
	case alertmanager:
		s.notifyGroup(w, c)
	default:
		w.send(s.parcelOf(w, []*condition{c}, false))
	}
	s.repeatLater(w)
}

// skewClock lets a sender's clock be wrong now and then, and rarely absurd.
func (s *sender) skewClock(w *World) {
	if !w.chance(8) {
		return
	}
	s.skew = []itsm.Time{0, 30_000, -30_000, 600_000}[w.n(4)]
	for _, c := range s.watch { // its own times now go back: the order of its events is lost
		c.known.vague = true
	}
}

func (s *sender) repeatLater(w *World) {
	if s.queued || !slices.ContainsFunc(s.watch, func(c *condition) bool { return c.firing }) {
		return
	}
	s.queued = true
	every := s.every
	if s.kind == prometheus {
		every = promEvery
	}
	w.later(every, todoNotify, s)
}

// A rule manager sends again before the lease runs out; ours is slower than the
// real one, to keep the number of steps down, and its leases are longer.
const (
	promEvery = 10 * time.Minute
	promLease = 40 * time.Minute
)

// notify repeats what fires.
func (s *sender) notify(w *World) {
	s.queued = false
	var firing []*condition
	for _, c := range s.watch {
		if c.firing {
			firing = append(firing, c)
		}
	}
	if len(firing) == 0 {
		return
	}
	if s.kind == alertmanager {
		s.notifyGroup(w, nil)
	} else {
		w.send(s.parcelOf(w, firing, true))
	}
	s.repeatLater(w)
}

// notifyGroup sends an Alertmanager group: everything of it that fires, and what just
// ended. One of a pair may be late, and a long list may be cut.
func (s *sender) notifyGroup(w *World, changed *condition) {
	var list []*condition
	for _, c := range s.watch {
		if c.firing || c == changed {
			list = append(list, c)
		}
	}
	p := s.parcelOf(w, list, changed == nil)
	if len(p.events) > 2 && w.chance(100) {
		p.truncate(1 + w.n(len(p.events)-1))
	}
	w.send(p)
	if w.chance(150) { // the other one of the pair
		twin := *p
		twin.id, twin.acked = w.parcelID(), false
		w.sendAfter(&twin, w.span(time.Second, 40*time.Second))
	}
	if s.last != nil && w.chance(40) { // its clock of the group is behind: the old state again
		old := *s.last
		old.id, old.acked = w.parcelID(), false
		w.sendAfter(&old, w.span(time.Second, 30*time.Second))
	}
	s.last = p
}
