package engine

import (
	"errors"
	"time"

	"github.com/ebb-transfer/ebb/internal/sink"
	"github.com/ebb-transfer/ebb/internal/transport"
	"github.com/ebb-transfer/ebb/job"
)

const (
	// finishBatch is how many finished files are synced together at the most. Each holds its file open.
	finishBatch = 512
	// finishWait is how long a finished file waits for others to be synced with, while others are on their way.
	finishWait = 100 * time.Millisecond
)

// finished is a file whose bytes are all in its partial file, or all that were asked for.
type finished struct {
	run  *run
	size int64 // UnknownSize if it is not whole
}

// finish syncs finished files in groups and says their last word. It is one goroutine, ended by
// the end of the session.
func (s *session) finish() {
	for {
		select {
		case <-s.dead:
			return
		case first := <-s.finishing:
			s.finishGroup(s.gather(first))
		}
	}
}

// gather returns first and those that follow it soon: a sync, and the commit after it, cost about the same
// for one file as for many. Nobody waits when nothing else is being fetched.
func (s *session) gather(first finished) []finished {
	group := []finished{first}
	late := time.NewTimer(finishWait)
	defer late.Stop()
	for len(group) < finishBatch {
		if s.fetching.Load() == 0 && len(s.finishing) == 0 {
			return group
		}
		select {
		case f := <-s.finishing:
			group = append(group, f)
		case <-late.C:
			return group
		case <-s.ctx.Done():
			return group
		}
	}
	return group
}

func (s *session) finishGroup(group []finished) {
	partials := make([]*sink.Partial, len(group))
	for i, f := range group {
		partials[i] = f.run.partial
	}
	_ = s.cfg.Sink.Sync(partials) // the Checkpoint of each tells its own error, at no cost
	words := make([]lastWord, len(group))
	for i, f := range group {
		filled, err := f.run.partial.Checkpoint()
		_ = f.run.partial.Close()
		words[i] = lastWord{run: f.run, filled: filled, size: f.size, answer: f.run.answer}
		if err != nil {
			words[i].fault, words[i].size = f.run.faultOf(err), job.UnknownSize
		}
	}
	s.say(words...)
}

// lastWord ends a run: what is durable, and how it went. A size that is known says that the file is whole.
type lastWord struct {
	run    *run
	filled job.Ranges
	fault  *job.Error
	size   int64
	answer *job.Answer // the server's last one; nil for none
}

// say has last words heard, all in one commit.
func (s *session) say(words ...lastWord) {
	s.post(func(s *session) {
		for _, w := range words {
			s.stopped(w)
		}
	})
}

// fact folds what a worker reports, unless its run is to stop or is over.
func (s *session) fact(r *run, ev job.Event) bool {
	s.spend(r)
	if r.stopping || r.entry.runs[r.file.ID] != r {
		return false
	}
	return s.next(r.entry, ev, r.file.ID) == nil
}

// stopped takes a last word. A run that was asked to stop passes on its bytes only: its
// fault was ours.
func (s *session) stopped(w lastWord) {
	r, en := w.run, w.run.entry
	if en.runs[r.file.ID] != r {
		return
	}
	s.spend(r)
	delete(en.runs, r.file.ID)
	s.busy.put(en, len(en.runs) > 0)
	s.plan.running--
	s.release(r)
	s.ran(en)
	if r.learned != nil && !r.void {
		_ = s.next(en, *r.learned, r.file.ID)
	}
	s.answered(en, r.file.ID, w.answer)
	switch {
	case r.void:
	case w.size >= 0:
		_ = s.next(en, job.FileDone{File: r.file.ID, Size: w.size}, r.file.ID)
	case len(w.filled) > 0:
		s.lastProgress(r, w.filled)
	}
	if w.fault != nil && !r.stopping {
		s.fault(en, w.fault)
	}
	if r.stopping || w.fault != nil || w.size < 0 {
		en.cursor = 1
	}
	if en.planned && en.job.Runnable() && (r.stopping || w.size < 0) {
		s.plan.dirty = true
	}
	if len(en.runs) == 0 && !en.job.Runnable() {
		en.secrets = &jobSecrets{} // not kept while the job waits, which may be for days
	}
	if len(en.runs) == 0 && en.effect != nil {
		s.batch.effects = append(s.batch.effects, due{en, en.effect}) // once this word is durable
	}
}

func (s *session) lastProgress(r *run, filled job.Ranges) {
	f, _ := r.entry.job.Files.Get(r.file.ID)
	_ = s.next(r.entry, job.Progress{
		File: f.ID, Filled: filled, Size: f.Size, Validator: f.Validator, Modified: f.Modified, Boot: f.Boot,
	}, f.ID)
}

// fault folds an error of a worker. A redirect that was refused replaces the remote name all the same, as in BITS.
func (s *session) fault(en *entry, fault *job.Error) {
	var redirect *transport.Redirect
	if f, ok := en.job.Files.Get(fault.File); ok && errors.As(fault.Err, &redirect) {
		_ = s.next(en, job.Progress{File: f.ID, Size: f.Size, Boot: f.Boot, Redirected: redirect.To}, f.ID)
	}
	if err := s.next(en, job.Fault{Err: fault}, fault.File); err != nil {
		if !errors.Is(err, job.ErrState) {
			s.cfg.Log.Error("a fault was refused", "job", en.job.ID, "err", err)
		}
		return
	}
	s.plan.closeHost(hostClosedBy(en.job))
}

// ran reports the time a job was active since it last did.
func (s *session) ran(en *entry) {
	now := time.Now()
	if d := now.Sub(en.active); d > 0 && en.job.Runnable() {
		_ = s.next(en, job.Ran{For: d})
	}
	en.active = now
}
