package sched

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/ebb-transfer/ebb/job"
)

// A scene is what Plan is asked about.
type scene struct {
	now    time.Time
	jobs   []Candidate
	facts  Facts
	limits Limits
}

func (s scene) plan() Decision { return Plan(s.now, s.jobs, s.facts, s.limits) }

// drawScene draws few different times, so that ties and turns that just end are common.
func drawScene(t *rapid.T) scene {
	s := scene{
		now:    at(300),
		limits: Limits{Background: rapid.IntRange(0, 4).Draw(t, "background"), Slice: time.Duration(rapid.IntRange(0, 3).Draw(t, "slice")) * 30 * time.Second},
		facts:  Facts{HostClosed: map[string]time.Time{}},
	}
	hosts := []string{"", "a:80", "b:443", "c:443"}
	for _, h := range hosts[2:] {
		s.facts.HostClosed[h] = at(rapid.IntRange(0, 600).Draw(t, "closed until"))
	}
	s.drawPolicies(t)
	s.drawQuota(t)
	policies := rapid.SampledFrom([]job.TransferPolicy{0, job.PolicyUnrestricted, job.PolicyNotRoaming, job.PolicyAlways})
	times := rapid.SampledFrom([]time.Time{{}, at(0), at(100), at(210), at(239), at(240), at(241), at(300)})
	n := rapid.OneOf(rapid.IntRange(0, 12), rapid.IntRange(80, 120)).Draw(t, "jobs")
	for i := range n {
		s.jobs = append(s.jobs, Candidate{
			ID: job.ID(fmt.Sprint("job", i)), Seq: uint64(i), Owner: owners.Draw(t, "owner"),
			Priority: rapid.SampledFrom(job.Priorities()).Draw(t, "priority"),
			Host:     rapid.SampledFrom(hosts).Draw(t, "host"),
			Running:  rapid.Bool().Draw(t, "running"),
			Since:    rapid.SampledFrom([]time.Time{at(0), at(100), at(239), at(240), at(241), at(300)}).Draw(t, "since"),
			LastRan:  times.Draw(t, "last ran"),
			Policy:   policies.Draw(t, "policy"),
		})
	}
	s.jobs = rapid.Permutation(s.jobs).Draw(t, "order")
	return s
}

// drawPolicies draws what blocks jobs: mostly little, so that some run.
func (s *scene) drawPolicies(t *rapid.T) {
	rarely := rapid.Map(rapid.IntRange(0, 9), func(n int) bool { return n == 9 })
	if rarely.Draw(t, "offline") {
		s.facts.Offline = "no interface is up"
	}
	s.facts.Asleep = rarely.Draw(t, "asleep")
	s.facts.Cost = rapid.SampledFrom([]job.Cost{0, job.CostUnrestricted, job.CostUsageBased, job.CostRoaming}).Draw(t, "cost")
	s.facts.Power = Power{rapid.Bool().Draw(t, "on battery"), rapid.SampledFrom([]int{0, 19, 20, 100}).Draw(t, "percent"), rarely.Draw(t, "saver")}
	s.limits.MinBattery = rapid.SampledFrom([]int{0, 0, 20, 100}).Draw(t, "least battery")
	s.limits.Saver = rapid.Bool().Draw(t, "heeds the saver")
	s.limits.Costs[job.Low] = rapid.SampledFrom([]job.TransferPolicy{0, job.PolicyUnrestricted}).Draw(t, "cost policy of low")
	minutes := rapid.Map(rapid.IntRange(0, 10), func(n int) time.Duration { return 12*time.Hour + time.Duration(n)*time.Minute })
	if rapid.Bool().Draw(t, "scheduled") {
		s.limits.Schedule = drawSchedule(t, minutes)
	}
}

var owners = rapid.SampledFrom([]string{"anna", "bob", "cleo", "dora"})

// drawQuota draws what some owners have used, in periods before and after the one of t0, a Sunday and the first of its month.
func (s *scene) drawQuota(t *rapid.T) {
	s.limits.Quota = Quota{rapid.SampledFrom([]int64{0, 10, 11}).Draw(t, "quota"), rapid.SampledFrom(Periods()).Draw(t, "period")}
	days := rapid.SampledFrom([]string{"2026-02-01", "2026-02-22", "2026-02-23", "2026-02-28", "2026-03-01", "2026-03-02", "2027-01-01"})
	used := rapid.Custom(func(t *rapid.T) Used { return Used{days.Draw(t, "since"), rapid.Int64Range(9, 12).Draw(t, "used")} })
	s.facts.Used = rapid.MapOfN(owners, used, 0, 3).Draw(t, "used")
}

