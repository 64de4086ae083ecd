// Package config reads what an administrator or a user has decided: one TOML file (docs/configuration.md).
//
// A mistake in it is told with file, line and key, all mistakes at once; what the file does not say has the value of
// [Default]. Nothing of the file is a secret.
package config

import (
	"log/slog"
	"time"

	"github.com/ebb-transfer/ebb/internal/sched"
	"github.com/ebb-transfer/ebb/job"
)

// Config is the content of a configuration file, complete with the defaults.
type Config struct {
	Limits   Limits
	Jobs     Jobs
	History  History
	Cost     Cost
	Battery  Battery
	Quota    sched.Quota    // none by default; of a month
	Schedule sched.Schedule // no windows by default
	Network  Network
	Log      Log
}

// Limits bound what runs at once, [limits].
type Limits struct {
	Rate       int64         // bytes per second over all jobs; 0, the default, is unlimited
	Background int           // background jobs that run at once, at least 1; default 1, as in BITS
	Slice      time.Duration // turn of a background job, at least 1 s; default 1 min
	PerHost    int           // connections to one host, at least 1; default 8
	PerJob     int           // files of one job at once, at least 1; default 8
}

// Jobs are what ordinary users may create, and the times that new jobs start with, [jobs]. Root and administrators are
// exempt from the numbers. 0, the default of all four, is no bound.
type Jobs struct {
	MaxPerMachine    int
	MaxPerUser       int
	MaxFilesPerJob   int
	MaxRangesPerFile int
	// MaxDownloadTime and InactivityTimeout are the defaults of the job settings of these names, at least 1 min and 1 h;
	// default 90 days.
	MaxDownloadTime   time.Duration
	InactivityTimeout time.Duration
}

// History is how long and how many completed and cancelled jobs are kept, [history]. 0 is no bound.
type History struct {
	Keep time.Duration // default 30 days
	Jobs int           // default 10,000
}

// Cost is what the network costs and who may use it then, [cost].
type Cost struct {
	// Metered says what the network costs: job.CostCapped for "yes", job.CostUnrestricted for "no", and 0, the default,
	// for what the machine tells.
	Metered job.Cost
	// Policies are for the jobs without a policy of their own, by priority; default job.PolicyAlways.
	Policies [4]job.TransferPolicy
}

// Battery says when background jobs leave it alone, [battery].
type Battery struct {
	Min   int  // percent, below which they do not run; 0 is never, 100 always; default 20
	Saver bool // they do not run while power is to be saved; default true
}

// Network is how servers are reached, [network].
type Network struct {
	Proxy       string // of jobs that name none, as in [job.Network.Proxy]; "" is the environment's, the default
	ProxyBypass string // as in [job.Network.ProxyBypass]
	// PassportNexus is the https URL of the server that tells where Passport's login server is; "" is Microsoft's.
	PassportNexus   string
	ForbidCleartext bool // passwords never go over plain http to other machines, whatever a job allows itself
	// MarkBackground marks what background jobs send as Lower-Effort (RFC 8622); default true.
	MarkBackground bool
}

// Log is what the service writes into its log, [log].
type Log struct {
	Level slog.Level // the least that it tells; default slog.LevelInfo
}

// Default is the configuration of an empty file.
func Default() Config {
	const day = 24 * time.Hour
	c := Config{
		Limits:  Limits{Background: 1, Slice: sched.DefaultSlice, PerHost: 8, PerJob: 8},
		Jobs:    Jobs{MaxDownloadTime: job.DefaultMaxDownloadTime, InactivityTimeout: job.DefaultInactivityTimeout},
		History: History{Keep: 30 * day, Jobs: 10_000},
		Battery: Battery{Min: 20, Saver: true},
		Network: Network{MarkBackground: true},
	}
	for _, p := range job.Priorities() {
		c.Cost.Policies[p] = job.PolicyAlways
	}
	return c
}

// Sched is what the schedule of the jobs has to heed.
func (c Config) Sched() sched.Limits {
	return sched.Limits{
		Background: c.Limits.Background,
		Slice:      c.Limits.Slice,
		Cost:       c.Cost.Metered,
		Costs:      c.Cost.Policies,
		MinBattery: c.Battery.Min,
		Saver:      c.Battery.Saver,
		Quota:      c.Quota,
		Schedule:   c.Schedule,
	}
}
