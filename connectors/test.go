package connectors

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"time"

	"signalbox/itsm"
)

// TestIncidentFrom is the lowest number of a test's incident: none of ours has it,
// so that no test touches anything real, here or there.
const TestIncidentFrom itsm.IncidentNumber = 9_000_000_000_000

// Bounds of a test.
const (
	testLooks    = 6 // times a partner is asked for what it was told
	testLookWait = 500 * time.Millisecond
)

// Step is one step of a test and what came of it.
type Step struct {
	Name   string        // "check", "open", "acknowledge", "resolve", or "look" after each
	Ok     bool          // it went as it should
	Detail string        // what the partner said
	Took   time.Duration // how long it took
}

// Test opens, acknowledges and resolves an incident that says it is a test, at the
// partner only, and reports each step; with checkOnly it changes nothing there. It
// works while the connector is paused, and whatever waits in the outbox.
func (s *Sender) Test(ctx context.Context, checkOnly bool) []Step {
	t := tester{s: s, ctx: ctx, n: TestIncidentFrom + itsm.IncidentNumber(time.Now().UnixMilli())}
	if c, ok := s.o.Connector.(Tester); ok {
		t.step("check", func() (string, error) { return c.Check(ctx) })
	} else {
		t.steps = append(t.steps, Step{Name: "check", Ok: true, Detail: "this kind of connector has nothing to check without sending"})
	}
	if checkOnly || !t.steps[0].Ok {
		return t.steps
	}
	if !t.push(itsm.Trigger, "open", RecordOpen) {
		return t.steps
	}
	t.push(itsm.Acknowledge, "acknowledge", RecordAcknowledged)
	t.push(itsm.Resolve, "resolve", RecordResolved)
	return t.steps
}

type tester struct {
	s      *Sender
	ctx    context.Context
	n      itsm.IncidentNumber
	serial uint32
	links  []itsm.ExternalRef
	steps  []Step
}

func (t *tester) step(name string, do func() (string, error)) bool {
	began := time.Now()
	detail, err := do()
	if err != nil {
		detail = bounded(err.Error())
	}
	t.steps = append(t.steps, Step{Name: name, Ok: err == nil, Detail: detail, Took: time.Since(began)})
	return err == nil
}

// push performs one transition and looks whether the partner shows it. It reports
// whether the partner took it.
func (t *tester) push(tr itsm.Transition, name string, want RecordStatus) bool {
	taken := t.step(name, func() (string, error) {
		if err := t.s.take(t.ctx); err != nil {
			return "", err
		}
		r, err := t.s.guarded(t.ctx, t.intent(tr))
		if err != nil {
			return "", err
		}
		if r.Link == nil {
			return "taken", nil
		}
		t.links = []itsm.ExternalRef{*r.Link}
		return fmt.Sprintf("taken as %s %s", r.Link.ID, r.Link.URL), nil
	})
	if _, ok := t.s.o.Connector.(Looker); taken && ok {
		t.step("look", func() (string, error) { return t.look(want) })
	}
	return taken
}

// look asks until the partner shows at least the wanted status.
func (t *tester) look(want RecordStatus) (string, error) {
	var r Record
	for n := range testLooks {
		if n > 0 {
			if err := Wait(t.ctx, testLookWait<<min(n-1, 3)); err != nil {
				return "", err
			}
		}
		if err := t.s.take(t.ctx); err != nil {
			return "", err
		}
		var err error
		if r, err = t.s.look(t.ctx, t.n, 1); err != nil {
			return "", err
		}
		if r.Status >= want || r.AckUnknown && want == RecordAcknowledged && r.Status == RecordOpen {
			return "it is " + r.Status.String() + " there", nil
		}
	}
	return "", fmt.Errorf("it was taken, but is %s there, expected %s", r.Status, want)
}

func (t *tester) intent(tr itsm.Transition) itsm.Intent {
	t.serial++
	now := itsm.TimeOf(time.Now())
	key := make([]byte, 16)
	rand.Read(key) // never fails
	in := itsm.Intent{Key: hex.EncodeToString(key), Connector: t.s.o.Connector.Name(), Incident: t.n, Epoch: 1, Transition: tr, At: now, Serial: t.serial, Actor: "signalbox",
		Text: "a test of the connector; there is nothing to do",
		Snapshot: itsm.IncidentSnapshot{Title: "TEST of connector " + t.s.o.Connector.Name() + ": no action needed", Priority: itsm.P5, Severity: itsm.Info, State: itsm.New,
			CIs: []string{"signalbox-test"}, Services: []string{}, Because: "somebody tests the connector", OpenedAt: now, Impact: itsm.Low, Urgency: itsm.Low, Links: t.links}}
	switch tr {
	case itsm.Acknowledge:
		in.Snapshot.State, in.Snapshot.AcknowledgedAt, in.Snapshot.AcknowledgedBy = itsm.InProgress, now, "signalbox"
	case itsm.Resolve:
		in.Snapshot.State, in.Snapshot.ResolvedAt, in.Snapshot.ResolvedBy, in.Snapshot.CloseCode, in.Snapshot.CloseNote = itsm.IncidentResolved, now, "signalbox", "no_action", "the test is over"
	}
	return in
}
