package engine

import (
	"context"
	"testing"
	"time"

	"signalbox/correlate/learn"
	"signalbox/itsm"
)

// Everybody who asks gets one report, until it is old; Close ends what is computed.
func TestLearnerKeepsAReport(t *testing.T) {
	now, asked := time.Unix(1_800_000_000, 0), 0
	l := NewLearner(func(ctx context.Context, from, _ itsm.Time) (learn.Report, error) {
		if asked++; asked == 3 {
			<-ctx.Done()
			return learn.Report{}, ctx.Err()
		}
		return learn.Report{Events: asked, From: from}, nil
	}, func() time.Time { return now })
	defer l.Close()
	for k, c := range []struct {
		later time.Duration
		want  int
	}{{0, 1}, {LearnFresh - 1, 1}, {1, 2}} {
		now = now.Add(c.later)
		got, ready, err := l.Report(t.Context(), 0, 0, false)
		if err != nil || !ready || got.Report.Events != c.want {
			t.Errorf("question %d: %+v, %v, %v; want the report of computation %d", k, got, ready, err, c.want)
		}
	}
	impatient, cancel := context.WithCancel(t.Context())
	cancel()
	if _, ready, err := l.Report(impatient, 0, 0, true); ready || err != nil {
		t.Errorf("while it is computed: ready %v, %v", ready, err)
	}
	if _, _, err := l.Report(t.Context(), 7, 0, false); itsm.CodeOf(err) != itsm.Unavailable {
		t.Errorf("another time meanwhile: %v, want Unavailable", err)
	}
	if _, _, err := l.Draft(nil, "x"); itsm.CodeOf(err) != itsm.NotFound {
		t.Errorf("draft of nothing: %v, want NotFound", err)
	}
	l.Close()
	if _, _, err := l.Report(t.Context(), 0, 0, false); itsm.CodeOf(err) != itsm.Unavailable {
		t.Errorf("after Close: %v, want Unavailable", err)
	}
}
