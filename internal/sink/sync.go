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
	p.sink.syncEach([]*Partial{p})
	return p.outcome()
}

// outcome returns what is durable, and the error of a failed sync.
func (p *Partial) outcome() (job.Ranges, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.durable, p.err
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
	s.syncEach(ps)
	for _, p := range ps {
		if _, err := p.outcome(); err != nil {
			return err
		}
	}
	return nil
}

// syncEach syncs each file for itself, as far as it needs that, and then their folders once.
func (s *Sink) syncEach(ps []*Partial) {
	begun, errs := make([]checkpoint, len(ps)), make([]error, len(ps))
	folders := make(map[string]error)
	for i, p := range ps {
		c := p.beginCheckpoint()
		begun[i] = c
		if !c.pending {
			continue
		}
		errs[i] = s.do(SyncFile, c.name, func() error { return syncFile(p.file) })
		if errs[i] == nil && !c.entered {
			folders[p.folder] = nil
		}
	}
	for folder := range folders {
		folders[folder] = s.syncFolder(folder)
	}
	for i, p := range ps {
		c, err := begun[i], errs[i]
		if !c.pending {
			continue
		}
		if err == nil && !c.entered {
			err = folders[p.folder]
		}
		p.endCheckpoint(c.filled, err)
	}
}

// syncTogether is the number of files from which on a sync of their whole file system
// is cheaper than one sync each, whatever else has to be written with it.
const syncTogether = 4

// syncFileSystem makes all of ps durable, which are on one file system. Where that
// fails or is not possible it leaves them as they were: a sync of each finds out more.
func (s *Sink) syncFileSystem(ps []*Partial) {
	begun := make([]checkpoint, len(ps))
	for i, p := range ps {
		begun[i] = p.beginCheckpoint()
	}
	err := s.do(SyncFileSystem, ps[0].folder, func() error { return syncFileSystem(ps[0].file) })
	if err != nil {
		return
	}
	for i, p := range ps {
		if c := begun[i]; c.pending {
			p.endCheckpoint(c.filled, lostWrite(p.file))
		}
	}
}

// A checkpoint is what one sync is to make durable.
type checkpoint struct {
	name    string
	filled  job.Ranges
	entered bool
	pending bool // there is something to sync
}

// beginCheckpoint notes what the sync that follows will cover.
func (p *Partial) beginCheckpoint() checkpoint {
	p.mu.Lock()
	defer p.mu.Unlock()
	durable := p.entered && p.filled.Len() == p.durable.Len()
	return checkpoint{p.name, p.filled, p.entered, p.err == nil && !durable}
}

// endCheckpoint takes the outcome of the sync of the bytes of filled.
func (p *Partial) endCheckpoint(filled job.Ranges, err error) {
	if err == nil {
		err = p.stillThere()
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.err != nil:
	case err == nil:
		p.durable, p.entered = p.durable.Union(filled), true
	default:
		p.err = p.target.fail("write", err)
		p.filled = p.durable
		if !p.sparse {
			// The page cache may not be what is on the disk, so the length proves nothing
			// now. A file system that takes no new name takes no new bytes either.
			_ = p.markSparse()
		}
	}
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
