package ruletest

import (
	"fmt"
	"slices"
	"strings"

	"signalbox/correlate"
	"signalbox/correlate/engine"
	"signalbox/itsm"
	"signalbox/itsm/cmdb"
	"signalbox/itsm/entry"
	"signalbox/rules"
)

// firingMax bounds the alerts that fire at once in a test.
const firingMax = 10_000

// world is a test under way.
type world struct {
	file     *file
	test     *test
	play     *engine.Playback
	seen     view
	firing   []itsm.Event // in the order they began
	outcome  *itsm.Outcome
	failures []Failure
}

// setup is what all tests of a file run with.
type setup struct {
	config correlate.Config
	rules  []rules.File
	set    *rules.Set // of rules
	cmdb   *cmdb.Changes
	from   *inventory // that cmdb was read from
}

func newWorld(f *file, t *test, s setup) *world {
	w := &world{file: f, test: t, seen: newView()}
	w.play = engine.NewPlayback(engine.PlaybackOptions{Config: s.config, CMDB: s.cmdb, Rules: s.rules, OnDecision: func(d *itsm.Decision) {
		if d.Kind == itsm.SettleOutcome {
			w.outcome = d.Outcome
		}
		w.seen.take(d)
	}})
	w.seen.play = w.play
	return w
}

// run tells the whole story. A step that cannot be done ends it.
func (w *world) run() error {
	for i := range w.test.steps {
		ok, err := w.step(&w.test.steps[i])
		if err != nil {
			return fmt.Errorf("%s:%d: %s: %w", w.file.name, w.test.steps[i].line, w.test.name, err)
		}
		if !ok {
			return nil
		}
	}
	if n := len(w.test.steps); n > 0 {
		return w.play.At(w.test.steps[n-1].at) // what the last step did counts as coverage
	}
	return nil
}

// step does what a step says, in the order in which it stands there.
func (w *world) step(s *step) (ok bool, err error) {
	for _, what := range s.order {
		switch what {
		case "clear":
			ok, err = w.clear(s)
		case "fire":
			ok, err = w.fire(s)
		case "act", "change", "maintenance":
			ok, err = w.acts(s, what)
		case "want":
			ok, err = true, w.play.At(s.at)
			if err == nil {
				w.check(s)
			}
		}
		if !ok || err != nil {
			return ok, err
		}
	}
	return true, nil
}

// acts does the acts of one key of a step.
func (w *world) acts(s *step, what string) (ok bool, err error) {
	list := map[string][]act{"act": s.acts, "change": s.changes, "maintenance": s.windows}[what]
	for i := range list {
		if ok, err := w.act(s, &list[i]); !ok || err != nil {
			return ok, err
		}
	}
	return true, nil
}

func (w *world) clear(s *step) (ok bool, err error) {
	var out []itsm.Event
	for i := range s.clear {
		p := &s.clear[i]
		if !slices.ContainsFunc(w.firing, func(e itsm.Event) bool { return p.matches(e.Labels) }) {
			w.fail(p.line, s, "clear", fmt.Sprintf("no firing alert has the labels %s", labelFlow(p.labels)), nil, w.firingNow())
			return false, nil
		}
	}
	w.firing = slices.DeleteFunc(w.firing, func(e itsm.Event) bool {
		if !s.clearAll && !slices.ContainsFunc(s.clear, func(p pattern) bool { return p.matches(e.Labels) }) {
			return false
		}
		e.Status, e.EndsAt = itsm.Resolved, s.at
		out = append(out, e)
		return true
	})
	return true, w.deliver(s.at, out)
}

// firingNow lists what fires, for people.
func (w *world) firingNow() []string {
	var out []string
	for _, e := range w.firing[:min(len(w.firing), whyMax)] {
		out = append(out, "fires: "+labelFlow(e.Labels))
	}
	if n := len(w.firing) - whyMax; n > 0 {
		out = append(out, fmt.Sprintf("fires: and %d more", n))
	}
	if len(out) == 0 {
		out = []string{"nothing fires"}
	}
	return out
}

func (w *world) fire(s *step) (ok bool, err error) {
	var out []itsm.Event
	for i := range s.fire {
		e := s.fire[i].event(&w.file.defaults)
		if slices.ContainsFunc(out, func(o itsm.Event) bool { return o.Key() == e.Key() }) {
			w.fail(s.fire[i].line, s, "fire", "the same alert twice: expected another label, ci or key that tells them apart", nil, []string{"twice: " + labelFlow(e.Labels)})
			return false, nil
		}
		at := slices.IndexFunc(w.firing, func(o itsm.Event) bool { return o.Key() == e.Key() })
		if at >= 0 { // a repetition has the start of what it repeats
			e.StartsAt = w.firing[at].StartsAt
			w.firing[at] = e
		} else {
			e.StartsAt = s.at
			w.firing = append(w.firing, e)
		}
		out = append(out, e)
	}
	if len(w.firing) > firingMax {
		w.fail(s.line, s, "fire", fmt.Sprintf("%d alerts fire at once; a test may have %d", len(w.firing), firingMax), nil, nil)
		return false, nil
	}
	return true, w.deliver(s.at, out)
}

// deliver hands events over as their sources would: one delivery a source, in the
// order in which the sources come up.
func (w *world) deliver(at itsm.Time, events []itsm.Event) error {
	for len(events) > 0 {
		d := entry.Delivery{Source: events[0].Source}
		events = slices.DeleteFunc(events, func(e itsm.Event) bool {
			if e.Source == d.Source {
				d.Events = append(d.Events, e)
			}
			return e.Source == d.Source
		})
		if _, err := w.play.Deliver(at, &d); err != nil {
			return err
		}
	}
	return nil
}

func (w *world) act(s *step, a *act) (ok bool, err error) {
	if err := w.play.At(s.at); err != nil {
		return false, err
	}
	do := a.act
	if a.window != nil {
		do.Body = a.window.body(s.at)
	}
	for _, ref := range []struct {
		name string
		to   *itsm.IncidentNumber
	}{{a.incident, &do.Incident}, {a.into, &do.Into}} {
		if ref.name == "" || ref.to == &do.Into && ref.name == nobody {
			continue
		}
		if *ref.to = w.seen.named(ref.name); *ref.to == 0 {
			w.fail(a.line, s, "act", fmt.Sprintf("%s: there is no incident %q", a.act.Kind, clip(ref.name)), nil, w.seen.titles())
			return false, nil
		}
	}
	w.outcome = nil
	if err := w.play.Act(s.at, &do); err != nil {
		return false, err
	}
	if err := w.play.At(s.at); err != nil {
		return false, err
	}
	if w.outcome == nil || w.outcome.Err() == nil {
		return true, nil
	}
	of := do.Object
	if of == "" {
		of = do.Incident.String()
	}
	w.fail(a.line, s, "act", strings.TrimSuffix(fmt.Sprintf("%s of %s", a.act.Kind, of), " of ")+" was refused: "+w.outcome.Detail, nil, nil)
	return false, nil
}

func (w *world) fail(line int, s *step, check, msg string, diff, why []string) {
	w.failures = append(w.failures, Failure{Line: line, At: s.written, Check: check, Message: msg, Diff: diff, Why: why})
}
