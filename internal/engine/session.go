package engine

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ebb-transfer/ebb/internal/sched"
	"github.com/ebb-transfer/ebb/internal/store"
	"github.com/ebb-transfer/ebb/job"
)

// session is the control goroutine between one Load of the store and the end, or a failed
// commit. Everything in it belongs to that goroutine, except what says otherwise.
type session struct {
	*Engine
	jobs    map[job.ID]*entry
	order   []*entry // by Seq; entries that left are dropped from time to time
	ready   set      // entries whose job is runnable
	blocked set      // entries whose job is blocked
	busy    set      // entries with runs
	kinds   Jobs     // entries, by what is stored of their job
	lastSeq uint64
	recent  []*entry // final jobs that watchers may have missed, oldest first
	// discards wait for the last words of the files' workers.
	discards []discard
	known    sched.Facts
	limits   Limits
	batch    batch
	wakes    wakeQueue
	plan     plan
	pulse    pulse

	ctx       context.Context // of the workers
	dead      chan struct{}   // closed when nobody reads the mail any more
	goroutine sync.WaitGroup  // workers, finisher and settlers
	finishing chan finished
	fetching  atomic.Int64  // workers that have not handed their file to the finisher, nor ended
	settling  chan struct{} // a slot for each settler
	rest      *time.Timer   // fires once nothing has changed for a while
}

// session runs one session; nil means that ctx ended and all is stored.
func (e *Engine) session(ctx context.Context) error {
	workers, cancel := context.WithCancel(context.WithoutCancel(ctx))
	s := &session{
		Engine: e, jobs: map[job.ID]*entry{}, ready: set{}, blocked: set{}, busy: set{}, plan: newPlan(), ctx: workers,
		dead: make(chan struct{}), finishing: make(chan finished, finishBatch), settling: make(chan struct{}, 4),
		rest: time.NewTimer(restAfter),
	}
	defer s.abandon()
	defer s.spendRest()
	defer s.goroutine.Wait()
	defer s.rest.Stop()
	defer cancel()
	defer close(s.dead)
	if err := s.load(ctx); err != nil {
		return fmt.Errorf("load: %w", err)
	}
	s.hearNews()
	s.goroutine.Go(s.finish)
	err := s.commit()
	if err == nil {
		err = s.loop(ctx)
	}
	if err == nil {
		return s.drain()
	}
	for id := range s.jobs {
		e.doubtful = append(e.doubtful, id)
	}
	return err
}

// abandon closes the files that nobody will finish any more.
func (s *session) abandon() {
	for {
		select {
		case f := <-s.finishing:
			_ = f.run.partial.Close()
		default:
			return
		}
	}
}

// load reads the jobs and boots them.
func (s *session) load(ctx context.Context) error {
	if err := s.loadMeter(ctx); err != nil {
		return err
	}
	last, err := s.cfg.Store.Load(ctx, func(j job.Job) error {
		en := s.enter(j)
		_ = s.next(en, job.Boot{})
		if closed := hostClosedBy(en.job); !closed.until.IsZero() {
			s.plan.closeHost(closed)
		}
		return nil
	})
	s.lastSeq = max(last, s.lastSeq)
	if err != nil {
		return err
	}
	for _, en := range s.order {
		s.watch.tell(s.snapshot(en))
	}
	return s.loadFinal(ctx)
}

// loadFinal finds the jobs that became final in a commit of unknown outcome, for those who
// watch them.
func (s *session) loadFinal(ctx context.Context) error {
	for _, id := range s.doubtful {
		if s.jobs[id] != nil {
			continue
		}
		j, err := s.cfg.Store.Job(ctx, id)
		if errors.Is(err, store.ErrNotFound) {
			continue // it was just being created
		}
		if err != nil {
			return err
		}
		en := &entry{job: j, rev: s.rev.Add(1), wakePos: -1}
		s.recent = append(s.recent, en)
		s.validators.forget(id)
		s.watch.tell(s.snapshot(en))
	}
	s.doubtful = nil
	return nil
}

// restAfter is how long nothing changes before memory that is not in use any more is given back to the
// system: a daemon spends most of its life that way, and Go would keep about as much again as is in use.
const restAfter = 5 * time.Second

// loop folds letters, ticks and pulses until ctx ends or a commit fails.
func (s *session) loop(ctx context.Context) error {
	for {
		s.dispatch()
		if !s.batch.empty() {
			if err := s.commit(); err != nil {
				return err
			}
			continue // who is blocked has changed the plan
		}
		select {
		case l := <-s.mail:
			s.read(l)
		case <-s.wakes.timer():
			s.tick()
		case <-s.outside.news:
			s.hearNews()
		case <-s.plan.timer():
			s.plan.dirty = true
		case <-s.pulse.timer():
			s.beat()
		case <-s.rest.C:
			s.goroutine.Go(debug.FreeOSMemory)
		case <-ctx.Done():
			return nil
		}
		if err := s.commit(); err != nil {
			return err
		}
	}
}

// read opens a letter and those that already wait behind it, so that one commit serves all.
func (s *session) read(l letter) {
	l(s)
	for range mailboxLen {
		select {
		case l := <-s.mail:
			l(s)
		default:
			return
		}
	}
}

// drainTime bounds the wait for the last words of workers at the end.
const drainTime = 10 * time.Second

// drain stops the workers and stores their last words, so that nothing is fetched twice.
func (s *session) drain() error {
	for en := range s.busy {
		s.stopRuns(en)
	}
	deadline := time.After(drainTime)
	for s.plan.running > 0 {
		select {
		case l := <-s.mail:
			s.read(l)
		case <-deadline:
			s.cfg.Log.Warn("some transfers did not stop in time; they go on from their last checkpoint", "files", s.plan.running)
			return nil
		}
		if err := s.commit(); err != nil {
			return err
		}
	}
	return nil
}

// tick wakes the jobs whose time has come.
func (s *session) tick() {
	now := time.Now()
	for en := s.wakes.pop(now); en != nil; en = s.wakes.pop(now) {
		if s.jobs[en.job.ID] == en {
			_ = s.next(en, job.Tick{})
		}
	}
}
