package connectors

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"signalbox/itsm"
)

// wanting runs a sender whose partner has records for d; every incident up to n is
// wanted open.
func wanting(t *testing.T, b *box, c Connector, n int, d time.Duration, with func(*Options)) *Sender {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	defer cancel()
	o := Options{Connector: c, Outbox: b, Actor: b, PerMinute: 600, Sweeps: &Sweeps{
		Incidents: func(context.Context) (list []itsm.IncidentNumber, err error) {
			for k := n; k > 0; k-- {
				list = append(list, itsm.IncidentNumber(k))
			}
			return list, nil
		},
		Wanted: func(n itsm.IncidentNumber) (Wanted, bool) {
			return Wanted{Ref: Ref{n, 1}, Record: Record{Status: RecordOpen, Assignee: "ada"}, Settled: n != 9}, n != 8
		}}}
	if with != nil {
		with(&o)
	}
	s := NewSender(o)
	if err := s.Run(ctx); err != nil {
		t.Fatal(err)
	}
	return s
}

func TestR7ASweepJournalsWhatDiffersAndTouchesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &asked{records: map[itsm.IncidentNumber]Record{
			1: {Status: RecordOpen}, 2: {Status: RecordResolved, Version: 5, By: "jane"}, 3: {Status: RecordNone},
			4: {Status: RecordOpen, Knows: itsm.SyncAssignee, Assignee: "bob"}, 5: {Status: RecordOpen, Assignee: "not known"},
			8: {Status: RecordResolved}, 9: {Status: RecordResolved}}}
		b := &box{}
		s := wanting(t, b, a, 9, 2*time.Minute, nil)
		var got []string
		for _, r := range b.receipts {
			got = append(got, fmt.Sprintf("%s %d %s", r.Kind, r.Incident, r.Seen.Status))
			if r.Origin != "p" || r.Epoch != 1 || r.Actor != "p:sweep" || r.ReadOnly {
				t.Errorf("%+v", r)
			}
		}
		// 6 and 7 are not in records, so the partner has none of them.
		if d := cmp.Diff([]string{"sync 7 none", "sync 6 none", "sync 4 open", "sync 3 none", "sync 2 resolved"}, got); d != "" {
			t.Errorf("journaled (-want +got):\n%s", d)
		}
		if n := len(a.calls()); n != 0 {
			t.Errorf("%d calls changed something", n)
		}
		st := s.Status().Sweep
		if !st.Possible || st.Compared != 7 || st.Differed != 5 || st.Differs != 5 || st.EndedAt.IsZero() {
			t.Errorf("status %+v", st)
		}
		if l, ok := s.Looked(2); !ok || !l.Differs || l.Record.By != "jane" {
			t.Errorf("what was seen of 2: %+v", l)
		}
	})
}

func TestR7WhatWaitsToBeToldAgainIsNotJournaledAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &asked{records: map[itsm.IncidentNumber]Record{1: {Status: RecordResolved, Version: 5}}}
		b := &box{}
		later := time.Now().Add(time.Hour)
		wanting(t, b, a, 1, 31*time.Minute, func(o *Options) {
			o.Sweeps.Wanted = func(n itsm.IncidentNumber) (Wanted, bool) {
				return Wanted{Ref: Ref{n, 1}, Record: Record{Status: RecordOpen}, Settled: true, RepairAt: later}, true
			}
		})
		if len(b.receipts) != 1 || a.looks < 6 {
			t.Errorf("journaled %d times in %d looks, want once", len(b.receipts), a.looks)
		}
	})
}

func TestR7ASweepLeavesRoomForWhatIsSent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &asked{records: map[itsm.IncidentNumber]Record{}}
		s := wanting(t, &box{}, a, 5000, 10*time.Minute+30*time.Second, func(o *Options) { o.PerMinute = 60 })
		if a.looks < 250 || a.looks > 330 {
			t.Errorf("%d questions in ten minutes at 60 calls a minute, want half of them", a.looks)
		}
		if st := s.Status().Sweep; !st.EndedAt.IsZero() && st.Compared == 5000 {
			t.Errorf("5000 in ten minutes: %+v", st)
		}
	})
}

