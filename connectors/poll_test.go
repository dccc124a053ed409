package connectors

import (
	"context"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"signalbox/itsm"
)

type pulled struct {
	partner
	cursors []string
	answers []error // of each call; nil when there are no more
	at      []time.Time
}

func (p *pulled) PullEvery() time.Duration { return time.Minute }

func (p *pulled) Pull(_ context.Context, cursor string) ([]itsm.Act, string, error) {
	n := len(p.cursors)
	p.cursors, p.at = append(p.cursors, cursor), append(p.at, time.Now())
	if n < len(p.answers) && p.answers[n] != nil {
		return nil, "lost", p.answers[n]
	}
	return []itsm.Act{{Kind: itsm.ActNote, Incident: 3, Link: &itsm.ExternalRef{ID: "X"}}}, cursor + "+", nil
}

type journalOnce struct {
	refusals []error
	acts     []itsm.Act
}

func (j *journalOnce) Do(_ context.Context, a itsm.Act) (itsm.Outcome, error) {
	var err error
	if len(j.refusals) > 0 {
		err, j.refusals = j.refusals[0], j.refusals[1:]
	}
	if err == nil {
		j.acts = append(j.acts, a)
	}
	return itsm.Outcome{}, err
}

// TestPoll: the cursor moves only when what it stands for was journaled or refused,
// and a partner that asks to be left alone is.
func TestPoll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &pulled{answers: []error{nil, Retry(5*time.Minute, "busy"), nil, nil, nil}}
		j := &journalOnce{refusals: []error{nil, itsm.Errorf(itsm.Unavailable, "full"), itsm.Errorf(itsm.Conflict, "closed")}}
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute+30*time.Second)
		defer cancel()
		if err := Poll(ctx, p, j, slog.New(slog.DiscardHandler)); err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff([]string{"", "+", "+", "+", "++", "+++", "++++"}, p.cursors); d != "" {
			t.Errorf("cursors (-want +got):\n%s", d)
		}
		if got := p.at[2].Sub(p.at[1]); got != 5*time.Minute {
			t.Errorf("asked again after %v, want 5m", got)
		}
		if len(j.acts) != 4 || j.acts[0].Origin != p.Name() || j.acts[0].Link.Connector != p.Name() {
			t.Errorf("journaled %+v", j.acts)
		}
	})
}
