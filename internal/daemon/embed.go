package daemon

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/ebb-transfer/ebb/internal/api"
	"github.com/ebb-transfer/ebb/internal/config"
	"github.com/ebb-transfer/ebb/internal/ipc"
	"github.com/ebb-transfer/ebb/internal/store"
	"github.com/ebb-transfer/ebb/internal/version"
)

// Embedded is a service inside another program, with the API on a connection that never
// leaves it.
type Embedded struct {
	Dial func(context.Context) (net.Conn, error)
	stop func()
	done chan struct{} // closed when the engine has stopped
	err  error         // of the engine; set before done is closed
	srv  *http.Server
	svc  *Service
}

// ErrInUse is wrapped by the error for a state folder that another process has open.
var ErrInUse = store.ErrLocked

// Embed opens the state folder and runs its jobs until Close, or until ctx ends. It reads no configuration file: what a program
// does inside itself is for the program to decide.
func Embed(ctx context.Context, dir string, log *slog.Logger) (*Embedded, error) {
	svc, err := Open(ctx, dir, Options{Version: version.String(), Config: config.Default(), Log: log})
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
		e.err = svc.Run(ctx)
	}()
	return e, nil
}

// Close stops the transfers, stores how far they got and releases the folder.
func (e *Embedded) Close() error {
	e.stop()
	<-e.done
	return errors.Join(e.err, e.srv.Close(), e.svc.Close())
}

// StateDir is the user's state folder.
func StateDir() (string, error) {
	return ipc.StateDir(ipc.Env{Getenv: os.Getenv})
}