func TestR7AfterARestoreSweepsAreReadOnlyForAnHour(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &asked{records: map[itsm.IncidentNumber]Record{}}
		b := &box{}
		began := time.Now()
		var at []time.Duration
		wanting(t, b, a, 1, 90*time.Minute, func(o *Options) {
			o.Restored = &Restored{Known: 10, QuietUntil: began.Add(time.Hour), Open: func() ([]itsm.Incident, error) { return nil, nil }}
		})
		for range b.receipts {
			at = append(at, 0)
		}
		if len(at) < 10 {
			t.Fatalf("%d sweeps", len(at))
		}
		quiet := slices.IndexFunc(b.receipts, func(r itsm.Act) bool { return !r.ReadOnly })
		if quiet < 11 || quiet > 13 {
			t.Errorf("the first sweep that repairs is number %d of one every five minutes", quiet+1)
		}
	})
}

// many can be asked about many at once.
type many struct {
	asked
	batches []int
}

func (m *many) LookMany(ctx context.Context, refs []Ref) ([]Record, error) {
	m.mu.Lock()
	m.batches = append(m.batches, len(refs))
	m.mu.Unlock()
	out := make([]Record, len(refs))
	for n, r := range refs {
		out[n], _ = m.Look(ctx, r.Incident, r.Epoch)
	}
	return out, m.err
}

func TestAPartnerIsAskedAboutManyAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &many{}
		m.records = map[itsm.IncidentNumber]Record{}
		wanting(t, &box{}, m, 120, 2*time.Minute, nil)
		if d := cmp.Diff([]int{50, 50, 18}, m.batches); d != "" {
			t.Errorf("(-want +got):\n%s", d)
		}
	})
}

func TestASweepStopsWhenThePartnerCannotBeAsked(t *testing.T) {
	for _, c := range []struct {
		err   error
		looks int // of two sweeps
	}{
		{errors.New("no token"), 2 * lookFails},
		{Retry(0, "no answer"), 2 * lookFails},
		{Retry(time.Minute, "too many requests"), 2}, // it asks to be left alone
	} {
		synctest.Test(t, func(t *testing.T) {
			a := &asked{err: c.err}
			s := wanting(t, &box{}, a, 100, 6*time.Minute, nil)
			if a.looks != c.looks {
				t.Errorf("%v: %d questions in two sweeps, want %d", c.err, a.looks, c.looks)
			}
			if st := s.Status().Sweep; st.Error != c.err.Error() || st.Failed != c.looks/2 || st.Compared != 0 {
				t.Errorf("%v: status %+v", c.err, st)
			}
		})
	}
}

// earlier is a partner with records of an incident's epochs.
type earlier struct {
	asked
	mu       sync.Mutex
	of       map[Ref]Record
	repairAt time.Time
}

func (p *earlier) Look(_ context.Context, n itsm.IncidentNumber, epoch uint32) (Record, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.of[Ref{n, epoch}], nil
}

// becomes changes the record of an epoch, which is not told again for a while.
func (p *earlier) becomes(epoch uint32, r Record, wait time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.of[Ref{1, epoch}] = r
	if wait > 0 {
		p.repairAt = time.Now().Add(wait)
	}
}

func (p *earlier) notBefore() time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.repairAt
}

func TestAnEarlierRecordIsLookedAtInEverySweep(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		now := Record{Status: RecordOpen, Knows: itsm.SyncAssignee, Assignee: "ada"}
		over := Record{Status: RecordResolved, Version: 4}
		p, b := &earlier{of: map[Ref]Record{{1, 3}: now, {1, 1}: over, {1, 2}: over}}, &box{}
		// Sweeps are at 30 s and every 5 minutes; the third sees it open, and the fold waits for an hour with the fourth.
		time.AfterFunc(8*time.Minute, func() {
			p.becomes(1, Record{Status: RecordAcknowledged, Version: 9, By: "jane", Title: "not needed"}, time.Hour)
		})
		time.AfterFunc(18*time.Minute, func() { p.becomes(1, Record{Status: RecordOpen, Version: 12}, 0) })
		wanting(t, b, p, 1, 24*time.Minute, func(o *Options) {
			o.Sweeps.Wanted = func(n itsm.IncidentNumber) (Wanted, bool) {
				return Wanted{Ref: Ref{n, 3}, Before: []uint32{1, 2}, Record: Record{Status: RecordOpen, Assignee: "ada"}, Settled: true, RepairAt: p.notBefore()}, true
			}
		})
		var got []string
		for _, r := range b.receipts {
			got = append(got, fmt.Sprintf("%s of epoch %d: %s by %q%s", r.Kind, r.Epoch, r.Seen.Status, r.Seen.By, r.Seen.Title))
		}
		if d := cmp.Diff([]string{`sync of epoch 1: acknowledged by "jane"`, `sync of epoch 1: open by ""`}, got); d != "" {
			t.Errorf("journaled (-want +got):\n%s", d)
		}
	})
}

