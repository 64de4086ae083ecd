package engine

import (
	"context"
	"errors"

	"github.com/ebb-transfer/ebb/internal/sink"
	"github.com/ebb-transfer/ebb/job"
)

// settle carries out the job's final command, once its last worker has had its last word.
func (s *session) settle(en *entry) {
	if len(en.runs) > 0 || en.settles || en.effect == nil {
		return
	}
	effect, j := en.effect, en.job
	en.effect, en.settles = nil, true
	s.goroutine.Go(func() {
		select {
		case s.settling <- struct{}{}:
			defer func() { <-s.settling }()
		case <-s.ctx.Done():
			return // the intent is stored; the next Boot repeats it
		}
		ev := s.outcome(s.ctx, effect, j)
		s.post(func(s *session) {
			en.settles = false
			if err := s.next(en, ev); err != nil {
				s.cfg.Log.Error("a settled command was refused", "job", j.ID, "err", err)
			}
		})
	})
}

// outcome publishes or discards the job's files and tells how it went.
func (s *session) outcome(ctx context.Context, effect job.Effect, j job.Job) job.Event {
	var left job.Code
	var err error
	if _, publish := effect.(job.Publish); publish {
		left, err = s.cfg.Sink.Publish(ctx, publishFiles(j))
	} else {
		left, err = s.cfg.Sink.Discard(ctx, targets(j))
	}
	if err == nil {
		return job.Settled{Result: left}
	}
	var known *job.Error
	if !errors.As(err, &known) {
		known = &job.Error{Context: job.ContextLocalFile, Code: job.Unexpected, Class: job.NeedsAction, Text: err.Error(), Err: err}
	}
	return job.Unsettled{Err: known}
}

func target(j job.Job, f job.File) sink.Target {
	return sink.Target{Job: j.ID, File: f.ID, Local: f.Local, Overwrite: j.Overwrite}
}

func targets(j job.Job) []sink.Target {
	out := make([]sink.Target, 0, j.Files.Len())
	for f := range j.Files.All() {
		out = append(out, target(j, f))
	}
	return out
}

func publishFiles(j job.Job) []sink.PublishFile {
	out := make([]sink.PublishFile, 0, j.Files.Len())
	for f := range j.Files.All() {
		out = append(out, sink.PublishFile{Target: target(j, f), Size: f.Size, Digest: f.Digest, Modified: f.Modified, Done: f.Done})
	}
	return out
}
