package sched

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/ebb-transfer/ebb/job"
)

var t0 = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

const host = "example.com:443"

// waits is a job that waits since some seconds after t0.
func waits(seq uint64, p job.Priority, since int) Candidate {
	return Candidate{ID: job.ID(fmt.Sprint(seq)), Seq: seq, Priority: p, Host: host, LastRan: at(since)}
}

// runs is a job that runs since some seconds after t0.
func runs(seq uint64, p job.Priority, since int) Candidate {
	return Candidate{ID: job.ID(fmt.Sprint(seq)), Seq: seq, Priority: p, Host: host, Running: true, Since: at(since)}
}

func on(host string, c Candidate) Candidate {
	c.Host = host
	return c
}

func at(seconds int) time.Time { return t0.Add(time.Duration(seconds) * time.Second) }

func TestPlan(t *testing.T) {
	t.Parallel()
	fresh := func(seq uint64, p job.Priority) Candidate {
		c := waits(seq, p, 0)
		c.LastRan = time.Time{}
		return c
	}
	for _, tc := range []struct {
		name   string
		jobs   []Candidate
		facts  Facts
		limits Limits
		now    int // seconds after t0
		run    []job.ID
		again  time.Time
	}{
		{name: "nothing to do"},
		{
			name: "all foreground jobs and one background job",
			jobs: []Candidate{fresh(3, job.Foreground), fresh(2, job.Normal), fresh(1, job.Foreground), fresh(4, job.Low)},
			run:  []job.ID{"1", "3", "2"},
		},
		{
			name:   "two background slots",
			jobs:   []Candidate{fresh(1, job.Low), fresh(2, job.Normal), fresh(3, job.High)},
			limits: Limits{Background: 2},
			run:    []job.ID{"3", "2"},
		},
		{
			name: "a higher priority pre-empts in the middle of a turn, and asks for no turns",
			jobs: []Candidate{runs(1, job.Normal, 0), fresh(2, job.High)}, now: 1,
			run: []job.ID{"2"},
		},
		{
			name: "nobody is pre-empted by an equal in the middle of a turn",
			jobs: []Candidate{runs(2, job.Normal, 0), fresh(1, job.Normal)}, now: 59,
			run: []job.ID{"2"}, again: at(60),
		},
		{
			name: "the turn ends",
			jobs: []Candidate{runs(1, job.Normal, 0), waits(2, job.Normal, 0)}, now: 60,
			run: []job.ID{"2"}, again: at(120),
		},
		{
			name: "a job alone goes on, and needs no look",
			jobs: []Candidate{runs(1, job.Normal, 0), fresh(2, job.Low)}, now: 1000,
			run: []job.ID{"1"},
		},
		{
			name: "a newcomer waits for the turn that began after its predecessor went unchallenged",
			jobs: []Candidate{runs(1, job.Normal, 0), waits(2, job.Normal, 90)}, now: 100,
			run: []job.ID{"1"}, again: at(120),
		},
		{
			name: "who waits longest is next",
			jobs: []Candidate{runs(1, job.Normal, 0), waits(2, job.Normal, -10), waits(3, job.Normal, -20)}, now: 60,
			run: []job.ID{"3"}, again: at(120),
		},
		{
			name: "ties go in the order of submission",
			jobs: []Candidate{waits(5, job.Low, 0), waits(4, job.Low, 0), waits(6, job.Low, 0)}, now: 60,
			run: []job.ID{"4"}, again: at(120),
		},
		{
			name: "the next in turn is the last of a long line",
			jobs: append(append([]Candidate{runs(1, job.Normal, 0)}, slices.Repeat([]Candidate{fresh(2, job.Low)}, 50)...), fresh(3, job.Normal)),
			now:  59, run: []job.ID{"1"}, again: at(60),
		},
		{
			name: "a short slice", limits: Limits{Slice: time.Second},
			jobs: []Candidate{runs(1, job.Normal, 0), waits(2, job.Normal, 0)}, now: 0,
			run: []job.ID{"1"}, again: at(1),
		},
		{
			name:   "of two running jobs one makes room",
			jobs:   []Candidate{runs(1, job.Normal, 0), runs(2, job.Normal, 0), waits(3, job.Normal, 0)},
			limits: Limits{Background: 2}, now: 61,
			run: []job.ID{"3", "1"}, again: at(120),
		},
		{
			name:  "a closed host holds up its own jobs, not those behind them",
			jobs:  []Candidate{on("busy:80", fresh(1, job.High)), fresh(2, job.Normal)},
			facts: Facts{HostClosed: map[string]time.Time{"busy:80": at(30)}},
			run:   []job.ID{"2"}, again: at(30),
		},
		{
			name:  "a closed host stops jobs that would send it another request",
			jobs:  []Candidate{on("busy:80", runs(1, job.Foreground, 0)), on("", runs(2, job.Foreground, 0))},
			facts: Facts{HostClosed: map[string]time.Time{"busy:80": at(30), "other:80": at(7)}},
			run:   []job.ID{"2"}, again: at(30),
		},
		{
			name:  "a host that was closed is open",
			jobs:  []Candidate{fresh(1, job.Normal)},
			facts: Facts{HostClosed: map[string]time.Time{host: at(30)}}, now: 30,
			run: []job.ID{"1"},
		},
		{
			name:  "jobs of a closed host do not shorten the turns of others",
			jobs:  []Candidate{runs(1, job.Normal, 0), on("busy:80", fresh(2, job.Normal))},
			facts: Facts{HostClosed: map[string]time.Time{"busy:80": at(900)}}, now: 70,
			run: []job.ID{"1"}, again: at(900),
		},
		{
			name:  "paused",
			jobs:  []Candidate{runs(1, job.Foreground, 0), fresh(2, job.Normal)},
			facts: Facts{Paused: "on battery"},
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			d := Plan(at(tc.now), tc.jobs, tc.facts, tc.limits)
			if diff := cmp.Diff(tc.run, d.Run, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("Run (-want +got):\n%s", diff)
			}
			if !d.Again.Equal(tc.again) {
				t.Errorf("Again = %v, want %v", d.Again, tc.again)
			}
		})
	}
}

