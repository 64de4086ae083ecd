package engine

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/ebb-transfer/ebb/internal/sched"
	"github.com/ebb-transfer/ebb/internal/store"
)

// meter counts the bytes that come for the jobs of each owner, whether there is a quota or not: one that is set in the
// middle of a month is for the whole month. It belongs to the goroutine in Run and outlives a session, since what came is
// spent whatever became of the commit that was to store it.
type meter struct {
	used     map[string]sched.Used // by owner; nil until they are loaded
	unstored map[string]bool       // owners whose count has changed since it was stored
}

// loadMeter reads what was counted by the process before.
func (s *session) loadMeter(ctx context.Context) error {
	if s.meter.used != nil {
		return nil
	}
	stored, err := s.cfg.Store.Usage(ctx)
	if err != nil {
		return err
	}
	s.meter = meter{used: map[string]sched.Used{}, unstored: map[string]bool{}}
	for _, u := range stored {
		s.meter.used[u.Owner] = sched.Used{Since: u.Since, Bytes: u.Bytes}
	}
	return nil
}

// spend counts what came for a run since it was last counted, for who owned the job when the run began. The count is stored
// with the next commit, at the latest that of what the run's next checkpoint or last word tells. What exhausts a quota has the
// plan made anew.
func (s *session) spend(r *run) {
	came := r.came.Load()
	if came == r.spent {
		return
	}
	now, owner, quota := time.Now(), r.job.Owner, s.limits.Sched.Quota
	used := s.meter.used[owner].In(quota.Period, now)
	before := quota.Exhausted(used, now)
	used.Bytes += came - r.spent
	s.counts.Received[r.entry.job.Priority] += came - r.spent
	r.spent = came
	s.meter.used[owner], s.meter.unstored[owner] = used, true
	s.plan.dirty = s.plan.dirty || !before && quota.Exhausted(used, now)
}

// spendRest counts what came for the workers of a session that failed, whose letters nobody reads.
func (s *session) spendRest() {
	for en := range s.busy {
		for _, r := range en.runs {
			s.spend(r)
		}
	}
}

// record is what has changed, as the store takes it.
func (m *meter) record() []store.Usage {
	var out []store.Usage
	for _, owner := range slices.Sorted(maps.Keys(m.unstored)) {
		out = append(out, store.Usage{Owner: owner, Since: m.used[owner].Since, Bytes: m.used[owner].Bytes})
	}
	return out
}

// inPeriod are the counts for the plan. Those of a period that is still to come, because the clock was set back, become those of
// the period of now, so that they end with it.
func (m *meter) inPeriod(q sched.Quota, now time.Time) map[string]sched.Used {
	since := q.Period.Since(now)
	for owner, used := range m.used {
		if used.Since > since {
			m.used[owner], m.unstored[owner] = used.In(q.Period, now), true
		}
	}
	return m.used
}
