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
	"log/slog"

	"github.com/ebb-transfer/ebb"
	"github.com/ebb-transfer/ebb/internal/daemon"
)

// Service is a service in this program, and its client.
type Service struct {
	*ebb.Client
	embedded *daemon.Embedded
}

// Option changes how a service is opened.
type Option func(*options)

type options = daemon.EmbedOptions

// Log lets the service log; without it nothing is logged.
func Log(log *slog.Logger) Option { return func(o *options) { o.Log = log } }

// UserConfig makes the service heed the user's configuration file (docs/configuration.md), and its changes, as the user's
// daemon does: for a program that works on the user's own state folder in the daemon's stead. Open fails when the file has
// mistakes.
func UserConfig() Option { return func(o *options) { o.UserConfig = true } }

// ErrInUse is wrapped by the error for a state folder that another process has open: a daemon, or
// another Service.
var ErrInUse = daemon.ErrInUse

// Open opens the state folder, makes it when it is not there, and goes on with the jobs in
// it. Only one process can have it open: the daemon of a state folder excludes this and the
// other way round, with [ErrInUse]. The service runs until Close, or until ctx ends. It heeds what the machine says of its
// network and power. Without [UserConfig] it reads no configuration file: what a program does inside itself is for the program to
// decide.
func Open(ctx context.Context, dir string, opts ...Option) (*Service, error) {
	o := options{Log: slog.New(slog.DiscardHandler)}
	for _, opt := range opts {
		opt(&o)
	}
	embedded, err := daemon.Embed(ctx, dir, o)
	if err != nil {
		return nil, err
	}
	return &Service{ebb.NewClient(embedded.Dial), embedded}, nil
}

// Close stops the transfers, stores how far they got and releases the folder.
func (s *Service) Close() error {
	s.Client.Close()
	return s.embedded.Close()
}

// StateDir is the user's state folder, the one the daemon uses: EBB_STATE_DIR, else the
// system's convention.
func StateDir() (string, error) { return daemon.StateDir(false) }

// SystemStateDir is the state folder of the machine's service, for people who look for it: what is in it is root's.
func SystemStateDir() (string, error) { return daemon.StateDir(true) }
