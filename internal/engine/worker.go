package engine

import (
	"cmp"
	"context"
	"errors"
	"io"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ebb-transfer/ebb/internal/pace"
	"github.com/ebb-transfer/ebb/internal/pace/idle"
	"github.com/ebb-transfer/ebb/internal/sink"
	"github.com/ebb-transfer/ebb/internal/transport"
	"github.com/ebb-transfer/ebb/job"
)

// run is one worker's work on one file. Its fields are set before the worker starts and
// then only read, except those named otherwise.
type run struct {
	session *session
	entry   *entry // of the control goroutine; the worker only passes it on
	job     job.Job
	file    job.File
	host    string
	cancel  context.CancelFunc
	pace    *pace.Node // a child of the job's
	flow    *idle.Flow // a part of the job's
	secrets *jobSecrets

	stopping bool // control goroutine: asked to stop
	void     bool // control goroutine: what it fetched is wanted no more
	fetched  bool // control goroutine: its connection is free again

	seen, rate int64 // control goroutine: bytes at the last pulse, and bytes per second
	spent      int64 // control goroutine: how much of came is counted

	came   atomic.Int64 // bytes that came from the server, whatever became of them
	live   atomic.Int64 // bytes of the file that are here, synced or not
	moving atomic.Bool  // bytes arrive; before, the run is connecting

	partial *sink.Partial  // worker, then finisher
	digest  string         // worker: what the file must hash to
	version transport.Meta // worker: what the answers of this run have told
	changed bool           // worker: that was another version than what was stored
	checked time.Time      // worker: when the last checkpoint began
	told    *job.Progress  // worker: what version means for the job; nil for no answer yet
	learned *job.Progress  // worker, then with the last word: told, of a small file
	answer  *job.Answer    // worker, then with the last word: the last one
	syncing sync.WaitGroup
	synced  atomic.Bool // a checkpoint is under way
	broken  atomic.Pointer[job.Error]
}

const (
	// checkpointEvery is how often what arrived is made durable: a power cut costs at most this, plus
	// the time of one checkpoint.
	checkpointEvery = time.Second
	// bufferLen: one large write is far cheaper than many small ones, larger ones are not.
	bufferLen = 1 << 20
	// smallFile is fetched again after a crash rather than having a commit of its own before its first byte.
	smallFile = 1 << 20
)

var buffers = sync.Pool{New: func() any { b := make([]byte, bufferLen); return &b }}

func (r *run) target() sink.Target {
	return sink.Target{Job: r.job.ID, File: r.file.ID, Local: r.file.Local, Overwrite: r.job.Overwrite}
}

// work transfers the file and says the last word, itself or through the finisher.
func (r *run) work(ctx context.Context) {
	size, err := r.transfer(ctx)
	r.syncing.Wait()
	r.session.fetching.Add(-1)
	if err == nil {
		if late := r.broken.Load(); late != nil {
			err = late
		}
	}
	if err == nil {
		select {
		case r.session.finishing <- finished{r, size}:
			r.session.post(func(s *session) { s.release(r) }) // not before: it bounds how many files are open
			return
		case <-r.session.dead:
		}
	}
	r.session.say(lastWord{run: r, filled: r.close(), fault: r.faultOf(err), size: job.UnknownSize, answer: r.answer})
}

// close checkpoints and closes the partial file and returns what is durable of it.
func (r *run) close() job.Ranges {
	if r.partial == nil {
		return nil
	}
	filled, err := r.partial.Checkpoint()
	if err != nil {
		r.session.cfg.Log.Warn("the last bytes could not be synced; they are fetched again", "job", r.job.ID, "err", err)
		filled = nil
	}
	_ = r.partial.Close()
	return filled
}

// transfer fetches what is missing of the file and returns its size; UnknownSize if it is not whole, but all
// that was asked for is here. The bytes are in the partial file, verified if it is whole, but perhaps not synced.
func (r *run) transfer(ctx context.Context) (size int64, err error) {
	if err := r.open(ctx); err != nil {
		return 0, err
	}
	size = r.file.Size
	switch have := r.partial.Filled(); {
	case r.inPieces():
		size, err = r.fetchPieces(ctx)
	case size < 0 || !have.Contains(job.Range{End: size}):
		size, err = r.fetch(ctx, have.First())
	}
	if err != nil || size < 0 {
		return size, err
	}
	return size, r.verify(ctx, size)
}

