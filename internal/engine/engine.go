// Package engine runs jobs. One control goroutine owns every job record: it drains
// its mailbox, folds what happened through job.Next, makes one commit for the whole batch, and only then
// answers callers, tells watchers and carries out effects. It never blocks on network or
// file. Each file that is being transferred has one worker that owns its bytes; worker
// and control goroutine share only messages and a live counter.
//
// Files: mailbox.go is how everybody reaches the control goroutine, session.go its loop,
// batch.go the fold and the commit, dispatch.go who runs next, outside.go and quota.go what decides that beside the jobs,
// worker.go and finish.go the bytes, idle.go what they leave to others, settle.go the final commands; commands.go, files.go, credentials.go, headers.go,
// certificates.go, queries.go, metrics.go and watch.go what callers see.
package engine

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/ebb-transfer/ebb/internal/pace"
	"github.com/ebb-transfer/ebb/internal/pace/idle"
	"github.com/ebb-transfer/ebb/internal/sink"
	"github.com/ebb-transfer/ebb/internal/store"
	"github.com/ebb-transfer/ebb/internal/transport"
	"github.com/ebb-transfer/ebb/job"
)

// ErrStopped is returned to callers once the engine has stopped.
var ErrStopped = errors.New("ebb is shutting down")

// ErrUnknown is returned, with its cause, when a commit failed: whether the command took effect is not
// known until the state has been loaded again.
var ErrUnknown = errors.New("the state could not be stored; ask again whether the command took effect")

// Config is what an engine is made of. Store, Sink, Transports, Sealer and Log are needed.
type Config struct {
	Store      store.Store
	Sink       *sink.Sink
	Transports map[string]transport.Downloader // by URL scheme
	Sealer     Sealer
	// Check refuses a source that can never work, before anything is created; nil for none.
	Check func(transport.Source) error
	// Wants reports whether a job's command or webhook is to be called for a notice; nil for never.
	Wants func(job.Job, job.Notice) bool
	// Notified is called after each commit with notices. It must not block; nil for none.
	Notified func()
	Log      *slog.Logger
	BootID   string // this boot of the machine, "" when unknown
	Limits   Limits // until SetLimits changes them
}

// Sealer keeps secrets at rest, bound to their job and name.
type Sealer interface {
	Seal(id job.ID, name string, plain []byte) ([]byte, error)
	Open(id job.ID, name string, sealed []byte) ([]byte, error)
}

// Engine runs the jobs of one store. Its methods may be called concurrently, before Run too: they
// wait until it has loaded.
type Engine struct {
	cfg     Config
	mail    chan letter
	stopped chan struct{} // closed when Run returns
	rev     atomic.Uint64
	global  *pace.Node
	classes map[job.Priority]*pace.Node
	idle    *idle.Manager
	outside outside
	watch   watchers
	events  signal

	validators validators
	meter      meter
	counts     Counts // of the goroutine in Run
	// doubtful are the jobs that lived when a commit failed. Of the goroutine in Run.
	doubtful []job.ID
}

// New returns an engine that does nothing until Run.
func New(cfg Config) *Engine {
	e := &Engine{
		cfg:     cfg,
		mail:    make(chan letter, mailboxLen),
		stopped: make(chan struct{}),
		global:  pace.New(cfg.Limits.Rate),
		classes: map[job.Priority]*pace.Node{},
		idle:    idle.New(cfg.Log),
		outside: outside{news: make(chan struct{}, 1), limits: cfg.Limits.withDefaults()},
	}
	for _, p := range job.Priorities() {
		e.classes[p] = e.global.Child(0)
	}
	e.idle.Mark(!cfg.Limits.Unmarked)
	// Revisions go on rising after a restart without being stored: no clock runs a million
	// changes a second.
	e.rev.Store(uint64(time.Now().UnixMicro()))
	return e
}

// Run loads the jobs and runs them until ctx ends. It then stops the workers, stores how far
// they got and returns nil; everything it started has ended. It must be called once.
//
// When a commit fails nobody knows what is stored, so Run starts over from what it finds:
// recovery is the ordinary path. Only a store that is locked, newer or damaged ends it with its error.
func (e *Engine) Run(ctx context.Context) error {
	defer close(e.stopped)
	defer e.makeRoom(ctx)()
	for wait := time.Duration(0); ; wait = min(2*wait+100*time.Millisecond, 10*time.Second) {
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(wait):
		}
		started := time.Now()
		err := e.session(ctx)
		var damaged *job.Error
		switch {
		case err == nil:
			return nil
		case errors.Is(err, store.ErrLocked), errors.Is(err, store.ErrNewer),
			errors.As(err, &damaged) && damaged.Code == job.DatabaseCorrupt: // it does not pass
			return err
		}
		e.cfg.Log.Error("the state could not be read or stored; starting over from what is there", "err", err)
		if time.Since(started) > time.Minute {
			wait = 0
		}
	}
}

// Rate is the current speed over all jobs in bytes per second.
func (e *Engine) Rate() int64 { return e.global.Rate() }
