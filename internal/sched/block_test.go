package sched

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/ebb-transfer/ebb/job"
)

func at17(rates Rates) Schedule { // t0 is a Sunday, 12:00
	return Schedule{Work: []Window{{Days: [7]bool{true}, From: 9 * time.Hour, To: 17 * time.Hour, Rates: rates}}}
}

func TestBlocked(t *testing.T) {
	t.Parallel()
	on := func(p job.Priority, policy job.TransferPolicy) Candidate {
		c := waits(1, p, 0)
		c.Policy = policy
		return c
	}
	costs := func(p job.Priority, policy job.TransferPolicy) (l Limits) {
		l.Costs[p] = policy
		return l
	}
	battery := func(percent int) Facts { return Facts{Power: Power{Battery: true, Percent: percent}} }
	used := func(since string, n int64) Facts { return Facts{Used: map[string]Used{"uid:7": {since, n}}} }
	quota := func(n int64) Limits { return Limits{Quota: Quota{PerUser: n}} }
	mine, urgent := on(job.Normal, 0), on(job.Foreground, 0)
	mine.Owner, urgent.Owner = "uid:7", "uid:7"
	foreground, normal, low := on(job.Foreground, 0), on(job.Normal, 0), on(job.Low, 0)
	for _, tc := range []struct {
		name   string
		job    Candidate
		facts  Facts
		limits Limits
		want   Block
	}{
		{name: "nothing", job: normal},
		{name: "offline", job: normal, facts: Facts{Offline: "all interfaces are down"}, want: Block{job.NetworkDisconnected, "waits until the network is back: all interfaces are down"}},
		{name: "offline, foreground", job: foreground, facts: Facts{Offline: "x"}, want: Block{job.NetworkDisconnected, "waits until the network is back: x"}},
		{name: "asleep, before offline", job: foreground, facts: Facts{Asleep: true, Offline: "x"}, want: Block{job.StandbyMode, "waits until the machine wakes up"}},

		{name: "every cost is allowed", job: normal, facts: Facts{Cost: job.CostRoaming}},
		{name: "an unknown cost is no cost", job: on(job.Normal, job.PolicyUnrestricted), limits: costs(job.Normal, job.PolicyUnrestricted)},
		{
			name: "the job's policy", job: on(job.Normal, job.PolicyUnrestricted), facts: Facts{Cost: job.CostUsageBased},
			want: Block{job.BlockedByCost, "waits until the network is unmetered: this one is metered, which the job's transfer policy unrestricted excludes"},
		},
		{
			name: "the job's policy, foreground", job: on(job.Foreground, job.PolicyNotRoaming), facts: Facts{Cost: job.CostRoaming},
			want: Block{job.BlockedByCost, "waits until the machine no longer roams: this one is roaming, which the job's transfer policy not_roaming excludes"},
		},
		{
			name: "a policy that wants a cost", job: on(job.Normal, 0x80000040),
			want: Block{job.BlockedByCost, "waits until the network has another cost: this one is unmetered, which the job's transfer policy 0x80000040 excludes"},
		},
		{
			name: "the administrator's policy", job: low, facts: Facts{Cost: job.CostCapped}, limits: costs(job.Low, job.PolicyUnrestricted),
			want: Block{job.BlockedByCost, "waits until the network is unmetered: this one is metered, which the low-priority jobs' transfer policy unrestricted excludes"},
		},
		{
			name: "the administrator knows better", job: on(job.Normal, job.PolicyUnrestricted), limits: Limits{Cost: job.CostCapped},
			want: Block{job.BlockedByCost, "waits until the network is unmetered: this one is metered, which the job's transfer policy unrestricted excludes"},
		},
		{name: "the administrator knows that it costs nothing", job: on(job.Normal, job.PolicyUnrestricted), facts: Facts{Cost: job.CostCapped}, limits: Limits{Cost: job.CostUnrestricted}},
		{name: "the administrator's policy for others", job: low, facts: Facts{Cost: job.CostCapped}, limits: costs(job.Normal, job.PolicyUnrestricted)},
		{name: "never overrides the job's", job: on(job.Low, job.PolicyAlways), facts: Facts{Cost: job.CostCapped}, limits: costs(job.Low, job.PolicyUnrestricted)},
		{
			name: "the administrator's policy for foreground jobs", job: foreground, facts: Facts{Cost: job.CostNearCap}, limits: costs(job.Foreground, job.PolicyStandard),
			want: Block{job.BlockedByCost, "waits until the network is unmetered: this one is near its data cap, which the foreground-priority jobs' transfer policy standard excludes"},
		},
		{
			name: "cost before battery", job: on(job.Normal, job.PolicyNoSurcharge), limits: Limits{MinBattery: 100}, facts: Facts{Cost: job.CostOverCapCharged, Power: Power{Battery: true}},
			want: Block{job.BlockedByCost, "waits until the network is unmetered: this one is over its data cap, which the job's transfer policy no_surcharge excludes"},
		},

		{name: "part of the quota", job: mine, facts: used("2026-03-01", 10<<30-1), limits: quota(10 << 30)},
		{
			name: "quota", job: mine, facts: used("2026-03-01", 10<<30), limits: quota(10 << 30),
			want: Block{job.BlockedByPolicy, "waits until Wed 1 Apr 00:00: its owner has used up the 10 GiB that everybody has in a month"},
		},
		{
			name: "quota, foreground", job: urgent, facts: used("2026-03-01", 1<<40), limits: quota(3 << 29),
			want: Block{job.BlockedByPolicy, "waits until Wed 1 Apr 00:00: its owner has used up the 1.5 GiB that everybody has in a month"},
		},
		{name: "quota of others", job: normal, facts: used("2026-03-01", 10<<30), limits: quota(10 << 30)},
		{name: "quota of the month before", job: mine, facts: used("2026-02-01", 10<<30), limits: quota(10 << 30)},
		{
			name: "quota of a month to come", job: mine, facts: used("2026-04-01", 10<<30), limits: quota(10 << 30),
			want: Block{job.BlockedByPolicy, "waits until Wed 1 Apr 00:00: its owner has used up the 10 GiB that everybody has in a month"},
		},
		{name: "no quota", job: mine, facts: used("2026-03-01", 1<<60)},
		{
			name: "quota before battery", job: mine, limits: Limits{Quota: Quota{1000, Day}, MinBattery: 100}, facts: func() Facts { f := battery(5); f.Used = used("2026-03-01", 1000).Used; return f }(),
			want: Block{job.BlockedByPolicy, "waits until Mon 2 Mar 00:00: its owner has used up the 1000 bytes that everybody has in a day"},
		},

		{name: "battery", job: normal, facts: battery(19), limits: Limits{MinBattery: 20}, want: Block{job.BlockedByBattery, "waits for mains power, or a battery with at least 20 % left"}},
		{name: "enough battery", job: normal, facts: battery(20), limits: Limits{MinBattery: 20}},
		{name: "battery, foreground", job: foreground, facts: battery(1), limits: Limits{MinBattery: 100, Saver: true}},
		{name: "mains", job: normal, facts: Facts{Power: Power{Percent: 5}}, limits: Limits{MinBattery: 20}},
		{name: "no limit for the battery", job: normal, facts: battery(1)},
		{name: "nobody knows how much is left", job: normal, facts: battery(0), limits: Limits{MinBattery: 99}},
		{name: "no battery is good enough", job: normal, facts: battery(100), limits: Limits{MinBattery: 100}, want: Block{job.BlockedByBattery, "waits for mains power"}},
		{name: "saver", job: low, facts: Facts{Power: Power{Saver: true}}, limits: Limits{Saver: true}, want: Block{job.BlockedByBatterySaver, "waits until power is no longer to be saved"}},
		{name: "saver does not matter", job: low, facts: Facts{Power: Power{Saver: true}}},
		{name: "saver, foreground", job: foreground, facts: Facts{Power: Power{Saver: true}}, limits: Limits{Saver: true}},

		{
			name: "schedule", job: normal, limits: Limits{Schedule: at17(Rates{job.Normal: Never})},
			want: Block{job.BlockedByPolicy, "waits until Sun 1 Mar 17:00: the schedule keeps normal-priority jobs from running"},
		},
		{name: "schedule of others", job: low, limits: Limits{Schedule: at17(Rates{job.Normal: Never})}},
		{name: "schedule, foreground", job: foreground, limits: Limits{Schedule: at17(Rates{Never, Never, Never, Never})}},
		{name: "a rate blocks nobody", job: normal, limits: Limits{Schedule: at17(Rates{job.Normal: 1})}},
		{
			name: "no time in the schedule", job: normal, limits: Limits{Schedule: Schedule{Otherwise: Rates{job.Normal: Never}}},
			want: Block{job.BlockedByPolicy, "never runs: the schedule has no time for normal-priority jobs"},
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			d := Plan(t0, []Candidate{tc.job}, tc.facts, tc.limits)
			want, run := map[job.ID]Block{}, []job.ID{"1"}
			if tc.want != (Block{}) {
				want["1"], run = tc.want, nil
			}
			if diff := cmp.Diff(want, d.Blocked, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("Blocked (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(run, d.Run, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("Run (-want +got):\n%s", diff)
			}
			if why := d.Why(tc.job); why != tc.want.Text {
				t.Errorf("Why says %q", why)
			}
		})
	}
}