func (r *run) open(ctx context.Context) error {
	s := r.session.cfg.Sink
	if r.file.Filled == nil {
		if err := s.Check(r.target()); err != nil {
			return err
		}
	}
	p, err := s.Open(r.target(), r.file.Filled, r.file.Boot, r.file.Size)
	if err != nil {
		return err
	}
	r.partial = p
	r.live.Store(p.Filled().Len())
	r.digest = r.file.Digest
	if p.Filled().Union(r.file.Filled).Len() > p.Filled().Len() {
		r.session.cfg.Log.Warn("a partial file was shortened or deleted; its file is fetched again", "job", r.job.ID, "file", r.file.Local)
		return r.startOver(ctx)
	}
	if (r.job.Dynamic || r.job.Method != "") && len(p.Filled()) > 0 { // made anew for each request: no parts fit together
		return r.startOver(ctx)
	}
	return nil
}

// startOver voids what is stored of the file: first in the job, then on disk.
func (r *run) startOver(ctx context.Context) error {
	r.syncing.Wait() // or a checkpoint could be reported after it is void
	if !r.fact(ctx, job.Changed{File: r.file.ID}) {
		return errStopped
	}
	r.file.Filled, r.file.Size, r.file.Validator, r.file.Boot = nil, r.file.LocalSize(job.UnknownSize), job.Validator{}, ""
	r.told, r.learned, r.digest = nil, nil, r.file.Digest
	r.live.Store(0)
	return r.partial.Reset()
}

// fetch asks the server for everything from offset on and stores it.
func (r *run) fetch(ctx context.Context, offset int64) (int64, error) {
	src, err := r.secrets.source(ctx, r)
	if err != nil {
		return 0, err
	}
	body, meta, err := r.downloader().Open(ctx, src, offset, r.file.Validator)
	if err != nil {
		return 0, err
	}
	r.answer = cmp.Or(meta.Answer, r.answer)
	if meta.Offset > 0 && meta.Size >= 0 && r.file.Size >= 0 && meta.Size != r.file.Size {
		_ = body.Close() // it claims to be the same version, but cannot be
		if err := r.startOver(ctx); err != nil {
			return 0, err
		}
		return r.fetch(ctx, 0)
	}
	defer body.Close()
	if err := r.learn(ctx, meta); err != nil {
		return 0, err
	}
	r.moving.Store(true)
	return r.copy(ctx, body, meta)
}

func (r *run) downloader() transport.Downloader {
	scheme, _, _ := strings.Cut(r.file.URL, ":")
	return r.session.cfg.Transports[scheme]
}

// learn takes what the answer told, and voids what is stored of another version.
func (r *run) learn(ctx context.Context, meta transport.Meta) error {
	if meta.Offset < r.partial.Filled().First() || r.stale(meta) {
		if err := r.startOver(ctx); err != nil {
			return err
		}
	}
	return r.tell(ctx, meta, meta.Size)
}

// tell makes what an answer told durable before bytes of it are stored, so that after a
// crash they can be trusted.
func (r *run) tell(ctx context.Context, meta transport.Meta, size int64) error {
	if len(r.partial.Filled()) == 0 && meta.Name != "" && r.file.NameFromServer {
		r.file = r.file.Named(meta.Name)
		if err := r.session.cfg.Sink.Check(r.target()); err != nil {
			return err
		}
	}
	if r.digest == "" && len(r.file.Ranges) == 0 {
		r.digest = meta.Digest
	}
	first := r.told == nil
	r.checked = time.Now()
	r.told = &job.Progress{
		File: r.file.ID, Size: size, Validator: meta.Validator, Modified: meta.Modified,
		Name: meta.Name, Boot: r.session.cfg.BootID, Redirected: meta.Redirected,
	}
	if first && r.file.Boot == "" && size >= 0 && size <= smallFile {
		r.learned = r.told // without a Boot that is stored the bytes count for nothing before that
	} else if !r.fact(ctx, *r.told) {
		return errStopped
	}
	if size > 0 && !r.file.Sparse && !r.job.OnDemand {
		return r.partial.Expect(size)
	}
	return nil
}

