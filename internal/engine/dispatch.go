package engine

import (
	"context"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/ebb-transfer/ebb/internal/sched"
	"github.com/ebb-transfer/ebb/job"
)

// plan is what runs now and what may start next.
type plan struct {
	sched.Decision
	dirty   bool // something that the schedule depends on has changed
	alarm   *time.Timer
	chosen  set            // entries of the last decision
	starts  []*entry       // planned jobs that may have files to start, in order
	free    bool           // a slot has become free, or starts has changed
	hosts   map[string]int // connections by host
	closed  map[string]time.Time
	running int // runs that have not said their last word
}

func newPlan() plan {
	return plan{dirty: true, hosts: map[string]int{}, closed: map[string]time.Time{}}
}

func (p *plan) timer() <-chan time.Time {
	if p.Again.IsZero() {
		return nil
	}
	return resetTimer(&p.alarm, p.Again)
}

// hostClosed is a host that asked to be left alone for a while.
type hostClosed struct {
	host  string
	until time.Time
}

// hostClosedBy reads from a job which host asked, by Retry-After, to be left alone. So the
// closed hosts survive a restart without a record of their own.
func hostClosedBy(j job.Job) hostClosed {
	if j.State != job.TransientError || j.Error == nil || j.Error.RetryAfter == 0 {
		return hostClosed{}
	}
	f, _ := j.Files.Get(j.Error.File)
	return hostClosed{hostOf(f.URL), j.RetryAt}
}

func (p *plan) closeHost(c hostClosed) {
	if c.host != "" && c.until.After(p.closed[c.host]) {
		p.closed[c.host] = c.until
	}
}

// lookAgain has the schedule made anew at that time, or before.
func (p *plan) lookAgain(at time.Time) {
	if p.Again.IsZero() || at.Before(p.Again) {
		p.Again = at
	}
}

// hostOf is the host and port a URL's connections are counted under.
func hostOf(raw string) string {
	u, err := url.Parse(raw)
	if err != nil {
		return ""
	}
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	return strings.ToLower(u.Hostname()) + ":" + port
}

// hostOf is the host of one of the job's files. That of the last one that was asked for is kept: it is asked
// for again and again while the job waits.
func (en *entry) hostOf(f job.File) string {
	if en.hostURL != f.URL {
		en.host, en.hostURL = hostOf(f.URL), f.URL
	}
	return en.host
}

// dispatch starts and stops workers so that what runs is what the schedule says.
func (s *session) dispatch() {
	if s.ctx.Err() != nil {
		return
	}
	s.discardFiles()
	if s.plan.dirty {
		s.schedule()
	}
	if s.plan.free {
		s.plan.free = false
		s.startFiles()
	}
}

// schedule asks sched and applies its answer.
func (s *session) schedule() {
	now := time.Now()
	s.plan.Decision = sched.Plan(now, s.candidates(), s.facts(now), s.limits.Sched)
	s.plan.dirty, s.plan.free = false, true
	s.plan.starts = s.plan.starts[:0]
	chosen := make(set, len(s.plan.Run))
	for place, id := range s.plan.Run {
		en := s.jobs[id]
		chosen.put(en, true)
		if !en.planned {
			en.planned, en.since = true, now.Add(time.Duration(place)) // no two alike: turns end one by one
		}
		en.cursor = 1
		s.plan.starts = append(s.plan.starts, en)
	}
	for en := range s.plan.chosen {
		if _, still := chosen[en]; !still {
			en.planned, en.lastRan = false, now
			s.stopRuns(en)
		}
	}
	s.plan.chosen = chosen
	s.followPlan()
}

// candidates are the jobs that wait for nothing but a slot, and those that were blocked.
func (s *session) candidates() []sched.Candidate {
	out := make([]sched.Candidate, 0, len(s.ready)+len(s.blocked))
	for _, of := range []set{s.ready, s.blocked} {
		for en := range of {
			out = append(out, s.candidate(en))
		}
	}
	return out
}

