//go:build integration && unix

package daemon_test

import (
	"context"
	"fmt"
	"net/http"
	"testing"

	"github.com/ebb-transfer/ebb/internal/ebbtest/rig"
	"github.com/ebb-transfer/ebb/job"
)

// restartServers stops every server half-way through a download from every place.
func (s *realServers) restartServers(t *testing.T) {
	all := s.begin(t, rig.Juergen)
	servers := s.running()
	for _, server := range servers {
		server.Stop()
	}
	for _, d := range all {
		s.watch(t, d, "an error", func(j job.Snapshot) bool { return j.ErrorCount > 0 && j.State == job.TransientError })
		_, d.had = partialOf(t, d.folder)
	}
	for _, server := range servers {
		server.Start()
	}
	for _, d := range all {
		if err := d.Resume(t.Context()); err != nil { // now, instead of when its time comes
			t.Error(err)
		}
	}
	s.end(t, all, "restart")
}

// killDaemon kills the daemon half-way through a download from every place. What it needs to go on, the
// passwords included, it has stored.
func (s *realServers) killDaemon(t *testing.T) {
	all := s.begin(t, rig.Bob)
	s.daemon.kill()
	for _, d := range all {
		_, d.had = partialOf(t, d.folder)
	}
	s.daemon.start()
	for _, d := range all {
		var err error
		if d.Job, err = s.daemon.client.Job(t.Context(), string(d.ID)); err != nil {
			t.Fatal(err)
		}
	}
	s.end(t, all, "kill -9")
}

type server interface {
	Stop()
	Start()
}

// running are the servers, each once.
func (s *realServers) running() []server {
	var out []server
	seen := map[any]bool{}
	for _, p := range s.places {
		if p.proxy != nil && !seen[p.proxy] {
			out = append([]server{p.proxy}, out...) // first, or it passes on what it still has
		}
		if !seen[p.server] {
			out = append(out, p.server)
		}
		seen[p.server], seen[p.proxy] = true, true
	}
	return out
}

// begin returns when a large file from every place is half-way here.
func (s *realServers) begin(t *testing.T, u rig.User) []*download {
	t.Helper()
	var all []*download
	for _, p := range s.places {
		all = append(all, s.create(t, p, p.credentials(u), bigRate, "big.bin"))
	}
	for _, d := range all {
		s.watch(t, d, "the middle", func(j job.Snapshot) bool { return j.Transferred >= middle })
	}
	return all
}

// watch returns when the job is as ready demands.
func (s *realServers) watch(t *testing.T, d *download, what string, ready func(job.Snapshot) bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for j, err := range s.daemon.client.Watch(ctx, string(d.ID)) {
		if err != nil {
			t.Fatalf("%s: waiting for %s: %v; it is %s, with %v", d.place.name, what, err, d.State, d.Error)
		}
		if d.Snapshot = j; ready(j) {
			return
		}
	}
}

// end demands that every file is whole and that no byte of it was fetched twice.
func (s *realServers) end(t *testing.T, all []*download, column string) {
	t.Helper()
	for _, d := range all {
		s.report.step(t, d.place, column, func(t *testing.T) string {
			s.succeed(t, d)
			d.place.sync(t)
			if d.had < middle || d.had >= bigSize {
				t.Errorf("it was cut at %d of %d bytes", d.had, bigSize)
			}
			var ranges []string
			for _, r := range d.place.serverLog(d.mark) {
				if r.Status == http.StatusPartialContent || r.Status == http.StatusOK {
					ranges = append(ranges, r.Range)
				}
			}
			rest := fmt.Sprintf("bytes=%d-", d.had)
			// nginx does not log the request that it was stopped in.
			if n := len(ranges); n == 0 || n > 2 || ranges[n-1] != rest || (n == 2 && ranges[0] != "bytes=0-") {
				t.Errorf("the server was asked for %q; want %q last, and only the beginning before", ranges, rest)
			}
			return fmt.Sprintf("from %.1f MiB", float64(d.had)/(1<<20))
		})
	}
}
