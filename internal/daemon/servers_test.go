//go:build integration && unix

package daemon_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ebb-transfer/ebb"
	"github.com/ebb-transfer/ebb/internal/ebbtest/rig"
	"github.com/ebb-transfer/ebb/job"
)

const (
	bigSize  = 20 << 20
	bigRate  = 2 << 20 // bytes per second: there is time to cut a download in the middle
	middle   = 2 << 20 // enough is here to see it fetched again, enough is missing to be cut off
	nonces   = 24      // files of 1 MiB that outlast several nonces of 2 seconds
	queued   = 300     // files of a job that all want the same password
	patience = time.Minute
)

// realServers are the servers, and the daemon that everything is asked of.
type realServers struct {
	daemon *process
	files  string // what the servers hand out
	places []*place
	report report
	sought secrets
}

// TestRealServers downloads from nginx, Apache, lighttpd and squid with the real program: right, wrong and
// missing passwords of several users, 300 files at a time, servers that go away half-way, and a daemon that is
// killed half-way. Then it looks for the passwords everywhere that ebb writes.
func TestRealServers(t *testing.T) {
	s := newRealServers(t)
	t.Run("answers", func(t *testing.T) {
		t.Run("proxies", func(t *testing.T) {
			t.Parallel()
			for _, p := range s.places {
				if p.proxy != nil {
					t.Run(p.name, func(t *testing.T) { s.exercise(t, p) }) // in turn: a tunnel's log does not name the job
				}
			}
		})
		for _, p := range s.places {
			if p.proxy == nil {
				t.Run(p.name, func(t *testing.T) {
					t.Parallel()
					s.exercise(t, p)
				})
			}
		}
		t.Run("stale nonces", func(t *testing.T) {
			t.Parallel()
			s.outlastNonces(t)
		})
	})
	s.restartServers(t)
	s.killDaemon(t)
	t.Run("command line", s.commandLine)
	t.Run("secrets", s.searchSecrets)
	s.report.print(t)
}

func newRealServers(t *testing.T) *realServers {
	t.Helper()
	s := &realServers{files: t.TempDir()}
	for n := range queued {
		writeRandom(t, filepath.Join(s.files, smallName(n)), 4<<10)
	}
	for n := range nonces {
		writeRandom(t, filepath.Join(s.files, mediumName(n)), 1<<20)
	}
	writeRandom(t, filepath.Join(s.files, "big.bin"), bigSize)
	files := rig.Files(s.files)
	nginx, apache, lighttpd, squid := rig.Nginx(t, files), rig.Apache(t, files), rig.Lighttpd(t, files), rig.Squid(t)
	s.places = placesOf(nginx, apache, lighttpd, squid)
	s.report.rows = s.places
	s.daemon = newProcess(t)
	for _, u := range rig.Users {
		s.sought.add(u)
	}
	return s
}

func smallName(n int) string  { return fmt.Sprintf("small-%03d.bin", n) }
func mediumName(n int) string { return fmt.Sprintf("medium-%02d.bin", n) }

func writeRandom(t *testing.T, name string, size int) {
	t.Helper()
	b := make([]byte, size)
	_, _ = rand.NewChaCha8([32]byte([]byte(fmt.Sprintf("%-32.32s", filepath.Base(name))))).Read(b)
	if err := os.WriteFile(name, b, 0o644); err != nil {
		t.Fatal(err)
	}
}

// download is a job and what belongs to it.
type download struct {
	*ebb.Job
	place  *place
	mark   string
	folder string
	names  []string
	before int   // lines of the proxy's log that are older
	had    int64 // bytes that were here when it was cut
}

// create makes a job that fetches the named files into a new folder.
func (s *realServers) create(t *testing.T, p *place, credentials []job.Credential, limit int64, names ...string) *download {
	t.Helper()
	d := &download{place: p, mark: p.newMark(), folder: t.TempDir(), names: names, before: len(p.proxyLog(0))}
	spec := p.spec(t, d.folder, d.mark, names)
	spec.Credentials, spec.Limit = credentials, limit
	var err error
	if d.Job, err = s.daemon.client.Create(t.Context(), spec); err != nil {
		t.Fatal(err)
	}
	return d
}

// wait returns why the job is at rest, nil for success.
func (d *download) wait(t *testing.T) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	err := d.Wait(ctx)
	if ctx.Err() != nil {
		t.Fatalf("%s: the job comes to no end: it is %s at %d of %d bytes, %v", d.place.name, d.State, d.Transferred, d.Size, err)
	}
	return err
}

// succeed demands that all files arrive as the server has them.
func (s *realServers) succeed(t *testing.T, d *download) {
	t.Helper()
	if err := d.wait(t); err != nil {
		t.Fatalf("the job is %s: %v", d.State, err)
	}
	for _, name := range d.names {
		if got, want := sum(t, filepath.Join(d.folder, name)), sum(t, filepath.Join(s.files, name)); got != want {
			t.Errorf("%s: digest %s, want %s", name, got, want)
		}
	}
}

// refused demands that the job is in error as BITS has it, says what it was asked for, and what of that was
// tried.
func (d *download) refused(t *testing.T, a asker, refused string) {
	t.Helper()
	var got *job.Error
	if err := d.wait(t); !errors.As(err, &got) || d.State != job.InError {
		t.Fatalf("the job is %s, with %v; want an error", d.State, err)
	}
	want := job.Error{Context: job.ContextRemoteFile, Code: a.code, Class: job.NeedsAction, Schemes: []string{a.scheme}, Refused: refused}
	told := job.Error{Context: got.Context, Code: got.Code, Class: got.Class, Schemes: got.Schemes, Refused: got.Refused}
	if diff := cmp.Diff(want, told); diff != "" {
		t.Errorf("%v: (-want +got)\n%s", got, diff)
	}
	if len(got.Error()) < 20 || len(got.Error()) > 300 {
		t.Errorf("the error %q is no sentence", got)
	}
}
