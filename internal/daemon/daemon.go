package daemon

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"github.com/ebb-transfer/ebb/internal/api"
	"github.com/ebb-transfer/ebb/internal/ipc"
	"github.com/ebb-transfer/ebb/internal/store"
	"github.com/ebb-transfer/ebb/internal/version"
)

// Config is how a daemon runs. Everything else is in its configuration file (see package config).
type Config struct {
	System bool // one daemon for all users, with the machine's folders
	// Auto is for a daemon that another command started because it needed one: it logs to a file in the
	// state folder, gives way when another was quicker, and ends when it has had nothing to do for
	// a while.
	Auto bool
	// IdleExit is how long an Auto daemon stays without anything to do. 0 is one minute.
	IdleExit time.Duration
	// ForbidCleartext overrules the leave that a job has to send passwords over plain http, and refuses it to new ones. False
	// leaves it to the configuration file.
	ForbidCleartext bool
	// PassportNexus is the https URL of the server that tells where Passport's login server is; "" leaves it to the
	// configuration file.
	PassportNexus string
	Log           io.Writer // of a daemon that is not Auto
}

const defaultIdleExit = time.Minute

// Run serves until ctx ends, a signal arrives, somebody asks it to stop, or an Auto daemon is
// idle.
func Run(ctx context.Context, cfg Config) error {
	ctx, cancel := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer cancel()
	places, err := findPlaces(cfg.System)
	if err != nil {
		return err
	}
	if cfg.Auto {
		file, err := openLog(places.dir, maxLog)
		if err != nil {
			return err
		}
		defer func() { _ = file.Close() }()
		cfg.Log = file
	}
	level := new(slog.LevelVar)
	log := slog.New(slog.NewTextHandler(cfg.Log, &slog.HandlerOptions{Level: level}))
	slog.SetDefault(log) //nolint:forbidigo // what libraries print goes to the same place
	set, err := newSettings(cfg, log, level)
	if err != nil {
		return err
	}
	configured, err := set.load()
	if err != nil {
		return err
	}
	svc, err := Open(ctx, places.dir, Options{Version: version.String(), Config: configured, Log: log})
	if cfg.Auto && errors.Is(err, store.ErrLocked) {
		return awaitOther(ctx, places.socket, err) // another command was quicker; its daemon serves us both
	}
	if err != nil {
		return err
	}
	return serve(ctx, cancel, process{cfg, log, places, set, svc})
}

// awaitTime bounds the wait for a daemon that was quicker to answer.
const awaitTime = 5 * time.Second

// awaitOther waits until the daemon that has the state folder answers. A program that runs the engine
// in itself (package local) never does; then inUse is why this daemon cannot start.
func awaitOther(ctx context.Context, socket string, inUse error) error {
	ctx, cancel := context.WithTimeout(ctx, awaitTime)
	defer cancel()
	for {
		if conn, err := ipc.Dial(ctx, socket); err == nil {
			return conn.Close()
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%w, which takes no commands: it is perhaps a get --standalone; wait for its end", inUse)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// places are the folder and the socket of a daemon.
type places struct{ dir, socket string }

func findPlaces(system bool) (places, error) {
	env := ipc.Env{Getenv: os.Getenv, System: system}
	dir, err := ipc.StateDir(env)
	if err != nil {
		return places{}, err
	}
	socket, err := ipc.SocketPath(env)
	return places{dir, socket}, err
}

// process is what a daemon is made of.
type process struct {
	cfg Config
	log *slog.Logger
	at  places
	set *settings
	svc *Service
}

// serve runs the engine and the API beside each other until ctx ends; then it closes the service.
func serve(ctx context.Context, stop func(), p process) error {
	cfg, log, svc := p.cfg, p.log, p.svc
	listen := ipc.Listen
	if cfg.System {
		listen = ipc.ListenSystem
	}
	l, err := listen(p.at.socket)
	if err != nil {
		return errors.Join(err, svc.Close())
	}
	started := time.Now()
	idle := newIdle()
	srv := &http.Server{
		Handler: api.New(api.Config{
			Engine: svc.Engine, Callbacks: svc.notify, Version: version.String(), Stop: stop,
			Status: func() api.Daemon {
				return api.Daemon{
					PID: os.Getpid(), StateDir: p.at.dir, Socket: p.at.socket, Started: started.Format(time.RFC3339),
					ConfigFile: p.set.file.Path, ConfigProblem: p.set.problem(),
				}
			},
		}),
		ConnContext:       ipc.ConnContext,
		ConnState:         idle.connState,
		BaseContext:       func(net.Listener) context.Context { return ctx },
		ReadHeaderTimeout: 30 * time.Second,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}
	var wg sync.WaitGroup
	wg.Go(func() { // ends with the listener
		if err := srv.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			log.Error("the socket has failed", "err", err)
			stop()
		}
	})
	wg.Go(func() { p.set.follow(ctx, svc) })
	if cfg.Auto {
		wg.Go(func() { idle.watch(ctx, p, stop) })
	}
	log.Info("ready", "version", version.String(), "socket", p.at.socket, "state", p.at.dir, "config", p.set.file.Path)
	err = svc.Run(ctx)
	stop()
	err = errors.Join(err, svc.Close()) // before the socket goes: without it, the state folder is free
	bye, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
	defer cancel()
	_ = srv.Shutdown(bye) // streams end with ctx; a caller that lingers is cut off
	_ = srv.Close()
	wg.Wait()
	log.Info("stopped")
	return err
}