// stale reports whether the file's size or validator are those of another answer than the one that
// begins now. Bytes of this one must not be taken for bytes of that.
func (r *run) stale(meta transport.Meta) bool {
	known := r.file.Size >= 0 || r.file.Validator != job.Validator{}
	return meta.Offset == 0 && known && (r.file.Size != meta.Size || r.file.Validator != meta.Validator)
}

// errStopped ends a transfer that was asked to stop. It is never shown.
var errStopped = errors.New("stopped")

// fact reports ev and waits until it is durable; false when the run is to stop instead.
func (r *run) fact(ctx context.Context, ev job.Event) bool {
	return r.session.postDurable(ctx, func(s *session) bool { return s.fact(r, ev) })
}

// copy stores the body and returns the size of the whole file.
func (r *run) copy(ctx context.Context, body io.Reader, meta transport.Meta) (int64, error) {
	buf := buffers.Get().(*[]byte)
	defer buffers.Put(buf)
	st := newStage(r, *buf, meta.Offset)
	_, err := r.pour(ctx, body, st, -1)
	size, failed := st.close()
	switch {
	case failed != nil:
		return 0, failed
	case errors.Is(err, io.EOF):
		return size, nil
	}
	return 0, err
}

// pour reads n bytes of the body into the stage, or all if n is negative, and checkpoints on the way. It ends before with the
// error of either, which is io.EOF at the end of the body.
func (r *run) pour(ctx context.Context, body io.Reader, st *stage, n int64) (poured int64, err error) {
	for poured != n {
		buf := st.free()
		if n >= 0 {
			buf = buf[:min(int64(len(buf)), n-poured)]
		}
		got, err := r.read(ctx, body, buf)
		if got > 0 {
			poured += int64(got)
			if failed := st.took(got); failed != nil {
				return poured, failed
			}
		}
		if err != nil && poured != n {
			return poured, err
		}
		if now := time.Now(); now.Sub(r.checked) >= checkpointEvery {
			r.checked = now
			if late := r.checkpoint(); late != nil {
				return poured, late
			}
		}
	}
	return poured, nil
}

// read asks for bandwidth first, so that the socket fills and the sender slows down.
func (r *run) read(ctx context.Context, body io.Reader, buf []byte) (int, error) {
	granted, err := r.pace.Wait(ctx, len(buf))
	if err != nil {
		return 0, err
	}
	n, err := body.Read(buf[:granted])
	r.pace.Took(granted, n)
	r.flow.Took(n)
	r.came.Add(int64(n))
	return n, err
}

// checkpoint syncs what is stored while the transfer goes on, and reports it. It
// returns the error of an earlier one.
func (r *run) checkpoint() error {
	if late := r.broken.Load(); late != nil {
		return late
	}
	if r.job.HighPerformance {
		return nil
	}
	if !r.synced.CompareAndSwap(false, true) {
		return nil // the disk is slower than a second
	}
	ev := *r.told
	r.syncing.Go(func() {
		defer r.synced.Store(false)
		filled, err := r.partial.Checkpoint()
		if err != nil {
			r.broken.Store(r.faultOf(err))
			return
		}
		ev.Filled = filled
		r.session.post(func(s *session) { s.fact(r, ev) })
	})
	return nil
}

// verify checks size and digest. A file that is not what it must be is void.
func (r *run) verify(ctx context.Context, size int64) error {
	var holes job.Ranges
	if r.file.Sparse {
		holes = r.file.Whole().Missing(size)
		if err := r.partial.Grow(size); err != nil {
			return err
		}
	}
	err := r.partial.Verify(ctx, size, holes, r.digest)
	var wrong *job.Error
	if errors.As(err, &wrong) && wrong.Code == job.ValidationFailed {
		if failed := r.startOver(ctx); failed != nil {
			return failed
		}
	}
	return err
}

// faultOf is err as the job is told of it; nil for none and for a stop.
func (r *run) faultOf(err error) *job.Error {
	if err == nil || errors.Is(err, errStopped) || errors.Is(err, context.Canceled) {
		return nil
	}
	var known *job.Error
	if !errors.As(err, &known) {
		known = &job.Error{Context: job.ContextUnknown, Code: job.Unexpected, Class: job.Fatal, Text: err.Error(), Err: err}
	}
	fault := *known
	fault.File = r.file.ID
	if fault.Context == job.ContextRemoteFile || fault.Context == job.ContextTransport {
		fault.Answer = cmp.Or(fault.Answer, r.answer)
	}
	return &fault
}
