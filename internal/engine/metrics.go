package engine

import (
	"context"

	"github.com/ebb-transfer/ebb/internal/pace/idle"
	"github.com/ebb-transfer/ebb/job"
)

// Counts are of all that has happened since the engine was made. What happened in a commit that failed may count twice.
type Counts struct {
	Received [4]int64 // bytes that came from servers, whatever became of them, by priority of the job; half a second late at most
	Files    int64    // that were transferred
	Errors   [3]int64 // of jobs, by class: one that is tried again and fails again counts again

	Acknowledged int64 // jobs that ended with all their files
	Partial      int64 // jobs that ended with some of their files
	Cancelled    int64 // jobs that ended without any
}

// Jobs are numbers of jobs, by state and priority.
type Jobs [job.Cancelled + 1][4]int

// kind is what jobs are counted by.
type kind struct {
	state    job.State
	priority job.Priority
}

func (j *Jobs) count(k kind, n int) { j[k.state][k.priority] += n }

// Line is what [idle.Line] is.
type Line = idle.Line

// Metrics are numbers for those who watch many engines.
type Metrics struct {
	Counts
	Jobs    Jobs     // that are not final
	Running int      // files with a worker
	Limit   int64    // bytes per second over all jobs, 0 is unlimited
	Limits  [4]int64 // the same of each priority, by the schedule
	Lines   []Line   // that background jobs leave to others
}

// Metrics returns how things stand. What it costs does not depend on how many jobs wait.
func (e *Engine) Metrics(ctx context.Context) (Metrics, error) {
	m, err := ask(ctx, e, func(s *session) (Metrics, error) { return s.metrics(), nil })
	if err != nil {
		return Metrics{}, err
	}
	m.Limit = e.global.Limit()
	for p, class := range e.classes {
		m.Limits[p] = class.Limit()
	}
	m.Lines = e.idle.Lines()
	return m, nil
}

func (s *session) metrics() Metrics {
	m := Metrics{Counts: s.counts, Jobs: s.kinds, Running: s.plan.running}
	for en := range s.busy {
		m.Jobs.count(en.kind, -1)
		m.Jobs.count(kind{en.state(), en.job.Priority}, +1)
	}
	return m
}

// fold counts what an event has made of a job. What blocks a job is no error of it.
func (c *Counts) fold(from, to job.Job, ev job.Event) {
	if _, done := ev.(job.FileDone); done && to.Totals.FilesDone > from.Totals.FilesDone {
		c.Files++
	}
	if to.Error != nil && to.Error != from.Error && !to.Blocked() {
		c.Errors[to.Error.Class]++
	}
	switch {
	case from.State == to.State:
	case to.State == job.Cancelled:
		c.Cancelled++
	case to.State == job.Acknowledged && to.Result == job.PartialComplete:
		c.Partial++
	case to.State == job.Acknowledged:
		c.Acknowledged++
	}
}