// spoilt is a partner that cannot be asked about some incidents.
type spoilt struct {
	asked
	bad     map[itsm.IncidentNumber]bool
	panics  bool
	order   []itsm.IncidentNumber
	batches []int // refused
}

func (p *spoilt) Look(ctx context.Context, n itsm.IncidentNumber, epoch uint32) (Record, error) {
	p.order = append(p.order, n)
	if p.bad[n] && p.panics {
		panic("no such field")
	}
	if p.bad[n] {
		return Record{}, &TerminalError{Status: 403, Detail: "it is in another project"}
	}
	return p.asked.Look(ctx, n, epoch)
}

// spoiltMany is one that is asked about many at once, and refuses all for one.
type spoiltMany struct{ spoilt }

func (p *spoiltMany) LookMany(ctx context.Context, refs []Ref) ([]Record, error) {
	out := make([]Record, len(refs))
	for n, r := range refs {
		if p.bad[r.Incident] {
			p.batches = append(p.batches, len(refs))
			return nil, &TerminalError{Status: 400, Detail: "one of them is in another project"}
		}
		out[n], _ = p.asked.Look(ctx, r.Incident, r.Epoch)
	}
	return out, nil
}

func TestASweepSkipsWhatThePartnerCannotBeAskedAbout(t *testing.T) {
	bad := map[itsm.IncidentNumber]bool{3: true, 20: true, 19: true, 18: true, 17: true}
	synced := func(b *box) (n int) {
		for _, r := range b.receipts {
			if bad[r.Incident] {
				t.Errorf("%d was journaled although nothing is known of it", r.Incident)
			}
			n++
		}
		return n
	}
	for _, panics := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			p, b := &spoilt{bad: bad, panics: panics}, &box{}
			s := wanting(t, b, p, 20, 2*time.Minute, nil)
			if st := s.Status().Sweep; st.Failed != 5 || st.Compared != 13 || !strings.Contains(st.Error, map[bool]string{false: "another project", true: "no such field"}[panics]) {
				t.Errorf("status %+v", st)
			}
			if n := synced(b); n != 13 {
				t.Errorf("%d of 13 others were compared", n)
			}
		})
	}
	synctest.Test(t, func(t *testing.T) {
		p, b := &spoiltMany{spoilt{bad: bad}}, &box{}
		s := wanting(t, b, p, 60, 2*time.Minute, nil)
		if st := s.Status().Sweep; st.Failed != 5 || st.Compared != 53 {
			t.Errorf("of many at once: status %+v", st)
		}
		if n := synced(b); n != 53 || len(p.batches) != 2 { // the second is the rest with 3
			t.Errorf("of many at once: %d of 53 others were compared, batches of %v refused", n, p.batches)
		}
	})
}

// The newest five cannot be asked about, which ends the first sweep. They come last in
// the next.
func TestWhatCannotBeAskedAboutKeepsNothingFromBeingCompared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, b := &spoilt{bad: map[itsm.IncidentNumber]bool{20: true, 19: true, 18: true, 17: true, 16: true}}, &box{}
		s := wanting(t, b, p, 20, 7*time.Minute, nil)
		if len(p.order) != 5+13+5 || p.order[5] != 15 || p.order[18] != 20 {
			t.Errorf("asked about %v", p.order)
		}
		if st := s.Status().Sweep; st.Compared != 13 || st.Failed != 5 {
			t.Errorf("status %+v", st)
		}
	})
}

func TestASweepGoesOnAfterAnEarlierRecordItCannotSee(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, b := &spoilt{bad: map[itsm.IncidentNumber]bool{5: true}}, &box{}
		s := wanting(t, b, p, 7, 2*time.Minute, func(o *Options) {
			with := o.Sweeps.Wanted
			o.Sweeps.Wanted = func(n itsm.IncidentNumber) (Wanted, bool) {
				w, ok := with(n)
				if n == 5 {
					w.Epoch, w.Before = 2, []uint32{1}
				}
				return w, ok
			}
		})
		if st := s.Status().Sweep; st.Compared != 6 || st.Failed != 1 {
			t.Errorf("status %+v", st)
		}
	})
}

