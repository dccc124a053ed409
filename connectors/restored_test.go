package connectors

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"signalbox/itsm"
)

// asked is a partner that can be asked; it answers by incident.
type asked struct {
	partner
	records map[itsm.IncidentNumber]Record
	err     error
	looks   int
}

func (a *asked) Look(_ context.Context, n itsm.IncidentNumber, _ uint32) (Record, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.looks++
	return a.records[n], a.err
}

// restoredRun delivers what waits in b for d after a restore with an hour of quiet.
// Incidents up to 10 are from before; heard are those heard firing since.
func restoredRun(t *testing.T, b *box, a Connector, d time.Duration, heard []itsm.IncidentNumber, open ...itsm.Incident) *Sender {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	defer cancel()
	s := NewSender(Options{Connector: a, Outbox: b, Actor: b, Restored: &Restored{Known: 10, Last: 100, QuietUntil: time.Now().Add(time.Hour),
		Heard: func(n itsm.IncidentNumber) (bool, error) { return slices.Contains(heard, n), nil },
		Open:  func() ([]itsm.Incident, error) { return open, nil }}})
	if err := s.Run(ctx); err != nil {
		t.Fatal(err)
	}
	return s
}

func TestAfterARestoreNobodyIsPagedAgain(t *testing.T) {
	note := in(8, itsm.Note, 2)
	note.Offset = 50
	later := in(8, itsm.Note, 3)
	later.Offset = 150
	oldChange, newChange := about("CHG0000001", 1), about("CHG0000002", 1)
	oldChange.Offset, newChange.Offset = 50, 150
	for name, c := range map[string]struct {
		pending []itsm.Intent
		records map[itsm.IncidentNumber]Record
		lookErr error
		heard   []itsm.IncidentNumber
		within  []string // sent in the quiet hour
		after   []string // sent in the hour after it
		dead    []string
	}{
		"resolved there since":   {pending: []itsm.Intent{in(1, itsm.Trigger, 1), in(1, itsm.Update, 2)}, records: map[itsm.IncidentNumber]Record{1: {Status: RecordResolved}}},
		"still open there":       {pending: []itsm.Intent{in(2, itsm.Update, 2)}, records: map[itsm.IncidentNumber]Record{2: {Status: RecordOpen}}, within: []string{"2-update-2"}},
		"acknowledged there":     {pending: []itsm.Intent{in(2, itsm.Acknowledge, 2)}, records: map[itsm.IncidentNumber]Record{2: {Status: RecordAcknowledged}}},
		"never told, not heard":  {pending: []itsm.Intent{in(3, itsm.Trigger, 1)}, dead: []string{"3-trigger-1"}},
		"never told, heard":      {pending: []itsm.Intent{in(3, itsm.Trigger, 1)}, heard: []itsm.IncidentNumber{3}, after: []string{"3-trigger-1"}},
		"resolved here":          {pending: []itsm.Intent{in(4, itsm.Trigger, 1), in(4, itsm.Resolve, 2)}, within: []string{"4-resolve-2"}},
		"cannot be asked":        {pending: []itsm.Intent{in(5, itsm.Update, 2)}, lookErr: errors.New("no token"), dead: []string{"5-update-2"}},
		"cannot be asked, heard": {pending: []itsm.Intent{in(5, itsm.Trigger, 2)}, lookErr: errors.New("no token"), heard: []itsm.IncidentNumber{5}, after: []string{"5-trigger-2"}},
		"does not answer":        {pending: []itsm.Intent{in(6, itsm.Trigger, 1)}, lookErr: Retry(0, "down"), heard: []itsm.IncidentNumber{6}},
		"new incident":           {pending: []itsm.Intent{in(11, itsm.Trigger, 1)}, lookErr: errors.New("not to be asked"), within: []string{"11-trigger-1"}},
		"changes":                {pending: []itsm.Intent{oldChange, newChange}, within: []string{"CHG0000002-1"}, dead: []string{"CHG0000001-1"}},
		"old note, new note":     {pending: []itsm.Intent{note, later}, within: []string{"8-note-3"}, dead: []string{"8-note-2"}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				began := time.Now()
				a := &asked{records: c.records, err: c.lookErr}
				b := &box{pending: slices.Clone(c.pending)}
				restoredRun(t, b, a, 2*time.Hour, c.heard)
				var within, after []string
				for i, k := range a.got {
					if a.at[i].Sub(began) < time.Hour {
						within = append(within, k)
					} else {
						after = append(after, k)
					}
				}
				if d := cmp.Diff([2][]string{c.within, c.after}, [2][]string{within, after}); d != "" {
					t.Errorf("sent within and after the quiet hour (-want +got):\n%s", d)
				}
				_, dead := b.settled()
				if d := cmp.Diff(c.dead, dead); d != "" {
					t.Errorf("dead letters (-want +got):\n%s", d)
				}
				if a.looks > 130*len(c.pending) {
					t.Errorf("%d questions in two hours: about one a minute is enough", a.looks)
				}
			})
		})
	}
}

