package connectors

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"signalbox/itsm"
)

// monitored is a partner where alerts fire, and the records of them here.
type monitored struct {
	partner
	there    map[string]bool // identities that fire there
	here     map[string]itsm.Alert
	fail     error
	back     time.Time // from then on it does not fail; the zero time: never
	short    bool
	silences itsm.Silences
	tended   int

	reported []string
	acts     []itsm.Act
	refuse   error
}

func (m *monitored) Name() string      { return "am" }
func (m *monitored) Watched() []string { return []string{"alertmanager"} }

func (m *monitored) Standings(_ context.Context, alerts []itsm.Alert) ([]Standing, error) {
	if err := m.failing(); err != nil {
		return nil, err
	}
	out := make([]Standing, len(alerts))
	for i, a := range alerts {
		switch id := strings.TrimPrefix(string(a.Key), "alertmanager/"); {
		case m.there[id]:
			out[i] = Standing{State: StandsFiring, Since: 5}
		case !strings.HasPrefix(id, "odd"):
			out[i] = Standing{State: StandsGone}
		}
	}
	if m.short {
		return out[1:], nil
	}
	return out, nil
}

func (m *monitored) Silences(context.Context) (itsm.Silences, error) {
	return m.silences, m.failing()
}

func (m *monitored) failing() error {
	if !m.back.IsZero() && !time.Now().Before(m.back) {
		return nil
	}
	return m.fail
}

func (m *monitored) Tend(_ context.Context, moved func(itsm.IncidentNumber, itsm.ExternalRef)) error {
	m.tended++
	moved(3, itsm.ExternalRef{Connector: "am", ID: "new"})
	return nil
}

func (m *monitored) alerts(source string, limit int) (out []itsm.Alert, err error) {
	for _, a := range m.here {
		if a.Status == itsm.Firing && a.Source == source && len(out) < limit {
			out = append(out, a)
		}
	}
	slices.SortFunc(out, func(a, b itsm.Alert) int { return int(a.Number) - int(b.Number) })
	return out, nil
}

// report folds what was reported as the door and the fold would.
func (m *monitored) report(_ context.Context, source, from string, events []itsm.Event) error {
	if m.refuse != nil {
		return m.refuse
	}
	for _, e := range events {
		m.reported = append(m.reported, fmt.Sprintf("%s %s %s from %s", source, e.Identity, e.Status, from))
		a := m.here[e.Identity]
		a.Status = e.Status
		if e.Status == itsm.Firing {
			a.Episode++
		}
		if e.EventTime() == 0 || e.Status == itsm.Resolved && e.EndsAt == 0 {
			return errors.New("an event without its time")
		}
		m.here[e.Identity] = a
	}
	return nil
}

func (m *monitored) Do(_ context.Context, a itsm.Act) (itsm.Outcome, error) {
	if m.refuse != nil {
		return itsm.Outcome{}, m.refuse
	}
	m.acts = append(m.acts, a)
	return itsm.Outcome{}, nil
}

func newMonitored(ids ...string) (*monitored, *MonitorSweep) {
	m := &monitored{there: map[string]bool{}, here: map[string]itsm.Alert{}}
	for i, id := range ids {
		m.there[id] = true
		m.here[id] = itsm.Alert{Number: itsm.AlertNumber(i + 1), Source: "alertmanager", Key: itsm.KeyOf("alertmanager", id), Status: itsm.Firing, Episode: 1, LastSeenAt: 1}
	}
	return m, NewMonitorSweep(MonitorOptions{Monitor: m, Alerts: m.alerts, Report: m.report, Actor: m})
}