func TestAPausedConnectorCallsNobodyAndLosesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &asked{records: map[itsm.IncidentNumber]Record{}}
		b := &box{pending: []itsm.Intent{in(1, itsm.Trigger, 1), in(1, itsm.Acknowledge, 2)}}
		began := time.Now()
		var s *Sender
		time.AfterFunc(time.Hour, func() { s.Nudge() })
		o := Options{Connector: a, Outbox: b, Actor: b, Paused: func() bool { return time.Since(began) < time.Hour }}
		s = NewSender(o)
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Hour)
		defer cancel()
		if err := s.Run(ctx); err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff([]string{"1-trigger-1", "1-acknowledge-2"}, a.got); d != "" {
			t.Errorf("sent (-want +got):\n%s", d)
		}
		if first := a.at[0].Sub(began); first != time.Hour {
			t.Errorf("sent after %v of an hour's pause", first)
		}
	})
}

func TestR2AnUnknownOutcomeIsTriedUnderOneKeyAndKnowsIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &box{pending: []itsm.Intent{in(1, itsm.Trigger, 1), in(1, itsm.Resolve, 2), in(2, itsm.Trigger, 1)}}
		p := &creator{fail: 2}
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
		defer cancel()
		if err := NewSender(Options{Connector: p, Outbox: b, Actor: b}).Run(ctx); err != nil {
			t.Fatal(err)
		}
		// Both triggers waited when the sender began, so the one of what is resolved is not sent.
		if d := cmp.Diff([]string{"1-resolve-2 unknown", "1-resolve-2 unknown", "1-resolve-2 unknown", "2-trigger-1 first"}, slices.Sorted(slices.Values(p.got))); d != "" {
			t.Errorf("(-want +got):\n%s", d)
		}
	})
}

// creator says of each call whether it was told of an earlier one.
type creator struct {
	partner
	fail int
}

func (c *creator) Push(ctx context.Context, in itsm.Intent) (Receipt, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	word := " first"
	if _, last := TriedAt(ctx); !last.IsZero() || in.Transition == itsm.Resolve {
		word = " unknown"
	}
	c.got = append(c.got, in.Key+word)
	if c.fail > 0 && in.Transition == itsm.Resolve {
		c.fail--
		return Receipt{}, Retry(0, "time-out")
	}
	return Receipt{}, nil
}

func TestR8APartnerThatIsDownDelaysNobodyElse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		down, up := &partner{script: map[string][]error{"1-trigger-1": {Retry(0, "down")}}}, &partner{}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		began := time.Now()
		for _, p := range []*partner{down, up} {
			b := &box{pending: []itsm.Intent{in(1, itsm.Trigger, 1), in(2, itsm.Trigger, 1)}}
			go NewSender(Options{Connector: p, Outbox: b, Actor: b}).Run(ctx)
		}
		synctest.Wait()
		if n := len(up.calls()); n != 2 || time.Since(began) != 0 {
			t.Errorf("the partner that is up was told %d of 2 after %v", n, time.Since(began))
		}
		<-ctx.Done()
		synctest.Wait()
	})
}

func TestR9WhatIsOverBeforeItWasToldIsNotTold(t *testing.T) {
	send, superseded := Coalesce([]itsm.Intent{in(1, itsm.Trigger, 1), in(1, itsm.Update, 2), in(1, itsm.Resolve, 3)}, never, never)
	if len(send) != 0 || len(superseded) != 3 {
		t.Errorf("sent %d, superseded %d of 3", len(send), len(superseded))
	}
	send, _ = Coalesce([]itsm.Intent{in(1, itsm.Update, 4), in(1, itsm.Update, 5)}, never, never)
	if len(send) != 1 || send[0].Serial != 5 {
		t.Errorf("sent %+v, want the latest", send)
	}
}

func TestALimitThatIsUsedUpIsWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &Limits{}
		l.observe(http.Header{"Ratelimit-Limit": {"960"}, "Ratelimit-Remaining": {"0"}, "Ratelimit-Reset": {"40"}})
		b, p := &box{pending: []itsm.Intent{in(1, itsm.Trigger, 1)}}, &partner{}
		began := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		s := NewSender(Options{Connector: p, Outbox: b, Actor: b, Limits: l})
		if err := s.Run(ctx); err != nil {
			t.Fatal(err)
		}
		if len(p.at) != 1 || p.at[0].Sub(began) != 40*time.Second {
			t.Errorf("called at %v after %v", p.at, began)
		}
		if got := s.Status().Limit; got.Limit != 960 || got.Remaining != 0 {
			t.Errorf("limit %+v", got)
		}
	})
}