func TestWhy(t *testing.T) {
	t.Parallel()
	named := func(id job.ID, c Candidate) Candidate {
		c.ID = id
		return c
	}
	asked := named("asked", waits(9, job.Normal, 0))
	high := named("3f2a41c7-0000-4000-8000-000000000001", runs(1, job.High, 0))
	closed := func(until time.Time) Facts {
		return Facts{HostClosed: map[string]time.Time{host: until}}
	}
	for _, tc := range []struct {
		name   string
		jobs   []Candidate // and asked
		asked  Candidate
		facts  Facts
		limits Limits
		want   string
	}{
		{name: "runs", asked: asked, want: ""},
		{name: "foreground runs", asked: named("asked", waits(9, job.Foreground, 0)), jobs: []Candidate{high}, want: ""},
		{name: "one of higher priority", asked: asked, jobs: []Candidate{high}, want: "waits for job 3f2a41c7… (higher priority)"},
		{
			name: "many of higher priority", asked: asked, jobs: []Candidate{high, waits(2, job.High, 0), waits(3, job.High, 0)},
			want: "waits for job 3f2a41c7… and 2 more (higher priority)",
		},
		{
			name: "its turn", asked: asked, jobs: []Candidate{runs(1, job.Normal, 0)},
			want: "waits for its turn: 2 jobs of the same priority share the background slot",
		},
		{
			name: "the slot that a higher priority left", asked: asked, jobs: []Candidate{high, runs(2, job.Normal, 0), waits(3, job.Low, 0)},
			limits: Limits{Background: 2},
			want:   "waits for its turn: 2 jobs of the same priority share one background slot",
		},
		{
			name: "several slots", asked: asked, jobs: []Candidate{runs(1, job.Normal, 0), runs(2, job.Normal, 0)},
			limits: Limits{Background: 2},
			want:   "waits for its turn: 3 jobs of the same priority share 2 background slots",
		},
		{name: "closed host", asked: asked, facts: closed(at(185)), want: "host example.com asked to wait until 12:03:05"},
		{name: "closed until tomorrow", asked: asked, facts: closed(t0.Add(24 * time.Hour)), want: "host example.com asked to wait until 2026-03-02 12:00:00"},
		{name: "another port", asked: on("[::1]:8080", asked), facts: Facts{HostClosed: map[string]time.Time{"[::1]:8080": at(1)}}, want: "host [::1]:8080 asked to wait until 12:00:01"},
		{name: "paused", asked: asked, facts: Facts{Paused: "on battery"}, want: "all transfers are paused: on battery"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			jobs := slices.Concat(tc.jobs, []Candidate{tc.asked})
			if got := Plan(t0, jobs, tc.facts, tc.limits).Why(tc.asked); got != tc.want {
				t.Errorf("got  %q\nwant %q", got, tc.want)
			}
		})
	}
}

func BenchmarkPlan(b *testing.B) {
	for _, n := range []int{10, 10_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			jobs := make([]Candidate, n)
			for i := range jobs {
				seq := uint64(i*7919) % uint64(n)
				jobs[i] = waits(seq, job.Priorities()[i%4], int(seq)%600)
			}
			facts := Facts{HostClosed: map[string]time.Time{"busy:80": at(3600)}}
			b.ReportAllocs()
			for b.Loop() {
				Plan(at(600), jobs, facts, Limits{})
			}
		})
	}
}

func BenchmarkWhy(b *testing.B) {
	jobs := make([]Candidate, 10_000)
	for i := range jobs {
		jobs[i] = waits(uint64(i), job.Normal, 0)
	}
	d := Plan(t0, jobs, Facts{}, Limits{})
	b.ReportAllocs()
	for b.Loop() {
		d.Why(jobs[5000])
	}
}