// TestALostResolveHeals: what two sweeps in a row do not find is reported as
// resolved, what fires there again as firing, and nothing twice.
func TestALostResolveHeals(t *testing.T) {
	t.Parallel()
	m, s := newMonitored("a", "b", "odd")
	sweep := func() {
		t.Helper()
		if err := s.Sweep(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	sweep()
	m.there = map[string]bool{"a": true}
	sweep()
	if len(m.reported) != 0 {
		t.Errorf("after one sweep without it: %v", m.reported)
	}
	sweep()
	sweep()
	if want := []string{"alertmanager b resolved from sweep of am"}; !slices.Equal(m.reported, want) {
		t.Errorf("reported %v, want %v", m.reported, want)
	}
	m.there["b"] = true
	sweep()
	sweep()
	if n := len(m.reported); n != 2 || m.reported[1] != "alertmanager b firing from sweep of am" {
		t.Errorf("reported %v, want it firing once", m.reported)
	}
	delete(m.there, "b")
	sweep()
	m.there["b"] = true // found again in between: it counts from the beginning
	sweep()
	delete(m.there, "b")
	sweep()
	if len(m.reported) != 2 {
		t.Errorf("reported %v", m.reported)
	}
	// Heard of since, or another episode: it counts from the beginning as well.
	b := m.here["b"]
	b.Episode++
	m.here["b"] = b
	sweep()
	if len(m.reported) != 2 {
		t.Errorf("reported %v", m.reported)
	}
}

// TestNothingIsConcludedFromNoAnswer: not from an error, a short answer or a panic,
// and what could not be journaled is found again.
func TestNothingIsConcludedFromNoAnswer(t *testing.T) {
	t.Parallel()
	m, s := newMonitored("a", "b")
	m.there = map[string]bool{}
	m.fail = Retry(0, "half of it")
	for range 3 {
		if err := s.Sweep(t.Context()); !IsPassing(err) {
			t.Errorf("sweep: %v", err)
		}
	}
	m.fail, m.short = nil, true
	for range 3 {
		if err := s.Sweep(t.Context()); err == nil {
			t.Error("a short answer is none")
		}
	}
	m.short = false
	if err := s.Sweep(t.Context()); err != nil || len(m.reported) != 0 {
		t.Errorf("the first answer: %v, reported %v", err, m.reported)
	}
	m.refuse = itsm.Errorf(itsm.Unavailable, "full")
	if err := s.Sweep(t.Context()); err == nil {
		t.Error("what could not be journaled is no error")
	}
	m.refuse = nil
	if err := s.Sweep(t.Context()); err != nil || len(m.reported) != 2 {
		t.Errorf("then %v, reported %v", err, m.reported)
	}
}

// TestSilencesAreJournaledWhenTheyChange: once at the start, then only when they differ.
func TestSilencesAreJournaledWhenTheyChange(t *testing.T) {
	t.Parallel()
	m, s := newMonitored()
	m.silences = itsm.Silences{Sources: []string{"alertmanager"}, Silences: []itsm.Silence{{ID: "S1", EndsAt: 5}}}
	kinds := func() (out []string) {
		for _, a := range m.acts {
			out = append(out, string(a.Kind))
		}
		return out
	}
	for range 2 {
		if err := s.Sweep(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	m.silences.Silences[0].EndsAt = 6
	if err := s.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	if want := []string{"silences", "link", "link", "silences", "link"}; !slices.Equal(kinds(), want) {
		t.Errorf("acts %v, want %v", kinds(), want)
	}
	var b itsm.Silences
	if a := m.acts[3]; a.Origin != "am" || a.Object != "silences/am" || json.Unmarshal(a.Body, &b) != nil || b.Silences[0].EndsAt != 6 {
		t.Errorf("act %+v", a)
	}
	s.o.HandsOff = time.Now().Add(time.Hour)
	n := m.tended
	if err := s.Sweep(t.Context()); err != nil || m.tended != n {
		t.Errorf("after a restore: %v, tended %d times", err, m.tended-n)
	}
}

// TestMonitorSweepGoesOn whatever fails.
func TestMonitorSweepGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, s := newMonitored("a")
		m.there, m.fail = map[string]bool{}, Retry(0, "down")
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
		defer cancel()
		m.back = time.Now().Add(5 * time.Minute)
		if err := s.Run(ctx); err != nil {
			t.Fatal(err)
		}
		if len(m.reported) != 1 {
			t.Errorf("reported %v", m.reported)
		}
	})
}
