package sink

import (
	"os"
	"syscall"

	"github.com/ebb-transfer/ebb/job"
)

// Checkpoint makes what is written durable, the name of the file included, and returns
// what is durable now. It covers what was written before it began, and costs nothing
// when that was durable already.
func (p *Partial) Checkpoint() (job.Ranges, error) {
	c, pending := p.beginCheckpoint()
	if !pending {
		return c.filled, c.err
	}
	err := p.sink.do(SyncFile, c.name, func() error { return syncFile(p.file) })
	if err == nil && !c.entered {
		err = p.sink.syncFolder(p.folder)
	}
	return p.endCheckpoint(c.filled, err)
}

// Sync is Checkpoint for many files at once: a file system with several of them is synced
// as a whole, which takes about as long as for one of them. It returns the first error;
// the Checkpoint of each file then tells, at no cost, what is durable and its own error.
func (s *Sink) Sync(ps []*Partial) error {
	volumes := make(map[uint64][]*Partial)
	for _, p := range ps {
		volumes[p.volume] = append(volumes[p.volume], p)
	}
	for _, together := range volumes {
		if len(together) >= syncTogether {
			s.syncFileSystem(together)
		}
	}
	var first error
	for _, p := range ps {
		if _, err := p.Checkpoint(); err != nil && first == nil {
			first = err
		}
	}
	return first
}

// syncTogether is the number of files from which on a sync of their whole file system
// is cheaper than one sync each, whatever else has to be written with it.
const syncTogether = 4

// syncFileSystem makes all of ps durable, which are on one file system. Where that
// fails or is not possible it leaves them as they were: a sync of each finds out more.
func (s *Sink) syncFileSystem(ps []*Partial) {
	begun := make([]checkpoint, len(ps))
	for i, p := range ps {
		begun[i], _ = p.beginCheckpoint()
	}
	err := s.do(SyncFileSystem, ps[0].folder, func() error { return syncFileSystem(ps[0].file) })
	if err != nil {
		return
	}
	for i, p := range ps {
		if begun[i].err == nil {
			_, _ = p.endCheckpoint(begun[i].filled, lostWrite(p.file)) // p keeps both
		}
	}
}

// A checkpoint is what one sync is to make durable.
type checkpoint struct {
	name    string
	filled  job.Ranges
	entered bool
	err     error
}

// beginCheckpoint notes what the sync that follows will cover. It reports false when
// there is nothing to sync, and then what is durable.
func (p *Partial) beginCheckpoint() (c checkpoint, pending bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	c = checkpoint{p.name, p.filled, p.entered, p.err}
	if p.err != nil {
		c.filled = p.durable
	}
	return c, p.err == nil && !(p.entered && p.filled.Len() == p.durable.Len())
}

// endCheckpoint takes the outcome of the sync of the bytes of filled.
func (p *Partial) endCheckpoint(filled job.Ranges, err error) (job.Ranges, error) {
	if err == nil {
		err = p.stillThere()
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.err != nil:
	case err != nil:
		p.err = p.target.fail("write", err)
		p.filled = p.durable
		if !p.sparse {
			// The page cache may not be what is on the disk, so the length proves nothing
			// now. A file system that takes no new name takes no new bytes either.
			_ = p.markSparse()
		}
	default:
		p.durable, p.entered = p.durable.Union(filled), true
	}
	return p.durable, p.err
}

// stillThere fails when the file was deleted, most likely with its folder: what is
// written to it would be lost when it is closed.
func (p *Partial) stillThere() error {
	id, err := identify(p.file)
	if err == nil && p.counts && id.links == 0 {
		err = &os.PathError{Op: "sync", Path: p.folder, Err: syscall.ENOENT}
	}
	return err
}

// syncFolder makes the names in a folder durable.
func (s *Sink) syncFolder(folder string) error {
	return s.do(SyncFolder, folder, func() error { return syncFolder(folder) })
}
