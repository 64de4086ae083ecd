// Package sched decides which jobs may run now. It is the one place where priority,
// turns, closed hosts, the network, its cost, quotas, the battery and the week's schedule are weighed; it starts and stops
// nothing, and reads no clock.
//
// The rules are those of BITS: all foreground jobs run at once; background jobs share a
// few slots, by default one. A higher priority always goes before a lower one, and
// jobs of the same priority take turns, so that a large job does not block small ones.
package sched

import (
	"cmp"
	"slices"
	"time"

	"github.com/ebb-transfer/ebb/job"
)

// DefaultSlice is how long a background job runs before another of the same priority
// gets its turn. BITS does not say how long its own slices are.
const DefaultSlice = time.Minute

// Candidate is a job that waits for nothing but a slot, or that has one
// ([job.Job.Runnable]), or one that was blocked and may no longer be ([job.Job.Blocked]). Jobs in any other state are
// not handed in.
type Candidate struct {
	ID       job.ID
	Owner    string // actor ID, such as "uid:1000"
	Seq      uint64 // order of submission; breaks ties
	Priority job.Priority
	// Host is where the job's next request goes, as host:port; "" when it needs none, such as
	// when all its files are already under way.
	Host string
	// Running says that the last plan let it run.
	Running bool
	// Since is when its turn began, for a job that is not running its last one. Jobs that began
	// together keep their order in the next round if their times are a nanosecond apart, in the
	// order of Decision.Run.
	Since time.Time
	// LastRan is when a job that is not running began to wait: the end of its last turn. Zero
	// goes before all others.
	LastRan time.Time
	// Policy is the set of network costs that the job may run at; 0 is that of Limits.Costs for its priority.
	Policy job.TransferPolicy
}

// Facts are what the world outside has to say.
type Facts struct {
	// Paused is why nothing may run at all; "" when jobs may.
	Paused string
	// HostClosed says until when a host:port wants no requests (Retry-After).
	HostClosed map[string]time.Time
	// Offline is why there is no network, as a clause; "" when there is one, or nobody can tell.
	Offline string
	// Cost is what the network costs; 0 when nobody can tell, which counts as job.CostUnrestricted.
	Cost job.Cost
	// Power is where the machine gets it from.
	Power Power
	// Used is what the jobs of each owner have transferred.
	Used map[string]Used
	// Asleep says that the machine is about to sleep.
	Asleep bool
}

// Power is a machine's supply. The zero value stands for mains, or for a machine that does not tell.
type Power struct {
	Battery bool // it runs on its battery
	Percent int  // what is left in it, 0 when unknown
	Saver   bool // its user wants to save power
}

// Limits are what the administrator has to say. The zero value stands for the defaults.
type Limits struct {
	Background int           // background jobs that run at once; 0 is 1, as in BITS
	Slice      time.Duration // length of a turn; 0 is DefaultSlice
	// Cost is what the network costs whatever the facts say; 0 goes by the facts.
	Cost job.Cost
	// Costs are the network costs that jobs without a policy of their own may run at, by priority; 0 is
	// job.PolicyAlways.
	Costs [4]job.TransferPolicy
	// MinBattery blocks background jobs on battery below so many percent; 0 never, 100 always.
	MinBattery int
	// Saver blocks background jobs while power is to be saved.
	Saver bool
	// Quota bounds what each owner transfers.
	Quota Quota
	// Schedule limits the bandwidth of priorities at times of the week.
	Schedule Schedule
}

// Block is why a policy or the lack of a network keeps a job from running, with the code of BITS for it.
type Block struct {
	Code job.Code
	Text string // one sentence for a person
}

func (l Limits) withDefaults() Limits {
	if l.Background <= 0 {
		l.Background = 1
	}
	if l.Slice <= 0 {
		l.Slice = DefaultSlice
	}
	for p, policy := range l.Costs {
		if policy == job.PolicyDefault {
			l.Costs[p] = job.PolicyAlways
		}
	}
	return l
}

// Decision is a plan: what runs, and until when that holds.
type Decision struct {
	// Run are the jobs that may run, the more important ones first. All others must not.
	Run []job.ID
	// Again is when the plan changes although no job and no fact does; zero for never. It is
	// later than the now of the plan.
	Again time.Time
	// Blocked are the jobs that may not run whatever slots are free. A job that was and is not among them is to be
	// unblocked.
	Blocked map[job.ID]Block
	// Rates are the limits of the priorities in bytes per second, by the schedule; 0 is no limit, and what a priority
	// gets whose jobs are all blocked.
	Rates [4]int64

	now        time.Time
	facts      Facts
	limits     Limits
	foreground int    // how many of Run are foreground jobs
	open       [4]int // candidates whose host is open, by priority
}