func TestAfterARestoreWhatIsKnownThereIsTakenOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &box{}
		a := &asked{records: map[itsm.IncidentNumber]Record{1: {Status: RecordResolved, Version: 7, Link: itsm.ExternalRef{Connector: "p", ID: "X1"}}, 2: {Status: RecordAcknowledged}, 3: {Status: RecordOpen}}}
		restoredRun(t, b, a, time.Minute, nil, itsm.Incident{Number: 1, Epoch: 2}, itsm.Incident{Number: 2, Epoch: 1}, itsm.Incident{Number: 3, Epoch: 1}, itsm.Incident{Number: 4, Epoch: 1})
		var got []string
		for _, r := range b.receipts {
			got = append(got, string(r.Kind)+" "+r.Incident.String())
			if r.Origin != "p" || r.Epoch == 0 {
				t.Errorf("%+v would be echoed or miss its epoch", r)
			}
		}
		if d := cmp.Diff([]string{"resolve INC0000001", "acknowledge INC0000002"}, got); d != "" {
			t.Errorf("acts (-want +got):\n%s", d)
		}
	})
}

// TestAResolveDoesNotWaitBehindWhatIsHeldBack: the trigger is held back, then the
// incident resolves.
func TestAResolveDoesNotWaitBehindWhatIsHeldBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := &asked{}, &box{pending: []itsm.Intent{in(3, itsm.Trigger, 1)}}
		began := time.Now()
		time.AfterFunc(5*time.Minute, func() {
			b.mu.Lock()
			defer b.mu.Unlock()
			b.pending = append(b.pending, in(3, itsm.Resolve, 2))
		})
		restoredRun(t, b, a, 10*time.Minute, nil)
		if d := cmp.Diff([]string{"3-resolve-2"}, a.got); d != "" {
			t.Errorf("sent (-want +got):\n%s", d)
		} else if took := a.at[0].Sub(began); took > 6*time.Minute {
			t.Errorf("the resolve went out after %v", took)
		}
	})
}

// TestAnOldResolveIsTriedAgain: that an intent is older than a sender would try
// says nothing when the server was away.
func TestAnOldResolveIsTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		old := in(3, itsm.Resolve, 2)
		old.At = itsm.TimeOf(time.Now().Add(-2 * abandonAfter))
		a, b := &asked{partner: partner{script: map[string][]error{"3-resolve-2": {Retry(0, "down"), nil}}}}, &box{pending: []itsm.Intent{old}}
		s := NewSender(Options{Connector: a, Outbox: b, Actor: b, Restored: &Restored{Known: 10, Since: time.Now(), QuietUntil: time.Now().Add(time.Hour),
			Open: func() ([]itsm.Incident, error) { return nil, nil }}})
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
		defer cancel()
		if err := s.Run(ctx); err != nil {
			t.Fatal(err)
		}
		if ok, dead := b.settled(); len(ok) != 1 || len(dead) != 0 {
			t.Errorf("confirmed %v, dead %v: want it sent at the second try", ok, dead)
		}
	})
}

// TestAnOldResolveIsGivenUpADayLater: its day begins with the first start after the
// restore, whenever the backup was made.
func TestAnOldResolveIsGivenUpADayLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		old := in(3, itsm.Resolve, 2)
		old.At = itsm.TimeOf(began.Add(-abandonAfter))
		a, b := &asked{partner: partner{script: map[string][]error{"3-resolve-2": {Retry(0, "down")}}}}, &box{pending: []itsm.Intent{old}}
		s := NewSender(Options{Connector: a, Outbox: b, Actor: b, Restored: &Restored{Known: 10, Since: began, QuietUntil: began.Add(time.Hour),
			Open: func() ([]itsm.Incident, error) { return nil, nil }}})
		for _, c := range []struct {
			until time.Duration
			dead  int
		}{{abandonAfter - time.Minute, 0}, {abandonAfter + 2*backoffMax, 1}} {
			ctx, cancel := context.WithDeadline(t.Context(), began.Add(c.until))
			if err := s.Run(ctx); err != nil {
				t.Fatal(err)
			}
			cancel()
			if _, dead := b.settled(); len(dead) != c.dead {
				t.Errorf("after %v: dead letters %v, want %d", c.until, dead, c.dead)
			}
		}
	})
}

func TestAPersonSendsWhatWasHeldBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := &asked{}, &box{pending: []itsm.Intent{in(3, itsm.Trigger, 1)}}
		s := NewSender(Options{Connector: a, Outbox: b, Actor: b, Restored: &Restored{Known: 10, QuietUntil: time.Now().Add(time.Hour),
			Heard: func(itsm.IncidentNumber) (bool, error) { return false, nil }, Open: func() ([]itsm.Incident, error) { return nil, nil }}})
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
		defer cancel()
		var running sync.WaitGroup
		running.Go(func() { s.Run(ctx) })
		time.Sleep(5 * time.Minute)
		if got := a.calls(); len(got) != 0 {
			t.Errorf("sent %v in the quiet hour", got)
		}
		s.Approve("3-trigger-1")
		running.Wait()
		if d := cmp.Diff([]string{"3-trigger-1"}, a.calls()); d != "" {
			t.Errorf("after a person sent it again (-want +got):\n%s", d)
		}
	})
}
