package sink

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"github.com/ebb-transfer/ebb/job"
)

// A Partial is the open partial file of one file of a job. WriteAt, Filled, Checkpoint
// and [Sink.Sync] may be called by several goroutines at once, so that one can make
// bytes durable while another writes the next; the other methods want it alone.
//
// After a sync that failed nobody knows what is on the disk: from then on WriteAt and
// Checkpoint return that error, Filled is what was durable before, and the file has to be
// opened again.
type Partial struct {
	sink   *Sink
	target Target
	file   *os.File
	folder string
	volume uint64 // the file system it is on
	counts bool   // the file system counts the names of a file

	mu      sync.Mutex // guards all below; never held while bytes are written or synced
	name    string
	sparse  bool  // the file may have holes: its length proves nothing
	length  int64 // the file is at least this long, without holes unless it is sparse
	filled  job.Ranges
	durable job.Ranges // the part of filled that was synced
	entered bool       // the file's name was synced
	err     error      // of a failed sync or Reset; no way back
}

// Open opens the partial file of t, or creates it, and finds out what of it can be
// trusted, which [Partial.Filled] tells. Its arguments are what the caller stored:
// have as returned by the last checkpoint, boot as [Config.BootID] was at that time, and
// the size, [job.UnknownSize] if it is.
//
// Within the same boot all that was ever written can be trusted, even when the last
// process was killed. So boot has to be stored before the first byte is written, together
// with what tells the version of the remote file, and has to be stored as "" when another
// version is begun. After a new boot the bytes of have are trusted and what follows is cut
// off. Of a file that is shorter than have, or gone, only what is there is trusted: the
// caller then has to lower what it has stored before it writes.
func (s *Sink) Open(t Target, have job.Ranges, boot string, size int64) (*Partial, error) {
	p, err := s.openOrCreate(t)
	if err != nil {
		return nil, t.fail("create", err)
	}
	if err := p.reconcile(have, boot != "" && boot == s.boot, size); err != nil {
		_ = p.file.Close() // the error that counts is the other one
		return nil, t.fail("open", err)
	}
	return p, nil
}

func (s *Sink) openOrCreate(t Target) (*Partial, error) {
	f, name, err := s.openExisting(t)
	created := errors.Is(err, fs.ErrNotExist)
	if created {
		name, _ = s.partialNames(t)
		err = s.do(Create, name, func() (err error) {
			f, err = createFile(name)
			return err
		})
	}
	if err != nil {
		if f != nil {
			_ = f.Close() // an intercept made a file and an error
		}
		return nil, err
	}
	id, err := identify(f)
	if err == nil && (!id.regular || id.links > 1) {
		err = t.refuse(job.LocalFileChanged, "%q is not the file that ebb created; delete it, then try again", name)
	}
	if err != nil {
		_ = f.Close() // the error that counts is the other one
		return nil, err
	}
	return &Partial{
		sink: s, target: t, file: f, folder: filepath.Dir(name), volume: id.volume, counts: id.links > 0,
		name: name, sparse: filepath.Ext(name) == sparseSuffix, length: id.size, entered: !created,
	}, nil
}

// openExisting opens the partial file under the name that it has.
func (s *Sink) openExisting(t Target) (f *os.File, name string, err error) {
	part, sparse := s.partialNames(t)
	if f, err = openFile(part); !errors.Is(err, fs.ErrNotExist) {
		return f, part, err
	}
	f, err = openFile(sparse)
	return f, sparse, err
}

// reconcile settles what of the file can be trusted, and leaves nothing in it that a
// later reconcile could take for more.
func (p *Partial) reconcile(have job.Ranges, sameBoot bool, size int64) error {
	p.durable = clip(have, p.length)
	p.filled = p.durable
	if sameBoot && !p.sparse && isPrefix(have) && (size < 0 || p.length <= size) {
		p.filled = job.Prefix(p.length)
	}
	p.entered = p.entered && len(p.durable) > 0
	if !isPrefix(p.filled) && !p.sparse {
		if err := p.markSparse(); err != nil {
			return err
		}
	}
	return p.cut(end(p.filled))
}

