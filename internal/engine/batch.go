package engine

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/ebb-transfer/ebb/internal/store"
	"github.com/ebb-transfer/ebb/job"
)

// batch is what has been folded since the last commit.
type batch struct {
	changed map[*entry]map[job.FileID]*job.Answer // jobs to store, which of their files, and what servers said about those
	notices []store.Notice
	secrets []store.Secret
	forget  []job.ID
	effects []due
	replies []func(failed error)
}

// empty reports whether there is nothing to store.
func (b batch) empty() bool { return len(b.changed)+len(b.secrets)+len(b.forget) == 0 }

type due struct {
	entry  *entry
	effect job.Effect
}

// next folds ev into the job. What it leads to happens after the commit.
func (s *session) next(en *entry, ev job.Event, files ...job.FileID) error {
	now := time.Now()
	j, effects, err := job.Next(en.job, ev, now, job.Policy{Jitter: rand.Float64()})
	if err != nil {
		return err
	}
	s.plan.dirty = s.plan.dirty || plannedAnew(en.job, j)
	if j.Runnable() && !en.job.Runnable() {
		en.lastRan = now // behind those that wait already
	}
	s.counts.fold(en.job, j, ev)
	en.job = j
	s.line(en)
	switch ev := ev.(type) {
	case job.Boot: // changes nothing
	case job.Fault:
		s.touch(en, files...)
		s.answered(en, ev.Err.File, ev.Err.Answer)
	default:
		s.touch(en, files...)
	}
	for _, effect := range effects {
		switch effect := effect.(type) {
		case job.WakeAt:
			s.wakes.set(en, effect.At)
		case job.Notify:
			s.notice(en, effect, now)
		default:
			s.batch.effects = append(s.batch.effects, due{en, effect})
		}
	}
	return nil
}

// plannedAnew reports whether the schedule depends on what changed of a job.
func plannedAnew(from, to job.Job) bool {
	if from.Runnable() != to.Runnable() {
		return true
	}
	inLine := to.Runnable() || to.Blocked()
	return inLine && (from.Owner != to.Owner || from.Priority != to.Priority || from.TransferPolicy != to.TransferPolicy || from.Totals.Files != to.Totals.Files)
}

// touch marks a job, and some of its files, to be stored with the next commit.
func (s *session) touch(en *entry, files ...job.FileID) {
	if s.batch.changed == nil {
		s.batch.changed = map[*entry]map[job.FileID]*job.Answer{}
	}
	set := s.batch.changed[en]
	if set == nil {
		set = map[job.FileID]*job.Answer{}
		s.batch.changed[en] = set
	}
	for _, f := range files {
		if _, there := set[f]; !there {
			set[f] = nil
		}
	}
}

// answered has what a server said about a file stored with the next commit; nil is nothing.
func (s *session) answered(en *entry, file job.FileID, answer *job.Answer) {
	if answer != nil {
		s.touch(en, file)
		s.batch.changed[en][file] = answer
	}
}

// notice puts an entry into the outbox, in the same commit as its cause.
func (s *session) notice(en *entry, n job.Notify, now time.Time) {
	entry := store.Notice{At: now, Kind: n.Kind, Job: s.snapshot(en)}
	if f, ok := en.job.Files.Get(n.File); ok {
		entry.File = &f
	}
	entry.Pending = s.cfg.Wants != nil && s.cfg.Wants(en.job, n.Kind)
	s.batch.notices = append(s.batch.notices, entry)
}

// afterCommit calls f once the batch is durable, or with ErrUnknown and its cause when that failed.
func (s *session) afterCommit(f func(failed error)) { s.batch.replies = append(s.batch.replies, f) }

// commit makes the batch durable, then answers, tells and acts. After an error the session
// is over.
func (s *session) commit() error {
	b := s.batch
	s.batch = batch{}
	var err error
	if !b.empty() {
		s.rest.Reset(restAfter)
		err = s.store(b)
	}
	if err != nil {
		for _, reply := range b.replies {
			reply(fmt.Errorf("%w: %w", ErrUnknown, err))
		}
		return err
	}
	for en := range b.changed {
		en.rev = s.rev.Add(1)
		s.watch.tell(s.snapshot(en))
	}
	for _, reply := range b.replies {
		reply(nil)
	}
	for _, d := range b.effects {
		s.carryOut(d.entry, d.effect)
	}
	for en := range b.changed {
		if en.job.State.Final() && s.jobs[en.job.ID] == en {
			s.leave(en)
		}
	}
	if len(b.notices) > 0 {
		s.events.raise()
		if s.cfg.Notified != nil {
			s.cfg.Notified()
		}
	}
	return nil
}

// store makes the batch durable, with what was counted.
func (s *session) store(b batch) error {
	record := b.record()
	record.Usage = s.meter.record()
	_, err := s.cfg.Store.Commit(context.WithoutCancel(s.ctx), record)
	if err == nil {
		clear(s.meter.unstored)
	}
	return err
}

// record is the batch as the store takes it, in the order of submission.
func (b batch) record() store.Batch {
	out := store.Batch{Notices: b.notices, Secrets: b.secrets, Forget: b.forget}
	for en, files := range b.changed {
		change := store.Change{Job: en.job, Files: make([]job.FileID, 0, len(files))}
		for f, answer := range files {
			change.Files = append(change.Files, f)
			if answer != nil {
				if change.Answers == nil {
					change.Answers = map[job.FileID]job.Answer{}
				}
				change.Answers[f] = *answer
			}
		}
		slices.Sort(change.Files)
		out.Jobs = append(out.Jobs, change)
	}
	slices.SortFunc(out.Jobs, func(a, b store.Change) int { return int(int64(a.Job.Seq) - int64(b.Job.Seq)) })
	return out
}

// carryOut acts on an effect whose cause is durable.
func (s *session) carryOut(en *entry, effect job.Effect) {
	switch effect := effect.(type) {
	case job.DiscardFile:
		s.discardFile(en, effect.File)
	case job.StopTransfer:
		s.stopRuns(en)
	case job.Publish, job.Discard:
		en.effect = effect
		s.settle(en)
	}
}
