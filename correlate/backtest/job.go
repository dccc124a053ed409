package backtest

import (
	"context"
	"runtime"
	"strconv"
	"sync"
	"time"

	"signalbox/itsm"
	"signalbox/rules"
)

// Bounds of the backtests of a server.
const (
	jobsKept     = 10      // results that can still be asked for
	jobsEpisodes = 300_000 // alert episodes a side may have: at worst, each an incident of its own, two gigabytes
	// pauseFor is how long a backtest rests after each few entries, beside yielding: on
	// a busy machine the fold goes first.
	pauseEvery = 10 * time.Millisecond
	pauseFor   = 2 * time.Millisecond
)

// State of a job.
const (
	Running  = "running"
	Done     = "done"
	JobError = "failed"
)

// Job is one backtest of a server.
type Job struct {
	ID        string
	State     string // Running, Done or JobError
	Progress  int    // thousandths
	StartedAt time.Time
	EndedAt   time.Time // zero while it runs
	Actor     string
	Before    string
	After     string
	From, To  itsm.Time
	Error     string // of JobError
	Report    *Report
}

// Jobs runs backtests one at a time, and keeps the results of the last few in memory.
type Jobs struct {
	history History
	clock   func() time.Time
	ctx     context.Context
	stop    context.CancelFunc
	running sync.WaitGroup

	mu   sync.Mutex
	jobs []*Job // oldest first
	last int
}

// NewJobs runs backtests over a history.
func NewJobs(h History, clock func() time.Time) *Jobs {
	j := &Jobs{history: h, clock: clock}
	j.ctx, j.stop = context.WithCancel(context.Background())
	return j
}

// Close cancels what runs and waits for it.
func (j *Jobs) Close() {
	j.stop()
	j.running.Wait()
}

// Trial is what somebody asks a backtest of.
type Trial struct {
	Before, After RuleSet
	From, To      itsm.Time     // as in Options
	WarmUp        time.Duration // as in Options
	Actor         string
}

// Start begins a backtest. While another one runs it is a Conflict.
func (j *Jobs) Start(t Trial) (Job, error) {
	if t.WarmUp < 0 || t.WarmUp > WarmUpMax {
		return Job{}, itsm.Errorf(itsm.Invalid, "warm_up %v: expected 0s to %v", t.WarmUp, WarmUpMax)
	}
	for _, s := range []RuleSet{t.Before, t.After} {
		if _, ps := rules.Compile(s.Files); rules.Blocking(ps) {
			return Job{}, itsm.Errorf(itsm.Invalid, "the rules of %s cannot be used: %s", s.Name, ps[0])
		}
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.ctx.Err() != nil {
		return Job{}, itsm.Errorf(itsm.Unavailable, "the process is stopping")
	}
	if n := len(j.jobs); n > 0 && j.jobs[n-1].State == Running {
		return Job{}, itsm.Errorf(itsm.Conflict, "backtest %s is running, at %d %%: one at a time; try again when it is done", j.jobs[n-1].ID, j.jobs[n-1].Progress/10)
	}
	j.last++
	job := &Job{ID: strconv.Itoa(j.last), State: Running, StartedAt: j.clock(), Actor: t.Actor, Before: t.Before.Name, After: t.After.Name, From: t.From, To: t.To}
	if j.jobs = append(j.jobs, job); len(j.jobs) > jobsKept {
		j.jobs = j.jobs[1:]
	}
	o := Options{Before: t.Before, After: t.After, History: j.history, From: t.From, To: t.To, WarmUp: t.WarmUp, Episodes: jobsEpisodes,
		Progress: func(milli int) { j.mu.Lock(); job.Progress = milli; j.mu.Unlock() }, Pause: j.pause()}
	j.running.Go(func() { j.finish(job, o) })
	return *job, nil
}

// pause gives way to the fold: always to other goroutines, and for a moment after each
// slice of time, so that a backtest never takes a whole core.
func (j *Jobs) pause() func() {
	began := j.clock()
	return func() {
		runtime.Gosched()
		if j.clock().Sub(began) < pauseEvery {
			return
		}
		select {
		case <-j.ctx.Done():
		case <-time.After(pauseFor):
		}
		began = j.clock()
	}
}

func (j *Jobs) finish(job *Job, o Options) {
	rep, err := Run(j.ctx, o)
	j.mu.Lock()
	defer j.mu.Unlock()
	job.EndedAt = j.clock()
	if err != nil {
		job.State, job.Error = JobError, itsm.MessageOf(err)
		return
	}
	job.State, job.Report, job.Progress = Done, rep, 1000
}

// Get returns a job as it is now.
func (j *Jobs) Get(id string) (Job, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, job := range j.jobs {
		if job.ID == id {
			return *job, nil
		}
	}
	return Job{}, itsm.Errorf(itsm.NotFound, "there is no backtest %q; the last %d are kept until the process stops", id, jobsKept)
}

// List returns the jobs that are kept, newest first, without their reports.
func (j *Jobs) List() []Job {
	j.mu.Lock()
	defer j.mu.Unlock()
	out := make([]Job, 0, len(j.jobs))
	for i := len(j.jobs) - 1; i >= 0; i-- {
		job := *j.jobs[i]
		job.Report = nil
		out = append(out, job)
	}
	return out
}
