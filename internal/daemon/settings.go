package daemon

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"

	"github.com/ebb-transfer/ebb/internal/config"
	"github.com/ebb-transfer/ebb/internal/engine"
	"github.com/ebb-transfer/ebb/job"
)

// limits are what a configuration decides for the engine.
func limits(c config.Config) engine.Limits {
	return engine.Limits{
		Sched: c.Sched(), PerHost: c.Limits.PerHost, PerJob: c.Limits.PerJob, Rate: c.Limits.Rate,
		JobsPerMachine: c.Jobs.MaxPerMachine, JobsPerUser: c.Jobs.MaxPerUser,
		FilesPerJob: c.Jobs.MaxFilesPerJob, RangesPerFile: c.Jobs.MaxRangesPerFile,
		MaxDownloadTime: job.Duration(c.Jobs.MaxDownloadTime), InactivityTimeout: job.Duration(c.Jobs.InactivityTimeout),
		ForbidCleartext: c.Network.ForbidCleartext, Proxy: c.Network.Proxy, ProxyBypass: c.Network.ProxyBypass,
		Unmarked: !c.Network.MarkBackground,
	}
}

// settings are a daemon's configuration file, with what its command line says instead.
type settings struct {
	file  config.File // the zero value when nothing says where it is
	cfg   Config
	log   *slog.Logger
	level *slog.LevelVar // of log
	read  config.Config  // what load has read

	mu     sync.Mutex // guards broken
	broken error      // why the file as it is now is not used
}

func newSettings(cfg Config, log *slog.Logger, level *slog.LevelVar) (*settings, error) {
	file, err := config.Find(os.Getenv, cfg.System)
	if errors.Is(err, config.ErrNowhere) {
		log.Warn("there is no configuration file", "err", err)
		err = nil
	}
	return &settings{file: file, cfg: cfg, log: log, level: level}, err
}

// load reads the file.
func (s *settings) load() (config.Config, error) {
	if s.file.Path == "" {
		return s.overrule(config.Default()), nil
	}
	var err error
	if s.read, err = s.file.Load(); err != nil {
		return s.read, fmt.Errorf("the configuration cannot be used: %w", err)
	}
	s.level.Set(s.read.Log.Level)
	return s.overrule(s.read), nil
}

// overrule puts what the command line says in place of what the file does.
func (s *settings) overrule(c config.Config) config.Config {
	c.Network.ForbidCleartext = c.Network.ForbidCleartext || s.cfg.ForbidCleartext
	if s.cfg.PassportNexus != "" {
		c.Network.PassportNexus = s.cfg.PassportNexus
	}
	return c
}

// follow has svc use the file as it changes, until ctx ends. One that cannot be used changes nothing.
func (s *settings) follow(ctx context.Context, svc *Service) {
	if s.file.Path == "" {
		return
	}
	s.file.Watch(ctx, s.read, func(c config.Config, err error) {
		s.mu.Lock()
		s.broken = err
		s.mu.Unlock()
		if err != nil {
			s.log.Error("the changed configuration cannot be used; the one before stays", "err", err)
			return
		}
		s.level.Set(c.Log.Level)
		s.log.Info("the configuration has changed", "file", s.file.Path)
		svc.configure(s.overrule(c))
	})
}

// problem is why the file as it is now is not used, "" when it is.
func (s *settings) problem() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.broken == nil {
		return ""
	}
	return s.broken.Error()
}
