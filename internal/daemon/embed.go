package daemon

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"os"
	"sync"
	"time"

	"github.com/ebb-transfer/ebb/internal/api"
	"github.com/ebb-transfer/ebb/internal/ipc"
	"github.com/ebb-transfer/ebb/internal/store"
	"github.com/ebb-transfer/ebb/internal/version"
)

// Embedded is a service inside another program, with the API on a connection that never
// leaves it.
type Embedded struct {
	Dial func(context.Context) (net.Conn, error)
	stop func()
	done chan struct{} // closed when engine and configuration are no longer looked after
	err  error         // of the engine; set before done is closed
	srv  *http.Server
	svc  *Service
}

// ErrInUse is wrapped by the error for a state folder that another process has open.
var ErrInUse = store.ErrLocked

// EmbedOptions are what a service inside another program can be told.
type EmbedOptions struct {
	Log *slog.Logger
	// UserConfig makes it heed the user's configuration file, as the user's daemon does. Without it everything is as by
	// default: what a program does inside itself is for the program to decide.
	UserConfig bool
}

// Embed opens the state folder and runs its jobs until Close, or until ctx ends.
func Embed(ctx context.Context, dir string, o EmbedOptions) (*Embedded, error) {
	set := &settings{log: o.Log}
	if o.UserConfig {
		var err error
		if set, err = newSettings(Config{}, o.Log, new(slog.LevelVar)); err != nil { // o.Log has the program's own level
			return nil, err
		}
	}
	configured, err := set.load()
	if err != nil {
		return nil, err
	}
	svc, err := Open(ctx, dir, Options{Version: version.String(), Config: configured, Log: o.Log})
	if err != nil {
		return nil, err
	}
	l, dial, err := ipc.Pipe()
	if err != nil {
		return nil, errors.Join(err, svc.Close())
	}
	ctx, cancel := context.WithCancel(ctx)
	e := &Embedded{Dial: dial, stop: cancel, done: make(chan struct{}), svc: svc}
	e.srv = &http.Server{
		Handler:           api.New(api.Config{Engine: svc.Engine, Callbacks: svc.notify, Version: version.String()}),
		ConnContext:       ipc.ConnContext,
		ReadHeaderTimeout: 30 * time.Second,
	}
	go func() { _ = e.srv.Serve(l) }() // ends with Close
	go func() {                        // ends with ctx
		defer close(e.done)
		var following sync.WaitGroup
		following.Go(func() { set.follow(ctx, svc) })
		e.err = svc.Run(ctx)
		cancel()
		following.Wait()
	}()
	return e, nil
}

// Close stops the transfers, stores how far they got and releases the folder.
func (e *Embedded) Close() error {
	e.stop()
	<-e.done
	return errors.Join(e.err, e.srv.Close(), e.svc.Close())
}

// StateDir is the user's state folder, or that of the machine's service.
func StateDir(system bool) (string, error) {
	return ipc.StateDir(ipc.Env{Getenv: os.Getenv, System: system})
}