func (s *session) candidate(en *entry) sched.Candidate {
	c := sched.Candidate{
		ID: en.job.ID, Owner: en.job.Owner, Seq: en.job.Seq, Priority: en.job.Priority, Policy: en.job.TransferPolicy,
		Running: en.planned, Since: en.since, LastRan: en.lastRan,
	}
	// What already runs is not stopped because its host is closed to others. As long as none is closed, no
	// host matters, and a long line of jobs costs little.
	if len(en.runs) == 0 && len(s.plan.closed) > 0 {
		c.Host = en.nextHost()
	}
	return c
}

// nextHost is where the job's first file to be fetched is.
func (en *entry) nextHost() string {
	for f := range en.job.Files.From(en.cursor) {
		if en.job.Fetchable(f) {
			return en.hostOf(f)
		}
	}
	return ""
}

func (s *session) facts(now time.Time) sched.Facts {
	for host, until := range s.plan.closed {
		if !until.After(now) {
			delete(s.plan.closed, host)
		}
	}
	facts := s.known
	facts.HostClosed = s.plan.closed
	facts.Used = s.meter.inPeriod(s.limits.Sched.Quota, now)
	return facts
}

// startFiles gives free slots to the planned jobs in their order.
func (s *session) startFiles() {
	now := time.Now()
	s.plan.starts = slices.DeleteFunc(s.plan.starts, func(en *entry) bool {
		if !en.planned || !en.job.Runnable() {
			return true
		}
		return s.startFilesOf(en, now)
	})
}

// startFilesOf starts as many files of a job as there are slots for. It reports true when
// none is left to start.
func (s *session) startFilesOf(en *entry, now time.Time) bool {
	for f := range en.job.Files.From(en.cursor) {
		if !en.job.Fetchable(f) || en.runs[f.ID] != nil {
			if f.ID == en.cursor {
				en.cursor++
			}
			if r := en.runs[f.ID]; r != nil && r.stopping {
				return false // starts again once the last word is said
			}
			continue
		}
		host := en.hostOf(f)
		if until := s.plan.closed[host]; until.After(now) {
			s.plan.lookAgain(until)
			return false
		}
		if en.connected >= s.limits.PerJob || s.plan.hosts[host] >= s.limits.PerHost {
			return false
		}
		s.start(en, f, host)
	}
	return true
}

// start gives a file its worker.
func (s *session) start(en *entry, f job.File, host string) {
	if en.pace == nil {
		en.pace = s.classes[en.job.Priority].Child(en.job.Limit)
	}
	if en.flow == nil {
		en.flow = s.idle.Flow(weights[en.job.Priority])
	}
	if len(en.runs) == 0 {
		en.active = time.Now()
	}
	ctx, cancel := context.WithCancel(s.ctx)
	r := &run{session: s, entry: en, job: en.job, file: f, host: host, cancel: cancel, pace: en.pace.Child(0), flow: en.flow.Part(), secrets: en.secrets}
	r.flow.PaceBy(r.pace.SetRate)
	r.live.Store(f.Filled.Len())
	if en.runs == nil {
		en.runs = map[job.FileID]*run{}
	}
	en.runs[f.ID] = r
	s.busy.put(en, true)
	en.connected++
	s.plan.hosts[host]++
	s.plan.running++
	s.pulse.on = true
	s.fetching.Add(1)
	s.goroutine.Go(func() {
		defer cancel()
		r.work(ctx)
	})
}

// stopRuns asks the job's workers to stop. Until the last word of each its file gets no other.
func (s *session) stopRuns(en *entry) {
	for _, r := range en.runs {
		r.stopping = true
		r.cancel()
	}
}

// release gives a run's connection back.
func (s *session) release(r *run) {
	if r.fetched {
		return
	}
	r.fetched = true
	r.entry.connected--
	if s.plan.hosts[r.host]--; s.plan.hosts[r.host] <= 0 {
		delete(s.plan.hosts, r.host)
	}
	s.plan.free = true
}