func TestResetIsReadInEveryForm(t *testing.T) {
	now := time.Date(2026, 11, 27, 10, 0, 0, 0, time.UTC)
	for v, want := range map[string]time.Duration{
		"30": 30 * time.Second, " 5 ": 5 * time.Second, "1795773660": time.Minute, "2026-11-27T10:02Z": 2 * time.Minute, "2026-11-27T10:03:00Z": 3 * time.Minute,
		"Fri, 27 Nov 2026 10:04:00 GMT": 4 * time.Minute,
	} {
		if got := resetAt(v, now).Sub(now); got != want {
			t.Errorf("%q: in %v, want %v", v, got, want)
		}
	}
	for _, v := range []string{"", "0", "-3", "soon"} {
		if got := resetAt(v, now); !got.IsZero() {
			t.Errorf("%q: %v", v, got)
		}
	}
}

func TestAnAnswerTellsTheLimit(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-RateLimit-Limit", "100")
		w.Header().Set("X-RateLimit-Remaining", "7")
	}))
	defer srv.Close()
	client := NewClient(nil)
	resp, err := client.Get(srv.URL)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if got := LimitsOf(client).Last(); got.Limit != 100 || got.Remaining != 7 {
		t.Errorf("%+v", got)
	}
	if LimitsOf(http.DefaultClient) != nil {
		t.Error("a client of others has limits")
	}
}

// shows is a partner that keeps what it is told.
type shows struct {
	partner
	has   RecordStatus
	check error
	lag   int // looks before it shows anything
}

func (s *shows) Push(ctx context.Context, in itsm.Intent) (Receipt, error) {
	if !strings.Contains(in.Snapshot.Title, "TEST") || in.Incident < TestIncidentFrom {
		return Receipt{}, errors.New("this is no test")
	}
	s.has = map[itsm.Transition]RecordStatus{itsm.Trigger: RecordOpen, itsm.Acknowledge: RecordAcknowledged, itsm.Resolve: RecordResolved}[in.Transition]
	return Receipt{Link: &itsm.ExternalRef{Connector: "p", ID: "X1", URL: "https://p.example/X1"}}, nil
}

func (s *shows) Look(context.Context, itsm.IncidentNumber, uint32) (Record, error) {
	if s.lag > 0 {
		s.lag--
		return Record{}, nil
	}
	return Record{Status: s.has}, nil
}

func (s *shows) Check(context.Context) (string, error) { return "as ada at p", s.check }

func TestATestGoesAllTheWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		words := func(steps []Step) (out []string) {
			for _, s := range steps {
				out = append(out, fmt.Sprintf("%s %v", s.Name, s.Ok))
			}
			return out
		}
		b := &box{}
		s := NewSender(Options{Connector: &shows{lag: 2}, Outbox: b, Actor: b, Paused: func() bool { return true }})
		if d := cmp.Diff([]string{"check true", "open true", "look true", "acknowledge true", "look true", "resolve true", "look true"}, words(s.Test(t.Context(), false))); d != "" {
			t.Errorf("(-want +got):\n%s", d)
		}
		if len(b.receipts) != 0 {
			t.Errorf("a test is journaled: %+v", b.receipts)
		}
		s = NewSender(Options{Connector: &shows{check: errors.New("401: bad token")}, Outbox: b, Actor: b})
		if got := s.Test(t.Context(), false); len(got) != 1 || got[0].Ok || got[0].Detail != "401: bad token" {
			t.Errorf("a check that fails: %+v", got)
		}
		s = NewSender(Options{Connector: &partner{script: map[string][]error{}}, Outbox: b, Actor: b})
		if d := cmp.Diff([]string{"check true", "open true", "acknowledge true", "resolve true"}, words(s.Test(t.Context(), false))); d != "" {
			t.Errorf("a partner that cannot be asked (-want +got):\n%s", d)
		}
		s = NewSender(Options{Connector: &shows{}, Outbox: b, Actor: b})
		if got := s.Test(t.Context(), true); len(got) != 1 {
			t.Errorf("only a check: %+v", got)
		}
	})
}
