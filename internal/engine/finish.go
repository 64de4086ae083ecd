package engine

import (
	"errors"
	"time"

	"github.com/ebb-transfer/ebb/internal/sink"
	"github.com/ebb-transfer/ebb/job"
)

// finishBatch is how many finished files are synced together at the most.
const finishBatch = 256

// finished is a file whose bytes are all in its partial file.
type finished struct {
	run  *run
	size int64
}

// finish syncs finished files in groups and says their last word. It is one goroutine, ended by
// the end of the session.
func (s *session) finish() {
	for {
		select {
		case <-s.dead:
			return
		case first := <-s.finishing:
			s.finishGroup(append(s.waitingFiles(), first))
		}
	}
}

// waitingFiles takes the files that wait already.
func (s *session) waitingFiles() []finished {
	var group []finished
	for len(group) < finishBatch-1 {
		select {
		case f := <-s.finishing:
			group = append(group, f)
		default:
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
	for _, f := range group {
		filled, err := f.run.partial.Checkpoint()
		_ = f.run.partial.Close()
		if err != nil {
			f.run.lastWord(filled, faultOf(err, f.run.file.ID), job.UnknownSize)
			continue
		}
		f.run.lastWord(filled, nil, f.size)
	}
}

// lastWord ends the run: what is durable, and how it went. A size says that the file is whole.
func (r *run) lastWord(filled job.Ranges, fault *job.Error, size int64) {
	r.session.post(func(s *session) { s.stopped(r, filled, fault, size) })
}

// fact folds what a worker reports, unless its run is to stop or is over.
func (s *session) fact(r *run, ev job.Event) bool {
	if r.stopping || r.entry.runs[r.file.ID] != r {
		return false
	}
	return s.next(r.entry, ev, r.file.ID) == nil
}

// stopped takes a last word. A run that was asked to stop passes on its bytes only: its
// fault was ours.
func (s *session) stopped(r *run, filled job.Ranges, fault *job.Error, size int64) {
	en := r.entry
	if en.runs[r.file.ID] != r {
		return
	}
	delete(en.runs, r.file.ID)
	s.busy.put(en, len(en.runs) > 0)
	s.plan.running--
	s.release(r)
	s.ran(en)
	switch {
	case size >= 0:
		_ = s.next(en, job.FileDone{File: r.file.ID, Size: size}, r.file.ID)
	case len(filled) > 0:
		s.lastProgress(r, filled)
	}
	if fault != nil && !r.stopping {
		s.fault(en, fault)
	}
	if r.stopping || fault != nil || size < 0 {
		en.cursor = 1
	}
	if en.planned && en.job.Runnable() && (r.stopping || size < 0) {
		s.plan.dirty = true
	}
	if len(en.runs) == 0 && en.effect != nil {
		s.settle(en)
	}
}

func (s *session) lastProgress(r *run, filled job.Ranges) {
	f, _ := r.entry.job.Files.Get(r.file.ID)
	_ = s.next(r.entry, job.Progress{
		File: f.ID, Filled: filled, Size: f.Size, Validator: f.Validator, Modified: f.Modified, Boot: f.Boot,
	}, f.ID)
}

// fault folds an error of a worker.
func (s *session) fault(en *entry, fault *job.Error) {
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