// cut makes the file at most n bytes long.
func (p *Partial) cut(n int64) error {
	if p.length <= n {
		return nil
	}
	err := p.sink.do(Truncate, p.name, func() error { return p.file.Truncate(n) })
	if err == nil {
		p.length = n
	}
	return err
}

// markSparse takes away the proof that the file's length is. The caller holds mu.
func (p *Partial) markSparse() error {
	_, sparse := p.sink.partialNames(p.target)
	err := p.sink.do(MarkSparse, p.name, func() error { return os.Rename(p.name, sparse) })
	if err == nil {
		p.name, p.sparse, p.entered = sparse, true, false
		allowHoles(p.file)
	}
	return err
}

// Filled returns the bytes that are written or were found by Open.
func (p *Partial) Filled() job.Ranges {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.filled
}

// Expect prepares for a file of that size, and for none if it is negative. Room for a
// large file is taken at once where that costs little, so that a full disk shows before
// the transfer and not in the middle of it.
func (p *Partial) Expect(size int64) error {
	if size < preallocateMin || size <= p.length {
		return nil
	}
	err := p.sink.do(Preallocate, p.name, func() error { return preallocate(p.file, size) })
	if err == nil {
		return nil
	}
	// Give back what was taken before the disk was full: others need it more.
	_ = p.sink.do(Truncate, p.name, func() error { return p.file.Truncate(p.length) })
	return p.target.fail("write", err)
}

// preallocateMin is the size from which room is taken ahead. For small files it would
// cost more than it tells.
const preallocateMin = 1 << 20

// Grow makes the file at least n bytes long, by a hole at its end. Call it for a file that shall end with one,
// and not beside other methods.
func (p *Partial) Grow(n int64) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.err != nil || n <= p.length {
		return p.err
	}
	if !p.sparse {
		if err := p.markSparse(); err != nil {
			return p.target.fail("write", err)
		}
	}
	if err := p.sink.do(Truncate, p.name, func() error { return p.file.Truncate(n) }); err != nil {
		return p.target.fail("write", err)
	}
	p.length, p.entered = n, false // the length is to be synced, too
	return nil
}

// WriteAt writes b at offset off. On an error it returns how many bytes are written,
// and those count.
func (p *Partial) WriteAt(b []byte, off int64) (int, error) {
	name, err := p.prepareWrite(off)
	if err != nil {
		return 0, err
	}
	var n int
	err = p.sink.do(Write, name, func() (err error) {
		n, err = writeAt(p.file, b, off)
		return err
	})
	p.mu.Lock()
	p.filled = p.filled.Add(job.Range{Start: off, End: off + int64(n)})
	p.length = max(p.length, off+int64(n))
	p.mu.Unlock()
	if err != nil {
		return n, p.target.fail("write", err)
	}
	return n, nil
}

// prepareWrite lets no write leave a gap in a file whose length is a proof. It returns
// the name of the file.
func (p *Partial) prepareWrite(off int64) (name string, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.err == nil && !p.sparse && off > p.length {
		if err := p.markSparse(); err != nil {
			return p.name, p.target.fail("write", err)
		}
	}
	return p.name, p.err
}

// Reset throws all bytes away, because they are of a version of the remote file that is
// no more. Call it when that is stored, see [Sink.Open], and not beside other methods.
func (p *Partial) Reset() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.filled, p.durable = nil, nil
	if p.err == nil {
		if err := p.cut(0); err != nil {
			p.err = p.target.fail("write", err)
		}
	}
	return p.err
}

// Close closes the file, and makes nothing durable. To close it twice does no harm.
func (p *Partial) Close() error {
	if err := p.file.Close(); err != nil && !errors.Is(err, os.ErrClosed) {
		return p.target.fail("close", err)
	}
	return nil
}

func isPrefix(r job.Ranges) bool { return len(r) == 0 || len(r) == 1 && r[0].Start == 0 }

// end returns the offset after the last byte of r.
func end(r job.Ranges) int64 {
	if len(r) == 0 {
		return 0
	}
	return r[len(r)-1].End
}

// clip returns the bytes of r below n.
func clip(r job.Ranges, n int64) job.Ranges {
	for i, x := range r {
		if x.End > n {
			return append(job.Ranges(nil), r[:i]...).Add(job.Range{Start: x.Start, End: n})
		}
	}
	return r
}
