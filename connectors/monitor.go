package connectors

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"signalbox/itsm"
)

// Monitor is a Connector to what alerts come from: it can be asked how they stand
// there, so that a resolve that got lost is found.
type Monitor interface {
	Connector
	// Watched names the sources whose alerts it can be asked about.
	Watched() []string
	// Standings says how each alert stands, in their order. Without a complete
	// answer there is an error and nothing is concluded: from half an answer every
	// other alert would look resolved.
	Standings(ctx context.Context, alerts []itsm.Alert) ([]Standing, error)
}

// Standing is how an alert stands where it comes from.
type Standing struct {
	State StandingState
	Since itsm.Time // with StandsFiring: when it began there; 0: not known
}

// StandingState says whether an alert fires where it comes from.
type StandingState uint8

// The states of a Standing.
const (
	StandsUnknown StandingState = iota // nothing is known of it there
	StandsFiring
	StandsGone // it does not fire there
)

// Paced is a Monitor that should be asked less often than every minute.
type Paced interface{ MonitorEvery() time.Duration }

// Records is what connectors may read of the incidents here.
type Records interface {
	// Members lists the firing alerts of an incident, at most limit.
	Members(n itsm.IncidentNumber, limit int) ([]itsm.Alert, error)
	// Alerts lists the alerts of an incident, firing or not, at most limit.
	Alerts(n itsm.IncidentNumber, limit int) ([]itsm.Alert, error)
	// Incident returns an incident, NotFound when there is none.
	Incident(n itsm.IncidentNumber) (itsm.Incident, error)
}

// Reader is a Connector that reads the records. It is given them once, before
// anything is pushed.
type Reader interface{ Read(r Records) }

// Silencer is a Monitor whose partner has silences of alerts by their labels.
type Silencer interface {
	// Silences lists those that others made and that hide something now or will,
	// by id, at most itsm.SilencesMax, and the sources whose alerts they hide.
	Silences(ctx context.Context) (itsm.Silences, error)
}

// Tender is a Monitor at which Signalbox makes silences or downtimes itself.
type Tender interface {
	// Tend prolongs and ends those that Signalbox made; moved reports one that is
	// another record now.
	Tend(ctx context.Context, moved func(itsm.IncidentNumber, itsm.ExternalRef)) error
}

// Bounds of a monitor's sweep.
const (
	defaultMonitorEvery = time.Minute
	monitorTimeout      = 2 * time.Minute
	monitorAlertsMax    = 50_000 // firing alerts of a source that are compared in one sweep
	monitorEndedMax     = 10_000 // alerts ended by a sweep that are looked at again
	monitorEndedFor     = 24 * time.Hour
	monitorReportMax    = 500 // events in one report
	goneSweeps          = 2   // sweeps in a row that must miss an alert
)

// MonitorOptions configures the sweep of one monitor.
type MonitorOptions struct {
	Monitor Monitor
	// Alerts lists a source's firing alerts, at most limit.
	Alerts func(source string, limit int) ([]itsm.Alert, error)
	// Report journals events as a delivery of the source.
	Report func(ctx context.Context, source, from string, events []itsm.Event) error
	Actor  Actor
	Every  time.Duration // 0: a minute
	// HandsOff is until when nothing is changed at the partner, after a restore.
	HandsOff time.Time
	Log      *slog.Logger // nil: discard
}

// MonitorSweep compares again and again what fires here with what fires at a
// monitor. An alert that fires here and that two sweeps in a row did not find there
// is reported as resolved, as an ordinary delivery of its source, so that a replay
// knows it. One that was ended so and fires there is reported as firing: its sender
// tells what changed since its own last word, and would say nothing for hours.
type MonitorSweep struct {
	o      MonitorOptions
	log    *slog.Logger
	missed map[itsm.AlertNumber]miss
	ended  map[itsm.AlertKey]endedBySweep
	told   []byte // body of the last ActSilences that was journaled; nil: none since the start
}