// naivelyExhausted compares days on a calendar.
func naivelyExhausted(s scene, c Candidate) bool {
	used, there := s.facts.Used[c.Owner]
	if s.limits.Quota.PerUser == 0 || !there {
		return false
	}
	first := s.now
	begins := map[Period]func() bool{
		Month: func() bool { return first.Day() == 1 },
		Week:  func() bool { return first.Weekday() == time.Monday },
		Day:   func() bool { return true },
	}[s.limits.Quota.Period]
	for !begins() {
		first = first.AddDate(0, 0, -1)
	}
	return used.Since >= first.Format(time.DateOnly) && used.Bytes >= s.limits.Quota.PerUser
}

// naivelyBlocked goes through the rules one by one, in their order.
func naivelyBlocked(s scene, c Candidate) job.Code {
	cost, policy, power := s.facts.Cost, c.Policy, s.facts.Power
	if cost == 0 {
		cost = job.CostUnrestricted
	}
	if policy == 0 {
		policy = s.limits.Costs[c.Priority]
	}
	if policy == 0 {
		policy = job.PolicyAlways
	}
	spare := power.Percent
	if spare == 0 {
		spare = 99 // nobody knows
	}
	switch {
	case s.facts.Asleep:
		return job.StandbyMode
	case s.facts.Offline != "":
		return job.NetworkDisconnected
	case !policy.Allows(cost):
		return job.BlockedByCost
	case naivelyExhausted(s, c):
		return job.BlockedByPolicy
	case c.Priority == job.Foreground:
		return 0
	case power.Battery && (spare < s.limits.MinBattery || s.limits.MinBattery == 100):
		return job.BlockedByBattery
	case power.Saver && s.limits.Saver:
		return job.BlockedByBatterySaver
	case naiveRates(s.limits.Schedule)(minuteAt(s.now))[c.Priority] == Never:
		return job.BlockedByPolicy
	}
	return 0
}

// apply is what the engine does with a decision.
func (s scene) apply(d Decision) scene {
	s.jobs = slices.Clone(s.jobs)
	for i := range s.jobs {
		c := &s.jobs[i]
		switch place := slices.Index(d.Run, c.ID); {
		case place >= 0 && !c.Running:
			c.Running, c.Since = true, s.now.Add(time.Duration(place))
		case place < 0 && c.Running:
			c.Running, c.LastRan = false, s.now
		}
	}
	return s
}

func set(ids []job.ID) []job.ID { return slices.Sorted(slices.Values(ids)) }

// naive picks the background jobs one slot at a time, by comparing all that are left, and
// finds the end of turns by counting them.
func naive(s scene) []job.ID {
	limits := s.limits.withDefaults()
	left := map[job.ID]Candidate{}
	var run []job.ID
	for _, c := range s.jobs {
		switch {
		case naivelyBlocked(s, c) != 0 || s.facts.HostClosed[c.Host].After(s.now):
		case c.Priority == job.Foreground:
			run = append(run, c.ID)
		default:
			left[c.ID] = c
		}
	}
	// waitsSince is when a job began to wait for a turn, or is about to begin another one.
	waitsSince := func(c Candidate) (since time.Time, inTurn bool) {
		if !c.Running {
			return c.LastRan, false
		}
		turn := c.Since
		for !turn.Add(limits.Slice).After(s.now) {
			turn = turn.Add(limits.Slice)
		}
		return turn, turn.Equal(c.Since)
	}
	before := func(a, b Candidate) bool {
		sinceA, inTurnA := waitsSince(a)
		sinceB, inTurnB := waitsSince(b)
		switch {
		case a.Priority != b.Priority:
			return a.Priority < b.Priority
		case inTurnA != inTurnB:
			return inTurnA
		case !sinceA.Equal(sinceB):
			return sinceA.Before(sinceB)
		case !a.Since.Equal(b.Since):
			return a.Since.Before(b.Since)
		}
		return a.Seq < b.Seq
	}
	for range limits.Background {
		var best *Candidate
		for _, c := range left {
			if best == nil || before(c, *best) {
				best = &c
			}
		}
		if best == nil {
			break
		}
		run = append(run, best.ID)
		delete(left, best.ID)
	}
	return run
}

func TestPlanAsNaivePlan(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s := drawScene(t)
		if got, want := set(s.plan().Run), set(naive(s)); !slices.Equal(got, want) {
			t.Fatalf("runs %v, the naive plan %v", got, want)
		}
	})
}