func TestBlockedJobsTakeNoSlot(t *testing.T) {
	t.Parallel()
	metered := runs(1, job.High, 0)
	metered.Policy = job.PolicyUnrestricted
	d := Plan(t0, []Candidate{metered, waits(2, job.Low, 0)}, Facts{Cost: job.CostUsageBased}, Limits{})
	if diff := cmp.Diff([]job.ID{"2"}, d.Run); diff != "" {
		t.Errorf("Run (-want +got):\n%s", diff)
	}
	if !d.Again.IsZero() {
		t.Errorf("Again is %v, but a blocked job ends no turn", d.Again)
	}
}

func TestPausedJobsStayBlocked(t *testing.T) {
	t.Parallel()
	d := Plan(t0, []Candidate{waits(1, job.Low, 0)}, Facts{Paused: "by the administrator", Offline: "x"}, Limits{})
	if d.Blocked["1"].Code != job.NetworkDisconnected || len(d.Run) > 0 {
		t.Errorf("blocked are %v and %v run", d.Blocked, d.Run)
	}
}

func TestRatesFollowTheSchedule(t *testing.T) {
	t.Parallel()
	s := at17(Rates{7, 100, 200, Never})
	s.Otherwise = Rates{7, 0, 300, 0}
	open, closed := Plan(t0, nil, Facts{Paused: "x"}, Limits{Schedule: s}), Plan(at(5*3600), nil, Facts{}, Limits{Schedule: s})
	if want := [4]int64{0, 100, 200, 0}; open.Rates != want {
		t.Errorf("in the window the rates are %v, want %v", open.Rates, want)
	}
	if want := at(5 * 3600); !open.Again.Equal(want) {
		t.Errorf("the next look is at %v, want %v", open.Again, want)
	}
	if want := [4]int64{0, 0, 300, 0}; closed.Rates != want {
		t.Errorf("after the window the rates are %v, want %v", closed.Rates, want)
	}
	if want := at((21 + 6*24) * 3600); !closed.Again.Equal(want) {
		t.Errorf("the next look is at %v, want %v", closed.Again, want)
	}
}
