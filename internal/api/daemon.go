package api

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/ebb-transfer/ebb/internal/engine"
	"github.com/ebb-transfer/ebb/internal/ipc"
	"github.com/ebb-transfer/ebb/job"
)

// Daemon describes the process that serves the API.
type Daemon struct {
	PID      int    `json:"pid"`
	StateDir string `json:"state_dir"`
	Socket   string `json:"socket,omitempty"`
	Started  string `json:"started" format:"date-time"`

	ConfigFile    string `json:"config_file,omitempty" doc:"whether or not there is one"`
	ConfigProblem string `json:"config_problem,omitempty" doc:"why the file as it is now is not used, but as it was before"`
}

// Status is how the service is.
type Status struct {
	Version string  `json:"version"`
	Daemon  *Daemon `json:"daemon,omitempty" doc:"absent when the service runs inside another program"`
	Rate    int64   `json:"rate" doc:"bytes per second over all jobs"`
	Busy    bool    `json:"busy" doc:"a job runs, waits to run or waits for a retry"`

	Environment engine.Environment `json:"environment"`
}

type statusOutput struct {
	Body Status
}

// daemon is what concerns the process itself.
func (s *server) daemon(a huma.API) {
	huma.Register(a, op("status", http.MethodGet, "/v1/status", "How the service is"), s.status)
	huma.Register(a, op("stop", http.MethodPost, "/v1/stop", "End the daemon; jobs go on when it starts again"), s.stop)
}

func (s *server) status(ctx context.Context, _ *struct{}) (*statusOutput, error) {
	busy, err := s.engine.Busy(ctx)
	if err != nil {
		return nil, problem(err)
	}
	out := &statusOutput{Status{
		Version: s.Version, Rate: s.engine.Rate(), Busy: busy,
		Environment: s.engine.Environment(),
	}}
	if s.Status != nil {
		d := s.Status()
		out.Body.Daemon = &d
	}
	return out, nil
}

// stop lets the user who runs the daemon, and administrators, end it.
func (s *server) stop(ctx context.Context, _ *struct{}) (*struct{}, error) {
	if s.Stop == nil {
		return nil, problem(job.Invalid(job.NotImplemented, "this service runs inside a program and ends with it"))
	}
	if !keeper(ctx) {
		return nil, problem(job.Invalid(job.AccessDenied, "only the user the daemon runs as, or an administrator, may stop it"))
	}
	s.Stop()
	return nil, nil
}

// keeper reports whether the caller is an administrator, or the user whom the daemon runs as.
func keeper(ctx context.Context) bool {
	self, err := ipc.Self()
	a := actor(ctx)
	return a.Admin || err == nil && a.ID == self.ID
}