func TestBlockedAsNaivelyBlocked(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s := drawScene(t)
		want := map[job.ID]job.Code{}
		for _, c := range s.jobs {
			if code := naivelyBlocked(s, c); code != 0 {
				want[c.ID] = code
			}
		}
		got := map[job.ID]job.Code{}
		for id, block := range s.plan().Blocked {
			got[id] = block.Code
		}
		if !maps.Equal(got, want) {
			t.Fatalf("blocked are %v, naively %v", got, want)
		}
	})
}

func TestPlanIsStableUntilAgain(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s := drawScene(t)
		first := s.plan()
		if !first.Again.IsZero() && !first.Again.After(s.now) {
			t.Fatalf("Again is %v, not later than now", first.Again)
		}
		s = s.apply(first)
		for _, later := range []time.Duration{0, 1, time.Second, 29 * time.Second, time.Minute, 5 * time.Minute, 48 * time.Hour} {
			next := s
			next.now = s.now.Add(later)
			if !first.Again.IsZero() && !next.now.Before(first.Again) {
				break
			}
			if got, want := set(next.plan().Run), set(first.Run); !slices.Equal(got, want) {
				t.Fatalf("%v later %v run instead of %v, before Again", later, got, want)
			}
			if d := next.plan(); !maps.Equal(d.Blocked, first.Blocked) || d.Rates != first.Rates {
				t.Fatalf("%v later %v are blocked instead of %v, at rates %v instead of %v, before Again", later, d.Blocked, first.Blocked, d.Rates, first.Rates)
			}
		}
	})
}

func TestPlanIsStrict(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s := drawScene(t)
		d := s.plan()
		background, open := 0, 0
		for _, c := range s.jobs {
			running := slices.Contains(d.Run, c.ID)
			_, blocked := d.Blocked[c.ID]
			closed := blocked || s.facts.HostClosed[c.Host].After(s.now)
			if why := d.Why(c); (why == "") != running {
				t.Errorf("job %s: running is %v, and why says %q", c.ID, running, why)
			}
			switch {
			case running && closed:
				t.Errorf("job %s runs though it is blocked or its host is closed", c.ID)
			case closed:
				continue
			case c.Priority == job.Foreground:
				if !running {
					t.Errorf("foreground job %s waits", c.ID)
				}
				continue
			}
			open++
			if running {
				background++
				continue
			}
			for _, o := range s.jobs {
				switch {
				case !slices.Contains(d.Run, o.ID):
				case o.Priority > c.Priority:
					t.Errorf("job %s (%v) runs while %s (%v) waits", o.ID, o.Priority, c.ID, c.Priority)
				case o.Priority == c.Priority && (d.Again.IsZero() || d.Again.After(s.now.Add(s.limits.withDefaults().Slice))):
					t.Errorf("job %s waits for the end of %s's turn, but the next look is at %v", c.ID, o.ID, d.Again)
				}
			}
		}
		if want := min(open, s.limits.withDefaults().Background); background != want {
			t.Errorf("%d background jobs run, want %d of %d", background, want, open)
		}
	})
}

// TestTurnsAreFair runs equal jobs through simulated hours, with looks that are a little
// late, so that the ends of turns drift apart and together again.
func TestTurnsAreFair(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(2, 8).Draw(t, "jobs")
		slots := rapid.IntRange(1, n-1).Draw(t, "slots")
		random := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0))
		lateness := []time.Duration{0, time.Millisecond, 50 * time.Millisecond}
		s := scene{now: t0, limits: Limits{Background: slots, Slice: time.Minute}}
		for i := range n {
			s.jobs = append(s.jobs, Candidate{ID: job.ID(fmt.Sprint("job", i)), Seq: uint64(i), Priority: job.Normal})
		}
		const rounds = 100
		had := map[job.ID]time.Duration{}
		end := t0.Add(time.Duration(rounds*n) * time.Minute)
		for s.now.Before(end) {
			d := s.plan()
			if !d.Again.After(s.now) {
				t.Fatalf("jobs wait, but the next look is at %v, not after %v", d.Again, s.now)
			}
			s = s.apply(d)
			next := d.Again.Add(lateness[random.IntN(len(lateness))])
			for _, id := range d.Run {
				had[id] += next.Sub(s.now)
			}
			s.now = next
		}
		share := time.Duration(rounds*slots) * time.Minute
		for _, id := range slices.Sorted(maps.Keys(had)) {
			if off := (had[id] - share).Abs(); off > 8*time.Minute {
				t.Errorf("%d jobs on %d slots: %s had %v, its share is %v", n, slots, id, had[id], share)
			}
		}
		if len(had) != n {
			t.Errorf("only %d of %d jobs ever ran", len(had), n)
		}
	})
}
