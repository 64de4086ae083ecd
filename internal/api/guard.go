package api

import (
	"context"
	"net"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/ebb-transfer/ebb/internal/ipc"
	"github.com/ebb-transfer/ebb/job"
)

// Host is the name that clients on the socket put into their requests.
const Host = "ebb"

// guard refuses, before anything is routed, what a web page could have sent: its requests
// carry an Origin, a Referer or the name of a foreign host.
func guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host := r.Host
		if h, _, err := net.SplitHostPort(host); err == nil {
			host = h
		}
		foreign := host != Host && host != "localhost" && host != "127.0.0.1" && host != "::1" && host != ""
		if r.Header.Get("Origin") != "" || r.Header.Get("Referer") != "" || foreign {
			http.Error(w, "requests from web pages and for other hosts are refused", http.StatusForbidden)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// identify refuses callers that the connection does not identify.
func identify(a huma.API) func(huma.Context, func(huma.Context)) {
	return func(ctx huma.Context, next func(huma.Context)) {
		if _, ok := ipc.ActorFrom(ctx.Context()); !ok {
			_ = huma.WriteErr(a, ctx, http.StatusForbidden, "the connection does not tell who is calling")
			return
		}
		next(ctx)
	}
}

// actor is who calls; identify has made sure that there is one.
func actor(ctx context.Context) ipc.Actor {
	a, _ := ipc.ActorFrom(ctx)
	return a
}

// sees reports whether a job is visible to the caller: its own, or all to an administrator.
func sees(ctx context.Context) func(job.Job) bool {
	a := actor(ctx)
	return func(j job.Job) bool { return a.Admin || j.Owner == a.ID }
}

// mayStop lets the user who runs the daemon, and administrators, end it.
func mayStop(ctx context.Context) error {
	self, err := ipc.Self()
	if a := actor(ctx); !a.Admin && (err != nil || a.ID != self.ID) {
		return huma.Error403Forbidden("only the user the daemon runs as, or an administrator, may stop it")
	}
	return nil
}
