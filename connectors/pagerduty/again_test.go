package pagerduty_test

import (
	"context"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"signalbox/connectors"
	"signalbox/connectors/pagerduty"
	"signalbox/connectors/pagerduty/pagerdutytest"
	"signalbox/itsm"
)

// one is an outbox of one intent.
type one struct {
	mu   sync.Mutex
	in   itsm.Intent
	done chan itsm.Act
}

func (o *one) Intents(string, int) ([]itsm.Intent, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.in.Key == "" {
		return nil, nil
	}
	return []itsm.Intent{o.in}, nil
}

func (o *one) Do(_ context.Context, a itsm.Act) (itsm.Outcome, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.in = itsm.Intent{}
	o.done <- a
	return itsm.Outcome{}, nil
}

// lateAgain tries a second time only when what happens meanwhile has happened.
type lateAgain struct {
	*pagerduty.Connector
	tries     int
	meanwhile *sync.WaitGroup
}

func (l *lateAgain) Push(ctx context.Context, in itsm.Intent) (connectors.Receipt, error) {
	if l.tries++; l.tries > 1 {
		l.meanwhile.Wait()
	}
	return l.Connector.Push(ctx, in)
}

// TestATriggerIsNotRepeatedForWhatIsOver: its answer was lost, and somebody resolved
// what it opened before it is sent again.
func TestATriggerIsNotRepeatedForWhatIsOver(t *testing.T) {
	t.Parallel()
	s := pagerdutytest.New(t)
	var events atomic.Int32
	var resolving sync.WaitGroup
	s.Before = func(w http.ResponseWriter, _ pagerdutytest.Call) (answered, reached bool) {
		if events.Add(1) > 1 {
			return false, true
		}
		w.WriteHeader(http.StatusInternalServerError) // after doing it
		resolving.Go(func() {
			for s.Incident(key) == nil {
				time.Sleep(time.Millisecond)
			}
			s.Quietly("resolved", key)
		})
		return true, true
	}
	o := &one{in: intent(itsm.Trigger), done: make(chan itsm.Act, 1)}
	o.in.At = itsm.TimeOf(time.Now().Add(time.Second))
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	late := &lateAgain{Connector: connector(s, s.URL, pagerduty.Options{APIToken: "t"}), meanwhile: &resolving}
	sender := connectors.NewSender(connectors.Options{Connector: late, Outbox: o, Actor: o})
	running.Go(func() { sender.Run(ctx) })
	receipt := <-o.done
	cancel()
	running.Wait()
	resolving.Wait()
	if n := events.Load(); n != 1 || receipt.Failure != "" || receipt.Link == nil {
		t.Errorf("%d events, receipt %+v; want one, and the link of what it opened", n, receipt)
	}
	if got := s.Incident(key); got == nil || got.Status != "resolved" {
		t.Errorf("PagerDuty has %+v, want it resolved still", got)
	}
}