// Plan decides which of the jobs may run at now. As long as neither jobs nor facts
// change, planning again before Again gives the same jobs. It takes O(n log n) and
// may be called on every change; jobs, in any order, is left alone.
func Plan(now time.Time, jobs []Candidate, facts Facts, limits Limits) Decision {
	d := Decision{now: now, facts: facts, limits: limits.withDefaults()}
	d.followSchedule()
	open := d.unblocked(jobs)
	if facts.Paused != "" {
		return d
	}
	foreground, line := d.lineUp(open)
	slices.SortFunc(foreground, func(a, b *Candidate) int { return cmp.Compare(a.Seq, b.Seq) })
	d.foreground = len(foreground)
	d.Run = make([]job.ID, 0, len(foreground)+len(line))
	for _, c := range foreground {
		d.Run = append(d.Run, c.ID)
	}
	chosen := line[:min(len(line), d.limits.Background)]
	for _, t := range chosen {
		d.Run = append(d.Run, t.candidate.ID)
	}
	if len(chosen) < len(line) {
		d.endTurns(chosen, line[len(chosen)].candidate.Priority)
	}
	return d
}

// followSchedule sets the rates, and notes when they change.
func (d *Decision) followSchedule() {
	schedule := d.limits.Schedule
	rates := schedule.rates(d.now)
	for _, p := range job.Priorities() {
		if p != job.Foreground {
			d.Rates[p] = max(rates[p], 0)
		}
	}
	if change := schedule.next(d.now, func(r Rates) bool { return r != rates }); !change.IsZero() {
		d.again(change)
	}
}

// unblocked are the jobs that are not blocked; it notes why the others are.
func (d *Decision) unblocked(jobs []Candidate) []*Candidate {
	blocks := d.blocks()
	open := make([]*Candidate, 0, len(jobs))
	for i := range jobs {
		c := &jobs[i]
		why, blocked := blocks.of(c)
		if !blocked {
			open = append(open, c)
			continue
		}
		if d.Blocked == nil {
			d.Blocked = map[job.ID]Block{}
		}
		d.Blocked[c.ID] = why
	}
	return open
}

// lineUp tells foreground from background, and leaves out who could send no request now,
// but notes when the first of those could. Of the line it returns its head: those that there are slots
// for, and the next one.
func (d *Decision) lineUp(jobs []*Candidate) (foreground []*Candidate, line []turn) {
	head, trimmed := d.limits.Background+1, false
	for _, c := range jobs {
		if until, closed := d.closed(c.Host); closed {
			d.again(until)
			continue
		}
		d.open[c.Priority]++
		if c.Priority == job.Foreground {
			foreground = append(foreground, c)
			continue
		}
		t := d.turn(c)
		if trimmed && t.compare(line[head-1]) > 0 {
			continue
		}
		line = append(line, t)
		if len(line) == 2*head+32 { // only the head matters: a long line is never sorted whole
			slices.SortFunc(line, turn.compare)
			line, trimmed = line[:head], true
		}
	}
	slices.SortFunc(line, turn.compare)
	return foreground, line[:min(len(line), head)]
}

// turn is a background job's place in the line.
type turn struct {
	candidate *Candidate
	// had tells those apart that had their turn, or wait for it, from those in the middle of it.
	had bool
	// age is how long ago a waiting job ran, or how long ago the turn of a running one began. A
	// turn that ended with nobody else to take over is followed by another one.
	age   time.Duration
	began time.Duration // how long ago the turn began, or the last one
	left  time.Duration // until the turn ends
}

// compare orders the line: who comes first, runs first.
func (t turn) compare(o turn) int {
	switch {
	case t.candidate.Priority != o.candidate.Priority:
		return cmp.Compare(t.candidate.Priority, o.candidate.Priority)
	case t.had != o.had && o.had:
		return -1
	case t.had != o.had:
		return +1
	case t.age != o.age:
		return cmp.Compare(o.age, t.age)
	case t.began != o.began:
		return cmp.Compare(o.began, t.began)
	}
	return cmp.Compare(t.candidate.Seq, o.candidate.Seq)
}

func (d *Decision) turn(c *Candidate) turn {
	t := turn{candidate: c, began: d.now.Sub(c.Since)}
	if c.Running {
		t.had, t.age = t.began >= d.limits.Slice, t.began%d.limits.Slice
		t.left = d.limits.Slice - t.age
	} else {
		t.had, t.age = true, d.now.Sub(c.LastRan)
		t.left = d.limits.Slice
	}
	return t
}

// endTurns notes when the first of the running jobs has to make room for one of the
// same priority that was not chosen.
func (d *Decision) endTurns(running []turn, contested job.Priority) {
	for _, t := range running {
		if t.candidate.Priority == contested {
			d.again(d.now.Add(t.left))
		}
	}
}

func (d *Decision) again(at time.Time) {
	if d.Again.IsZero() || at.Before(d.Again) {
		d.Again = at
	}
}

// closed reports whether a host wants no requests now, and until when.
func (d *Decision) closed(host string) (until time.Time, closed bool) {
	until, closed = d.facts.HostClosed[host]
	return until, closed && until.After(d.now)
}
