package engine

import (
	"cmp"
	"sync"

	"github.com/ebb-transfer/ebb/internal/sched"
	"github.com/ebb-transfer/ebb/job"
)

// Limits are what the administrator has decided. Those on the numbers of jobs, files and ranges, of which 0 is no bound, do
// not hold for administrators, as in BITS.
type Limits struct {
	Sched   sched.Limits
	PerHost int   // connections to one host; 0 is 8
	PerJob  int   // files of one job at once; 0 is 8
	Rate    int64 // bytes per second over all jobs; 0 is unlimited

	JobsPerMachine int // jobs that are not final
	JobsPerUser    int
	FilesPerJob    int
	RangesPerFile  int

	// What new jobs have in place of the defaults of package job; 0 is those.
	MaxDownloadTime   job.Duration
	InactivityTimeout job.Duration

	// ForbidCleartext keeps passwords off unencrypted connections to other machines, whatever a job allows itself.
	ForbidCleartext bool
	// Proxy and ProxyBypass are what jobs have that name no proxy, as in [job.Network]. "" is the environment's.
	Proxy, ProxyBypass string
	// Unmarked has background jobs send without the mark of Lower-Effort (RFC 8622).
	Unmarked bool
}

func (l Limits) withDefaults() Limits {
	if l.PerHost == 0 {
		l.PerHost = 8
	}
	if l.PerJob == 0 {
		l.PerJob = 8
	}
	return l
}

// defaults puts the administrator's in place of what a new job was given nothing for.
func (l Limits) defaults(s *job.Settings) {
	s.MaxDownloadTime = cmp.Or(s.MaxDownloadTime, l.MaxDownloadTime)
	s.InactivityTimeout = cmp.Or(s.InactivityTimeout, l.InactivityTimeout)
}

// reach is how a server is reached where the administrator has the last word, or the only one.
func (l Limits) reach(n job.Network) job.Network {
	n.AllowCleartext = n.AllowCleartext && !l.ForbidCleartext
	if n.Proxy == job.ProxyPreconfigured {
		n.Proxy, n.ProxyBypass = l.Proxy, l.ProxyBypass
	}
	return n
}

// outside is what the engine was told of what is outside, for the control goroutine to pick up.
type outside struct {
	news chan struct{} // has a token when there is something new

	mu        sync.Mutex // guards all below
	facts     sched.Facts
	limits    Limits
	networkUp bool
}

func (o *outside) tell(f func()) {
	o.mu.Lock()
	f()
	o.mu.Unlock()
	select {
	case o.news <- struct{}{}:
	default:
	}
}

// SetFacts tells what the network and the machine are like. HostClosed is the engine's own business. It may be called before
// Run, and never waits; what it changes happens soon.
func (e *Engine) SetFacts(f sched.Facts) { e.outside.tell(func() { e.outside.facts = f }) }

// SetLimits changes the limits, as SetFacts does the facts. What runs already beyond them goes on.
func (e *Engine) SetLimits(l Limits) {
	l = l.withDefaults()
	e.global.SetRate(l.Rate)
	e.idle.Mark(!l.Unmarked)
	e.outside.tell(func() { e.outside.limits = l })
}

// NetworkUp says that there is a network again, or another one: every job that failed for a while is tried again now,
// whatever its error was, as in BITS.
func (e *Engine) NetworkUp() { e.outside.tell(func() { e.outside.networkUp = true }) }

// Limits are those that hold now.
func (e *Engine) Limits() Limits {
	e.outside.mu.Lock()
	defer e.outside.mu.Unlock()
	return e.outside.limits
}

// hearNews picks up what was told.
func (s *session) hearNews() {
	s.outside.mu.Lock()
	up := s.outside.networkUp
	s.known, s.limits, s.outside.networkUp = s.outside.facts, s.outside.limits, false
	s.outside.mu.Unlock()
	s.plan.dirty = true
	if !up {
		return
	}
	for _, en := range s.jobs {
		if en.job.State == job.TransientError && !en.job.Blocked() { // what blocked a job is the plan's to tell
			_ = s.next(en, job.NetworkUp{})
		}
	}
}

// followPlan blocks the jobs that may not run, and lets those go that may again.
func (s *session) followPlan() {
	if s.known.Paused != "" {
		return // what would block them is not known
	}
	for en := range s.blocked {
		if why, still := s.plan.Blocked[en.job.ID]; still {
			s.block(en, why)
		} else {
			_ = s.next(en, job.Unblocked{})
		}
	}
	if len(s.plan.Blocked) > 0 { // else a long line costs nothing
		for en := range s.ready {
			if why, blocked := s.plan.Blocked[en.job.ID]; blocked {
				s.block(en, why)
			}
		}
	}
	for p, rate := range s.plan.Rates {
		if class := s.classes[job.Priority(p)]; class.Limit() != rate {
			class.SetRate(rate)
		}
	}
}

// block has a job wait for what the plan says.
func (s *session) block(en *entry, why sched.Block) {
	if en.job.Blocked() && en.job.Error.Code == why.Code && en.job.Error.Text == why.Text {
		return
	}
	_ = s.next(en, job.Blocked{Err: &job.Error{
		Context: job.ContextQueueManager, Code: why.Code, Class: job.Transient, Text: why.Text,
	}})
}

// allowed refuses an actor who is no administrator more files for a job than the limits allow; made says that the job is
// there already.
func (s *session) allowed(actor Actor, j job.Job, files []job.FileSpec, made bool) error {
	l := s.limits
	if actor.Admin {
		return nil
	}
	if n := j.Totals.Files + len(files); l.FilesPerJob > 0 && n > l.FilesPerJob {
		return job.Invalid(job.TooManyFilesInJob, "a job of %d files is more than the %d that the administrator allows", n, l.FilesPerJob)
	}
	for _, f := range files {
		if l.RangesPerFile > 0 && len(f.Ranges) > l.RangesPerFile {
			return job.Invalid(job.TooManyRangesInFile, "%d ranges of a file are more than the %d that the administrator allows", len(f.Ranges), l.RangesPerFile)
		}
	}
	if made {
		return nil
	}
	if l.JobsPerMachine > 0 && len(s.jobs) >= l.JobsPerMachine {
		return job.Invalid(job.TooManyJobsPerMachine, "there are %d jobs, and the administrator allows no more; complete or cancel some", len(s.jobs))
	}
	if l.JobsPerUser > 0 && s.jobsOf(actor.ID) >= l.JobsPerUser {
		return job.Invalid(job.TooManyJobsPerUser, "you have the %d jobs that the administrator allows; complete or cancel some", l.JobsPerUser)
	}
	return nil
}

func (s *session) jobsOf(owner string) int {
	n := 0
	for _, en := range s.jobs {
		if en.job.Owner == owner {
			n++
		}
	}
	return n
}
