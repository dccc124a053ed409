package engine

import (
	"context"
	"slices"
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

// Draft returns the rules that people work on with the one that a suggestion of the
// last report drafts, to be saved as a revision. It activates nothing. They are the
// active rules or, when the newest revision is those with other suggestions, that
// one: who drafts two finds both in the second.
func (l *Learner) Draft(b *rulebook.Book, id string) ([]rules.File, learn.Suggestion, error) {
	found, err := l.drafted(id)
	if err != nil {
		return nil, found, err
	}
	active, err := activeFiles(b)
	if err != nil {
		return nil, found, err
	}
	files, err := withDrafts(b, active)
	if err != nil {
		return nil, found, err
	}
	if hasFile(active, found.Rule.Name) {
		return nil, found, itsm.Errorf(itsm.Conflict, "the active rules have %s already", found.Rule.Name)
	}
	if hasFile(files, found.Rule.Name) {
		return files, found, nil
	}
	return append(files[:len(files):len(files)], found.Rule), found, nil
}

// Try returns the active rules, and what they would be with the rule of a
// suggestion of the last report, in force.
func (l *Learner) Try(b *rulebook.Book, id string) (before, after []rules.File, found learn.Suggestion, err error) {
	if found, err = l.drafted(id); err != nil {
		return nil, nil, found, err
	}
	if before, err = activeFiles(b); err != nil {
		return nil, nil, found, err
	}
	after = slices.DeleteFunc(slices.Clone(before), func(f rules.File) bool { return f.Name == found.Rule.Name })
	return before, append(after, found.Live()), found, nil
}

// Begin is from when on a report looks at history unless it is told otherwise.
func (l *Learner) Begin() itsm.Time { return itsm.TimeOf(l.clock().Add(-LearnWithin)) }

// drafted finds a suggestion that drafts a rule.
func (l *Learner) drafted(id string) (learn.Suggestion, error) {
	l.mu.Lock()
	found, ok := l.last.Report.Find(id)
	l.mu.Unlock()
	if !ok {
		return found, itsm.Errorf(itsm.NotFound, "suggestion %.40q: not among those computed last; list the suggestions again", id)
	}
	if found.Rule.Body == "" {
		return found, itsm.Errorf(itsm.Conflict, "suggestion %s is for people to know: no rule is drafted", found.ID)
	}
	return found, nil
}

func activeFiles(b *rulebook.Book) ([]rules.File, error) {
	h, err := b.Head()
	if err != nil || h.Active == 0 {
		return nil, err
	}
	rev, err := b.Revision(h.Active)
	return rev.Files, err
}

// withDrafts is the newest revision when it is the active rules and drafts of
// suggestions, else the active rules.
func withDrafts(b *rulebook.Book, active []rules.File) ([]rules.File, error) {
	h, err := b.Head()
	if err != nil || h.Last == 0 || h.Last == h.Active {
		return active, err
	}
	newest, err := b.Revision(h.Last)
	if err != nil {
		return nil, err
	}
	rest := slices.DeleteFunc(slices.Clone(newest.Files), func(f rules.File) bool { return learn.IsDraft(f) && !hasFile(active, f.Name) })
	if rules.Hash(rest) != rules.Hash(active) {
		return active, nil
	}
	return newest.Files, nil
}

func hasFile(files []rules.File, name string) bool {
	return slices.ContainsFunc(files, func(f rules.File) bool { return f.Name == name })
}
