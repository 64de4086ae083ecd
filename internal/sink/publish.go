package sink

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/ebb-transfer/ebb/job"
)

// PublishFile is a file of a job that is completed.
type PublishFile struct {
	Target
	// Size and Digest are what the whole file has; job.UnknownSize and "" if not known.
	Size   int64
	Digest string
	// Modified is the modification time to give to the file. Zero, and what is before 1970 or after
	// 2261, leaves the time of the last write.
	Modified time.Time
	// Done says that the file is whole, durable and verified. The partial file of any
	// other is deleted.
	Done bool
}

// Publish gives every finished file its final name, mode and modification time. No file
// under a final name is ever half written, and none is replaced unless its Target says
// so. It does all it can and returns the first error; what is published by then stays
// so. When all finished files are published it deletes the partial files of the others;
// left is [job.UnableToDeleteFiles] when one of those would not go, else [job.OK].
//
// Publish is idempotent. A file whose partial file is gone counts as published when the
// final one has the right size, time and digest, as far as they are known.
func (s *Sink) Publish(ctx context.Context, files []PublishFile) (left job.Code, err error) {
	var unfinished []Target
	folders, given := make(map[string]Target), make(names)
	keep := func(e error) {
		if err == nil {
			err = e
		}
	}
	for _, f := range files {
		if ctx.Err() != nil {
			return job.OK, context.Cause(ctx)
		}
		if !f.Done {
			unfinished = append(unfinished, f.Target)
			continue
		}
		if e := s.publish(ctx, f, given); e != nil {
			keep(e)
			continue
		}
		given.add(f.Local)
		folders[filepath.Dir(f.Local)] = f.Target
	}
	for folder, t := range folders {
		if e := s.syncFolder(folder); e != nil {
			keep(t.fail("publish", e))
		}
	}
	if err != nil {
		return job.OK, err
	}
	return s.Discard(ctx, unfinished)
}

// names are the files that have their final names already, by their sizes.
type names map[int64][]fs.FileInfo

func (n names) add(name string) {
	if fi, err := os.Lstat(name); err == nil {
		n[fi.Size()] = append(n[fi.Size()], fi)
	}
}

// has reports whether name is one of them: two names of a job can be one on disk, by a link or because
// case does not count.
func (n names) has(name string) bool {
	fi, err := os.Lstat(name)
	return err == nil && slices.ContainsFunc(n[fi.Size()], func(other fs.FileInfo) bool { return os.SameFile(fi, other) })
}

// publish gives one file its final name, but never that of one of given.
func (s *Sink) publish(ctx context.Context, pf PublishFile, given names) error {
	f, name, err := s.openExisting(pf.Target)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return s.published(ctx, pf)
	case err != nil:
		return pf.fail("publish", err)
	}
	err = s.stamp(f, name, pf)
	if e := f.Close(); err == nil && e != nil { // Windows renames no open file
		err = pf.fail("publish", e)
	}
	if err != nil {
		return err
	}
	if pf.Overwrite {
		if err := checkDestination(pf.Target); err != nil {
			return err
		}
		if given.has(pf.Local) {
			return pf.refuse(job.FileExists, "%q is the name of another file of the job, too; cancel the job and choose different names", pf.Local)
		}
		err = s.do(Rename, pf.Local, func() error { return renameOver(name, pf.Local) })
	} else {
		err = s.do(Rename, pf.Local, func() error { return renameNew(name, pf.Local) })
	}
	if errors.Is(err, fs.ErrExist) {
		return s.taken(name, pf.Target)
	}
	if err != nil {
		return pf.fail("publish", err)
	}
	return nil
}

// stamp verifies the partial file f and makes it ready for its final name.
func (s *Sink) stamp(f *os.File, name string, pf PublishFile) error {
	id, err := identify(f)
	switch {
	case err != nil:
		return pf.fail("publish", err)
	case !id.regular:
		return pf.refuse(job.LocalFileChanged, "%q is not the file that ebb created; delete it, then try again", name)
	case pf.Size >= 0 && id.size != pf.Size:
		return pf.reject(job.LocalFileChanged, "%q has %d bytes on disk instead of %d: something else changed it; cancel the job and download the file again",
			pf.Local, id.size, pf.Size)
	}
	modified := pf.Modified
	if !possible(modified) {
		modified = time.Time{}
	}
	if err := s.do(Stamp, name, func() error { return stamp(f, name, s.mode, modified) }); err != nil {
		return pf.fail("publish", err)
	}
	return nil
}

// taken is called when the final name of t is in use. That is no error where the file is
// the partial one itself: some file systems give the final name first and take the other one
// away after, and something came between.
func (s *Sink) taken(name string, t Target) error {
	partial, err1 := os.Lstat(name)
	final, err2 := os.Lstat(t.Local)
	if err1 == nil && err2 == nil && os.SameFile(partial, final) {
		if err := s.do(Remove, name, func() error { return os.Remove(name) }); err != nil {
			return t.fail("publish", err)
		}
		return nil
	}
	if err := checkDestination(t); err != nil {
		return err
	}
	return t.fail("publish", fs.ErrExist) // it went while we looked
}

// published reports whether a file without a partial one was published before.
func (s *Sink) published(ctx context.Context, pf PublishFile) error {
	if _, err := os.Stat(filepath.Dir(pf.Local)); err != nil {
		return pf.fail("publish", err)
	}
	gone := pf.reject(job.LocalFileChanged, "the bytes of %q are gone: something else deleted them; cancel the job and download the file again", pf.Local)
	fi, err := os.Lstat(pf.Local)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return gone
	case err != nil:
		return pf.fail("publish", err)
	case !fi.Mode().IsRegular(),
		pf.Size >= 0 && fi.Size() != pf.Size,
		kept(pf.Modified) && fi.ModTime().Sub(pf.Modified).Abs() > coarsestTime:
		return gone
	}
	if pf.Digest == "" {
		return nil
	}
	f, err := os.Open(pf.Local)
	if err != nil {
		return pf.fail("publish", err)
	}
	defer func() { _ = f.Close() }() // it was only read
	return verify(ctx, f, pf.Target, pf.Size, pf.Digest)
}

// possible reports whether the time t can be a file's. Servers say what they like, and no system takes all of that.
func possible(t time.Time) bool { return t.Year() >= 1970 && t.Year() < 2262 }

// kept reports whether every file system keeps the time t, rather than the nearest that it can: FAT begins in 1980, and small
// inodes of ext4 end in January 2038.
func kept(t time.Time) bool { return t.Year() >= 1980 && t.Year() < 2038 }

// coarsestTime is how exact FAT keeps modification times.
const coarsestTime = 2 * time.Second
