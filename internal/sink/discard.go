package sink

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"syscall"

	"github.com/ebb-transfer/ebb/job"
)

// Discard deletes the partial files of the targets. It is idempotent: a file that is not
// there is deleted. When one would not go, left is [job.UnableToDeleteFiles] and the log
// says which and why; [Sink.Sweep] tries it again. The only error is that of an ended ctx.
func (s *Sink) Discard(ctx context.Context, targets []Target) (left job.Code, err error) {
	for _, t := range targets {
		if ctx.Err() != nil {
			return left, context.Cause(ctx)
		}
		part, sparse := s.partialNames(t)
		for _, name := range []string{part, sparse} {
			if err := s.remove(name); err != nil {
				left = job.UnableToDeleteFiles
				s.log.Warn("cannot delete a partial file", slog.String("job", string(t.Job)), slog.Any("error", err))
			}
		}
	}
	return left, nil
}

// Sweep deletes the partial files in the folders that belong to no live job, and returns
// their names. Those of other instances stay. Folders that are not there are skipped.
// It does all it can and returns all errors joined.
func (s *Sink) Sweep(ctx context.Context, folders []string, live func(job.ID) bool) (removed []string, err error) {
	for _, folder := range folders {
		names, e := readNames(folder)
		err = errors.Join(err, e)
		for _, name := range names {
			if ctx.Err() != nil {
				return removed, context.Cause(ctx)
			}
			id, ours := s.parsePartialName(name)
			if !ours || live(id) {
				continue
			}
			path := filepath.Join(folder, name)
			if e := s.remove(path); e != nil {
				err = errors.Join(err, Target{Job: id}.failAt("delete", path, e))
				continue
			}
			removed = append(removed, path)
		}
	}
	return removed, err
}

// remove deletes a partial file, if it is there.
func (s *Sink) remove(name string) error {
	return s.do(Remove, name, func() error {
		if err := os.Remove(name); !gone(err) {
			return err
		}
		return nil
	})
}

// readNames returns the names in a folder, none when there is no such folder.
func readNames(folder string) ([]string, error) {
	f, err := os.Open(folder)
	if gone(err) {
		return nil, nil
	}
	if err != nil {
		return nil, Target{}.failAt("read", folder, err)
	}
	defer func() { _ = f.Close() }() // it was only read
	names, err := f.Readdirnames(-1)
	if err != nil && !gone(err) {
		return names, Target{}.failAt("read", folder, err)
	}
	return names, nil
}

// gone reports whether err means that there is no such file, or not even its folder.
func gone(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR)
}
