package engine

import (
	"context"
	"strings"
	"time"

	"github.com/ebb-transfer/ebb/internal/sink"
	"github.com/ebb-transfer/ebb/job"
)

// DoFile folds commands for one file of a job, all or none. It returns once they are durable. A file that is not there
// refuses with code job.FileNotFound.
func (e *Engine) DoFile(ctx context.Context, id job.ID, file job.FileID, commands ...job.Event) (job.Snapshot, error) {
	for _, command := range commands {
		ev, renames := command.(job.SetRemoteName)
		if !renames {
			continue
		}
		snap, err := e.Job(ctx, id)
		if err == nil {
			err = e.checkSource(ev.URL, snap.Network, secrets{})
		}
		if err != nil {
			return snap, err
		}
	}
	return e.change(ctx, id, commands[0], func(s *session, en *entry) error {
		if _, err := fold(en.job, commands, time.Now()); err != nil {
			return err
		}
		for _, command := range commands {
			_ = s.next(en, command, file) // fold has seen it pass
			if _, anew := command.(job.RetryFile); anew && en.runs[file] != nil {
				en.runs[file].void = true
			}
		}
		s.replan(en)
		return nil
	})
}

// ReplaceRemotePrefix replaces the beginning of the URLs of a download that begin with old, and returns how many do.
func (e *Engine) ReplaceRemotePrefix(ctx context.Context, id job.ID, command job.ReplaceRemotePrefix) (replaced int, snap job.Snapshot, err error) {
	if snap, err = e.Job(ctx, id); err != nil {
		return 0, snap, err
	}
	for f := range snap.Files.All() {
		if rest, ok := strings.CutPrefix(f.URL, command.Old); ok && !f.Removed {
			if err := e.checkSource(command.New+rest, snap.Network, secrets{}); err != nil {
				return 0, snap, err
			}
			break // package job checks each
		}
	}
	snap, err = e.change(ctx, id, command, func(s *session, en *entry) error {
		before := en.job.Files
		if err := s.next(en, command); err != nil {
			return err
		}
		changed := differing(before, en.job.Files, func(a, b job.File) bool { return a.URL != b.URL })
		replaced = len(changed)
		s.touch(en, changed...)
		s.replan(en)
		return nil
	})
	return replaced, snap, err
}

// differing are the files of a job that a command for the whole job has changed.
func differing(before, after job.Files, differ func(a, b job.File) bool) []job.FileID {
	var out []job.FileID
	for f := range after.All() {
		if old, ok := before.Get(f.ID); !ok || differ(old, f) {
			out = append(out, f.ID)
		}
	}
	return out
}

// replan has the job's files looked at again from the first one: a command may have given it something to fetch.
func (s *session) replan(en *entry) {
	en.cursor = 1
	s.plan.dirty = s.plan.dirty || en.job.Runnable()
}

// discardFile deletes what is stored of a file that its job does without, once no worker writes to it any more.
func (s *session) discardFile(en *entry, file job.FileID) {
	s.discards = append(s.discards, discard{en, file})
}

type discard struct {
	entry *entry
	file  job.FileID
}

// discardFiles carries out the discards whose files are free.
func (s *session) discardFiles() {
	var free []sink.Target
	waiting := s.discards[:0]
	for _, d := range s.discards {
		if d.entry.runs[d.file] != nil {
			waiting = append(waiting, d)
			continue
		}
		f, _ := d.entry.job.Files.Get(d.file)
		free = append(free, target(d.entry.job, f))
	}
	s.discards = waiting
	if len(free) == 0 {
		return
	}
	s.goroutine.Go(func() { // what it cannot delete it logs, and the end of the job tries again
		_, _ = s.cfg.Sink.Discard(s.ctx, free)
	})
}
