// Package local runs the ebb service inside a program: the same engine on the same durable
// state, without a daemon. A program that is killed goes on where it was when it opens the
// folder again.
//
//	svc, err := local.Open(ctx, dir)
//	...
//	defer svc.Close()
//	j, err := svc.Create(ctx, ebb.Download(url, file))
package local

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"time"

	"github.com/ebb-transfer/ebb"
	"github.com/ebb-transfer/ebb/internal/api"
	"github.com/ebb-transfer/ebb/internal/daemon"
	"github.com/ebb-transfer/ebb/internal/ipc"
	"github.com/ebb-transfer/ebb/internal/version"
)

// Service is a service in this program, and its client.
type Service struct {
	*ebb.Client
	stop func()
	done chan struct{} // closed when the engine has stopped
	err  error         // of the engine; set before done is closed
	srv  *http.Server
	svc  *daemon.Service
}

// Option changes how a service is opened.
type Option func(*options)

type options struct{ log *slog.Logger }

// Log lets the service log; without it nothing is logged.
func Log(log *slog.Logger) Option { return func(o *options) { o.log = log } }

// Open opens the state folder, makes it when it is not there, and goes on with the jobs in
// it. Only one process can have it open: the daemon of a state folder excludes this and the
// other way round. The service runs until Close, or until ctx ends.
func Open(ctx context.Context, dir string, opts ...Option) (*Service, error) {
	o := options{log: slog.New(slog.DiscardHandler)}
	for _, opt := range opts {
		opt(&o)
	}
	svc, err := daemon.Open(ctx, dir, version.String(), o.log)
	if err != nil {
		return nil, err
	}
	l, dial, err := ipc.Pipe()
	if err != nil {
		return nil, errors.Join(err, svc.Close())
	}
	ctx, cancel := context.WithCancel(ctx)
	s := &Service{Client: ebb.NewClient(dial), stop: cancel, done: make(chan struct{}), svc: svc}
	s.srv = &http.Server{
		Handler:           api.New(api.Config{Engine: svc.Engine, Version: version.String()}),
		ConnContext:       ipc.ConnContext,
		ReadHeaderTimeout: 30 * time.Second,
	}
	go func() { _ = s.srv.Serve(l) }() // ends with Close
	go func() {                        // ends with ctx
		defer close(s.done)
		s.err = svc.Run(ctx)
	}()
	return s, nil
}

// Close stops the transfers, stores how far they got and releases the folder.
func (s *Service) Close() error {
	s.stop()
	<-s.done
	s.Client.Close()
	return errors.Join(s.err, s.srv.Close(), s.svc.Close())
}
