package api

import (
	"context"
	"net"
	"net/http"
	"path"
	"strings"

	"github.com/ebb-transfer/ebb/internal/engine"
	"github.com/ebb-transfer/ebb/internal/ipc"
	"github.com/ebb-transfer/ebb/job"
)

// Host is the name that clients on the socket put into their requests.
const Host = "ebb"

// guard refuses, before anything is routed, what a web page could have sent (its requests carry an Origin,
// a Referer or the name of a foreign host), and callers that the connection does not identify.
func guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, known := ipc.ActorFrom(r.Context())
		switch {
		case r.Header.Get("Origin") != "" || r.Header.Get("Referer") != "":
			refusal(http.StatusForbidden, job.AccessDenied, "requests from web pages are refused: send neither Origin nor Referer").write(w)
		case !ours(r.Host):
			refusal(http.StatusForbidden, job.AccessDenied, "requests for other hosts are refused: use http://"+Host+"/ or http://localhost/").write(w)
		case !known:
			refusal(http.StatusForbidden, job.AccessDenied, "the connection does not tell which user is calling").write(w)
		default:
			next.ServeHTTP(w, r)
		}
	})
}

// ours reports whether a request may be for this host; HTTP/1.0 needs to name none.
func ours(host string) bool {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	return host == "" || strings.EqualFold(host, Host) || strings.EqualFold(host, "localhost")
}

// route refuses what no operation is for. It leaves nothing to the mux's own answers, which are for browsers:
// pages, and redirects to what the path could have meant.
func route(mux *http.ServeMux) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if path.Clean(r.URL.Path) == r.URL.Path {
			if _, pattern := mux.Handler(r); pattern != "" {
				mux.ServeHTTP(w, r)
				return
			}
		}
		if allowed := methods(mux, r); len(allowed) > 0 {
			w.Header().Set("Allow", strings.Join(allowed, ", "))
			refusal(http.StatusMethodNotAllowed, job.InvalidArg, "this path takes "+strings.Join(allowed, ", ")+" only").write(w)
			return
		}
		refusal(http.StatusNotFound, job.NotImplemented,
			"there is nothing at this path; GET /openapi.json tells what there is").write(w)
	})
}

// methods are those that the path of a request has operations for.
func methods(mux *http.ServeMux, r *http.Request) []string {
	var out []string
	if path.Clean(r.URL.Path) != r.URL.Path {
		return nil
	}
	for _, m := range []string{http.MethodDelete, http.MethodGet, http.MethodPatch, http.MethodPost, http.MethodPut} {
		other := &http.Request{Method: m, URL: r.URL, Host: r.Host}
		if _, pattern := mux.Handler(other); pattern != "" {
			out = append(out, m)
		}
	}
	return out
}

// actor is who calls; guard has made sure that there is one.
func actor(ctx context.Context) ipc.Actor {
	a, _ := ipc.ActorFrom(ctx)
	return a
}

// engineActor is who calls, as the engine knows him.
func engineActor(ctx context.Context) engine.Actor {
	a := actor(ctx)
	return engine.Actor{ID: a.ID, Admin: a.Admin}
}

// sees reports whether a job is visible to the caller: its own, or all to an administrator.
func sees(ctx context.Context) func(job.Job) bool {
	a := actor(ctx)
	return func(j job.Job) bool { return a.Admin || j.Owner == a.ID }
}