// miss counts the sweeps in a row that did not find an episode.
type miss struct {
	source  string
	episode uint32
	sweeps  int
	seen    itsm.Time // when it was last heard of, by the record
}

type endedBySweep struct {
	alert itsm.Alert
	at    time.Time
}

// NewMonitorSweep makes a sweep; Run repeats it.
func NewMonitorSweep(o MonitorOptions) *MonitorSweep {
	if p, ok := o.Monitor.(Paced); ok && o.Every <= 0 {
		o.Every = p.MonitorEvery()
	}
	if o.Every <= 0 {
		o.Every = defaultMonitorEvery
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return &MonitorSweep{o: o, log: o.Log.With("connector", o.Monitor.Name()), missed: map[itsm.AlertNumber]miss{}, ended: map[itsm.AlertKey]endedBySweep{}}
}

// Run sweeps until ctx ends. No failure of the partner ends it.
func (m *MonitorSweep) Run(ctx context.Context) error {
	failing := false
	for ctx.Err() == nil {
		err := m.Sweep(ctx)
		switch {
		case ctx.Err() != nil:
		case err != nil && !failing:
			m.log.Warn("alerts cannot be compared with where they come from; will try again", "err", err)
		case err == nil && failing:
			m.log.Info("alerts are compared again with where they come from")
		}
		failing = err != nil
		select {
		case <-ctx.Done():
		case <-time.After(m.o.Every):
		}
	}
	return nil
}

// Sweep compares once. What of it worked counts, whatever failed besides.
func (m *MonitorSweep) Sweep(ctx context.Context) (err error) {
	ctx, cancel := context.WithTimeout(ctx, monitorTimeout)
	defer cancel()
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("the connector failed: %v", p)
		}
	}()
	if s, ok := m.o.Monitor.(Silencer); ok {
		err = m.silences(ctx, s)
	}
	if t, ok := m.o.Monitor.(Tender); ok && !time.Now().Before(m.o.HandsOff) {
		err = errors.Join(err, m.tend(ctx, t))
	}
	for _, source := range m.o.Monitor.Watched() {
		if serr := m.source(ctx, source); serr != nil && err == nil {
			err = serr
		}
	}
	return err
}

// silences journals the partner's silences when they changed.
func (m *MonitorSweep) silences(ctx context.Context, s Silencer) error {
	name := m.o.Monitor.Name()
	list, err := s.Silences(ctx)
	if err != nil {
		return err
	}
	body, err := json.Marshal(list)
	if err != nil {
		return err
	}
	if string(body) != string(m.told) {
		a := itsm.Act{Kind: itsm.ActSilences, Object: "silences/" + name, Actor: name, Origin: name, Body: body}
		if _, err := m.o.Actor.Do(ctx, a); err != nil {
			return fmt.Errorf("journal the silences there: %w", err)
		}
		m.told = body
	}
	return nil
}

func (m *MonitorSweep) tend(ctx context.Context, t Tender) error {
	name := m.o.Monitor.Name()
	return t.Tend(ctx, func(n itsm.IncidentNumber, ref itsm.ExternalRef) {
		if _, err := m.o.Actor.Do(ctx, itsm.Act{Kind: itsm.ActLink, Incident: n, Actor: "signalbox", Origin: name, Link: &ref}); err != nil {
			m.log.Warn("the new id of a silence could not be kept with its incident", "incident", n, "silence", ref.ID, "err", err)
		}
	})
}

