// Package daemon wires ebb together: it is the only place that names concrete stores,
// transports and sinks. The daemon and the embedded engine of package local are the same Service; the
// daemon adds a socket, a log file and a reason to end.
package daemon

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ebb-transfer/ebb/internal/config"
	"github.com/ebb-transfer/ebb/internal/engine"
	"github.com/ebb-transfer/ebb/internal/env"
	"github.com/ebb-transfer/ebb/internal/notify"
	"github.com/ebb-transfer/ebb/internal/sched"
	"github.com/ebb-transfer/ebb/internal/secret"
	"github.com/ebb-transfer/ebb/internal/sink"
	"github.com/ebb-transfer/ebb/internal/store"
	"github.com/ebb-transfer/ebb/internal/store/sqlite"
	"github.com/ebb-transfer/ebb/internal/transport"
	"github.com/ebb-transfer/ebb/internal/transport/httpx"
	"github.com/ebb-transfer/ebb/job"
)

// Service is an engine on one state folder, with everything it needs. Open it, Run it once,
// and Close it.
type Service struct {
	Engine *engine.Engine
	store  store.Store
	sink   *sink.Sink
	notify *notify.Notifier
	http   *httpx.Downloader
	log    *slog.Logger
	now    atomic.Pointer[config.Config]
}

// Options are what a Service can be told.
type Options struct {
	Version string // of the program, for the servers
	Config  config.Config
	Log     *slog.Logger
}

// Open opens the state folder, and makes it when it is not there. It fails with store.ErrLocked
// when another process has it open.
func Open(ctx context.Context, dir string, opts Options) (*Service, error) {
	st, err := sqlite.Open(ctx, dir, sqlite.Options{Log: opts.Log})
	if err != nil {
		return nil, err
	}
	s, err := assemble(dir, st, opts)
	if err != nil {
		return nil, errors.Join(err, st.Close())
	}
	return s, nil
}

func assemble(dir string, st store.Store, opts Options) (*Service, error) {
	box, err := secret.Open(dir)
	if err != nil {
		return nil, err
	}
	instance, err := instanceOf(dir)
	if err != nil {
		return nil, err
	}
	boot, log := sink.BootID(), opts.Log
	s := &Service{store: st, log: log}
	s.now.Store(&opts.Config)
	s.sink = sink.New(sink.Config{Instance: instance, BootID: boot, Log: log})
	s.http = httpx.New(httpx.Config{UserAgent: "ebb/" + opts.Version, PassportNexus: opts.Config.Network.PassportNexus})
	s.notify = notify.New(notify.Config{Store: st, Secret: s.secret, Log: log, Version: opts.Version})
	s.Engine = engine.New(engine.Config{
		Store: st, Sink: s.sink, Sealer: box, Log: log, BootID: boot,
		Transports: map[string]transport.Downloader{"http": s.http, "https": s.http},
		Check:      httpx.Check,
		Limits:     limits(opts.Config),
		Wants:      notify.Wants,
		Notified:   s.notify.Wake,
	})
	s.Engine.SetFacts(sched.Facts{Paused: "the machine is being asked about its network and power"})
	return s, nil
}

// config is what holds now.
func (s *Service) config() config.Config { return *s.now.Load() }

// configure puts another configuration in force, but for the Passport nexus, which takes a new Service.
func (s *Service) configure(c config.Config) {
	if c.Network.PassportNexus != s.config().Network.PassportNexus {
		s.log.Warn("another passport_nexus is used when the daemon starts again")
	}
	s.now.Store(&c)
	s.Engine.SetLimits(limits(c))
}

// followMachine tells the engine what the machine says of itself, until ctx ends.
func (s *Service) followMachine(ctx context.Context) {
	var epoch uint64
	env.Watch(ctx, s.log, func(n env.News) {
		s.Engine.SetFacts(n.Facts)
		if n.Epoch != epoch {
			epoch = n.Epoch
			s.Engine.NetworkUp()
		}
	})
}

func (s *Service) secret(ctx context.Context, id job.ID, name string) ([]byte, error) {
	return s.Engine.Secret(ctx, id, name)
}

