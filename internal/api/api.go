// Package api is the service's interface: HTTP with JSON and server-sent events, described
// by the OpenAPI document it serves at /openapi.json. The command line, programs and
// `curl --unix-socket` use the same one.
//
// Files: guard.go decides who may ask at all, body.go reads what is asked, jobs.go, files.go, file.go, credentials.go,
// headers.go, daemon.go and metrics.go are the operations, streams.go what is pushed, notifications.go and those
// beside it what live callbacks hear, certificates.go what they are asked of servers, errors.go how refusals look, schema.go the document.
package api

import (
	"encoding/json"
	"net/http"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/ebb-transfer/ebb/internal/engine"
)

// Config is what the API serves.
type Config struct {
	Engine  *engine.Engine
	Version string // of the program
	// Status adds what only the daemon knows; nil for nothing.
	Status func() Daemon
	// Callbacks is where live callbacks register; nil when there can be none.
	Callbacks Callbacks
	// Stop asks the daemon to end; nil when it cannot be asked.
	Stop func()
}

// server holds what the operations share. It has no state of its own.
type server struct {
	Config
	engine *engine.Engine
}

// New returns the API. The requests' contexts must carry the caller's Actor (see ipc.ConnContext).
func New(cfg Config) http.Handler {
	mux := http.NewServeMux()
	hc := describe()
	format := huma.Format{Marshal: writeJSON, Unmarshal: json.Unmarshal}
	hc.Formats = map[string]huma.Format{"application/json": format, "json": format} // the second for problem+json
	hc.Transformers = []huma.Transformer{ownProblem}
	hc.RejectUnknownQueryParameters = true // a misspelled one must not pass for the default
	s := &server{cfg, cfg.Engine}
	a := humago.New(mux, hc)
	s.jobs(a)
	s.files(a)
	s.oneFile(a)
	s.credentials(a)
	s.headers(a)
	s.streams(a)
	s.notifications(a, cfg.Callbacks)
	s.certificates(a)
	s.daemon(a)
	s.metrics(a)
	finish(a.OpenAPI())
	mux.HandleFunc("GET /openapi.json", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/openapi+json")
		_ = writeJSON(w, a.OpenAPI())
	})
	return guard(route(mux))
}

func op(id, method, path, summary string) huma.Operation {
	return huma.Operation{
		OperationID: id, Method: method, Path: path, Summary: summary,
		Responses: map[string]*huma.Response{"default": problemResponse()},
	}
}
