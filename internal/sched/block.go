package sched

import (
	"cmp"
	"fmt"
	"time"

	"github.com/ebb-transfer/ebb/job"
)

// blocks are why jobs may not run whatever slots are free. They say the same for as long as it lasts, since each job
// stores what it waits for.
type blocks struct {
	all        *Block // for every job
	quota      Block  // for the jobs of the owners in exhausted
	exhausted  map[string]bool
	background [4]*Block // for the jobs of a priority, if their cost policy allows the network
	cost       job.Cost
	costs      [4]job.TransferPolicy
	byCost     map[costKey]Block // those that have been put in words
}

// costKey tells apart what a cost policy and its origin make of one network.
type costKey struct {
	policy   job.TransferPolicy
	own      bool         // the job's
	priority job.Priority // whose the policy is, if it is not the job's own
}

// blocks reads facts, limits and schedule once, for all jobs.
func (d *Decision) blocks() blocks {
	b := blocks{
		cost: cmp.Or(d.limits.Cost, d.facts.Cost, job.CostUnrestricted), costs: d.limits.Costs, byCost: map[costKey]Block{},
	}
	switch {
	case d.facts.Asleep:
		b.all = &Block{job.StandbyMode, "waits until the machine wakes up"}
	case d.facts.Offline != "":
		b.all = &Block{job.NetworkDisconnected, "waits until the network is back: " + d.facts.Offline}
	}
	b.exhaust(d)
	rates := d.limits.Schedule.rates(d.now)
	for _, p := range job.Priorities() {
		switch {
		case p == job.Foreground:
		case d.limits.tooLow(d.facts.Power):
			b.background[p] = &Block{job.BlockedByBattery, "waits for mains power" + d.limits.orBattery()}
		case d.limits.Saver && d.facts.Power.Saver:
			b.background[p] = &Block{job.BlockedByBatterySaver, "waits until power is no longer to be saved"}
		case rates[p] == Never:
			b.background[p] = &Block{job.BlockedByPolicy, d.limits.Schedule.closedTo(p, d.now)}
		}
	}
	return b
}

// exhaust finds the owners that have used up their quota, and notes when they get another one.
func (b *blocks) exhaust(d *Decision) {
	quota := d.limits.Quota
	for owner, used := range d.facts.Used {
		if !quota.Exhausted(used, d.now) {
			continue
		}
		if b.exhausted == nil {
			end := quota.Period.end(d.now)
			b.exhausted, b.quota = map[string]bool{}, Block{job.BlockedByPolicy, quota.over(end)}
			d.again(end)
		}
		b.exhausted[owner] = true
	}
}

// of returns why a job may not run.
func (b blocks) of(c *Candidate) (Block, bool) {
	if b.all != nil {
		return *b.all, true
	}
	key := costKey{c.Policy, true, 0}
	if c.Policy == job.PolicyDefault {
		key = costKey{b.costs[c.Priority], false, c.Priority}
	}
	if !key.policy.Allows(b.cost) {
		if _, known := b.byCost[key]; !known {
			b.byCost[key] = Block{job.BlockedByCost, key.forbids(b.cost)}
		}
		return b.byCost[key], true
	}
	if b.exhausted[c.Owner] {
		return b.quota, true
	}
	if why := b.background[c.Priority]; why != nil {
		return *why, true
	}
	return Block{}, false
}

// forbids says why a policy keeps a job off a network, and what would end that.
func (k costKey) forbids(c job.Cost) string {
	until := "the network is unmetered"
	switch {
	case !k.policy.Allows(job.CostUnrestricted):
		until = "the network has another cost"
	case c == job.CostRoaming:
		until = "the machine no longer roams"
	}
	whose := "the job's"
	if !k.own {
		whose = fmt.Sprintf("the %s-priority jobs'", k.priority)
	}
	return fmt.Sprintf("waits until %s: this one %s, which %s transfer policy %s excludes", until, costWords(c), whose, k.policy)
}

// costWords says of a network what its cost is.
func costWords(c job.Cost) string {
	switch c {
	case job.CostUnrestricted:
		return "is unmetered"
	case job.CostCapped, job.CostUsageBased:
		return "is metered"
	case job.CostBelowCap:
		return "has a data cap"
	case job.CostNearCap:
		return "is near its data cap"
	case job.CostOverCapCharged, job.CostOverCapThrottled:
		return "is over its data cap"
	case job.CostRoaming:
		return "is roaming"
	default:
		return fmt.Sprintf("has cost %#x", uint32(c))
	}
}

// tooLow reports whether background jobs must leave the battery alone. What is left in it counts only where it is known.
func (l Limits) tooLow(p Power) bool {
	return p.Battery && l.MinBattery > 0 && (l.MinBattery >= 100 || p.Percent > 0 && p.Percent < l.MinBattery)
}

func (l Limits) orBattery() string {
	if l.MinBattery >= 100 {
		return ""
	}
	return fmt.Sprintf(", or a battery with at least %d %% left", l.MinBattery)
}

// minuteOf writes a time as a person says it who has a calendar at hand.
const minuteOf = "Mon 2 Jan 15:04"

// closedTo says until when a priority may not run.
func (s Schedule) closedTo(p job.Priority, now time.Time) string {
	until := s.next(now, func(r Rates) bool { return r[p] != Never })
	if until.IsZero() {
		return fmt.Sprintf("never runs: the schedule has no time for %s-priority jobs", p)
	}
	return fmt.Sprintf("waits until %s: the schedule keeps %s-priority jobs from running", until.Format(minuteOf), p)
}
