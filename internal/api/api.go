// Package api is the service's interface: HTTP with JSON and server-sent events, described
// by the OpenAPI document it serves at /openapi.json. The command line, programs and
// `curl --unix-socket` use the same one.
//
// Files: guard.go decides who may ask at all, jobs.go, files.go and credentials.go are the operations,
// streams.go what is pushed, errors.go how refusals look.
package api

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/ebb-transfer/ebb/internal/engine"
)

// Config is what the API serves.
type Config struct {
	Engine  *engine.Engine
	Version string
	// Status adds what only the daemon knows; nil for nothing.
	Status func() Daemon
	// Stop asks the daemon to end; nil when it cannot be asked.
	Stop func()
}

// Daemon describes the process that serves the API.
type Daemon struct {
	PID      int    `json:"pid"`
	StateDir string `json:"state_dir"`
	Socket   string `json:"socket,omitempty"`
	Started  string `json:"started"`
}

// maxBody bounds a request: a job of 100,000 files fits.
const maxBody = 64 << 20

// server holds what the operations share. It has no state of its own.
type server struct {
	Config
	engine *engine.Engine
}

// New returns the API. The requests' contexts must carry the caller's Actor (see ipc.ConnContext).
func New(cfg Config) http.Handler {
	mux := http.NewServeMux()
	hc := huma.DefaultConfig("ebb", cfg.Version)
	hc.Info.Description = "Background transfers: jobs, their files, and what becomes of them."
	hc.CreateHooks = nil // no $schema links in answers
	hc.DocsPath, hc.SchemasPath = "", ""
	hc.FieldsOptionalByDefault = true
	s := &server{cfg, cfg.Engine}
	a := humago.New(mux, hc)
	a.UseMiddleware(identify(a))
	s.jobs(a)
	s.files(a)
	s.credentials(a)
	s.streams(a)
	s.daemon(a)
	return guard(mux)
}

func op(id, method, path, summary string) huma.Operation {
	return huma.Operation{
		OperationID: id, Method: method, Path: path, Summary: summary, MaxBodyBytes: maxBody, SkipValidateBody: false,
	}
}

type statusOutput struct {
	Body struct {
		Version string  `json:"version"`
		Daemon  *Daemon `json:"daemon,omitempty"`
		Rate    int64   `json:"rate" doc:"bytes per second over all jobs"`
		Busy    bool    `json:"busy" doc:"a job runs, waits to run or waits for a retry"`
	}
}

// daemon is what concerns the process itself.
func (s *server) daemon(a huma.API) {
	huma.Register(a, op("status", http.MethodGet, "/v1/status", "How the service is"),
		func(ctx context.Context, _ *struct{}) (*statusOutput, error) {
			busy, err := s.engine.Busy(ctx)
			if err != nil {
				return nil, problem(err)
			}
			out := &statusOutput{}
			out.Body.Version, out.Body.Rate, out.Body.Busy = s.Version, s.engine.Rate(), busy
			if s.Status != nil {
				d := s.Status()
				out.Body.Daemon = &d
			}
			return out, nil
		})
	if s.Stop == nil {
		return
	}
	huma.Register(a, op("stop", http.MethodPost, "/v1/stop", "End the daemon; jobs go on when it starts again"),
		func(ctx context.Context, _ *struct{}) (*struct{}, error) {
			if err := mayStop(ctx); err != nil {
				return nil, err
			}
			s.Stop()
			return nil, nil
		})
}