// Run runs the jobs until ctx ends; then it stores how far they got.
func (s *Service) Run(ctx context.Context) error {
	var wg sync.WaitGroup
	defer wg.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	wg.Go(func() {
		if err := s.notify.Run(ctx); err != nil && ctx.Err() == nil {
			s.log.Error("notifications have stopped", "err", err)
		}
	})
	wg.Go(func() { s.followMachine(ctx) })
	wg.Go(func() { s.keepHouse(ctx) })
	return s.Engine.Run(ctx)
}

// busy reports whether there is anything to do that does not wait for a command: jobs that
// run or will, and notices to deliver.
func (s *Service) busy(ctx context.Context) (bool, error) {
	if busy, err := s.Engine.Busy(ctx); busy || err != nil {
		return busy, err
	}
	pending, err := s.store.Pending(ctx)
	return len(pending) > 0, err
}

// Close releases the state folder, after Run has returned.
func (s *Service) Close() error {
	s.http.Close()
	return s.store.Close()
}

const (
	houseEvery = 6 * time.Hour
	// sweepLen is how many final jobs a sweep asks for the folders that they used.
	sweepLen = 10_000
)

// keepHouse forgets old jobs and deletes partial files that belong to none.
func (s *Service) keepHouse(ctx context.Context) {
	for {
		s.prune(ctx)
		if err := s.sweep(ctx); err != nil && ctx.Err() == nil {
			s.log.Warn("partial files that belong to no job could not all be deleted", "err", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(houseEvery):
		}
	}
}

// prune forgets final jobs that are older, or more, than the history is to keep.
func (s *Service) prune(ctx context.Context) {
	history := s.config().History
	then, keep := time.Time{}, math.MaxInt32
	if history.Keep > 0 {
		then = time.Now().Add(-history.Keep)
	}
	if history.Jobs > 0 {
		keep = history.Jobs
	}
	n, err := s.store.Prune(ctx, then, keep)
	switch {
	case err != nil && ctx.Err() == nil:
		s.log.Warn("old jobs could not be deleted from the history", "err", err)
	case n > 0:
		s.log.Info("old jobs were deleted from the history", "jobs", n)
	}
}

// sweep looks in the folders that jobs use or used.
func (s *Service) sweep(ctx context.Context) error {
	folders := map[string]bool{}
	final, err := s.Engine.History(ctx, 0, sweepLen)
	if err != nil {
		return err
	}
	for _, snap := range final {
		if err := s.foldersOf(ctx, snap.ID, folders); err != nil {
			return err
		}
	}
	_, err = s.Engine.List(ctx, 0, sweepLen, func(j job.Job) bool {
		for f := range j.Files.All() {
			folders[filepath.Dir(f.Local)] = true
		}
		return false
	})
	if err != nil {
		return err
	}
	var list []string
	for folder := range folders {
		list = append(list, folder)
	}
	removed, err := s.sink.Sweep(ctx, list, func(id job.ID) bool { return s.live(ctx, id) })
	for _, name := range removed {
		s.log.Info("a partial file that belonged to no job was deleted", "file", name)
	}
	return err
}

// live reports whether a job may still need its partial files. It is asked once the file is there, for
// a job may have begun since the sweep has.
func (s *Service) live(ctx context.Context, id job.ID) bool {
	snap, err := s.Engine.Job(ctx, id)
	if err != nil {
		return !errors.Is(err, store.ErrNotFound)
	}
	return !snap.State.Final()
}

func (s *Service) foldersOf(ctx context.Context, id job.ID, folders map[string]bool) error {
	files, err := s.Engine.Files(ctx, id, 1, sweepLen)
	for _, f := range files {
		folders[filepath.Dir(f.Local)] = true
	}
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	return err
}

// instanceOf names the state folder in the names of its partial files. The name is stored, so
// that the folder can be moved.
func instanceOf(dir string) (string, error) {
	file := filepath.Join(dir, "instance")
	b, err := os.ReadFile(file)
	if err == nil && len(strings.TrimSpace(string(b))) > 0 {
		return strings.TrimSpace(string(b)), nil
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("read the name of the state folder: %w", err)
	}
	name := strings.ToLower(rand.Text())[:8]
	if err := writeSynced(file, name+"\n"); err != nil {
		return "", fmt.Errorf("store the name of the state folder: %w", err)
	}
	return name, nil
}

// writeSynced makes a small file durable before anything depends on it.
func writeSynced(file, text string) error {
	f, err := os.OpenFile(file, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	return errors.Join(err, f.Sync(), f.Close())
}
