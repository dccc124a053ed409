package engine

import (
	"context"
	"sync"
	"time"

	"signalbox/correlate/learn"
	"signalbox/itsm"
	"signalbox/rules"
	rulebook "signalbox/rules/book"
)

// LearnFresh is how long a report answers the question it was made for.
const LearnFresh = 15 * time.Minute

// Learner looks at history for everybody who asks, once for all of them: it costs
// a core for a while. It keeps the last report, in memory: it can be made again.
// It is safe for concurrent use.
type Learner struct {
	learn func(ctx context.Context, from, to itsm.Time) (learn.Report, error)
	clock func() time.Time
	ctx   context.Context // ends with Close
	stop  context.CancelFunc
	work  sync.WaitGroup

	mu       sync.Mutex // guards what follows
	from, to itsm.Time  // as they were asked for
	done     chan struct{}
	running  bool
	last     Learned
	err      error
}

// Learned is a report and when it was made.
type Learned struct {
	Report learn.Report
	At     time.Time // the zero time: none was made yet
}

// NewLearner returns a Learner that asks learn, such as the method of an Engine.
func NewLearner(learn func(ctx context.Context, from, to itsm.Time) (learn.Report, error), clock func() time.Time) *Learner {
	l := &Learner{learn: learn, clock: clock}
	l.ctx, l.stop = context.WithCancel(context.Background())
	return l
}

// Close stops what is being computed and returns when it has ended.
func (l *Learner) Close() {
	l.mu.Lock()
	l.stop()
	l.mu.Unlock()
	l.work.Wait()
}

// Report answers what a time speaks for, as [Engine.Learn] does. It waits for what
// is being computed until ctx ends; ready is false when that takes longer.
func (l *Learner) Report(ctx context.Context, from, to itsm.Time, refresh bool) (found Learned, ready bool, err error) {
	done, err := l.start(from, to, refresh)
	if err != nil {
		return Learned{}, false, err
	}
	select {
	case <-done:
	case <-ctx.Done():
		return Learned{}, false, nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err != nil {
		return Learned{}, false, l.err
	}
	return l.last, true, nil
}

// start begins a computation unless the last one answers the question.
func (l *Learner) start(from, to itsm.Time, refresh bool) (<-chan struct{}, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	same := l.done != nil && l.from == from && l.to == to
	switch {
	case l.running && !same:
		return nil, itsm.Errorf(itsm.Unavailable, "suggestions of another time are being computed; ask again when they are ready")
	case l.running, same && !refresh && l.err == nil && l.clock().Sub(l.last.At) < LearnFresh:
		return l.done, nil
	case l.ctx.Err() != nil:
		return nil, itsm.Errorf(itsm.Unavailable, "the process is stopping")
	}
	done := make(chan struct{})
	l.from, l.to, l.done, l.running = from, to, done, true
	l.work.Go(func() {
		report, err := l.learn(l.ctx, from, to)
		l.mu.Lock()
		if l.running, l.err = false, err; err == nil {
			l.last = Learned{report, l.clock()}
		}
		l.mu.Unlock()
		close(done)
	})
	return done, nil
}

// Draft returns the active rules with the one that a suggestion of the last report
// drafts, to be saved as a revision. It activates nothing.
func (l *Learner) Draft(b *rulebook.Book, id string) ([]rules.File, learn.Suggestion, error) {
	l.mu.Lock()
	found, ok := l.last.Report.Find(id)
	l.mu.Unlock()
	if !ok {
		return nil, found, itsm.Errorf(itsm.NotFound, "suggestion %.40q: not among those computed last; list the suggestions again", id)
	}
	if found.Rule.Body == "" {
		return nil, found, itsm.Errorf(itsm.Conflict, "suggestion %s is for people to know: no rule is drafted", found.ID)
	}
	h, err := b.Head()
	if err != nil {
		return nil, found, err
	}
	var files []rules.File
	if h.Active != 0 {
		rev, err := b.Revision(h.Active)
		if err != nil {
			return nil, found, err
		}
		files = rev.Files
	}
	for _, f := range files {
		if f.Name == found.Rule.Name {
			return nil, found, itsm.Errorf(itsm.Conflict, "the active rules have %s already", f.Name)
		}
	}
	return append(files[:len(files):len(files)], found.Rule), found, nil
}