// source compares the alerts of one source.
func (m *MonitorSweep) source(ctx context.Context, source string) error {
	firing, err := m.o.Alerts(source, monitorAlertsMax)
	if err != nil {
		return err
	}
	again := m.endedOf(source, firing)
	asked := append(slices.Clone(firing), again...)
	if len(asked) == 0 {
		return nil
	}
	standings, err := m.o.Monitor.Standings(ctx, asked)
	if err != nil {
		return err
	}
	if len(standings) != len(asked) {
		return fmt.Errorf("the connector answered %d standings for %d alerts", len(standings), len(asked))
	}
	now := itsm.TimeOf(time.Now())
	var events []itsm.Event
	var over []itsm.Alert
	for i := range firing {
		if a := &firing[i]; m.isOver(a, standings[i]) {
			events = append(events, m.event(a, itsm.Resolved, now, 0))
			over = append(over, *a)
		}
	}
	back := len(events)
	for i := range again {
		if st := standings[len(firing)+i]; st.State == StandsFiring {
			events = append(events, m.event(&again[i], itsm.Firing, now, st.Since))
		}
	}
	m.forget(source, firing)
	for chunk := range slices.Chunk(events, monitorReportMax) {
		if err := m.o.Report(ctx, source, "sweep of "+m.o.Monitor.Name(), chunk); err != nil {
			return fmt.Errorf("report what a sweep found: %w", err)
		}
	}
	if len(events) > 0 {
		m.log.Info("a sweep found what was not reported", "source", source, "resolved", back, "firing", len(events)-back)
	}
	m.remember(over)
	for _, e := range events[back:] {
		delete(m.ended, itsm.KeyOf(source, e.Identity))
	}
	return nil
}

// isOver counts an alert that was not found, and reports whether it was missing
// often enough. One that was heard of since the last sweep begins anew.
func (m *MonitorSweep) isOver(a *itsm.Alert, st Standing) bool {
	if st.State != StandsGone {
		delete(m.missed, a.Number)
		return false
	}
	c := m.missed[a.Number]
	if c.episode != a.Episode || c.seen != a.LastSeenAt {
		c = miss{source: a.Source, episode: a.Episode, seen: a.LastSeenAt}
	}
	c.sweeps++
	m.missed[a.Number] = c
	return c.sweeps >= goneSweeps
}

// event is what the sender would have said.
func (m *MonitorSweep) event(a *itsm.Alert, st itsm.Status, now, since itsm.Time) itsm.Event {
	identity := string(a.Key)[len(itsm.KeyOf(a.Source, "")):]
	e := itsm.Event{Source: a.Source, Identity: identity, Status: st, Severity: a.Severity, SeverityWord: a.SeverityWord, Title: a.Title, EventAt: now,
		Labels: a.Labels, Annotations: a.Annotations, GeneratorURL: a.GeneratorURL}
	if st == itsm.Resolved {
		e.EndsAt = now
	} else {
		e.StartsAt = since
	}
	return e
}

// endedOf lists the alerts of a source that a sweep ended and that do not fire here.
func (m *MonitorSweep) endedOf(source string, firing []itsm.Alert) (out []itsm.Alert) {
	for i := range firing {
		delete(m.ended, firing[i].Key)
	}
	for key, e := range m.ended {
		switch {
		case time.Since(e.at) > monitorEndedFor:
			delete(m.ended, key)
		case e.alert.Source == source:
			out = append(out, e.alert)
		}
	}
	slices.SortFunc(out, func(a, b itsm.Alert) int { return int(int64(a.Number) - int64(b.Number)) })
	return out
}

func (m *MonitorSweep) remember(over []itsm.Alert) {
	for i := range over {
		delete(m.missed, over[i].Number)
		if len(m.ended) < monitorEndedMax {
			m.ended[over[i].Key] = endedBySweep{over[i], time.Now()}
		}
	}
}

// forget drops what is counted of alerts of a source that no longer fire here.
func (m *MonitorSweep) forget(source string, firing []itsm.Alert) {
	live := map[itsm.AlertNumber]bool{}
	for i := range firing {
		live[firing[i].Number] = true
	}
	for n, c := range m.missed {
		if !live[n] && c.source == source {
			delete(m.missed, n)
		}
	}
}
